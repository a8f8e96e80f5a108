/* selftest.c - `anycann selftest`: starts a process for each level and one for each Python client,
 * and prints what they found. */
#define _GNU_SOURCE
#include "tools/selftest/selftest.h"
#include "doors/anycann/describe.h"
#include "tools/tool.h"
#include <dlfcn.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_LEVELS = 8, PARTS = 4, CLIENT_SECONDS = 300 };

acn_selftest_api acl;

static const struct {
    const char *name;
    bool (*run)(acn_cause *cause);
} parts[PARTS] = {
    {"devices", acn_selftest_devices},
    {"memory", acn_selftest_memory},
    {"streams", acn_selftest_streams},
    {"events", acn_selftest_events},
};

/* What a child tells its parent, in memory that both see. */
typedef struct answer {
    char level[16];
    bool is_done, has_run[PARTS + 1]; /* the last is the operators */
    acn_cause causes[PARTS + 1], start;
    char *results; /* of operators; shared, too */
} answer;

bool acn_selftest_ok(int code, const char *what, acn_cause *cause) {
    if (code == 0) return true;
    const char *text = acl.aclGetRecentErrMsg ? acl.aclGetRecentErrMsg() : NULL;
    snprintf(cause->text, sizeof cause->text, "%.*s: %d %.300s", (int)strcspn(what, "("), what,
             code, text ? text : "");
    cause->text[strcspn(cause->text, "\n")] = '\0';
    return false;
}

bool acn_selftest_load(acn_cause *cause) {
    static const char *const names[] = {"libascendcl.so", "libacl_op_compiler.so"};
    void *libraries[2];
    for (int i = 0; i < 2; i++) {
        char *path = acn_toolkit_path("lib64/"), *file = NULL;
        if (asprintf(&file, "%s%s", path, names[i]) < 0) abort();
        libraries[i] = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
        free(file);
        free(path);
        if (libraries[i]) continue;
        snprintf(cause->text, sizeof cause->text, "%s", dlerror());
        return false;
    }
#define LOAD(name)                                                                                 \
    *(void **)&acl.name = dlsym(libraries[0], #name);                                              \
    if (!acl.name) *(void **)&acl.name = dlsym(libraries[1], #name);                               \
    if (!acl.name) {                                                                               \
        snprintf(cause->text, sizeof cause->text, "there is no " #name);                           \
        return false;                                                                              \
    }
    ACN_SELFTEST_FUNCTIONS(LOAD)
#undef LOAD
    return true;
}

static void run_parts(answer *a) {
    if (!acn_selftest_load(&a->start)) return;
    if (!acn_selftest_ok(acl.aclInit(NULL), "aclInit", &a->start)) return;
    for (int i = 0; i < PARTS; i++)
        a->has_run[i] = parts[i].run(&a->causes[i]);
    a->has_run[PARTS] = acn_selftest_operators(a->results, &a->causes[PARTS]);
    acl.aclrtResetDevice(0);
    if (!acn_selftest_ok(acl.aclFinalize(), "aclFinalize", &a->start)) return;
    a->is_done = true;
}

static void run_child(answer *a) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("ANYCANN_ISA", a->level, 1);
        run_parts(a);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        snprintf(a->start.text, sizeof a->start.text, "no process could be started");
    } else if (WIFSIGNALED(status)) {
        snprintf(a->start.text, sizeof a->start.text, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    }
}

static answer *make_answers(void) {
    size_t results = acn_selftest_operator_bytes();
    size_t bytes = MOST_LEVELS * (sizeof(answer) + results);
    answer *answers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (answers == MAP_FAILED) exit(acn_say(ACN_EXIT_ENVIRONMENT, "no memory: %m"));
    for (int i = 0; i < MOST_LEVELS; i++)
        answers[i].results = (char *)(answers + MOST_LEVELS) + (size_t)i * results;
    return answers;
}

/* "scalar" and the levels of this machine, asked of a process of its own: this one must not load
 * the core, whose children would have its settings. */
static int find_levels(answer *answers) {
    char *program = acn_toolkit_path("bin/anycann"), *line = NULL, *rest;
    size_t capacity = 0;
    int count = 1;
    strcpy(answers[0].level, "scalar");
    setenv("ACN_ASK_PROGRAM", program, 1);
    FILE *info = popen("\"$ACN_ASK_PROGRAM\" info | sed -n 's/^isa_levels  *//p'", "re");
    unsetenv("ACN_ASK_PROGRAM");
    free(program);
    if (info && getline(&line, &capacity, info) > 0) {
        rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (char *word; (word = strsep(&rest, " ")) != NULL && count < MOST_LEVELS;)
            if (*word) snprintf(answers[count++].level, sizeof answers[0].level, "%s", word);
    }
    if (info) pclose(info);
    free(line);
    return count;
}

static void tell(acn_table *table, int *failures, const char *part, const char *level,
                 const char *cause) {
    bool has_failed = cause && *cause;
    acn_table_row(table, (const char *[]){has_failed ? "failed" : "ok", part, level, cause});
    *failures += has_failed;
}

static void tell_answer(acn_table *table, int *failures, const answer *a, const answer *scalar) {
    if (!a->is_done) {
        const char *cause = a->start.text[0] ? a->start.text : "it ended early";
        tell(table, failures, "process", a->level, cause);
        return;
    }
    for (int i = 0; i < PARTS; i++)
        tell(table, failures, parts[i].name, a->level, a->has_run[i] ? NULL : a->causes[i].text);
    acn_cause cause = a->causes[PARTS];
    if (a->has_run[PARTS] && scalar->has_run[PARTS]) {
        acn_cause load;
        if (acl.aclFloat16ToFloat || acn_selftest_load(&load))
            acn_selftest_compare(a->results, scalar->results, &cause);
    }
    char part[32];
    snprintf(part, sizeof part, "operators (%d)", acn_selftest_operator_count());
    tell(table, failures, part, a->level, cause.text);
}

/* The unmodified wheel, if the environment has it: an operator, a gradient, a copy back. */
static const char client_program[] =
    "import importlib.metadata as m, sys\n"
    "try: m.version('torch_npu'), m.version('torch')\n"
    "except m.PackageNotFoundError: sys.exit(77)\n"
    "import torch, torch_npu\n"
    "a = torch.arange(6.).reshape(2, 3)\n"
    "x = a.npu().requires_grad_()\n"
    "(x @ x.t()).sum().backward()\n"
    "y = a.clone().requires_grad_()\n"
    "(y @ y.t()).sum().backward()\n"
    "assert torch.equal(x.grad.cpu(), y.grad), 'a gradient on npu:0 differs from the CPU'\n";

static void test_client(acn_table *table, int *failures, const char *python) {
    acn_set_variables();
    fflush(NULL);
    int output[2], status;
    char text[4096] = "";
    if (pipe(output) != 0) return;
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        close(output[0]);
        alarm(CLIENT_SECONDS);
        execlp(python, python, "-c", client_program, (char *)NULL);
        _exit(78);
    }
    close(output[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(output[0], text + length, sizeof text - 1 - length)) > 0;) {
        length += (size_t)n;
        if (length > sizeof text / 2) { /* the end says what went wrong */
            memmove(text, text + length - sizeof text / 4, sizeof text / 4);
            length = sizeof text / 4;
        }
    }
    close(output[0]);
    text[length] = '\0';
    if (child < 0 || waitpid(child, &status, 0) < 0) return;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77 || code == 78) return; /* no client, no Python: nothing to test */
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    const char *last = strrchr(text, '\n');
    tell(table, failures, "torch_npu", "", code == 0 ? NULL : last ? last + 1 : text);
}

static void print_row(void *context, const char *const *cells) {
    printf("%-7s %-15s %s%s%s\n", cells[0], cells[1], cells[2], *cells[3] ? ": " : "", cells[3]);
}

int acn_verb_selftest(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"python", required_argument, NULL, 'p'}, {0}};
    static const char *const headings[] = {"state", "part", "level", "cause"};
    bool is_json = false;
    const char *python = NULL;
    int failures = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        if (c == 'j') is_json = true;
        if (c == 'p') python = optarg;
    }
    acn_table *table = acn_table_new(4, headings);
    answer *answers = make_answers();
    int levels = find_levels(answers);
    for (int i = 0; i < levels; i++)
        run_child(&answers[i]);
    for (int i = 0; i < levels; i++)
        tell_answer(table, &failures, &answers[i], &answers[0]);
    char *interpreter = acn_python(python);
    test_client(table, &failures, interpreter);
    free(interpreter);
    if (is_json) {
        acn_table_print(table, stdout, true);
    } else {
        acn_table_visit(table, print_row, NULL);
        printf("%d of %d failed\n", failures, acn_table_rows(table));
    }
    acn_table_free(table);
    return failures ? ACN_EXIT_FINDINGS : ACN_EXIT_FINE;
}

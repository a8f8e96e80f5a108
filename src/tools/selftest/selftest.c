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

enum { MOST_LEVELS = 8, PARTS = 4 };
/* Exit codes of the client's script: anycann_selftest.py says the first, a shell the second. */
enum { NO_CLIENT = 77, NO_COMMAND = 127 };

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
    char *program = acn_toolkit_path("bin/anycann");
    char *line = acn_command_line("\"$ACN_A\" info | sed -n 's/^isa_levels  *//p'", program, NULL);
    char *rest = line;
    int count = 1;
    strcpy(answers[0].level, "scalar");
    for (char *word; (word = strsep(&rest, " ")) != NULL && count < MOST_LEVELS;)
        if (*word) snprintf(answers[count++].level, sizeof answers[0].level, "%s", word);
    free(line);
    free(program);
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

/* The unmodified wheel, if the environment has it; the last thing that it said is the cause. */
static void test_client(acn_table *table, int *failures, const char *python) {
    char *script = acn_toolkit_path("python/site-packages/anycann_selftest.py"), *line = NULL;
    char last[1024] = "";
    size_t capacity = 0;
    acn_set_variables();
    FILE *output = acn_command_open("exec \"$ACN_A\" \"$ACN_B\" 2>&1", python, script);
    free(script);
    if (!output) return;
    while (getline(&line, &capacity, output) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) snprintf(last, sizeof last, "%s", line);
    }
    free(line);
    int status = pclose(output), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == NO_CLIENT || code == NO_COMMAND) return;
    if (code != 0 && !*last) snprintf(last, sizeof last, "it ended without a word");
    tell(table, failures, "torch_npu", "", code == 0 ? NULL : last);
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

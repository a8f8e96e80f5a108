/* trace.c - `anycann trace CMD...`: runs CMD with the tracer on, then puts the lines of all its
 * processes together. The tracer (src/doors/trace) writes FOLDER/PID.jsonl, one event of Chrome's
 * trace format a line; FOLDER/timeline.json is those lines as one list, which Perfetto loads. */
#define _GNU_SOURCE
#include "doors/anycann/open_calls.h"
#include "tools/tool.h"
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_CALLS = 20 };

typedef struct totals {
    long calls, failed, tasks, processes;
    char *last[LAST_CALLS]; /* a ring of the last calls' lines */
    bool is_first;
    FILE *timeline;
} totals;

static void count_line(totals *t, const char *line) {
    bool is_event = strncmp(line, "{\"ph\": \"X\"", 10) == 0;
    bool is_task = is_event && strstr(line, "\"cat\": \"task\"") != NULL;
    if (is_task) t->tasks++;
    if (!is_event || is_task) return;
    t->failed += strstr(line, "\"error\": \"") != NULL;
    char **place = &t->last[t->calls++ % LAST_CALLS];
    free(*place);
    *place = strdup(line);
}

/* A line that is not whole, since the disk was full or the process died in it, is left out. */
static void add_file(totals *t, const char *path) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    FILE *file = fopen(path, "re");
    if (!file) return;
    t->processes++;
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (length < 3 || strcmp(line + length - 2, "}\n") != 0) continue;
        line[length - 1] = '\0';
        fprintf(t->timeline, "%s%s", t->is_first ? "" : ",\n", line);
        t->is_first = false;
        count_line(t, line);
    }
    free(line);
    fclose(file);
}

static bool ends_with(const struct dirent *entry, const char *end) {
    size_t length = strlen(entry->d_name), n = strlen(end);
    return length > n && strcmp(entry->d_name + length - n, end) == 0;
}

static int is_lines(const struct dirent *entry) { return ends_with(entry, ".jsonl"); }
static int is_open(const struct dirent *entry) { return ends_with(entry, ".open"); }

/* The calls that a process was in when it ended; a process that ended well waited for none. */
static void print_open_calls(const char *path, int pid) {
    acn_open_call calls[ACN_OPEN_CALLS];
    FILE *file = fopen(path, "re");
    size_t count = file ? fread(calls, sizeof calls[0], ACN_OPEN_CALLS, file) : 0;
    if (file) fclose(file);
    for (size_t i = 0; i < count; i++) {
        int thread = atomic_load(&calls[i].thread);
        if (thread == 0) continue;
        acn_say(0, "process %d, thread %d ended in %.*s, which had not returned", pid, thread,
                (int)sizeof calls[i].name, calls[i].name);
    }
}

static void end_open_calls(const char *folder, int status) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_open, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (status != 0) print_open_calls(path, atoi(entries[i]->d_name));
        unlink(path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

static int put_together(const char *folder, totals *t) {
    char path[PATH_MAX + 300];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/timeline.json", folder);
    t->timeline = fopen(path, "we");
    if (!t->timeline) return acn_say(ACN_EXIT_ENVIRONMENT, "cannot write %s: %m", path);
    t->is_first = true;
    fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n", t->timeline);
    int count = scandir(folder, &entries, is_lines, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        add_file(t, path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    fputs("\n]}\n", t->timeline);
    if (fclose(t->timeline) == 0) return ACN_EXIT_FINE;
    return acn_say(ACN_EXIT_ENVIRONMENT, "cannot write %s/timeline.json: %m", folder);
}

/* "aclrtMalloc: "args": {...}" of a line: what a person wants to see of it. */
static void print_call(const char *line) {
    const char *name = strstr(line, "\"name\": \""), *arguments = strstr(line, "\"args\": ");
    if (!name || !arguments) return;
    name += strlen("\"name\": \"");
    arguments += strlen("\"args\": ");
    fprintf(stderr, "  %.*s %.*s\n", (int)strcspn(name, "\""), name, (int)strlen(arguments) - 1,
            arguments);
}

static void print_summary(const totals *t, const char *folder, int status) {
    if (status != 0 && t->calls > 0) {
        fputs("anycann: the last calls before the end:\n", stderr);
        for (long i = t->calls > LAST_CALLS ? t->calls - LAST_CALLS : 0; i < t->calls; i++)
            print_call(t->last[i % LAST_CALLS]);
    }
    acn_say(0, "%ld calls, %ld of them failed, %ld tasks, %ld processes: %s/PID.jsonl", t->calls,
            t->failed, t->tasks, t->processes, folder);
    acn_say(0, "load %s/timeline.json in ui.perfetto.dev or chrome://tracing", folder);
}

/* A new folder, named absolutely: CMD and its children may change theirs. */
static int make_folder(const char *wanted, char *path) {
    char name[64];
    snprintf(name, sizeof name, "anycann-trace-%d", (int)getpid());
    if (!wanted) wanted = name;
    if (mkdir(wanted, 0777) != 0 && errno != EEXIST)
        return acn_say(ACN_EXIT_ENVIRONMENT, "cannot make %s: %m", wanted);
    if (!realpath(wanted, path)) return acn_say(ACN_EXIT_ENVIRONMENT, "cannot use %s: %m", wanted);
    struct dirent **entries;
    int count = scandir(path, &entries, is_lines, alphasort);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    if (count >= 0) free(entries);
    if (count == 0) return ACN_EXIT_FINE;
    return acn_say(ACN_EXIT_USAGE, "%s has lines of an earlier run; name a new folder with -o",
                   path);
}

int acn_verb_trace(int argc, char **argv) {
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};
    const char *wanted = NULL;
    for (int c; (c = getopt_long(argc, argv, "+o:", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        wanted = optarg;
    }
    if (!argv[optind]) {
        return acn_say(ACN_EXIT_USAGE, "which command? e.g. anycann trace python train.py");
    }
    char folder[PATH_MAX];
    int code = make_folder(wanted, folder);
    if (code != ACN_EXIT_FINE) return code;
    acn_set_variables();
    setenv("ANYCANN_TRACE", folder, 1);
    int status = acn_run_child(argv + optind, NULL);
    totals t = {.calls = 0};
    code = put_together(folder, &t);
    if (code == ACN_EXIT_FINE) print_summary(&t, folder, status);
    end_open_calls(folder, status);
    for (int i = 0; i < LAST_CALLS; i++)
        free(t.last[i]);
    return code != ACN_EXIT_FINE ? code : status;
}

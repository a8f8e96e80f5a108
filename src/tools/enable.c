/* enable.c - `anycann enable` and `disable`: one .pth file in a Python environment, so that plain
 * `python` there finds this toolkit. The file adds the toolkit's Python folder to sys.path and
 * hands the variables to anycann_autoload.py, which acts when a client such as torch is imported.
 * When the toolkit is gone the file does nothing. */
#define _GNU_SOURCE
#include "tools/tool.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct target {
    char *python; /* the interpreter whose environment it is */
    char *file;   /* its anycann.pth */
    bool is_forced;
} target;

static void target_free(target *t) {
    free(t->python);
    free(t->file);
}

/* Asks the interpreter for its site-packages, whatever the user has set. Not with -S: without site,
 * the interpreter of a virtual environment takes itself for the one below it. */
static char *site_packages(const char *python) {
    return acn_command_line("exec \"$ACN_A\" -I -c "
                            "'import sysconfig; print(sysconfig.get_path(\"purelib\"))'",
                            python, NULL);
}

static int find_target(int argc, char **argv, target *t) {
    static const struct option options[] = {
        {"python", required_argument, NULL, 'p'}, {"force", no_argument, NULL, 'f'}, {0}};
    const char *python = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        if (c == 'p') python = optarg;
        if (c == 'f') t->is_forced = true;
    }
    t->python = acn_python(python);
    char *folder = site_packages(t->python);
    if (!folder) {
        return acn_say(ACN_EXIT_ENVIRONMENT,
                       "%s does not run; name another interpreter with --python", t->python);
    }
    if (asprintf(&t->file, "%s/anycann.pth", folder) < 0) abort();
    free(folder);
    return ACN_EXIT_FINE;
}

static int write_pth(const target *t) {
    FILE *out = fopen(t->file, "w");
    if (!out) {
        return acn_say(ACN_EXIT_ENVIRONMENT,
                       "cannot write %s: %m; activate a virtual environment or use --python",
                       t->file);
    }
    char *folder = acn_toolkit_path("python/site-packages");
    fprintf(out,
            "%s\nimport importlib.util; importlib.util.find_spec('anycann_autoload') and "
            "__import__('anycann_autoload').install({",
            folder);
    free(folder);
    for (const acn_variable *v = acn_variables; v->name; v++) {
        if (v->is_list) continue;
        char *value = acn_variable_value(v);
        acn_json_text(out, v->name);
        fputs(": ", out);
        acn_json_text(out, value); /* also a Python literal */
        fputs(", ", out);
        free(value);
    }
    fputs("})\n", out);
    if (fclose(out) != 0) return acn_say(ACN_EXIT_ENVIRONMENT, "cannot write %s: %m", t->file);
    printf("enabled for %s: %s\n", t->python, t->file);
    return ACN_EXIT_FINE;
}

int acn_verb_enable(int argc, char **argv) {
    target t = {0};
    int code = find_target(argc, argv, &t);
    if (code == ACN_EXIT_FINE && !t.is_forced && access("/dev/davinci0", F_OK) == 0) {
        code =
            acn_say(ACN_EXIT_ENVIRONMENT,
                    "this machine has an NPU (/dev/davinci0), which programs of this environment "
                    "would no longer use; --force if that is wanted");
    }
    if (code == ACN_EXIT_FINE) code = write_pth(&t);
    target_free(&t);
    return code;
}

int acn_verb_disable(int argc, char **argv) {
    target t = {0};
    int code = find_target(argc, argv, &t);
    if (code == ACN_EXIT_FINE) {
        if (unlink(t.file) == 0) {
            printf("disabled for %s: removed %s\n", t.python, t.file);
        } else if (errno == ENOENT) {
            printf("not enabled for %s\n", t.python);
        } else {
            code = acn_say(ACN_EXIT_ENVIRONMENT, "cannot remove %s: %m", t.file);
        }
    }
    target_free(&t);
    return code;
}

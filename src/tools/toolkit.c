/* toolkit.c - where the toolkit lies and which variables make a program find it. The one place that
 * knows: set_env.sh evaluates `anycann env --export`, and `anycann enable` writes the same values
 * into the file that it makes. */
#define _GNU_SOURCE
#include "doors/anycann/convert.h"
#include "tools/tool.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const acn_variable acn_variables[] = {
    {"ASCEND_HOME_PATH", "", false},      {"ASCEND_TOOLKIT_HOME", "", false},
    {"ASCEND_AICPU_PATH", "", false},     {"ASCEND_OPP_PATH", "opp", false},
    {"TOOLCHAIN_HOME", "toolkit", false}, {"PATH", "bin", true},
    {"LD_LIBRARY_PATH", "lib64", true},   {"PYTHONPATH", "python/site-packages", true},
    {"CMAKE_PREFIX_PATH", "", true},      {NULL, NULL, false},
};

int acn_say(int code, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

const char *acn_toolkit_home(void) {
    static char home[PATH_MAX];
    if (home[0]) return home;
    ssize_t length = readlink("/proc/self/exe", home, sizeof home - 1);
    if (length <= 0) exit(acn_say(ACN_EXIT_ENVIRONMENT, "cannot read /proc/self/exe: %m"));
    home[length] = '\0';
    for (int i = 0; i < 2; i++) { /* home/bin/anycann */
        char *slash = strrchr(home, '/');
        if (slash) *slash = '\0';
    }
    char *core = acn_toolkit_path("lib64/libanycann.so");
    if (access(core, R_OK) != 0) {
        exit(acn_say(ACN_EXIT_ENVIRONMENT,
                     "%s is missing; this program must stay in the bin folder of its toolkit",
                     core));
    }
    free(core);
    return home;
}

char *acn_toolkit_path(const char *relative) {
    char *path = NULL;
    const char *home = acn_toolkit_home();
    if (asprintf(&path, *relative ? "%s/%s" : "%s", home, relative) < 0) abort();
    return path;
}

void *acn_core_function(const char *name) {
    char *path = acn_toolkit_path("lib64/libanycann.so");
    void *core = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *function = core ? dlsym(core, name) : NULL;
    if (!function) exit(acn_say(ACN_EXIT_ENVIRONMENT, "%s does not load: %s", path, dlerror()));
    free(path);
    return function;
}

static void show_progress(void *context, const char *const *cells) {
    fprintf(stderr, "\r\033[K%s", cells[0]);
    fflush(stderr);
}

void acn_convert_progress(bool is_shown) {
    if (!isatty(STDERR_FILENO)) return;
    if (is_shown)
        ((acn_tool_show_progress_fn *)acn_core_function("acn_tool_show_progress"))(show_progress);
    else
        show_progress(NULL, (const char *[]){""});
}

void acn_toolkit_table(const char *relative, int columns,
                       void (*visit)(void *context, char *const *cells), void *context) {
    enum { MOST = 8 };
    char *path = acn_toolkit_path(relative), *line = NULL, *cells[MOST] = {NULL};
    size_t capacity = 0;
    FILE *file = fopen(path, "re");
    if (!file) exit(acn_say(ACN_EXIT_ENVIRONMENT, "cannot read %s: %m", path));
    for (bool is_heading = true; getline(&line, &capacity, file) > 0; is_heading = false) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < columns && i < MOST; i++)
            cells[i] = strsep(&rest, "\t");
        if (!is_heading && cells[columns - 1]) visit(context, cells);
    }
    fclose(file);
    free(line);
    free(path);
}

char *acn_python(const char *given) {
    char *python = NULL;
    const char *environment = getenv("VIRTUAL_ENV");
    if (!given && environment && *environment) {
        if (asprintf(&python, "%s/bin/python3", environment) < 0) abort();
    } else {
        python = strdup(given ? given : "python3");
    }
    return python;
}

/* True when |entry| (of |length|) is |root| or lies below it. */
static bool is_below(const char *entry, size_t length, const char *root) {
    size_t n = root ? strlen(root) : 0;
    return n > 1 && length >= n && memcmp(entry, root, n) == 0 && (length == n || entry[n] == '/');
}

/* The toolkit that was active before, if it is one: its entries go, so that no library of it is
 * found where this tree has none of that name. */
static const char *earlier_toolkit(void) {
    const char *root = getenv("ASCEND_HOME_PATH");
    char *library = NULL;
    if (!root || asprintf(&library, "%s/lib64/libascendcl.so", root) < 0) return NULL;
    bool is_toolkit = access(library, F_OK) == 0;
    free(library);
    return is_toolkit ? root : NULL;
}

char *acn_variable_value(const acn_variable *variable) {
    char *value = acn_toolkit_path(variable->relative);
    const char *old = variable->is_list ? getenv(variable->name) : NULL;
    if (!old || !*old) return value;

    const char *earlier = earlier_toolkit();
    size_t length = strlen(value);
    value = realloc(value, length + strlen(old) + 2);
    if (!value) abort();
    for (const char *entry = old;; entry++) {
        size_t n = strcspn(entry, ":");
        if (!is_below(entry, n, acn_toolkit_home()) && !is_below(entry, n, earlier)) {
            value[length++] = ':';
            memcpy(value + length, entry, n);
            length += n;
        }
        entry += n;
        if (!*entry) break;
    }
    value[length] = '\0';
    return value;
}

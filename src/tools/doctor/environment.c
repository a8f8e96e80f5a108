/* environment.c - which libraries and variables a program started from this shell would see: other
 * toolkits beside this one, a driver, settings that mean nothing or the wrong thing. */
#define _GNU_SOURCE
#include "base/env.h"
#include "tools/doctor/doctor.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether two paths name the same place. */
static bool is_same(const char *a, const char *b) {
    char first[PATH_MAX], second[PATH_MAX];
    return realpath(a, first) && realpath(b, second) && strcmp(first, second) == 0;
}

typedef struct search {
    acn_doctor *doctor;
    int toolkits;         /* folders with CANN's libraries, of anybody */
    bool own_comes_first; /* this toolkit's is the first of them */
} search;

static void check_stubs(acn_doctor *doctor, const char *folder) {
    const char *last = strrchr(folder, '/');
    if (!last || (strcmp(last, "/devlib") != 0 && strcmp(last, "/stub") != 0)) return;
    acn_doctor_tell(doctor, ACN_SEEN_FINDING, "libraries",
                    "take it out of LD_LIBRARY_PATH; it is for linking only",
                    "%s holds libraries without content", folder);
}

/* One folder of LD_LIBRARY_PATH. */
static void check_folder(search *s, const char *folder) {
    char *own = acn_toolkit_path("lib64");
    bool is_own = is_same(folder, own);
    free(own);
    if (strstr(folder, "/driver") && !acn_path_exists("%s", folder)) {
        acn_doctor_tell(s->doctor, ACN_SEEN_NOTE, "driver", NULL,
                        "%s does not exist; AnyCANN needs no driver", folder);
    }
    if (!is_own && acn_path_exists("%s/libascend_hal.so", folder)) {
        acn_doctor_tell(s->doctor, ACN_SEEN_FINDING, "driver",
                        "take it out of LD_LIBRARY_PATH: AnyCANN needs no driver",
                        "%s holds a driver's libascend_hal.so, which makes clients ask for "
                        "hardware",
                        folder);
    }
    if (!acn_path_exists("%s/libascendcl.so", folder)) return;
    if (s->toolkits++ == 0) s->own_comes_first = is_own;
    if (is_own) return;
    check_stubs(s->doctor, folder);
    bool is_ours = acn_path_exists("%s/libanycann.so", folder);
    acn_doctor_tell(s->doctor, ACN_SEEN_FINDING, "libraries",
                    "start programs from a shell in which only one toolkit's set_env.sh was "
                    "sourced, or take this folder out of LD_LIBRARY_PATH",
                    "%s holds the libraries of %s, which mix with this one's", folder,
                    is_ours ? "another AnyCANN" : "another toolkit");
}

/* Calls check_folder for each entry of a list with colons. */
static void check_list(search *s, const char *list) {
    char *copy = strdup(list ? list : ""), *rest = copy;
    for (char *entry; (entry = strsep(&rest, ":")) != NULL;) {
        if (*entry) check_folder(s, entry);
    }
    free(copy);
}

static void check_libraries(acn_doctor *doctor) {
    search s = {.doctor = doctor};
    check_list(&s, getenv("LD_LIBRARY_PATH"));
    if (s.toolkits > 1) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "libraries",
                        "keep one: `anycann run` drops the one that ASCEND_HOME_PATH names",
                        "%d toolkits on LD_LIBRARY_PATH; %s is first", s.toolkits,
                        s.own_comes_first ? "this one" : "another one");
    }
    char *cached = acn_command_line("PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | "
                                    "sed -n 's/.*libascendcl.so .*=> //p'",
                                    NULL, NULL);
    if (cached) {
        *strrchr(cached, '/') = '\0';
        bool is_ours = acn_path_exists("%s/libanycann.so", cached);
        acn_doctor_tell(doctor, is_ours ? ACN_SEEN_NOTE : ACN_SEEN_FINDING, "libraries",
                        is_ours ? NULL
                                : "use `anycann run`, which comes before the loader's list, or "
                                  "remove the line from /etc/ld.so.conf.d",
                        "the loader knows CANN's libraries in %s (ldconfig)", cached);
    } else if (s.toolkits == 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "libraries", NULL,
                        "no other toolkit; `anycann run` brings this one");
    } else if (s.toolkits == 1 && s.own_comes_first) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "libraries", NULL, "this toolkit's come first");
    }
    free(cached);
}

/* torch_npu's own rule: when ASCEND_HOME_PATH is set, these must exist. */
static void check_home(acn_doctor *doctor) {
    const char *home = getenv("ASCEND_HOME_PATH"), *opp = getenv("ASCEND_OPP_PATH");
    static const char remedy[] = "start by `anycann run`, or source this toolkit's set_env.sh";
    if (!home || is_same(home, acn_toolkit_home())) return;
    if (!acn_path_exists("%s", home)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "variables", remedy,
                        "ASCEND_HOME_PATH is %s, which does not exist", home);
    } else if (!acn_path_exists("%s/lib64/libanycann.so", home)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "variables", remedy,
                        "ASCEND_HOME_PATH is %s, another toolkit", home);
    }
    if (!opp || !acn_path_exists("%s", opp)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "variables", remedy,
                        "ASCEND_OPP_PATH is %s; torch_npu refuses to start", opp ? opp : "not set");
    }
}

static void check_python_path(acn_doctor *doctor) {
    char *copy = strdup(getenv("PYTHONPATH") ? getenv("PYTHONPATH") : ""), *rest = copy;
    for (char *entry; (entry = strsep(&rest, ":")) != NULL;) {
        if (!*entry || !(acn_path_exists("%s/acl.so", entry) || acn_path_exists("%s/te", entry)))
            continue;
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "variables", "take it out of PYTHONPATH",
                        "PYTHONPATH has the Python packages of another toolkit: %s", entry);
    }
    free(copy);
}

static void tell_setting(void *context, const char *text) {
    acn_doctor_tell(context, ACN_SEEN_FINDING, "variables", "`anycann env` lists what is read",
                    "%s", text);
}

static void check_settings(acn_doctor *doctor) {
    const char *preload = getenv("LD_PRELOAD");
    const char *visible = acn_env_text(ACN_ENV_VISIBLE_DEVICES);
    acn_env_check(tell_setting, doctor);
    if (preload && *preload) {
        acn_doctor_tell(doctor, ACN_SEEN_NOTE, "variables", NULL,
                        "LD_PRELOAD is %s; its functions come before those of CANN", preload);
    }
    for (const char *word = visible; *word; word += *word == ',') {
        char *end;
        long device = strtol(word, &end, 10);
        if (end == word || device < 0 || device >= acn_env_int(ACN_ENV_DEVICES)) {
            acn_doctor_tell(doctor, ACN_SEEN_FINDING, "variables",
                            "name devices from 0 to ANYCANN_DEVICES - 1, or unset it",
                            "ASCEND_RT_VISIBLE_DEVICES is %s, of %d devices", visible,
                            (int)acn_env_int(ACN_ENV_DEVICES));
            break;
        }
        word = end;
        if (*word && *word != ',') break;
    }
}

static void check_driver(acn_doctor *doctor) {
    if (acn_path_exists("/dev/davinci0")) {
        acn_doctor_tell(doctor, ACN_SEEN_NOTE, "driver", NULL,
                        "this machine has an NPU (/dev/davinci0), which programs on AnyCANN do "
                        "not use");
    }
    char *folder = acn_command_line(
        "sed -n 's/^Driver_Install_Path_Param=//p' /etc/ascend_install.info 2>/dev/null", NULL,
        NULL);
    if (folder && !acn_path_exists("%s/driver", folder)) {
        acn_doctor_tell(doctor, ACN_SEEN_NOTE, "driver", NULL,
                        "/etc/ascend_install.info names a driver in %s, where none is; AnyCANN "
                        "needs none",
                        folder);
    }
    free(folder);
}

static void check_path(acn_doctor *doctor) {
    char *copy = strdup(getenv("PATH") ? getenv("PATH") : ""), *rest = copy;
    char *own = acn_toolkit_path("bin/anycann"), *found = NULL;
    for (char *entry; !found && (entry = strsep(&rest, ":")) != NULL;) {
        if (asprintf(&found, "%s/anycann", entry) < 0) abort();
        if (access(found, X_OK) == 0) break;
        free(found);
        found = NULL;
    }
    char first[2] = "";
    FILE *file = found ? fopen(found, "re") : NULL;
    bool is_script = file && fread(first, 1, 2, file) == 2 && memcmp(first, "#!", 2) == 0;
    if (file) fclose(file);
    if (found && !is_script && !is_same(found, own)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "path", "remove one of the two installations",
                        "`anycann` means %s, but this is %s", found, own);
    }
    free(found);
    free(own);
    free(copy);
}

void acn_doctor_environment(acn_doctor *doctor) {
    check_libraries(doctor);
    check_driver(doctor);
    check_home(doctor);
    check_python_path(doctor);
    check_settings(doctor);
    check_path(doctor);
}

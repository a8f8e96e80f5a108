/* python.c - the clients of one Python environment: do they fit one another, this machine and this
 * toolkit? anycann_probe.py tells what is installed. */
#define _GNU_SOURCE
#include "tools/doctor/doctor.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum { MOST_FACTS = 256, WORDS = 4 };

typedef struct facts {
    char *words[MOST_FACTS][WORDS];
    int count;
} facts;

static bool read_facts(const char *python, facts *f) {
    char *probe = acn_toolkit_path("python/site-packages/anycann_probe.py"), *line = NULL;
    size_t capacity = 0;
    FILE *answer = acn_command_open("exec \"$ACN_A\" \"$ACN_B\" 2>/dev/null", python, probe);
    free(probe);
    while (answer && f->count < MOST_FACTS && getline(&line, &capacity, answer) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < WORDS; i++) {
            char *word = strsep(&rest, "\t");
            f->words[f->count][i] = strdup(word ? word : "");
        }
        f->count++;
    }
    free(line);
    return answer && pclose(answer) == 0;
}

static void free_facts(facts *f) {
    for (int i = 0; i < f->count; i++) {
        for (int w = 0; w < WORDS; w++)
            free(f->words[i][w]);
    }
}

static const char *version_of(const facts *f, const char *name) {
    for (int i = 0; i < f->count; i++) {
        if (strcmp(f->words[i][0], "dist") == 0 && strcmp(f->words[i][1], name) == 0)
            return f->words[i][2];
    }
    return NULL;
}

typedef struct library {
    const facts *facts;
    const char *path;
    char missing[512];
} library;

typedef struct question {
    const char *name;
    bool is_known;
} question;

static void find_name(void *context, char *const *cells) {
    question *q = context;
    q->is_known |= strcmp(cells[0], q->name) == 0;
}

/* CANN's libraries that are not here are left out on purpose: a client then takes the path that
 * works without. */
static bool is_cann(const char *name) {
    question q = {.name = name};
    acn_toolkit_table("share/anycann/libraries.tsv", 2, find_name, &q);
    return q.is_known;
}

/* In this toolkit, beside another client's libraries, or where the loader looks. */
static bool is_found(const facts *f, const char *name) {
    if (acn_path_exists("%s/lib64/%s", acn_toolkit_home(), name)) return true;
    for (int i = 0; i < f->count; i++) {
        if (strcmp(f->words[i][0], "folder") != 0) continue;
        if (acn_path_exists("%s/%s", f->words[i][1], name)) return true;
    }
    return is_cann(name) || dlopen(name, RTLD_LAZY | RTLD_LOCAL) != NULL;
}

static void check_needed(void *context, const char *name) {
    library *l = context;
    if (is_found(l->facts, name)) return;
    size_t used = strlen(l->missing);
    snprintf(l->missing + used, sizeof l->missing - used, "%s%s", used ? " " : "", name);
}

static void check_library(acn_doctor *doctor, const facts *f, const char *client,
                          const char *path) {
    struct utsname machine;
    const char *made_for = acn_elf_machine(path);
    uname(&machine);
    if (!made_for || strcmp(made_for, machine.machine) != 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, client,
                        "pip install --force-reinstall it on this machine",
                        "%s is made for %s, this machine is %s", path,
                        made_for ? made_for : "no machine that is known", machine.machine);
        return;
    }
    library l = {.facts = f, .path = path};
    acn_elf_needed(path, check_needed, &l);
    if (!l.missing[0]) return;
    acn_doctor_tell(doctor, ACN_SEEN_FINDING, client,
                    "a client newer than this AnyCANN, or a system library to install",
                    "%s needs %s, which no one here has", path, l.missing);
}

/* Clients that only mean something together, or that exclude each other. */
static void check_pairs(acn_doctor *doctor, const facts *f) {
    const char *torch = version_of(f, "torch"), *npu = version_of(f, "torch_npu");
    const char *autoload = getenv("TORCH_DEVICE_BACKEND_AUTOLOAD");
    if (torch && !npu) {
        acn_doctor_tell(doctor, ACN_SEEN_NOTE, "torch_npu",
                        "pip install torch_npu of torch's own version",
                        "torch %s without torch_npu has no npu device", torch);
    } else if (npu && autoload && strcmp(autoload, "0") == 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "torch_npu",
                        "unset it, or `import torch_npu` in the program",
                        "TORCH_DEVICE_BACKEND_AUTOLOAD is 0: `import torch` alone brings no npu "
                        "device");
    }
    if (version_of(f, "onnxruntime") && version_of(f, "onnxruntime-cann")) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "onnxruntime",
                        "pip uninstall onnxruntime onnxruntime-cann, then install the latter",
                        "onnxruntime and onnxruntime-cann write over each other's files");
    }
}

static void check_enabled(acn_doctor *doctor, const char *folder) {
    char *own = acn_toolkit_path("python/site-packages");
    if (!acn_path_exists("%s", folder)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "enable",
                        "`anycann enable` anew, or `anycann disable`",
                        "enabled with a toolkit that is gone: %s", folder);
    } else if (strcmp(folder, own) != 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "enable",
                        "`anycann enable` anew, or use that toolkit's `anycann`",
                        "enabled with another toolkit: %s", folder);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "enable", NULL, "plain python finds this toolkit");
    }
    free(own);
}

static void check_facts(acn_doctor *doctor, const facts *f) {
    for (int i = 0; i < f->count; i++) {
        char *const *words = f->words[i];
        if (strcmp(words[0], "dist") == 0)
            acn_doctor_tell(doctor, ACN_SEEN_FINE, "client", NULL, "%s %s", words[1], words[2]);
        if (strcmp(words[0], "library") == 0) check_library(doctor, f, words[1], words[2]);
        if (strcmp(words[0], "enabled") == 0) check_enabled(doctor, words[1]);
        if (strcmp(words[0], "need") == 0) {
            char remedy[256];
            snprintf(remedy, sizeof remedy, "pip install '%s'", words[2]);
            acn_doctor_tell(doctor, ACN_SEEN_FINDING, words[1], remedy, "needs %s; %s is installed",
                            words[2], *words[3] ? words[3] : "none");
        }
    }
}

void acn_doctor_python(acn_doctor *doctor) {
    facts f = {.count = 0};
    if (!read_facts(doctor->python, &f)) {
        acn_doctor_tell(doctor, ACN_SEEN_NOTE, "python", NULL,
                        "%s does not run; clients in Python are not looked at (--python names "
                        "another)",
                        doctor->python);
    } else {
        check_facts(doctor, &f);
        check_pairs(doctor, &f);
    }
    free_facts(&f);
}

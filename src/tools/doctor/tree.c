/* tree.c - is this toolkit whole, made for this machine, and does its core load and answer? */
#define _GNU_SOURCE
#include "tools/doctor/doctor.h"
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

typedef struct missing {
    char names[512];
    int count;
} missing;

static void check_library(void *context, char *const *cells) {
    missing *m = context;
    if (strcmp(cells[1], "shipped") != 0) return;
    if (acn_path_exists("%s/lib64/%s", acn_toolkit_home(), cells[0])) return;
    size_t used = strlen(m->names);
    snprintf(m->names + used, sizeof m->names - used, "%s%s", m->count ? " " : "", cells[0]);
    m->count++;
}

static void check_files(acn_doctor *doctor) {
    static const char *const folders[] = {"opp", "runtime", "compiler", "include"};
    const char *home = acn_toolkit_home();
    missing m = {0};
    acn_toolkit_table("share/anycann/libraries.tsv", 2, check_library, &m);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (acn_path_exists("%s/%s", home, folders[i])) continue;
        size_t used = strlen(m.names);
        snprintf(m.names + used, sizeof m.names - used, "%s%s/", m.count ? " " : "", folders[i]);
        m.count++;
    }
    if (m.count == 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "toolkit", NULL, "%s", home);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "toolkit", "install AnyCANN anew", "%s lacks %s",
                        home, m.names);
    }
}

static void check_architecture(acn_doctor *doctor) {
    struct utsname machine;
    char *core = acn_toolkit_path("lib64/libanycann.so");
    const char *made_for = acn_elf_machine(core);
    free(core);
    uname(&machine);
    if (made_for && strcmp(made_for, machine.machine) == 0) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "architecture", NULL, "%s", made_for);
        return;
    }
    acn_doctor_tell(doctor, ACN_SEEN_FINDING, "architecture",
                    "install the package that is made for this machine",
                    "libanycann.so is made for %s, this machine is %s",
                    made_for ? made_for : "no machine that is known", machine.machine);
}

/* Asked of a process of its own, since a core that does not fit may end it. */
static void check_core(acn_doctor *doctor) {
    char *program = acn_toolkit_path("bin/anycann");
    char *isa = acn_command_line(
        "\"$ACN_A\" info 2>/dev/null | sed -n 's/^isa  *\\([a-z0-9]*\\)$/\\1/p'", program, NULL);
    char *cause = isa ? NULL : acn_command_line("\"$ACN_A\" info 2>&1 | tail -n 1", program, NULL);
    free(program);
    if (isa) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "core", NULL, "loads; kernels for %s", isa);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "core",
                        "a version of GLIBC is named: this package is for a newer system, build "
                        "from source; ANYCANN_ISA is: unset it",
                        "does not answer: %s", cause ? cause : "it was ended by a signal");
    }
    free(isa);
    free(cause);
}

void acn_doctor_tree(acn_doctor *doctor) {
    check_files(doctor);
    check_architecture(doctor);
    check_core(doctor);
}

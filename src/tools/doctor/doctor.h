/* doctor.h - what the checks of `anycann doctor` share. A check looks at one thing and tells what
 * it saw: fine, worth knowing, or a finding, which has a remedy. Checks change nothing and load no
 * client. */
#ifndef ACN_TOOLS_DOCTOR_DOCTOR_H
#define ACN_TOOLS_DOCTOR_DOCTOR_H

#include "tools/tool.h"

typedef enum acn_seen { ACN_SEEN_FINE, ACN_SEEN_NOTE, ACN_SEEN_FINDING } acn_seen;

typedef struct acn_doctor {
    const char *python; /* whose environment is looked at */
    acn_table *table;
    int findings;
} acn_doctor;

/* |remedy| NULL when there is nothing to do. */
void acn_doctor_tell(acn_doctor *doctor, acn_seen seen, const char *check, const char *remedy,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* One file each; the order is that of doctor.c's list. */
void acn_doctor_tree(acn_doctor *doctor);
void acn_doctor_machine(acn_doctor *doctor);
void acn_doctor_environment(acn_doctor *doctor);
void acn_doctor_python(acn_doctor *doctor);

/* ---- elf.c --------------------------------------------------------------------------------- */

/* An ELF file's machine as `uname -m` names it; NULL when it is none that is known. */
const char *acn_elf_machine(const char *path);
/* Calls |visit| with each library that the file asks for. False when it cannot be read. */
bool acn_elf_needed(const char *path, void (*visit)(void *context, const char *name),
                    void *context);

#endif

/* doctor.c - `anycann doctor`: runs the checks and prints what they saw, each finding with its
 * remedy. */
#include "tools/doctor/doctor.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"ok", "note", "finding"};

static void (*const checks[])(acn_doctor *) = {
    acn_doctor_tree,
    acn_doctor_machine,
    acn_doctor_environment,
    acn_doctor_python,
};

void acn_doctor_tell(acn_doctor *doctor, acn_seen seen, const char *check, const char *remedy,
                     const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    acn_table_row(doctor->table, (const char *[]){states[seen], check, text, remedy});
    doctor->findings += seen == ACN_SEEN_FINDING;
}

static void print_row(void *context, const char *const *cells) {
    printf("%-8s %-12s %s\n", cells[0], cells[1], cells[2]);
    if (*cells[3]) printf("%21s -> %s\n", "", cells[3]);
}

int acn_verb_doctor(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"python", required_argument, NULL, 'p'}, {0}};
    static const char *const headings[] = {"state", "check", "text", "remedy"};
    acn_doctor doctor = {0};
    bool is_json = false;
    const char *python = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        if (c == 'j') is_json = true;
        if (c == 'p') python = optarg;
    }
    char *chosen = acn_python(python);
    doctor.python = chosen;
    doctor.table = acn_table_new(4, headings);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](&doctor);
    if (is_json) {
        acn_table_print(doctor.table, stdout, true);
    } else {
        acn_table_visit(doctor.table, print_row, NULL);
        printf("%d finding%s\n", doctor.findings, doctor.findings == 1 ? "" : "s");
    }
    acn_table_free(doctor.table);
    free(chosen);
    return doctor.findings ? ACN_EXIT_FINDINGS : ACN_EXIT_FINE;
}

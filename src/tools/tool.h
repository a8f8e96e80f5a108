/* tool.h - what the verbs of the `anycann` program, and `npu-smi`, share. A verb is one function
 * and one row of the table in anycann.c. The program does not link the core, so that `run` starts
 * in no time and works where the core does not load; of its sources it only has those that read
 * what processes leave. */
#ifndef ACN_TOOLS_TOOL_H
#define ACN_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum acn_exit {
    ACN_EXIT_FINE = 0,
    ACN_EXIT_FINDINGS = 1,
    ACN_EXIT_USAGE = 2,
    ACN_EXIT_ENVIRONMENT = 3,
};

/* argv[0] is the verb, as getopt wants it. Returns an acn_exit. */
int acn_verb_run(int argc, char **argv);
int acn_verb_enable(int argc, char **argv);
int acn_verb_disable(int argc, char **argv);
int acn_verb_env(int argc, char **argv);
int acn_verb_home(int argc, char **argv);
int acn_verb_completion(int argc, char **argv);
int acn_verb_info(int argc, char **argv);
int acn_verb_ops(int argc, char **argv);
int acn_verb_coverage(int argc, char **argv);
int acn_verb_report(int argc, char **argv);
int acn_verb_explain(int argc, char **argv);
int acn_verb_doctor(int argc, char **argv);
int acn_verb_trace(int argc, char **argv);
int acn_verb_selftest(int argc, char **argv);
int acn_verb_convert(int argc, char **argv);
int acn_verb_bench(int argc, char **argv);
int acn_verb_hccl_why(int argc, char **argv);
int acn_verb_hccl_sim(int argc, char **argv);

/* Prints "PROGRAM: ..." on stderr and returns |code|, so that verbs end in `return acn_say(...)`.
 */
int acn_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For verbs that list: reads --json and gives the first plain word (or NULL). False after a usage
 * error, which getopt has told. */
bool acn_listing_options(int argc, char **argv, bool *out_is_json, const char **out_word);

/* ---- run.c: programs on this toolkit -------------------------------------------------------- */

/* Sets CANN's variables for this process and those that it starts. */
void acn_set_variables(void);
/* Runs a command as a child. Returns its exit code, or 128 + the signal that ended it; its number
 * in |out_pid| unless that is NULL. */
int acn_run_child(char **argv, int *out_pid);

/* ---- toolkit.c: where the tree is, and what programs must see of it ------------------------- */

/* The root of the tree that this very program lies in. Ends the program (3) when it lies in none.
 */
const char *acn_toolkit_home(void);
/* Home + "/" + |relative|; the caller frees. */
char *acn_toolkit_path(const char *relative);

/* From now on the core's conversions say on standard error what they do, if that is a terminal;
 * false clears the line. */
void acn_convert_progress(bool is_shown);
/* The core's function |name|. Ends the program (3) when the core does not load. */
void *acn_core_function(const char *name);
/* Visits each row but the heading of a table that the build made, at most 8 cells with tabs between
 * them. Ends the program (3) when the file is missing. */
void acn_toolkit_table(const char *relative, int columns,
                       void (*visit)(void *context, char *const *cells), void *context);

/* The interpreter whose environment is meant: |given| by --python, or that of the active virtual
 * environment, or python3 on PATH. The caller frees. */
char *acn_python(const char *given);

typedef struct acn_variable {
    const char *name, *relative; /* the value is home/relative */
    bool is_list;                /* ... in front of the value that is there */
} acn_variable;
extern const acn_variable acn_variables[]; /* ends with name NULL */
/* The value that a program should see, given this process's environment; the caller frees. */
char *acn_variable_value(const acn_variable *variable);

/* ---- ask.c: small questions to files and commands -------------------------------------------- */

bool acn_path_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Starts a shell command whose output is read; pclose ends it. "$ACN_A" and "$ACN_B" in it are |a|
 * and |b|, whatever characters these have. */
FILE *acn_command_open(const char *command, const char *a, const char *b);
/* The first line of a command's output without its end, or NULL when it failed or said nothing; the
 * caller frees. */
char *acn_command_line(const char *command, const char *a, const char *b);

/* ---- table.c ------------------------------------------------------------------------------- */

void acn_json_text(FILE *out, const char *text); /* quoted and escaped; NULL prints null */

/* A table printed in aligned columns, or as a list of JSON objects with the headings as keys. */
enum { ACN_TABLE_COLUMNS = 8 }; /* at most */
typedef struct acn_table acn_table;
acn_table *acn_table_new(int columns, const char *const *headings);
/* Texts are copied. Columns that hold only numbers are printed as numbers and aligned right. */
void acn_table_row(acn_table *table, const char *const *cells);
void acn_table_print(const acn_table *table, FILE *out, bool is_json);
/* A table of two columns as one JSON object. */
void acn_table_print_object(const acn_table *table, FILE *out);
int acn_table_rows(const acn_table *table);
void acn_table_visit(const acn_table *table, void (*visit)(void *context, const char *const *cells),
                     void *context);
void acn_table_free(acn_table *table);

#endif

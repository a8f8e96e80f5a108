/* list.c - the verbs that print what there is: env, home, completion, coverage. */
#define _GNU_SOURCE
#include "base/env.h"
#include "tools/tool.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

int acn_verb_home(int argc, char **argv) {
    puts(acn_toolkit_home());
    return ACN_EXIT_FINE;
}

/* The script lies where packages of a system put it, which bash finds by itself only there. */
int acn_verb_completion(int argc, char **argv) {
    char path[4096], line[1024];
    snprintf(path, sizeof path, "%s/share/bash-completion/completions/anycann", acn_toolkit_home());
    FILE *script = fopen(path, "re");
    if (script == NULL)
        return acn_say(ACN_EXIT_ENVIRONMENT, "%s cannot be opened; install AnyCANN again", path);
    while (fgets(line, sizeof line, script))
        fputs(line, stdout);
    fclose(script);
    return ACN_EXIT_FINE;
}

/* One variable a line for `eval` of any POSIX shell. */
static int print_exports(void) {
    for (const acn_variable *v = acn_variables; v->name; v++) {
        char *value = acn_variable_value(v);
        printf("export %s='", v->name);
        for (const char *c = value; *c; c++) {
            fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stdout);
        }
        puts("'");
        free(value);
    }
    return ACN_EXIT_FINE;
}

static int print_settings(bool is_json) {
    static const char *const headings[] = {"variable", "value", "default", "meaning"};
    const acn_env_row *rows = acn_env_table();
    acn_table *table = acn_table_new(4, headings);
    for (int i = 0; i < ACN_ENV_COUNT; i++) {
        const char *value = getenv(rows[i].name);
        acn_table_row(table, (const char *[]){rows[i].name, value ? value : "", rows[i].fallback,
                                              rows[i].doc});
    }
    acn_table_print(table, stdout, is_json);
    acn_table_free(table);
    return ACN_EXIT_FINE;
}

int acn_verb_env(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"export", no_argument, NULL, 'x'}, {0}};
    bool is_json = false, is_export = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        is_json |= c == 'j';
        is_export |= c == 'x';
    }
    return is_export ? print_exports() : print_settings(is_json);
}

typedef struct coverage {
    const char *client; /* NULL: all */
    acn_table *table;
    int done;
} coverage;

/* client, library, symbol, kind, state */
static void take_symbol(void *context, char *const *cells) {
    coverage *c = context;
    if (c->client && strcmp(c->client, cells[0]) != 0) return;
    acn_table_row(c->table, (const char *[]){cells[0], cells[1], cells[3], cells[4], cells[2]});
    c->done += strcmp(cells[4], "done") == 0;
}

int acn_verb_coverage(int argc, char **argv) {
    static const char *const headings[] = {"client", "library", "kind", "state", "symbol"};
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"client", required_argument, NULL, 'c'}, {0}};
    bool is_json = false;
    coverage found = {0};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return ACN_EXIT_USAGE;
        if (c == 'j') is_json = true;
        if (c == 'c') found.client = optarg;
    }
    found.table = acn_table_new(5, headings);
    acn_toolkit_table("share/anycann/coverage.tsv", 5, take_symbol, &found);
    int rows = acn_table_rows(found.table);
    if (rows > 0) acn_table_print(found.table, stdout, is_json);
    acn_table_free(found.table);
    if (rows == 0) {
        return acn_say(ACN_EXIT_FINDINGS, "no client `%s` is known", found.client);
    }
    if (!is_json) printf("%d of %d symbols done\n", found.done, rows);
    return ACN_EXIT_FINE;
}

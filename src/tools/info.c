/* info.c - `anycann info` and `ops`: asked of the core itself, which is loaded for that. */
#include "base/report.h"
#include "doors/anycann/convert.h"
#include "doors/anycann/describe.h"
#include "tools/tool.h"
#include <string.h>

static void add_row(void *table, const char *const *cells) { acn_table_row(table, cells); }

typedef struct model_ops {
    acn_table *table;
    int *missing;
} model_ops;

static void add_model_op(void *context, const char *const *cells) {
    const model_ops *list = context;
    acn_table_row(list->table, cells);
    *list->missing += strcmp(cells[3], "missing") == 0;
}

int acn_verb_info(int argc, char **argv) {
    static const char *const headings[] = {"key", "value"};
    bool is_json;
    const char *word;
    if (!acn_listing_options(argc, argv, &is_json, &word)) return ACN_EXIT_USAGE;
    acn_tool_info_fn *info = (acn_tool_info_fn *)acn_core_function("acn_tool_info");

    char reports[1024] = "";
    acn_report_folder(reports, sizeof reports);
    acn_table *table = acn_table_new(2, headings);
    acn_table_row(table, (const char *[]){"version", ACN_VERSION});
    info(add_row, table);
    acn_table_row(table, (const char *[]){"toolkit", acn_toolkit_home()});
    acn_table_row(table, (const char *[]){"reports", reports});
    if (is_json) {
        acn_table_print_object(table, stdout);
    } else {
        acn_table_print(table, stdout, false);
    }
    acn_table_free(table);
    return ACN_EXIT_FINE;
}

typedef struct page {
    acn_tool_op_fn *op;
    acn_table *parts; /* of the operator at hand */
    bool is_first;    /* of its parts */
} page;

static void print_part(void *context, const char *const *cells) {
    page *p = context;
    bool is_part = strcmp(cells[0], "operator") != 0 && strcmp(cells[0], "aclnn") != 0;
    if (strcmp(cells[0], "operator") == 0) printf("\n## %s\n\n%s\n", cells[1], cells[3]);
    if (is_part && p->is_first) puts("\n| part | name | types | |\n| --- | --- | --- | --- |");
    if (is_part) {
        printf("| %s | `%s` | %s | %s |\n", cells[0], cells[1], cells[2], cells[3]);
        p->is_first = false;
    }
}

static void print_section(void *context, const char *const *cells) {
    static const char *const headings[] = {"part", "name", "types", "note"};
    page *p = context;
    p->parts = acn_table_new(4, headings);
    p->is_first = true;
    p->op(cells[0], add_row, p->parts);
    acn_table_visit(p->parts, print_part, p);
    acn_table_free(p->parts);
    if (*cells[3]) printf("\naclnn: %s\n", cells[3]);
}

/* The reference page of all operators, from their own definitions. */
static int print_page(void) {
    page p = {.op = (acn_tool_op_fn *)acn_core_function("acn_tool_op")};
    puts("# Operators\n\nMade from the operators' definitions: `anycann ops --markdown`; "
         "`anycann ops NAME` prints one.");
    ((acn_tool_ops_fn *)acn_core_function("acn_tool_ops"))(print_section, &p);
    return ACN_EXIT_FINE;
}

/* What an ONNX model uses, and what of it is missing: 1 when something is. */
static int print_model_ops(int argc, char **argv) {
    static const char *const headings[] = {"operator", "nodes", "first node", "supported"};
    bool is_json = argc == 4 && strcmp(argv[3], "--json") == 0;
    if (argc < 3 || (argc > 3 && !is_json))
        return acn_say(ACN_EXIT_USAGE, "usage: anycann ops --model MODEL.onnx [--json]");
    acn_table *table = acn_table_new(4, headings);
    int missing = 0;
    model_ops list = {table, &missing};
    acn_tool_model_ops_fn *ask = (acn_tool_model_ops_fn *)acn_core_function("acn_tool_model_ops");
    if (ask(argv[2], add_model_op, &list) != 0) {
        acn_tool_error_fn *error = (acn_tool_error_fn *)acn_core_function("acn_tool_error");
        const char *text = error();
        return acn_say(ACN_EXIT_USAGE, "%s", text ? text : "the model cannot be read");
    }
    acn_table_print(table, stdout, is_json);
    acn_table_free(table);
    return missing ? ACN_EXIT_FINDINGS : ACN_EXIT_FINE;
}

int acn_verb_ops(int argc, char **argv) {
    static const char *const all[] = {"operator", "types", "meaning", "aclnn"};
    static const char *const one[] = {"part", "name", "types", "note"};
    bool is_json;
    const char *word;
    if (argc == 2 && strcmp(argv[1], "--markdown") == 0) return print_page();
    if (argc > 1 && strcmp(argv[1], "--model") == 0) return print_model_ops(argc, argv);
    if (!acn_listing_options(argc, argv, &is_json, &word)) return ACN_EXIT_USAGE;

    acn_table *table = acn_table_new(4, word ? one : all);
    if (!word) {
        ((acn_tool_ops_fn *)acn_core_function("acn_tool_ops"))(add_row, table);
    } else if (!((acn_tool_op_fn *)acn_core_function("acn_tool_op"))(word, add_row, table)) {
        return acn_say(ACN_EXIT_FINDINGS, "no operator `%s`; `anycann ops` lists them", word);
    }
    acn_table_print(table, stdout, is_json);
    acn_table_free(table);
    return ACN_EXIT_FINE;
}

/* info.c - `anycann info` and `ops`: asked of the core itself, which is loaded for that. */
#include "base/report.h"
#include "doors/anycann/describe.h"
#include "tools/tool.h"

static void add_row(void *table, const char *const *cells) { acn_table_row(table, cells); }

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

int acn_verb_ops(int argc, char **argv) {
    static const char *const all[] = {"operator", "types", "meaning", "aclnn"};
    static const char *const one[] = {"part", "name", "types", "note"};
    bool is_json;
    const char *word;
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

/* explain.c - `anycann explain CODE`: what a code means and what to do about it. The codes stand in
 * share/anycann/codes.tsv, which the build makes from api/codes.tsv. */
#define _GNU_SOURCE
#include "tools/tool.h"
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { CODE, SPACE, NAME, MEANING, REMEDY, COLUMNS };
static const char TABLE[] = "share/anycann/codes.tsv";
static const char *const headings[] = {"code", "space", "name", "meaning", "remedy"};

/* How well a row answers; several codes have the same number in different spaces, and a pattern
 * such as EZ???? only speaks where no row knows the very code. */
enum match { NO_MATCH, BY_PART, BY_PATTERN, BY_NAME };

static enum match match_row(char *const *cells, const char *word) {
    char *end;
    unsigned long long number = strtoull(word, &end, 0);
    bool is_number = *word >= '0' && *word <= '9' && *end == '\0';
    if (is_number) return strtoull(cells[CODE], &end, 10) == number && !*end ? BY_NAME : NO_MATCH;
    if (strcasecmp(cells[CODE], word) == 0 || strcasecmp(cells[NAME], word) == 0) return BY_NAME;
    if (strchr(cells[CODE], '?') && fnmatch(cells[CODE], word, FNM_CASEFOLD) == 0)
        return BY_PATTERN;
    return strcasestr(cells[NAME], word) ? BY_PART : NO_MATCH;
}

typedef struct search {
    const char *word; /* NULL: every row */
    enum match best;
    acn_table *table;
} search;

static void find_best(void *context, char *const *cells) {
    search *s = context;
    enum match match = match_row(cells, s->word);
    if (match > s->best) s->best = match;
}

static void take_best(void *context, char *const *cells) {
    search *s = context;
    if (s->word && match_row(cells, s->word) != s->best) return;
    acn_table_row(s->table, (const char *const *)cells);
}

static void print_text(void *context, char *const *cells) {
    search *s = context;
    if (match_row(cells, s->word) != s->best) return;
    bool is_pattern = strchr(cells[CODE], '?') != NULL;
    printf("%s  %s (%s)\n    %s\n    %s\n", is_pattern ? s->word : cells[CODE], cells[NAME],
           cells[SPACE], cells[MEANING], cells[REMEDY]);
}

int acn_verb_explain(int argc, char **argv) {
    bool is_json;
    search s = {0};
    if (!acn_listing_options(argc, argv, &is_json, &s.word)) return ACN_EXIT_USAGE;

    if (s.word) acn_toolkit_table(TABLE, COLUMNS, find_best, &s);
    int code = ACN_EXIT_FINE;
    if (s.word && s.best == NO_MATCH) {
        code = acn_say(ACN_EXIT_FINDINGS,
                       "`%s` is no code and part of no code's name; `anycann explain` lists them",
                       s.word);
    } else if (s.word && !is_json) {
        acn_toolkit_table(TABLE, COLUMNS, print_text, &s);
    } else {
        s.table = acn_table_new(is_json ? COLUMNS : MEANING + 1, headings);
        acn_toolkit_table(TABLE, COLUMNS, take_best, &s);
        acn_table_print(s.table, stdout, is_json);
        acn_table_free(s.table);
    }
    return code;
}

/* report.c - `anycann report`: what a process ran and what it asked for in vain, from the counts
 * that it keeps in a mapped file (base/report.h). Works while the process runs and after any kind
 * of end. */
#include "base/report.h"
#include "tools/tool.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct section {
    const char *kind, *heading, *doc;
    bool is_finding;
} section;

static const section sections[] = {
    {"op", "operator", NULL, false},
    {"api", "function", "counted functions", false},
    {"unsupported", "function", "not supported: these calls failed", true},
    {"abandoned", "function", "prepared in vain: their second phase never came", true},
    {"check", "finding", "mistakes that ANYCANN_CHECK found", true},
    {"ignored", "setting", "settings that change nothing here", false},
    {"deviation", "deviation", "results may differ from the SoC's", true},
};
enum { SECTION_COUNT = sizeof sections / sizeof sections[0] };

typedef struct counts {
    acn_report_header header;
    int used;
    acn_report_slot *slots; /* sorted: longest first, then most often, then by name */
} counts;

typedef struct search {
    long pid; /* -1: the newest */
    counts *found;
} search;

static int by_weight(const void *a, const void *b) {
    const acn_report_slot *x = a, *y = b;
    if (x->total_ns != y->total_ns) return x->total_ns < y->total_ns ? 1 : -1;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* Copies, since the memory ends with the visit and the process may still be counting. */
static bool take_report(void *context, const char *path, const acn_report_header *header,
                        const acn_report_slot *slots) {
    search *s = context;
    if (s->pid >= 0 && header->pid != s->pid) return true;
    counts *found = calloc(1, sizeof *found);
    if (!found) abort();
    memcpy(&found->header, header, sizeof *header);
    found->slots = calloc(header->used + 1, sizeof *slots);
    if (!found->slots) abort();
    for (uint32_t i = 0; i < header->used; i++) {
        if (slots[i].count == 0) continue;
        memcpy(&found->slots[found->used++], &slots[i], sizeof *slots);
    }
    qsort(found->slots, (size_t)found->used, sizeof *slots, by_weight);
    s->found = found;
    return false;
}

static int count_kind(const counts *c, const char *kind) {
    int n = 0;
    for (int i = 0; i < c->used; i++)
        n += strcmp(c->slots[i].kind, kind) == 0;
    return n;
}

static void print_section(const counts *c, const section *s) {
    if (count_kind(c, s->kind) == 0) return;
    const char *headings[] = {s->heading, "calls", "ms", "us each"};
    acn_table *table = acn_table_new(s->is_finding ? 2 : 4, headings);
    for (int i = 0; i < c->used; i++) {
        const acn_report_slot *slot = &c->slots[i];
        char calls[24], ms[24], each[24];
        if (strcmp(slot->kind, s->kind) != 0) continue;
        snprintf(calls, sizeof calls, "%" PRIu64, slot->count);
        snprintf(ms, sizeof ms, "%.3f", (double)slot->total_ns / 1e6);
        snprintf(each, sizeof each, "%.1f", (double)slot->total_ns / 1e3 / (double)slot->count);
        acn_table_row(table, (const char *[]){slot->name, calls, ms, each});
    }
    putchar('\n');
    if (s->doc) puts(s->doc);
    acn_table_print(table, stdout, false);
    acn_table_free(table);
}

static void print_text(const counts *c) {
    char when[32];
    time_t start = (time_t)(c->header.start_unix_ns / 1000000000);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime(&start));
    printf("process %d: %s\n%s on %s, since %s\n", c->header.pid, c->header.command, c->header.soc,
           c->header.device, when);
    for (int i = 0; i < SECTION_COUNT; i++)
        print_section(c, &sections[i]);
}

static void print_json(const counts *c) {
    printf("{\"pid\": %d, \"start_unix_ns\": %" PRId64 ",\n \"command\": ", c->header.pid,
           c->header.start_unix_ns);
    acn_json_text(stdout, c->header.command);
    fputs(", \"soc\": ", stdout);
    acn_json_text(stdout, c->header.soc);
    fputs(", \"device\": ", stdout);
    acn_json_text(stdout, c->header.device);
    fputs(",\n \"counts\": [", stdout);
    for (int i = 0; i < c->used; i++) {
        const acn_report_slot *slot = &c->slots[i];
        fputs(i ? ",\n  {\"kind\": " : "\n  {\"kind\": ", stdout);
        acn_json_text(stdout, slot->kind);
        fputs(", \"name\": ", stdout);
        acn_json_text(stdout, slot->name);
        printf(", \"calls\": %" PRIu64 ", \"total_ns\": %" PRIu64 "}", slot->count, slot->total_ns);
    }
    fputs("\n ]}\n", stdout);
}

int acn_verb_report(int argc, char **argv) {
    bool is_json;
    const char *word;
    char folder[1024], *end = "";
    search s = {.pid = -1};
    if (!acn_listing_options(argc, argv, &is_json, &word)) return ACN_EXIT_USAGE;
    if (word && strcmp(word, "last") != 0) s.pid = strtol(word, &end, 10);
    if (*end || s.pid < -1) {
        return acn_say(ACN_EXIT_USAGE, "`%s` is neither a process number nor `last`", word);
    }
    if (!acn_report_folder(folder, sizeof folder)) {
        return acn_say(ACN_EXIT_ENVIRONMENT, "ANYCANN_REPORT_DIR is too long");
    }
    acn_report_read(folder, take_report, &s);
    if (!s.found) {
        return acn_say(ACN_EXIT_FINDINGS, "no counts of %s%s in %s",
                       s.pid < 0 ? "any process" : "process ", s.pid < 0 ? "" : word, folder);
    }
    (is_json ? print_json : print_text)(s.found);
    int findings = 0;
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (sections[i].is_finding) findings += count_kind(s.found, sections[i].kind);
    }
    free(s.found->slots);
    free(s.found);
    return findings ? ACN_EXIT_FINDINGS : ACN_EXIT_FINE;
}

/* pass.c - the order of passes, their switches, and running them. */
#include "graph/pass/pass.h"

#include "base/json.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const acn_pass *sorted[ACN_MAX_PASSES];
static int sorted_count;
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static int compare(const void *a, const void *b) {
    const acn_pass *x = *(const acn_pass *const *)a, *y = *(const acn_pass *const *)b;
    if (x->stage != y->stage) return (int)x->stage - (int)y->stage;
    return strcmp(x->name, y->name);
}

static void sort_once(void) {
    ACN_FOR_EACH(pass, pass) {
        if (sorted_count == ACN_MAX_PASSES) abort(); /* all of them are this library's */
        sorted[sorted_count++] = pass;
    }
    qsort(sorted, (size_t)sorted_count, sizeof *sorted, compare);
}

int acn_pass_count_all(void) {
    pthread_once(&sorted_once, sort_once);
    return sorted_count;
}

const acn_pass *acn_pass_at(int index) {
    return index >= 0 && index < acn_pass_count_all() ? sorted[index] : NULL;
}

/* ---- switches -------------------------------------------------------------------------------- */

static acn_status set_switch(const char *file, const char *name, const char *state,
                             acn_pass_switches *out) {
    bool is_off = strcmp(state, "off") == 0;
    if (!is_off && strcmp(state, "on") != 0)
        return acn_fail(ACN_PARSE_FILE, "%s: %s is \"%s\"; expected on or off", file, name, state);
    for (int i = 0; i < acn_pass_count_all(); i++)
        if (strcmp(name, "ALL") == 0 || strcmp(name, sorted[i]->name) == 0) out->is_off[i] = is_off;
    return ACN_OK;
}

/* "ALL" stands for what is not named, wherever it stands. */
static acn_status read_json(const char *file, const char *text, size_t size,
                            acn_pass_switches *out) {
    acn_arena arena = {0};
    acn_json *root;
    acn_status status = acn_json_parse(&arena, file, text, size, &root);
    for (int round = 0; status == ACN_OK && round < 2; round++) {
        const acn_json *kinds = acn_json_get(root, "Switch");
        for (const acn_json *kind = kinds ? kinds->child : NULL; kind; kind = kind->next)
            for (const acn_json *s = kind->child; s && status == ACN_OK; s = s->next)
                if (s->kind == ACN_JSON_TEXT && s->key && (strcmp(s->key, "ALL") == 0) == !round)
                    status = set_switch(file, s->key, s->text, out);
    }
    acn_arena_release(&arena);
    return status;
}

static acn_status read_lines(const char *file, char *text, acn_pass_switches *out) {
    char *rest = text, *words;
    for (char *line; (line = strsep(&rest, "\r\n")) != NULL;) {
        char *name = strtok_r(line, " \t:", &words);
        char *state = name ? strtok_r(NULL, " \t:", &words) : NULL;
        if (name) ACN_TRY(set_switch(file, name, state ? state : "", out));
    }
    return ACN_OK;
}

acn_status acn_pass_read_switches(const char *name, const char *text, size_t size,
                                  acn_pass_switches *out) {
    *out = (acn_pass_switches){0};
    size_t blank = strspn(text, " \t\r\n");
    if (blank < size && text[blank] == '{') return read_json(name, text, size, out);
    char *copy = strndup(text, size);
    if (copy == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", name);
    acn_status status = read_lines(name, copy, out);
    free(copy);
    return status;
}

void acn_pass_switch_off(acn_pass_switches *switches, acn_pass_stage first, acn_pass_stage last) {
    for (int i = 0; i < acn_pass_count_all(); i++)
        if (sorted[i]->stage >= first && sorted[i]->stage <= last) switches->is_off[i] = true;
}

/* ---- running --------------------------------------------------------------------------------- */

acn_status acn_passes_run(acn_net *net, const acn_pass_switches *switches,
                          const acn_pass_watcher *watcher, acn_pass_count *counts) {
    for (int i = 0; i < acn_pass_count_all(); i++) {
        acn_pass_count count = {0};
        if (!switches || !switches->is_off[i]) {
            ACN_TRY(sorted[i]->run(net, &count));
            net->before = NULL;
            if (count.effective) acn_net_prune(net);
            if (count.effective && watcher) watcher->saw(watcher->context, net, sorted[i]->name);
        }
        if (counts) counts[i] = count;
    }
    return ACN_OK;
}

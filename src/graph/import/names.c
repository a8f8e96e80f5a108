/* names.c - see names.h. */
#include "graph/import/names.h"

#include <stdlib.h>
#include <string.h>

static size_t hash_name(const char *name) {
    size_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

static acn_name_entry *entry_of(const acn_names *n, const char *name) {
    size_t at = hash_name(name) & (n->room - 1);
    while (n->entries[at].name && strcmp(n->entries[at].name, name) != 0)
        at = (at + 1) & (n->room - 1);
    return &n->entries[at];
}

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for the names of a model");
}

static acn_status grow(acn_names *n) {
    acn_name_entry *old = n->entries;
    size_t old_room = n->room, room = old_room ? 2 * old_room : 256;
    acn_name_entry *entries = calloc(room, sizeof *entries);
    if (entries == NULL) return no_memory();
    n->entries = entries;
    n->room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].name) *entry_of(n, old[i].name) = old[i];
    free(old);
    return ACN_OK;
}

acn_status acn_names_bind(acn_names *n, const char *name, void *value) {
    if (2 * (n->used + 1) > n->room) ACN_TRY(grow(n));
    if (n->bound_count == n->bound_room) {
        size_t room = n->bound_room ? 2 * n->bound_room : 256;
        acn_name_entry *bound = realloc(n->bound, room * sizeof *bound);
        if (bound == NULL) return no_memory();
        n->bound = bound;
        n->bound_room = room;
    }
    acn_name_entry *entry = entry_of(n, name);
    n->used += entry->name == NULL;
    n->bound[n->bound_count++] = (acn_name_entry){name, entry->value};
    *entry = (acn_name_entry){name, value};
    return ACN_OK;
}

void *acn_names_find(const acn_names *n, const char *name) {
    return n->room ? entry_of(n, name)->value : NULL;
}

void acn_names_return(acn_names *n, size_t mark) {
    while (n->bound_count > mark) {
        const acn_name_entry *before = &n->bound[--n->bound_count];
        entry_of(n, before->name)->value = before->value;
    }
}

void acn_names_free(acn_names *n) {
    free(n->entries);
    free(n->bound);
    *n = (acn_names){0};
}

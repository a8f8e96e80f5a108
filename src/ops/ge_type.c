/* ge_type.c - see ge_type.h. */
#include "ops/ge_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_types(const void *type, const void *row) {
    return strcmp(type, ((const acn_ge_type *)row)->type);
}

const acn_ge_type *acn_ge_type_find(const char *type) {
    return bsearch(type, acn_ge_types, (size_t)acn_ge_type_count, sizeof *acn_ge_types,
                   compare_types);
}

const acn_ge_type *acn_ge_type_at(int index) {
    return index >= 0 && index < acn_ge_type_count ? &acn_ge_types[index] : NULL;
}

bool acn_ge_next_port(const char **at, acn_ge_port *out) {
    *at += strspn(*at, " ");
    if (**at == '\0') return false;
    *out = (acn_ge_port){.is_optional = **at == '?', .is_list = **at == '*', .dtype = -1};
    if (out->is_optional || out->is_list) ++*at;
    size_t n = strcspn(*at, " :");
    snprintf(out->name, sizeof out->name, "%.*s", (int)n, *at);
    if ((*at)[n] == ':') out->dtype = atoi(*at + n + 1);
    *at += strcspn(*at, " ");
    return true;
}

bool acn_ge_next_attr(const char **at, acn_ge_attr_type *out) {
    if (**at == '\0') return false;
    const char *stop = strstr(*at, "; ");
    size_t length = stop ? (size_t)(stop - *at) : strlen(*at), name = strcspn(*at, ":");
    const char *kind = *at + name + 1;
    size_t kind_length = strcspn(kind, "=!");
    *out = (acn_ge_attr_type){.is_required = kind[kind_length] == '!'};
    snprintf(out->name, sizeof out->name, "%.*s", (int)name, *at);
    snprintf(out->kind, sizeof out->kind, "%.*s", (int)kind_length, kind);
    const char *value = kind + kind_length + 1, *end = *at + length;
    if (!out->is_required && value < end)
        snprintf(out->fallback, sizeof out->fallback, "%.*s", (int)(end - value), value);
    *at = stop ? stop + 2 : end;
    return true;
}

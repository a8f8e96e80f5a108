/* cases.c - parses the language of cases.h by recursive descent. */
#include "cases.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take(const char **p, char c) {
    if (**p != c) return false;
    (*p)++;
    return true;
}

static bool take_text(const char **p, const char *text) {
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0) return false;
    *p += n;
    return true;
}

static bool read_number(const char **p, double *out) {
    char *end;
    *out = strtod(*p, &end);
    if (end == *p) return false;
    *p = end;
    return true;
}

static bool read_types(const char **p, acn_dtypes *out) {
    do {
        char name[8];
        size_t n = 0;
        while (isalnum((unsigned char)**p) && n < sizeof name - 1)
            name[n++] = *(*p)++;
        name[n] = 0;
        acn_dtype dtype = acn_dtype_from_name(name);
        if (dtype == ACN_UNDEFINED) return false;
        *out |= ACN_T(dtype);
    } while (take(p, '+'));
    return true;
}

/* "@0..4": strtod would swallow "0." of "0..4", so the ends are cut out first. */
static bool read_range(const char **p, shape *s) {
    const char *dots = strstr(*p, "..");
    char low[24] = "";
    if (!dots || dots - *p >= (int)sizeof low) return false;
    memcpy(low, *p, (size_t)(dots - *p));
    s->low = strtod(low, NULL);
    *p = dots + 2;
    s->has_range = true;
    return read_number(p, &s->high);
}

static bool read_shape(const char **p, shape *s) {
    memset(s, 0, sizeof *s);
    if (**p != '[' && !read_types(p, &s->types)) return false;
    if (!take(p, '[')) return false;
    while (!take(p, ']')) {
        if (s->rank == ACN_MAX_DIMS || !isdigit((unsigned char)**p)) return false;
        s->dims[s->rank++] = strtoll(*p, (char **)p, 10);
        if (**p != ']' && !take(p, ',')) return false;
    }
    if (take(p, ':') && !take_text(p, "strided") && !take_text(p, "broadcast")) return false;
    return !take(p, '@') || read_range(p, s);
}

static bool read_list(const char **p, operand *o) {
    o->kind = TENSORS;
    o->is_list = true;
    while (!take(p, '}')) {
        if (o->count == MAX_MEMBERS || !read_shape(p, &o->member[o->count])) return false;
        o->count++;
        if (**p != '}' && !take(p, ',')) return false;
    }
    return true;
}

static bool is_end(char c) { return c == 0 || c == ',' || c == '|' || isspace((unsigned char)c); }

static bool read_scalar(const char **p, operand *o) {
    const char *begin = *p;
    double value;
    if (take_text(p, "true") || take_text(p, "false")) {
        o->scalar = (acn_scalar){.dtype = ACN_BOOL, .i = *begin == 't'};
    } else if (!read_number(p, &value)) {
        return false;
    } else if (memchr(begin, '.', (size_t)(*p - begin)) ||
               memchr(begin, 'e', (size_t)(*p - begin)) ||
               memchr(begin, 'f', (size_t)(*p - begin))) { /* inf */
        o->scalar = (acn_scalar){.dtype = ACN_F64, .f = value};
    } else {
        o->scalar = (acn_scalar){.dtype = ACN_I64, .i = strtoll(begin, NULL, 10)};
    }
    o->kind = SCALAR;
    return is_end(**p) || **p == '-'; /* "->" may follow */
}

static bool read_operand(const char **p, operand *o) {
    memset(o, 0, sizeof *o);
    if (**p == '-' && is_end((*p)[1])) return take(p, '-');
    if (take(p, '{')) return read_list(p, o);
    if (isdigit((unsigned char)**p) || **p == '-' || strncmp(*p, "true", 4) == 0 ||
        strncmp(*p, "false", 5) == 0 || strncmp(*p, "inf", 3) == 0)
        return read_scalar(p, o);
    o->kind = TENSORS;
    o->count = 1;
    return read_shape(p, &o->member[0]);
}

static void read_word(const char **p, char *out, size_t bytes, const char *stops) {
    size_t n = 0;
    while (**p && !isspace((unsigned char)**p) && !strchr(stops, **p) && n < bytes - 1)
        out[n++] = *(*p)++;
    out[n] = 0;
}

static bool read_attribute(const char **p, attribute *a) {
    memset(a, 0, sizeof *a);
    read_word(p, a->name, sizeof a->name, "=");
    if (!take(p, '=')) return false;
    if (!take(p, '[')) {
        read_word(p, a->text, sizeof a->text, ",|");
        return true;
    }
    a->is_list = true;
    while (!take(p, ']')) {
        if (a->count == MAX_LIST) return false;
        read_word(p, a->item[a->count++], sizeof a->item[0], ",]");
        if (**p != ']' && !take(p, ',')) return false;
    }
    return true;
}

static bool read_case(const char **p, test_case *c) {
    c->in_count = c->out_count = c->attr_count = 0;
    bool has_inputs = **p != '|' && strncmp(*p, "->", 2) != 0;
    while (has_inputs) {
        if (c->in_count == MAX_OPERANDS || !read_operand(p, &c->in[c->in_count++])) return false;
        has_inputs = take(p, ',');
    }
    if (take_text(p, "->")) {
        do {
            if (c->out_count == MAX_OPERANDS || !read_operand(p, &c->out[c->out_count++]))
                return false;
        } while (take(p, ','));
    }
    if (take(p, '|')) {
        do {
            if (c->attr_count == ACN_MAX_ATTRS || !read_attribute(p, &c->attr[c->attr_count++]))
                return false;
        } while (take(p, '|') || take(p, ','));
    }
    return **p == 0 || isspace((unsigned char)**p);
}

static bool read_setting(const char **p, test_case *c) {
    if (!take_text(p, "tolerance=")) return false;
    c->tolerance = take_text(p, "elementwise")   ? ELEMENTWISE
                   : take_text(p, "relative")    ? RELATIVE
                   : take_text(p, "compound")    ? COMPOUND
                   : take_text(p, "reduction")   ? REDUCTION
                   : take_text(p, "contraction") ? CONTRACTION
                                                 : (tolerance)-1;
    return c->tolerance != (tolerance)-1;
}

int next_case(const char **cursor, test_case *c) {
    for (;;) {
        while (isspace((unsigned char)**cursor))
            (*cursor)++;
        if (!**cursor) return 0;
        if (read_setting(cursor, c)) continue;
        const char *begin = *cursor;
        bool is_good = read_case(cursor, c);
        size_t length = strcspn(begin, " \t\n");
        if (is_good) length = (size_t)(*cursor - begin);
        snprintf(c->text, sizeof c->text, "%.*s", (int)length, begin);
        return is_good ? 1 : -1;
    }
}

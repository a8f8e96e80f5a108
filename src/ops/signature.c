/* signature.c - see signature.h. Rows are read when a type is asked for: a call by type looks up
 * names anyway, and a graph does so once. */
#include "ops/signature.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ----------------------------------------------------------------------------------- */

/* Copies the next word of *|at|, up to a blank; false at the end. */
static bool next_word(const char **at, char *word, size_t bytes) {
    while (**at == ' ')
        (*at)++;
    size_t n = strcspn(*at, " ");
    if (n == 0) return false;
    snprintf(word, bytes, "%.*s", (int)n, *at);
    *at += n;
    return true;
}

static int find_input(const acn_op *op, const char *name) {
    for (int s = 0; s < ACN_MAX_INPUTS && op->in[s].name; s++)
        if (strcmp(op->in[s].name, name) == 0) return s;
    return -1;
}

static int find_attr(const acn_op *op, const char *name) {
    for (int s = 0; s < ACN_MAX_ATTRS && op->attr[s].name; s++)
        if (strcmp(op->attr[s].name, name) == 0) return s;
    return -1;
}

static bool aim(const acn_op *op, const char *own_name, acn_signature_slot *out) {
    int input = find_input(op, own_name), attr = find_attr(op, own_name);
    out->target = input >= 0 ? ACN_TO_INPUT : ACN_TO_ATTR;
    out->slot = input >= 0 ? input : attr;
    return out->slot >= 0;
}

/* "slot", "slot@space", "slot@not" or "slot@sides". */
static bool read_target(const acn_op *op, const char *word, acn_signature_slot *out) {
    char own_name[ACN_SIGNATURE_NAME_BYTES];
    size_t n = strcspn(word, "@");
    snprintf(own_name, sizeof own_name, "%.*s", (int)n, word);
    if (strcmp(word + n, "@space") == 0)
        out->form = ACN_FORM_SPACE;
    else if (strcmp(word + n, "@not") == 0)
        out->form = ACN_FORM_NOT;
    else if (strcmp(word + n, "@sides") == 0)
        out->form = ACN_FORM_SIDES;
    else if (word[n])
        return false;
    return aim(op, own_name, out);
}

/* "name", "name=slot", "name=-", "name=!" or "name==value". */
static bool read_slot(const acn_op *op, const char *word, acn_signature_slot *out) {
    size_t n = strcspn(word, "=");
    const char *rest = word[n] ? word + n + 1 : word;
    *out = (acn_signature_slot){.slot = -1};
    snprintf(out->name, sizeof out->name, "%.*s", (int)n, word);
    if (strcmp(rest, "-") == 0) {
        out->target = ACN_TO_NOTHING;
    } else if (strcmp(rest, "!") == 0 || *rest == '=') {
        out->target = ACN_TO_REFUSAL;
        if (*rest == '=') {
            snprintf(out->value, sizeof out->value, "%s", rest + 1);
            out->slot = find_attr(op, out->name);
        }
    } else {
        return read_target(op, rest, out);
    }
    return true;
}

/* ---- types ----------------------------------------------------------------------------------- */

static int compare_types(const void *type, const void *row) {
    return strcmp(type, ((const acn_signature_row *)row)->type);
}

static acn_status misfit(const acn_signature_row *row, const char *word) {
    return acn_fail(ACN_INTERNAL, "the row of %s says \"%s\", which operator %s does not have",
                    row->type, word, row->op);
}

static acn_status read_inputs(const acn_signature_row *row, acn_signature *out) {
    char word[2 * ACN_SIGNATURE_NAME_BYTES];
    for (const char *at = row->inputs; next_word(&at, word, sizeof word); out->input_count++)
        if (out->input_count == ACN_SIGNATURE_INPUTS ||
            !read_slot(out->op, word, &out->input[out->input_count]))
            return misfit(row, word);
    return ACN_OK;
}

static void own_inputs(acn_signature *out) {
    for (int s = 0; s < ACN_MAX_INPUTS && out->op->in[s].name; s++) {
        acn_signature_slot *slot = &out->input[out->input_count++];
        *slot = (acn_signature_slot){.target = ACN_TO_INPUT, .slot = s};
        snprintf(slot->name, sizeof slot->name, "%s", out->op->in[s].name);
    }
}

acn_status acn_signature_find(const char *type, acn_signature *out) {
    const acn_signature_row *row = bsearch(
        type, acn_signature_rows, (size_t)acn_signature_row_count, sizeof *row, compare_types);
    *out = (acn_signature){.op = acn_op_find(row ? row->op : type)};
    out->attr_words = row ? row->attrs : "";
    if (!out->op)
        return acn_fail(ACN_OP_NOT_FOUND,
                        "operator %s is unknown; `anycann ops` lists those that exist", type);
    if (row) return read_inputs(row, out);
    own_inputs(out);
    return ACN_OK;
}

acn_status acn_signature_attr(const acn_signature *signature, const char *name,
                              acn_signature_slot *out) {
    char word[2 * ACN_SIGNATURE_NAME_BYTES];
    for (const char *at = signature->attr_words; next_word(&at, word, sizeof word);)
        if (read_slot(signature->op, word, out) && strcmp(out->name, name) == 0) return ACN_OK;
    int slot = find_attr(signature->op, name);
    if (slot < 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "operator %s has no attribute %s; `anycann ops %s` lists them",
                        signature->op->name, name, signature->op->name);
    *out = (acn_signature_slot){.target = ACN_TO_ATTR, .slot = slot};
    snprintf(out->name, sizeof out->name, "%s", name);
    return ACN_OK;
}

/* ---- forms ----------------------------------------------------------------------------------- */

static acn_status form_space(acn_call *c, const acn_signature_slot *slot, acn_attr_value *v) {
    const int64_t *items = v->items;
    int spatial = find_attr(c->op, "spatial");
    if (v->count < 3 || items[0] != 1 || items[1] != 1)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "attribute %s has %lld numbers; expected 1 for batch and channels, then "
                        "one for each dimension of space",
                        slot->name, (long long)v->count);
    v->items = items + 2;
    v->count -= 2;
    if (spatial < 0) return ACN_OK;
    c->attr[spatial].i = v->count;
    c->attr[spatial].is_present = true;
    return ACN_OK;
}

static acn_status form_sides(acn_call *c, acn_attr_value *v) {
    const int64_t *items = v->items;
    int64_t half = v->count / 2;
    int64_t *pairs = acn_arena_alloc(&c->arena, ((size_t)v->count + 1) * sizeof *pairs);
    if (pairs == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for an attribute");
    for (int64_t i = 0; i < 2 * half; i++)
        pairs[i] = items[i / 2 + i % 2 * half];
    if (v->count % 2) return ACN_OK; /* no sides: the operator tells */
    v->items = pairs;
    return ACN_OK;
}

acn_status acn_signature_form_attr(acn_call *c, const acn_signature_slot *slot) {
    acn_attr_value *v = &c->attr[slot->slot];
    switch (slot->form) {
    case ACN_FORM_SPACE:
        return form_space(c, slot, v);
    case ACN_FORM_SIDES:
        return form_sides(c, v);
    case ACN_FORM_NOT:
        v->i = !v->i;
        return ACN_OK;
    default:
        return ACN_OK;
    }
}

bool acn_signature_wants_nchw(const acn_signature *signature) {
    return strstr(signature->attr_words, "data_format==NC") != NULL;
}

acn_status acn_signature_check_rows(void) {
    for (int i = 0; i < acn_signature_row_count; i++) {
        const acn_signature_row *row = &acn_signature_rows[i];
        acn_signature signature;
        acn_signature_slot slot;
        char word[2 * ACN_SIGNATURE_NAME_BYTES];
        ACN_TRY(acn_signature_find(row->type, &signature));
        for (const char *at = row->attrs; next_word(&at, word, sizeof word);)
            if (!read_slot(signature.op, word, &slot)) return misfit(row, word);
    }
    return ACN_OK;
}

/* ---- constants ------------------------------------------------------------------------------- */

static acn_scalar scalar_of(const acn_tensor *t, int64_t i) {
    acn_value v = acn_load_value(acn_tensor_at(t, i), t->dtype);
    acn_scalar s = {.dtype = t->dtype, .i = v.i};
    if (acn_dtype_is_float(t->dtype)) s.f = v.f;
    if (acn_dtype_is_complex(t->dtype)) s.c[0] = v.f, s.c[1] = v.im;
    return s;
}

static size_t item_bytes(acn_attr_kind kind) {
    switch (kind) {
    case ACN_ATTR_INTS:
        return sizeof(int64_t);
    case ACN_ATTR_FLOATS:
        return sizeof(float);
    case ACN_ATTR_BOOLS:
        return sizeof(uint8_t);
    case ACN_ATTR_SCALARS:
        return sizeof(acn_scalar);
    default:
        return 0;
    }
}

static void set_item(acn_attr_kind kind, void *items, int64_t i, const acn_scalar *s) {
    if (kind == ACN_ATTR_INTS)
        ((int64_t *)items)[i] = acn_scalar_i64(s);
    else if (kind == ACN_ATTR_FLOATS)
        ((float *)items)[i] = (float)acn_scalar_f64(s);
    else if (kind == ACN_ATTR_BOOLS)
        ((uint8_t *)items)[i] = acn_scalar_f64(s) != 0;
    else
        ((acn_scalar *)items)[i] = *s;
}

acn_status acn_call_set_constant(acn_call *c, int slot, const acn_tensor *constant) {
    acn_attr_kind kind = c->op->attr[slot].kind;
    acn_attr_value *v = &c->attr[slot];
    int64_t count = acn_tensor_count(constant);
    size_t bytes = item_bytes(kind);
    char text[160];
    if (kind == ACN_ATTR_STRING || (bytes == 0 && count != 1))
        return acn_bad_attr(c, slot, "is a tensor of %s; expected one number",
                            acn_tensor_describe(constant, text, sizeof text));
    if (bytes == 0) {
        acn_scalar s = scalar_of(constant, 0);
        acn_attr_set_scalar(kind, v, &s);
    } else {
        void *items = acn_arena_alloc(&c->arena, (size_t)count * bytes);
        if (!items)
            return acn_fail(ACN_BAD_ALLOC, "no host memory for %lld numbers", (long long)count);
        for (int64_t i = 0; i < count; i++) {
            acn_scalar s = scalar_of(constant, i);
            set_item(kind, items, i, &s);
        }
        v->items = items;
        v->count = count;
    }
    v->is_present = true;
    return ACN_OK;
}

/* signature_attrs.c - GE's attributes become those of the operator behind a type; see signature.h.
 */
#include "ops/signature.h"

#include <stdlib.h>
#include <string.h>

static acn_status fill_list_attr(acn_call *c, const acn_given *attr, size_t item_bytes,
                                 acn_attr_value *v) {
    v->count = attr->count;
    v->items = acn_arena_copy(&c->arena, attr->items, (size_t)attr->count * item_bytes);
    return v->items ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for an attribute");
}

static acn_status fill_attr(acn_call *c, int slot, const acn_given *attr) {
    acn_attr_value *v = &c->attr[slot];
    acn_attr_kind wanted = c->op->attr[slot].kind;
    bool is_number = attr->kind == ACN_GIVEN_INT || attr->kind == ACN_GIVEN_FLOAT;
    bool is_float = attr->kind == ACN_GIVEN_FLOAT;
    v->is_present = true;
    switch (wanted) {
    case ACN_ATTR_INT:
    case ACN_ATTR_BOOL:
    case ACN_ATTR_DTYPE:
        v->i = attr->i;
        if (is_number && !is_float) return ACN_OK;
        break;
    case ACN_ATTR_FLOAT:
        v->f = attr->f;
        if (is_number) return ACN_OK;
        break;
    case ACN_ATTR_SCALAR:
        v->scalar = is_float ? (acn_scalar){.dtype = ACN_F32, .f = attr->f}
                             : (acn_scalar){.dtype = ACN_I64, .i = attr->i};
        if (is_number) return ACN_OK;
        break;
    case ACN_ATTR_STRING:
        v->text = attr->kind == ACN_GIVEN_TEXT
                      ? acn_arena_copy(&c->arena, attr->items, strlen(attr->items) + 1)
                      : NULL;
        if (v->text) return ACN_OK;
        break;
    case ACN_ATTR_INTS:
        if (attr->kind == ACN_GIVEN_INTS) return fill_list_attr(c, attr, sizeof(int64_t), v);
        break;
    case ACN_ATTR_FLOATS:
        if (attr->kind == ACN_GIVEN_FLOATS) return fill_list_attr(c, attr, sizeof(float), v);
        break;
    case ACN_ATTR_BOOLS:
        if (attr->kind == ACN_GIVEN_BOOLS) return fill_list_attr(c, attr, 1, v);
        break;
    default:
        break;
    }
    v->is_present = false;
    return acn_fail(ACN_INVALID_ARGUMENT, "attribute %s of operator %s has another type",
                    attr->name, c->op->name);
}

static bool is_listed(const char *values, const char *text) {
    size_t n = strlen(text);
    for (const char *at = values; (at = strstr(at, text)) != NULL && n; at += n)
        if ((at == values || at[-1] == '/') && (at[n] == '/' || !at[n])) return true;
    return false;
}

/* An attribute of which only some values are supported. */
static acn_status check_value(const char *type, const acn_signature_slot *slot,
                              const acn_given *attr) {
    bool is_number = attr->kind == ACN_GIVEN_INT || attr->kind == ACN_GIVEN_FLOAT;
    bool is_right = is_number                      ? strtod(slot->value, NULL) == attr->f
                    : attr->kind == ACN_GIVEN_TEXT ? is_listed(slot->value, attr->items)
                                                   : attr->count == 0;
    if (is_right) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "attribute %s of %s is only supported as %s", slot->name,
                    type, slot->value);
}

acn_status acn_signature_give(const char *type, const acn_signature_slot *slot, acn_call *c,
                              const acn_given *given) {
    switch (slot->target) {
    case ACN_TO_ATTR:
        ACN_TRY(fill_attr(c, slot->slot, given));
        return acn_signature_form_attr(c, slot);
    case ACN_TO_REFUSAL:
        ACN_TRY(check_value(type, slot, given));
        return slot->slot >= 0 ? fill_attr(c, slot->slot, given) : ACN_OK;
    default:
        return ACN_OK;
    }
}

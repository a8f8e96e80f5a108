/* ge_node.c - a node of the graph engine as a call of the operator behind its type. */
#include "graph/import/ge.h"

#include "base/report.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

acn_status acn_ge_bad(const acn_ge_call *c, const char *format, ...) {
    char what[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return acn_fail(ACN_INVALID_ARGUMENT, "node \"%s\" (%s): %s", c->node->name, c->node->type,
                    what);
}

/* What failed below, under the node's name. */
static acn_status in_node(const acn_ge_call *c, acn_status status) {
    char *text = status == ACN_OK ? NULL : acn_error_clone();
    if (text && strncmp(text, "node ", 5) != 0)
        status = acn_fail(status, "node \"%s\" (%s): %s", c->node->name, c->node->type, text);
    free(text);
    return status;
}

int64_t acn_ge_int(const acn_ge_call *c, const char *attr, int64_t fallback) {
    const acn_ge_attr *a = acn_ge_attr_find(c->node, attr);
    return a && a->given.kind == ACN_GIVEN_INT ? a->given.i : fallback;
}

double acn_ge_float(const acn_ge_call *c, const char *attr, double fallback) {
    const acn_ge_attr *a = acn_ge_attr_find(c->node, attr);
    bool is_number =
        a && (a->given.kind == ACN_GIVEN_INT || a->given.kind == ACN_GIVEN_FLOAT) && !a->tensor;
    return is_number ? a->given.f : fallback;
}

acn_status acn_ge_axis(const acn_ge_call *c, int64_t axis, int rank, int *out) {
    int64_t least = rank ? -rank : -1, most = rank ? rank - 1 : 0;
    if (axis < least || axis > most)
        return acn_ge_bad(c, "axis %lld is outside of %lld to %lld", (long long)axis,
                          (long long)least, (long long)most);
    *out = (int)(axis < 0 ? axis + (rank ? rank : 1) : axis);
    return ACN_OK;
}

static acn_status constant_ints(const acn_ge_call *c, int input, int most, int64_t *out,
                                int *out_count) {
    const acn_tensor *t = &c->in[input]->tensor;
    int64_t count = acn_tensor_count(t);
    if (!t->data)
        return acn_ge_bad(c, "input %d depends on the data; it must be a constant", input);
    if (count > most) return acn_ge_bad(c, "input %d has %lld numbers", input, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        acn_value v = acn_load_value(acn_tensor_at(t, i), t->dtype);
        out[i] = acn_dtype_is_float(t->dtype) ? (int64_t)v.f : v.i;
    }
    *out_count = (int)count;
    return ACN_OK;
}

acn_status acn_ge_ints(const acn_ge_call *c, int input, const char *attr, int most, int64_t *out,
                       int *out_count) {
    const acn_ge_attr *a = attr ? acn_ge_attr_find(c->node, attr) : NULL;
    *out_count = -1;
    if (input >= 0 && input < c->in_count && c->in[input])
        return constant_ints(c, input, most, out, out_count);
    if (a == NULL) return ACN_OK;
    if (a->given.kind == ACN_GIVEN_INT && !a->tensor) {
        out[0] = a->given.i;
        *out_count = 1;
        return ACN_OK;
    }
    if (a->given.kind != ACN_GIVEN_INTS || a->given.count > most)
        return acn_ge_bad(c, "attribute %s is no list of at most %d integers", attr, most);
    if (a->given.count) memcpy(out, a->given.items, (size_t)a->given.count * sizeof *out);
    *out_count = (int)a->given.count;
    return ACN_OK;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* How many of |given| positional inputs belong to a slot: one, or, for the list, what the other
 * slots leave over. */
static int share_of(const acn_signature *s, int slot, int given) {
    const acn_signature_slot *at = &s->input[slot];
    bool is_list = at->target == ACN_TO_INPUT && s->op->in[at->slot].flags & ACN_LIST;
    if (!is_list) return 1;
    int others = s->input_count - 1;
    return given > others ? given - others : 0;
}

static acn_status give_input(const acn_ge_call *c, acn_node_builder *b,
                             const acn_signature_slot *slot, acn_net_value **values, int count) {
    if (count == 0 || values[0] == NULL || slot->target == ACN_TO_NOTHING) return ACN_OK;
    if (slot->target == ACN_TO_REFUSAL)
        return acn_ge_bad(c, "input %s is not supported; leave it out", slot->name);
    if (slot->target == ACN_TO_INPUT) {
        acn_node_inputs(b, b->node->call.op->in[slot->slot].name, values, count);
        return b->status;
    }
    if (!acn_net_is_constant(values[0]))
        return acn_ge_bad(c, "input %s depends on the data; it must be a constant", slot->name);
    return acn_call_set_constant(&b->node->call, slot->slot, &values[0]->tensor);
}

static acn_status give_inputs(acn_ge_call *c, acn_node_builder *b, const acn_signature *s) {
    int at = 0;
    for (int i = 0; i < s->input_count; i++) {
        int share = share_of(s, i, c->in_count), left = c->in_count - at;
        if (share > left) share = left;
        ACN_TRY(give_input(c, b, &s->input[i], &c->in[at], share));
        at += share;
    }
    if (at < c->in_count)
        return acn_ge_bad(c, "it has %d inputs; the type has %d", c->in_count, at);
    return ACN_OK;
}

static acn_status check_inputs(const acn_ge_call *c) {
    acn_ge_port port;
    int i = 0;
    for (const char *at = c->type->inputs; acn_ge_next_port(&at, &port) && !port.is_list; i++)
        if (!port.is_optional && (i >= c->in_count || c->in[i] == NULL))
            return acn_ge_bad(c, "input %s is missing; connect it", port.name);
    return ACN_OK;
}

/* Images with their channels last would be taken for others. */
static acn_status check_images(const acn_ge_call *c, const acn_signature *s) {
    const acn_ge_node *node = c->node;
    if (!acn_signature_wants_nchw(s) || node->input_desc_count == 0) return ACN_OK;
    const char *layout = node->input_descs[0].layout;
    if (strcmp(layout, "NHWC") != 0 && strcmp(layout, "NDHWC") != 0) return ACN_OK;
    return acn_ge_bad(c,
                      "its input has format %s; images are supported with channels before space "
                      "(NCHW, NCDHW)",
                      layout);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool find_attr_type(const acn_ge_type *type, const char *name, acn_ge_attr_type *out) {
    for (const char *at = type->attrs; acn_ge_next_attr(&at, out);)
        if (strcmp(out->name, name) == 0) return true;
    return false;
}

/* "{1,1}" as a list; |most| items fit. */
static void read_items(const char *text, acn_given *out, int64_t most) {
    text += strspn(text, "{ ");
    while (*text && *text != '}' && out->count < most) {
        char *end = (char *)(uintptr_t)text + strcspn(text, ",}");
        if (out->kind == ACN_GIVEN_FLOATS)
            ((float *)out->items)[out->count++] = strtof(text, NULL);
        else if (out->kind == ACN_GIVEN_BOOLS)
            ((uint8_t *)out->items)[out->count++] = *text == 't';
        else
            ((int64_t *)out->items)[out->count++] = strtoll(text, NULL, 0);
        text = end + strspn(end, ", ");
    }
}

/* What the type says of an attribute that nobody sets; false: it says nothing. */
static bool read_fallback(acn_arena *arena, const acn_ge_attr_type *type, acn_given *out) {
    const char *text = type->fallback, *kind = type->kind;
    *out = (acn_given){.name = type->name};
    if (type->is_required || !*text) return false;
    if (strcmp(kind, "Bool") == 0) {
        out->i = *text == 't';
    } else if (strcmp(kind, "Int") == 0 || strcmp(kind, "Type") == 0) {
        out->i = strtoll(text, NULL, 0);
    } else if (strcmp(kind, "Float") == 0) {
        out->kind = ACN_GIVEN_FLOAT;
        out->f = (double)strtof(text, NULL);
        return true;
    } else if (strcmp(kind, "String") == 0) {
        out->kind = ACN_GIVEN_TEXT;
        out->items = acn_arena_copy(arena, text + 1, strlen(text));
        if (out->items) ((char *)out->items)[strlen(text) - 2] = '\0'; /* the quotes go */
        return out->items != NULL;
    } else if (strncmp(kind, "List", 4) == 0) {
        out->kind = kind[4] == 'F'   ? ACN_GIVEN_FLOATS
                    : kind[4] == 'B' ? ACN_GIVEN_BOOLS
                                     : ACN_GIVEN_INTS;
        out->items = acn_arena_alloc(arena, (strlen(text) + 1) * sizeof(int64_t));
        if (out->items) read_items(text, out, (int64_t)strlen(text));
        return out->items != NULL;
    } else {
        return false;
    }
    out->f = (double)out->i;
    return true;
}

static size_t item_bytes(acn_given_kind kind) {
    return kind == ACN_GIVEN_FLOATS ? sizeof(float) : kind == ACN_GIVEN_BOOLS ? 1 : sizeof(int64_t);
}

static bool is_same(const acn_given *a, const acn_given *b) {
    bool is_number = a->kind == ACN_GIVEN_INT || a->kind == ACN_GIVEN_FLOAT;
    if (is_number) return (float)a->f == (float)b->f && b->kind <= ACN_GIVEN_FLOAT;
    if (a->kind == ACN_GIVEN_TEXT)
        return b->kind == ACN_GIVEN_TEXT && strcmp(a->items, b->items) == 0;
    return a->count == b->count &&
           (a->count == 0 ||
            (a->kind == b->kind &&
             memcmp(a->items, b->items, (size_t)a->count * item_bytes(a->kind)) == 0));
}

/* A number beside tensors (Muls): a constant of the first input's type. */
static acn_status give_number(acn_ge_call *c, acn_node_builder *b, const acn_signature_slot *slot,
                              const acn_given *given) {
    acn_net_value *value;
    if (given->kind != ACN_GIVEN_INT && given->kind != ACN_GIVEN_FLOAT)
        return acn_ge_bad(c, "attribute %s is no number", given->name);
    acn_dtype dtype = c->in[0]->tensor.dtype;
    void *data = acn_arena_alloc(&c->net->arena, 16);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    acn_store_value(data, dtype, (acn_value){.f = given->f, .i = (int64_t)given->f});
    ACN_TRY(acn_net_constant(c->net, c->node->name, dtype, 0, NULL, data, &value));
    acn_node_input(b, b->node->call.op->in[slot->slot].name, value);
    return b->status;
}

/* Attributes that steer other parts of the graph engine mean nothing here. */
static acn_status leave_alone(const acn_ge_call *c, const acn_given *given) {
    acn_ge_attr_type type;
    acn_given fallback;
    if (find_attr_type(c->type, given->name, &type) &&
        !(read_fallback(&c->net->arena, &type, &fallback) && is_same(given, &fallback)))
        return acn_ge_bad(c, "attribute %s is only supported as %s", given->name,
                          type.is_required ? "absent" : type.fallback);
    if (given->name[0] != '_') acn_report_count(acn_report_open("hint", given->name), 0);
    return ACN_OK;
}

/* One attribute; |pass| 1 for those that say how others are meant. */
static acn_status give_attr(acn_ge_call *c, acn_node_builder *b, const acn_signature *s,
                            const acn_given *given, int pass) {
    acn_signature_slot slot;
    if (acn_signature_attr(s, given->name, &slot) != ACN_OK) {
        acn_error_clear();
        return pass == 0 ? leave_alone(c, given) : ACN_OK;
    }
    if (slot.form == ACN_FORM_SIDES)
        return pass == 1 ? acn_signature_form_attr(&b->node->call, &slot) : ACN_OK;
    if (pass == 1) return ACN_OK;
    if (slot.target == ACN_TO_INPUT) return give_number(c, b, &slot, given);
    return acn_signature_give(c->node->type, &slot, &b->node->call, given);
}

/* What the type says of attributes that the node does not have, where the operator has them. */
static acn_status give_fallbacks(acn_ge_call *c, acn_node_builder *b, const acn_signature *s) {
    acn_ge_attr_type type;
    acn_signature_slot slot;
    acn_given given;
    for (const char *at = c->type->attrs; acn_ge_next_attr(&at, &type);) {
        if (acn_ge_attr_find(c->node, type.name)) continue;
        if (acn_signature_attr(s, type.name, &slot) != ACN_OK)
            acn_error_clear();
        else if (slot.target == ACN_TO_ATTR && slot.form != ACN_FORM_SIDES &&
                 read_fallback(&c->net->arena, &type, &given))
            ACN_TRY(acn_signature_give(c->node->type, &slot, &b->node->call, &given));
    }
    return ACN_OK;
}

static acn_status give_attrs(acn_ge_call *c, acn_node_builder *b, const acn_signature *s) {
    ACN_TRY(give_fallbacks(c, b, s));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < c->node->attr_count; i++) {
            const acn_ge_attr *a = &c->node->attrs[i];
            if (!a->tensor && !a->is_other) ACN_TRY(give_attr(c, b, s, &a->given, pass));
        }
    return ACN_OK;
}

static acn_status check_attrs(const acn_ge_call *c) {
    acn_ge_attr_type type;
    for (const char *at = c->type->attrs; acn_ge_next_attr(&at, &type);)
        if (type.is_required && !acn_ge_attr_find(c->node, type.name))
            return acn_ge_bad(c, "attribute %s is required; set it", type.name);
    return ACN_OK;
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* Attributes that say which type outputs have; |output| NULL: the first one. */
static const struct {
    const char *attr, *output;
} dtype_attrs[] = {
    {"dst_type", NULL},         {"dtype", NULL},
    {"output_dtype", NULL},     {"out_type", NULL},
    {"y_dtype", "y"},           {"y2_dtype", "y2"},
    {"indice_dtype", "indice"}, {"indices_dtype", "indices"},
};

static acn_dtype told_dtype(const acn_ge_call *c, const char *name, int index) {
    for (size_t i = 0; i < sizeof dtype_attrs / sizeof *dtype_attrs; i++) {
        const char *output = dtype_attrs[i].output;
        if (output ? strcmp(output, name) != 0 : index != 0) continue;
        int64_t dtype = acn_ge_int(c, dtype_attrs[i].attr, ACN_UNDEFINED);
        if (dtype != ACN_UNDEFINED) return (acn_dtype)dtype;
    }
    return ACN_UNDEFINED;
}

static bool is_allowed(const acn_param *param, acn_dtype dtype) {
    return dtype >= 0 && dtype < ACN_DTYPE_COUNT && param->dtypes >> dtype & 1u;
}

/* What an output's type may be when nothing says it: that of an input, in order, then what the node
 * describes; -1 behind the last one. */
static acn_dtype candidate(const acn_ge_call *c, int index, const acn_param *param, int rank) {
    acn_dtypes seen = 0;
    for (int i = 0; i <= c->in_count; i++) {
        acn_dtype dtype = ACN_UNDEFINED;
        if (i < c->in_count && c->in[i]) dtype = c->in[i]->tensor.dtype;
        if (i == c->in_count && index < c->node->output_desc_count)
            dtype = c->node->output_descs[index].dtype;
        if (!is_allowed(param, dtype) || seen >> dtype & 1u) continue;
        seen |= (acn_dtypes)1 << dtype;
        if (rank-- == 0) return dtype;
    }
    if (rank == 0 && seen == 0 && param->dtypes) return (acn_dtype)__builtin_ctzll(param->dtypes);
    return ACN_UNDEFINED;
}

static acn_dtype output_dtype(const acn_ge_call *c, const acn_ge_port *port, int index,
                              const acn_param *param, int rank) {
    acn_dtype told = told_dtype(c, port->name, index);
    if (port->dtype >= 0) return (acn_dtype)port->dtype;
    if (told != ACN_UNDEFINED) return told;
    acn_dtype dtype = candidate(c, index, param, index == 0 ? rank : 0);
    return dtype != ACN_UNDEFINED ? dtype : candidate(c, index, param, 0);
}

/* All outputs that both the type and the operator have. */
static void want_outputs(const acn_ge_call *c, acn_node_builder *b, int rank) {
    const acn_op *op = b->node->call.op;
    acn_ge_port port;
    int count = 0;
    for (const char *at = c->type->outputs; acn_ge_next_port(&at, &port); count++) {
        if (count == ACN_MAX_OUTPUTS || !op->out[count].name) break;
        acn_dtype dtype = output_dtype(c, &port, count, &op->out[count], rank);
        acn_node_output(b, op->out[count].name, dtype, NULL);
    }
}

/* With candidate |rank| for the type of the first output. */
static acn_status build(acn_ge_call *c, const acn_signature *signature, int rank) {
    acn_node_builder b;
    acn_node_begin(&b, c->net, signature->op->name, c->node->name);
    if (b.status != ACN_OK) return b.status;
    acn_status status = check_images(c, signature);
    if (status == ACN_OK) status = give_inputs(c, &b, signature);
    if (status == ACN_OK) status = give_attrs(c, &b, signature);
    if (status == ACN_OK)
        want_outputs(c, &b, rank);
    else
        b.status = status;
    return acn_node_end(&b, c->out); /* releases the call in any case */
}

/* Operators say which type a result has by refusing others: Select's is not its condition's. What
 * the first candidate failed with is told. */
acn_status acn_ge_import_as(acn_ge_call *c, const char *type) {
    acn_signature signature;
    ACN_TRY(acn_signature_find(type, &signature));
    acn_status first = build(c, &signature, 0);
    if (first == ACN_OK) return ACN_OK;
    char *text = acn_error_clone();
    acn_status status = first;
    for (int rank = 1;
         status != ACN_OK && candidate(c, 0, &signature.op->out[0], rank) != ACN_UNDEFINED;
         rank++) {
        acn_error_clear();
        status = build(c, &signature, rank);
    }
    if (status != ACN_OK && text) {
        acn_error_clear();
        status = acn_fail(first, "%s", text);
    }
    free(text);
    return status;
}

static acn_status import_node(acn_ge_call *c) {
    ACN_TRY(check_inputs(c));
    ACN_TRY(check_attrs(c));
    ACN_FOR_EACH(ge_op, op) {
        if (strcmp(op->type, c->node->type) == 0) return op->import(c);
    }
    return acn_ge_import_as(c, c->node->type);
}

acn_status acn_ge_import_node(acn_ge_call *c) { return in_node(c, import_node(c)); }

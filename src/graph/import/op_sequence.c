/* op_sequence.c - sequences and optional values inside a model: lists that are gone once it is
 * imported, because what happens to them is known by then. An optional value is the value itself,
 * or none. */
#include "graph/import/compose.h"

#include <string.h>

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

static acn_status list_of(const acn_onnx_call *c, int i, const acn_onnx_list **out) {
    *out = input(c, i) ? acn_importer_list(c->importer, c->in[i]) : NULL;
    return *out ? ACN_OK : acn_onnx_bad(c, "input %d is no sequence", i);
}

/* Where an element is, or with |room| 1 where one may be put in. */
static acn_status place_of(const acn_onnx_call *c, int i, const acn_onnx_list *list, int room,
                           int fallback, int *out) {
    int64_t at;
    int count;
    ACN_TRY(acn_onnx_constant_ints(c, i, 1, &at, &count));
    if (count == 0) at = fallback;
    if (at < -list->count || at >= list->count + room)
        return acn_onnx_bad(c, "position %lld is not in a sequence of %d", (long long)at,
                            list->count);
    *out = (int)(at < 0 ? at + list->count : at);
    return ACN_OK;
}

static acn_status construct(acn_onnx_call *c) {
    for (int i = 0; i < c->in_count; i++)
        if (c->in[i] == NULL) return acn_onnx_bad(c, "input %d is missing", i);
    return acn_onnx_list_new(c, c->in, c->in_count, &c->out[0]);
}
ACN_ONNX(sequence_construct) = {
    .type = "SequenceConstruct", .required = ACN_ONNX_NONE, .import = construct};
ACN_ONNX(sequence_empty) = {
    .type = "SequenceEmpty", .required = ACN_ONNX_NONE, .import = construct};

static acn_status element_at(acn_onnx_call *c) {
    const acn_onnx_list *list;
    int at;
    ACN_TRY(list_of(c, 0, &list));
    ACN_TRY(place_of(c, 1, list, 0, 0, &at));
    c->out[0] = list->items[at];
    return ACN_OK;
}
ACN_ONNX(sequence_at) = {
    .type = "SequenceAt", .required = 2, .import = element_at, .takes_lists = true};

/* |put|: the element that comes in at |at|; NULL: the one there goes. */
static acn_status changed(acn_onnx_call *c, const acn_onnx_list *list, int at, acn_net_value *put) {
    acn_net_value **items =
        acn_arena_alloc(&c->net->arena, ((size_t)list->count + 1) * sizeof *items);
    if (items == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    memcpy(items, list->items, (size_t)at * sizeof *items);
    memcpy(items + at + (put != NULL), list->items + at + (put == NULL),
           (size_t)(list->count - at - (put == NULL)) * sizeof *items);
    if (put) items[at] = put;
    return acn_onnx_list_new(c, items, list->count + (put ? 1 : -1), &c->out[0]);
}

static acn_status insert(acn_onnx_call *c) {
    const acn_onnx_list *list;
    int at;
    ACN_TRY(list_of(c, 0, &list));
    ACN_TRY(place_of(c, 2, list, 1, list->count, &at));
    return changed(c, list, at, c->in[1]);
}
ACN_ONNX(sequence_insert) = {
    .type = "SequenceInsert", .required = 2, .import = insert, .takes_lists = true};

static acn_status erase(acn_onnx_call *c) {
    const acn_onnx_list *list;
    int at;
    ACN_TRY(list_of(c, 0, &list));
    ACN_TRY(place_of(c, 1, list, 0, list->count - 1, &at));
    return changed(c, list, at, NULL);
}
ACN_ONNX(sequence_erase) = {
    .type = "SequenceErase", .required = 1, .import = erase, .takes_lists = true};

static acn_status length(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_onnx_list *list;
    ACN_TRY(list_of(c, 0, &list));
    return acn_f_end(&f, acn_f_number(&f, list->count, ACN_I64), &c->out[0]);
}
ACN_ONNX(sequence_length) = {
    .type = "SequenceLength", .required = 1, .import = length, .takes_lists = true};

static acn_status concat_from(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_onnx_list *list;
    bool is_new = acn_onnx_int(c, "new_axis", 0);
    int axis;
    ACN_TRY(list_of(c, 0, &list));
    if (list->count == 0) return acn_onnx_bad(c, "its sequence is empty");
    int rank = list->items[0]->tensor.rank + is_new;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), rank, &axis));
    acn_net_value **items = (acn_net_value **)(void *)acn_arena_copy(
        &c->net->arena, list->items, (size_t)list->count * sizeof *items);
    if (items == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    for (int i = 0; i < list->count && is_new; i++)
        items[i] = acn_f_unsqueeze(&f, items[i], axis);
    return acn_f_end(&f, acn_f_concat(&f, items, list->count, axis), &c->out[0]);
}
ACN_ONNX(concat_from_sequence) = {
    .type = "ConcatFromSequence", .required = 1, .import = concat_from, .takes_lists = true};

/* Pieces of given sizes, of one size, or (by default) of 1, which may then lose their dimension. */
static acn_status split_to(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0], *sizes = input(c, 1);
    int axis, count = 0;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &axis));
    int64_t size = x->tensor.dims[axis], begin = 0;
    int64_t most = sizes ? acn_tensor_count(&sizes->tensor) : 1, dims[ACN_MAX_DIMS];
    bool is_list = sizes && sizes->tensor.rank == 1;
    int64_t *given = acn_arena_alloc(&c->net->arena, (size_t)(most + 1) * sizeof *given);
    acn_net_value **items = acn_arena_alloc(&c->net->arena, (size_t)(size + most) * sizeof *items);
    if (!given || !items) return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    given[0] = 1;
    if (sizes) ACN_TRY(acn_onnx_constant_ints(c, 1, (int)most, given, &count));
    for (int i = 0; is_list ? i < count : begin < size; i++) {
        int64_t piece = is_list ? given[i] : given[0] < size - begin ? given[0] : size - begin;
        if (piece < (is_list ? 0 : 1) || piece > size - begin)
            return acn_onnx_bad(c, "a piece of %lld is not in dimension %d of %lld",
                                (long long)piece, axis, (long long)size);
        items[i] = acn_f_part(&f, x, axis, begin, piece);
        begin += piece;
        count = i + 1;
    }
    if (begin != size) return acn_onnx_bad(c, "its pieces are not all of dimension %d", axis);
    for (int i = 0; i < count && !sizes && !acn_onnx_int(c, "keepdims", 1); i++) {
        int rank = 0;
        for (int d = 0; d < x->tensor.rank; d++)
            if (d != axis) dims[rank++] = x->tensor.dims[d];
        items[i] = acn_f_reshape(&f, items[i], rank, dims);
    }
    ACN_TRY(f.status);
    return acn_onnx_list_new(c, items, count, &c->out[0]);
}
ACN_ONNX(split_to_sequence) = {.type = "SplitToSequence", .import = split_to};

/* The body once for each element of the first sequence; others give theirs, tensors stay. */
static acn_status map(acn_onnx_call *c) {
    const acn_onnx_attr *body = acn_onnx_attr_find(c->node, "body");
    const acn_onnx_list *first, *list;
    acn_net_value *values[ACN_ONNX_MAX_TENSORS], *made[ACN_ONNX_MAX_TENSORS];
    acn_net_value **items[ACN_ONNX_MAX_TENSORS];
    ACN_TRY(list_of(c, 0, &first));
    if (!body || !body->graph) return acn_onnx_bad(c, "it has no body");
    for (int k = 0; k < c->out_count; k++) {
        items[k] = acn_arena_alloc(&c->net->arena, ((size_t)first->count + 1) * sizeof *items[k]);
        if (!items[k]) return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    }
    for (int i = 0; i < first->count; i++) {
        for (int k = 0; k < c->in_count; k++) {
            list = c->in[k] ? acn_importer_list(c->importer, c->in[k]) : NULL;
            if (list && list->count != first->count)
                return acn_onnx_bad(c, "its sequences have %d and %d elements", first->count,
                                    list->count);
            values[k] = list ? list->items[i] : c->in[k];
        }
        ACN_TRY(acn_onnx_inline(c, body->graph, values, c->in_count, made, c->out_count));
        for (int k = 0; k < c->out_count; k++)
            items[k][i] = made[k];
    }
    for (int k = 0; k < c->out_count; k++)
        ACN_TRY(acn_onnx_list_new(c, items[k], first->count, &c->out[k]));
    return ACN_OK;
}
ACN_ONNX(sequence_map) = {.type = "SequenceMap", .import = map, .takes_lists = true};

/* ---- optional values ------------------------------------------------------------------------- */

static acn_status itself(acn_onnx_call *c) {
    if (!input(c, 0)) return acn_onnx_bad(c, "it is an optional value that is never there");
    c->out[0] = c->in[0];
    return ACN_OK;
}
ACN_ONNX(optional) = {
    .type = "Optional", .required = ACN_ONNX_NONE, .import = itself, .takes_lists = true};
ACN_ONNX(optional_get_element) = {
    .type = "OptionalGetElement", .required = ACN_ONNX_NONE, .import = itself, .takes_lists = true};

static acn_status is_there(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    return acn_f_end(&f, acn_f_number(&f, input(c, 0) != NULL, ACN_BOOL), &c->out[0]);
}
ACN_ONNX(optional_has_element) = {.type = "OptionalHasElement",
                                  .required = ACN_ONNX_NONE,
                                  .import = is_there,
                                  .takes_lists = true};

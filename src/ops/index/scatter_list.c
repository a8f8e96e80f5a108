/* scatter_list.c - ScatterList: into each tensor of a list, where its index says along an axis,
 * goes its own part of the updates. Indices are [tensors], or [tensors, 2]: begin and length. */
#include "ops/index/bounds.h"
#include "ops/layout/copy.h"
#include <string.h>

enum { VAR, INDICE, UPDATES, MASK, REDUCE = 0, AXIS = 1 };

static acn_status read_axis(const acn_call *c, int *axis) {
    const acn_tensor *var = acn_in_at(c, VAR, 0), *updates = acn_in(c, UPDATES);
    int count = acn_in_count(c, VAR);
    const acn_attr_value *reduce = &c->attr[REDUCE];
    if (reduce->is_present && strcmp(reduce->text, "update") != 0)
        return acn_bad_attr(c, REDUCE, "is \"%s\"; expected \"update\"", reduce->text);
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), var->rank, axis));
    const acn_tensor *indice = acn_in(c, INDICE), *mask = acn_in(c, MASK);
    bool has_lengths = indice->rank == 2 && indice->dims[1] == 2;
    if ((indice->rank != 1 && !has_lengths) || indice->dims[0] != count)
        return acn_bad_input(c, INDICE, "expected [%d] or [%d, 2], one for each tensor", count,
                             count);
    if (mask && acn_tensor_count(mask) != count)
        return acn_bad_input(c, MASK, "expected one for each of the %d tensors", count);
    bool fits = updates->rank == var->rank + 1 && updates->dims[0] == count;
    for (int d = 0; fits && d < var->rank; d++)
        fits = d == *axis ? updates->dims[d + 1] <= var->dims[d]
                          : updates->dims[d + 1] == var->dims[d];
    if (!fits || updates->dtype != var->dtype)
        return acn_bad_input(c, UPDATES,
                             "expected %d parts of the tensors' type, of their shape or shorter in "
                             "dimension %d",
                             count, *axis);
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    int axis;
    if (acn_in_count(c, VAR) == 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "var has no tensors; expected at least one");
    const acn_tensor *first = acn_in_at(c, VAR, 0);
    if (first->rank < 1) return acn_bad_input(c, VAR, "expected at least one dimension");
    for (int i = 1; i < acn_in_count(c, VAR); i++)
        if (!acn_tensor_same_shape(acn_in_at(c, VAR, i), first) ||
            acn_in_at(c, VAR, i)->dtype != first->dtype)
            return acn_bad_input(c, VAR, "tensor %d differs from the first in shape or type", i);
    if (acn_out_count(c, 0) != acn_in_count(c, VAR))
        return acn_fail(ACN_INVALID_ARGUMENT, "the result has %d tensors; expected %d",
                        acn_out_count(c, 0), acn_in_count(c, VAR));
    for (int i = 0; i < acn_out_count(c, 0); i++)
        if (!acn_tensor_same_shape(acn_out_at(c, 0, i), first) ||
            acn_out_at(c, 0, i)->dtype != first->dtype)
            return acn_bad_output(c, 0, "tensor %d differs from the first in shape or type", i);
    return read_axis(c, &axis);
}

static int64_t number(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).i;
}

static bool is_masked(const acn_call *c, int i) {
    return acn_in(c, MASK) && !*(const uint8_t *)acn_tensor_at(acn_in(c, MASK), i);
}

/* Begin and length of part |i|. */
static acn_status part_range(const acn_call *c, int axis, int i, int64_t *begin, int64_t *length) {
    const acn_tensor *indice = acn_in(c, INDICE);
    int64_t most = acn_in(c, UPDATES)->dims[axis + 1], size = acn_in_at(c, VAR, i)->dims[axis];
    bool has_length = indice->rank == 2;
    *begin = number(indice, has_length ? 2 * i : i);
    *length = has_length ? number(indice, 2 * i + 1) : most;
    if (*length < 0 || *length > most)
        return acn_bounds_fail(c, INDICE, 0, acn_bounds_of(most + 1, false), *length, 2 * i + 1);
    if (*begin < 0 || *begin > size - *length)
        return acn_bounds_fail(c, INDICE, 0, acn_bounds_of(size - *length + 1, false), *begin,
                               has_length ? 2 * i : i);
    return ACN_OK;
}

/* Nothing is written unless all indices are right. */
static acn_status check_all(const acn_call *c, int axis) {
    int64_t begin, length;
    for (int i = 0; i < acn_in_count(c, VAR); i++)
        if (!is_masked(c, i)) ACN_TRY(part_range(c, axis, i, &begin, &length));
    return ACN_OK;
}

static void copy_views(const acn_tensor *to, const acn_tensor *from) {
    acn_copy copy;
    if (acn_tensor_count(to) > 0 && acn_copy_plan(&copy, to, from) == ACN_OK)
        acn_copy_run(&copy, to->data, from->data);
}

static void views_of(const acn_call *c, int axis, int i, int64_t begin, int64_t length,
                     acn_tensor *to, acn_tensor *from) {
    const acn_tensor *updates = acn_in(c, UPDATES);
    acn_tensor mine = acn_tensor_slice(updates, 0, i, 1);
    for (int d = 1; d < mine.rank; d++) {
        mine.dims[d - 1] = mine.dims[d];
        mine.strides[d - 1] = mine.strides[d];
    }
    mine.rank--;
    *from = acn_tensor_slice(&mine, axis, 0, length);
    *to = acn_tensor_slice(acn_out_at(c, 0, i), axis, begin, length);
}

static acn_status scatter(acn_call *c, void (*copy)(const acn_tensor *, const acn_tensor *)) {
    int axis;
    ACN_TRY(read_axis(c, &axis));
    ACN_TRY(check_all(c, axis));
    for (int i = 0; i < acn_in_count(c, VAR); i++) {
        int64_t begin, length;
        acn_tensor to, from;
        if (acn_out_at(c, 0, i)->data != acn_in_at(c, VAR, i)->data)
            copy(acn_out_at(c, 0, i), acn_in_at(c, VAR, i));
        if (is_masked(c, i)) continue;
        ACN_TRY(part_range(c, axis, i, &begin, &length));
        views_of(c, axis, i, begin, length, &to, &from);
        copy(&to, &from);
    }
    return ACN_OK;
}

static acn_status run(acn_call *c) { return scatter(c, copy_views); }
static acn_status run0(acn_call *c) { return scatter(c, acn_copy_naive); }

ACN_OP(ScatterList) = {
    .name = "ScatterList",
    .doc = "Parts of the updates written into the tensors of a list, each at its own place",
    .in = {{"var", ACN_MOVABLE, ACN_LIST},
           {"indice", ACN_INDEX_TYPES},
           {"updates", ACN_MOVABLE, ACN_UNALIASED},
           {"mask", ACN_BOOLS | ACN_T(ACN_U8), ACN_OPTIONAL}},
    .out = {{"var", ACN_MOVABLE, ACN_LIST}},
    .attr = {{"reduce", ACN_ATTR_STRING}, {.name = "axis", .kind = ACN_ATTR_INT, .fallback = -2}},
    .infer = infer,
    .run = run,
    .run0 = run0,
    .cases = "{[2,5,4],[2,5,4]},i64[2]@0..3,[2,2,2,4]->{[2,5,4],[2,5,4]} "
             "{[2,5,4],[2,5,4]},i32[2]@0..3,[2,2,5,1],bool[2]->{[2,5,4],[2,5,4]}|axis=-1 "
             "{f32[2,5,4],f32[2,5,4]},i64[2,2]@0..2,[2,2,3,4]->{f32[2,5,4],f32[2,5,4]}",
};

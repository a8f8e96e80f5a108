/* gather_batch.c - GatherV3: slices of each batch by the batch's own indices. The first
 * |batch_dims| dimensions of both are batches:
 *
 *   x[batch, before, size, behind]   indices[batch, places]   y[batch, before, places, behind]
 *
 * Without batches it is GatherV2; with them an element-by-element gather over views that repeat. */
#include "ops/index/bounds.h"
#include "ops/layout/copy.h"
#include "ops/steps.h"
#include <string.h>

enum { X, INDICES, AXIS = 0, BATCH_DIMS = 1 };

typedef struct batched {
    int axis, batches;
    int64_t part[4]; /* of x: batch, before, size, behind */
    int64_t places;  /* indices of a batch */
    int rank;
    int64_t dims[ACN_MAX_DIMS];
} batched;

static acn_status read_batched(const acn_call *c, batched *b) {
    const acn_tensor *x = acn_in(c, X), *indices = acn_in(c, INDICES);
    *b = (batched){.part = {1, 1, 1, 1}, .places = 1};
    if (x->rank < 1) return acn_bad_input(c, X, "expected at least one dimension");
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &b->axis));
    int64_t batches = acn_attr_int(c, BATCH_DIMS);
    if (batches < 0) batches += indices->rank;
    if (batches < 0 || batches > b->axis || batches > indices->rank)
        return acn_bad_attr(
            c, BATCH_DIMS, "is %lld; expected at most the axis, %d, and the indices' %d dimensions",
            (long long)acn_attr_int(c, BATCH_DIMS), b->axis, indices->rank);
    b->batches = (int)batches;
    for (int d = 0; d < b->batches; d++)
        if (indices->dims[d] != x->dims[d])
            return acn_bad_input(c, INDICES, "expected %lld batches in dimension %d",
                                 (long long)x->dims[d], d);
    b->rank = x->rank - 1 + indices->rank - b->batches;
    if (b->rank > ACN_MAX_DIMS)
        return acn_bad_input(c, INDICES, "gives a result of %d dimensions; expected at most %d",
                             b->rank, ACN_MAX_DIMS);
    int at = 0;
    for (int d = 0; d < x->rank; d++) {
        b->part[d < b->batches ? 0 : d < b->axis ? 1 : d == b->axis ? 2 : 3] *= x->dims[d];
        if (d != b->axis) b->dims[at++] = x->dims[d];
        for (int i = b->batches; d == b->axis && i < indices->rank; i++) {
            b->dims[at++] = indices->dims[i];
            b->places *= indices->dims[i];
        }
    }
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    batched b;
    ACN_TRY(read_batched(c, &b));
    acn_out_is(c, 0, acn_in(c, X)->dtype, b.rank, b.dims);
    return ACN_OK;
}

/* |slot| in memory without gaps. */
static acn_tensor packed_in(acn_steps *s, const acn_call *c, int slot) {
    const acn_tensor *t = acn_in(c, slot);
    if (acn_tensor_is_contiguous(t)) return acn_steps_in(s, slot);
    acn_tensor room = acn_steps_room(s, t->dtype, t->rank, t->dims);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, slot), room);
    return room;
}

static acn_status plan(acn_call *c) {
    batched b;
    acn_steps *s;
    ACN_TRY(read_batched(c, &b));
    ACN_TRY(acn_steps_begin(c, &s));
    if (b.batches == 0) {
        acn_step_binary(s, "GatherV2", acn_steps_in(s, X), acn_steps_in(s, INDICES),
                        acn_steps_out(s, 0));
        acn_step_number(s, "axis", b.axis);
        return acn_steps_end(s);
    }
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor x = packed_in(s, c, X), indices = packed_in(s, c, INDICES), to = acn_steps_out(s, 0);
    bool is_packed = acn_tensor_is_contiguous(y);
    if (!is_packed) to = acn_steps_room(s, y->dtype, y->rank, y->dims);
    int64_t parts[] = {b.part[0], b.part[1], b.places, b.part[3]};
    int64_t own[] = {b.part[0], 1, b.places, 1};
    acn_tensor flat = acn_view_reshaped(&indices, 4, own);
    acn_step_binary(s, "GatherElements", acn_view_reshaped(&x, 4, b.part),
                    acn_tensor_broadcast(&flat, 4, parts), acn_view_reshaped(&to, 4, parts));
    acn_step_number(s, "dim", 2);
    if (!is_packed) acn_step_unary(s, "TensorMove", to, acn_steps_out(s, 0));
    return acn_steps_end(s);
}

static acn_status run0(acn_call *c) {
    batched b;
    ACN_TRY(read_batched(c, &b));
    const acn_tensor *x = acn_in(c, X), *indices = acn_in(c, INDICES), *y = acn_out(c, 0);
    acn_bounds size = acn_bounds_of(b.part[2], true);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t behind = i % b.part[3], place = i / b.part[3] % b.places;
        int64_t before = i / b.part[3] / b.places % b.part[1];
        int64_t batch = i / b.part[3] / b.places / b.part[1], at = batch * b.places + place;
        int64_t index = acn_load_value(acn_tensor_at(indices, at), indices->dtype).i;
        int64_t element = acn_bounds_wrap(size, index);
        if (element < 0) return acn_bounds_fail(c, INDICES, 0, size, index, at);
        int64_t from = ((batch * b.part[1] + before) * b.part[2] + element) * b.part[3] + behind;
        memcpy(acn_tensor_at(y, i), acn_tensor_at(x, from), acn_dtype_bytes(x->dtype));
    }
    return ACN_OK;
}

ACN_OP(GatherV3) = {
    .name = "GatherV3",
    .doc = "The slices of x along axis that indices name, batch by batch",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"indices", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"axis", ACN_ATTR_INT}, {"batch_dims", ACN_ATTR_INT}, {"mode", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "[6,7],i64[4]@-6..5|axis=0 [3,6,7],i32[3,4]@-6..5|axis=1,batch_dims=1 "
             "[2,3,4,5],i64[2,3,2]@0..3|axis=2,batch_dims=2 "
             "[2,3,4,5],i64[2,3]@0..4|axis=-1,batch_dims=1",
};

/* view.c - copies through views that only strides tell apart: Transpose, ReverseV2, Tile. */
#include "ops/layout/copy.h"

static acn_status plan_one(acn_call *c, int64_t from_offset, const acn_walk *walk) {
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    return acn_moves_add_walk(c, c->out_first[0], c->in_first[0], from_offset, walk);
}

/* ---- Transpose ----------------------------------------------------------------------------- */

static acn_status permutation(const acn_call *c, int *perm) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count;
    const int64_t *given = acn_attr_ints(c, 0, &count);
    if (count != x->rank)
        return acn_bad_attr(c, 0, "expected one entry for each of %d dimensions", x->rank);
    unsigned seen = 0;
    for (int d = 0; d < x->rank; d++) {
        ACN_TRY(acn_wrap_dim(c, 0, given[d], x->rank, &perm[d]));
        if (seen & 1u << perm[d])
            return acn_bad_attr(c, 0, "expected every dimension once; %d comes twice", perm[d]);
        seen |= 1u << perm[d];
    }
    return ACN_OK;
}

static acn_status infer_transpose(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int perm[ACN_MAX_DIMS];
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(permutation(c, perm));
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[perm[d]];
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

static acn_status plan_transpose(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int perm[ACN_MAX_DIMS];
    ACN_TRY(permutation(c, perm));
    acn_tensor view = *x;
    for (int d = 0; d < x->rank; d++) {
        view.dims[d] = x->dims[perm[d]];
        view.strides[d] = x->strides[perm[d]];
    }
    acn_walk walk;
    acn_walk_init(&walk, 2, y->rank, y->dims);
    acn_walk_set(&walk, 0, y);
    acn_walk_set(&walk, 1, &view);
    return plan_one(c, 0, &walk);
}

static const acn_tensor *transpose_origin(const acn_call *c, int output, const int64_t *index,
                                          int64_t *from) {
    int64_t count;
    const int64_t *perm = acn_attr_ints(c, 0, &count);
    for (int d = 0; d < count; d++)
        from[perm[d] < 0 ? perm[d] + count : perm[d]] = index[d];
    return acn_in(c, 0);
}

static acn_status run0_transpose(acn_call *c) { return acn_moves_run0(c, transpose_origin); }

/* ---- ReverseV2 ----------------------------------------------------------------------------- */

static acn_status reversed_dims(const acn_call *c, unsigned *mask) {
    int64_t count;
    const int64_t *axes = acn_attr_ints(c, 0, &count);
    *mask = 0;
    for (int64_t i = 0; i < count; i++) {
        int dim;
        ACN_TRY(acn_wrap_dim(c, 0, axes[i], acn_in(c, 0)->rank, &dim));
        if (*mask & 1u << dim) return acn_bad_attr(c, 0, "dimension %d comes twice", dim);
        *mask |= 1u << dim;
    }
    return ACN_OK;
}

static acn_status infer_reverse(acn_call *c) {
    unsigned mask;
    ACN_TRY(reversed_dims(c, &mask));
    acn_out_like(c, 0, acn_in(c, 0)->dtype, acn_in(c, 0));
    return ACN_OK;
}

static acn_status plan_reverse(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    unsigned mask;
    ACN_TRY(reversed_dims(c, &mask));
    acn_walk walk;
    acn_walk_init(&walk, 2, y->rank, y->dims);
    acn_walk_set(&walk, 0, y);
    acn_walk_set(&walk, 1, x);
    int64_t offset = 0;
    for (int d = 0; d < x->rank; d++) {
        if (!(mask & 1u << d) || x->dims[d] == 0) continue;
        offset += (x->dims[d] - 1) * walk.strides[1][d];
        walk.strides[1][d] = -walk.strides[1][d];
    }
    return plan_one(c, offset, &walk);
}

static const acn_tensor *reverse_origin(const acn_call *c, int output, const int64_t *index,
                                        int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    unsigned mask = 0;
    (void)reversed_dims(c, &mask);
    for (int d = 0; d < x->rank; d++)
        from[d] = mask & 1u << d ? x->dims[d] - 1 - index[d] : index[d];
    return x;
}

static acn_status run0_reverse(acn_call *c) { return acn_moves_run0(c, reverse_origin); }

/* ---- Tile ---------------------------------------------------------------------------------- */

static acn_status infer_tile(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t rank, dims[ACN_MAX_DIMS];
    const int64_t *multiples = acn_attr_ints(c, 0, &rank);
    if (rank < x->rank || rank > ACN_MAX_DIMS)
        return acn_bad_attr(c, 0, "expected %d to %d numbers", x->rank, ACN_MAX_DIMS);
    for (int64_t d = 0; d < rank; d++) {
        int64_t own = d - (rank - x->rank);
        if (multiples[d] < 0) return acn_bad_attr(c, 0, "expected numbers of at least 0");
        dims[d] = multiples[d] * (own >= 0 ? x->dims[own] : 1);
    }
    acn_out_is(c, 0, x->dtype, (int)rank, dims);
    return ACN_OK;
}

static acn_status plan_tile(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t count, bytes = (int64_t)acn_dtype_bytes(x->dtype);
    const int64_t *multiples = acn_attr_ints(c, 0, &count);
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    for (int d = 0; d < y->rank; d++) {
        int own = d - (y->rank - x->rank);
        int64_t dim = own >= 0 ? x->dims[own] : 1;
        int64_t y_stride = y->strides[d] * bytes, x_stride = own >= 0 ? x->strides[own] * bytes : 0;
        acn_walk_push(&walk, multiples[d], (int64_t[]){y_stride * dim, 0});
        acn_walk_push(&walk, dim, (int64_t[]){y_stride, x_stride});
    }
    return plan_one(c, 0, &walk);
}

static const acn_tensor *tile_origin(const acn_call *c, int output, const int64_t *index,
                                     int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    int lead = acn_out(c, 0)->rank - x->rank;
    for (int d = 0; d < x->rank; d++)
        from[d] = index[d + lead] % x->dims[d];
    return x;
}

static acn_status run0_tile(acn_call *c) { return acn_moves_run0(c, tile_origin); }

ACN_OP(Transpose) = {
    .name = "Transpose",
    .doc = "y's dimension i is x's dimension perm[i]",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"perm", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer_transpose,
    .plan = plan_transpose,
    .run = acn_moves_run,
    .run0 = run0_transpose,
    .cases = "[65,70]|perm=[1,0] [3,40,50]|perm=[0,2,1] [7,5,3,2]|perm=[3,-2,0,1]",
};

ACN_OP(ReverseV2) = {
    .name = "ReverseV2",
    .doc = "y = x with the dimensions of axis in reverse order",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"axis", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer_reverse,
    .plan = plan_reverse,
    .run = acn_moves_run,
    .run0 = run0_reverse,
    .cases = "[6]|axis=[0] [3,4,5]|axis=[0,-1] [2,0]|axis=[0]",
};

ACN_OP(Tile) = {
    .name = "Tile",
    .doc = "y = x repeated multiples[i] times along dimension i",
    .in = {{"x", ACN_MOVABLE}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"multiples", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer_tile,
    .plan = plan_tile,
    .run = acn_moves_run,
    .run0 = run0_tile,
    .cases = "[3]|multiples=[4] [2,3]|multiples=[2,1,3] []|multiples=[5] [2]|multiples=[0]",
};

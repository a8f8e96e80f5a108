/* rearrange.c - ConfusionTranspose (a transpose, and a reshape before or after it) and
 * ChannelShuffle (channels of groups take turns): one copy between views. */
#include "ops/layout/copy.h"
#include <string.h>

/* ---- ConfusionTranspose ---------------------------------------------------------------------- */

enum { PERM, SHAPE, TRANSPOSE_FIRST };

static acn_status permutation(const acn_call *c, int rank, int *perm) {
    int64_t count;
    const int64_t *given = acn_attr_ints(c, PERM, &count);
    unsigned seen = 0;
    if (count != rank)
        return acn_bad_attr(c, PERM, "expected one entry for each of %d dimensions", rank);
    for (int d = 0; d < rank; d++) {
        ACN_TRY(acn_wrap_dim(c, PERM, given[d], rank, &perm[d]));
        if (seen >> perm[d] & 1) return acn_bad_attr(c, PERM, "%d comes twice", perm[d]);
        seen |= 1u << perm[d];
    }
    return ACN_OK;
}

/* What is transposed: x, or x in the shape that is given. */
static acn_status transposed(const acn_call *c, int *rank, int64_t *dims, int *perm) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count, product = 1;
    const int64_t *shape = acn_attr_ints(c, SHAPE, &count);
    if (count > ACN_MAX_DIMS)
        return acn_bad_attr(c, SHAPE, "expected at most %d dimensions", ACN_MAX_DIMS);
    for (int64_t d = 0; d < count; d++)
        product *= shape[d];
    if (product != acn_tensor_count(x))
        return acn_bad_attr(c, SHAPE, "expected as many elements as the input has");
    bool first = acn_attr_int(c, TRANSPOSE_FIRST);
    *rank = first ? x->rank : (int)count;
    memcpy(dims, first ? x->dims : shape, (size_t)*rank * sizeof *dims);
    return permutation(c, *rank, perm);
}

static acn_status infer_confusion(acn_call *c) {
    int rank, perm[ACN_MAX_DIMS];
    int64_t dims[ACN_MAX_DIMS], count, result[ACN_MAX_DIMS];
    ACN_TRY(transposed(c, &rank, dims, perm));
    const int64_t *shape = acn_attr_ints(c, SHAPE, &count);
    for (int d = 0; d < rank; d++)
        result[d] = dims[perm[d]];
    if (acn_attr_int(c, TRANSPOSE_FIRST))
        acn_out_is(c, 0, acn_in(c, 0)->dtype, (int)count, shape);
    else
        acn_out_is(c, 0, acn_in(c, 0)->dtype, rank, result);
    return ACN_OK;
}

static acn_status run0_confusion(acn_call *c);

static acn_status plan_confusion(acn_call *c) {
    acn_tensor x = *acn_in(c, 0), y = *acn_out(c, 0), view;
    int rank, perm[ACN_MAX_DIMS];
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(transposed(c, &rank, dims, perm));
    bool first = acn_attr_int(c, TRANSPOSE_FIRST);
    if (!acn_tensor_is_contiguous(first ? &y : &x)) { /* no strides for the other shape */
        c->plan->run = run0_confusion;
        return ACN_OK;
    }
    if (!first) acn_tensor_init(&x, x.data, x.dtype, rank, dims);
    view = x;
    for (int d = 0; d < rank; d++) {
        view.dims[d] = x.dims[perm[d]];
        view.strides[d] = x.strides[perm[d]];
    }
    if (first) acn_tensor_init(&y, y.data, y.dtype, rank, view.dims);
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    return acn_moves_add(c, c->out_first[0], &y, c->in_first[0], &view);
}

static acn_status run0_confusion(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int rank, perm[ACN_MAX_DIMS];
    int64_t dims[ACN_MAX_DIMS], index[ACN_MAX_DIMS];
    ACN_TRY(transposed(c, &rank, dims, perm));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t rest = i, linear = 0;
        for (int d = rank - 1; d >= 0; d--) {
            index[perm[d]] = rest % dims[perm[d]];
            rest /= dims[perm[d]];
        }
        for (int d = 0; d < rank; d++)
            linear = linear * dims[d] + index[d];
        memcpy(acn_tensor_at(y, i), acn_tensor_at(x, linear), acn_dtype_bytes(y->dtype));
    }
    return ACN_OK;
}

ACN_OP(ConfusionTransposeD) = {
    .name = "ConfusionTransposeD",
    .doc = "y = x transposed by perm and reshaped, or the other way round",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"perm", ACN_ATTR_INTS, .is_required = true},
             {"shape", ACN_ATTR_INTS, .is_required = true},
             {"transpose_first", ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer_confusion,
    .plan = plan_confusion,
    .run = acn_moves_run,
    .run0 = run0_confusion,
    .cases = "[2,3,4]|perm=[2,0,1],shape=[4,6],transpose_first=1 "
             "[4,6]|perm=[1,2,0],shape=[2,2,6],transpose_first=0 [5,7]|perm=[1,0],shape=[35]",
};

/* ---- ChannelShuffle -------------------------------------------------------------------------- */

static acn_status infer_shuffle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t groups = acn_attr_int(c, 0);
    if (x->rank < 3) return acn_bad_input(c, 0, "expected at least three dimensions");
    if (groups < 1 || x->dims[1] % groups)
        return acn_bad_attr(c, 0, "expected a divisor of %lld, the number of channels",
                            (long long)x->dims[1]);
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan_shuffle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t groups = acn_attr_int(c, 0), each = x->dims[1] / groups;
    int64_t bytes = (int64_t)acn_dtype_bytes(x->dtype);
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    for (int d = 0; d < x->rank; d++) {
        int64_t to = y->strides[d] * bytes, from = x->strides[d] * bytes;
        if (d != 1) {
            acn_walk_push(&walk, x->dims[d], (int64_t[]){to, from});
            continue;
        }
        acn_walk_push(&walk, each, (int64_t[]){to * groups, from});
        acn_walk_push(&walk, groups, (int64_t[]){to, from * each});
    }
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    return acn_moves_add_walk(c, c->out_first[0], c->in_first[0], 0, &walk);
}

static const acn_tensor *origin_shuffle(const acn_call *c, int output, const int64_t *index,
                                        int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t groups = acn_attr_int(c, 0);
    (void)output;
    memcpy(from, index, (size_t)x->rank * sizeof *from);
    from[1] = index[1] % groups * (x->dims[1] / groups) + index[1] / groups;
    return x;
}

static acn_status run0_shuffle(acn_call *c) { return acn_moves_run0(c, origin_shuffle); }

ACN_OP(ChannelShuffle) = {
    .name = "ChannelShuffle",
    .doc = "y = x whose channels take turns between groups",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"groups", ACN_ATTR_INT, .is_required = true}},
    .infer = infer_shuffle,
    .plan = plan_shuffle,
    .run = acn_moves_run,
    .run0 = run0_shuffle,
    .cases = "[2,6,5]|groups=2 [1,6,4,5]|groups=3 [2,4,0]|groups=2",
};

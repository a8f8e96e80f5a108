/* concat.c - tensors side by side (ConcatD) or stacked along a new dimension (Pack), and back again
 * (SplitVD). Inputs of mixed dtypes are promoted. */
#include "ops/layout/copy.h"

/* PyTorch's legacy: an empty 1-d tensor takes part in nothing. */
static bool is_skipped(const acn_tensor *t) { return t->rank == 1 && t->dims[0] == 0; }

static const acn_tensor *first_real(const acn_call *c) {
    for (int i = 0; i < acn_in_count(c, 0); i++)
        if (!is_skipped(acn_in_at(c, 0, i))) return acn_in_at(c, 0, i);
    return acn_in_at(c, 0, 0);
}

static acn_dtype promoted(const acn_call *c) {
    acn_dtype dtype = acn_in(c, 0)->dtype;
    for (int i = 1; i < acn_in_count(c, 0); i++) {
        acn_dtype other = acn_in_at(c, 0, i)->dtype;
        if (other != dtype) dtype = acn_dtype_promote(dtype, other);
    }
    return dtype;
}

/* A client's result may have any dtype: the copies convert. */
static void result_is(acn_call *c, int rank, const int64_t *dims) {
    acn_out_is(c, 0, acn_out(c, 0) ? acn_out(c, 0)->dtype : promoted(c), rank, dims);
}

static acn_status infer_concat(acn_call *c) {
    if (acn_in_count(c, 0) == 0) return acn_bad_input(c, 0, "expected at least one tensor");
    const acn_tensor *like = first_real(c);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), like->rank, &dim));
    if (like->rank == 0) return acn_bad_input(c, 0, "expected tensors of at least one dimension");
    int64_t dims[ACN_MAX_DIMS], total = 0;
    for (int d = 0; d < like->rank; d++)
        dims[d] = like->dims[d];
    char text[128];
    for (int i = 0; i < acn_in_count(c, 0); i++) {
        const acn_tensor *t = acn_in_at(c, 0, i);
        if (is_skipped(t)) continue;
        bool fits = t->rank == like->rank;
        for (int d = 0; fits && d < t->rank; d++)
            fits = d == dim || t->dims[d] == like->dims[d];
        if (!fits)
            return acn_bad_input(c, 0,
                                 "tensor %d is %s; expected the first one's shape except in "
                                 "dimension %d",
                                 i, acn_tensor_describe(t, text, sizeof text), dim);
        total += t->dims[dim];
    }
    dims[dim] = total;
    result_is(c, like->rank, dims);
    return ACN_OK;
}

static acn_status plan_concat(acn_call *c) {
    const acn_tensor *like = first_real(c), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), like->rank, &dim));
    if (!acn_moves_alloc(c, acn_in_count(c, 0)))
        return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    int64_t start = 0;
    for (int i = 0; i < acn_in_count(c, 0); i++) {
        const acn_tensor *t = acn_in_at(c, 0, i);
        if (is_skipped(t)) continue;
        acn_tensor part = acn_tensor_slice(y, dim, start, t->dims[dim]);
        ACN_TRY(acn_moves_add(c, c->out_first[0], &part, c->in_first[0] + i, t));
        start += t->dims[dim];
    }
    return ACN_OK;
}

static const acn_tensor *concat_origin(const acn_call *c, int output, const int64_t *index,
                                       int64_t *from) {
    const acn_tensor *like = first_real(c);
    int64_t dim = acn_attr_int(c, 0);
    if (dim < 0) dim += like->rank;
    for (int d = 0; d < like->rank; d++)
        from[d] = index[d];
    int i = 0;
    for (;; i++) {
        const acn_tensor *t = acn_in_at(c, 0, i);
        if (is_skipped(t)) continue;
        if (from[dim] < t->dims[dim]) return t;
        from[dim] -= t->dims[dim];
    }
}

static acn_status run0_concat(acn_call *c) { return acn_moves_run0(c, concat_origin); }

/* ---- Pack ---------------------------------------------------------------------------------- */

static acn_status infer_pack(acn_call *c) {
    if (acn_in_count(c, 0) == 0) return acn_bad_input(c, 0, "expected at least one tensor");
    const acn_tensor *like = acn_in(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), like->rank + 1, &dim));
    if (like->rank == ACN_MAX_DIMS)
        return acn_bad_input(c, 0, "expected at most %d dimensions", ACN_MAX_DIMS - 1);
    for (int i = 1; i < acn_in_count(c, 0); i++)
        if (!acn_tensor_same_shape(acn_in_at(c, 0, i), like))
            return acn_bad_input(c, 0, "tensor %d has another shape than the first one", i);
    int64_t dims[ACN_MAX_DIMS];
    for (int d = 0; d <= like->rank; d++)
        dims[d] = d < dim ? like->dims[d] : d == dim ? acn_in_count(c, 0) : like->dims[d - 1];
    result_is(c, like->rank + 1, dims);
    return ACN_OK;
}

static acn_status plan_pack(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), y->rank, &dim));
    if (!acn_moves_alloc(c, acn_in_count(c, 0)))
        return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    for (int i = 0; i < acn_in_count(c, 0); i++) {
        acn_tensor part = acn_tensor_slice(y, dim, i, 1);
        part.rank--;
        for (int d = dim; d < part.rank; d++) {
            part.dims[d] = part.dims[d + 1];
            part.strides[d] = part.strides[d + 1];
        }
        ACN_TRY(acn_moves_add(c, c->out_first[0], &part, c->in_first[0] + i, acn_in_at(c, 0, i)));
    }
    return ACN_OK;
}

static const acn_tensor *pack_origin(const acn_call *c, int output, const int64_t *index,
                                     int64_t *from) {
    int rank = acn_out(c, 0)->rank;
    int64_t dim = acn_attr_int(c, 0);
    if (dim < 0) dim += rank;
    for (int d = 0, n = 0; d < rank; d++)
        if (d != dim) from[n++] = index[d];
    return acn_in_at(c, 0, (int)index[dim]);
}

static acn_status run0_pack(acn_call *c) { return acn_moves_run0(c, pack_origin); }

/* ---- SplitVD ------------------------------------------------------------------------------- */

/* Sizes come as a list, as one size for all (the last takes what is left), or as a number of equal
 * pieces. */
static acn_status piece_size(const acn_call *c, int dim, int i, int64_t *size) {
    const acn_tensor *x = acn_in(c, 0);
    if (c->attr[0].is_present) {
        int64_t count;
        const int64_t *sizes = acn_attr_ints(c, 0, &count);
        if (count != acn_out_count(c, 0))
            return acn_bad_attr(c, 0, "expected one size for each of the %d outputs",
                                acn_out_count(c, 0));
        *size = sizes[i];
        return ACN_OK;
    }
    if (c->attr[3].is_present) {
        int64_t pieces = acn_attr_int(c, 3);
        if (pieces != acn_out_count(c, 0) || x->dims[dim] % pieces != 0)
            return acn_bad_attr(c, 3,
                                "is %lld for %d outputs and %lld elements; expected equal pieces",
                                (long long)pieces, acn_out_count(c, 0), (long long)x->dims[dim]);
        *size = x->dims[dim] / pieces;
        return ACN_OK;
    }
    int64_t all = acn_attr_int(c, 2), left = x->dims[dim] - all * i;
    *size = left < all ? left : all;
    return ACN_OK;
}

static acn_status infer_split(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 1, acn_attr_int(c, 1), x->rank, &dim));
    if (x->rank == 0) return acn_bad_input(c, 0, "expected at least one dimension");
    int64_t total = 0;
    for (int i = 0; i < acn_out_count(c, 0); i++) {
        const acn_tensor *y = acn_out_at(c, 0, i);
        int64_t size = 0;
        ACN_TRY(piece_size(c, dim, i, &size));
        bool fits = y->rank == x->rank && y->dtype == x->dtype;
        for (int d = 0; fits && d < x->rank; d++)
            fits = y->dims[d] == (d == dim ? size : x->dims[d]);
        char text[128];
        if (!fits)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "output %d is %s; expected the input's shape and dtype with size "
                            "%lld in dimension %d",
                            i, acn_tensor_describe(y, text, sizeof text), (long long)size, dim);
        total += size;
    }
    if (total != x->dims[dim])
        return acn_bad_input(c, 0, "expected the sizes' sum, %lld, in dimension %d",
                             (long long)total, dim);
    c->meta[0] = (acn_meta){.dtype = x->dtype, .rank = -1};
    return ACN_OK;
}

static acn_status plan_split(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 1, acn_attr_int(c, 1), x->rank, &dim));
    if (!acn_moves_alloc(c, acn_out_count(c, 0)))
        return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    int64_t start = 0;
    for (int i = 0; i < acn_out_count(c, 0); i++) {
        const acn_tensor *y = acn_out_at(c, 0, i);
        acn_tensor part = acn_tensor_slice(x, dim, start, y->dims[dim]);
        ACN_TRY(acn_moves_add(c, c->out_first[0] + i, y, c->in_first[0], &part));
        start += y->dims[dim];
    }
    return ACN_OK;
}

static const acn_tensor *split_origin(const acn_call *c, int output, const int64_t *index,
                                      int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t dim = acn_attr_int(c, 1);
    if (dim < 0) dim += x->rank;
    for (int d = 0; d < x->rank; d++)
        from[d] = index[d];
    for (int i = 0; i < output; i++)
        from[dim] += acn_out_at(c, 0, i)->dims[dim];
    return x;
}

static acn_status run0_split(acn_call *c) { return acn_moves_run0(c, split_origin); }

ACN_OP(ConcatD) = {
    .name = "ConcatD",
    .doc = "y = the tensors of x side by side along concat_dim",
    .in = {{"x", ACN_MOVABLE, ACN_LIST}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"concat_dim", ACN_ATTR_INT, .is_required = true}},
    .infer = infer_concat,
    .plan = plan_concat,
    .run = acn_moves_run,
    .run0 = run0_concat,
    .cases = "[2,3]|concat_dim=0 [4,3]|concat_dim=-1 [0]|concat_dim=0",
};

ACN_OP(Pack) = {
    .name = "Pack",
    .doc = "y = the tensors of x stacked along the new dimension axis",
    .in = {{"x", ACN_MOVABLE, ACN_LIST}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"axis", ACN_ATTR_INT}},
    .infer = infer_pack,
    .plan = plan_pack,
    .run = acn_moves_run,
    .run0 = run0_pack,
    .cases = "[2,3]|axis=0 [4,3]|axis=-1 []|axis=0",
};

ACN_OP(SplitVD) = {
    .name = "SplitVD",
    .doc = "x cut into pieces along split_dim: of the given sizes, or of split_size each",
    .in = {{"x", ACN_MOVABLE}},
    .out = {{"y", ACN_MOVABLE, ACN_LIST}},
    .attr = {{"size_splits", ACN_ATTR_INTS},
             {"split_dim", ACN_ATTR_INT},
             {"split_size", ACN_ATTR_INT},
             {"num_split", ACN_ATTR_INT}},
    .infer = infer_split,
    .plan = plan_split,
    .run = acn_moves_run,
    .run0 = run0_split,
    .cases =
        "[5,3]->{[2,3],[3,3]}|size_splits=[2,3],split_dim=0 "
        "[2,6]->{[2,4],[2,0],[2,2]}|size_splits=[4,0,2],split_dim=-1 "
        "[5]->{[2],[2],[1]}|split_size=2,split_dim=0 [2,6]->{[2,3],[2,3]}|num_split=2,split_dim=1",
};

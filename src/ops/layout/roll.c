/* roll.c - Roll: elements move along dimensions, and those that leave at the end come back in
 * front. Without dimensions, along all of them as one row. */
#include "ops/layout/copy.h"

enum { SHIFTS, DIMS };

/* How far each dimension moves, 0 <= shift < size; dimensions may come more than once. */
static acn_status shifts_of(const acn_call *c, int64_t *shift) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count, dim_count = 0;
    const int64_t *shifts = acn_attr_ints(c, SHIFTS, &count);
    const int64_t *dims = c->attr[DIMS].is_present ? acn_attr_ints(c, DIMS, &dim_count) : NULL;
    for (int d = 0; d < ACN_MAX_DIMS; d++)
        shift[d] = 0;
    if (dim_count == 0) {
        if (count != 1)
            return acn_bad_attr(c, SHIFTS, "expected one shift where no dims are given");
        return ACN_OK;
    }
    if (count != dim_count)
        return acn_bad_attr(c, SHIFTS, "expected as many shifts as dims, %lld",
                            (long long)dim_count);
    for (int64_t i = 0; i < count; i++) {
        int dim;
        ACN_TRY(acn_wrap_dim(c, DIMS, dims[i], x->rank, &dim));
        int64_t size = x->rank ? x->dims[dim] : 1;
        if (size) shift[dim] = ((shift[dim] + shifts[i]) % size + size) % size;
    }
    return ACN_OK;
}

static bool is_flat(const acn_call *c) {
    int64_t count = 0;
    if (c->attr[DIMS].is_present) acn_attr_ints(c, DIMS, &count);
    return count == 0;
}

static int64_t flat_shift(const acn_call *c) {
    int64_t count, n = acn_tensor_count(acn_in(c, 0));
    int64_t shift = acn_attr_ints(c, SHIFTS, &count)[0];
    return n ? (shift % n + n) % n : 0;
}

static acn_status infer(acn_call *c) {
    int64_t shift[ACN_MAX_DIMS];
    ACN_TRY(shifts_of(c, shift));
    acn_out_like(c, 0, acn_in(c, 0)->dtype, acn_in(c, 0));
    return ACN_OK;
}

static acn_tensor as_row(const acn_tensor *t) {
    acn_tensor row = *t;
    row.rank = 1;
    row.dims[0] = acn_tensor_count(t);
    row.strides[0] = 1;
    return row;
}

/* Each dimension falls into what stays behind and what comes back: a copy for each combination. */
static acn_status add_parts(acn_call *c, acn_tensor to, acn_tensor from, int dim,
                            const int64_t *shift) {
    if (dim == from.rank) return acn_moves_add(c, c->out_first[0], &to, c->in_first[0], &from);
    int64_t n = from.dims[dim], s = shift[dim];
    if (n - s > 0)
        ACN_TRY(add_parts(c, acn_tensor_slice(&to, dim, s, n - s),
                          acn_tensor_slice(&from, dim, 0, n - s), dim + 1, shift));
    if (s > 0)
        ACN_TRY(add_parts(c, acn_tensor_slice(&to, dim, 0, s),
                          acn_tensor_slice(&from, dim, n - s, s), dim + 1, shift));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_tensor x = *acn_in(c, 0), y = *acn_out(c, 0);
    int64_t shift[ACN_MAX_DIMS];
    ACN_TRY(shifts_of(c, shift));
    if (is_flat(c)) {
        if (!acn_tensor_is_contiguous(&x) || !acn_tensor_is_contiguous(&y)) {
            c->plan->run = c->op->run0; /* rows that no stride describes */
            return ACN_OK;
        }
        x = as_row(&x);
        y = as_row(&y);
        shift[0] = flat_shift(c);
    }
    int parts = 1;
    for (int d = 0; d < x.rank; d++)
        parts *= shift[d] ? 2 : 1;
    if (!acn_moves_alloc(c, parts)) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    return acn_tensor_count(&x) ? add_parts(c, y, x, 0, shift) : ACN_OK;
}

static const acn_tensor *origin(const acn_call *c, int output, const int64_t *index,
                                int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t shift[ACN_MAX_DIMS], linear = 0, n = acn_tensor_count(x);
    (void)output;
    (void)shifts_of(c, shift);
    for (int d = 0; d < x->rank; d++) {
        from[d] = (index[d] + x->dims[d] - shift[d]) % x->dims[d];
        linear = linear * x->dims[d] + index[d];
    }
    if (is_flat(c)) acn_index_of(x, (linear + n - flat_shift(c)) % n, from);
    return x;
}

static acn_status run0(acn_call *c) { return acn_moves_run0(c, origin); }

ACN_OP(Roll) = {
    .name = "Roll",
    .doc = "y = x with its elements moved along dims by shifts, and round",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"shifts", ACN_ATTR_INTS, .is_required = true}, {"dims", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases = "[7]|shifts=[2] [3,5]|shifts=[-1] [3,5,4]|shifts=[1,-2],dims=[0,2] "
             "[3,50]|shifts=[7],dims=[-1] [0,3]|shifts=[1],dims=[0] []|shifts=[1] "
             "[4]|shifts=[1,2],dims=[0,0]",
};

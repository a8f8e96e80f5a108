/* fill_diagonal.c - FillDiagonal: one value where all indices are equal; wrap goes on below the
 * square of a tall matrix, after one row without. */
#include "ops/layout/copy.h"

enum { X, VALUE = 0, WRAP };

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    if (x->rank < 2) return acn_bad_input(c, X, "expected at least two dimensions");
    for (int d = 1; x->rank > 2 && d < x->rank; d++)
        if (x->dims[d] != x->dims[0])
            return acn_bad_input(c, X, "expected equal dimensions when there are more than two");
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_copy *copy = acn_plan_alloc(c, sizeof *copy);
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = copy;
    return acn_copy_plan(copy, acn_out(c, 0), acn_in(c, X));
}

/* Element |i| of the diagonal that starts in row |first|; NULL when there is none. */
static char *diagonal_at(const acn_tensor *y, int64_t first, int64_t i) {
    int64_t offset = first * y->strides[0];
    for (int d = 0; d < y->rank; d++) {
        if ((d == 0 ? first : 0) + i >= y->dims[d]) return NULL;
        offset += i * y->strides[d];
    }
    return (char *)y->data + offset * (int64_t)acn_dtype_bytes(y->dtype);
}

static acn_status run(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    acn_tensor *y = acn_out(c, 0);
    acn_scalar given = acn_attr_scalar(c, VALUE);
    acn_value value = {acn_scalar_f64(&given), acn_scalar_imag(&given), acn_scalar_i64(&given)};
    if (y->dtype == ACN_BOOL) value.i = value.f != 0;
    if (y->data != x->data) acn_copy_run(c->plan->data, y->data, x->data);
    bool wraps = acn_attr_int(c, WRAP) && y->rank == 2;
    for (int64_t first = 0; first == 0 || (wraps && first < y->dims[0]); first += y->dims[1] + 1) {
        char *place;
        for (int64_t i = 0; (place = diagonal_at(y, first, i)); i++)
            acn_store_value(place, y->dtype, value);
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    acn_scalar given = acn_attr_scalar(c, VALUE);
    acn_value value = {acn_scalar_f64(&given), acn_scalar_imag(&given), acn_scalar_i64(&given)};
    if (y->dtype == ACN_BOOL) value.i = value.f != 0;
    if (y->data != x->data) acn_copy_naive(y, x);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t index[ACN_MAX_DIMS];
        acn_index_of(y, i, index);
        if (acn_attr_int(c, WRAP) && y->rank == 2) index[0] %= y->dims[1] + 1;
        bool is_diagonal = true;
        for (int d = 1; d < y->rank; d++)
            is_diagonal = is_diagonal && index[d] == index[0];
        if (is_diagonal) acn_store_value(acn_tensor_at(y, i), y->dtype, value);
    }
    return ACN_OK;
}

ACN_OP(FillDiagonal) = {
    .name = "FillDiagonal",
    .doc = "y = x with fill_value where all indices are equal",
    .in = {{"x", ACN_ALL}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"fill_value", ACN_ATTR_SCALAR}, {"wrap", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[5,5]|fill_value=3 [3,7]|fill_value=2 [9,2]|fill_value=1,wrap=1 [9,2]|fill_value=1 "
             "[4,4,4]|fill_value=1 [0,3]|fill_value=1",
};

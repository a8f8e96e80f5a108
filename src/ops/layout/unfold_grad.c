/* unfold_grad.c - UnfoldGrad: the gradient of overlapping windows along a dimension. Each element
 * of the input sums what the windows that it was in have for it, in their order. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include <string.h>

enum { GRAD, SIZES = 0, DIM, SIZE, STEP, CHUNK = 4096 };

static acn_status infer(acn_call *c) {
    const acn_tensor *g = acn_in(c, GRAD);
    int64_t count, size = acn_attr_int(c, SIZE), step = acn_attr_int(c, STEP);
    const int64_t *sizes = acn_attr_ints(c, SIZES, &count);
    int dim;
    if (count > ACN_MAX_DIMS || (count && g->rank != count + 1) || (!count && g->rank != 1))
        return acn_bad_input(c, GRAD, "expected the input's dimensions and the window's");
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), (int)count, &dim));
    if (step < 1) return acn_bad_attr(c, STEP, "expected at least 1");
    int64_t own = count ? sizes[dim] : 1;
    if (size < 0 || size > own)
        return acn_bad_attr(c, SIZE, "expected at most %lld, the dimension's size", (long long)own);
    bool fits = g->dims[g->rank - 1] == size;
    for (int d = 0; fits && d < count; d++)
        fits = g->dims[d] == (d == dim ? (own - size) / step + 1 : sizes[d]);
    if (!fits) return acn_bad_input(c, GRAD, "expected the shape of the unfolded input");
    acn_out_is(c, 0, g->dtype, (int)count, sizes);
    return ACN_OK;
}

static acn_value sum_at(const acn_call *c, int dim, int64_t *index) {
    const acn_tensor *g = acn_in(c, GRAD);
    int64_t size = acn_attr_int(c, SIZE), step = acn_attr_int(c, STEP);
    int last = g->rank - 1;
    int64_t place = index[dim], windows = g->rank > 1 ? g->dims[dim] : 1;
    int64_t first = place < size ? 0 : (place - size) / step + 1;
    acn_value sum = {0};
    for (int64_t w = first; w < windows && w * step <= place; w++) {
        if (g->rank > 1) index[dim] = w;
        index[last] = place - w * step;
        acn_value v = acn_load_value(acn_tensor_at_index(g, index), g->dtype);
        sum.f += v.f, sum.im += v.im;
    }
    return sum;
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *y = acn_out(c, 0);
    int dim;
    (void)acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), y->rank, &dim);
    int64_t n = acn_tensor_count(y), end = (chunk + 1) * CHUNK < n ? (chunk + 1) * CHUNK : n;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        int64_t index[ACN_MAX_DIMS + 1] = {0};
        acn_index_of(y, i, index);
        char *to = acn_tensor_at_index(y, index);
        acn_store_value(to, y->dtype, sum_at(c, dim, index));
    }
}

static acn_status plan(acn_call *c) {
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, GRAD)) / 64 & 0x7fffffff);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    acn_pool_run((acn_tensor_count(acn_out(c, 0)) + CHUNK - 1) / CHUNK, run_chunk, c);
    return ACN_OK;
}

/* The other way round: every element of the gradient is added where it came from. */
static acn_status run0(acn_call *c) {
    const acn_tensor *g = acn_in(c, GRAD), *y = acn_out(c, 0);
    int dim;
    int64_t n = acn_tensor_count(y), step = acn_attr_int(c, STEP);
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), y->rank, &dim));
    acn_value *sums = acn_arena_alloc(&c->arena, (size_t)(n + 1) * sizeof *sums);
    if (!sums) return acn_fail(ACN_BAD_ALLOC, "no host memory for sums");
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int64_t i = 0; i < acn_tensor_count(g); i++) {
        int64_t index[ACN_MAX_DIMS + 1], linear = 0;
        acn_index_of(g, i, index);
        int64_t window = g->rank > 1 ? index[dim] : 0, in_window = index[g->rank - 1];
        for (int d = 0; d < y->rank; d++)
            linear = linear * y->dims[d] + (d == dim ? window * step + in_window : index[d]);
        acn_value v = acn_load_value(acn_tensor_at(g, i), g->dtype);
        sums[linear].f += v.f, sums[linear].im += v.im;
    }
    for (int64_t i = 0; i < n; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype, sums[i]);
    return ACN_OK;
}

ACN_OP(UnfoldGrad) = {
    .name = "UnfoldGrad",
    .doc = "grad_in = sums of grad_out over the windows that each element was in",
    .in = {{"grad_out", ACN_FLOATS | ACN_COMPLEXES, ACN_UNALIASED}},
    .out = {{"grad_in", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = {{"input_sizes", ACN_ATTR_INTS, .is_required = true},
             {"dim", ACN_ATTR_INT},
             {"size", ACN_ATTR_INT, .is_required = true},
             {"step", ACN_ATTR_INT, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [4,3]|input_sizes=[6],dim=0,size=3,step=1 "
             "[5,3,4]|input_sizes=[5,10],dim=1,size=4,step=3 "
             "[2,3,70,2]|input_sizes=[2,7,70],dim=1,size=2,step=2",
};

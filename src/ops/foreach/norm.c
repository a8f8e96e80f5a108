/* norm.c - ForeachNorm: the p-norm of each tensor of a list, for gradient clipping.
 *
 * Every member is cut into fixed chunks, whose parts are combined in order: the result does not
 * depend on the number of threads, and many small tensors share them as well as one large. The
 * order of the norm is a scalar of the call, so it is read when the call runs. */
#include "base/pool.h"
#include "ops/norm/lp_norm.h"
#include <math.h>

enum { X, ORDER, CHUNK = 32 * ACN_ROW_TILE };

typedef struct member {
    acn_rows rows;
    acn_row_side side;
    int64_t first_chunk;
} member;

typedef struct norm_plan {
    int count;
    int64_t chunks;
    member *member;
} norm_plan;

static acn_status infer(acn_call *call) {
    int count = acn_in_count(call, X);
    if (acn_in(call, ORDER) && acn_tensor_count(acn_in(call, ORDER)) != 1)
        return acn_bad_input(call, ORDER, "expected one number, the order of the norm");
    if (acn_out_count(call, 0) != count)
        return acn_fail(ACN_INVALID_ARGUMENT, "y has %d tensors, x has %d; expected as many",
                        acn_out_count(call, 0), count);
    for (int i = 0; i < count; i++)
        if (acn_tensor_count(acn_out_at(call, 0, i)) != 1)
            return acn_fail(ACN_INVALID_ARGUMENT, "y[%d] has %lld elements; expected one, the norm",
                            i, (long long)acn_tensor_count(acn_out_at(call, 0, i)));
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    int count = acn_in_count(call, X);
    norm_plan *p = acn_plan_alloc(call, sizeof *p);
    if (p) p->member = acn_plan_alloc(call, sizeof *p->member * (size_t)(count + 1));
    if (!p || !p->member) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    p->count = count;
    int64_t elements = 0;
    for (int i = 0; i < count; i++) {
        const acn_tensor *x = acn_in_at(call, X, i);
        member *m = &p->member[i];
        acn_rows_make(&m->rows, x, 0xff); /* one row: all elements */
        acn_row_side_make(&m->side, &m->rows, x, acn_rows_class(x, x));
        m->first_chunk = p->chunks;
        p->chunks += (m->rows.length + CHUNK - 1) / CHUNK;
        elements += m->rows.length;
    }
    p->member[count].first_chunk = p->chunks;
    call->plan->data = p;
    call->plan->workspace_bytes = (uint64_t)p->chunks * sizeof(double);
    call->plan->cost_us = (uint32_t)(elements / 2000 & 0x7fffffff);
    return ACN_OK;
}

static double order_of(const acn_call *call) {
    const acn_tensor *t = acn_in(call, ORDER);
    return t ? acn_load_value(t->data, t->dtype).f : 2;
}

/* ---- one chunk ------------------------------------------------------------------------------- */

static const member *member_of(const norm_plan *p, int64_t chunk) {
    int low = 0, high = p->count; /* the last member that starts at or before the chunk */
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (p->member[middle].first_chunk <= chunk)
            low = middle;
        else
            high = middle;
    }
    return &p->member[low];
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *call = context;
    const norm_plan *p = call->plan->data;
    const member *m = member_of(p, chunk);
    const char *x = acn_in_at(call, X, (int)(m - p->member))->data;
    double order = order_of(call), part = acn_norm_neutral(order);
    int64_t from = (chunk - m->first_chunk) * CHUNK, end = from + CHUNK;
    if (end > m->rows.length) end = m->rows.length;
    for (; from < end; from += ACN_ROW_TILE) {
        acn_row_tile scratch;
        int64_t n = end - from < ACN_ROW_TILE ? end - from : ACN_ROW_TILE;
        const void *tile = acn_row_load(&m->rows, &m->side, x, from, n, &scratch);
        part = acn_norm_combine(order, part, acn_norm_part(order, m->side.klass, tile, n));
    }
    ((double *)call->workspace)[chunk] = part;
}

static acn_status run(acn_call *call) {
    const norm_plan *p = call->plan->data;
    double order = order_of(call);
    acn_pool_run(p->chunks, run_chunk, call);
    for (int i = 0; i < p->count; i++) {
        const acn_tensor *y = acn_out_at(call, 0, i);
        double total = p->member[i].rows.length ? acn_norm_neutral(order) : 0;
        for (int64_t c = p->member[i].first_chunk; c < p->member[i + 1].first_chunk; c++)
            total = acn_norm_combine(order, total, ((const double *)call->workspace)[c]);
        acn_store_value(y->data, y->dtype, (acn_value){.f = acn_norm_finish(order, total)});
    }
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    double order = order_of(call);
    for (int i = 0; i < acn_in_count(call, X); i++) {
        const acn_tensor *x = acn_in_at(call, X, i), *y = acn_out_at(call, 0, i);
        double total = acn_tensor_count(x) ? acn_norm_neutral(order) : 0;
        for (int64_t at = 0; at < acn_tensor_count(x); at++) {
            double v = fabs(acn_load_value(acn_tensor_at(x, at), x->dtype).f);
            total = acn_norm_combine(order, total,
                                     isinf(order) ? v
                                     : order == 0 ? v != 0
                                                  : pow(v, order));
        }
        acn_store_value(y->data, y->dtype, (acn_value){.f = acn_norm_finish(order, total)});
    }
    return ACN_OK;
}

ACN_OP(ForeachNorm) = {
    .name = "ForeachNorm",
    .doc = "The norm of each tensor, of order scalar: 2 when absent; 0, 1, infinity and others.",
    .in = {{"x", ACN_FLOATS, ACN_LIST},
           {"scalar", ACN_ALL | ACN_T(ACN_C128), ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_FLOATS, ACN_LIST}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction {[2,3],[4],[],[0]},2->{[],[],[],[]} {[5,7],[1030]},1->{[],[]} "
             "{[5,7],[3]}->{[],[]} {[5,7],[3]},0->{[],[]} {[5,7],[3]},3.5->{[],[]} "
             "{[5,7],[3]},inf->{[],[]} {f32[70000],[3]},2->{[],[]}",
};

/* max_grad.c - MaxPoolingGrad: each output's gradient goes to the element that won its window, and
 * MaxUnpooling, which is the same with values in place of gradients that do not add up. */
#include "base/pool.h"
#include "ops/pool/max.h"
#include <stdatomic.h>
#include <string.h>

enum { DY, X, PLACES };
enum { DILATION = ACN_POOL_OWN };

typedef struct scatter_plan {
    acn_pool pool;
    acn_stage dy, places, dx;
    bool is_mask, adds;
    acn_dtype dtype;                             /* of indices */
    int64_t inside, outside, planes, mask_bytes; /* elements of a plane of dy, of dx */
} scatter_plan;

static acn_status read_pool(const acn_call *c, acn_pool *p) {
    ACN_TRY(acn_pool_read(c, X, DILATION, p));
    acn_tensor expected = *acn_in(c, X);
    for (int d = 0; d < p->spatial; d++)
        expected.dims[expected.rank - p->spatial + d] = p->out[3 - p->spatial + d];
    char text[160];
    if (!acn_tensor_same_shape(acn_in(c, DY), &expected))
        return acn_bad_input(c, DY, "expected %s, the pooling's shape",
                             acn_tensor_describe(&expected, text, sizeof text));
    return ACN_OK;
}

/* With indices the windows do not matter: only planes do. */
static acn_status read_planes(const acn_call *c, acn_pool *p) {
    const acn_tensor *x = acn_in(c, X), *dy = acn_in(c, DY);
    int spatial;
    ACN_TRY(acn_spatial_of(c, ACN_POOL_SPATIAL, X, &spatial));
    if (dy->rank != x->rank) return acn_bad_input(c, DY, "expected %d dimensions", x->rank);
    *p = (acn_pool){.spatial = spatial, .planes = 1, .in = {1, 1, 1}, .out = {1, 1, 1}};
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - spatial);
        if (at < 0 && dy->dims[d] != x->dims[d])
            return acn_bad_input(c, DY, "expected the planes of the input");
        if (at < 0)
            p->planes *= x->dims[d];
        else
            p->in[3 - spatial + at] = x->dims[d], p->out[3 - spatial + at] = dy->dims[d];
    }
    return ACN_OK;
}

static acn_status read_any(const acn_call *c, acn_pool *p) {
    const acn_tensor *places = acn_in(c, PLACES);
    if (!acn_max_is_mask(places)) {
        ACN_TRY(read_planes(c, p));
        if (!acn_tensor_same_shape(places, acn_in(c, DY)))
            return acn_bad_input(c, PLACES, "expected the output gradient's shape");
        return ACN_OK;
    }
    ACN_TRY(read_pool(c, p));
    if (!acn_max_mask_fits(places, p))
        return acn_bad_input(c, PLACES, "expected the mask that the pooling made");
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_pool p;
    ACN_TRY(read_any(c, &p));
    acn_out_like(c, 0, ACN_UNDEFINED, acn_in(c, X));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    scatter_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
    const acn_tensor *places = acn_in(c, PLACES);
    ACN_TRY(read_any(c, &p->pool));
    uint64_t bytes = 0;
    p->is_mask = acn_max_is_mask(places);
    p->dtype = places->dtype;
    p->planes = p->pool.planes;
    p->outside = acn_pool_in(&p->pool);
    p->inside = acn_pool_out(&p->pool);
    if (p->is_mask && p->planes) p->mask_bytes = acn_tensor_count(places) / p->planes;
    ACN_TRY(acn_stage_plan(&p->dy, acn_in(c, DY), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->dx, acn_out(c, 0), ACN_F32, true, &bytes));
    ACN_TRY(acn_stage_plan(&p->places, places, places->dtype, false, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(p->planes * (p->inside + p->outside / 4) / 500);
    c->plan->data = p;
    return ACN_OK;
}

typedef struct job {
    const scatter_plan *p;
    const float *dy;
    const char *places;
    float *dx;
    int64_t planes_a_chunk;
    _Atomic int64_t bad; /* an index that is out of range, or -1 */
} job;

static int64_t place_of(const job *j, int64_t plane, int64_t i) {
    const scatter_plan *p = j->p;
    if (p->dtype == ACN_I32) return ((const int32_t *)j->places)[plane * p->inside + i];
    if (p->dtype == ACN_I64) return ((const int64_t *)j->places)[plane * p->inside + i];
    int64_t at[3];
    acn_pool_at(&p->pool, i, at);
    const uint16_t *taps = (const uint16_t *)(j->places + plane * p->mask_bytes);
    return acn_max_index(&p->pool, at, taps[i]);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    job *j = context;
    const scatter_plan *p = j->p;
    int64_t first = chunk * j->planes_a_chunk, last = first + j->planes_a_chunk;
    for (int64_t plane = first; plane < last && plane < p->planes; plane++) {
        float *dx = j->dx + plane * p->outside;
        const float *dy = j->dy + plane * p->inside;
        memset(dx, 0, sizeof(float) * (size_t)p->outside);
        for (int64_t i = 0; i < p->inside; i++) {
            int64_t at = place_of(j, plane, i);
            if (at < 0 || at >= p->outside)
                atomic_store_explicit(&j->bad, plane * p->inside + i, memory_order_relaxed);
            else
                dx[at] += dy[i];
        }
    }
}

static acn_status run(acn_call *c) {
    const scatter_plan *p = c->plan->data;
    char *w = c->workspace;
    job j = {.p = p,
             .dy = acn_stage_in(&p->dy, acn_in(c, DY), w),
             .places = acn_stage_in(&p->places, acn_in(c, PLACES), w),
             .dx = acn_stage_room(&p->dx, acn_out(c, 0), w),
             .planes_a_chunk = acn_pool_planes_a_chunk(p->outside),
             .bad = -1};
    acn_pool_run((p->planes + j.planes_a_chunk - 1) / j.planes_a_chunk, run_chunk, &j);
    if (j.bad >= 0)
        return acn_fail(ACN_EXECUTION, "index %lld is out of range for a plane of %lld elements",
                        (long long)place_of(&j, j.bad / p->inside, j.bad % p->inside),
                        (long long)p->outside);
    acn_stage_out(&p->dx, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_pool p;
    ACN_TRY(read_any(c, &p));
    const acn_tensor *dy = acn_in(c, DY), *places = acn_in(c, PLACES), *dx = acn_out(c, 0);
    int64_t inside = acn_pool_out(&p), outside = acn_pool_in(&p);
    bool is_mask = acn_max_is_mask(places);
    for (int64_t i = 0; i < p.planes * outside; i++) {
        double total = 0;
        for (int64_t k = 0; k < inside; k++) {
            int64_t linear = i / outside * inside + k, at[3];
            int64_t place =
                is_mask ? 0 : acn_load_value(acn_tensor_at(places, linear), places->dtype).i;
            if (is_mask) {
                uint16_t tap;
                for (int b = 0; b < 2; b++)
                    ((char *)&tap)[b] = *acn_tensor_at(
                        places, i / outside * (acn_tensor_count(places) / p.planes) + 2 * k + b);
                acn_pool_at(&p, k, at);
                place = acn_max_index(&p, at, tap);
            }
            if (place < 0 || place >= outside)
                return acn_fail(ACN_EXECUTION,
                                "index %lld is out of range for a plane of %lld elements",
                                (long long)place, (long long)outside);
            if (place == i % outside)
                total += acn_load_value(acn_tensor_at(dy, linear), dy->dtype).f;
        }
        acn_store_value(acn_tensor_at(dx, i), dx->dtype, (acn_value){.f = total});
    }
    return ACN_OK;
}

ACN_OP(MaxPoolingGrad) = {
    .name = "MaxPoolingGrad",
    .doc = "Gradient of MaxPooling, from its indices or its mask",
    .in = {{"grad", ACN_POOL_TYPES, ACN_UNALIASED},
           {"x", ACN_POOL_TYPES},
           {"argmax", ACN_T(ACN_I32) | ACN_T(ACN_I64) | ACN_T(ACN_I8) | ACN_T(ACN_U8),
            ACN_UNALIASED}},
    .out = {{"y", ACN_POOL_TYPES}},
    .attr = {ACN_POOL_ATTRS, {"dilations", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,3,3,4],[2,3,7,9],i32[2,3,3,4]@0..62 "
             "[3,4,4],[3,8,8],i64[3,4,4]@0..63 "
             "f32+f16[2,2,2,2],[2,2,4,4],i8[2,2,4,18]@0..0|ksize=[2,2] "
             "f32[2,2,2,3,2],[2,2,5,6,7],i32[2,2,2,3,2]@0..200|spatial=3",
};

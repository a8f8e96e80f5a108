/* unpool.c - MaxUnpooling: elements put back where MaxPooling found them, zeros elsewhere. Of
 * several that go to one place the last one stays. */
#include "base/pool.h"
#include "ops/pool/window.h"
#include <stdatomic.h>
#include <string.h>

enum { X, PLACES };            /* inputs */
enum { SPATIAL, OUTPUT_SIZE }; /* attributes */

typedef struct unpool_plan {
    acn_stage x, places, y;
    int64_t planes, inside, outside; /* elements of a plane of x and of y */
} unpool_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int spatial;
    int64_t count, dims[ACN_MAX_DIMS];
    const int64_t *size = acn_attr_ints(c, OUTPUT_SIZE, &count);
    ACN_TRY(acn_spatial_of(c, SPATIAL, X, &spatial));
    if (!acn_tensor_same_shape(x, acn_in(c, PLACES)))
        return acn_bad_input(c, PLACES, "expected the input's shape");
    if (count != spatial)
        return acn_bad_attr(c, OUTPUT_SIZE, "has %lld numbers; expected %d", (long long)count,
                            spatial);
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - spatial);
        dims[d] = at < 0 ? x->dims[d] : size[at];
        if (dims[d] < 0) return acn_bad_attr(c, OUTPUT_SIZE, "has a negative number");
    }
    acn_out_is(c, 0, ACN_UNDEFINED, x->rank, dims);
    return ACN_OK;
}

static void count_elements(const acn_call *c, unpool_plan *p) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    p->planes = p->inside = p->outside = 1;
    for (int d = 0; d < x->rank; d++) {
        if (d < x->rank - (int)acn_attr_int(c, SPATIAL)) {
            p->planes *= x->dims[d];
        } else {
            p->inside *= x->dims[d];
            p->outside *= y->dims[d];
        }
    }
}

static acn_status plan(acn_call *c) {
    unpool_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
    count_elements(c, p);
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&p->x, acn_in(c, X), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->places, acn_in(c, PLACES), ACN_I64, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->y, acn_out(c, 0), ACN_F32, true, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(p->planes * (p->inside + p->outside / 4) / 500);
    c->plan->data = p;
    return ACN_OK;
}

typedef struct job {
    const unpool_plan *p;
    const float *x;
    const int64_t *places;
    float *y;
    int64_t planes_a_chunk;
    _Atomic int64_t bad; /* element whose place is out of range, or -1 */
} job;

static void run_chunk(void *context, int64_t chunk, int worker) {
    job *j = context;
    const unpool_plan *p = j->p;
    int64_t first = chunk * j->planes_a_chunk, last = first + j->planes_a_chunk;
    for (int64_t plane = first; plane < last && plane < p->planes; plane++) {
        float *y = j->y + plane * p->outside;
        memset(y, 0, sizeof(float) * (size_t)p->outside);
        for (int64_t i = plane * p->inside; i < (plane + 1) * p->inside; i++) {
            int64_t at = j->places[i];
            if (at < 0 || at >= p->outside)
                atomic_store_explicit(&j->bad, i, memory_order_relaxed);
            else
                y[at] = j->x[i];
        }
    }
}

static acn_status out_of_range(const unpool_plan *p, int64_t place) {
    return acn_fail(ACN_EXECUTION, "index %lld is out of range for a plane of %lld elements",
                    (long long)place, (long long)p->outside);
}

static acn_status run(acn_call *c) {
    const unpool_plan *p = c->plan->data;
    char *w = c->workspace;
    job j = {.p = p,
             .x = acn_stage_in(&p->x, acn_in(c, X), w),
             .places = acn_stage_in(&p->places, acn_in(c, PLACES), w),
             .y = acn_stage_room(&p->y, acn_out(c, 0), w),
             .planes_a_chunk = acn_pool_planes_a_chunk(p->outside),
             .bad = -1};
    acn_pool_run((p->planes + j.planes_a_chunk - 1) / j.planes_a_chunk, run_chunk, &j);
    if (j.bad >= 0) return out_of_range(p, j.places[j.bad]);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    unpool_plan p;
    count_elements(c, &p);
    const acn_tensor *x = acn_in(c, X), *places = acn_in(c, PLACES), *y = acn_out(c, 0);
    for (int64_t i = 0; i < p.planes * p.outside; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){0});
    for (int64_t i = 0; i < p.planes * p.inside; i++) {
        int64_t at = acn_load_value(acn_tensor_at(places, i), places->dtype).i;
        if (at < 0 || at >= p.outside) return out_of_range(&p, at);
        acn_convert_element(acn_tensor_at(y, i / p.inside * p.outside + at), y->dtype,
                            acn_tensor_at(x, i), x->dtype);
    }
    return ACN_OK;
}

ACN_OP(MaxUnpooling) = {
    .name = "MaxUnpooling",
    .doc = "Elements put back where MaxPooling found them, zeros elsewhere",
    .in = {{"x", ACN_POOL_TYPES, ACN_UNALIASED},
           {"argmax", ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_UNALIASED}},
    .out = {{"y", ACN_POOL_TYPES}},
    .attr = {{"spatial", ACN_ATTR_INT, .fallback = 2},
             {"output_size", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3,3,4],i64[2,3,3,4]@0..62|output_size=[7,9] "
             "f32+f16[3,2,2],i32[3,2,2]@0..15|output_size=[4,4] "
             "f32[2,2,2,2,2],i64[2,2,2,2,2]@0..200|spatial=3,output_size=[5,6,7]",
};

/* ---- gradient: what came back to each element's place -----------------------------------------
 */

enum { GRAD, G_X, G_PLACES };

static acn_status grad_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, G_X), *grad = acn_in(c, GRAD);
    int spatial;
    int64_t count;
    const int64_t *size = acn_attr_ints(c, OUTPUT_SIZE, &count);
    ACN_TRY(acn_spatial_of(c, SPATIAL, G_X, &spatial));
    if (!acn_tensor_same_shape(x, acn_in(c, G_PLACES)))
        return acn_bad_input(c, G_PLACES, "expected the input's shape");
    if (count != spatial)
        return acn_bad_attr(c, OUTPUT_SIZE, "has %lld numbers; expected %d", (long long)count,
                            spatial);
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - spatial);
        if (grad->rank != x->rank || grad->dims[d] != (at < 0 ? x->dims[d] : size[at]))
            return acn_bad_input(c, GRAD, "expected the shape of what was put back");
    }
    acn_out_like(c, 0, ACN_UNDEFINED, x);
    return ACN_OK;
}

static void count_grad(const acn_call *c, unpool_plan *p) {
    const acn_tensor *x = acn_in(c, G_X), *grad = acn_in(c, GRAD);
    p->planes = p->inside = p->outside = 1;
    for (int d = 0; d < x->rank; d++) {
        if (d < x->rank - (int)acn_attr_int(c, SPATIAL)) {
            p->planes *= x->dims[d];
        } else {
            p->inside *= x->dims[d];
            p->outside *= grad->dims[d];
        }
    }
}

static acn_status grad_plan(acn_call *c) {
    unpool_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
    count_grad(c, p);
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&p->x, acn_in(c, GRAD), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->places, acn_in(c, G_PLACES), ACN_I64, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->y, acn_out(c, 0), ACN_F32, true, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(p->planes * p->inside / 500);
    c->plan->data = p;
    return ACN_OK;
}

static void grad_chunk(void *context, int64_t chunk, int worker) {
    job *j = context;
    const unpool_plan *p = j->p;
    int64_t first = chunk * j->planes_a_chunk, last = first + j->planes_a_chunk;
    for (int64_t plane = first; plane < last && plane < p->planes; plane++)
        for (int64_t i = plane * p->inside; i < (plane + 1) * p->inside; i++) {
            int64_t at = j->places[i];
            if (at < 0 || at >= p->outside)
                atomic_store_explicit(&j->bad, i, memory_order_relaxed);
            else
                j->y[i] = j->x[plane * p->outside + at];
        }
}

static acn_status grad_run(acn_call *c) {
    const unpool_plan *p = c->plan->data;
    char *w = c->workspace;
    job j = {.p = p,
             .x = acn_stage_in(&p->x, acn_in(c, GRAD), w),
             .places = acn_stage_in(&p->places, acn_in(c, G_PLACES), w),
             .y = acn_stage_room(&p->y, acn_out(c, 0), w),
             .planes_a_chunk = acn_pool_planes_a_chunk(p->inside),
             .bad = -1};
    acn_pool_run((p->planes + j.planes_a_chunk - 1) / j.planes_a_chunk, grad_chunk, &j);
    if (j.bad >= 0) return out_of_range(p, j.places[j.bad]);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status grad_run0(acn_call *c) {
    unpool_plan p;
    count_grad(c, &p);
    const acn_tensor *grad = acn_in(c, GRAD), *places = acn_in(c, G_PLACES), *y = acn_out(c, 0);
    for (int64_t i = 0; i < p.planes * p.inside; i++) {
        int64_t at = acn_load_value(acn_tensor_at(places, i), places->dtype).i;
        if (at < 0 || at >= p.outside) return out_of_range(&p, at);
        acn_convert_element(acn_tensor_at(y, i), y->dtype,
                            acn_tensor_at(grad, i / p.inside * p.outside + at), grad->dtype);
    }
    return ACN_OK;
}

ACN_OP(MaxUnpoolingGrad) = {
    .name = "MaxUnpoolingGrad",
    .doc = "Gradient of MaxUnpooling: of each element, the one at its place",
    .in = {{"grad", ACN_POOL_TYPES, ACN_UNALIASED},
           {"x", ACN_POOL_TYPES},
           {"argmax", ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_UNALIASED}},
    .out = {{"y", ACN_POOL_TYPES}},
    .attr = {{"spatial", ACN_ATTR_INT, .fallback = 2},
             {"output_size", ACN_ATTR_INTS, .is_required = true}},
    .infer = grad_infer,
    .plan = grad_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "[2,3,7,9],[2,3,3,4],i64[2,3,3,4]@0..62|output_size=[7,9] "
             "f32+f16[3,4,4],[3,2,2],i32[3,2,2]@0..15|output_size=[4,4] "
             "f32[2,2,5,6,7],[2,2,2,2,2],i64[2,2,2,2,2]@0..200|spatial=3,output_size=[5,6,7]",
};

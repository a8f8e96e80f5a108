/* max.c - MaxPooling: the largest element of each window, and where it is: as a flat index into the
 * plane (i32, i64), or as a mask.
 *
 * The mask (i8, of any shape that is large enough) is only meant for MaxPoolingGrad: a plane's part
 * begins with one u16 for each output, the winner's tap. NaN wins, and the last one stays. */
#include "ops/pool/max.h"
#include "base/pool.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/pool.h"
#include "ops/pool/channels_last.h"
#include <math.h>
#include <string.h>

enum { DILATION = ACN_POOL_OWN };

typedef struct max_plan {
    acn_pool pool;
    acn_stage x, y, at;
    bool has_pixels, is_mask;
    acn_pool_pixels pixels; /* does it instead when |has_pixels| */
    acn_dtype at_dtype;
    int64_t mask_bytes;    /* of a plane */
    uint64_t room, worker; /* in the workspace: places of taps, for each worker */
} max_plan;

bool acn_max_is_mask(const acn_tensor *at) { return at->dtype == ACN_I8 || at->dtype == ACN_U8; }

bool acn_max_mask_fits(const acn_tensor *mask, const acn_pool *p) {
    int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2], bytes = acn_tensor_count(mask);
    bool is_even = p->planes == 0 || bytes / p->planes % 2 == 0;
    return bytes >= 2 * p->planes * acn_pool_out(p) && is_even && taps <= UINT16_MAX;
}

static acn_status infer(acn_call *c) {
    acn_pool p;
    ACN_TRY(acn_pool_read(c, 0, DILATION, &p));
    acn_pool_result(c, 0, &p, acn_in(c, 0));
    const acn_tensor *at = acn_out(c, 1);
    if (!at || !acn_max_is_mask(at)) {
        acn_pool_result(c, 1, &p, acn_in(c, 0));
        return ACN_OK;
    }
    if (!acn_max_mask_fits(at, &p))
        return acn_bad_output(c, 1, "expected a mask of two bytes or more for each output");
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    max_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
    ACN_TRY(acn_pool_read(c, 0, DILATION, &p->pool));
    ACN_TRY(acn_pool_plan(c, &p->pool));
    uint64_t bytes = 0;
    const acn_tensor *at = acn_out(c, 1);
    c->plan->cost_us = acn_pool_cost_us(&p->pool);
    c->plan->data = p;
    p->has_pixels = !at && acn_pool_pixels_plan(&p->pixels, &p->pool, acn_in(c, 0), acn_out(c, 0));
    p->pixels.is_max = true;
    if (p->has_pixels) return ACN_OK;
    ACN_TRY(acn_stage_plan(&p->x, acn_in(c, 0), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->y, acn_out(c, 0), ACN_F32, true, &bytes));
    p->is_mask = at && acn_max_is_mask(at);
    p->at_dtype = at ? at->dtype : ACN_UNDEFINED;
    if (p->is_mask && p->pool.planes) p->mask_bytes = acn_tensor_count(at) / p->pool.planes;
    if (at) ACN_TRY(acn_stage_plan(&p->at, at, at->dtype, true, &bytes));
    p->room = bytes;
    p->worker = (uint64_t)(p->pool.out[2] + 16) * sizeof(int32_t);
    c->plan->workspace_bytes = bytes + p->worker * (uint64_t)acn_pool_size();
    return ACN_OK;
}

typedef struct job {
    const max_plan *p;
    const float *x;
    float *y;
    char *at;
    char *room;
    int64_t planes_a_chunk;
} job;

/* The flat index of tap |tap| of the window at |at|. */
int64_t acn_max_index(const acn_pool *p, const int64_t *at, int64_t tap) {
    const int64_t k[3] = {tap / p->kernel[2] / p->kernel[1], tap / p->kernel[2] % p->kernel[1],
                          tap % p->kernel[2]};
    int64_t index = 0;
    for (int d = 0; d < 3; d++)
        index = index * p->in[d] + at[d] * p->stride[d] - p->padding[d] + k[d] * p->dilation[d];
    return index;
}

/* All taps of one kernel row (z, y) for the windows of an output row. */
static void regular_row(const acn_pool *p, const acn_pool_kernels *kernels, const float *x,
                        int32_t tap, float *best, int32_t *taps) {
    for (int64_t k = 0; k < p->kernel[2]; k++) {
        int64_t from = k * p->dilation[2] - p->padding[2], step = p->stride[2];
        int64_t first = from < 0 ? (-from + step - 1) / step : 0;
        int64_t last = from < p->in[2] ? (p->in[2] - 1 - from) / step + 1 : 0;
        if (last > p->out[2]) last = p->out[2];
        if (first < last)
            kernels->max_tap(best + first, taps + first, x + from + first * step, step,
                             tap + (int32_t)k, last - first);
    }
}

/* Adaptive windows: here a tap is the element's index in the plane. */
static void adaptive_row(const acn_pool *p, const float *x, int32_t index, float *best,
                         int32_t *taps) {
    for (int64_t i = 0; i < p->out[2]; i++) {
        const acn_window *w = &p->window[2][i];
        for (int32_t k = w->start; k < w->start + w->count; k++)
            if (x[k] > best[i] || x[k] != x[k]) {
                best[i] = x[k];
                taps[i] = index + k;
            }
    }
}

static int32_t first_tap(const acn_pool *p, const acn_window *z, const acn_window *y,
                         const acn_window *x) {
    if (p->is_adaptive) return (int32_t)((z->start * p->in[1] + y->start) * p->in[2] + x->start);
    return (int32_t)((z->first_tap * p->kernel[1] + y->first_tap) * p->kernel[2] + x->first_tap);
}

static void put_places(const job *j, int64_t plane, const int64_t *at, const int32_t *taps) {
    const acn_pool *p = &j->p->pool;
    int64_t row = (at[0] * p->out[1] + at[1]) * p->out[2];
    if (j->p->is_mask) {
        uint16_t *mask = (uint16_t *)(j->at + plane * j->p->mask_bytes) + row;
        for (int64_t i = 0; i < p->out[2]; i++)
            mask[i] = (uint16_t)taps[i];
        return;
    }
    row += plane * acn_pool_out(p);
    int64_t here[3] = {at[0], at[1], 0};
    for (; here[2] < p->out[2]; here[2]++) {
        int32_t tap = taps[here[2]];
        int64_t index = p->is_adaptive ? tap : acn_max_index(p, here, tap);
        if (j->p->at_dtype == ACN_I64)
            ((int64_t *)j->at)[row + here[2]] = index;
        else
            ((int32_t *)j->at)[row + here[2]] = (int32_t)index;
    }
}

static void run_row(const job *j, int64_t plane, const int64_t *at, int32_t *taps) {
    const acn_pool *p = &j->p->pool;
    const acn_pool_kernels *kernels = acn_kernels_get()->pool;
    const acn_window *z = &p->window[0][at[0]], *y = &p->window[1][at[1]];
    const float *x = j->x + plane * acn_pool_in(p);
    float *best = j->y + (plane * acn_pool_out(p)) + (at[0] * p->out[1] + at[1]) * p->out[2];
    for (int64_t i = 0; i < p->out[2]; i++) {
        best[i] = -INFINITY;
        taps[i] = first_tap(p, z, y, &p->window[2][i]);
    }
    for (int32_t a = 0; a < z->count; a++)
        for (int32_t b = 0; b < y->count; b++) {
            int64_t row =
                ((z->start + a * p->dilation[0]) * p->in[1] + y->start + b * p->dilation[1]) *
                p->in[2];
            int32_t tap =
                (int32_t)(((z->first_tap + a) * p->kernel[1] + y->first_tap + b) * p->kernel[2]);
            if (p->is_adaptive)
                adaptive_row(p, x + row, (int32_t)row, best, taps);
            else
                regular_row(p, kernels, x + row, tap, best, taps);
        }
    if (j->at) put_places(j, plane, at, taps);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_pool *p = &j->p->pool;
    int32_t *taps = (int32_t *)(j->room + (uint64_t)worker * j->p->worker);
    int64_t first = chunk * j->planes_a_chunk, last = first + j->planes_a_chunk;
    if (last > p->planes) last = p->planes;
    for (int64_t plane = first; plane < last; plane++)
        for (int64_t row = 0; row < p->out[0] * p->out[1]; row++) {
            const int64_t at[3] = {row / p->out[1], row % p->out[1], 0};
            run_row(j, plane, at, taps);
        }
}

static acn_status run(acn_call *c) {
    const max_plan *p = c->plan->data;
    acn_tensor *at = acn_out(c, 1);
    char *w = c->workspace;
    if (p->has_pixels) {
        acn_pool_pixels_run(&p->pixels, acn_out(c, 0)->data, acn_in(c, 0)->data);
        return ACN_OK;
    }
    job j = {.p = p,
             .x = acn_stage_in(&p->x, acn_in(c, 0), w),
             .y = acn_stage_room(&p->y, acn_out(c, 0), w),
             .at = at ? acn_stage_room(&p->at, at, w) : NULL,
             .room = w + p->room,
             .planes_a_chunk = acn_pool_planes_a_chunk(acn_pool_in(&p->pool))};
    if (p->is_mask && !p->at.is_direct) memset(j.at, 0, (size_t)(p->mask_bytes * p->pool.planes));
    if (acn_pool_out(&p->pool) > 0)
        acn_pool_run((p->pool.planes + j.planes_a_chunk - 1) / j.planes_a_chunk, run_chunk, &j);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    if (at) acn_stage_out(&p->at, at, w);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static void largest(const acn_call *c, const acn_pool *p, int64_t plane, const int64_t *at,
                    double *best, int64_t *tap, int64_t *index) {
    acn_window w[3];
    for (int d = 0; d < 3; d++)
        w[d] = acn_pool_window(p, d, at[d]);
    bool is_first = true;
    *best = -INFINITY;
    *tap = *index = 0;
    for (int32_t i = 0; i < w[0].count * w[1].count * w[2].count; i++) {
        const int32_t k[3] = {i / w[2].count / w[1].count, i / w[2].count % w[1].count,
                              i % w[2].count};
        int64_t here = 0, number = 0;
        for (int d = 0; d < 3; d++) {
            int64_t step = p->is_adaptive ? 1 : p->dilation[d];
            here = here * p->in[d] + w[d].start + k[d] * step;
            number = number * (p->is_adaptive ? 1 : p->kernel[d]) + w[d].first_tap + k[d];
        }
        double x = acn_load_value(acn_tensor_at(acn_in(c, 0), plane * acn_pool_in(p) + here),
                                  acn_in(c, 0)->dtype)
                       .f;
        if (!is_first && !(x > *best) && !isnan(x)) continue;
        is_first = false;
        *best = x;
        *tap = number;
        *index = here;
    }
}

static acn_status run0(acn_call *c) {
    acn_pool p;
    ACN_TRY(acn_pool_read(c, 0, DILATION, &p));
    const acn_tensor *y = acn_out(c, 0), *places = acn_out(c, 1);
    int64_t n = acn_pool_out(&p);
    for (int64_t i = 0; i < p.planes * n; i++) {
        int64_t at[3], tap, index;
        double best;
        acn_pool_at(&p, i % n, at);
        largest(c, &p, i / n, at, &best, &tap, &index);
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = best});
        if (!places) continue;
        uint16_t short_tap = (uint16_t)tap;
        if (acn_max_is_mask(places))
            for (int b = 0; b < 2; b++)
                *acn_tensor_at(places, i / n * (acn_tensor_count(places) / p.planes) + i % n * 2 +
                                           b) = ((const char *)&short_tap)[b];
        else
            acn_store_value(acn_tensor_at(places, i), places->dtype, (acn_value){.i = index});
    }
    return ACN_OK;
}

ACN_OP(MaxPooling) = {
    .name = "MaxPooling",
    .doc = "Largest element of each window, regular or adaptive, and its place: an index or a mask",
    .in = {{"x", ACN_POOL_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_POOL_TYPES},
            {"argmax", ACN_T(ACN_I32) | ACN_T(ACN_I64) | ACN_T(ACN_I8) | ACN_T(ACN_U8),
             ACN_OPTIONAL}},
    .attr = {ACN_POOL_ATTRS, {"dilations", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3,7,9]->[2,3,4,10],i32[2,3,4,10]|ksize=[3,2],strides=[2,1],pads=[1,1] "
             "[3,8,8]->[3,4,4],i64[3,4,4]|ksize=[2,2] "
             "[2,9,9]->[2,4,4],i8[2,2,16]|ksize=[3,3],strides=[2,2] "
             "f32+f16[2,2,5,6,7]->[2,2,3,4,4],i32[2,2,3,4,4]|spatial=3,ksize=[2,3,2],"
             "strides=[2,1,2],dilations=[2,1,1],ceil_mode=1 "
             "[2,3,7,10]->[2,3,3,4],i64[2,3,3,4]|output_size=[3,4] "
             "f32[2,3,6,5,7]->[2,3,2,5,3],i32[2,3,2,5,3]|spatial=3,output_size=[2,-1,3] "
             "f32[2,3,40,70]->[2,3,14,24],i32[2,3,14,24]|ksize=[3,3],strides=[3,3],ceil_mode=1,"
             "pads=[1,1] f32[0,3,4,4]->[0,3,2,2],i32[0,3,2,2]|ksize=[2,2] "
             "f32[2,3,9,11]->[2,3,5,13],i64[2,3,5,13]|ksize=[3,2],strides=[2,1],pads=[1,3,3,2],"
             "dilations=[2,3]",
};

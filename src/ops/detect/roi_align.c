/* roi_align.c - ROIAlign: what lies in each of a list of boxes, as a small image. Each of its
 * elements is the mean or the largest of samples that are interpolated in the box's part. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/layout/copy.h"
#include "ops/layout/stage.h"
#include "ops/op.h"
#include <math.h>

enum { X, ROIS, SAMPLE };
enum { SCALE, HEIGHT, WIDTH, SAMPLES, TAKES_MAX, HALF_PIXEL };
enum { MOST_SAMPLES = 1 << 16 }; /* of a part, in each dimension */

typedef struct roi_plan {
    acn_stage x, rois, sample, y;
    uint64_t bytes;
    int64_t channels, size[2], out[2], count;
} roi_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *rois = acn_in(c, ROIS), *sample = acn_in(c, SAMPLE);
    int64_t height = acn_attr_int(c, HEIGHT), width = acn_attr_int(c, WIDTH);
    if (x->rank != 4) return acn_bad_input(c, X, "expected [samples, channels, height, width]");
    if (x->dims[2] < 1 || x->dims[3] < 1) return acn_bad_input(c, X, "expected elements");
    if (rois->rank != 2 || rois->dims[1] != 4) return acn_bad_input(c, ROIS, "expected [boxes, 4]");
    if (sample->rank != 1 || sample->dims[0] != rois->dims[0])
        return acn_bad_input(c, SAMPLE, "expected one number for each box");
    if (height < 1 || width < 1)
        return acn_bad_attr(c, height < 1 ? HEIGHT : WIDTH, "is %lld; expected 1 or more",
                            (long long)(height < 1 ? height : width));
    if (acn_attr_int(c, SAMPLES) < 0 || acn_attr_int(c, SAMPLES) > MOST_SAMPLES)
        return acn_bad_attr(c, SAMPLES, "is %lld; expected 0 to %d",
                            (long long)acn_attr_int(c, SAMPLES), MOST_SAMPLES);
    acn_out_is(c, 0, ACN_UNDEFINED, 4, (const int64_t[]){rois->dims[0], x->dims[1], height, width});
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    roi_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    const acn_tensor *x = acn_in(c, X);
    *p = (roi_plan){.channels = x->dims[1],
                    .size = {x->dims[2], x->dims[3]},
                    .out = {acn_attr_int(c, HEIGHT), acn_attr_int(c, WIDTH)},
                    .count = acn_in(c, ROIS)->dims[0]};
    ACN_TRY(acn_stage_plan(&p->x, x, ACN_F32, false, &p->bytes));
    ACN_TRY(acn_stage_plan(&p->rois, acn_in(c, ROIS), ACN_F32, false, &p->bytes));
    ACN_TRY(acn_stage_plan(&p->sample, acn_in(c, SAMPLE), ACN_I64, false, &p->bytes));
    ACN_TRY(acn_stage_plan(&p->y, acn_out(c, 0), ACN_F32, true, &p->bytes));
    c->plan->workspace_bytes = p->bytes + 64;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(c, 0)) / 64 % 1000000000);
    c->plan->data = p;
    return ACN_OK;
}

/* ---- a box ----------------------------------------------------------------------------------- */

typedef struct box {
    double start[2], part[2]; /* of the input, in its elements */
    int64_t samples[2];
} box;

/* |corners|: x and y of the first, then of the last. */
static box box_of(const acn_call *c, const double *corners, const int64_t *out) {
    double shift = acn_attr_int(c, HALF_PIXEL) ? 0.5 : 0, scale = acn_attr_float(c, SCALE);
    int64_t given = acn_attr_int(c, SAMPLES);
    box b;
    for (int d = 0; d < 2; d++) {
        double first = corners[1 - d] * scale - shift, last = corners[3 - d] * scale - shift;
        double length = last - first;
        if (shift == 0 && length < 1) length = 1;
        b.start[d] = first;
        b.part[d] = length / (double)out[d];
        double samples = given ? (double)given : ceil(b.part[d]);
        b.samples[d] = samples >= 0 && samples <= MOST_SAMPLES ? (int64_t)samples : -1;
    }
    return b;
}

typedef struct tap {
    int64_t low, high;
    double weight; /* of the high one */
    bool is_inside;
} tap;

static tap tap_at(double at, int64_t size) {
    tap t = {.is_inside = at >= -1 && at <= (double)size};
    if (!t.is_inside) return t;
    if (at < 0) at = 0;
    t.low = (int64_t)at;
    if (t.low >= size - 1) {
        t.low = t.high = size - 1;
        return t;
    }
    t.high = t.low + 1;
    t.weight = at - (double)t.low;
    return t;
}

static double sample_position(const box *b, int d, int64_t part, int64_t sample) {
    return b->start[d] + (double)part * b->part[d] +
           ((double)sample + 0.5) * b->part[d] / (double)b->samples[d];
}

/* The four elements around a sample, weighted. */
static void weigh(const tap *y, const tap *x, double *w) {
    bool is_inside = y->is_inside && x->is_inside;
    w[0] = is_inside ? (1 - y->weight) * (1 - x->weight) : 0;
    w[1] = is_inside ? (1 - y->weight) * x->weight : 0;
    w[2] = is_inside ? y->weight * (1 - x->weight) : 0;
    w[3] = is_inside ? y->weight * x->weight : 0;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const acn_call *call;
    const roi_plan *p;
    const float *x, *rois;
    const int64_t *sample;
    float *y;
} job;

static float pool_part(const job *j, const box *b, const float *plane, const int64_t *at) {
    bool takes_max = acn_attr_int(j->call, TAKES_MAX) != 0;
    int64_t count = b->samples[0] * b->samples[1];
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        double w[4];
        tap y = tap_at(sample_position(b, 0, at[0], i / b->samples[1]), j->p->size[0]);
        tap x = tap_at(sample_position(b, 1, at[1], i % b->samples[1]), j->p->size[1]);
        const float *low = plane + y.low * j->p->size[1], *high = plane + y.high * j->p->size[1];
        weigh(&y, &x, w);
        double a = w[0] * low[x.low], e = w[1] * low[x.high], f = w[2] * high[x.low],
               g = w[3] * high[x.high];
        double value = takes_max ? fmax(fmax(a, e), fmax(f, g)) : a + e + f + g;
        total = !takes_max ? total + value : i == 0 ? value : fmax(total, value);
    }
    return (float)(takes_max || count == 0 ? total : total / (double)count);
}

static void run_box(void *context, int64_t index, int worker) {
    (void)worker;
    const job *j = context;
    const roi_plan *p = j->p;
    const float *corners = j->rois + 4 * index;
    const double numbers[] = {corners[0], corners[1], corners[2], corners[3]};
    box b = box_of(j->call, numbers, p->out);
    int64_t plane = p->size[0] * p->size[1], parts = p->out[0] * p->out[1];
    for (int64_t i = 0; i < p->channels * parts; i++) {
        const int64_t at[] = {i % parts / p->out[1], i % p->out[1]};
        const float *from = j->x + (j->sample[index] * p->channels + i / parts) * plane;
        j->y[index * p->channels * parts + i] = pool_part(j, &b, from, at);
    }
}

/* Boxes of a size that is none are told before anything is read. */
static acn_status check_boxes(const acn_call *c, const int64_t *out) {
    const acn_tensor *rois = acn_in(c, ROIS);
    for (int64_t i = 0; i < rois->dims[0]; i++) {
        double corners[4];
        for (int k = 0; k < 4; k++)
            corners[k] = acn_load_value(acn_tensor_at(rois, 4 * i + k), rois->dtype).f;
        box b = box_of(c, corners, out);
        if (b.samples[0] < 0 || b.samples[1] < 0)
            return acn_bad_input(c, ROIS, "box %lld is from (%g, %g) to (%g, %g); expected a size",
                                 (long long)i, corners[0], corners[1], corners[2], corners[3]);
    }
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const roi_plan *p = c->plan->data;
    char *w = c->workspace;
    ACN_TRY(acn_bounds_check(c, SAMPLE, 0, acn_bounds_of(acn_in(c, X)->dims[0], false)));
    ACN_TRY(check_boxes(c, p->out));
    job j = {.call = c,
             .p = p,
             .x = acn_stage_in(&p->x, acn_in(c, X), w),
             .rois = acn_stage_in(&p->rois, acn_in(c, ROIS), w),
             .sample = acn_stage_in(&p->sample, acn_in(c, SAMPLE), w),
             .y = acn_stage_room(&p->y, acn_out(c, 0), w)};
    acn_pool_run(p->count, run_box, &j);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double element(const acn_tensor *x, int64_t n, int64_t ch, int64_t y, int64_t i) {
    const int64_t index[] = {n, ch, y, i};
    return acn_load_value(acn_tensor_at_index(x, index), x->dtype).f;
}

static double naive_part(const acn_call *c, const box *b, int64_t n, const int64_t *at) {
    const acn_tensor *x = acn_in(c, X);
    double total = 0, largest = 0;
    for (int64_t sy = 0; sy < b->samples[0]; sy++)
        for (int64_t sx = 0; sx < b->samples[1]; sx++) {
            tap v = tap_at(sample_position(b, 0, at[2], sy), x->dims[2]);
            tap h = tap_at(sample_position(b, 1, at[3], sx), x->dims[3]);
            double w[4], value = -INFINITY;
            weigh(&v, &h, w);
            for (int k = 0; k < 4; k++) {
                double e =
                    w[k] * element(x, n, at[1], k / 2 ? v.high : v.low, k % 2 ? h.high : h.low);
                total += e;
                value = fmax(value, e);
            }
            if (sy + sx == 0 || value > largest) largest = value;
        }
    int64_t count = b->samples[0] * b->samples[1];
    return acn_attr_int(c, TAKES_MAX) ? largest : count ? total / (double)count : 0;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *rois = acn_in(c, ROIS), *sample = acn_in(c, SAMPLE), *y = acn_out(c, 0);
    ACN_TRY(acn_bounds_check(c, SAMPLE, 0, acn_bounds_of(acn_in(c, X)->dims[0], false)));
    ACN_TRY(check_boxes(c, y->dims + 2));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t at[ACN_MAX_DIMS];
        double corners[4];
        acn_index_of(y, i, at);
        for (int k = 0; k < 4; k++)
            corners[k] = acn_load_value(acn_tensor_at(rois, 4 * at[0] + k), rois->dtype).f;
        box b = box_of(c, corners, y->dims + 2);
        int64_t n = acn_load_value(acn_tensor_at(sample, at[0]), sample->dtype).i;
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = naive_part(c, &b, n, at)});
    }
    return ACN_OK;
}

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

ACN_OP(ROIAlign) = {
    .name = "ROIAlign",
    .doc = "What lies in each box of an image, by interpolated samples: their mean or largest",
    .in = {{"features", TYPES, ACN_UNALIASED},
           {"rois", TYPES, ACN_UNALIASED},
           {"batch_indices", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = {{"spatial_scale", ACN_ATTR_FLOAT, .fallback = 1},
             {"pooled_height", ACN_ATTR_INT, .fallback = 1},
             {"pooled_width", ACN_ATTR_INT, .fallback = 1},
             {"sampling_ratio", ACN_ATTR_INT},
             {"takes_max", ACN_ATTR_BOOL},
             {"half_pixel", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction f32+f16[2,3,9,8],[5,4]@0..8,i64[5]@0..1|pooled_height=3,"
             "pooled_width=2,sampling_ratio=2 "
             "f32[2,3,9,8],[5,4]@0..8,i32[5]@0..1|pooled_height=2,pooled_width=2,takes_max=1,"
             "sampling_ratio=3 f32[1,2,9,8],[4,4]@0..16,i64[4]@0..0|pooled_height=2,"
             "pooled_width=3,spatial_scale=0.5 f32[1,2,9,8],[0,4],i64[0]|pooled_height=2",
};

/* roi_pool.c - ROIPooling: the largest element in each part of a box, whose corners and parts are
 * rounded to whole elements. Parts that hold none are 0. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/layout/stage.h"
#include "ops/op.h"
#include <math.h>

enum { X, ROIS };
enum { SCALE_H, SCALE_W, HEIGHT, WIDTH };

typedef struct roi_plan {
    acn_stage x, rois, y;
    uint64_t bytes;
    int64_t samples, channels, size[2], out[2], count;
} roi_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *rois = acn_in(c, ROIS);
    int64_t height = acn_attr_int(c, HEIGHT), width = acn_attr_int(c, WIDTH);
    if (x->rank != 4) return acn_bad_input(c, X, "expected [samples, channels, height, width]");
    if (rois->rank != 2 || rois->dims[1] != 5)
        return acn_bad_input(c, ROIS, "expected [boxes, 5]: sample, x, y, x, y");
    if (height < 1 || width < 1)
        return acn_bad_attr(c, height < 1 ? HEIGHT : WIDTH, "is %lld; expected 1 or more",
                            (long long)(height < 1 ? height : width));
    acn_out_is(c, 0, ACN_UNDEFINED, 4, (const int64_t[]){rois->dims[0], x->dims[1], height, width});
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    roi_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    const acn_tensor *x = acn_in(c, X);
    *p = (roi_plan){.samples = x->dims[0],
                    .channels = x->dims[1],
                    .size = {x->dims[2], x->dims[3]},
                    .out = {acn_attr_int(c, HEIGHT), acn_attr_int(c, WIDTH)},
                    .count = acn_in(c, ROIS)->dims[0]};
    ACN_TRY(acn_stage_plan(&p->x, x, ACN_F32, false, &p->bytes));
    ACN_TRY(acn_stage_plan(&p->rois, acn_in(c, ROIS), ACN_F32, false, &p->bytes));
    ACN_TRY(acn_stage_plan(&p->y, acn_out(c, 0), ACN_F32, true, &p->bytes));
    c->plan->workspace_bytes = p->bytes + 64;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(c, 0)) / 64 % 1000000000);
    c->plan->data = p;
    return ACN_OK;
}

static int64_t kept_within(double x, int64_t size) {
    return x > 0 ? x < (double)size ? (int64_t)x : size : 0;
}

/* Elements [first, end) of dimension |d| in part |part| of a box; |corner|: sample, x, y, x, y. */
static void part_of(const acn_call *c, const float *corner, int d, int64_t part, int64_t parts,
                    int64_t size, int64_t *out_first, int64_t *out_end) {
    double scale = acn_attr_float(c, SCALE_H + d);
    double start = round(corner[2 - d] * scale), length = round(corner[4 - d] * scale) - start + 1;
    double step = fmax(length, 1) / (double)parts;
    *out_first = kept_within(floor((double)part * step) + start, size);
    *out_end = kept_within(ceil((double)(part + 1) * step) + start, size);
}

static acn_status check_samples(const acn_call *c) {
    const acn_tensor *rois = acn_in(c, ROIS);
    for (int64_t i = 0; i < rois->dims[0]; i++) {
        double sample = acn_load_value(acn_tensor_at(rois, 5 * i), rois->dtype).f;
        if (!(sample >= 0 && sample < (double)acn_in(c, X)->dims[0]))
            return acn_bad_input(c, ROIS, "box %lld is of sample %g; expected less than %lld",
                                 (long long)i, sample, (long long)acn_in(c, X)->dims[0]);
    }
    return ACN_OK;
}

typedef struct job {
    const acn_call *call;
    const roi_plan *p;
    const float *x, *rois;
    float *y;
} job;

static void run_box(void *context, int64_t index, int worker) {
    (void)worker;
    const job *j = context;
    const roi_plan *p = j->p;
    const float *corner = j->rois + 5 * index;
    int64_t parts = p->out[0] * p->out[1], first[2], end[2];
    for (int64_t i = 0; i < p->channels * parts; i++) {
        int64_t channel = (int64_t)corner[0] * p->channels + i / parts;
        const float *plane = j->x + channel * p->size[0] * p->size[1];
        for (int d = 0; d < 2; d++)
            part_of(j->call, corner, d, d ? i % p->out[1] : i % parts / p->out[1], p->out[d],
                    p->size[d], &first[d], &end[d]);
        float best = first[0] < end[0] && first[1] < end[1] ? -INFINITY : 0;
        for (int64_t y = first[0]; y < end[0]; y++)
            for (int64_t x = first[1]; x < end[1]; x++)
                if (plane[y * p->size[1] + x] > best) best = plane[y * p->size[1] + x];
        j->y[index * p->channels * parts + i] = best;
    }
}

static acn_status run(acn_call *c) {
    const roi_plan *p = c->plan->data;
    char *w = c->workspace;
    ACN_TRY(check_samples(c));
    job j = {.call = c,
             .p = p,
             .x = acn_stage_in(&p->x, acn_in(c, X), w),
             .rois = acn_stage_in(&p->rois, acn_in(c, ROIS), w),
             .y = acn_stage_room(&p->y, acn_out(c, 0), w)};
    acn_pool_run(p->count, run_box, &j);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    return ACN_OK;
}

/* ---- level 0: every element of the plane says whether it belongs to the part ----------------- */

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *rois = acn_in(c, ROIS), *y = acn_out(c, 0);
    ACN_TRY(check_samples(c));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t at[ACN_MAX_DIMS], first[2], end[2];
        float corner[5];
        bool is_empty = true;
        double best = 0;
        acn_index_of(y, i, at);
        for (int k = 0; k < 5; k++)
            corner[k] = (float)acn_load_value(acn_tensor_at(rois, 5 * at[0] + k), rois->dtype).f;
        for (int d = 0; d < 2; d++)
            part_of(c, corner, d, at[2 + d], y->dims[2 + d], x->dims[2 + d], &first[d], &end[d]);
        for (int64_t k = 0; k < x->dims[2] * x->dims[3]; k++) {
            const int64_t index[] = {(int64_t)corner[0], at[1], k / x->dims[3], k % x->dims[3]};
            if (index[2] < first[0] || index[2] >= end[0] || index[3] < first[1] ||
                index[3] >= end[1])
                continue;
            double value = acn_load_value(acn_tensor_at_index(x, index), x->dtype).f;
            if (is_empty || value > best) best = value;
            is_empty = false;
        }
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = best});
    }
    return ACN_OK;
}

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16))

ACN_OP(ROIPooling) = {
    .name = "ROIPooling",
    .doc = "The largest element in each part of each box of an image",
    .in = {{"x", TYPES, ACN_UNALIASED}, {"rois", TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = {{"spatial_scale_h", ACN_ATTR_FLOAT, .fallback = 1},
             {"spatial_scale_w", ACN_ATTR_FLOAT, .fallback = 1},
             {"pooled_h", ACN_ATTR_INT, .is_required = true},
             {"pooled_w", ACN_ATTR_INT, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[3,2,9,8],[5,5]@0..2|pooled_h=2,pooled_w=3 "
             "f32[9,3,9,8],[6,5]@0..8|pooled_h=3,pooled_w=2,spatial_scale_h=0.7 "
             "f32[9,3,9,8],[0,5]|pooled_h=3,pooled_w=2",
};

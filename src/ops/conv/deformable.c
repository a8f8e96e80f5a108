/* deformable.c - DeformableOffsets and its gradient: the elements under the taps of a deformable
 * convolution, laid out so that a convolution that steps by whole kernels follows. See
 * deformable.h. */
#include "ops/conv/deformable.h"
#include "base/pool.h"
#include "ops/layout/stage.h"
#include "ops/steps.h"
#include <math.h>
#include <string.h>

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

/* ---- reading --------------------------------------------------------------------------------- */

bool acn_deformed_is_nhwc(const acn_call *c) {
    const acn_attr_value *v = &c->attr[ACN_DEFORM_FORMAT];
    return v->is_present && strcmp(v->text, "NHWC") == 0;
}

acn_tensor acn_deformed_view(const acn_tensor *t, bool is_nhwc) {
    static const int64_t perm[] = {0, 3, 1, 2};
    return is_nhwc ? acn_view_permuted(t, perm) : *t;
}

/* Two numbers, or four of which those of space count. */
static acn_status read_pair(const acn_call *c, int slot, bool is_nhwc, int64_t *out) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, slot, &count);
    if (count != 0 && count != 2 && count != 4)
        return acn_bad_attr(c, slot, "has %lld numbers; expected 2 or 4", (long long)count);
    for (int d = 0; d < 2; d++) {
        out[d] = count == 0 ? 1 : items[count == 2 ? d : is_nhwc ? 1 + d : 2 + d];
        if (out[d] < 1 || out[d] > INT32_MAX)
            return acn_bad_attr(c, slot, "has %lld; expected at least 1", (long long)out[d]);
    }
    return ACN_OK;
}

static acn_status read_pads(const acn_call *c, int64_t *before, int64_t *after) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, ACN_DEFORM_PADS, &count);
    if (count != 0 && count != 4)
        return acn_bad_attr(c, ACN_DEFORM_PADS, "has %lld numbers; expected 4", (long long)count);
    for (int d = 0; d < 2; d++) {
        before[d] = count ? items[2 * d] : 0;
        after[d] = count ? items[2 * d + 1] : 0;
        int64_t least = before[d] < after[d] ? before[d] : after[d];
        if (least < 0 || before[d] > INT32_MAX || after[d] > INT32_MAX)
            return acn_bad_attr(c, ACN_DEFORM_PADS, "has %lld; expected at least 0",
                                (long long)least);
    }
    return ACN_OK;
}

acn_status acn_deformed_read(const acn_call *c, int x, int offsets, bool is_nhwc,
                             acn_deformed *out) {
    int64_t after[2];
    if (acn_in(c, x)->rank != 4) return acn_bad_input(c, x, "expected 4 dimensions");
    if (acn_in(c, offsets)->rank != 4) return acn_bad_input(c, offsets, "expected 4 dimensions");
    acn_tensor image = acn_deformed_view(acn_in(c, x), is_nhwc);
    acn_tensor moved = acn_deformed_view(acn_in(c, offsets), is_nhwc);
    acn_deformed d = {.n = image.dims[0],
                      .channels = image.dims[1],
                      .groups = acn_attr_int(c, ACN_DEFORM_GROUPS),
                      .parts = acn_attr_int(c, ACN_DEFORM_MODULATED) ? 3 : 2};
    ACN_TRY(read_pair(c, ACN_DEFORM_STRIDES, is_nhwc, d.stride));
    ACN_TRY(read_pair(c, ACN_DEFORM_DILATIONS, is_nhwc, d.dilation));
    ACN_TRY(read_pair(c, ACN_DEFORM_KSIZE, is_nhwc, d.kernel));
    ACN_TRY(read_pads(c, d.before, after));
    if (d.groups < 1 || d.channels % d.groups != 0)
        return acn_bad_attr(c, ACN_DEFORM_GROUPS,
                            "is %lld; expected a divisor of the %lld channels", (long long)d.groups,
                            (long long)d.channels);
    for (int i = 0; i < 2; i++) {
        int64_t reach = (d.kernel[i] - 1) * d.dilation[i] + 1;
        d.in[i] = image.dims[2 + i];
        int64_t room = d.in[i] + d.before[i] + after[i];
        d.out[i] = room < reach ? 0 : (room - reach) / d.stride[i] + 1;
    }
    const int64_t wanted[] = {d.n, d.parts * d.groups * d.kernel[0] * d.kernel[1], d.out[0],
                              d.out[1]};
    for (int i = 0; i < 4; i++)
        if (moved.dims[i] != wanted[i])
            return acn_bad_input(c, offsets,
                                 "expected %lld images, %lld channels, %lld x %lld positions",
                                 (long long)wanted[0], (long long)wanted[1], (long long)wanted[2],
                                 (long long)wanted[3]);
    *out = d;
    return ACN_OK;
}

static void out_is_image(acn_call *c, int slot, acn_dtype dtype, const int64_t *nchw,
                         bool is_nhwc) {
    const int64_t nhwc[] = {nchw[0], nchw[2], nchw[3], nchw[1]};
    acn_out_is(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : dtype, 4, is_nhwc ? nhwc : nchw);
}

static void result_dims(const acn_deformed *d, int64_t *dims) {
    dims[0] = d->n, dims[1] = d->channels;
    dims[2] = d->out[0] * d->kernel[0], dims[3] = d->out[1] * d->kernel[1];
}

/* ---- taps ------------------------------------------------------------------------------------ */

/* The four elements around a position: where they are (-1: outside), their weights, and how those
 * change with y and with x. */
typedef struct corners {
    int64_t at[4];
    float weight[4], by_y[4], by_x[4], mask;
} corners;

static corners find_corners(const acn_deformed *d, float y, float x, float mask) {
    corners t = {.mask = mask};
    float low_y = floorf(y), low_x = floorf(x), up = y - low_y, right = x - low_x;
    for (int k = 0; k < 4; k++) {
        float h = low_y + (float)(k / 2), w = low_x + (float)(k % 2);
        bool is_inside = h >= 0 && w >= 0 && h < (float)d->in[0] && w < (float)d->in[1];
        float of_y = k / 2 ? up : 1 - up, of_x = k % 2 ? right : 1 - right;
        t.at[k] = is_inside ? (int64_t)h * d->in[1] + (int64_t)w : -1;
        t.weight[k] = of_y * of_x;
        t.by_y[k] = k / 2 ? of_x : -of_x;
        t.by_x[k] = k % 2 ? of_y : -of_y;
    }
    return t;
}

/* Positions of the output. */
static int64_t spots_of(const acn_deformed *d) { return d->out[0] * d->out[1]; }

/* Element of the offsets of |part| at |spot| of a tap. */
static int64_t offset_at(const acn_deformed *d, int64_t n, int part, int64_t group, int64_t k,
                         int64_t spot) {
    int64_t taps = d->kernel[0] * d->kernel[1];
    return (((n * d->parts + part) * d->groups + group) * taps + k) * spots_of(d) + spot;
}

static corners corners_at(const acn_deformed *d, const float *offsets, int64_t n, int64_t group,
                          int64_t k, int64_t spot) {
    int64_t oh = spot / d->out[1], ow = spot % d->out[1];
    int64_t kh = k / d->kernel[1], kw = k % d->kernel[1];
    float y = (float)(oh * d->stride[0] - d->before[0] + kh * d->dilation[0]);
    float x = (float)(ow * d->stride[1] - d->before[1] + kw * d->dilation[1]);
    y += offsets[offset_at(d, n, 1, group, k, spot)];
    x += offsets[offset_at(d, n, 0, group, k, spot)];
    return find_corners(d, y, x, d->parts == 3 ? offsets[offset_at(d, n, 2, group, k, spot)] : 1);
}

/* Where channel |c| of image |n| has the tap's element. */
static int64_t result_at(const acn_deformed *d, int64_t n, int64_t c, int64_t k, int64_t spot) {
    int64_t h = spot / d->out[1] * d->kernel[0] + k / d->kernel[1];
    int64_t w = spot % d->out[1] * d->kernel[1] + k % d->kernel[1];
    return ((n * d->channels + c) * d->out[0] * d->kernel[0] + h) * d->out[1] * d->kernel[1] + w;
}

/* ---- DeformableOffsets ----------------------------------------------------------------------- */

enum { X, OFFSETS };

typedef struct deform_plan {
    acn_deformed d;
    acn_stage x, offsets, y, grad, grad_x, grad_offsets;
    uint64_t staged_bytes;
} deform_plan;

typedef struct deform_job {
    const acn_deformed *d;
    const float *x, *offsets, *grad;
    float *y, *grad_x, *grad_offsets;
} deform_job;

static acn_status infer(acn_call *c) {
    acn_deformed d;
    int64_t dims[4];
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, X, OFFSETS, is_nhwc, &d));
    result_dims(&d, dims);
    out_is_image(c, 0, acn_in(c, X)->dtype, dims, is_nhwc);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    deform_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, X, OFFSETS, is_nhwc, &p->d));
    acn_tensor x = acn_deformed_view(acn_in(c, X), is_nhwc);
    acn_tensor offsets = acn_deformed_view(acn_in(c, OFFSETS), is_nhwc);
    acn_tensor y = acn_deformed_view(acn_out(c, 0), is_nhwc);
    uint64_t *bytes = &c->plan->workspace_bytes;
    ACN_TRY(acn_stage_plan(&p->x, &x, ACN_F32, false, bytes));
    ACN_TRY(acn_stage_plan(&p->offsets, &offsets, ACN_F32, false, bytes));
    ACN_TRY(acn_stage_plan(&p->y, &y, ACN_F32, true, bytes));
    c->plan->cost_us = (uint32_t)(acn_tensor_count(&y) / 200 & 0x7fffffff);
    c->plan->data = p;
    return ACN_OK;
}

/* One tap of one group of one image, at all positions. */
static void sample_tap(void *context, int64_t chunk, int worker) {
    (void)worker;
    const deform_job *j = context;
    const acn_deformed *d = j->d;
    int64_t taps = d->kernel[0] * d->kernel[1], each = d->channels / d->groups;
    int64_t k = chunk % taps, group = chunk / taps % d->groups, n = chunk / taps / d->groups;
    for (int64_t spot = 0; spot < spots_of(d); spot++) {
        corners t = corners_at(d, j->offsets, n, group, k, spot);
        for (int64_t c = group * each; c < (group + 1) * each; c++) {
            const float *plane = j->x + (n * d->channels + c) * d->in[0] * d->in[1];
            float sum = 0;
            for (int i = 0; i < 4; i++)
                if (t.at[i] >= 0) sum += t.weight[i] * plane[t.at[i]];
            j->y[result_at(d, n, c, k, spot)] = sum * t.mask;
        }
    }
}

static acn_status run(acn_call *c) {
    const deform_plan *p = c->plan->data;
    deform_job j = {.d = &p->d,
                    .x = acn_stage_in(&p->x, acn_in(c, X), c->workspace),
                    .offsets = acn_stage_in(&p->offsets, acn_in(c, OFFSETS), c->workspace),
                    .y = acn_stage_room(&p->y, acn_out(c, 0), c->workspace)};
    acn_pool_run(p->d.n * p->d.groups * p->d.kernel[0] * p->d.kernel[1], sample_tap, &j);
    acn_stage_out(&p->y, acn_out(c, 0), c->workspace);
    return ACN_OK;
}

/* ---- its gradient ---------------------------------------------------------------------------- */

enum { GRAD, G_X, G_OFFSETS, GRAD_X = 0, GRAD_OFFSETS = 1 };

static acn_status grad_infer(acn_call *c) {
    acn_deformed d;
    int64_t dims[4];
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSETS, is_nhwc, &d));
    result_dims(&d, dims);
    acn_tensor grad = *acn_in(c, GRAD);
    if (grad.rank == 4) grad = acn_deformed_view(&grad, is_nhwc);
    for (int i = 0; i < 4; i++)
        if (grad.rank != 4 || grad.dims[i] != dims[i])
            return acn_bad_input(c, GRAD, "expected %lld x %lld elements of %lld channels",
                                 (long long)dims[2], (long long)dims[3], (long long)dims[1]);
    for (int slot = GRAD_X; slot <= GRAD_OFFSETS; slot++) {
        const acn_tensor *like = acn_in(c, G_X + slot);
        acn_out_like(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : like->dtype, like);
    }
    return ACN_OK;
}

static acn_status grad_plan(acn_call *c) {
    deform_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSETS, is_nhwc, &p->d));
    const struct {
        acn_stage *stage;
        const acn_tensor *tensor;
        bool is_output;
    } all[] = {{&p->grad, acn_in(c, GRAD), false},
               {&p->x, acn_in(c, G_X), false},
               {&p->offsets, acn_in(c, G_OFFSETS), false},
               {&p->grad_x, acn_out(c, GRAD_X), true},
               {&p->grad_offsets, acn_out(c, GRAD_OFFSETS), true}};
    for (int i = 0; i < 5; i++) {
        acn_tensor t = acn_deformed_view(all[i].tensor, is_nhwc);
        ACN_TRY(
            acn_stage_plan(all[i].stage, &t, ACN_F32, all[i].is_output, &c->plan->workspace_bytes));
    }
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, GRAD)) / 100 & 0x7fffffff);
    c->plan->data = p;
    return ACN_OK;
}

static void spread_tap(const deform_job *j, int64_t n, int64_t group, int64_t k, int64_t spot) {
    const acn_deformed *d = j->d;
    int64_t each = d->channels / d->groups, size = d->in[0] * d->in[1];
    corners t = corners_at(d, j->offsets, n, group, k, spot);
    float by_y = 0, by_x = 0, by_mask = 0;
    for (int64_t c = group * each; c < (group + 1) * each; c++) {
        const float *plane = j->x + (n * d->channels + c) * size;
        float *grad_plane = j->grad_x + (n * d->channels + c) * size;
        float g = j->grad[result_at(d, n, c, k, spot)];
        for (int i = 0; i < 4; i++) {
            if (t.at[i] < 0) continue;
            float element = plane[t.at[i]];
            by_y += g * t.mask * t.by_y[i] * element;
            by_x += g * t.mask * t.by_x[i] * element;
            by_mask += g * t.weight[i] * element;
            grad_plane[t.at[i]] += g * t.mask * t.weight[i];
        }
    }
    j->grad_offsets[offset_at(d, n, 0, group, k, spot)] = by_x;
    j->grad_offsets[offset_at(d, n, 1, group, k, spot)] = by_y;
    if (d->parts == 3) j->grad_offsets[offset_at(d, n, 2, group, k, spot)] = by_mask;
}

/* A group of an image has elements of its own, which its taps share. */
static void spread_group(void *context, int64_t chunk, int worker) {
    (void)worker;
    const deform_job *j = context;
    const acn_deformed *d = j->d;
    int64_t n = chunk / d->groups, group = chunk % d->groups;
    int64_t size = d->channels / d->groups * d->in[0] * d->in[1];
    memset(j->grad_x + (n * d->groups + group) * size, 0, (size_t)size * sizeof(float));
    for (int64_t k = 0; k < d->kernel[0] * d->kernel[1]; k++)
        for (int64_t spot = 0; spot < spots_of(d); spot++)
            spread_tap(j, n, group, k, spot);
}

static acn_status grad_run(acn_call *c) {
    const deform_plan *p = c->plan->data;
    char *w = c->workspace;
    deform_job j = {.d = &p->d,
                    .grad = acn_stage_in(&p->grad, acn_in(c, GRAD), w),
                    .x = acn_stage_in(&p->x, acn_in(c, G_X), w),
                    .offsets = acn_stage_in(&p->offsets, acn_in(c, G_OFFSETS), w),
                    .grad_x = acn_stage_room(&p->grad_x, acn_out(c, GRAD_X), w),
                    .grad_offsets = acn_stage_room(&p->grad_offsets, acn_out(c, GRAD_OFFSETS), w)};
    acn_pool_run(p->d.n * p->d.groups, spread_group, &j);
    acn_stage_out(&p->grad_x, acn_out(c, GRAD_X), w);
    acn_stage_out(&p->grad_offsets, acn_out(c, GRAD_OFFSETS), w);
    return ACN_OK;
}

/* ---- level 0: every element of an image, weighed by its distance ----------------------------- */

double acn_deformed_at(const acn_tensor *t, int64_t n, int64_t c, int64_t h, int64_t w) {
    int64_t at = n * t->strides[0] + c * t->strides[1] + h * t->strides[2] + w * t->strides[3];
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}

static void store(const acn_tensor *t, int64_t n, int64_t c, int64_t h, int64_t w, double v) {
    int64_t at = n * t->strides[0] + c * t->strides[1] + h * t->strides[2] + w * t->strides[3];
    acn_store_value((char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype,
                    (acn_value){.f = v});
}

double acn_deformed_hat(double position, int64_t h) {
    return fmax(0, 1 - fabs(position - (double)h));
}

double acn_deformed_slope(double position, int64_t h) {
    double away = position - (double)h;
    return away >= 0 && away < 1 ? -1 : away >= -1 && away < 0 ? 1 : 0;
}

static double offset_value(const acn_deformed *d, const acn_tensor *offsets, int part, int64_t n,
                           int64_t group, int64_t tap, int64_t oh, int64_t ow) {
    int64_t taps = d->kernel[0] * d->kernel[1];
    return acn_deformed_at(offsets, n, (part * d->groups + group) * taps + tap, oh, ow);
}

double acn_deformed_position(const acn_deformed *d, const acn_tensor *offsets, int dim, int64_t n,
                             int64_t group, int64_t tap, int64_t oh, int64_t ow) {
    int64_t k = dim == 0 ? tap / d->kernel[1] : tap % d->kernel[1], o = dim == 0 ? oh : ow;
    return (double)(o * d->stride[dim] - d->before[dim] + k * d->dilation[dim]) +
           offset_value(d, offsets, 1 - dim, n, group, tap, oh, ow);
}

double acn_deformed_mask(const acn_deformed *d, const acn_tensor *offsets, int64_t n, int64_t group,
                         int64_t tap, int64_t oh, int64_t ow) {
    return d->parts == 3 ? offset_value(d, offsets, 2, n, group, tap, oh, ow) : 1;
}

static acn_status run0(acn_call *c) {
    acn_deformed d;
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, X, OFFSETS, is_nhwc, &d));
    acn_tensor x = acn_deformed_view(acn_in(c, X), is_nhwc);
    acn_tensor o = acn_deformed_view(acn_in(c, OFFSETS), is_nhwc);
    acn_tensor y = acn_deformed_view(acn_out(c, 0), is_nhwc);
    for (int64_t i = 0; i < acn_tensor_count(&y); i++) {
        int64_t w = i % y.dims[3], h = i / y.dims[3] % y.dims[2];
        int64_t channel = i / y.dims[3] / y.dims[2] % d.channels;
        int64_t n = i / y.dims[3] / y.dims[2] / d.channels, group = channel * d.groups / d.channels;
        int64_t tap = h % d.kernel[0] * d.kernel[1] + w % d.kernel[1];
        int64_t oh = h / d.kernel[0], ow = w / d.kernel[1];
        double py = acn_deformed_position(&d, &o, 0, n, group, tap, oh, ow), sum = 0;
        double px = acn_deformed_position(&d, &o, 1, n, group, tap, oh, ow);
        for (int64_t at = 0; at < d.in[0] * d.in[1]; at++)
            sum += acn_deformed_hat(py, at / d.in[1]) * acn_deformed_hat(px, at % d.in[1]) *
                   acn_deformed_at(&x, n, channel, at / d.in[1], at % d.in[1]);
        store(&y, n, channel, h, w, sum * acn_deformed_mask(&d, &o, n, group, tap, oh, ow));
    }
    return ACN_OK;
}

/* The gradient at a tap's place, for one channel. */
static double grad_at(const acn_deformed *d, const acn_tensor *grad, int64_t n, int64_t channel,
                      int64_t tap, int64_t oh, int64_t ow) {
    return acn_deformed_at(grad, n, channel, oh * d->kernel[0] + tap / d->kernel[1],
                           ow * d->kernel[1] + tap % d->kernel[1]);
}

static void grad_x0(const acn_deformed *d, const acn_tensor *grad, const acn_tensor *o,
                    const acn_tensor *dx) {
    for (int64_t i = 0; i < acn_tensor_count(dx); i++) {
        int64_t w = i % d->in[1], h = i / d->in[1] % d->in[0];
        int64_t channel = i / d->in[1] / d->in[0] % d->channels;
        int64_t n = i / d->in[1] / d->in[0] / d->channels;
        int64_t group = channel * d->groups / d->channels, spots = spots_of(d);
        double sum = 0;
        for (int64_t at = 0; at < d->kernel[0] * d->kernel[1] * spots; at++) {
            int64_t tap = at / spots, oh = at % spots / d->out[1], ow = at % d->out[1];
            double weight =
                acn_deformed_hat(acn_deformed_position(d, o, 0, n, group, tap, oh, ow), h) *
                acn_deformed_hat(acn_deformed_position(d, o, 1, n, group, tap, oh, ow), w);
            if (weight != 0)
                sum += weight * acn_deformed_mask(d, o, n, group, tap, oh, ow) *
                       grad_at(d, grad, n, channel, tap, oh, ow);
        }
        store(dx, n, channel, h, w, sum);
    }
}

static void grad_offsets0(const acn_deformed *d, const acn_tensor *grad, const acn_tensor *x,
                          const acn_tensor *o, const acn_tensor *out) {
    int64_t taps = d->kernel[0] * d->kernel[1], each = d->channels / d->groups;
    for (int64_t i = 0; i < acn_tensor_count(out); i++) {
        int64_t ow = i % d->out[1], oh = i / d->out[1] % d->out[0], all = out->dims[1];
        int64_t at = i / d->out[1] / d->out[0] % all, n = i / d->out[1] / d->out[0] / all;
        int64_t tap = at % taps, group = at / taps % d->groups, part = at / taps / d->groups;
        double py = acn_deformed_position(d, o, 0, n, group, tap, oh, ow), sum = 0;
        double px = acn_deformed_position(d, o, 1, n, group, tap, oh, ow);
        for (int64_t c = group * each; c < (group + 1) * each; c++)
            for (int64_t e = 0; e < d->in[0] * d->in[1]; e++) {
                int64_t h = e / d->in[1], w = e % d->in[1];
                double y = part == 1 ? acn_deformed_slope(py, h) : acn_deformed_hat(py, h);
                double by = y * (part == 0 ? acn_deformed_slope(px, w) : acn_deformed_hat(px, w));
                sum += by * acn_deformed_at(x, n, c, h, w) * grad_at(d, grad, n, c, tap, oh, ow);
            }
        if (part < 2) sum *= acn_deformed_mask(d, o, n, group, tap, oh, ow);
        store(out, n, at, oh, ow, sum);
    }
}

static acn_status grad_run0(acn_call *c) {
    acn_deformed d;
    bool is_nhwc = acn_deformed_is_nhwc(c);
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSETS, is_nhwc, &d));
    acn_tensor grad = acn_deformed_view(acn_in(c, GRAD), is_nhwc);
    acn_tensor x = acn_deformed_view(acn_in(c, G_X), is_nhwc);
    acn_tensor o = acn_deformed_view(acn_in(c, G_OFFSETS), is_nhwc);
    acn_tensor dx = acn_deformed_view(acn_out(c, GRAD_X), is_nhwc);
    acn_tensor d_offsets = acn_deformed_view(acn_out(c, GRAD_OFFSETS), is_nhwc);
    grad_x0(&d, &grad, &o, &dx);
    grad_offsets0(&d, &grad, &x, &o, &d_offsets);
    return ACN_OK;
}

/* clang-format off */
#define ATTRS                                                                                      \
    {{"strides", ACN_ATTR_INTS}, {"pads", ACN_ATTR_INTS}, {"ksize", ACN_ATTR_INTS, .is_required = true}, \
     {"dilations", ACN_ATTR_INTS}, {"data_format", ACN_ATTR_STRING},                               \
     {"deformable_groups", ACN_ATTR_INT, .fallback = 1}, {"modulated", ACN_ATTR_BOOL, .fallback = 1}}
/* clang-format on */

ACN_OP(DeformableOffsets) = {
    .name = "DeformableOffsets",
    .doc = "The elements under the moved taps of a convolution, each tap's beside the others'",
    .in = {{"x", TYPES, ACN_UNALIASED}, {"offsets", TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = ATTRS,
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,4,5,6],[2,27,5,6]@-2..2|ksize=[3,3],pads=[1,1,1,1] "
             "[2,4,7,6],[2,24,3,5]|ksize=[2,2],strides=[1,1,2,1],deformable_groups=2 "
             "[2,7,6,4],[2,5,5,8]|ksize=[2,2],strides=[1,1,1,1],dilations=[1,2,1,1],"
             "data_format=NHWC,modulated=0",
};

ACN_OP(DeformableOffsetsGrad) = {
    .name = "DeformableOffsetsGrad",
    .doc = "Gradients of DeformableOffsets for the image and the offsets",
    .in = {{"grad", TYPES, ACN_UNALIASED},
           {"x", TYPES, ACN_UNALIASED},
           {"offsets", TYPES, ACN_UNALIASED}},
    .out = {{"grad_x", TYPES}, {"grad_offsets", TYPES}},
    .attr = ATTRS,
    .infer = grad_infer,
    .plan = grad_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases =
        "tolerance=reduction [2,4,15,18],[2,4,5,6],[2,27,5,6]@-2..2|ksize=[3,3],pads=[1,1,1,1] "
        "[2,4,6,10],[2,4,7,6],[2,24,3,5]|ksize=[2,2],strides=[1,1,2,1],deformable_groups=2 "
        "[2,10,10,4],[2,7,6,4],[2,5,5,8]|ksize=[2,2],strides=[1,1,1,1],dilations=[1,2,1,1],"
        "data_format=NHWC,modulated=0",
};

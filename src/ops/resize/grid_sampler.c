/* grid_sampler.c - GridSampler and its gradients, 2-D and 3-D: elements of an image at positions
 * that a grid gives, from -1 to 1 across the image.
 *
 * A position becomes taps in each dimension, with weights and their derivatives; samples and both
 * gradients are sums over the products of taps. What lies outside is zero, or the edge's, or
 * reflected. */
#include "base/pool.h"
#include "ops/layout/stage.h"
#include "ops/op.h"
#include <math.h>
#include <string.h>

enum { MODE, PADDING, ALIGN_CORNERS, MASK }; /* attributes */
enum { LINEAR, NEAREST, CUBIC };
enum { ZEROS, BORDER, REFLECTION };
enum { MOST_TAPS = 4 };

typedef struct sampler {
    int spatial, mode, padding;
    bool aligns_corners;
    int64_t images, channels, in[3], out[3]; /* depth, height, width */
} sampler;

/* Of one dimension: |index| -1 is outside, where everything is 0. */
typedef struct taps {
    int count;
    int64_t index[MOST_TAPS];
    float weight[MOST_TAPS], slope[MOST_TAPS]; /* slope: by the grid's number */
} taps;

/* ---- positions ------------------------------------------------------------------------------- */

static float clip(float x, int64_t size, float *slope) {
    float last = (float)(size - 1);
    if (!(x > 0)) return *slope = 0, 0.0f; /* NaN, too */
    if (x >= last) return *slope = 0, last;
    return x;
}

static float reflect(float x, float low, float high, float *slope) {
    if (low == high) return *slope = 0, 0.0f;
    float span = high - low;
    x -= low;
    if (x < 0) x = -x, *slope = -*slope;
    float rest = fmodf(x, span);
    bool is_odd = fmodf(floorf(x / span), 2) != 0; /* no integer: x may be anything */
    if (is_odd) *slope = -*slope;
    return is_odd ? span - rest + low : rest + low;
}

static float pad_position(const sampler *s, float x, int64_t size, float *slope) {
    if (s->padding == BORDER) return clip(x, size, slope);
    if (s->padding != REFLECTION) return x;
    x = s->aligns_corners ? reflect(x, 0, (float)(size - 1), slope)
                          : reflect(x, -0.5f, (float)size - 0.5f, slope);
    return clip(x, size, slope);
}

static void add_tap(taps *t, float position, int64_t size, float weight, float slope) {
    bool is_inside = position >= 0 && position < (float)size;
    t->index[t->count] = is_inside ? (int64_t)position : -1;
    t->weight[t->count] = weight;
    t->slope[t->count++] = slope;
}

static void cubic_taps(const sampler *s, taps *t, float x, int64_t size, float slope) {
    const float a = -0.75f;
    float low = floorf(x), part = x - low, unused = 0;
    for (int k = -1; k <= 2; k++) {
        float distance = fabsf(part - (float)k), sign = part < (float)k ? -1 : 1;
        bool is_near = distance < 1 || (distance == 1 && (k == 0 || k == 1));
        float d = distance;
        float weight = is_near ? ((a + 2) * d - (a + 3)) * d * d + 1
                               : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
        float by = is_near ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a;
        add_tap(t, pad_position(s, low + (float)k, size, &unused), size, weight, by * sign * slope);
    }
}

static taps find_taps(const sampler *s, float grid, int64_t size) {
    taps t = {.count = 0};
    float slope = s->aligns_corners ? (float)(size - 1) / 2 : (float)size / 2;
    float x =
        s->aligns_corners ? (grid + 1) / 2 * (float)(size - 1) : ((grid + 1) * (float)size - 1) / 2;
    if (s->mode == CUBIC) {
        cubic_taps(s, &t, x, size, slope);
        return t;
    }
    x = pad_position(s, x, size, &slope);
    if (s->mode == NEAREST) {
        add_tap(&t, nearbyintf(x), size, 1, 0);
    } else {
        float low = floorf(x);
        add_tap(&t, low, size, 1 - (x - low), -slope);
        add_tap(&t, low + 1, size, x - low, slope);
    }
    return t;
}

/* A grid point's taps; the grid's first number is the width's. */
static void find_point(const sampler *s, const float *grid, taps *t) {
    for (int d = 0; d < 3; d++) {
        if (d < 3 - s->spatial)
            t[d] = (taps){.count = 1, .index = {0}, .weight = {1}};
        else
            t[d] = find_taps(s, grid[2 - d], s->in[d]);
    }
}

/* The |number|-th product of taps: its element in the plane (-1: outside), and three factors. */
static int64_t tap_at(const sampler *s, const taps *t, int number, int *k) {
    k[2] = number % t[2].count;
    k[1] = number / t[2].count % t[1].count;
    k[0] = number / t[2].count / t[1].count;
    for (int d = 0; d < 3; d++)
        if (t[d].index[k[d]] < 0) return -1;
    return (t[0].index[k[0]] * s->in[1] + t[1].index[k[1]]) * s->in[2] + t[2].index[k[2]];
}

static int64_t volume(const int64_t *dims) { return dims[0] * dims[1] * dims[2]; }

/* ---- planning -------------------------------------------------------------------------------- */

static acn_status read_sampler(const acn_call *c, int x_slot, sampler *s) {
    const acn_tensor *x = acn_in(c, x_slot), *grid = acn_in(c, x_slot + 1);
    if (x->rank != 4 && x->rank != 5) return acn_bad_input(c, x_slot, "expected 4 or 5 dimensions");
    int n = x->rank - 2;
    if (grid->rank != x->rank || grid->dims[0] != x->dims[0] || grid->dims[n + 1] != n)
        return acn_bad_input(c, x_slot + 1, "expected [%lld, ..., %d], %d dimensions",
                             (long long)x->dims[0], n, x->rank);
    *s = (sampler){.spatial = n,
                   .mode = (int)acn_attr_int(c, MODE),
                   .padding = (int)acn_attr_int(c, PADDING),
                   .aligns_corners = acn_attr_int(c, ALIGN_CORNERS) != 0,
                   .images = x->dims[0],
                   .channels = x->dims[1],
                   .in = {1, 1, 1},
                   .out = {1, 1, 1}};
    for (int d = 0; d < n; d++) {
        s->in[3 - n + d] = x->dims[2 + d];
        s->out[3 - n + d] = grid->dims[1 + d];
        if (x->dims[2 + d] < 1) return acn_bad_input(c, x_slot, "expected elements in each image");
    }
    if (s->mode < LINEAR || s->mode > CUBIC || (s->mode == CUBIC && n == 3))
        return acn_bad_attr(
            c, MODE, "is %d; expected 0 (linear), 1 (nearest) or, in 2-D, 2 (cubic)", s->mode);
    if (s->padding < ZEROS || s->padding > REFLECTION)
        return acn_bad_attr(c, PADDING, "is %d; expected 0 (zeros), 1 (border) or 2 (reflection)",
                            s->padding);
    return ACN_OK;
}

static void sample_dims(const sampler *s, int64_t *dims) {
    dims[0] = s->images;
    dims[1] = s->channels;
    for (int d = 0; d < s->spatial; d++)
        dims[2 + d] = s->out[3 - s->spatial + d];
}

static acn_status infer(acn_call *c) {
    sampler s;
    int64_t dims[5];
    ACN_TRY(read_sampler(c, 0, &s));
    sample_dims(&s, dims);
    acn_out_is(c, 0, ACN_UNDEFINED, 2 + s.spatial, dims);
    return ACN_OK;
}

static bool wants(const acn_call *c, int output) {
    const acn_attr_value *mask = &c->attr[MASK];
    bool is_masked =
        mask->is_present && output < mask->count && !((const uint8_t *)mask->items)[output];
    return acn_out(c, output) && !is_masked;
}

static acn_status infer_grad(acn_call *c) {
    sampler s;
    ACN_TRY(read_sampler(c, 1, &s));
    acn_tensor expected;
    int64_t dims[5];
    char text[160];
    sample_dims(&s, dims);
    acn_tensor_init(&expected, NULL, acn_in(c, 0)->dtype, 2 + s.spatial, dims);
    if (!acn_tensor_same_shape(acn_in(c, 0), &expected))
        return acn_bad_input(c, 0, "expected %s, the samples' shape",
                             acn_tensor_describe(&expected, text, sizeof text));
    if (wants(c, 0)) acn_out_like(c, 0, ACN_UNDEFINED, acn_in(c, 1));
    if (wants(c, 1)) acn_out_like(c, 1, ACN_UNDEFINED, acn_in(c, 2));
    return ACN_OK;
}

typedef struct sampler_plan {
    sampler s;
    acn_stage in[3], out[2];
} sampler_plan;

static acn_status make_plan(acn_call *c, int inputs, int outputs) {
    sampler_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(read_sampler(c, inputs - 2, &p->s));
    uint64_t bytes = 0;
    for (int i = 0; i < inputs; i++)
        ACN_TRY(acn_stage_plan(&p->in[i], acn_in(c, i), ACN_F32, false, &bytes));
    for (int i = 0; i < outputs; i++)
        if (outputs == 1 || wants(c, i))
            ACN_TRY(acn_stage_plan(&p->out[i], acn_out(c, i), ACN_F32, true, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(p->s.images * (p->s.channels + 2) * volume(p->s.out) / 100);
    c->plan->data = p;
    return ACN_OK;
}

static acn_status plan(acn_call *c) { return make_plan(c, 2, 1); }
static acn_status plan_grad(acn_call *c) { return make_plan(c, 3, 2); }

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const sampler *s;
    const float *dy, *x, *grid;
    float *y, *dx, *dgrid;
} job;

/* One row of the grid in one image, all channels. */
static void sample_row(void *context, int64_t row, int worker) {
    const job *j = context;
    const sampler *s = j->s;
    int64_t rows = s->out[0] * s->out[1], image = row / rows;
    int64_t in = volume(s->in), out = volume(s->out);
    const float *x = j->x + image * s->channels * in;
    float *y = j->y + image * s->channels * out + row % rows * s->out[2];
    for (int64_t i = 0; i < s->out[2]; i++) {
        taps t[3];
        int k[3];
        find_point(s, j->grid + (row * s->out[2] + i) * s->spatial, t);
        int count = t[0].count * t[1].count * t[2].count;
        for (int64_t channel = 0; channel < s->channels; channel++)
            y[channel * out + i] = 0;
        for (int number = 0; number < count; number++) {
            int64_t at = tap_at(s, t, number, k);
            if (at < 0) continue;
            float weight = t[0].weight[k[0]] * t[1].weight[k[1]] * t[2].weight[k[2]];
            for (int64_t channel = 0; channel < s->channels; channel++)
                y[channel * out + i] += weight * x[channel * in + at];
        }
    }
}

/* The image's gradient: a plane is one thread's, and is gone through in the grid's order. */
static void spread_plane(void *context, int64_t plane, int worker) {
    const job *j = context;
    const sampler *s = j->s;
    int64_t in = volume(s->in), out = volume(s->out);
    const float *grid = j->grid + plane / s->channels * out * s->spatial;
    float *dx = j->dx + plane * in;
    memset(dx, 0, sizeof(float) * (size_t)in);
    for (int64_t i = 0; i < out; i++) {
        taps t[3];
        int k[3];
        find_point(s, grid + i * s->spatial, t);
        int count = t[0].count * t[1].count * t[2].count;
        for (int number = 0; number < count; number++) {
            int64_t at = tap_at(s, t, number, k);
            if (at >= 0)
                dx[at] += t[0].weight[k[0]] * t[1].weight[k[1]] * t[2].weight[k[2]] *
                          j->dy[plane * out + i];
        }
    }
}

static void slope_row(void *context, int64_t row, int worker) {
    const job *j = context;
    const sampler *s = j->s;
    int64_t rows = s->out[0] * s->out[1], image = row / rows;
    int64_t in = volume(s->in), out = volume(s->out);
    const float *x = j->x + image * s->channels * in;
    const float *dy = j->dy + image * s->channels * out + row % rows * s->out[2];
    for (int64_t i = 0; i < s->out[2]; i++) {
        taps t[3];
        int k[3];
        int64_t point = row * s->out[2] + i;
        find_point(s, j->grid + point * s->spatial, t);
        int count = t[0].count * t[1].count * t[2].count;
        float sum[3] = {0, 0, 0};
        for (int number = 0; number < count; number++) {
            int64_t at = tap_at(s, t, number, k);
            if (at < 0) continue;
            float dot = 0;
            for (int64_t channel = 0; channel < s->channels; channel++)
                dot += dy[channel * out + i] * x[channel * in + at];
            for (int d = 0; d < 3; d++) {
                float by = dot;
                for (int e = 0; e < 3; e++)
                    by *= e == d ? t[e].slope[k[e]] : t[e].weight[k[e]];
                sum[d] += by;
            }
        }
        for (int d = 0; d < s->spatial; d++)
            j->dgrid[point * s->spatial + d] = sum[2 - d];
    }
}

static acn_status run(acn_call *c) {
    const sampler_plan *p = c->plan->data;
    job j = {.s = &p->s,
             .x = acn_stage_in(&p->in[0], acn_in(c, 0), c->workspace),
             .grid = acn_stage_in(&p->in[1], acn_in(c, 1), c->workspace),
             .y = acn_stage_room(&p->out[0], acn_out(c, 0), c->workspace)};
    acn_pool_run(p->s.images * p->s.out[0] * p->s.out[1], sample_row, &j);
    acn_stage_out(&p->out[0], acn_out(c, 0), c->workspace);
    return ACN_OK;
}

static acn_status run_grad(acn_call *c) {
    const sampler_plan *p = c->plan->data;
    job j = {.s = &p->s,
             .dy = acn_stage_in(&p->in[0], acn_in(c, 0), c->workspace),
             .x = acn_stage_in(&p->in[1], acn_in(c, 1), c->workspace),
             .grid = acn_stage_in(&p->in[2], acn_in(c, 2), c->workspace)};
    if (wants(c, 0)) {
        j.dx = acn_stage_room(&p->out[0], acn_out(c, 0), c->workspace);
        acn_pool_run(p->s.images * p->s.channels, spread_plane, &j);
        acn_stage_out(&p->out[0], acn_out(c, 0), c->workspace);
    }
    if (wants(c, 1)) {
        j.dgrid = acn_stage_room(&p->out[1], acn_out(c, 1), c->workspace);
        acn_pool_run(p->s.images * p->s.out[0] * p->s.out[1], slope_row, &j);
        acn_stage_out(&p->out[1], acn_out(c, 1), c->workspace);
    }
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static void read_point(const sampler *s, const acn_tensor *grid, int64_t point, taps *t) {
    float at[3];
    for (int d = 0; d < s->spatial; d++)
        at[d] = (float)acn_load_value(acn_tensor_at(grid, point * s->spatial + d), grid->dtype).f;
    find_point(s, at, t);
}

static double value_at(const acn_tensor *t, int64_t linear) {
    return acn_load_value(acn_tensor_at(t, linear), t->dtype).f;
}

static acn_status run0(acn_call *c) {
    sampler s;
    ACN_TRY(read_sampler(c, 0, &s));
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t in = volume(s.in), out = volume(s.out);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        taps t[3];
        int k[3];
        double sum = 0;
        read_point(&s, acn_in(c, 1), i / out / s.channels * out + i % out, t);
        for (int number = 0; number < t[0].count * t[1].count * t[2].count; number++) {
            int64_t at = tap_at(&s, t, number, k);
            if (at >= 0)
                sum += (double)t[0].weight[k[0]] * t[1].weight[k[1]] * t[2].weight[k[2]] *
                       value_at(x, i / out * in + at);
        }
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = sum});
    }
    return ACN_OK;
}

static double naive_dx(const acn_call *c, const sampler *s, int64_t plane, int64_t element) {
    int64_t out = volume(s->out);
    double sum = 0;
    for (int64_t i = 0; i < out; i++) {
        taps t[3];
        int k[3];
        read_point(s, acn_in(c, 2), plane / s->channels * out + i, t);
        for (int number = 0; number < t[0].count * t[1].count * t[2].count; number++)
            if (tap_at(s, t, number, k) == element)
                sum += (double)t[0].weight[k[0]] * t[1].weight[k[1]] * t[2].weight[k[2]] *
                       value_at(acn_in(c, 0), plane * out + i);
    }
    return sum;
}

static double naive_dgrid(const acn_call *c, const sampler *s, int64_t point, int dim) {
    int64_t in = volume(s->in), out = volume(s->out), image = point / out;
    double sum = 0;
    taps t[3];
    int k[3];
    read_point(s, acn_in(c, 2), point, t);
    for (int number = 0; number < t[0].count * t[1].count * t[2].count; number++) {
        int64_t at = tap_at(s, t, number, k);
        if (at < 0) continue;
        double by = 1;
        for (int e = 0; e < 3; e++)
            by *= e == dim ? t[e].slope[k[e]] : t[e].weight[k[e]];
        for (int64_t plane = image * s->channels; plane < (image + 1) * s->channels; plane++)
            sum += by * value_at(acn_in(c, 0), plane * out + point % out) *
                   value_at(acn_in(c, 1), plane * in + at);
    }
    return sum;
}

static acn_status run0_grad(acn_call *c) {
    sampler s;
    ACN_TRY(read_sampler(c, 1, &s));
    const acn_tensor *dx = acn_out(c, 0), *dgrid = acn_out(c, 1);
    for (int64_t i = 0; wants(c, 0) && i < acn_tensor_count(dx); i++)
        acn_store_value(acn_tensor_at(dx, i), dx->dtype,
                        (acn_value){.f = naive_dx(c, &s, i / volume(s.in), i % volume(s.in))});
    for (int64_t i = 0; wants(c, 1) && i < acn_tensor_count(dgrid); i++)
        acn_store_value(
            acn_tensor_at(dgrid, i), dgrid->dtype,
            (acn_value){.f = naive_dgrid(c, &s, i / s.spatial, 2 - (int)(i % s.spatial))});
    return ACN_OK;
}

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))
/* clang-format off */
#define ATTRS                                                                                      \
    {"interpolation_mode", ACN_ATTR_INT}, {"padding_mode", ACN_ATTR_INT},                          \
    {"align_corners", ACN_ATTR_BOOL}
/* clang-format on */

ACN_OP(GridSampler) = {
    .name = "GridSampler",
    .doc = "Elements of a 2-D or 3-D image at positions from -1 to 1; linear, nearest or cubic",
    .in = {{"x", TYPES, ACN_UNALIASED}, {"grid", TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = {ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,3,5,7],[2,4,3,2]@-1.2..1.2 "
             "f32[2,3,5,7],[2,4,3,2]@-2..2|interpolation_mode=1,padding_mode=1 "
             "f32[2,3,5,7],[2,4,3,2]@-2..2|interpolation_mode=2,padding_mode=2 "
             "f32[2,3,5,7],[2,4,3,2]@-3..3|padding_mode=2,align_corners=1 "
             "f32[2,3,4,5,7],[2,2,4,3,3]@-1.2..1.2|padding_mode=1",
};

ACN_OP(GridSamplerGrad) = {
    .name = "GridSamplerGrad",
    .doc = "Gradients of GridSampler's image and grid; output_mask says which are wanted",
    .in = {{"grad", TYPES, ACN_UNALIASED},
           {"x", TYPES, ACN_UNALIASED},
           {"grid", TYPES, ACN_UNALIASED}},
    .out = {{"dx", TYPES, ACN_OPTIONAL}, {"dgrid", TYPES, ACN_OPTIONAL}},
    .attr = {ATTRS, {"output_mask", ACN_ATTR_BOOLS}},
    .infer = infer_grad,
    .plan = plan_grad,
    .run = run_grad,
    .run0 = run0_grad,
    .cases = "tolerance=reduction [2,3,4,3],[2,3,5,7],[2,4,3,2]@-1.2..1.2 "
             "f32[2,3,4,3],[2,3,5,7],[2,4,3,2]@-2..2|interpolation_mode=2,padding_mode=2 "
             "f32[2,3,4,3],[2,3,5,7],[2,4,3,2]@-3..3|padding_mode=1,align_corners=1 "
             "f32[2,3,2,4,3],[2,3,4,5,7],[2,2,4,3,3]@-1.2..1.2|output_mask=[1,1]",
};

/* resize.c - Resize: interpolation of the last 1 to 3 dimensions by ONNX's rules, which say where
 * an output element lies in the input in more ways than PyTorch's (resample.c). Positions are
 * computed in f32, as ONNX Runtime does it: nearest elements depend on it. */
#include "ops/resize/separable.h"
#include <math.h>
#include <string.h>

enum {
    SPATIAL,
    OUTPUT_SIZE,
    SCALES,
    ROI,
    MODE,
    POSITION,
    NEAREST_MODE,
    CUBIC_A,
    EXCLUDES,
    ANTIALIAS,
    EXTRAPOLATION
};

typedef enum resize_mode { NEAREST, LINEAR, CUBIC } resize_mode;
typedef enum position_mode {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    TF_HALF_PIXEL_FOR_NN,
    TF_CROP_AND_RESIZE
} position_mode;
typedef enum nearest_mode { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL } nearest_mode;

static const char *const mode_names[] = {"nearest", "linear", "cubic", NULL};
static const char *const position_names[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
static const char *const nearest_names[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil", NULL};

/* How one dimension is mapped. */
typedef struct rule {
    resize_mode mode;
    position_mode position;
    nearest_mode nearest;
    float a; /* of the cubic */
    bool excludes, antialias;
    int64_t in, out;
    float scale, roi[2]; /* the part of the input, from 0 to 1 */
} rule;

typedef struct resize {
    acn_separable map; /* first: the family's plan data */
    bool *outside[3];  /* outputs that lie beyond the input; NULL: none do */
} resize;

/* ---- what the call says ---------------------------------------------------------------------- */

static acn_status read_name(const acn_call *c, int slot, const char *const *names, int *out) {
    const char *text = c->attr[slot].is_present ? c->attr[slot].text : names[0];
    for (*out = 0; names[*out]; ++*out)
        if (strcmp(names[*out], text) == 0) return ACN_OK;
    return acn_bad_attr(c, slot, "is %s, which is no way to resize", text);
}

static const float *floats(const acn_call *c, int slot, int64_t *out_count) {
    *out_count = c->attr[slot].is_present ? c->attr[slot].count : 0;
    return *out_count ? c->attr[slot].items : NULL;
}

static acn_status read_common(const acn_call *c, rule *r) {
    int mode, position, nearest;
    ACN_TRY(read_name(c, MODE, mode_names, &mode));
    ACN_TRY(read_name(c, POSITION, position_names, &position));
    ACN_TRY(read_name(c, NEAREST_MODE, nearest_names, &nearest));
    *r = (rule){.mode = (resize_mode)mode,
                .position = (position_mode)position,
                .nearest = (nearest_mode)nearest,
                .a = (float)acn_attr_float(c, CUBIC_A),
                .excludes = acn_attr_int(c, EXCLUDES) != 0,
                .antialias = acn_attr_int(c, ANTIALIAS) != 0,
                .in = 1,
                .out = 1,
                .scale = 1,
                .roi = {0, 1}};
    return ACN_OK;
}

/* The rules of three dimensions; those that the call does not map stay as they are. */
static acn_status read_rules(const acn_call *c, rule *rules) {
    const acn_tensor *x = acn_in(c, 0);
    int spatial = (int)acn_attr_int(c, SPATIAL);
    int64_t count, scale_count, roi_count, dims[3];
    const int64_t *size = acn_attr_ints(c, OUTPUT_SIZE, &count);
    const float *scale = floats(c, SCALES, &scale_count), *roi = floats(c, ROI, &roi_count);
    if (spatial < 1 || spatial > 3 || spatial > x->rank)
        return acn_bad_attr(c, SPATIAL, "is %d; expected 1 to 3 of the input's dimensions",
                            spatial);
    if (count != spatial || (scale && scale_count != spatial) || (roi && roi_count != 2 * spatial))
        return acn_bad_attr(c, OUTPUT_SIZE,
                            "has %lld numbers, scales %lld, roi %lld; expected %d, and as many "
                            "scales and twice as many for roi, or none",
                            (long long)count, (long long)scale_count, (long long)roi_count,
                            spatial);
    acn_separable_dims(x, spatial, dims);
    for (int d = 0; d < 3; d++) {
        rule *r = &rules[d];
        int at = d - (3 - spatial);
        ACN_TRY(read_common(c, r));
        if (at < 0) continue;
        r->in = dims[d];
        r->out = size[at];
        if (r->in < 1 || r->out < 1 || r->in > INT32_MAX / 8 || r->out > INT32_MAX / 8)
            return acn_bad_attr(c, OUTPUT_SIZE, "asks for %lld elements from %lld; expected some",
                                (long long)r->out, (long long)r->in);
        r->scale = scale ? scale[at] : (float)r->out / (float)r->in;
        if (!(r->scale > 1e-9f) || !(r->scale < 1e9f))
            return acn_bad_attr(c, SCALES, "has %g; expected more than 0", (double)r->scale);
        if (roi) r->roi[0] = roi[at], r->roi[1] = roi[spatial + at];
    }
    bool needs_floats = rules[0].mode != NEAREST || rules[0].position == TF_CROP_AND_RESIZE;
    if (needs_floats && !acn_dtype_is_float(x->dtype))
        return acn_bad_input(c, 0, "expected floats, whose means are of the same type");
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    rule rules[3];
    const acn_tensor *x = acn_in(c, 0);
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(read_rules(c, rules));
    int spatial = (int)acn_attr_int(c, SPATIAL);
    memcpy(dims, x->dims, sizeof dims);
    for (int d = 0; d < spatial; d++)
        dims[x->rank - spatial + d] = rules[3 - spatial + d].out;
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

/* ---- one dimension --------------------------------------------------------------------------- */

static float position_of(const rule *r, int64_t o) {
    float x = (float)o, in = (float)r->in, width = r->scale * in;
    switch (r->position) {
    case ALIGN_CORNERS:
        return width == 1 ? 0 : x * (in - 1) / (width - 1);
    case ASYMMETRIC:
        return x / r->scale;
    case TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5f) / r->scale;
    case PYTORCH_HALF_PIXEL:
        return r->out == 1 ? -0.5f : (x + 0.5f) / r->scale - 0.5f;
    case HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - (float)r->out / width) + (x + 0.5f) / r->scale - 0.5f;
    case TF_CROP_AND_RESIZE: {
        float part = (r->roi[1] - r->roi[0]) * (in - 1);
        float within = r->out == 1 ? part / 2 : x * part / (width - 1);
        return within + r->roi[0] * (in - 1);
    }
    default:
        return (x + 0.5f) / r->scale - 0.5f;
    }
}

static float cubic(float x, float a) {
    x = fabsf(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static float weight_of(const rule *r, float distance) {
    if (r->mode == CUBIC) return cubic(distance, r->a);
    return fmaxf(0, 1 - fabsf(distance));
}

static int64_t clamp(int64_t x, int64_t size) { return x < 0 ? 0 : x >= size ? size - 1 : x; }

/* The element at or before |at| is |base|, or the one at it is base + 1: part is in (0, 1]. */
static int64_t nearest_of(const rule *r, float at) {
    float base = ceilf(at) - 1, part = at - base;
    bool is_upper = part == 1 || r->nearest == CEIL;
    if (r->nearest == PREFER_FLOOR) is_upper = part > 0.5f;
    if (r->nearest == PREFER_CEIL) is_upper = part >= 0.5f;
    return (int64_t)base + is_upper;
}

/* Shrinking with antialiasing stretches the filter over the elements that become one. */
static float shrinks_by(const rule *r) { return r->antialias && r->scale < 1 ? r->scale : 1; }

/* Taps on each side of a position. Weights of 0 stay, so that all outputs have equally many. */
static int64_t reach_of(const rule *r) {
    return (int64_t)ceilf((r->mode == CUBIC ? 2.0f : 1.0f) / shrinks_by(r));
}

static void weigh(const rule *r, acn_taps *t, int64_t o, float at) {
    float base = ceilf(at) - 1, shrink = shrinks_by(r), total = 0;
    int64_t reach = reach_of(r), first = (int64_t)base - reach + 1, last = (int64_t)base + reach;
    bool is_scaled = r->excludes || shrink < 1;
    for (int pass = is_scaled ? 0 : 1; pass < 2; pass++)
        for (int64_t i = first; i <= last; i++) {
            float w = weight_of(r, ((float)i - at) * shrink);
            if (r->excludes && (i < 0 || i >= r->in)) continue;
            if (pass == 0)
                total += w;
            else
                acn_taps_add(t, o, clamp(i, r->in), is_scaled ? w / total : w);
        }
}

static bool is_untouched(const rule *r) {
    return r->in == r->out && r->scale == 1 && r->roi[0] == 0 && r->roi[1] == 1 &&
           r->position != TF_HALF_PIXEL_FOR_NN;
}

/* |out_outside|: allocated when the rule can lead out of the input. */
static acn_status make_taps(acn_arena *arena, const rule *r, acn_taps *t, bool **out_outside) {
    int64_t most = r->mode == NEAREST ? 1 : 2 * reach_of(r);
    *out_outside = NULL;
    if (is_untouched(r)) return acn_taps_identity(arena, t, r->in);
    if (r->position == TF_CROP_AND_RESIZE) {
        *out_outside = acn_arena_alloc(arena, (size_t)r->out);
        if (!*out_outside) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    }
    ACN_TRY(acn_taps_begin(arena, t, r->in, r->out, r->out * most));
    for (int64_t o = 0; o < r->out; o++) {
        float at = position_of(r, o);
        acn_taps_next(t, o);
        if (*out_outside && !(at >= 0 && at <= (float)(r->in - 1)))
            (*out_outside)[o] = true;
        else if (r->mode == NEAREST)
            acn_taps_add(t, o, clamp(nearest_of(r, at), r->in), 1);
        else
            weigh(r, t, o, at);
    }
    return acn_taps_end(arena, t);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static acn_status prepare(acn_call *c, acn_arena *arena, resize *r) {
    rule rules[3];
    ACN_TRY(read_rules(c, rules));
    for (int d = 0; d < 3; d++)
        ACN_TRY(make_taps(arena, &rules[d], &r->map.taps[d], &r->outside[d]));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    resize *r = acn_plan_alloc(c, sizeof *r);
    if (!r) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(prepare(c, &c->plan->arena, r));
    return acn_separable_plan(c, &r->map, (int)acn_attr_int(c, SPATIAL));
}

static void fill_outside(const acn_call *c, const resize *r) {
    const acn_tensor *y = acn_out(c, 0);
    const acn_taps *t = r->map.taps;
    const acn_value value = {.f = acn_attr_float(c, EXTRAPOLATION)};
    if (!r->outside[0] && !r->outside[1] && !r->outside[2]) return;
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        const int64_t at[3] = {i / t[2].out / t[1].out % t[0].out, i / t[2].out % t[1].out,
                               i % t[2].out};
        bool is_outside = false;
        for (int d = 0; d < 3; d++)
            is_outside |= r->outside[d] && r->outside[d][at[d]];
        if (is_outside) acn_store_value(acn_tensor_at(y, i), y->dtype, value);
    }
}

static acn_status run(acn_call *c) {
    acn_separable_run(c->plan->data, c);
    fill_outside(c, c->plan->data);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    resize r = {.outside = {NULL}};
    ACN_TRY(prepare(c, &c->arena, &r));
    acn_separable_naive(c, r.map.taps);
    fill_outside(c, &r);
    return ACN_OK;
}

ACN_OP(Resize) = {
    .name = "Resize",
    .doc = "Interpolation of the last dimensions (nearest, linear, cubic) by ONNX's rules",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"spatial", ACN_ATTR_INT, .fallback = 2},
             {"output_size", ACN_ATTR_INTS, .is_required = true},
             {"scales", ACN_ATTR_FLOATS},
             {"roi", ACN_ATTR_FLOATS},
             {"mode", ACN_ATTR_STRING},
             {"coordinate_transformation_mode", ACN_ATTR_STRING},
             {"nearest_mode", ACN_ATTR_STRING},
             {"cubic_coeff_a", ACN_ATTR_FLOAT, .fallback = -0.75},
             {"exclude_outside", ACN_ATTR_BOOL},
             {"antialias", ACN_ATTR_BOOL},
             {"extrapolation_value", ACN_ATTR_FLOAT, .is_value = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [2,3,5,7]|output_size=[10,9] "
        "f32+f16[2,3,5,7]|mode=linear,output_size=[10,9] "
        "f32[2,3,5,7]|mode=linear,output_size=[3,13],coordinate_transformation_mode=align_corners "
        "f32[2,3,5,7]|mode=cubic,output_size=[10,4],exclude_outside=1 "
        "f32[2,3,9,20]|mode=cubic,output_size=[4,25],antialias=1 "
        "f32[2,3,9,20]|mode=linear,output_size=[4,6],antialias=1 "
        "f32[2,3,9]|spatial=1,mode=linear,output_size=[20],"
        "coordinate_transformation_mode=half_pixel_symmetric "
        "f32[1,2,3,4,5]|spatial=3,mode=linear,output_size=[6,3,10],"
        "coordinate_transformation_mode=asymmetric "
        "i64[2,5,7]|output_size=[3,9],nearest_mode=ceil,"
        "coordinate_transformation_mode=asymmetric f32[0,2,3,4]|output_size=[6,8]",
};

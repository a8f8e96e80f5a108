/* normal.c - StatelessNormal: mean + std * z, z by Box and Muller from pairs of words.
 *
 * Words (0, 1) give elements 0 and 1 of a block, words (2, 3) elements 2 and 3. The angle is a
 * float and the logarithm's argument lies in (0, 1], so z is at most 6.7; f64 takes 53 bits for
 * both. */
#include "ops/random/draw.h"
#include <math.h>

enum { ATTR_MEAN = ACN_DRAW_OWN, ATTR_STD, IN_MEAN = 0, IN_STD = 1, PAIRS = ACN_ROW_TILE / 2 };

static const double two_pi = 6.283185307179586476925;

static float radius_argument(uint32_t word) { return ((float)word + 1.0f) * 0x1p-32f; }
static float angle(uint32_t word) { return (float)(word >> 8) * (float)(two_pi * 0x1p-24); }

/* ---- z --------------------------------------------------------------------------------------- */

/* |n| values of f32 class: kernels do the logarithm, root, sine and cosine. */
static void fill_z_f32(const acn_draw *draw, int64_t first, int64_t n, float *z) {
    const acn_kernels *k = acn_kernels_get();
    float radius[PAIRS + 2], theta[PAIRS + 2], sine[PAIRS + 2], minus_two[PAIRS + 2];
    int64_t pairs = 0;
    for (int64_t i = 0; i < n; i += 4, pairs += 2) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)(first + i) / 4, words);
        for (int p = 0; p < 2; p++) {
            radius[pairs + p] = radius_argument(words[2 * p]);
            theta[pairs + p] = angle(words[2 * p + 1]);
            minus_two[pairs + p] = -2;
        }
    }
    k->micro[ACN_U_LOG][ACN_K_F32](radius, radius, NULL, NULL, pairs);
    k->micro[ACN_U_MUL][ACN_K_F32](radius, radius, minus_two, NULL, pairs);
    k->micro[ACN_U_SQRT][ACN_K_F32](radius, radius, NULL, NULL, pairs);
    k->micro[ACN_U_SIN][ACN_K_F32](sine, theta, NULL, NULL, pairs);
    k->micro[ACN_U_COS][ACN_K_F32](theta, theta, NULL, NULL, pairs);
    for (int64_t i = 0; i < n; i++)
        z[i] = radius[i / 2] * (i % 2 ? sine : theta)[i / 2];
}

/* Element i alone. An f64 pair takes a whole block. */
static double z_at(const acn_draw *draw, int64_t i) {
    uint32_t words[4];
    double radius, theta;
    if (draw->klass == ACN_K_F64) {
        acn_philox_block(&draw->random, (uint64_t)i / 2, words);
        radius = 1 - acn_unit53(words[0], words[1]);
        theta = two_pi * acn_unit53(words[2], words[3]);
    } else {
        acn_philox_block(&draw->random, (uint64_t)i / 4, words);
        radius = radius_argument(words[i % 4 / 2 * 2]);
        theta = angle(words[i % 4 / 2 * 2 + 1]);
    }
    return sqrt(-2 * log(radius)) * (i % 2 ? sin(theta) : cos(theta));
}

/* ---- mean and std: numbers, or tensors that broadcast ---------------------------------------- */

static const acn_tensor *parameter(const acn_draw *draw, int slot) {
    return acn_in(draw->call, slot);
}

static double parameter_at(const acn_draw *draw, int slot, int64_t i) {
    const acn_tensor *t = parameter(draw, slot), *y = &draw->y;
    if (!t && slot == IN_MEAN) return draw->is_complex && i % 2 ? 0 : draw->a;
    if (!t) return draw->b;
    int64_t at = 0;
    for (int d = y->rank - 1, own = t->rank - 1; own >= 0; d--, own--) {
        if (t->dims[own] != 1) at += i % y->dims[d] * t->strides[own];
        i /= y->dims[d];
    }
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}

static void fill(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    bool is_double = draw->klass == ACN_K_F64;
    bool is_plain = !parameter(draw, IN_MEAN) && !parameter(draw, IN_STD) && !draw->is_complex;
    if (!is_double) fill_z_f32(draw, first, n, tile->f);
    for (int64_t i = 0; i < n; i++) {
        double z = is_double ? z_at(draw, first + i) : tile->f[i];
        double mean = is_plain ? draw->a : parameter_at(draw, IN_MEAN, first + i);
        double std = is_plain ? draw->b : parameter_at(draw, IN_STD, first + i);
        if (is_double)
            tile->d[i] = mean + std * z;
        else
            tile->f[i] = (float)(mean + std * z);
    }
}

static acn_value element(const acn_draw *draw, int64_t i) {
    return (acn_value){.f = parameter_at(draw, IN_MEAN, i) +
                            parameter_at(draw, IN_STD, i) * z_at(draw, i)};
}

/* ---- the operator ---------------------------------------------------------------------------- */

static acn_status check_std(const acn_call *call) {
    double std = acn_attr_float(call, ATTR_STD);
    if (std >= 0) return ACN_OK;
    return acn_bad_attr(call, ATTR_STD, "is %g; expected a standard deviation of at least 0", std);
}

static acn_status infer(acn_call *call) {
    if (!acn_in(call, IN_MEAN) && !acn_in(call, IN_STD)) return acn_draw_infer(call);
    int rank = 0;
    int64_t dims[ACN_MAX_DIMS];
    for (int slot = IN_MEAN; slot <= IN_STD; slot++) {
        const acn_tensor *t = acn_in(call, slot);
        if (t && !acn_shape_broadcast(&rank, dims, t->rank, t->dims))
            return acn_bad_input(call, slot, "its shape does not broadcast with the mean's");
    }
    acn_out_is(call, 0, ACN_UNDEFINED, rank, dims);
    return ACN_OK;
}

static acn_draw begin(const acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    draw.a = acn_attr_float(call, ATTR_MEAN);
    draw.b = acn_attr_float(call, ATTR_STD);
    draw.is_complex = acn_dtype_is_complex(acn_out(call, 0)->dtype);
    if (draw.is_complex) draw.b *= sqrt(0.5); /* the two parts' variances add up */
    return draw;
}

static acn_status run(acn_call *call) {
    acn_draw draw = begin(call);
    acn_draw_run(&draw, fill);
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    acn_draw draw = begin(call);
    acn_draw_run0(&draw, element);
    return ACN_OK;
}

#define VALUE(attr_name, default_value)                                                            \
    { .name = attr_name, .kind = ACN_ATTR_FLOAT, .fallback = default_value, .is_value = true }

ACN_OP(StatelessNormal) = {
    .name = "StatelessNormal",
    .doc = "Normal numbers of the given mean and deviation; Philox4x32-10 of seed and offset.",
    .in = {{"mean", ACN_FLOATS, ACN_OPTIONAL}, {"std", ACN_FLOATS, ACN_OPTIONAL}, ACN_DRAW_INPUTS},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = {ACN_DRAW_ATTRS, VALUE("mean_value", 0), VALUE("std_value", 1)},
    .infer = infer,
    .check = check_std,
    .plan = acn_draw_plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=relative ->[5,7]|seed=1 ->[3,1000]|seed=7,offset=12,mean_value=30,std_value=2 "
        "->f32+f64[40000]|seed=3 ->[0] ->[] [5,1]@20..30,[7]@1..2|seed=5 "
        "[5,7]@20..30|seed=5,std_value=0",
};

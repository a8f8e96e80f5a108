/* complex.c - Complex and Polar, which make complex numbers of pairs of floats, and AngleV2. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"

#define PI 3.14159265358979323846

/* ---- from two floats ------------------------------------------------------------------------- */

static acn_status infer_pair(acn_call *c) {
    int rank = 0;
    int64_t dims[ACN_MAX_DIMS];
    for (int s = 0; s < 2; s++) {
        const acn_tensor *t = acn_in(c, s);
        if (!acn_shape_broadcast(&rank, dims, t->rank, t->dims))
            return acn_bad_input(c, s, "its shape does not broadcast with that of %s",
                                 c->op->in[0].name);
    }
    acn_out_is(c, 0, ACN_C64, rank, dims);
    return ACN_OK;
}

static void view_pair(const acn_call *c, acn_tensor *views) {
    views[0] = acn_part_of(acn_out(c, 0), 0);
    views[1] = acn_part_of(acn_out(c, 0), 1);
    views[2] = *acn_in(c, 0);
    views[3] = *acn_in(c, 1);
}

static void emit_complex(acn_program *p, const acn_call *c) {
    for (int i = 0; i < 2; i++)
        acn_p_store(p, acn_p1(p, ACN_U_COPY, acn_p_input(p, i, ACN_K_F32)));
}

/* Pairs that lie as they came are put together without a machine. */
typedef struct pairs {
    const float *re, *im;
    float *y;
    int64_t count;
} pairs;

enum { PAIRS = 16384 };

static void join_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const pairs *p = context;
    int64_t end = (chunk + 1) * PAIRS < p->count ? (chunk + 1) * PAIRS : p->count;
    for (int64_t i = chunk * PAIRS; i < end; i++) {
        p->y[2 * i] = p->re[i];
        p->y[2 * i + 1] = p->im[i];
    }
}

static acn_status complex_run(acn_call *c) {
    const acn_tensor *re = acn_in(c, 0), *im = acn_in(c, 1), *y = acn_out(c, 0);
    bool is_plain = re->dtype == ACN_F32 && im->dtype == ACN_F32 && acn_tensor_same_shape(re, im) &&
                    acn_tensor_is_contiguous(re) && acn_tensor_is_contiguous(im) &&
                    acn_tensor_is_contiguous(y);
    if (!is_plain) return acn_viewed_run(c);
    pairs p = {re->data, im->data, y->data, acn_tensor_count(y)};
    acn_pool_run((p.count + PAIRS - 1) / PAIRS, join_chunk, &p);
    return ACN_OK;
}
static acn_status polar_run(acn_call *c) { return acn_viewed_run(c); }

static void emit_polar(acn_program *p, const acn_call *c) {
    acn_reg length = acn_p_input(p, 0, ACN_K_F32), angle = acn_p_input(p, 1, ACN_K_F32);
    acn_p_store(p, acn_p2(p, ACN_U_MUL, length, acn_p1(p, ACN_U_COS, angle)));
    acn_p_store(p, acn_p2(p, ACN_U_MUL, length, acn_p1(p, ACN_U_SIN, angle)));
}

static acn_status run0_pair(acn_call *c, bool is_polar) {
    const acn_tensor *out = acn_out(c, 0);
    acn_tensor a = acn_tensor_broadcast(acn_in(c, 0), out->rank, out->dims);
    acn_tensor b = acn_tensor_broadcast(acn_in(c, 1), out->rank, out->dims);
    for (int64_t i = 0; i < acn_tensor_count(out); i++) {
        double x = acn_load_value(acn_tensor_at(&a, i), a.dtype).f;
        double y = acn_load_value(acn_tensor_at(&b, i), b.dtype).f;
        acn_store_value(acn_tensor_at(out, i), ACN_C64,
                        is_polar ? acn_value_c(x * cos(y), x * sin(y)) : acn_value_c(x, y));
    }
    return ACN_OK;
}
static acn_status complex_run0(acn_call *c) { return run0_pair(c, false); }
static acn_status polar_run0(acn_call *c) { return run0_pair(c, true); }

#define FROM_PAIR(id, ge_name, first, flags, second, about)                                        \
    static const acn_viewed id##_viewed = {                                                        \
        .view = view_pair, .outputs = 2, .inputs = 2, .emit = emit_##id};                          \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{first, ACN_T(ACN_F32) | ACN_T(ACN_F16), flags},                                    \
               {second, ACN_T(ACN_F32) | ACN_T(ACN_F16), ACN_UNALIASED}},                          \
        .out = {{"out", ACN_COMPLEXES, 0}},                                                        \
        .infer = infer_pair,                                                                       \
        .plan = acn_viewed_plan,                                                                   \
        .run = id##_run,                                                                           \
        .run0 = id##_run0,                                                                         \
        .family = &id##_viewed,                                                                    \
        .cases = "[2,3],[2,3] [5,7],[5,7] [4,3],[3] [4,1],[1,5] [0,3],[3] [],[] [1030],[1030]",    \
    }
/* The real part may be the result's own, which PyTorch conjugates in place so: it stays. */
FROM_PAIR(complex, "Complex", "real", 0, "imag", "out = real + i imag");
FROM_PAIR(polar, "Polar", "input", ACN_UNALIASED, "angle",
          "out = input (cos(angle) + i sin(angle))");

/* ---- the angle of a number ------------------------------------------------------------------- */

static acn_status infer_angle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    bool is_float = acn_dtype_is_float(x->dtype);
    acn_out_like(c, 0, is_float ? x->dtype : ACN_F32, x);
    return ACN_OK;
}

static void view_angle(const acn_call *c, acn_tensor *views) {
    const acn_tensor *x = acn_in(c, 0);
    bool is_complex = x->dtype == ACN_C64;
    views[0] = *acn_out(c, 0);
    views[1] = is_complex ? acn_part_of(x, 0) : *x;
    views[2] = is_complex ? acn_part_of(x, 1) : *x;
}

/* A real number's is 0 or pi; of NaN it is NaN. */
static void emit_angle(acn_program *p, const acn_call *c) {
    acn_class k = acn_class_of(acn_in(c, 0)->dtype);
    if (k == ACN_K_C64) {
        acn_reg re = acn_p_input(p, 0, ACN_K_F32), im = acn_p_input(p, 1, ACN_K_F32);
        acn_p_store(p, acn_p2(p, ACN_U_ATAN2, im, re));
        return;
    }
    acn_class f = k == ACN_K_F64 ? k : ACN_K_F32;
    acn_reg x = acn_p_input(p, 0, k), zero = acn_p_const(p, 0, f);
    acn_reg is_negative = acn_p2(p, ACN_U_LT, x, acn_p_const(p, 0, k));
    acn_reg angle = acn_p3(p, ACN_U_SELECT, acn_p_const(p, PI, f), zero, is_negative);
    if (f == k) angle = acn_p3(p, ACN_U_SELECT, x, angle, acn_p1(p, ACN_U_IS_NAN, x));
    acn_p_store(p, angle);
}

static acn_status angle_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *out = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(out); i++) {
        acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
        double angle = v.f < 0 ? PI : isnan(v.f) ? NAN : 0;
        if (acn_dtype_is_complex(x->dtype)) angle = atan2(v.im, v.f);
        if (acn_dtype_category(x->dtype) < 2) angle = v.i < 0 ? PI : 0;
        acn_store_value(acn_tensor_at(out, i), out->dtype, acn_value_f(angle));
    }
    return ACN_OK;
}

static const acn_viewed angle_viewed = {
    .view = view_angle, .outputs = 1, .inputs = 2, .emit = emit_angle};
ACN_OP(angle) = {
    .name = "AngleV2",
    .doc = "y = the angle of x in the complex plane",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS, 0}},
    .infer = infer_angle,
    .plan = acn_viewed_plan,
    .run = acn_viewed_run,
    .run0 = angle_run0,
    .family = &angle_viewed,
    .cases = "[2,3] [5,7]:strided [0,3] [] [1030]",
};

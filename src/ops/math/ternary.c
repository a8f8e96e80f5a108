/* ternary.c - elementwise operators of three inputs. */
#include "ops/elementwise.h"
#include <complex.h>

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define CASES                                                                                      \
    "tolerance=compound [2,3],[2,3],[2,3] [5,7],[5,7],[5,7]:strided [4,3],[3],[1] [0,3],[3],[3] "  \
    "[],[],[] "                                                                                    \
    "[1030],[1030],[1030]"
#define FLOATS_OR_COMPLEX ACN_FLOATS | ACN_COMPLEXES

static double complex z_of(const acn_value *v) { return CMPLX(v->f, v->im); }
static acn_value of_z(double complex z) { return acn_value_c(creal(z), cimag(z)); }

REF(addcmul) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f + attr[0].f * in[1].f * in[2].f);
    if (k == ACN_K_C64) return of_z(z_of(&in[0]) + z_of(&attr[0]) * z_of(&in[1]) * z_of(&in[2]));
    return acn_value_i(
        acn_wrap_add(in[0].i, acn_wrap_mul(attr[0].i, acn_wrap_mul(in[1].i, in[2].i))));
}
BODY(addcmul) {
    acn_reg scaled = acn_p2(p, ACN_U_MUL, acn_p_attr(p, 0, k), in[1]);
    if (acn_is_float_class(k) || k == ACN_K_C64) return acn_p3(p, ACN_U_FMA, scaled, in[2], in[0]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_MUL, scaled, in[2]));
}
static const acn_elementwise addcmul_definition = {.body = addcmul_body, .ref = addcmul_ref};
ACN_OP(addcmul) = {
    .name = "Addcmul",
    .doc = "y = input_data + value * x1 * x2",
    .in = {{"input_data", ACN_NUMBERS, 0}, {"x1", ACN_NUMBERS, 0}, {"x2", ACN_NUMBERS, 0}},
    .out = {{"y", ACN_NUMBERS, 0}},
    .attr = {{.name = "value", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(addcmul_definition),
    .cases = CASES,
};

REF(addcdiv) {
    if (k == ACN_K_C64) return of_z(z_of(&in[0]) + z_of(&attr[0]) * z_of(&in[1]) / z_of(&in[2]));
    return acn_value_f(in[0].f + attr[0].f * in[1].f / in[2].f);
}
BODY(addcdiv) {
    acn_reg scaled = acn_p2(p, ACN_U_MUL, acn_p_attr(p, 0, k), in[1]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_DIV, scaled, in[2]));
}
static const acn_elementwise addcdiv_definition = {.body = addcdiv_body, .ref = addcdiv_ref};
ACN_OP(addcdiv) = {
    .name = "Addcdiv",
    .doc = "y = input_data + value * x1 / x2",
    .in = {{"input_data", FLOATS_OR_COMPLEX, 0},
           {"x1", FLOATS_OR_COMPLEX, 0},
           {"x2", FLOATS_OR_COMPLEX, 0}},
    .out = {{"y", FLOATS_OR_COMPLEX, 0}},
    .attr = {{.name = "value", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(addcdiv_definition),
    .cases = CASES,
};

/* PyTorch's formula: exact at both ends. */
REF(lerp) {
    double a = in[0].f, b = in[1].f, w = in[2].f;
    if (k == ACN_K_C64) {
        double complex z = z_of(&in[0]), end = z_of(&in[1]), weight = z_of(&in[2]);
        return of_z(cabs(weight) < 0.5 ? z + weight * (end - z) : end - (end - z) * (1 - weight));
    }
    return acn_value_f(fabs(w) < 0.5 ? a + w * (b - a) : b - (b - a) * (1 - w));
}
BODY(lerp) {
    acn_reg a = in[0], b = in[1], w = in[2], span = acn_p2(p, ACN_U_SUB, b, a);
    acn_reg low = acn_p3(p, ACN_U_FMA, w, span, a);
    acn_reg rest = acn_p2(p, ACN_U_SUB, w, acn_p_const(p, 1, k));
    acn_reg high = acn_p3(p, ACN_U_FMA, span, rest, b);
    acn_class f = k == ACN_K_C64 ? ACN_K_F32 : k; /* |w| of complex weights */
    acn_reg length = acn_p_cast(p, acn_p1(p, ACN_U_ABS, w), f);
    acn_reg is_low = acn_p2(p, ACN_U_LT, length, acn_p_const(p, 0.5, f));
    return acn_p3(p, ACN_U_SELECT, low, high, is_low);
}
/* A weight that is one number decides for all elements. */
BODY(low_lerp) { return acn_p3(p, ACN_U_FMA, in[2], acn_p2(p, ACN_U_SUB, in[1], in[0]), in[0]); }
BODY(high_lerp) {
    acn_reg rest = acn_p2(p, ACN_U_SUB, in[2], acn_p_const(p, 1, k));
    return acn_p3(p, ACN_U_FMA, acn_p2(p, ACN_U_SUB, in[1], in[0]), rest, in[1]);
}
static const acn_body lerp_forms[] = {low_lerp_body, high_lerp_body};
static int lerp_form(const acn_call *c) {
    double weight = acn_weak_value(c, 2);
    return isnan(weight) ? 0 : fabs(weight) < 0.5 ? 1 : 2;
}
static const acn_elementwise lerp_definition = {.body = lerp_body,
                                                .forms = lerp_forms,
                                                .form_count = 2,
                                                .form = lerp_form,
                                                .ref = lerp_ref,
                                                .has_exact_scalars = true};
ACN_OP(lerp) = {
    .name = "Lerp",
    .doc = "y = start + weight * (end - start)",
    .in = {{"start", FLOATS_OR_COMPLEX, 0},
           {"end", FLOATS_OR_COMPLEX, 0},
           {"weight", FLOATS_OR_COMPLEX, ACN_SCALARISH}},
    .out = {{"y", FLOATS_OR_COMPLEX, 0}},
    ACN_ELEMENTWISE(lerp_definition),
    .cases = CASES " [50],[50],0.25 [50],[50],0.75",
};

REF(threshold_grad) {
    if (acn_is_float_class(k)) return acn_value_f(in[1].f <= attr[0].f ? 0 : in[0].f);
    return acn_value_i(in[1].i <= attr[0].i ? 0 : in[0].i);
}
BODY(threshold_grad) {
    acn_reg is_low = acn_p2(p, ACN_U_LE, in[1], acn_p_attr(p, 0, k));
    return acn_p3(p, ACN_U_SELECT, acn_p_const(p, 0, k), in[0], is_low);
}
static const acn_elementwise threshold_grad_definition = {.body = threshold_grad_body,
                                                          .ref = threshold_grad_ref};
ACN_OP(threshold_grad) = {
    .name = "ThresholdGradV2D",
    .doc = "backprops = gradients where features > threshold (or NaN), else 0",
    .in = {{"gradients", ACN_REALS, 0}, {"features", ACN_REALS, 0}},
    .out = {{"backprops", ACN_REALS, 0}},
    .attr = {{.name = "threshold", .kind = ACN_ATTR_SCALAR, .is_required = true}},
    ACN_ELEMENTWISE(threshold_grad_definition),
    .cases = "[2,3],[2,3]|threshold=0.5 [5,7],[5,7]|threshold=-1 [0,3],[0,3]|threshold=0 "
             "[],[]|threshold=0 [1030],[1030]|threshold=0",
};

/* PyTorch's: the lower bound first, so that the upper one wins when they cross; NaN stays,
 * and so does the sign of a zero that is a bound. */
enum { CLAMP_X, CLAMP_LOW, CLAMP_HIGH };

BODY(clamp) {
    acn_reg y = in[CLAMP_X];
    if (acn_in(c, CLAMP_LOW) && acn_in(c, CLAMP_HIGH))
        return acn_p3(p, ACN_U_CLAMP, y, in[CLAMP_LOW], in[CLAMP_HIGH]);
    if (acn_in(c, CLAMP_LOW)) y = acn_p2(p, ACN_U_MAX, in[CLAMP_LOW], y);
    if (acn_in(c, CLAMP_HIGH)) y = acn_p2(p, ACN_U_MIN, in[CLAMP_HIGH], y);
    return y == in[CLAMP_X] ? acn_p1(p, ACN_U_COPY, y) : y;
}
REF(clamp) {
    acn_value x = in[CLAMP_X], low = in[CLAMP_LOW], high = in[CLAMP_HIGH];
    if (!acn_is_float_class(k)) {
        int64_t y = x.i > low.i ? x.i : low.i;
        return acn_value_i(y < high.i ? y : high.i);
    }
    if (isnan(x.f) || isnan(low.f) || isnan(high.f)) return acn_value_f(NAN);
    double y = x.f < low.f ? low.f : x.f;
    return acn_value_f(y > high.f ? high.f : y);
}
static const acn_value clamp_absent[] = {
    [CLAMP_LOW] = {.f = -INFINITY, .i = INT64_MIN}, [CLAMP_HIGH] = {.f = INFINITY, .i = INT64_MAX}};
static const acn_elementwise clamp_definition = {
    .body = clamp_body, .ref = clamp_ref, .absent = clamp_absent};
ACN_OP(clamp) = {
    .name = "ClipByValue",
    .doc = "y = min(max(x, clip_value_min), clip_value_max); an absent bound does nothing",
    .in = {{"x", ACN_REALS, 0},
           {"clip_value_min", ACN_REALS, ACN_OPTIONAL | ACN_SCALARISH},
           {"clip_value_max", ACN_REALS, ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_REALS, 0}},
    ACN_ELEMENTWISE(clamp_definition),
    .cases = "[2,3],-1,1 [5,7],-,1 [5,7],1,- [4,3],[3],[1] [0,3],[3],[3] [],[],[] "
             "[1030],[1030],[1030]",
};

/* The same with bounds that count as elements of x: they do not raise its type. */
REF(hardtanh) {
    const acn_value bounds[] = {in[0], attr[0], attr[1]};
    return clamp_ref(k, bounds, NULL);
}
BODY(hardtanh) { return acn_p3(p, ACN_U_CLAMP, in[0], acn_p_attr(p, 0, k), acn_p_attr(p, 1, k)); }
static const acn_elementwise hardtanh_definition = {
    .body = hardtanh_body, .ref = hardtanh_ref, .has_element_attrs = true};
ACN_OP(hardtanh) = {
    .name = "Hardtanh",
    .doc = "y = min(max(x, min_val), max_val), in the type of x",
    .in = {{"x", ACN_REALS, 0}},
    .out = {{"y", ACN_REALS, 0}},
    .attr = {{.name = "min_val", .kind = ACN_ATTR_SCALAR, .fallback = -1},
             {.name = "max_val", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(hardtanh_definition),
    .cases = "[2,3] [5,7]|min_val=-2,max_val=3 [0,3] []|min_val=2,max_val=1 [1030]",
};

REF(select) { return in[0].i ? in[1] : in[2]; }
BODY(select) { return acn_p3(p, ACN_U_SELECT, in[1], in[2], in[0]); }
static const acn_elementwise select_definition = {
    .conditions = 1, .body = select_body, .ref = select_ref};
ACN_OP(select) = {
    .name = "SelectV2",
    .doc = "y = condition ? then : else",
    .in = {{"condition", ACN_BOOLS | ACN_T(ACN_U8), 0},
           {"then", ACN_ALL | ACN_UNSIGNED, 0},
           {"else", ACN_ALL | ACN_UNSIGNED, 0}},
    .out = {{"result", ACN_ALL | ACN_UNSIGNED, 0}},
    ACN_ELEMENTWISE(select_definition),
    .cases = "bool[2,3],f32[2,3],f32[2,3] bool[5,7],i8[5,7],i8[5,7] bool[4,3],c64[3],c64[1] "
             "bool[0,3],f64[3],f64[3] u8[],f16[],f16[] bool[1030],bf16[1030],bf16[1030] "
             "bool[300],i64[300],i64[] bool[40],i32[40],f32[40] bool[40],bool[40],bool[40]",
};

REF(masked_scale) { return acn_value_f(in[0].f * in[1].f * attr[0].f); }
BODY(masked_scale) {
    acn_reg product = acn_p2(p, ACN_U_MUL, in[0], in[1]);
    return acn_p2(p, ACN_U_MUL, product, acn_p_attr(p, 0, k));
}
static const acn_elementwise masked_scale_definition = {.body = masked_scale_body,
                                                        .ref = masked_scale_ref};
ACN_OP(masked_scale) = {
    .name = "MaskedScale",
    .doc = "y = x * mask * value",
    .in = {{"x", ACN_FLOATS, 0}, {"mask", ACN_REALS | ACN_BOOLS, 0}},
    .out = {{"y", ACN_FLOATS, 0}},
    .attr = {{.name = "value", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true}},
    ACN_ELEMENTWISE(masked_scale_definition),
    .cases = "tolerance=compound [2,3],u8[2,3]@0..1|value=2 [5,7],bool[5,7]|value=1.25 "
             "[0,3],u8[0,3] [],i8[]@0..1 [1030],[1030]|value=3",
};

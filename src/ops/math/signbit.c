/* signbit.c - y = the sign bit of x: floats are seen as the integers of their bits, so that -0 and
 * NaN have one, too. */
#include "ops/math/viewed.h"

static acn_status infer(acn_call *c) {
    acn_out_like(c, 0, ACN_BOOL, acn_in(c, 0));
    return ACN_OK;
}

static acn_dtype bits_of(acn_dtype dtype) {
    switch (dtype) {
    case ACN_F32:
        return ACN_I32;
    case ACN_F64:
        return ACN_I64;
    case ACN_F16:
    case ACN_BF16:
        return ACN_I16;
    default:
        return dtype;
    }
}

static void view(const acn_call *c, acn_tensor *views) {
    views[0] = *acn_out(c, 0);
    views[1] = *acn_in(c, 0);
    views[1].dtype = bits_of(views[1].dtype);
}

static void emit(acn_program *p, const acn_call *c) {
    acn_class k = acn_class_of(bits_of(acn_in(c, 0)->dtype));
    acn_p_store(p, acn_p2(p, ACN_U_LT, acn_p_input(p, 0, k), acn_p_const(p, 0, k)));
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    bool is_float = acn_dtype_is_float(x->dtype);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
        acn_store_value(acn_tensor_at(y, i), ACN_BOOL,
                        acn_value_i(is_float ? signbit(v.f) != 0 : v.i < 0));
    }
    return ACN_OK;
}

static const acn_viewed viewed = {.view = view, .outputs = 1, .inputs = 1, .emit = emit};

ACN_OP(signbit) = {
    .name = "Signbit",
    .doc = "y = x has a minus sign; -0 has one",
    .in = {{"x", ACN_REALS | ACN_BOOLS, 0}},
    .out = {{"y", ACN_BOOLS, 0}},
    .infer = infer,
    .plan = acn_viewed_plan,
    .run = acn_viewed_run,
    .run0 = run0,
    .family = &viewed,
    .cases = "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]",
};

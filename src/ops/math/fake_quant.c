/* fake_quant.c - FakeQuantAffineCachemask: numbers rounded to a grid of integers and back, as
 * training for quantised networks wants them; and which of them the grid's ends did not cut.
 *
 *   q = zero_point + round(x / scale),  y = (clamp(q) - zero_point) * scale,  mask = q is in range
 *
 * Scales and zero points are one for all, or one for each index of a dimension. Every step is
 * rounded to f32 as PyTorch's are, since ties decide. */
#include "base/pool.h"
#include "ops/op.h"
#include <math.h>
#include <string.h>

enum { X, SCALE, ZERO, Y = 0, MASK = 1 };
enum { AXIS, LOW, HIGH, ENABLED, CHUNK = 4096 };

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int64_t each = 1;
    if (c->attr[AXIS].is_present) {
        int axis;
        ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &axis));
        each = x->rank ? x->dims[axis] : 1;
    }
    if (acn_attr_int(c, LOW) > acn_attr_int(c, HIGH))
        return acn_bad_attr(c, LOW, "is %lld; expected at most the highest, %lld",
                            (long long)acn_attr_int(c, LOW), (long long)acn_attr_int(c, HIGH));
    for (int slot = SCALE; slot <= ZERO; slot++)
        if (acn_tensor_count(acn_in(c, slot)) != each)
            return acn_bad_input(c, slot, "expected %lld elements", (long long)each);
    acn_out_like(c, Y, acn_out(c, Y) ? ACN_UNDEFINED : x->dtype, x);
    acn_out_like(c, MASK, ACN_BOOL, x);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, X)) / 100 & 0x7fffffff);
    return ACN_OK;
}

/* The index of row-major element |i| in the scales. */
static int64_t scale_of(const acn_call *c, int64_t i) {
    const acn_tensor *x = acn_in(c, X);
    int axis = 0;
    if (!c->attr[AXIS].is_present || x->rank == 0) return 0;
    (void)acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &axis);
    for (int d = x->rank - 1; d > axis; d--)
        i /= x->dims[d];
    return i % x->dims[axis];
}

static float number_at(const acn_tensor *t, int64_t i) {
    acn_value v = acn_load_value(acn_tensor_at(t, i), t->dtype);
    return acn_dtype_is_float(t->dtype) ? (float)v.f : (float)v.i;
}

static void one_element(const acn_call *c, int64_t i) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, Y);
    int64_t at = scale_of(c, i);
    float v = number_at(x, i), scale = number_at(acn_in(c, SCALE), at);
    float zero = number_at(acn_in(c, ZERO), at), low = (float)acn_attr_int(c, LOW);
    float high = (float)acn_attr_int(c, HIGH), inverse = 1.0f / scale;
    bool is_enabled = acn_attr_float(c, ENABLED) != 0;
    float q = zero + nearbyintf(v * inverse);
    bool is_inside = q >= low && q <= high;
    float clamped = q < low ? low : q > high ? high : q; /* NaN stays */
    float result = is_enabled ? (clamped - zero) * scale : v;
    acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = result});
    *(uint8_t *)acn_tensor_at(acn_out(c, MASK), i) = !is_enabled || is_inside;
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *c = context;
    int64_t count = acn_tensor_count(acn_in(c, X)), end = (chunk + 1) * CHUNK;
    for (int64_t i = chunk * CHUNK; i < end && i < count; i++)
        one_element(c, i);
}

static acn_status run(acn_call *c) {
    acn_pool_run((acn_tensor_count(acn_in(c, X)) + CHUNK - 1) / CHUNK, run_chunk, c);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    for (int64_t i = 0; i < acn_tensor_count(acn_in(c, X)); i++)
        one_element(c, i);
    return ACN_OK;
}

ACN_OP(FakeQuantAffineCachemask) = {
    .name = "FakeQuantAffineCachemask",
    .doc = "x rounded to a grid of integers and back, and which elements the grid holds",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"scale", ACN_FLOATS},
           {"zero_point", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64)}},
    .out = {{"y", ACN_FLOATS}, {"mask", ACN_BOOLS}},
    .attr =
        {{"axis", ACN_ATTR_INT},
         {"quant_min", ACN_ATTR_INT},
         {.name = "quant_max", .kind = ACN_ATTR_INT, .fallback = 255},
         {.name = "fake_quant_enabled", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=relative [5,7],f32[]@0.01..0.1,i32[]@0..100|quant_max=127 "
             "[3,5,2],f32[5]@0.01..0.1,i32[5]@0..9|axis=1,quant_min=-20,quant_max=20 "
             "[5,7],f32[1]@0.01..0.1,i32[1]@0..9|fake_quant_enabled=0 "
             "[9000],f32[1]@0.01..0.1,f32[1]@0..9|quant_max=200",
};

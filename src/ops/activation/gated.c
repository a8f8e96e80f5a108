/* gated.c - GeluMul and ClippedSwiglu: gated units (glu.c) with an approximation by name, and with
 * clipped halves of which only the first rows may count. */
#include "ops/activation/formulas.h"
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"
#include "ops/steps.h"
#include <string.h>

static double load(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store(const acn_tensor *t, int64_t i, double v) {
    acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static acn_tensor half_of(const acn_tensor *x, int dim, int which) {
    int64_t half = x->dims[dim] / 2;
    return acn_tensor_slice(x, dim, which * half, half);
}

/* ---- GeluMul --------------------------------------------------------------------------------- */

enum { GELU_TEXT, GELU_MODE };

static acn_status gelu_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    bool by_tanh;
    ACN_TRY(acn_gelu_approximation(c, GELU_TEXT, GELU_MODE, &by_tanh));
    if (x->rank < 1 || x->dims[x->rank - 1] % 2 != 0)
        return acn_bad_input(c, 0, "expected a last dimension of even size");
    acn_tensor half = half_of(x, x->rank - 1, 0);
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, &half);
    return ACN_OK;
}

static acn_status gelu_plan(acn_call *c) {
    bool by_tanh;
    acn_steps *s;
    ACN_TRY(acn_gelu_approximation(c, GELU_TEXT, GELU_MODE, &by_tanh));
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor x = acn_steps_in(s, 0), u = half_of(&x, x.rank - 1, 0);
    acn_dtype wide = x.dtype == ACN_F64 ? ACN_F64 : ACN_F32;
    acn_tensor value = acn_steps_room(s, wide, u.rank, u.dims);
    acn_step_unary(s, "TensorMove", u, value);
    acn_step_unary(s, "GeluV2", value, value);
    acn_step_number(s, "approximate_mode", by_tanh);
    acn_step_binary(s, "Mul", value, half_of(&x, x.rank - 1, 1), acn_steps_out(s, 0));
    return acn_steps_end(s);
}

static acn_status gelu_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    acn_tensor u = half_of(x, x->rank - 1, 0), v = half_of(x, x->rank - 1, 1);
    bool by_tanh;
    ACN_TRY(acn_gelu_approximation(c, GELU_TEXT, GELU_MODE, &by_tanh));
    for (int64_t i = 0; i < acn_tensor_count(y); i++)
        store(y, i, acn_gelu(load(&u, i), by_tanh) * load(&v, i));
    return ACN_OK;
}

ACN_OP(gelu_mul) = {
    .name = "GeluMul",
    .doc = "gelu(first half) * second half of the last dimension",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"approximate", ACN_ATTR_STRING}, {"approximate_mode", ACN_ATTR_INT}},
    .infer = gelu_infer,
    .plan = gelu_plan,
    .run = acn_steps_run,
    .run0 = gelu_run0,
    .cases = "tolerance=reduction [5,6] [2,3,8]|approximate=tanh [2,2060]|approximate=none [0,4]",
};

/* ---- ClippedSwiglu ---------------------------------------------------------------------------
 *
 *   u = min(u, limit),  v = clamp(v, -limit, limit),  y = u * sigmoid(alpha * u) * (v + bias)
 */

enum { X, GROUPS, DIM = 0, ALPHA, LIMIT, BIAS, INTERLEAVED };

static acn_status read_dim(const acn_call *c, int *dim) {
    const acn_tensor *x = acn_in(c, X);
    if (x->rank < 1) return acn_bad_input(c, X, "expected at least one dimension");
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), x->rank, dim));
    if (x->dims[*dim] % 2 != 0)
        return acn_bad_attr(c, DIM, "names a dimension of %lld; expected an even size",
                            (long long)x->dims[*dim]);
    if (acn_attr_int(c, INTERLEAVED) && *dim != x->rank - 1)
        return acn_bad_attr(c, DIM, "is %d; interleaved halves lie in the last dimension", *dim);
    return ACN_OK;
}

static acn_tensor part_of(const acn_call *c, int which) {
    const acn_tensor *x = acn_in(c, X);
    int dim = 0;
    (void)read_dim(c, &dim); /* infer has checked it */
    acn_tensor half = half_of(x, dim, acn_attr_int(c, INTERLEAVED) ? 0 : which);
    if (!acn_attr_int(c, INTERLEAVED)) return half;
    half.strides[dim] *= 2;
    half.data = (char *)x->data + which * x->strides[dim] * (int64_t)acn_dtype_bytes(x->dtype);
    return half;
}

static acn_status clipped_infer(acn_call *c) {
    int dim;
    ACN_TRY(read_dim(c, &dim));
    acn_tensor half = half_of(acn_in(c, X), dim, 0);
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, X)->dtype, &half);
    return ACN_OK;
}

static acn_status clipped_check(const acn_call *c) {
    if (acn_attr_float(c, LIMIT) > 0) return ACN_OK;
    return acn_bad_attr(c, LIMIT, "is %g; expected more than 0", acn_attr_float(c, LIMIT));
}

static void view(const acn_call *c, acn_tensor *views) {
    views[0] = *acn_out(c, 0);
    views[1] = part_of(c, 0);
    views[2] = part_of(c, 1);
}

static void emit(acn_program *p, const acn_call *c) {
    acn_class k = acn_class_of(acn_in(c, X)->dtype);
    acn_reg limit = acn_p_attr(p, LIMIT, k), least = acn_p1(p, ACN_U_NEG, limit);
    acn_reg u = acn_p2(p, ACN_U_MIN, acn_p_input(p, 0, k), limit);
    acn_reg v = acn_p2(p, ACN_U_MIN, acn_p_input(p, 1, k), limit);
    v = acn_p2(p, ACN_U_ADD, acn_p2(p, ACN_U_MAX, v, least), acn_p_attr(p, BIAS, k));
    acn_reg gate = acn_p1(p, ACN_U_SIGMOID, acn_p2(p, ACN_U_MUL, u, acn_p_attr(p, ALPHA, k)));
    acn_p_store(p, acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_MUL, u, gate), v));
}

static const acn_viewed clipped_viewed = {view, 1, 2, emit};

/* Elements of the result from here on are 0: the groups' sizes add up to the rows that count. */
static int64_t first_cleared(const acn_call *c) {
    const acn_tensor *groups = acn_in(c, GROUPS), *y = acn_out(c, 0);
    int64_t count = acn_tensor_count(y), rows = 0, behind = 1;
    int dim = 0;
    if (!groups) return count;
    (void)read_dim(c, &dim);
    for (int64_t i = 0; i < acn_tensor_count(groups); i++)
        rows += acn_load_value(acn_tensor_at(groups, i), groups->dtype).i;
    for (int d = dim; d < y->rank; d++)
        behind *= y->dims[d];
    if (rows < 0) rows = 0;
    return behind && rows < count / behind ? rows * behind : count;
}

static void clear_rest(const acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    for (int64_t i = first_cleared(c); i < acn_tensor_count(y); i++)
        store(y, i, 0);
}

static acn_status clipped_run(acn_call *c) {
    ACN_TRY(acn_viewed_run(c));
    clear_rest(c);
    return ACN_OK;
}

static acn_status clipped_run0(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor u = part_of(c, 0), v = part_of(c, 1);
    double limit = acn_attr_float(c, LIMIT), alpha = acn_attr_float(c, ALPHA);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        double a = load(&u, i), b = load(&v, i);
        if (a > limit) a = limit;
        if (b > limit) b = limit;
        if (b < -limit) b = -limit;
        store(y, i, a * acn_sigmoid(alpha * a) * (b + acn_attr_float(c, BIAS)));
    }
    clear_rest(c);
    return ACN_OK;
}

ACN_OP(clipped_swiglu) = {
    .name = "ClippedSwiglu",
    .doc = "u * sigmoid(alpha * u) * (v + bias) of clipped halves u and v",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"group_index", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "dim", .kind = ACN_ATTR_INT, .fallback = -1},
             NUMBER("alpha", 1.702),
             NUMBER("limit", 7.0),
             NUMBER("bias", 1.0),
             {.name = "interleaved", .kind = ACN_ATTR_BOOL, .fallback = 1}},
    .infer = clipped_infer,
    .check = clipped_check,
    .plan = acn_viewed_plan,
    .run = clipped_run,
    .run0 = clipped_run0,
    .family = &clipped_viewed,
    .cases = "tolerance=reduction [5,6]|limit=0.5 [5,6]|interleaved=0,alpha=0.5 "
             "[4,3,6],i64[2]@0..3|limit=1.5,bias=0.25 [4,6,3]|dim=1,interleaved=0 [2,2060]",
};

/* addr.c - y = beta * x + alpha * x1 (outer) x2: elementwise over x1 as a column. */
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"
#include <complex.h>

enum { X, X1, X2, BETA = 0, ALPHA };

static acn_class class_of(const acn_call *c) { return acn_class_of(acn_promote_inputs(c)); }

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    for (int s = X1; s <= X2; s++)
        if (acn_in(c, s)->rank != 1) return acn_bad_input(c, s, "expected one dimension");
    int64_t dims[ACN_MAX_DIMS] = {acn_in(c, X1)->dims[0], acn_in(c, X2)->dims[0]}, wanted[2];
    int rank = 2;
    wanted[0] = dims[0], wanted[1] = dims[1];
    if (!acn_shape_broadcast(&rank, dims, x->rank, x->dims) || rank != 2 || dims[0] != wanted[0] ||
        dims[1] != wanted[1])
        return acn_bad_input(c, X, "does not broadcast onto [%lld, %lld], the product's shape",
                             (long long)wanted[0], (long long)wanted[1]);
    acn_dtype dtype = acn_promote_inputs(c);
    if (y && !acn_can_cast(dtype, y->dtype))
        return acn_bad_output(c, 0, "the result is %s, which is not cast to it",
                              acn_dtype_name(dtype));
    acn_out_is(c, 0, y ? ACN_UNDEFINED : dtype, 2, wanted);
    return ACN_OK;
}

static acn_tensor column(const acn_tensor *t) {
    acn_tensor view = *t;
    view.rank = 2;
    view.dims[1] = 1;
    view.strides[1] = 0;
    return view;
}

static void view(const acn_call *c, acn_tensor *views) {
    views[0] = *acn_out(c, 0);
    views[1] = *acn_in(c, X);
    views[2] = column(acn_in(c, X1));
    views[3] = *acn_in(c, X2);
}

/* x is not read through when beta is 0: a NaN there must not matter. */
static void emit(acn_program *p, const acn_call *c) {
    acn_class k = class_of(c);
    acn_reg x = acn_p_input(p, 0, k), beta = acn_p_attr(p, BETA, k);
    acn_reg scaled = acn_p2(p, ACN_U_MUL, acn_p_attr(p, ALPHA, k), acn_p_input(p, 1, k));
    acn_reg product = acn_p2(p, ACN_U_MUL, scaled, acn_p_input(p, 2, k));
    acn_reg zero = acn_p_const(p, 0, k), is_zero = acn_p2(p, ACN_U_EQ, beta, zero);
    acn_reg kept = acn_p3(p, ACN_U_SELECT, zero, acn_p2(p, ACN_U_MUL, beta, x), is_zero);
    acn_reg sum = acn_p2(p, ACN_U_ADD, kept, product);
    acn_p_store(p, acn_p_cast(p, sum, acn_class_of(acn_out(c, 0)->dtype)));
}

static acn_status run0(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor x = acn_tensor_broadcast(acn_in(c, X), 2, y->dims);
    acn_scalar beta = acn_attr_scalar(c, BETA), alpha = acn_attr_scalar(c, ALPHA);
    acn_class k = class_of(c);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        const acn_tensor *a = acn_in(c, X1), *b = acn_in(c, X2);
        acn_value u = acn_load_value(acn_tensor_at(a, i / y->dims[1]), a->dtype);
        acn_value v = acn_load_value(acn_tensor_at(b, i % y->dims[1]), b->dtype);
        acn_value w = acn_load_value(acn_tensor_at(&x, i), x.dtype), sum;
        double complex scale = CMPLX(acn_scalar_f64(&beta), acn_scalar_imag(&beta));
        double complex factor = CMPLX(acn_scalar_f64(&alpha), acn_scalar_imag(&alpha));
        if (scale == 0) w = (acn_value){0};
        double complex z = scale * CMPLX(w.f, w.im) + factor * CMPLX(u.f, u.im) * CMPLX(v.f, v.im);
        sum.f = creal(z), sum.im = cimag(z);
        sum.i = acn_wrap_add(acn_wrap_mul(acn_scalar_i64(&beta), w.i),
                             acn_wrap_mul(acn_scalar_i64(&alpha), acn_wrap_mul(u.i, v.i)));
        if (!acn_is_float_class(k) && k != ACN_K_C64) sum.f = (double)sum.i;
        acn_store_value(acn_tensor_at(y, i), y->dtype, sum);
    }
    return ACN_OK;
}

static const acn_viewed viewed = {.view = view, .outputs = 1, .inputs = 3, .emit = emit};

ACN_OP(addr) = {
    .name = "Addr",
    .doc = "y = beta * x + alpha * (x1 outer x2)",
    .in = {{"x", ACN_ALL, 0}, {"x1", ACN_ALL, ACN_UNALIASED}, {"x2", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL, 0}},
    .attr = {{.name = "beta", .kind = ACN_ATTR_SCALAR, .fallback = 1},
             {.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    .infer = infer,
    .plan = acn_viewed_plan,
    .run = acn_viewed_run,
    .run0 = run0,
    .family = &viewed,
    .cases = "tolerance=reduction [2,3],[2],[3] [5,7],[5],[7]|beta=2,alpha=3 [7],[5],[7]|beta=0 "
             "[],[5],[7]|alpha=2 [0,3],[0],[3] [40,50],[40],[50]",
};

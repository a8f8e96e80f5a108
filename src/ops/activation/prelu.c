/* prelu.c - PRelu: x, or weight * x where x is not positive; a weight for each channel (dimension
 * 1) or one for all; and its gradients. */
#include "ops/elementwise.h"
#include "ops/math/viewed.h"
#include <string.h>

/* The weight as a tensor that broadcasts onto x. */
static acn_tensor channel_view(const acn_tensor *weight, const acn_tensor *x) {
    acn_tensor v = *weight;
    int64_t stride = weight->rank ? weight->strides[weight->rank - 1] : 0;
    v.rank = x->rank;
    for (int d = 0; d < x->rank; d++) {
        bool is_channel = d == 1 && acn_tensor_count(weight) > 1;
        v.dims[d] = is_channel ? x->dims[1] : 1;
        v.strides[d] = is_channel ? stride : 0;
    }
    if (acn_tensor_count(weight) > 1 && x->rank == 1) { /* PyTorch gives a broadcast weight */
        v.dims[0] = x->dims[0];
        v.strides[0] = stride;
    }
    return v;
}

static acn_status check_weight(const acn_call *c, int slot, const acn_tensor *x) {
    const acn_tensor *w = acn_in(c, slot);
    int64_t count = acn_tensor_count(w), channels = x->rank > 1 ? x->dims[1] : 1;
    bool is_vector = true; /* at most one dimension has more than one element */
    int wide = 0;
    for (int d = 0; d < w->rank; d++)
        wide += w->dims[d] != 1;
    is_vector = wide <= 1;
    if (is_vector && (count == 1 || count == channels || (x->rank == 1 && count == x->dims[0])))
        return ACN_OK;
    return acn_bad_input(c, slot, "expected one element, or one for each of the %lld channels",
                         (long long)channels);
}

/* A weight of [1, C, 1 ...] has its elements along the one dimension that is not 1. */
static acn_tensor flat(const acn_tensor *w) {
    acn_tensor v = *w;
    v.rank = 1;
    v.dims[0] = acn_tensor_count(w);
    v.strides[0] = 0;
    for (int d = 0; d < w->rank; d++)
        if (w->dims[d] != 1) v.strides[0] = w->strides[d];
    return v;
}

/* ---- forward --------------------------------------------------------------------------------- */

enum { X, WEIGHT };

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    ACN_TRY(check_weight(c, WEIGHT, x));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static void view(const acn_call *c, acn_tensor *views) {
    acn_tensor w = flat(acn_in(c, WEIGHT));
    views[0] = *acn_out(c, 0);
    views[1] = *acn_in(c, X);
    views[2] = channel_view(&w, acn_in(c, X));
}

static void emit(acn_program *p, const acn_call *c) {
    acn_class k = acn_class_of(acn_dtype_promote(acn_in(c, X)->dtype, acn_in(c, WEIGHT)->dtype));
    acn_reg x = acn_p_input(p, 0, k), w = acn_p_input(p, 1, k);
    acn_p_store(p, acn_p2(p, ACN_U_LEAKY_RELU, x, w));
}

static const acn_viewed definition = {view, 1, 2, emit};

static double load(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

/* Index into the weight of row-major element |i| of x. */
static int64_t weight_index(const acn_tensor *x, int64_t count, int64_t i) {
    if (count == 1) return 0;
    for (int d = x->rank - 1; d > 1; d--)
        i /= x->dims[d];
    return x->rank > 1 ? i % x->dims[1] : i;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    acn_tensor w = flat(acn_in(c, WEIGHT));
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        double v = load(x, i);
        store(acn_out(c, 0), i, v > 0 ? v : v * load(&w, weight_index(x, w.dims[0], i)));
    }
    return ACN_OK;
}

ACN_OP(PRelu) = {
    .name = "PRelu",
    .doc = "x > 0 ? x : weight * x, with a weight for each channel or one for all.",
    .in = {{"x", ACN_FLOATS}, {"weight", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .infer = infer,
    .plan = acn_viewed_plan,
    .run = acn_viewed_run,
    .run0 = run0,
    .family = &definition,
    .cases = "[4,3,5],[3] [4,3,5],[1] [4,3],[3] [6],[1] [0,3],[3] [2,3,700],[1,3,1]",
};

/* ---- gradient -------------------------------------------------------------------------------- */

enum { GRADS, FEATURES, WEIGHTS, DX = 0, DA = 1 };

static acn_status grad_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, FEATURES), *w = acn_in(c, WEIGHTS);
    if (!acn_tensor_same_shape(acn_in(c, GRADS), x))
        return acn_bad_input(c, GRADS, "expected the shape of the features");
    ACN_TRY(check_weight(c, WEIGHTS, x));
    acn_out_like(c, DX, acn_out(c, DX) ? ACN_UNDEFINED : x->dtype, x);
    acn_out_like(c, DA, acn_out(c, DA) ? ACN_UNDEFINED : w->dtype, w);
    return ACN_OK;
}

static void grad_view(const acn_call *c, acn_tensor *views) {
    acn_tensor w = flat(acn_in(c, WEIGHTS));
    views[0] = *acn_out(c, DX);
    views[1] = *acn_in(c, GRADS);
    views[2] = *acn_in(c, FEATURES);
    views[3] = channel_view(&w, acn_in(c, FEATURES));
}

static void grad_emit(acn_program *p, const acn_call *c) {
    acn_class k =
        acn_class_of(acn_dtype_promote(acn_in(c, FEATURES)->dtype, acn_in(c, WEIGHTS)->dtype));
    acn_reg g = acn_p_input(p, 0, k), x = acn_p_input(p, 1, k), w = acn_p_input(p, 2, k);
    acn_p_store(p, acn_p3(p, ACN_U_LEAKY_RELU_GRAD, g, x, w));
}

static const acn_viewed grad_definition = {grad_view, 1, 3, grad_emit};

/* The weight's gradient: sums in double, in row-major order. */
static void weight_gradient(const acn_call *c) {
    const acn_tensor *g = acn_in(c, GRADS), *x = acn_in(c, FEATURES);
    acn_tensor da = flat(acn_out(c, DA));
    int64_t count = acn_tensor_count(x), weights = da.dims[0], inner = 1;
    for (int d = 2; d < x->rank; d++)
        inner *= x->dims[d];
    if (x->rank < 2) inner = 1;
    int64_t run = weights == 1 ? count : inner, step = weights * run;
    for (int64_t w = 0; w < weights; w++) {
        double sum = 0;
        for (int64_t first = w * run; first < count; first += step)
            for (int64_t i = first; i < first + run; i++) {
                double v = load(x, i);
                if (!(v > 0)) sum += load(g, i) * v;
            }
        store(&da, w, sum);
    }
}

static acn_status grad_run(acn_call *c) {
    ACN_TRY(acn_viewed_run(c));
    weight_gradient(c);
    return ACN_OK;
}

static acn_status grad_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, FEATURES), *g = acn_in(c, GRADS);
    acn_tensor w = flat(acn_in(c, WEIGHTS)), da = flat(acn_out(c, DA));
    for (int64_t k = 0; k < w.dims[0]; k++) {
        double sum = 0;
        for (int64_t i = 0; i < acn_tensor_count(x); i++) {
            if (weight_index(x, w.dims[0], i) != k) continue;
            double v = load(x, i), d = load(g, i);
            if (!(v > 0)) sum += d * v;
            store(acn_out(c, DX), i, v > 0 ? d : d * load(&w, k));
        }
        store(&da, k, sum);
    }
    return ACN_OK;
}

ACN_OP(PReluGrad) = {
    .name = "PReluGrad",
    .doc = "Gradients of PRelu for its input and weight.",
    .in = {{"grads", ACN_FLOATS, ACN_UNALIASED},
           {"features", ACN_FLOATS, ACN_UNALIASED},
           {"weights", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"dx", ACN_FLOATS}, {"da", ACN_FLOATS}},
    .infer = grad_infer,
    .plan = acn_viewed_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .family = &grad_definition,
    .cases = "tolerance=reduction [4,3,5],[4,3,5],[3] [4,3,5],[4,3,5],[1] [4,3],[4,3],[3]",
};

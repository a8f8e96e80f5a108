/* conv_tbc.c - ConvTbc: convolution of sequences whose batch lies between time and channels, and
 * its gradients. It is the 1-D convolution of permuted views.
 *
 *   x[T, B, C]   w[K, C, O]   y[T + 2 pad - K + 1, B, O] */
#include "ops/conv/conv.h"
#include "ops/precision.h"
#include "ops/steps.h"

static const int64_t batch_first[] = {1, 2, 0}, out_first[] = {2, 1, 0};

static acn_status check(const acn_call *c, int x, int w, int bias, int pad, int64_t *length) {
    const acn_tensor *in = acn_in(c, x), *filter = acn_in(c, w);
    if (in->rank != 3) return acn_bad_input(c, x, "expected [time, batch, channels]");
    if (filter->rank != 3 || filter->dims[1] != in->dims[2] || filter->dims[0] < 1)
        return acn_bad_input(c, w, "expected [kernel, %lld, channels out]", (long long)in->dims[2]);
    if (acn_in(c, bias)->rank != 1 || acn_in(c, bias)->dims[0] != filter->dims[2])
        return acn_bad_input(c, bias, "expected one number for each of the %lld channels",
                             (long long)filter->dims[2]);
    int64_t padding = acn_attr_int(c, pad);
    if (padding < 0 || padding > INT32_MAX)
        return acn_bad_attr(c, pad, "is %lld; expected at least 0", (long long)padding);
    *length = in->dims[0] + 2 * padding - filter->dims[0] + 1;
    if (*length < 1)
        return acn_bad_input(c, x, "is shorter, with its padding, than a kernel of %lld",
                             (long long)filter->dims[0]);
    return ACN_OK;
}

static acn_tensor in_view(const acn_steps *s, int slot, const int64_t *perm) {
    acn_tensor t = acn_steps_in(s, slot);
    return acn_view_permuted(&t, perm);
}

static acn_tensor out_view(const acn_steps *s, int slot, const int64_t *perm) {
    acn_tensor t = acn_steps_out(s, slot);
    return acn_view_permuted(&t, perm);
}

static double at3(const acn_tensor *t, int64_t i, int64_t j, int64_t k) {
    int64_t at = i * t->strides[0] + j * t->strides[1] + k * t->strides[2];
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}

/* x at a time that may lie in the padding. */
static double padded(const acn_tensor *x, int64_t time, int64_t b, int64_t c) {
    return time >= 0 && time < x->dims[0] ? at3(x, time, b, c) : 0;
}

static void store(const acn_tensor *t, int64_t linear, double v) {
    acn_store_value(acn_tensor_at(t, linear), t->dtype, (acn_value){.f = v});
}

/* ---- forward --------------------------------------------------------------------------------- */

enum { X, WEIGHT, BIAS, PAD = 0, CUBE = 1 };

static acn_status infer(acn_call *c) {
    int64_t length;
    ACN_TRY(acn_precision_check_cube(c, CUBE, X));
    ACN_TRY(check(c, X, WEIGHT, BIAS, PAD, &length));
    const int64_t dims[] = {length, acn_in(c, X)->dims[1], acn_in(c, WEIGHT)->dims[2]};
    acn_out_is(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, X)->dtype, 3, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_steps *s;
    int64_t pad = acn_attr_int(c, PAD);
    ACN_TRY(acn_steps_begin(c, &s));
    acn_step_binary(s, "Convolution", in_view(s, X, batch_first), in_view(s, WEIGHT, out_first),
                    out_view(s, 0, batch_first));
    acn_step_in(s, "bias", acn_steps_in(s, BIAS));
    acn_step_ints(s, "pads", &pad, 1);
    return acn_steps_end(s);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *w = acn_in(c, WEIGHT), *bias = acn_in(c, BIAS);
    const acn_tensor *y = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t o = i % y->dims[2], b = i / y->dims[2] % y->dims[1];
        int64_t time = i / y->dims[2] / y->dims[1] - acn_attr_int(c, PAD);
        double sum = acn_load_value(acn_tensor_at(bias, o), bias->dtype).f;
        for (int64_t k = 0; k < w->dims[0]; k++)
            for (int64_t ch = 0; ch < w->dims[1]; ch++)
                sum += padded(x, time + k, b, ch) * at3(w, k, ch, o);
        store(y, i, sum);
    }
    return ACN_OK;
}

/* clang-format off */
#define OWN(name) {name, ACN_CONV_TYPES, ACN_UNALIASED}
#define ATTRS {{"pad", ACN_ATTR_INT}, {"cube_math_type", ACN_ATTR_INT}}
/* clang-format on */

ACN_OP(ConvTbc) = {
    .name = "ConvTbc",
    .doc = "Convolution of sequences that lie as [time, batch, channels]",
    .in = {OWN("self"), OWN("weight"), OWN("bias")},
    .out = {{"output", ACN_CONV_TYPES}},
    .attr = ATTRS,
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction [7,2,3],[3,3,5],[5]|pad=1 [5,1,4],[2,4,2],[2] "
             "f32+bf16[40,3,20],[5,20,17],[17]|pad=2",
};

/* ---- gradients ------------------------------------------------------------------------------- */

enum { GRAD, G_X, G_WEIGHT, G_BIAS, DX = 0, DWEIGHT, DBIAS };

static acn_status grad_infer(acn_call *c) {
    int64_t length;
    ACN_TRY(acn_precision_check_cube(c, CUBE, G_X));
    ACN_TRY(check(c, G_X, G_WEIGHT, G_BIAS, PAD, &length));
    const acn_tensor *grad = acn_in(c, GRAD);
    if (grad->rank != 3 || grad->dims[0] != length || grad->dims[1] != acn_in(c, G_X)->dims[1] ||
        grad->dims[2] != acn_in(c, G_WEIGHT)->dims[2])
        return acn_bad_input(c, GRAD, "expected [%lld, batch, channels out]", (long long)length);
    for (int slot = DX; slot <= DBIAS; slot++) {
        const acn_tensor *like = acn_in(c, G_X + slot);
        acn_out_like(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : like->dtype, like);
    }
    return ACN_OK;
}

static acn_status grad_plan(acn_call *c) {
    acn_steps *s;
    int64_t pad = acn_attr_int(c, PAD);
    ACN_TRY(acn_steps_begin(c, &s));
    acn_step(s, "ConvolutionBackward");
    acn_step_in(s, "grad_output", in_view(s, GRAD, batch_first));
    acn_step_in(s, "input", in_view(s, G_X, batch_first));
    acn_step_in(s, "weight", in_view(s, G_WEIGHT, out_first));
    if (acn_out(c, DX)) acn_step_out(s, "grad_input", out_view(s, DX, batch_first));
    if (acn_out(c, DWEIGHT)) acn_step_out(s, "grad_weight", out_view(s, DWEIGHT, out_first));
    if (acn_out(c, DBIAS)) acn_step_out(s, "grad_bias", acn_steps_out(s, DBIAS));
    acn_step_ints(s, "pads", &pad, 1);
    return acn_steps_end(s);
}

static acn_status grad_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, G_X), *w = acn_in(c, G_WEIGHT), *grad = acn_in(c, GRAD);
    const acn_tensor *dx = acn_out(c, DX), *dw = acn_out(c, DWEIGHT), *db = acn_out(c, DBIAS);
    int64_t pad = acn_attr_int(c, PAD), batch = x->dims[1], out = w->dims[2];
    for (int64_t i = 0; dx && i < acn_tensor_count(dx); i++) {
        int64_t ch = i % dx->dims[2], b = i / dx->dims[2] % batch, t = i / dx->dims[2] / batch;
        double sum = 0;
        for (int64_t k = 0; k < w->dims[0]; k++)
            for (int64_t o = 0; o < out; o++)
                sum += padded(grad, t + pad - k, b, o) * at3(w, k, ch, o);
        store(dx, i, sum);
    }
    for (int64_t i = 0; dw && i < acn_tensor_count(dw); i++) {
        int64_t o = i % out, ch = i / out % w->dims[1], k = i / out / w->dims[1];
        double sum = 0;
        for (int64_t at = 0; at < grad->dims[0] * batch; at++)
            sum += at3(grad, at / batch, at % batch, o) *
                   padded(x, at / batch - pad + k, at % batch, ch);
        store(dw, i, sum);
    }
    for (int64_t o = 0; db && o < out; o++) {
        double sum = 0;
        for (int64_t at = 0; at < grad->dims[0] * batch; at++)
            sum += at3(grad, at / batch, at % batch, o);
        store(db, o, sum);
    }
    return ACN_OK;
}

ACN_OP(ConvTbcBackward) = {
    .name = "ConvTbcBackward",
    .doc = "Gradients of ConvTbc for the sequences, the filter and the bias",
    .in = {OWN("grad"), OWN("input"), OWN("weight"), OWN("bias")},
    .out = {{"grad_input", ACN_CONV_TYPES, ACN_OPTIONAL},
            {"grad_weight", ACN_CONV_TYPES, ACN_OPTIONAL},
            {"grad_bias", ACN_CONV_TYPES, ACN_OPTIONAL}},
    .attr = ATTRS,
    .infer = grad_infer,
    .plan = grad_plan,
    .run = acn_steps_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [7,2,5],[7,2,3],[3,3,5],[5]|pad=1 [4,1,2],[5,1,4],[2,4,2],[2] "
             "f32+bf16[40,3,17],[40,3,20],[5,20,17],[17]|pad=2",
};

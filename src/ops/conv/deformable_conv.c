/* deformable_conv.c - DeformableConv2d and its gradients: the elements under the moved taps, then a
 * convolution that steps by whole kernels over them. */
#include "ops/conv/deformable.h"
#include "ops/steps.h"

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))
enum { CONV_GROUPS = ACN_DEFORM_MODULATED + 1 }; /* attribute */

static acn_status read_filter(const acn_call *c, int slot, const acn_deformed *d) {
    const acn_tensor *w = acn_in(c, slot);
    int64_t groups = acn_attr_int(c, CONV_GROUPS);
    if (groups < 1 || d->channels % groups != 0)
        return acn_bad_attr(c, CONV_GROUPS, "is %lld; expected a divisor of the %lld channels",
                            (long long)groups, (long long)d->channels);
    if (w->rank != 4 || w->dims[0] % groups != 0 || w->dims[1] * groups != d->channels ||
        w->dims[2] != d->kernel[0] || w->dims[3] != d->kernel[1])
        return acn_bad_input(c, slot, "expected [a multiple of %lld, %lld, %lld, %lld]",
                             (long long)groups, (long long)(d->channels / groups),
                             (long long)d->kernel[0], (long long)d->kernel[1]);
    return ACN_OK;
}

static void laid_out(const acn_deformed *d, int64_t *dims) {
    dims[0] = d->n, dims[1] = d->channels;
    dims[2] = d->out[0] * d->kernel[0], dims[3] = d->out[1] * d->kernel[1];
}

/* Attributes of a step on offsets. */
static void step_offsets(acn_steps *s) {
    acn_step_attr(s, "strides", ACN_DEFORM_STRIDES);
    acn_step_attr(s, "pads", ACN_DEFORM_PADS);
    acn_step_attr(s, "ksize", ACN_DEFORM_KSIZE);
    acn_step_attr(s, "dilations", ACN_DEFORM_DILATIONS);
    acn_step_attr(s, "deformable_groups", ACN_DEFORM_GROUPS);
    acn_step_attr(s, "modulated", ACN_DEFORM_MODULATED);
    acn_step_text(s, "data_format", "NCHW");
}

/* ---- DeformableConv2d ------------------------------------------------------------------------ */

enum { X, WEIGHT, OFFSET, BIAS, OUT = 0, DEFORM_OUT = 1 };

static acn_status infer(acn_call *c) {
    acn_deformed d;
    ACN_TRY(acn_deformed_read(c, X, OFFSET, false, &d));
    ACN_TRY(read_filter(c, WEIGHT, &d));
    const acn_tensor *x = acn_in(c, X), *bias = acn_in(c, BIAS);
    const int64_t dims[] = {d.n, acn_in(c, WEIGHT)->dims[0], d.out[0], d.out[1]};
    int64_t wide[4];
    if (bias && acn_tensor_count(bias) != dims[1])
        return acn_bad_input(c, BIAS, "expected one number for each of the %lld channels",
                             (long long)dims[1]);
    laid_out(&d, wide);
    acn_out_is(c, OUT, acn_out(c, OUT) ? ACN_UNDEFINED : x->dtype, 4, dims);
    acn_out_is(c, DEFORM_OUT, acn_out(c, DEFORM_OUT) ? ACN_UNDEFINED : x->dtype, 4, wide);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_deformed d;
    int64_t dims[4];
    acn_steps *s;
    ACN_TRY(acn_deformed_read(c, X, OFFSET, false, &d));
    ACN_TRY(acn_steps_begin(c, &s));
    laid_out(&d, dims);
    const acn_tensor *given = acn_out(c, DEFORM_OUT);
    bool is_direct = given && given->dtype == ACN_F32;
    acn_tensor under =
        is_direct ? acn_steps_out(s, DEFORM_OUT) : acn_steps_room(s, ACN_F32, 4, dims);
    acn_step_binary(s, "DeformableOffsets", acn_steps_in(s, X), acn_steps_in(s, OFFSET), under);
    step_offsets(s);
    acn_step_binary(s, "Convolution", under, acn_steps_in(s, WEIGHT), acn_steps_out(s, OUT));
    if (acn_in(c, BIAS)) acn_step_in(s, "bias", acn_steps_in(s, BIAS));
    acn_step_ints(s, "strides", d.kernel, 2);
    acn_step_attr(s, "groups", CONV_GROUPS);
    if (given && !is_direct) acn_step_unary(s, "TensorMove", under, acn_steps_out(s, DEFORM_OUT));
    return acn_steps_end(s);
}

/* Channel |channel| under a tap, by the definition. */
static double under_tap(const acn_call *c, int x, int offset, const acn_deformed *d, int64_t n,
                        int64_t channel, int64_t tap, int64_t oh, int64_t ow) {
    const acn_tensor *image = acn_in(c, x), *o = acn_in(c, offset);
    int64_t group = channel * d->groups / d->channels;
    double py = acn_deformed_position(d, o, 0, n, group, tap, oh, ow), sum = 0;
    double px = acn_deformed_position(d, o, 1, n, group, tap, oh, ow);
    for (int64_t h = 0; h < d->in[0]; h++)
        for (int64_t w = 0; w < d->in[1]; w++) {
            double weight = acn_deformed_hat(py, h) * acn_deformed_hat(px, w);
            if (weight != 0) sum += weight * acn_deformed_at(image, n, channel, h, w);
        }
    return sum * acn_deformed_mask(d, o, n, group, tap, oh, ow);
}

static void store(const acn_tensor *t, int64_t linear, double v) {
    acn_store_value(acn_tensor_at(t, linear), t->dtype, (acn_value){.f = v});
}

static acn_status run0(acn_call *c) {
    acn_deformed d;
    ACN_TRY(acn_deformed_read(c, X, OFFSET, false, &d));
    const acn_tensor *w = acn_in(c, WEIGHT), *bias = acn_in(c, BIAS), *y = acn_out(c, OUT);
    const acn_tensor *wide = acn_out(c, DEFORM_OUT);
    int64_t taps = d.kernel[0] * d.kernel[1], groups = acn_attr_int(c, CONV_GROUPS);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t ow = i % d.out[1], oh = i / d.out[1] % d.out[0];
        int64_t co = i / d.out[1] / d.out[0] % w->dims[0], n = i / d.out[1] / d.out[0] / w->dims[0];
        double sum = bias ? acn_load_value(acn_tensor_at(bias, co), bias->dtype).f : 0;
        for (int64_t k = 0; k < w->dims[1] * taps; k++) {
            int64_t tap = k % taps, channel = co / (w->dims[0] / groups) * w->dims[1] + k / taps;
            sum += acn_deformed_at(w, co, k / taps, tap / d.kernel[1], tap % d.kernel[1]) *
                   under_tap(c, X, OFFSET, &d, n, channel, tap, oh, ow);
        }
        store(y, i, sum);
    }
    for (int64_t i = 0; wide && i < acn_tensor_count(wide); i++) {
        int64_t col = i % wide->dims[3], row = i / wide->dims[3] % wide->dims[2];
        int64_t channel = i / wide->dims[3] / wide->dims[2] % d.channels;
        int64_t n = i / wide->dims[3] / wide->dims[2] / d.channels;
        int64_t tap = row % d.kernel[0] * d.kernel[1] + col % d.kernel[1];
        store(wide, i,
              under_tap(c, X, OFFSET, &d, n, channel, tap, row / d.kernel[0], col / d.kernel[1]));
    }
    return ACN_OK;
}

/* clang-format off */
#define OWN(name) {name, TYPES, ACN_UNALIASED}
#define ATTRS                                                                                      \
    {{"stride", ACN_ATTR_INTS}, {"padding", ACN_ATTR_INTS},                                        \
     {"kernel_size", ACN_ATTR_INTS, .is_required = true}, {"dilation", ACN_ATTR_INTS},             \
     {"data_format", ACN_ATTR_STRING}, {"deformable_groups", ACN_ATTR_INT, .fallback = 1},         \
     {"modulated", ACN_ATTR_BOOL, .fallback = 1}, {"groups", ACN_ATTR_INT, .fallback = 1}}
/* clang-format on */

ACN_OP(DeformableConv2d) = {
    .name = "DeformableConv2d",
    .doc = "Convolution whose taps are moved and weighed, each at each position",
    .in = {OWN("x"), OWN("weight"), OWN("offset"), {"bias", TYPES, ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {{"out", TYPES}, {"deform_out", TYPES, ACN_OPTIONAL}},
    .attr = ATTRS,
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction "
             "[2,4,5,6],[3,4,3,3],[2,27,5,6]@-2..2,[3]|kernel_size=[3,3],padding=[1,1,1,1] "
             "[2,4,7,6],[6,2,2,2],[2,24,3,5]|kernel_size=[2,2],stride=[1,1,2,1],"
             "deformable_groups=2,groups=2 "
             "[1,4,6,6],[3,4,2,2],[1,8,5,4]|kernel_size=[2,2],dilation=[1,1,1,2],modulated=0",
};

/* ---- gradients ------------------------------------------------------------------------------- */

enum { G_X, G_GRAD, G_UNDER, G_WEIGHT, G_OFFSET, DX = 0, DWEIGHT, DOFFSET, DBIAS };

static acn_status grad_infer(acn_call *c) {
    acn_deformed d;
    int64_t wide[4];
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSET, false, &d));
    ACN_TRY(read_filter(c, G_WEIGHT, &d));
    const acn_tensor *w = acn_in(c, G_WEIGHT);
    const int64_t dims[] = {d.n, w->dims[0], d.out[0], d.out[1]};
    laid_out(&d, wide);
    for (int i = 0; i < 4; i++) {
        if (acn_in(c, G_GRAD)->rank != 4 || acn_in(c, G_GRAD)->dims[i] != dims[i])
            return acn_bad_input(c, G_GRAD, "expected the result's shape");
        if (acn_in(c, G_UNDER)->rank != 4 || acn_in(c, G_UNDER)->dims[i] != wide[i])
            return acn_bad_input(c, G_UNDER, "expected the shape of the elements under the taps");
    }
    const int like[] = {G_X, G_WEIGHT, G_OFFSET};
    for (int slot = DX; slot <= DOFFSET; slot++)
        acn_out_like(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : acn_in(c, like[slot])->dtype,
                     acn_in(c, like[slot]));
    acn_out_is(c, DBIAS, acn_out(c, DBIAS) ? ACN_UNDEFINED : w->dtype, 1, w->dims);
    return ACN_OK;
}

static acn_status grad_plan(acn_call *c) {
    acn_deformed d;
    int64_t dims[4];
    acn_steps *s;
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSET, false, &d));
    ACN_TRY(acn_steps_begin(c, &s));
    laid_out(&d, dims);
    acn_tensor under = acn_steps_room(s, ACN_F32, 4, dims);
    acn_step(s, "ConvolutionBackward");
    acn_step_in(s, "grad_output", acn_steps_in(s, G_GRAD));
    acn_step_in(s, "input", acn_steps_in(s, G_UNDER));
    acn_step_in(s, "weight", acn_steps_in(s, G_WEIGHT));
    acn_step_out(s, "grad_input", under);
    acn_step_out(s, "grad_weight", acn_steps_out(s, DWEIGHT));
    if (acn_out(c, DBIAS)) acn_step_out(s, "grad_bias", acn_steps_out(s, DBIAS));
    acn_step_ints(s, "strides", d.kernel, 2);
    acn_step_attr(s, "groups", CONV_GROUPS);
    acn_step(s, "DeformableOffsetsGrad");
    acn_step_in(s, "grad", under);
    acn_step_in(s, "x", acn_steps_in(s, G_X));
    acn_step_in(s, "offsets", acn_steps_in(s, G_OFFSET));
    acn_step_out(s, "grad_x", acn_steps_out(s, DX));
    acn_step_out(s, "grad_offsets", acn_steps_out(s, DOFFSET));
    step_offsets(s);
    return acn_steps_end(s);
}

/* The gradient of a channel under a tap. */
static double under_grad(const acn_call *c, const acn_deformed *d, int64_t n, int64_t channel,
                         int64_t tap, int64_t oh, int64_t ow) {
    const acn_tensor *w = acn_in(c, G_WEIGHT), *grad = acn_in(c, G_GRAD);
    int64_t each = w->dims[0] / acn_attr_int(c, CONV_GROUPS), group = channel / w->dims[1];
    double sum = 0;
    for (int64_t co = group * each; co < (group + 1) * each; co++)
        sum += acn_deformed_at(grad, n, co, oh, ow) *
               acn_deformed_at(w, co, channel % w->dims[1], tap / d->kernel[1], tap % d->kernel[1]);
    return sum;
}

static void grad_image0(const acn_call *c, const acn_deformed *d) {
    const acn_tensor *dx = acn_out(c, DX), *o = acn_in(c, G_OFFSET);
    int64_t spots = d->out[0] * d->out[1], taps = d->kernel[0] * d->kernel[1];
    for (int64_t i = 0; i < acn_tensor_count(dx); i++) {
        int64_t w = i % d->in[1], h = i / d->in[1] % d->in[0];
        int64_t channel = i / d->in[1] / d->in[0] % d->channels;
        int64_t n = i / d->in[1] / d->in[0] / d->channels,
                group = channel * d->groups / d->channels;
        double sum = 0;
        for (int64_t at = 0; at < taps * spots; at++) {
            int64_t tap = at / spots, oh = at % spots / d->out[1], ow = at % d->out[1];
            double weight =
                acn_deformed_hat(acn_deformed_position(d, o, 0, n, group, tap, oh, ow), h) *
                acn_deformed_hat(acn_deformed_position(d, o, 1, n, group, tap, oh, ow), w) *
                acn_deformed_mask(d, o, n, group, tap, oh, ow);
            if (weight != 0) sum += weight * under_grad(c, d, n, channel, tap, oh, ow);
        }
        store(dx, i, sum);
    }
}

static void grad_offset0(const acn_call *c, const acn_deformed *d) {
    const acn_tensor *out = acn_out(c, DOFFSET), *o = acn_in(c, G_OFFSET), *x = acn_in(c, G_X);
    int64_t taps = d->kernel[0] * d->kernel[1], each = d->channels / d->groups;
    for (int64_t i = 0; i < acn_tensor_count(out); i++) {
        int64_t ow = i % d->out[1], oh = i / d->out[1] % d->out[0], all = out->dims[1];
        int64_t at = i / d->out[1] / d->out[0] % all, n = i / d->out[1] / d->out[0] / all;
        int64_t tap = at % taps, group = at / taps % d->groups, part = at / taps / d->groups;
        double py = acn_deformed_position(d, o, 0, n, group, tap, oh, ow), sum = 0;
        double px = acn_deformed_position(d, o, 1, n, group, tap, oh, ow);
        double mask = part < 2 ? acn_deformed_mask(d, o, n, group, tap, oh, ow) : 1;
        for (int64_t ch = group * each; ch < (group + 1) * each; ch++) {
            double element = 0;
            for (int64_t e = 0; e < d->in[0] * d->in[1]; e++) {
                int64_t h = e / d->in[1], w = e % d->in[1];
                double y = part == 1 ? acn_deformed_slope(py, h) : acn_deformed_hat(py, h);
                double by = part == 0 ? acn_deformed_slope(px, w) : acn_deformed_hat(px, w);
                if (y * by != 0) element += y * by * acn_deformed_at(x, n, ch, h, w);
            }
            sum += element * mask * under_grad(c, d, n, ch, tap, oh, ow);
        }
        store(out, i, sum);
    }
}

static acn_status grad_run0(acn_call *c) {
    acn_deformed d;
    ACN_TRY(acn_deformed_read(c, G_X, G_OFFSET, false, &d));
    const acn_tensor *dw = acn_out(c, DWEIGHT), *grad = acn_in(c, G_GRAD);
    const acn_tensor *under = acn_in(c, G_UNDER);
    int64_t taps = d.kernel[0] * d.kernel[1], spots = d.out[0] * d.out[1];
    int64_t each = dw->dims[0] / acn_attr_int(c, CONV_GROUPS);
    grad_image0(c, &d);
    grad_offset0(c, &d);
    for (int64_t i = 0; i < acn_tensor_count(dw); i++) {
        int64_t tap = i % taps, ci = i / taps % dw->dims[1], co = i / taps / dw->dims[1];
        double sum = 0;
        for (int64_t at = 0; at < d.n * spots; at++) {
            int64_t n = at / spots, oh = at % spots / d.out[1], ow = at % d.out[1];
            sum += acn_deformed_at(grad, n, co, oh, ow) *
                   acn_deformed_at(under, n, co / each * dw->dims[1] + ci,
                                   oh * d.kernel[0] + tap / d.kernel[1],
                                   ow * d.kernel[1] + tap % d.kernel[1]);
        }
        store(dw, i, sum);
    }
    for (int64_t co = 0; acn_out(c, DBIAS) && co < dw->dims[0]; co++) {
        double sum = 0;
        for (int64_t at = 0; at < d.n * spots; at++)
            sum += acn_deformed_at(grad, at / spots, co, at % spots / d.out[1], at % d.out[1]);
        store(acn_out(c, DBIAS), co, sum);
    }
    return ACN_OK;
}

ACN_OP(DeformableConv2dBackward) = {
    .name = "DeformableConv2dBackward",
    .doc = "Gradients of DeformableConv2d for the image, the filter, the offsets and the bias",
    .in = {OWN("input"), OWN("grad_output"), OWN("offset_out"), OWN("weight"), OWN("offset")},
    .out = {{"grad_input", TYPES},
            {"grad_weight", TYPES},
            {"grad_offset", TYPES},
            {"grad_bias", TYPES, ACN_OPTIONAL}},
    .attr = ATTRS,
    .infer = grad_infer,
    .plan = grad_plan,
    .run = acn_steps_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [2,4,5,6],[2,3,5,6],[2,4,15,18],[3,4,3,3],[2,27,5,6]@-2..2|"
             "kernel_size=[3,3],padding=[1,1,1,1] "
             "[2,4,7,6],[2,6,3,5],[2,4,6,10],[6,2,2,2],[2,24,3,5]|kernel_size=[2,2],"
             "stride=[1,1,2,1],deformable_groups=2,groups=2",
};

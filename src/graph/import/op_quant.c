/* op_quant.c - numbers as small integers: (x - zero point) * scale. Products of them are exact. */
#include "base/float8.h"
#include "graph/import/compose.h"
#include "graph/import/window.h"

#include <math.h>
#include <string.h>

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

static bool range_of(acn_dtype dtype, double *least, double *most) {
    switch (dtype) {
    case ACN_U8:
        *least = 0, *most = UINT8_MAX;
        return true;
    case ACN_I8:
        *least = INT8_MIN, *most = INT8_MAX;
        return true;
    case ACN_U16:
        *least = 0, *most = UINT16_MAX;
        return true;
    case ACN_I16:
        *least = INT16_MIN, *most = INT16_MAX;
        return true;
    case ACN_E5M2:
        *least = -ACN_E5M2_MAX, *most = ACN_E5M2_MAX;
        return true;
    case ACN_E4M3:
        *least = -ACN_E4M3_MAX, *most = ACN_E4M3_MAX;
        return true;
    default:
        return false;
    }
}

/* ---- scales and zero points ------------------------------------------------------------------ */

/* A parameter that has one number for each |block| elements of |axis|, repeated to x's shape. */
static acn_net_value *by_block(acn_formula *f, acn_net_value *v, const acn_tensor *x, int axis,
                               int64_t block) {
    acn_tensor wide = v->tensor, one = v->tensor;
    int64_t whole[ACN_MAX_DIMS];
    if (x->rank + 1 > ACN_MAX_DIMS) {
        f->status = acn_onnx_bad(f->c, "its input has %d dimensions", x->rank);
        return NULL;
    }
    wide.rank = one.rank = x->rank + 1;
    for (int d = x->rank; d > axis + 1; d--)
        wide.dims[d] = one.dims[d] = v->tensor.dims[d - 1];
    wide.dims[axis + 1] = block;
    one.dims[axis + 1] = 1;
    memcpy(whole, v->tensor.dims, sizeof whole);
    whole[axis] *= block;
    v = acn_f_reshape(f, v, one.rank, one.dims);
    v = acn_f_reshape(f, acn_f_broadcast(f, v, wide.rank, wide.dims), x->rank, whole);
    return acn_f_part(f, v, axis, 0, x->dims[axis]);
}

/* Scale or zero point |v| as f32, in a shape that broadcasts to x: one number, one for each slice
 * along the node's axis, or one for each block of it. */
static acn_net_value *parameter(acn_formula *f, acn_net_value *v, const acn_tensor *x) {
    int axis;
    int64_t block = acn_onnx_int(f->c, "block_size", 0), dims[ACN_MAX_DIMS];
    if (f->status != ACN_OK || v == NULL) return NULL;
    int64_t count = acn_tensor_count(&v->tensor);
    if (count == 1) return acn_f_reshape(f, v, 0, NULL);
    f->status = acn_onnx_axis(f->c, acn_onnx_int(f->c, "axis", 1), x->rank, &axis);
    if (f->status != ACN_OK) return NULL;
    if (block > 0 && v->tensor.rank == x->rank) {
        if (v->tensor.dims[axis] * block >= x->dims[axis]) return by_block(f, v, x, axis, block);
    } else if (v->tensor.rank == 1 && count == x->dims[axis]) {
        for (int d = 0; d < x->rank; d++)
            dims[d] = d == axis ? count : 1;
        return acn_f_reshape(f, v, x->rank, dims);
    }
    f->status = acn_onnx_bad(f->c, "\"%s\" has %lld numbers, which do not fit axis %d of %lld",
                             v->name, (long long)count, axis, (long long)x->dims[axis]);
    return NULL;
}

static acn_net_value *parameter_f32(acn_formula *f, acn_net_value *v, const acn_tensor *x) {
    acn_net_value *p = parameter(f, v, x);
    return p ? acn_f_cast(f, p, ACN_F32) : NULL;
}

/* Kept within the range of |dtype|, and of that type. */
static acn_net_value *saturated(acn_formula *f, acn_net_value *x, acn_dtype dtype) {
    double least, most;
    if (f->status == ACN_OK && !range_of(dtype, &least, &most))
        f->status = acn_onnx_bad(
            f->c, "it quantises to %s; expected integers of 8 or 16 bits or floats of 8",
            acn_dtype_name(dtype));
    if (f->status != ACN_OK) return NULL;
    x = acn_f_with(f, "Minimum", acn_f_with(f, "Maximum", x, least), most);
    return acn_f_cast(f, x, dtype);
}

static acn_status quantize(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0], *scale = parameter(&f, c->in[1], &x->tensor);
    acn_net_value *zero = parameter_f32(&f, input(c, 2), &x->tensor);
    int asked = (int)acn_onnx_int(c, "output_dtype", 0);
    acn_dtype dtype = input(c, 2) ? c->in[2]->tensor.dtype : asked ? acn_onnx_dtype(asked) : ACN_U8;
    acn_dtype precision = acn_onnx_dtype((int)acn_onnx_int(c, "precision", 0));
    if (precision == ACN_UNDEFINED && scale)
        precision = x->tensor.dtype == scale->tensor.dtype ? x->tensor.dtype : ACN_F32;
    if (scale) scale = acn_f_cast(&f, scale, precision);
    acn_net_value *y = acn_f2(&f, "RealDiv", acn_f_cast(&f, x, precision), scale);
    if (!acn_dtype_is_float(dtype)) y = acn_f1(&f, "Round", y);
    y = acn_f_cast(&f, y, ACN_F32);
    if (zero) y = acn_f2(&f, "Add", y, zero);
    return acn_f_end(&f, saturated(&f, y, dtype), &c->out[0]);
}
ACN_ONNX(quantize_linear) = {.type = "QuantizeLinear", .required = 2, .import = quantize};

static acn_status dequantize(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0], *scale = parameter_f32(&f, c->in[1], &x->tensor);
    acn_net_value *zero = parameter_f32(&f, input(c, 2), &x->tensor);
    int asked = (int)acn_onnx_int(c, "output_dtype", 0);
    acn_net_value *y = acn_f_cast(&f, x, ACN_F32);
    if (zero) y = acn_f2(&f, "Sub", y, zero);
    y = acn_f2(&f, "Mul", y, scale);
    y = acn_f_cast(&f, y, asked ? acn_onnx_dtype(asked) : c->in[1]->tensor.dtype);
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(dequantize_linear) = {.type = "DequantizeLinear", .required = 2, .import = dequantize};

/* Scale and zero point from the input's own range, which 0 belongs to. */
static acn_status dynamic_quantize(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    int64_t axes[ACN_MAX_DIMS], count = acn_tensor_count(&c->in[0]->tensor);
    int axis_count = c->in[0]->tensor.rank;
    for (int d = 0; d < axis_count; d++)
        axes[d] = d;
    if (count == 0) return acn_onnx_bad(c, "its input is empty");
    acn_net_value *x = c->in[0];
    acn_net_value *most = acn_f_reduce(&f, "ReduceMax", x, axes, axis_count, false);
    acn_net_value *least = acn_f_reduce(&f, "ReduceMin", x, axes, axis_count, false);
    most = acn_f_with(&f, "Maximum", most, 0);
    least = acn_f_with(&f, "Minimum", least, 0);
    acn_net_value *width = acn_f2(&f, "Sub", most, least);
    acn_net_value *is_flat = acn_f_truth(&f, "Equal", most, least);
    width = acn_f_select(&f, is_flat, acn_f_number(&f, 1, ACN_F32), width);
    acn_net_value *scale = acn_f_with(&f, "RealDiv", width, 255);
    acn_net_value *zero = acn_f1(&f, "Neg", acn_f2(&f, "RealDiv", least, scale));
    zero = acn_f_with(&f, "Minimum", acn_f_with(&f, "Maximum", zero, 0), 255);
    zero = acn_f1(&f, "Round", zero);
    acn_net_value *y = acn_f1(&f, "Round", acn_f2(&f, "RealDiv", x, scale));
    y = saturated(&f, acn_f2(&f, "Add", y, zero), ACN_U8);
    ACN_TRY(acn_f_end(&f, y, &c->out[0]));
    ACN_TRY(acn_f_end(&f, scale, &c->out[1]));
    return acn_f_end(&f, acn_f_cast(&f, zero, ACN_U8), &c->out[2]);
}
ACN_ONNX(dynamic_quantize_linear) = {.type = "DynamicQuantizeLinear", .import = dynamic_quantize};

/* ---- products -------------------------------------------------------------------------------- */

/* Integers minus their zero point, as i32. A list of zero points is for the dimension |axis|, which
 * counts from the last. */
static acn_net_value *centred(acn_formula *f, acn_net_value *x, acn_net_value *zero, int axis) {
    acn_net_value *wide = acn_f_cast(f, x, ACN_I32);
    if (zero == NULL) return wide;
    zero = acn_f_cast(f, zero, ACN_I32);
    for (int d = 0; zero && zero->tensor.rank > 0 && zero->tensor.rank <= axis && d < axis; d++)
        zero = acn_f_unsqueeze(f, zero, zero->tensor.rank);
    return acn_f2(f, "Sub", wide, zero);
}

static acn_net_value *integer_product(acn_formula *f, acn_net_value *a, acn_net_value *a_zero,
                                      acn_net_value *b, acn_net_value *b_zero) {
    return acn_f2(f, "MatMul", centred(f, a, a_zero, 1), centred(f, b, b_zero, 0));
}

static acn_status mat_mul_integer(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *y = integer_product(&f, c->in[0], input(c, 2), c->in[1], input(c, 3));
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(mat_mul_integer) = {.type = "MatMulInteger", .required = 2, .import = mat_mul_integer};

/* i32 times a factor, in the type and around the zero point of the result. */
static acn_net_value *requantized(acn_formula *f, acn_net_value *y, acn_net_value *factor,
                                  acn_net_value *zero, acn_dtype dtype) {
    y = acn_f2(f, "Mul", acn_f_cast(f, y, ACN_F32), factor);
    if (zero) y = acn_f2(f, "Add", y, acn_f_cast(f, zero, ACN_F32));
    return saturated(f, acn_f1(f, "Round", y), dtype);
}

/* A list of scales is for rows of A or columns of B, as its zero points are. */
static acn_status qlinear_mat_mul(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *a_scale = acn_f_cast(&f, c->in[1], ACN_F32);
    if (a_scale && a_scale->tensor.rank == 1) a_scale = acn_f_unsqueeze(&f, a_scale, 1);
    acn_net_value *factor = acn_f2(&f, "Mul", a_scale, acn_f_cast(&f, c->in[4], ACN_F32));
    factor = acn_f2(&f, "RealDiv", factor, acn_f_cast(&f, c->in[6], ACN_F32));
    acn_net_value *y = integer_product(&f, c->in[0], c->in[2], c->in[3], c->in[5]);
    acn_dtype dtype = c->in[7] ? c->in[7]->tensor.dtype : c->in[0]->tensor.dtype;
    return acn_f_end(&f, requantized(&f, y, factor, c->in[7], dtype), &c->out[0]);
}
ACN_ONNX(qlinear_mat_mul) = {.type = "QLinearMatMul", .required = 7, .import = qlinear_mat_mul};

/* ---- convolutions ---------------------------------------------------------------------------- */

/* Elements and filters are within 255 of 0. Convolutions of f32 are exact as long as sums stay
 * below 2^24: of filters whose digits to this base are convolved one by one. */
static int base_for(int64_t taps) {
    int base = 256;
    while (base > 2 && taps * 255 * (base - 1) >= 1 << 24)
        base = base == 256 ? 16 : base / 2;
    return base;
}

static acn_net_value *convolve(acn_formula *f, const acn_onnx_convolution *conv, acn_net_value *x,
                               acn_net_value *filter) {
    acn_net_value *y = NULL;
    x = acn_f_cast(f, x, ACN_F32);
    filter = acn_f_cast(f, filter, ACN_F32);
    if (f->status == ACN_OK)
        f->status = acn_onnx_convolution_build(f->c, conv, false, x, filter, NULL, &y);
    return acn_f_cast(f, y, ACN_I32);
}

static acn_net_value *integer_convolution(acn_formula *f, acn_net_value *x, acn_net_value *x_zero,
                                          acn_net_value *w, acn_net_value *w_zero) {
    acn_onnx_convolution conv;
    int64_t taps = 1, weight = 1;
    acn_net_value *total = NULL;
    if (f->status != ACN_OK) return NULL;
    f->status = acn_onnx_convolution_read(f->c, &x->tensor, &w->tensor, &conv);
    for (int d = 1; d < w->tensor.rank; d++)
        taps *= w->tensor.dims[d];
    int base = base_for(taps), rank = w->tensor.rank;
    if (f->status == ACN_OK && taps * 255 * (base - 1) >= 1 << 24)
        f->status =
            acn_onnx_bad(f->c, "its filters have %lld elements; 65793 work", (long long)taps);
    x = centred(f, x, x_zero, 0);
    acn_net_value *left = centred(f, w, w_zero, rank - 1);
    if (base == 256) return convolve(f, &conv, x, left);
    for (; weight < 256; weight *= base) {
        acn_net_value *digit = acn_f_with(f, "Mod", left, base);
        acn_net_value *y = acn_f_with(f, "Mul", convolve(f, &conv, x, digit), (double)weight);
        total = total ? acn_f2(f, "Add", total, y) : y;
        left = acn_f_with(f, "FloorDiv", acn_f2(f, "Sub", left, digit), base);
    }
    return total;
}

static acn_status conv_integer(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *y = integer_convolution(&f, c->in[0], input(c, 2), c->in[1], input(c, 3));
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(conv_integer) = {.type = "ConvInteger", .required = 2, .import = conv_integer};

/* Filters may have a scale each. */
static acn_net_value *by_channel(acn_formula *f, acn_net_value *v, int rank) {
    int64_t dims[ACN_MAX_DIMS];
    if (f->status != ACN_OK || acn_tensor_count(&v->tensor) == 1) return v;
    for (int d = 0; d < rank; d++)
        dims[d] = d == 1 ? acn_tensor_count(&v->tensor) : 1;
    return acn_f_reshape(f, v, rank, dims);
}

static acn_status qlinear_conv(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    int rank = c->in[0]->tensor.rank;
    acn_net_value *factor = acn_f2(&f, "Mul", c->in[1], by_channel(&f, c->in[4], rank));
    factor = acn_f2(&f, "RealDiv", factor, c->in[6]);
    acn_net_value *y = integer_convolution(&f, c->in[0], c->in[2], c->in[3], c->in[5]);
    if (input(c, 8)) y = acn_f2(&f, "Add", y, by_channel(&f, c->in[8], rank));
    acn_dtype dtype = c->in[7] ? c->in[7]->tensor.dtype : c->in[0]->tensor.dtype;
    return acn_f_end(&f, requantized(&f, y, factor, c->in[7], dtype), &c->out[0]);
}
ACN_ONNX(qlinear_conv) = {.type = "QLinearConv", .required = 7, .import = qlinear_conv};

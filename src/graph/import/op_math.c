/* op_math.c - elementwise arithmetic that needs more than a row. */
#include "base/float8.h"
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

/* ---- u64: what the operators carry in i64 and cannot divide or shift there ------------------- */

/* The same bits as another type. */
static acn_net_value *seen_as(acn_formula *f, acn_net_value *x, acn_dtype dtype) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    shape.data = NULL;
    acn_net_value *y = acn_f_view(f, x, &shape);
    if (y) y->tensor.dtype = dtype;
    return y;
}

/* a >> n without the sign, of i64; n is below 64. */
static acn_net_value *shifted_down(acn_formula *f, acn_net_value *a, acn_net_value *n) {
    if (f->status != ACN_OK) return NULL;
    acn_net_value *zero = acn_f_number(f, 0, ACN_I64), *one = acn_f_number(f, 1, ACN_I64);
    acn_net_value *half = acn_f2(f, "RightShift", a, one);
    half = acn_f2(f, "BitwiseAnd", half, acn_f_ints(f, &(int64_t){INT64_MAX}, 1));
    acn_net_value *rest = acn_f2(f, "RightShift", half, acn_f2(f, "Sub", n, one));
    return acn_f_select(f, acn_f_truth(f, "Equal", n, zero), a, rest);
}

/* The quotient of half of a, doubled, is at most one too small. Of a divisor with its first bit
 * set, the quotient is 0 or 1. */
static acn_net_value *quotient_u64(acn_formula *f, acn_net_value *a, acn_net_value *b) {
    acn_net_value *wide = seen_as(f, a, ACN_I64), *by = seen_as(f, b, ACN_I64);
    if (f->status != ACN_OK) return NULL;
    acn_net_value *one = acn_f_number(f, 1, ACN_I64), *zero = acn_f_number(f, 0, ACN_I64);
    acn_net_value *half = shifted_down(f, wide, one);
    acn_net_value *q = acn_f2(f, "LeftShift", acn_f2(f, "FloorDiv", half, by), one);
    acn_net_value *rest = acn_f2(f, "Sub", wide, acn_f2(f, "Mul", q, by));
    acn_net_value *is_short = acn_f_truth(f, "GreaterEqual", seen_as(f, rest, ACN_U64), b);
    q = acn_f2(f, "Add", q, acn_f_cast(f, is_short, ACN_I64));
    acn_net_value *fits = acn_f_cast(f, acn_f_truth(f, "GreaterEqual", a, b), ACN_I64);
    q = acn_f_select(f, acn_f_truth(f, "Less", by, zero), fits, q);
    return seen_as(f, q, ACN_U64);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static acn_status divide(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *a = c->in[0], *b = c->in[1];
    acn_dtype dtype = a->tensor.dtype;
    if (acn_dtype_is_float(dtype)) return acn_f_end(&f, acn_f2(&f, "RealDiv", a, b), c->out);
    if (dtype == ACN_U64) return acn_f_end(&f, quotient_u64(&f, a, b), c->out);
    /* Integers truncate: what is left after the remainder divides evenly, whatever the rounding. */
    acn_net_value *even = acn_f2(&f, "Sub", a, acn_f2(&f, "Mod", a, b));
    return acn_f_end(&f, acn_f2(&f, "FloorDiv", even, b), c->out);
}
ACN_ONNX(div) = {.type = "Div", .required = 2, .import = divide};

static acn_status power(acn_onnx_call *c) {
    acn_net_value *base, *exponent, *result;
    acn_dtype dtype = c->in[0]->tensor.dtype, wide = c->in[1]->tensor.dtype;
    if (acn_dtype_is_float(dtype) || !acn_dtype_is_float(wide)) wide = dtype;
    ACN_TRY(acn_onnx_cast(c, c->in[0], wide, &base)); /* an integer's square root is a number */
    ACN_TRY(acn_onnx_cast(c, c->in[1], wide, &exponent));
    double two;
    if (acn_net_is_constant(exponent) && acn_tensor_count(&exponent->tensor) == 1 &&
        acn_onnx_constant_float(c, 1, 0, &two) == ACN_OK && two == 2)
        return acn_onnx_binary(c, "Mul", c->in[0], c->in[0], &c->out[0]);
    ACN_TRY(acn_onnx_binary(c, "Pow", base, exponent, &result));
    return acn_onnx_cast(c, result, dtype, &c->out[0]);
}
ACN_ONNX(pow) = {.type = "Pow", .required = 2, .import = power};

/* Sum, Min, Max of any number of inputs. */
static acn_status chain(acn_onnx_call *c, const char *op) {
    acn_net_value *result = c->in[0];
    for (int i = 1; i < c->in_count; i++)
        ACN_TRY(acn_onnx_binary(c, op, result, c->in[i], &result));
    c->out[0] = result;
    return ACN_OK;
}
static acn_status sum(acn_onnx_call *c) { return chain(c, "Add"); }
static acn_status minimum(acn_onnx_call *c) { return chain(c, "Minimum"); }
static acn_status maximum(acn_onnx_call *c) { return chain(c, "Maximum"); }
ACN_ONNX(sum) = {.type = "Sum", .import = sum};
ACN_ONNX(min) = {.type = "Min", .import = minimum};
ACN_ONNX(max) = {.type = "Max", .import = maximum};

static acn_status mean(acn_onnx_call *c) {
    acn_net_value *count;
    ACN_TRY(chain(c, "Add"));
    ACN_TRY(acn_onnx_number(c, c->in_count, c->in[0]->tensor.dtype, &count));
    return acn_onnx_binary(c, "RealDiv", c->out[0], count, &c->out[0]);
}
ACN_ONNX(mean) = {.type = "Mean", .import = mean};

static acn_status clip(acn_onnx_call *c) {
    acn_dtype dtype = c->in[0]->tensor.dtype;
    acn_net_value *low = c->in_count > 1 ? c->in[1] : NULL,
                  *high = c->in_count > 2 ? c->in[2] : NULL;
    c->out[0] = c->in[0];
    if (c->opset < 11) {
        ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "min", -INFINITY), dtype, &low));
        ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "max", INFINITY), dtype, &high));
    }
    if (low) ACN_TRY(acn_onnx_binary(c, "Maximum", c->out[0], low, &c->out[0]));
    if (high) ACN_TRY(acn_onnx_binary(c, "Minimum", c->out[0], high, &c->out[0]));
    return ACN_OK;
}
ACN_ONNX(clip) = {.type = "Clip", .import = clip};

static acn_status modulo(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const char *op = acn_onnx_int(c, "fmod", 0) ? "Mod" : "FloorMod";
    if (c->in[0]->tensor.dtype == ACN_U64) {
        acn_net_value *q = quotient_u64(&f, c->in[0], c->in[1]);
        q = acn_f2(&f, "Mul", q, c->in[1]);
        return acn_f_end(&f, acn_f2(&f, "Sub", c->in[0], q), c->out);
    }
    return acn_f_end(&f, acn_f2(&f, op, c->in[0], c->in[1]), c->out);
}
ACN_ONNX(mod) = {.type = "Mod", .required = 2, .import = modulo};

static acn_status bit_shift(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const char *way = acn_onnx_text(c, "direction", "");
    bool is_left = strcmp(way, "LEFT") == 0;
    if (!is_left && strcmp(way, "RIGHT") != 0)
        return acn_onnx_bad(c, "direction is \"%s\"; expected LEFT or RIGHT", way);
    const char *op = is_left ? "LeftShift" : "RightShift";
    if (!is_left && c->in[0]->tensor.dtype == ACN_U64) {
        acn_net_value *x = seen_as(&f, c->in[0], ACN_I64), *n = seen_as(&f, c->in[1], ACN_I64);
        return acn_f_end(&f, seen_as(&f, shifted_down(&f, x, n), ACN_U64), c->out);
    }
    return acn_f_end(&f, acn_f2(&f, op, c->in[0], c->in[1]), c->out);
}
ACN_ONNX(bit_shift) = {.type = "BitShift", .required = 2, .import = bit_shift};

static acn_status is_inf(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    bool above = acn_onnx_int(c, "detect_positive", 1),
         below = acn_onnx_int(c, "detect_negative", 1);
    acn_net_value *high = acn_f_truth(&f, "IsPosInf", c->in[0], NULL);
    acn_net_value *low = acn_f_truth(&f, "IsNegInf", c->in[0], NULL);
    acn_net_value *y = above && below ? acn_f2(&f, "LogicalOr", high, low)
                       : above        ? high
                       : below        ? low
                                      : acn_f2(&f, "LogicalAnd", high, low); /* never both */
    return acn_f_end(&f, y, c->out);
}
ACN_ONNX(is_inf) = {.type = "IsInf", .import = is_inf};

static acn_status is_nan(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    return acn_f_end(&f, acn_f_truth(&f, "NotEqual", c->in[0], c->in[0]), c->out);
}
ACN_ONNX(is_nan) = {.type = "IsNaN", .import = is_nan};

static acn_status determinant(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *parts[2]; /* sign, logarithm of the size */
    acn_node_builder b;
    acn_onnx_begin(c, &b, "LogMatrixDeterminant");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_output(&b, "sign", c->in[0]->tensor.dtype, NULL);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, parts));
    return acn_f_end(&f, acn_f2(&f, "Mul", parts[0], acn_f1(&f, "Exp", parts[1])), c->out);
}
ACN_ONNX(det) = {.type = "Det", .import = determinant};

/* Floats of 8 bits hold their largest number for what is larger, unless the node says otherwise. */
static acn_status converted(acn_onnx_call *c, acn_dtype to) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0];
    if (ACN_HAS(ACN_FLOATS8, to) && acn_onnx_int(c, "saturate", 1)) {
        double most = to == ACN_E5M2 ? ACN_E5M2_MAX : ACN_E4M3_MAX;
        acn_dtype dtype = x->tensor.dtype;
        bool is_plain = acn_dtype_is_float(dtype) && !ACN_HAS(ACN_FLOATS8, dtype);
        x = is_plain ? x : acn_f_cast(&f, x, ACN_F32);
        x = acn_f_with(&f, "Maximum", acn_f_with(&f, "Minimum", x, most), -most);
    }
    return acn_f_end(&f, acn_f_cast(&f, x, to), c->out);
}

static acn_status cast_like(acn_onnx_call *c) { return converted(c, c->in[1]->tensor.dtype); }
ACN_ONNX(cast_like) = {.type = "CastLike", .required = 2, .import = cast_like};

/* The same bits under another type of the same width: a view. */
static acn_status bit_cast(acn_onnx_call *c) {
    acn_dtype to = acn_onnx_dtype((int)acn_onnx_int(c, "to", 0));
    acn_dtype from = c->in[0]->tensor.dtype;
    acn_formula f = {c, ACN_OK};
    if (to == ACN_UNDEFINED || acn_dtype_bytes(to) != acn_dtype_bytes(from))
        return acn_onnx_bad(c, "to is %lld; expected a type as wide as the input's, %s",
                            (long long)acn_onnx_int(c, "to", 0), acn_dtype_name(from));
    return acn_f_end(&f, seen_as(&f, c->in[0], to), c->out);
}
ACN_ONNX(bit_cast) = {.type = "BitCast", .import = bit_cast};

static acn_status cast(acn_onnx_call *c) {
    acn_dtype to = acn_onnx_dtype((int)acn_onnx_int(c, "to", 0));
    if (to == ACN_UNDEFINED)
        return acn_onnx_bad(c, "to is %lld, a type that no device has",
                            (long long)acn_onnx_int(c, "to", 0));
    return converted(c, to);
}
ACN_ONNX(cast) = {.type = "Cast", .import = cast};

static acn_status where(acn_onnx_call *c) {
    /* y where the condition does not hold, x elsewhere: two masked fills would need numbers, so
     * the definition of SelectV2 is used. */
    acn_node_builder b;
    acn_onnx_begin(c, &b, "SelectV2");
    acn_node_input(&b, "condition", c->in[0]);
    acn_node_input(&b, "then", c->in[1]);
    acn_node_input(&b, "else", c->in[2]);
    acn_node_output(&b, "result", c->in[1]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(where) = {.type = "Where", .required = 3, .import = where};

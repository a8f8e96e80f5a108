/* compare.c - see compare.h. */
#include "compare.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Distance from |x| to the next larger value of |dtype|. */
static double ulp(acn_dtype dtype, double x) {
    int digits = 24, lowest = -149, exponent;
    if (dtype == ACN_F16) digits = 11, lowest = -24;
    if (dtype == ACN_BF16) digits = 8, lowest = -133;
    if (dtype == ACN_F64) digits = 53, lowest = -1074;
    frexp(x, &exponent);
    if (x == 0 || exponent - digits < lowest) return ldexp(1, lowest);
    return ldexp(1, exponent - digits);
}

static double largest(acn_dtype dtype) {
    return dtype == ACN_F16    ? 65504
           : dtype == ACN_BF16 ? 0x1.fep127
           : dtype == ACN_F64  ? 0x1.fffffffffffffp1023
                               : 0x1.fffffep127;
}

/* The largest finite magnitude, at least 1. */
static double peak_of(const acn_tensor *t) {
    double peak = 1;
    for (int64_t at = 0; at < acn_tensor_count(t); at++) {
        acn_value v = acn_load_value(acn_tensor_at(t, at), t->dtype);
        double magnitude = hypot(v.f, v.im);
        if (isfinite(magnitude) && magnitude > peak) peak = magnitude;
    }
    return peak;
}

/* What rounding in the middle of a sum may add up to. */
static double sum_slack(const subject *s, const test_case *c) {
    if (c->tolerance < REDUCTION) return 0;
    double terms = 1, size = 1, eps = 0;
    bool repeats = false; /* rounding errors of equal terms do not cancel */
    for (int slot = 0; slot < ACN_MAX_INPUTS; slot++)
        for (int i = 0; i < s->call.in_count[slot]; i++) {
            const acn_tensor *t = &s->call.tensors[s->call.in_first[slot] + i];
            double peak = peak_of(t);
            if (acn_dtype_is_integer(t->dtype)) peak = 1; /* indices, not terms */
            size *= peak;
            eps = fmax(eps, t->dtype == ACN_F64 ? 0x1p-53 : 0x1p-24);
            double most = (double)acn_tensor_count(t);
            if (c->tolerance == CONTRACTION) {
                most = 1;
                for (int d = 0; d < t->rank; d++)
                    most = fmax(most, (double)t->dims[d]);
            }
            terms = fmax(terms, most);
            for (int d = 0; d < t->rank; d++)
                repeats |= t->dims[d] > 1 && t->strides[d] == 0;
        }
    return 2 * eps * (terms + 8) * size * (repeats ? sqrt(terms) : 1);
}

static bool stretches_to(const acn_tensor *t, const acn_tensor *out) {
    for (int d = 1; d <= t->rank; d++) {
        int64_t own = t->dims[t->rank - d];
        if (own != 1 && (d > out->rank || own != out->dims[out->rank - d])) return false;
    }
    return true;
}

/* The element that goes with |linear| of |out|, where |t| stretches to it. */
static double element_of(const acn_tensor *t, const acn_tensor *out, int64_t linear) {
    int64_t at = 0, rest = linear;
    for (int d = out->rank - 1, own = t->rank - 1; d >= 0; d--, own--) {
        if (own >= 0 && t->dims[own] != 1) at += rest % out->dims[d] * t->strides[own];
        rest /= out->dims[d];
    }
    const char *address = (const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype);
    return acn_load_value(address, t->dtype).f;
}

/* Of a compound formula: its operands, multiplied; of another shape, the largest one can be. */
static double element_slack(const subject *s, const acn_tensor *out, int member, int64_t linear) {
    double size = 1, eps = 0x1p-24;
    for (int slot = 0; slot < ACN_MAX_INPUTS; slot++) {
        if (!s->call.in_count[slot]) continue;
        const acn_tensor *t = acn_in_at(&s->call, slot, s->call.in_count[slot] > 1 ? member : 0);
        double x = stretches_to(t, out) ? element_of(t, out, linear) : peak_of(t);
        if (out->dtype == ACN_F64 && t->dtype == ACN_F64) eps = 0x1p-53;
        if (fabs(x) > 1) size *= fabs(x);
    }
    return 4 * eps * size;
}

static bool part_is_close(acn_dtype dtype, double got, double want, double units, double slack) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (got == want) return true;
    acn_dtype part = acn_dtype_is_complex(dtype) ? ACN_F32 : dtype;
    if (part == ACN_F16 || part == ACN_BF16) units = 1;
    double edge = largest(part); /* just past the largest number is infinity */
    if (isinf(got)) got = copysign(edge + ulp(part, edge), got);
    if (isinf(want)) want = copysign(edge + ulp(part, edge), want);
    return fabs(got - want) <= units * ulp(part, want) + slack;
}

static bool value_is_close(acn_dtype dtype, acn_value got, acn_value want, double units,
                           double slack) {
    if (acn_dtype_is_float(dtype)) return part_is_close(dtype, got.f, want.f, units, slack);
    if (!acn_dtype_is_complex(dtype)) return got.i == want.i;
    double size = hypot(want.f, want.im); /* one part may cancel */
    if (!isfinite(size)) return !isfinite(hypot(got.f, got.im));
    slack += 4 * ulp(ACN_F32, size);
    return part_is_close(dtype, got.f, want.f, units, slack) &&
           part_is_close(dtype, got.im, want.im, units, slack);
}

bool is_close(const subject *got, const subject *want, const test_case *c, char *problem,
              size_t bytes) {
    double slack = sum_slack(want, c), units = c->tolerance == RELATIVE ? 16 : 2;
    for (int slot = 0; slot < ACN_MAX_OUTPUTS; slot++)
        for (int i = 0; i < want->call.out_count[slot]; i++) {
            const acn_tensor *w = &want->call.tensors[want->call.out_first[slot] + i];
            const acn_tensor *g = &got->call.tensors[got->call.out_first[slot] + i];
            if (!acn_tensor_same_shape(w, g))
                return snprintf(problem, bytes, "output %d has another shape", slot), false;
            for (int64_t at = 0; at < acn_tensor_count(w); at++) {
                acn_value x = acn_load_value(acn_tensor_at(g, at), g->dtype);
                acn_value y = acn_load_value(acn_tensor_at(w, at), w->dtype);
                double more = c->tolerance == COMPOUND ? element_slack(want, w, i, at) : 0;
                bool overflows = more > 1e25; /* inside the formula, in f32 but not in double */
                if (overflows || value_is_close(w->dtype, x, y, units, slack + more)) continue;
                bool whole = acn_dtype_is_integer(w->dtype) || w->dtype == ACN_BOOL;
                if (whole)
                    snprintf(problem, bytes, "output %d.%d element %lld is %lld; expected %lld",
                             slot, i, (long long)at, (long long)x.i, (long long)y.i);
                else
                    snprintf(problem, bytes,
                             "output %d.%d element %lld is %.9g %+.9gi; expected %.9g %+.9gi", slot,
                             i, (long long)at, x.f, x.im, y.f, y.im);
                return false;
            }
        }
    return true;
}

bool is_identical(const subject *a, const subject *b) {
    for (int slot = 0; slot < ACN_MAX_OUTPUTS; slot++)
        for (int i = 0; i < a->call.out_count[slot]; i++) {
            const acn_tensor *x = &a->call.tensors[a->call.out_first[slot] + i];
            const acn_tensor *y = &b->call.tensors[b->call.out_first[slot] + i];
            if (!acn_tensor_same_shape(x, y)) return false;
            for (int64_t at = 0; at < acn_tensor_count(x); at++)
                if (memcmp(acn_tensor_at(x, at), acn_tensor_at(y, at), acn_dtype_bytes(x->dtype)) !=
                    0)
                    return false;
        }
    return true;
}

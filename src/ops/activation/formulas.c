/* formulas.c - see formulas.h. */
#include "ops/activation/formulas.h"
#include <string.h>

#define ROOT_HALF 0.70710678118654752440 /* 1 / sqrt(2) */
#define TANH_A    0.79788456080286535588 /* sqrt(2 / pi) */
#define TANH_B    0.044715

acn_reg acn_p_scale(acn_program *p, acn_reg a, double factor, acn_class k) {
    return acn_p2(p, ACN_U_MUL, a, acn_p_const(p, factor, k));
}

acn_reg acn_p_plus(acn_program *p, acn_reg a, double term, acn_class k) {
    return acn_p2(p, ACN_U_ADD, a, acn_p_const(p, term, k));
}

/* ---- sigmoid, silu --------------------------------------------------------------------------- */

double acn_sigmoid(double x) { return 1 / (1 + exp(-x)); }

double acn_silu(double x) { return x / (1 + exp(-x)); }

double acn_silu_slope(double x) {
    double s = acn_sigmoid(x);
    return s * (1 + x * (1 - s));
}

/* ---- gelu ------------------------------------------------------------------------------------ */

double acn_gelu(double x, bool by_tanh) {
    if (by_tanh) return 0.5 * x * (1 + tanh(TANH_A * (x + TANH_B * x * x * x)));
    return x * 0.5 * erfc(-x * ROOT_HALF);
}

double acn_gelu_slope(double x, bool by_tanh) {
    if (!by_tanh) return 0.5 * erfc(-x * ROOT_HALF) + x * TANH_A * 0.5 * exp(-0.5 * x * x);
    double t = tanh(TANH_A * (x + TANH_B * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * TANH_A * (1 + 3 * TANH_B * x * x);
}

acn_status acn_gelu_approximation(const acn_call *call, int text_slot, int mode_slot,
                                  bool *out_by_tanh) {
    *out_by_tanh = false;
    if (call->attr[mode_slot].is_present) {
        int64_t mode = acn_attr_int(call, mode_slot);
        if (mode != 0 && mode != 1)
            return acn_bad_attr(call, mode_slot, "is %lld; expected 0 (none) or 1 (tanh)",
                                (long long)mode);
        *out_by_tanh = mode == 1;
        return ACN_OK;
    }
    if (!call->attr[text_slot].is_present) return ACN_OK;
    const char *text = call->attr[text_slot].text;
    if (strcmp(text, "none") != 0 && strcmp(text, "tanh") != 0)
        return acn_bad_attr(call, text_slot, "is \"%s\"; expected \"none\" or \"tanh\"", text);
    *out_by_tanh = text[0] == 't';
    return ACN_OK;
}

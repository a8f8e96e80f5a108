/* micro_activation.c - activations and their gradients as single micro-ops: one pass where the
 * formula in smaller ones would take five to ten. Gradients have the incoming gradient as x and the
 * activation's input as y. */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_f32.h"
#include "ops/kernels/math_f64.h"
#include <math.h>

#define ROOT_HALF 0.70710678118654752440 /* 1 / sqrt(2) */
#define TANH_A    0.79788456080286535588 /* sqrt(2 / pi) */
#define TANH_B    0.044715

/* tanh(log(1 + e^x)) = n (n + 2) / (n (n + 2) + 2) with n = e^x; above 20 it is 1. */
#define DEFINE_ACTIVATIONS(klass, type, exp_of, tanh_of, erf_of)                                   \
    static inline type klass##_sigmoid(type x) { return 1 / (1 + exp_of(-x)); }                    \
    static inline type klass##_normal(type x) {                                                    \
        return (type)0.5 + (type)0.5 * erf_of(x * (type)ROOT_HALF);                                \
    }                                                                                              \
    static inline type klass##_cubic(type x) {                                                     \
        return tanh_of(x * ((type)TANH_A + (type)(TANH_A * TANH_B) * x * x));                      \
    }                                                                                              \
    static inline type klass##_silu_slope(type x) {                                                \
        type s = klass##_sigmoid(x);                                                               \
        return s * (1 + x * (1 - s));                                                              \
    }                                                                                              \
    static inline type klass##_gelu_slope(type x) {                                                \
        return klass##_normal(x) + x * ((type)(TANH_A * 0.5) * exp_of((type)-0.5 * x * x));        \
    }                                                                                              \
    static inline type klass##_gelu_tanh_slope(type x) {                                           \
        type t = klass##_cubic(x);                                                                 \
        type slope = (type)(0.5 * TANH_A) + (type)(1.5 * TANH_A * TANH_B) * x * x;                 \
        return (type)0.5 + (type)0.5 * t + x * slope * (1 - t * t);                                \
    }                                                                                              \
    static inline type klass##_mish(type x) {                                                      \
        type n = exp_of(x > 20 ? 20 : x), t = n * (n + 2);                                         \
        return x * (t / (t + 2));                                                                  \
    }                                                                                              \
    static inline type klass##_mish_slope(type x) {                                                \
        type n = exp_of(x > 20 ? 20 : x), t = n * (n + 2), inverse = 1 / (t + 2);                  \
        return t * inverse + x * (n * (4 * (n + 1)) * inverse) * inverse;                          \
    }                                                                                              \
    static inline type klass##_hard_swish(type x) {                                                \
        type low = x + 3 < 0 ? 0 : x + 3;                                                          \
        return x * (low > 6 ? 6 : low) * (type)(1.0 / 6);                                          \
    }                                                                                              \
    static inline type klass##_hard_swish_grad(type g, type x) {                                   \
        type inner = x < 3 ? g * (x / 3 + (type)0.5) : g;                                          \
        return x <= -3 ? 0 : inner;                                                                \
    }                                                                                              \
    ACN_MICRO_1(klass, SIGMOID, type, type, klass##_sigmoid(x))                                    \
    ACN_MICRO_1(klass, SILU, type, type, x / (1 + exp_of(-x)))                                     \
    ACN_MICRO_1(klass, GELU, type, type, x *klass##_normal(x))                                     \
    ACN_MICRO_1(klass, GELU_TANH, type, type, x *((type)0.5 + (type)0.5 * klass##_cubic(x)))       \
    ACN_MICRO_1(klass, MISH, type, type, klass##_mish(x))                                          \
    ACN_MICRO_1(klass, HARD_SWISH, type, type, klass##_hard_swish(x))                              \
    ACN_MICRO_2(klass, LEAKY_RELU, type, type, x > 0 ? x : x * y)                                  \
    ACN_MICRO_2(klass, HARD_SHRINK, type, type, (x >= -y) & (x <= y) ? 0 : x)                      \
    ACN_MICRO_2(klass, SOFT_SHRINK, type, type, x > y ? x - y : x < -y ? x + y : x * 0)            \
    ACN_MICRO_2(klass, SIGMOID_GRAD, type, type, x *(1 - y) * y)                                   \
    ACN_MICRO_2(klass, TANH_GRAD, type, type, x *(1 - y * y))                                      \
    ACN_MICRO_2(klass, SILU_GRAD, type, type, x *klass##_silu_slope(y))                            \
    ACN_MICRO_2(klass, GELU_GRAD, type, type, x *klass##_gelu_slope(y))                            \
    ACN_MICRO_2(klass, GELU_TANH_GRAD, type, type, x *klass##_gelu_tanh_slope(y))                  \
    ACN_MICRO_2(klass, MISH_GRAD, type, type, x *klass##_mish_slope(y))                            \
    ACN_MICRO_2(klass, HARD_SWISH_GRAD, type, type, klass##_hard_swish_grad(x, y))                 \
    ACN_MICRO_2(klass, LOG_SIGMOID_GRAD, type, type, x *klass##_sigmoid(-y))                       \
    ACN_MICRO_3(klass, LEAKY_RELU_GRAD, type, type, y > 0 ? x : x * z)                             \
    ACN_MICRO_3(klass, SHRINK_GRAD, type, type, (y >= -z) & (y <= z) ? 0 : x)

DEFINE_ACTIVATIONS(f32, float, exp_f32, tanh_f32, erf_f32)
DEFINE_ACTIVATIONS(f64, double, exp_f64, tanh_f64, erf)

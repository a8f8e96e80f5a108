/* optim.c - see optim.h. */
#include "ops/kernels/optim.h"
#include "ops/kernels/loops.h"
#include <math.h>

#define DEFINE_OPTIM(klass, type, root_of)                                                         \
    static void klass##_adam(void *var_, void *m_, void *v_, void *largest_, const void *grad_,    \
                             const acn_adam *by, int64_t n) {                                      \
        type *var = var_, *m = m_, *v = v_, *largest = largest_;                                   \
        const type *grad = grad_, scale = (type)by->grad_scale, l2 = (type)by->l2;                 \
        const type decay = (type)by->decay, rest1 = (type)by->rest1, beta2 = (type)by->beta2;      \
        const type rest2 = (type)by->rest2, root = (type)by->root, step = (type)by->step;          \
        const type epsilon = (type)by->epsilon;                                                    \
        const type keep = by->is_nesterov ? (type)by->beta1 : 1;                                   \
        const type add = by->is_nesterov ? rest1 : 0;                                              \
        if (by->is_amsgrad) ACN_LOOP(i, n) {                                                       \
                type g = grad[i] * scale + l2 * var[i], mean = m[i] + (g - m[i]) * rest1;          \
                type square = beta2 * v[i] + rest2 * g * g;                                        \
                type top = largest[i] > square ? largest[i] : square;                              \
                m[i] = mean, v[i] = square, largest[i] = top;                                      \
                var[i] = decay * var[i] -                                                          \
                         step * (keep * mean + add * g) / (root * root_of(top) + epsilon);         \
            }                                                                                      \
        else                                                                                       \
            ACN_LOOP(i, n) {                                                                       \
                type g = grad[i] * scale + l2 * var[i], mean = m[i] + (g - m[i]) * rest1;          \
                type square = beta2 * v[i] + rest2 * g * g;                                        \
                m[i] = mean, v[i] = square;                                                        \
                var[i] = decay * var[i] -                                                          \
                         step * (keep * mean + add * g) / (root * root_of(square) + epsilon);      \
            }                                                                                      \
    }                                                                                              \
    static void klass##_sgd(void *var_, void *buffer_, const void *grad_, const acn_sgd *by,       \
                            int64_t n) {                                                           \
        type *var = var_, *buffer = buffer_;                                                       \
        const type *grad = grad_, scale = (type)by->grad_scale, l2 = (type)by->l2;                 \
        const type momentum = by->is_first ? 0 : (type)by->momentum, rate = (type)by->rate;        \
        const type rest = by->is_first ? 1 : (type)by->rest;                                       \
        const type ahead = by->is_nesterov ? (type)by->momentum : 1;                               \
        const type now = by->is_nesterov ? 1 : 0;                                                  \
        if (buffer) ACN_LOOP(i, n) {                                                               \
                type g = grad[i] * scale + l2 * var[i];                                            \
                type next = (momentum ? momentum * buffer[i] : 0) + rest * g;                      \
                buffer[i] = next;                                                                  \
                var[i] -= rate * (now * g + ahead * next);                                         \
            }                                                                                      \
        else                                                                                       \
            ACN_LOOP(i, n) { var[i] -= rate * (grad[i] * scale + l2 * var[i]); }                   \
    }

DEFINE_OPTIM(f32, float, sqrtf)
DEFINE_OPTIM(f64, double, sqrt)

extern const acn_optim_kernels ACN_KERNEL(optim)[2];
const acn_optim_kernels ACN_KERNEL(optim)[2] = {
    [ACN_K_F32] = {f32_adam, f32_sgd},
    [ACN_K_F64] = {f64_adam, f64_sgd},
};

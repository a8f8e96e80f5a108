/* optim.h - kernels of optimizer steps: all of a parameter's state in one pass. */
#ifndef ACN_OPS_KERNELS_OPTIM_H
#define ACN_OPS_KERNELS_OPTIM_H

#include "ops/kernels/kernels.h"

/* g = grad_scale grad + l2 var;  var = decay var;  m += (g - m) rest1;  v = beta2 v + rest2 g^2
 * var -= step * m / (root * sqrt(v) + epsilon), with the largest v so far when |is_amsgrad|, and
 * with beta1 m + rest1 g in place of m when |is_nesterov|. */
typedef struct acn_adam {
    double grad_scale, l2, decay, beta1, rest1, beta2, rest2, root, step, epsilon;
    bool is_nesterov, is_amsgrad;
} acn_adam;

/* g = grad_scale grad + l2 var;  buffer = momentum buffer + rest g (g itself at the first step)
 * var -= rate * (the buffer, or g + momentum buffer when |is_nesterov|, or g without a buffer) */
typedef struct acn_sgd {
    double grad_scale, l2, momentum, rest, rate;
    bool is_nesterov, is_first;
} acn_sgd;

struct acn_optim_kernels {
    /* |largest| is read with is_amsgrad only. */
    void (*adam)(void *var, void *m, void *v, void *largest, const void *grad, const acn_adam *by,
                 int64_t n);
    void (*sgd)(void *var, void *buffer, const void *grad, const acn_sgd *by, int64_t n);
};

#endif

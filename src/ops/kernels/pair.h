/* pair.h - a complex number as two floats, with plain arithmetic. Private to this folder. */
#ifndef ACN_OPS_KERNELS_PAIR_H
#define ACN_OPS_KERNELS_PAIR_H

#include <string.h>

typedef struct acn_pair {
    float re, im;
} acn_pair;

static inline acn_pair pair_add(acn_pair x, acn_pair y) {
    return (acn_pair){x.re + y.re, x.im + y.im};
}

static inline acn_pair pair_multiply(acn_pair x, acn_pair y) {
    return (acn_pair){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

#endif

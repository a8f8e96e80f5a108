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

/* Products of floats are exact in double: no cancellation, and the same bits whether or not the
 * compiler fuses (which it does differently in a vector loop and in its scalar rest). */
static inline acn_pair pair_multiply(acn_pair x, acn_pair y) {
    return (acn_pair){(float)((double)x.re * y.re - (double)x.im * y.im),
                      (float)((double)x.re * y.im + (double)x.im * y.re)};
}

#endif

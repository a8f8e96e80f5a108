/* dft.h - Fourier transforms of one length in O(n log n). */
#ifndef ACN_OPS_MATH_DFT_H
#define ACN_OPS_MATH_DFT_H

#include "ops/op.h"

typedef struct acn_complex {
    double re, im;
} acn_complex;

typedef struct acn_dft acn_dft;

/* Memory is the plan's. NULL: there is none left. */
acn_dft *acn_dft_plan(acn_call *c, int64_t length);
/* How many numbers acn_dft_run wants as |room|. */
int64_t acn_dft_room(const acn_dft *dft);
/* x becomes the sums of x[n] e^(-2 pi i n k / length); with |is_inverse| of e^(+...), not divided.
 */
void acn_dft_run(const acn_dft *dft, acn_complex *x, bool is_inverse, acn_complex *room);

#endif

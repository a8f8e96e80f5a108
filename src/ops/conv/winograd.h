/* winograd.h - 3x3 convolutions with fewer multiplications: see winograd.c. */
#ifndef ACN_OPS_CONV_WINOGRAD_H
#define ACN_OPS_CONV_WINOGRAD_H

#include "ops/conv/lattice.h"

typedef struct acn_conv_winograd acn_conv_winograd;
/* *out stays NULL where it does not apply or does not pay. */
acn_status acn_conv_winograd_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                  acn_conv_winograd **out);
uint64_t acn_conv_winograd_workspace_bytes(const acn_conv_winograd *p);
void acn_conv_winograd_run(const acn_conv_winograd *p, float *result, const float *source,
                           const float *w, const float *bias, char *workspace);

#endif

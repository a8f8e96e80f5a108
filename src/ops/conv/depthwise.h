/* depthwise.h - convolutions with one input channel a group, as stencils: see depthwise.c. */
#ifndef ACN_OPS_CONV_DEPTHWISE_H
#define ACN_OPS_CONV_DEPTHWISE_H

#include "ops/conv/conv.h"

bool acn_conv_is_depthwise(const acn_conv *conv);

typedef struct acn_conv_depthwise acn_conv_depthwise;
acn_status acn_conv_depthwise_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                   acn_conv_depthwise **out);
uint64_t acn_conv_depthwise_workspace_bytes(const acn_conv_depthwise *p);
void acn_conv_depthwise_run(const acn_conv_depthwise *p, float *result, const float *source,
                            const float *w, const float *bias, char *workspace);
/* |dw|: contiguous; the plan is that of y. */
void acn_conv_depthwise_filter_grad(const acn_conv_depthwise *p, float *dw, const float *x,
                                    const float *dy, char *workspace);

#endif

/* weight_nz.h - right matrices that lie in the private format FRACTAL_NZ, as plain memory. */
#ifndef ACN_OPS_MATMUL_WEIGHT_NZ_H
#define ACN_OPS_MATMUL_WEIGHT_NZ_H

#include "ops/steps.h"

/* Input |slot|, through a step that lays it out plainly if it must. */
acn_tensor acn_weight_plain(acn_steps *s, int slot);
/* The same for level 0, which follows the layout element by element. */
acn_status acn_weight_plain0(acn_call *c, int slot, acn_tensor *out);

#endif

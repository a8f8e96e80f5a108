/* lattice.h - how positions of a convolution's result meet positions of its source.
 *
 * The result's positions form lattices: one for y; one for each residue modulo the stride for x,
 * since positions of a residue meet the same taps. Within a lattice
 *
 *   result[q * out_step + out_start] = sum over taps t of
 *       w[filter_tap[t]] * source[q * step + offset[t]]
 */
#ifndef ACN_OPS_CONV_LATTICE_H
#define ACN_OPS_CONV_LATTICE_H

#include "ops/conv/conv.h"

typedef struct acn_conv_lattice {
    int64_t dims[3]; /* positions in an image */
    int64_t step[3];
    int64_t out_step[3], out_start[3];
    int64_t taps;
    int64_t *offset;     /* [taps][3] */
    int64_t *filter_tap; /* [taps] */
} acn_conv_lattice;

/* How many there are, and the |index|-th one, in the plan's memory. */
int64_t acn_conv_lattices(const acn_conv *conv, acn_conv_side side);
acn_status acn_conv_lattice_make(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                 int64_t index, acn_conv_lattice *out);

#endif

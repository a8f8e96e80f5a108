/* lattice.c - see lattice.h. */
#include "ops/conv/lattice.h"

/* Of x's positions; a stride beyond x's end has no more. */
static int64_t residues(const acn_conv *conv, int d) {
    int64_t in = conv->in[d] > 0 ? conv->in[d] : 1;
    return conv->stride[d] < in ? conv->stride[d] : in;
}

int64_t acn_conv_lattices(const acn_conv *conv, acn_conv_side side) {
    return side == ACN_CONV_Y ? 1 : residues(conv, 0) * residues(conv, 1) * residues(conv, 2);
}

/* y's only lattice: all taps. */
static void fill_y(const acn_conv *conv, acn_conv_lattice *l) {
    int64_t tap = 0;
    for (int64_t z = 0; z < conv->kernel[0]; z++)
        for (int64_t y = 0; y < conv->kernel[1]; y++)
            for (int64_t x = 0; x < conv->kernel[2]; x++, tap++) {
                const int64_t at[3] = {z, y, x};
                for (int d = 0; d < 3; d++)
                    l->offset[3 * tap + d] = at[d] * conv->dilation[d] - conv->before[d];
                l->filter_tap[tap] = tap;
            }
    l->taps = tap;
    for (int d = 0; d < 3; d++) {
        l->dims[d] = conv->out[d];
        l->step[d] = conv->stride[d];
        l->out_step[d] = 1;
    }
}

/* x's positions q * stride + residue: those taps whose y is a whole position. */
static void fill_x(const acn_conv *conv, const int64_t *residue, acn_conv_lattice *l) {
    int64_t tap = 0, count = 0;
    for (int64_t z = 0; z < conv->kernel[0]; z++)
        for (int64_t y = 0; y < conv->kernel[1]; y++)
            for (int64_t x = 0; x < conv->kernel[2]; x++, tap++) {
                const int64_t at[3] = {z, y, x};
                bool meets = true;
                for (int d = 0; d < 3; d++) {
                    int64_t from = residue[d] + conv->before[d] - at[d] * conv->dilation[d];
                    meets = meets && from % conv->stride[d] == 0;
                    l->offset[3 * count + d] = from / conv->stride[d];
                }
                if (meets) l->filter_tap[count++] = tap;
            }
    l->taps = count;
    for (int d = 0; d < 3; d++) {
        int64_t left = conv->in[d] - residue[d];
        l->dims[d] = left > 0 ? (left + conv->stride[d] - 1) / conv->stride[d] : 0;
        l->step[d] = 1;
        l->out_step[d] = conv->stride[d];
        l->out_start[d] = residue[d];
    }
}

acn_status acn_conv_lattice_make(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                 int64_t index, acn_conv_lattice *out) {
    size_t taps = (size_t)acn_conv_volume(conv->kernel);
    *out = (acn_conv_lattice){.taps = 0};
    out->offset = acn_plan_alloc(c, sizeof(int64_t) * 3 * taps);
    out->filter_tap = acn_plan_alloc(c, sizeof(int64_t) * taps);
    if (!out->offset || !out->filter_tap)
        return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    const int64_t n1 = residues(conv, 1), n2 = residues(conv, 2);
    const int64_t residue[3] = {index / (n1 * n2), index / n2 % n1, index % n2};
    if (side == ACN_CONV_Y)
        fill_y(conv, out);
    else
        fill_x(conv, residue, out);
    return ACN_OK;
}

/* conv.h - what convolution needs besides the GEMM tile: panels gathered from an image, so that
 * the unfolded image (im2col) never exists. */
#ifndef ACN_OPS_KERNELS_CONV_H
#define ACN_OPS_KERNELS_CONV_H

#include "ops/kernels/kernels.h"

/* Lanes of a panel (the set bits of |mask|): lane i reads source[offset + i * lane_step]. Where a
 * bit is not set the address may lie outside the image. */
typedef struct acn_conv_run {
    int64_t offset;
    uint32_t mask;
} acn_conv_run;

/* Lanes of one panel over |steps| steps:
 *   panel[s * panel_step + lane] = source[s * source_step + offset + lane * lane_step], or 0 where
 * no run covers the lane. Nothing outside the runs is read. */
typedef struct acn_conv_gather {
    float *panel;
    const float *source;
    int64_t panel_step, source_step, steps;
    const acn_conv_run *runs;
    int64_t run_count, lane_step;
    int width; /* lanes of the panel, at most 32 */
} acn_conv_gather;

struct acn_conv_kernels {
    /* Winograd's F(2x2, 3x3). A filter's 9 taps, s[tap[t] * width + lane], become 16 numbers, each
     * in a panel of its own: panel[number * step + lane]. |width| is that of a panel of A. */
    void (*winograd_filter)(float *panel, int64_t step, const float *s, int width,
                            const int64_t *tap);
    /* 4x4 elements at every second position become 16 numbers: d[number * step + i]. Elements lie
     * by phases (even and odd rows and columns), |phase| apart, in rows of |pitch|; up to 16 past
     * |n| are read and written. */
    void (*winograd_in)(float *d, int64_t step, const float *s, int64_t phase, int64_t pitch,
                        int64_t n);
    /* 16 sums, |step| apart, become two elements in each of two rows. */
    void (*winograd_out)(float *top, float *bottom, const float *m, int64_t step, int64_t n,
                         float start);
    /* d[i] = s[i * step] */
    void (*take)(float *d, const float *s, int64_t step, int64_t n);
    /* d[i] = start (or d[i]) + sum over taps of w[t] * s[at[t] + i]. Writes and reads up to 64
     * elements past |n|. */
    void (*stencil)(float *d, const float *s, const int64_t *at, const float *w, int64_t taps,
                    int64_t n, float start, bool adds);
    /* sums[t] += sum over i of d[i] * s[at[t] + i]; d is 0 for 64 elements past |n|. */
    void (*stencil_sums)(float *sums, const float *d, const float *s, const int64_t *at,
                         int64_t taps, int64_t n);
    void (*gather)(const acn_conv_gather *g);
    /* Rows of a filter as a panel of A: panel[s * width + lane] = w[lane * lane_step +
     * s / taps * group_step + tap[s % taps]]; lanes up to |width| are zeroed. */
    void (*pack_filter)(float *panel, int width, const float *w, int64_t lane_step, int lanes,
                        int64_t group_step, const int64_t *tap, int64_t taps, int64_t groups);
};

#endif

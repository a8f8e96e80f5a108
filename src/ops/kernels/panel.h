/* panel.h - rows times packed panels: the product behind convolutions on channels-last images and
 * matrix products whose right side is known when a model is compiled.
 *
 * A panel holds 16 columns, step after step, at every level of instructions: files that hold them
 * serve any machine. A row is read where it lies, through one pointer for each segment (a tap of a
 * convolution); rows of zeros stand for padding.
 */
#ifndef ACN_OPS_KERNELS_PANEL_H
#define ACN_OPS_KERNELS_PANEL_H

#include "ops/kernels/kernels.h"

enum { ACN_PANEL = 16, ACN_PANEL_MOST_ROWS = 8, ACN_PANEL_MOST_PIXELS = 4 };

/* c[i][j] = clamp(addend[i][j] + bias[j] + sum over segments s and steps p of
 *                 rows[s * most_rows + i][offset + p] * b[s * segment_step + p * 16 + j]) */
typedef struct acn_panel_tile {
    const float *const *rows;
    int64_t segments, steps, offset;
    const float *b;
    int64_t segment_step, panel_step; /* in |b|: to the next segment, to the next panel */
    const float *bias, *addend;       /* either may be NULL; the addend may be |c| */
    float *c;
    int64_t c_row, addend_row;
    int row_count, cols; /* at most most_rows, and 16 times most_panels */
    bool clamps;
    float low, high; /* NaN stays NaN */
} acn_panel_tile;

/* One channel at a time, for some pixels of a row of the result:
 *   c[i][j] = clamp(addend[i][j] + bias[j] + sum over taps t of x[t][i * pixel_step + j] * w[t][j])
 */
typedef struct acn_panel_stencil {
    const float *const *x, *const *w; /* taps that lie outside the image are left out */
    int64_t taps, pixel_step, channels;
    const float *bias, *addend; /* either may be NULL; the addend may be |c| */
    float *c;
    int64_t c_row, addend_row;
    int pixels; /* at most ACN_PANEL_MOST_PIXELS */
    bool clamps;
    float low, high;
} acn_panel_stencil;

/* A square of Winograd's sums, sums[number * step + j], becomes pixels; both counts of channels are
 * multiples of 16.
 *   c[pixel][j] = clamp(addend[pixel][j] + bias[j] + transformed sums) */
typedef struct acn_panel_square {
    int size; /* 4: 2x2 pixels; 6: 4x4 */
    const float *sums;
    int64_t step, channels;
    const float *bias, *const *addend; /* either may be NULL */
    float *const *c;                   /* NULL: a pixel outside the result */
    bool clamps;
    float low, high;
} acn_panel_square;

struct acn_panel_kernels {
    int most_rows, most_panels;
    void (*tile)(const acn_panel_tile *t);
    void (*stencil)(const acn_panel_stencil *t);
    /* Winograd: |size|^2 pixels become as many numbers, d[number * step + j]; |channels| is a
     * multiple of 16. */
    void (*square_in)(float *d, int64_t step, const float *const *pixels, int size,
                      int64_t channels);
    void (*square_out)(const acn_panel_square *t);
};

#endif

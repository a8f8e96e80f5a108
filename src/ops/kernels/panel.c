/* panel.c - the register tile of panel.h. All loops over rows and vectors have constant bounds, so
 * that sums live in registers. */
#include "ops/kernels/panel.h"

#if defined(__AVX512F__)
enum { V = 16, ROWS = 8, PANELS = 2 };
#elif defined(__AVX2__)
enum { V = 8, ROWS = 6, PANELS = 1 };
#elif defined(__aarch64__)
enum { V = 4, ROWS = 6, PANELS = 1 };
#else
enum { V = 4, ROWS = 2, PANELS = 1 };
#endif
enum { IN_PANEL = ACN_PANEL / V, VECTORS = PANELS * IN_PANEL, AHEAD = 16 };
enum { HALF = IN_PANEL > 1 ? IN_PANEL / 2 : 1 }; /* a panel's vectors */

typedef float vec __attribute__((vector_size(sizeof(float) * V)));
typedef int32_t bits __attribute__((vector_size(sizeof(float) * V)));
typedef float memory __attribute__((vector_size(sizeof(float) * V), aligned(4), may_alias));

static inline __attribute__((always_inline)) void
accumulate(const int rows, const int vectors, const acn_panel_tile *t, vec acc[][VECTORS]) {
    const int panels = vectors > IN_PANEL ? PANELS : 1;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            acc[i][v] = (vec){0};
    for (int64_t s = 0; s < t->segments; s++) {
        const float *a[ROWS], *b = t->b + s * t->segment_step;
        for (int i = 0; i < rows; i++)
            a[i] = t->rows[s * ROWS + i] + t->offset;
#pragma GCC unroll 2
        for (int64_t p = 0; p < t->steps; p++, b += ACN_PANEL) {
            vec x[VECTORS];
            for (int v = 0; v < vectors; v++)
                x[v] = *(const memory *)(b + v / IN_PANEL * t->panel_step + v % IN_PANEL * V);
            for (int j = 0; j < panels; j++)
                __builtin_prefetch(b + j * t->panel_step + AHEAD * ACN_PANEL);
            for (int i = 0; i < rows; i++) {
                vec ai = a[i][p] - (vec){0};
                for (int v = 0; v < vectors; v++)
                    acc[i][v] += ai * x[v];
            }
        }
    }
}

/* mask ? a : b */
static inline __attribute__((always_inline)) vec choose(bits mask, vec a, vec b) {
    return (vec)((mask & (bits)a) | (~mask & (bits)b));
}

static inline __attribute__((always_inline)) vec clamped(float lower, float upper, vec x) {
    vec low = lower - (vec){0}, high = upper - (vec){0};
    x = choose((bits)(x <= low), low, x);
    return choose((bits)(x > high), high, x);
}

static inline __attribute__((always_inline)) void
write_full(const int rows, const int vectors, const acn_panel_tile *t, vec acc[][VECTORS]) {
    for (int v = 0; v < vectors; v++) {
        vec bias = {0};
        if (t->bias) bias = *(const memory *)(t->bias + v * V);
        for (int i = 0; i < rows; i++) {
            vec x = acc[i][v] + bias;
            if (t->addend) x += *(const memory *)(t->addend + i * t->addend_row + v * V);
            *(memory *)(t->c + i * t->c_row + v * V) = t->clamps ? clamped(t->low, t->high, x) : x;
        }
    }
}

/* The last panel of a matrix may be narrower than 16. */
static __attribute__((noinline)) void write_part(const acn_panel_tile *t, const float *acc) {
    for (int i = 0; i < t->row_count; i++, acc += VECTORS * V)
        for (int j = 0; j < t->cols; j++) {
            float x = acc[j] + (t->bias ? t->bias[j] : 0);
            if (t->addend) x += t->addend[i * t->addend_row + j];
            if (t->clamps) x = x <= t->low ? t->low : x > t->high ? t->high : x;
            t->c[i * t->c_row + j] = x;
        }
}

static inline __attribute__((always_inline)) void run(const int rows, const int vectors,
                                                      const acn_panel_tile *t) {
    vec acc[ROWS][VECTORS];
    accumulate(rows, vectors, t, acc);
    if (t->cols == vectors * V) {
        write_full(rows, vectors, t, acc);
        return;
    }
    float copy[ROWS * VECTORS * V];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            *(memory *)(copy + (i * VECTORS + v) * V) = acc[i][v];
    write_part(t, copy);
}

/* Groups of convolutions often leave a few columns for the last panel: half of it is enough. */
#define ROW_CASE(r)                                                                                \
    case r:                                                                                        \
        if (PANELS > 1 && t->cols > ACN_PANEL)                                                     \
            run(r < ROWS ? r : ROWS, VECTORS, t);                                                  \
        else if (IN_PANEL > 1 && t->cols <= ACN_PANEL / 2)                                         \
            run(r < ROWS ? r : ROWS, HALF, t);                                                     \
        else                                                                                       \
            run(r < ROWS ? r : ROWS, IN_PANEL, t);                                                 \
        break;

static void tile(const acn_panel_tile *t) {
    switch (t->row_count) {
        ROW_CASE(1)
        ROW_CASE(2)
#if defined(__AVX2__) || defined(__aarch64__)
        ROW_CASE(3)
        ROW_CASE(4)
        ROW_CASE(5)
        ROW_CASE(6)
#endif
#if defined(__AVX512F__)
        ROW_CASE(7)
        ROW_CASE(8)
#endif
    }
}

/* ---- one channel at a time ------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void
stencil_vectors(const int pixels, const int vectors, const acn_panel_stencil *t, int64_t j) {
    vec acc[ACN_PANEL_MOST_PIXELS][2];
    for (int v = 0; v < vectors; v++) {
        vec bias = {0};
        if (t->bias) bias = *(const memory *)(t->bias + j + v * V);
        for (int i = 0; i < pixels; i++)
            acc[i][v] = bias;
    }
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const float *x = t->x[tap] + j, *w = t->w[tap] + j;
        for (int v = 0; v < vectors; v++) {
            vec weight = *(const memory *)(w + v * V);
            for (int i = 0; i < pixels; i++)
                acc[i][v] += weight * *(const memory *)(x + i * t->pixel_step + v * V);
        }
    }
    for (int i = 0; i < pixels; i++)
        for (int v = 0; v < vectors; v++) {
            vec y = acc[i][v];
            if (t->addend) y += *(const memory *)(t->addend + i * t->addend_row + j + v * V);
            if (t->clamps) y = clamped(t->low, t->high, y);
            *(memory *)(t->c + i * t->c_row + j + v * V) = y;
        }
}

static inline __attribute__((always_inline)) void stencil_pixels(const int pixels,
                                                                 const acn_panel_stencil *t) {
    int64_t j = 0;
    for (; j + 2 * V <= t->channels; j += 2 * V)
        stencil_vectors(pixels, 2, t, j);
    for (; j + V <= t->channels; j += V)
        stencil_vectors(pixels, 1, t, j);
    for (; j < t->channels; j++)
        for (int i = 0; i < pixels; i++) {
            float y = t->bias ? t->bias[j] : 0;
            for (int64_t tap = 0; tap < t->taps; tap++)
                y += t->w[tap][j] * t->x[tap][i * t->pixel_step + j];
            if (t->addend) y += t->addend[i * t->addend_row + j];
            if (t->clamps) y = y <= t->low ? t->low : y > t->high ? t->high : y;
            t->c[i * t->c_row + j] = y;
        }
}

static void stencil(const acn_panel_stencil *t) {
    switch (t->pixels) {
    case 1:
        stencil_pixels(1, t);
        break;
    case 2:
        stencil_pixels(2, t);
        break;
    case 3:
        stencil_pixels(3, t);
        break;
    default:
        stencil_pixels(4, t);
    }
}

void ACN_KERNEL(winograd_square_in)(float *, int64_t, const float *const *, int, int64_t);
void ACN_KERNEL(winograd_square_out)(const acn_panel_square *);

extern const acn_panel_kernels ACN_KERNEL(panel);
const acn_panel_kernels ACN_KERNEL(panel) = {
    .most_rows = ROWS,
    .most_panels = PANELS,
    .tile = tile,
    .stencil = stencil,
    .square_in = ACN_KERNEL(winograd_square_in),
    .square_out = ACN_KERNEL(winograd_square_out),
};

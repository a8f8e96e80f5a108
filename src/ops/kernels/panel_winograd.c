/* panel_winograd.c - Winograd's transforms of channels-last images, a vector of channels at a time:
 * F(2x2, 3x3) on squares of 4x4 pixels, F(4x4, 3x3) on squares of 6x6. */
#include "ops/kernels/panel.h"

#if defined(__AVX512F__)
enum { V = 16 };
#elif defined(__AVX2__)
enum { V = 8 };
#else
enum { V = 4 };
#endif

typedef float vec __attribute__((vector_size(sizeof(float) * V)));
typedef int32_t bits __attribute__((vector_size(sizeof(float) * V)));
typedef float memory __attribute__((vector_size(sizeof(float) * V), aligned(4), may_alias));

/* Six (four) numbers |step| apart, from as many. */
static inline __attribute__((always_inline)) void in_line(const int size, vec *d, const vec *s,
                                                          const int step) {
    vec s0 = s[0], s1 = s[step], s2 = s[2 * step], s3 = s[3 * step];
    if (size == 4) {
        d[0] = s0 - s2;
        d[step] = s1 + s2;
        d[2 * step] = s2 - s1;
        d[3 * step] = s1 - s3;
        return;
    }
    vec s4 = s[4 * step], s5 = s[5 * step];
    vec even = s4 - 4 * s2, odd = s3 - 4 * s1, even2 = s4 - s2, odd2 = 2 * (s3 - s1);
    d[0] = 4 * s0 - 5 * s2 + s4;
    d[step] = even + odd;
    d[2 * step] = even - odd;
    d[3 * step] = even2 + odd2;
    d[4 * step] = even2 - odd2;
    d[5 * step] = 4 * s1 - 5 * s3 + s5;
}

static inline __attribute__((always_inline)) void
in_square(const int size, float *d, int64_t step, const float *const *pixels, int64_t channels) {
    for (int64_t j = 0; j < channels; j += V) {
        vec x[36];
        for (int i = 0; i < size * size; i++)
            x[i] = *(const memory *)(pixels[i] + j);
        for (int i = 0; i < size; i++)
            in_line(size, x + i, x + i, size);
        for (int i = 0; i < size; i++)
            in_line(size, x + i * size, x + i * size, 1);
        for (int i = 0; i < size * size; i++)
            *(memory *)(d + i * step + j) = x[i];
    }
}

void ACN_KERNEL(winograd_square_in)(float *d, int64_t step, const float *const *pixels, int size,
                                    int64_t channels) {
    if (size == 4)
        in_square(4, d, step, pixels, channels);
    else
        in_square(6, d, step, pixels, channels);
}

/* Four (two) numbers, from six (four). */
static inline __attribute__((always_inline)) void out_line(const int size, vec *d, const vec *m,
                                                           const int step) {
    vec m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
    if (size == 4) {
        d[0] = m0 + m1 + m2;
        d[step] = m1 - m2 - m3;
        return;
    }
    vec m4 = m[4 * step], m5 = m[5 * step];
    vec sum = m1 + m2, difference = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
    d[0] = m0 + sum + sum2;
    d[step] = difference + 2 * difference2;
    d[2 * step] = sum + 4 * sum2;
    d[3 * step] = difference + 8 * difference2 + m5;
}

static inline __attribute__((always_inline)) vec choose(bits mask, vec a, vec b) {
    return (vec)((mask & (bits)a) | (~mask & (bits)b));
}

static inline __attribute__((always_inline)) vec finished(const acn_panel_square *t, int64_t at,
                                                          int64_t j, vec y) {
    if (t->bias) y += *(const memory *)(t->bias + j);
    if (t->addend) y += *(const memory *)(t->addend[at] + j);
    if (!t->clamps) return y;
    vec low = t->low - (vec){0}, high = t->high - (vec){0};
    y = choose((bits)(y <= low), low, y);
    return choose((bits)(y > high), high, y);
}

static inline __attribute__((always_inline)) void out_square(const int size,
                                                             const acn_panel_square *t) {
    const int made = size - 2;
    for (int64_t j = 0; j < t->channels; j += V) {
        vec x[36];
        for (int i = 0; i < size * size; i++)
            x[i] = *(const memory *)(t->sums + i * t->step + j);
        for (int i = 0; i < size; i++)
            out_line(size, x + i, x + i, size);
        for (int i = 0; i < made; i++)
            out_line(size, x + i * size, x + i * size, 1);
        for (int y = 0; y < made; y++)
            for (int i = 0; i < made; i++) {
                float *c = t->c[y * made + i];
                if (c) *(memory *)(c + j) = finished(t, y * made + i, j, x[y * size + i]);
            }
    }
}

void ACN_KERNEL(winograd_square_out)(const acn_panel_square *t) {
    if (t->size == 4)
        out_square(4, t);
    else
        out_square(6, t);
}

/* conv_stencil.c - sums of shifted vectors, for depthwise convolutions; see conv.h. */
#include "ops/kernels/conv.h"

#if defined(__AVX512F__)
enum { V = 16 };
#elif defined(__AVX2__)
enum { V = 8 };
#else
enum { V = 4 };
#endif
enum { BLOCK = 4, TAPS = 9 };

typedef float vec __attribute__((vector_size(4 * V)));
typedef float memory __attribute__((vector_size(4 * V), aligned(4), may_alias));

void ACN_KERNEL(take)(float *restrict d, const float *restrict s, int64_t step, int64_t n) {
    if (step == 2)
        for (int64_t i = 0; i < n; i++)
            d[i] = s[2 * i];
    else
        for (int64_t i = 0; i < n; i++)
            d[i] = s[step * i];
}

void ACN_KERNEL(stencil)(float *d, const float *s, const int64_t *at, const float *w, int64_t taps,
                         int64_t n, float start, bool adds) {
    for (int64_t i = 0; i < n; i += BLOCK * V) {
        vec sum[BLOCK];
        for (int b = 0; b < BLOCK; b++)
            sum[b] = adds ? (vec) * (const memory *)(d + i + b * V) : start - (vec){0};
        for (int64_t t = 0; t < taps; t++) {
            const float *from = s + at[t] + i;
            for (int b = 0; b < BLOCK; b++)
                sum[b] += w[t] * (vec) * (const memory *)(from + b * V);
        }
        for (int b = 0; b < BLOCK; b++)
            *(memory *)(d + i + b * V) = sum[b];
    }
}

/* Some taps at a time, two vectors of each, so that additions do not wait for one another. */
static inline __attribute__((always_inline)) void sum_taps(const int count, float *sums,
                                                           const float *d, const float *s,
                                                           const int64_t *at, int64_t n) {
    vec sum[TAPS][2];
    for (int t = 0; t < count; t++)
        sum[t][0] = sum[t][1] = (vec){0};
    for (int64_t i = 0; i < n; i += 2 * V)
        for (int h = 0; h < 2; h++) {
            vec x = *(const memory *)(d + i + h * V);
            for (int t = 0; t < count; t++)
                sum[t][h] += x * (vec) * (const memory *)(s + at[t] + i + h * V);
        }
    for (int t = 0; t < count; t++) {
        vec total = sum[t][0] + sum[t][1];
        for (int i = 0; i < V; i++)
            sums[t] += total[i];
    }
}

void ACN_KERNEL(stencil_sums)(float *sums, const float *d, const float *s, const int64_t *at,
                              int64_t taps, int64_t n) {
    int64_t t = 0;
    for (; t + TAPS <= taps; t += TAPS)
        sum_taps(TAPS, sums + t, d, s, at + t, n);
    for (; t + 5 <= taps; t += 5)
        sum_taps(5, sums + t, d, s, at + t, n);
    for (; t + 3 <= taps; t += 3)
        sum_taps(3, sums + t, d, s, at + t, n);
    for (; t < taps; t++)
        sum_taps(1, sums + t, d, s, at + t, n);
}

/* pool.c - see pool.h. Each loop has versions of constant steps, which the compiler turns into
 * vectors. */
#include "ops/kernels/pool.h"

static inline __attribute__((always_inline)) void max_by(float *restrict best, int32_t *restrict at,
                                                         const float *restrict x, int64_t step,
                                                         int32_t tap, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float v = x[i * step], old = best[i];
        int32_t was = at[i];
        bool wins = (v > old) | (v != v);
        best[i] = wins ? v : old;
        at[i] = wins ? tap : was;
    }
}

static void max_tap(float *best, int32_t *at, const float *x, int64_t step, int32_t tap,
                    int64_t n) {
    if (step == 1)
        max_by(best, at, x, 1, tap, n);
    else if (step == 2)
        max_by(best, at, x, 2, tap, n);
    else
        max_by(best, at, x, step, tap, n);
}

static inline __attribute__((always_inline)) void
add_by(float *restrict sum, const float *restrict x, int64_t step, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i * step];
}

static void add_tap(float *sum, const float *x, int64_t step, int64_t n) {
    if (step == 1)
        add_by(sum, x, 1, n);
    else if (step == 2)
        add_by(sum, x, 2, n);
    else
        add_by(sum, x, step, n);
}

static inline __attribute__((always_inline)) void spread_by(float *restrict y, int64_t step,
                                                            const float *restrict x,
                                                            const float *restrict scale,
                                                            int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i * step] += x[i] * scale[i];
}

static void spread_tap(float *y, int64_t step, const float *x, const float *scale, int64_t n) {
    if (step == 1)
        spread_by(y, 1, x, scale, n);
    else if (step == 2)
        spread_by(y, 2, x, scale, n);
    else
        spread_by(y, step, x, scale, n);
}

extern const acn_pool_kernels ACN_KERNEL(pool);
const acn_pool_kernels ACN_KERNEL(pool) = {
    .max_tap = max_tap, .add_tap = add_tap, .spread_tap = spread_tap};

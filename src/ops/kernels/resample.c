/* resample.c - see resample.h. */
#include "ops/kernels/resample.h"

static void add_row(float *restrict d, const float *restrict s, float weight, int64_t n,
                    bool is_first) {
    if (is_first)
        for (int64_t i = 0; i < n; i++)
            d[i] = s[i] * weight;
    else
        for (int64_t i = 0; i < n; i++)
            d[i] += s[i] * weight;
}

static inline __attribute__((always_inline)) void
gather_by(float *restrict d, const float *restrict s, const int32_t *restrict index,
          const float *restrict weight, int64_t n, int32_t taps) {
    for (int64_t i = 0; i < n; i++) {
        float sum = s[index[i]] * weight[i];
        for (int32_t k = 1; k < taps; k++)
            sum += s[index[k * n + i]] * weight[k * n + i];
        d[i] = sum;
    }
}

static void gather(float *d, const float *s, const int32_t *index, const float *weight, int64_t n,
                   int32_t taps) {
    if (taps == 1)
        gather_by(d, s, index, weight, n, 1);
    else if (taps == 2)
        gather_by(d, s, index, weight, n, 2);
    else if (taps == 4)
        gather_by(d, s, index, weight, n, 4);
    else
        gather_by(d, s, index, weight, n, taps);
}

extern const acn_resample_kernels ACN_KERNEL(resample);
const acn_resample_kernels ACN_KERNEL(resample) = {.add_row = add_row, .gather = gather};

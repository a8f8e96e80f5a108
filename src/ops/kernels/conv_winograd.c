/* conv_winograd.c - the three transforms of Winograd's F(2x2, 3x3); see conv.h. */
#include "ops/kernels/conv.h"

#if defined(__AVX512F__)
enum { V = 16 };
#elif defined(__AVX2__)
enum { V = 8 };
#else
enum { V = 4 };
#endif

typedef float vec __attribute__((vector_size(4 * V)));
typedef float memory __attribute__((vector_size(4 * V), aligned(4), may_alias));

static inline vec load(const float *p) { return *(const memory *)p; }

/* Three taps of a row or column become four numbers. */
static inline __attribute__((always_inline)) void spread(vec d[4], vec a, vec b, vec c) {
    d[0] = a;
    d[1] = 0.5f * (a + b + c);
    d[2] = 0.5f * (a - b + c);
    d[3] = c;
}

void ACN_KERNEL(winograd_filter)(float *panel, int64_t step, const float *s, int width,
                                 const int64_t *tap) {
    for (int i = 0; i < width; i += V) {
        vec column[3][4];
        for (int x = 0; x < 3; x++)
            spread(column[x], load(s + tap[x] * width + i), load(s + tap[3 + x] * width + i),
                   load(s + tap[6 + x] * width + i));
        for (int y = 0; y < 4; y++) {
            vec row[4];
            spread(row, column[0][y], column[1][y], column[2][y]);
            for (int x = 0; x < 4; x++)
                *(memory *)(panel + (4 * y + x) * step + i) = row[x];
        }
    }
}

/* One column of a tile, from its even and odd rows: the transform down the rows. */
static inline __attribute__((always_inline)) void down(vec *r, const float *even, const float *odd,
                                                       int64_t pitch) {
    vec d0 = load(even), d1 = load(odd), d2 = load(even + pitch), d3 = load(odd + pitch);
    r[0] = d0 - d2;
    r[1] = d1 + d2;
    r[2] = d2 - d1;
    r[3] = d1 - d3;
}

void ACN_KERNEL(winograd_in)(float *d, int64_t step, const float *s, int64_t phase, int64_t pitch,
                             int64_t n) {
    const float *odd = s + 2 * phase;
    for (int64_t i = 0; i < n; i += V) {
        vec c[4][4];
        down(c[0], s + i, odd + i, pitch);
        down(c[1], s + phase + i, odd + phase + i, pitch);
        down(c[2], s + i + 1, odd + i + 1, pitch);
        down(c[3], s + phase + i + 1, odd + phase + i + 1, pitch);
        for (int y = 0; y < 4; y++) {
            float *to = d + 4 * y * step + i;
            *(memory *)to = c[0][y] - c[2][y];
            *(memory *)(to + step) = c[1][y] + c[2][y];
            *(memory *)(to + 2 * step) = c[2][y] - c[1][y];
            *(memory *)(to + 3 * step) = c[1][y] - c[3][y];
        }
    }
}

void ACN_KERNEL(winograd_out)(float *restrict top, float *restrict bottom, const float *restrict m,
                              int64_t step, int64_t n, float start) {
    for (int64_t i = 0; i < n; i++) {
        float a[4], b[4];
        for (int x = 0; x < 4; x++) {
            float m0 = m[x * step + i], m1 = m[(4 + x) * step + i];
            float m2 = m[(8 + x) * step + i], m3 = m[(12 + x) * step + i];
            a[x] = m0 + m1 + m2;
            b[x] = m1 - m2 - m3;
        }
        top[2 * i] = a[0] + a[1] + a[2] + start;
        top[2 * i + 1] = a[1] - a[2] - a[3] + start;
        bottom[2 * i] = b[0] + b[1] + b[2] + start;
        bottom[2 * i + 1] = b[1] - b[2] - b[3] + start;
    }
}

/* conv_winograd.c - the three transforms of Winograd's F(2x2, 3x3); see conv.h. */
#include "ops/kernels/conv.h"

enum { MOST_LANES = 32 };

void ACN_KERNEL(winograd_filter)(float *panel, int64_t step, const float *w, int64_t lane_step,
                                 int lanes, int width, const int64_t *tap) {
    float g[9][MOST_LANES], r[4][3][MOST_LANES];
    for (int t = 0; t < 9; t++)
        for (int i = 0; i < width; i++)
            g[t][i] = i < lanes ? w[i * lane_step + tap[t]] : 0;
    for (int x = 0; x < 3; x++)
        for (int i = 0; i < width; i++) {
            float a = g[x][i], b = g[3 + x][i], c = g[6 + x][i];
            r[0][x][i] = a;
            r[1][x][i] = 0.5f * (a + b + c);
            r[2][x][i] = 0.5f * (a - b + c);
            r[3][x][i] = c;
        }
    for (int y = 0; y < 4; y++)
        for (int i = 0; i < width; i++) {
            float a = r[y][0][i], b = r[y][1][i], c = r[y][2][i];
            panel[(4 * y + 0) * step + i] = a;
            panel[(4 * y + 1) * step + i] = 0.5f * (a + b + c);
            panel[(4 * y + 2) * step + i] = 0.5f * (a - b + c);
            panel[(4 * y + 3) * step + i] = c;
        }
}

void ACN_KERNEL(winograd_in)(float *restrict d, int64_t step, const float *restrict s,
                             int64_t phase, int64_t pitch, int64_t n) {
    const float *restrict ee = s, *restrict eo = s + phase;
    const float *restrict oe = s + 2 * phase, *restrict oo = s + 3 * phase;
    for (int64_t i = 0; i < n; i++) {
        float r[4][4];
        for (int j = 0; j < 2; j++) {
            float e0 = ee[i + j], e1 = oe[i + j], e2 = ee[i + j + pitch], e3 = oe[i + j + pitch];
            float o0 = eo[i + j], o1 = oo[i + j], o2 = eo[i + j + pitch], o3 = oo[i + j + pitch];
            r[0][2 * j] = e0 - e2, r[0][2 * j + 1] = o0 - o2;
            r[1][2 * j] = e1 + e2, r[1][2 * j + 1] = o1 + o2;
            r[2][2 * j] = e2 - e1, r[2][2 * j + 1] = o2 - o1;
            r[3][2 * j] = e1 - e3, r[3][2 * j + 1] = o1 - o3;
        }
        for (int y = 0; y < 4; y++) {
            d[(4 * y + 0) * step + i] = r[y][0] - r[y][2];
            d[(4 * y + 1) * step + i] = r[y][1] + r[y][2];
            d[(4 * y + 2) * step + i] = r[y][2] - r[y][1];
            d[(4 * y + 3) * step + i] = r[y][1] - r[y][3];
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

/* gemm_c64.c - the GEMM class of complex numbers of two floats. A step of a panel holds the real
 * parts of its lanes and then the imaginary ones, so that the tile is real arithmetic. */
#include "ops/kernels/gemm_kernels.h"
#include <complex.h>

enum { V = 16, MR = 4 };

typedef float vec __attribute__((vector_size(4 * V)));
typedef float memory __attribute__((vector_size(4 * V), aligned(4), may_alias));

static void tile(const acn_gemm_tile *t) {
    vec re[MR] = {{0}}, im[MR] = {{0}};
    const float *a = t->a, *b = t->b;
    for (int64_t p = 0; p < t->k; p++, a += 2 * MR, b += 2 * V) {
        vec br = *(const memory *)b, bi = *(const memory *)(b + V);
        for (int i = 0; i < MR; i++) {
            re[i] = re[i] + a[i] * br - a[MR + i] * bi;
            im[i] = im[i] + a[i] * bi + a[MR + i] * br;
        }
    }
    const float _Complex alpha = *(const float _Complex *)t->alpha;
    const float _Complex beta = *(const float _Complex *)t->beta;
    float _Complex *c = t->c;
    for (int i = 0; i < t->rows; i++, c += t->c_row)
        for (int j = 0; j < t->cols; j++) {
            float _Complex x = CMPLXF(re[i][j], im[i][j]) * alpha;
            c[j] = t->is_beta_zero ? x : x + c[j] * beta;
        }
}

static void pack(void *panel, int width, const void *s, int64_t k_stride, int64_t lane_stride,
                 int64_t k, int64_t lanes) {
    float *d = panel;
    const float *from = s; /* pairs */
    for (int64_t lane = 0; lane < lanes; lane += width)
        for (int64_t p = 0; p < k; p++, d += 2 * width)
            for (int j = 0; j < width; j++) {
                const float *x = from + 2 * (p * k_stride + (lane + j) * lane_stride);
                d[j] = lane + j < lanes ? x[0] : 0;
                d[width + j] = lane + j < lanes ? x[1] : 0;
            }
}

static void load(void *d, int64_t d_row, const void *s, int64_t s_row, int64_t s_col, int64_t rows,
                 int64_t cols) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            ((float _Complex *)d)[i * d_row + j] =
                ((const float _Complex *)s)[i * s_row + j * s_col];
}

static void store(void *d, int64_t d_row, int64_t d_col, const void *s, int64_t s_row, int64_t rows,
                  int64_t cols) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            ((float _Complex *)d)[i * d_row + j * d_col] =
                ((const float _Complex *)s)[i * s_row + j];
}

const acn_gemm_class ACN_KERNEL(gemm_c64) = {
    .dtype = ACN_C64,
    .mr = MR,
    .nr = V,
    .a_width = MR,
    .kc = 256,
    .tile = tile,
    .pack = {[ACN_C64] = pack},
    .load = {[ACN_C64] = load},
    .store = {[ACN_C64] = store},
};

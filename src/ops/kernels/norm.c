/* norm.c - see norm.h. */
#include "ops/kernels/norm.h"
#include "ops/kernels/loops.h"

enum { LANES = 64, VECTOR = 8 };

#define PLUS(x, y) ((x) + (y))

/* Sums |value| over i into lanes, and those in double. */
#define LANE_SUM(type, total, value)                                                               \
    do {                                                                                           \
        type lane[LANES] = {0};                                                                    \
        int64_t at = 0;                                                                            \
        for (; at + LANES <= n; at += LANES)                                                       \
            for (int j = 0; j < LANES; j++) {                                                      \
                int64_t i = at + j;                                                                \
                lane[j] += (value);                                                                \
            }                                                                                      \
        type *rest = lane;                                                                         \
        for (; at + VECTOR <= n; at += VECTOR, rest += VECTOR)                                     \
            for (int j = 0; j < VECTOR; j++) {                                                     \
                int64_t i = at + j;                                                                \
                rest[j] += (value);                                                                \
            }                                                                                      \
        for (int64_t i = at; i < n; i++)                                                           \
            rest[i - at] += (value);                                                               \
        ACN_JOIN_64(lane, PLUS);                                                                   \
        total = lane[0];                                                                           \
    } while (0)

/* Some columns stay in registers for all of their rows. */
#define DEFINE_SQUARES(klass, type)                                                                \
    static void klass##_column_squares(void *square_, const void *x_, int64_t step,                \
                                       const void *from_, int64_t count, int64_t n) {              \
        type *square = square_;                                                                    \
        const type *x = x_, *from = from_;                                                         \
        for (; n >= LANES; n -= LANES, square += LANES, x += LANES) {                              \
            type lane[LANES];                                                                      \
            for (int i = 0; i < LANES; i++)                                                        \
                lane[i] = square[i];                                                               \
            for (int64_t j = 0; j < count; j++)                                                    \
                for (int i = 0; i < LANES; i++)                                                    \
                    lane[i] += (x[j * step + i] - from[j]) * (x[j * step + i] - from[j]);          \
            for (int i = 0; i < LANES; i++)                                                        \
                square[i] = lane[i];                                                               \
        }                                                                                          \
        for (int64_t j = 0; j < count; j++)                                                        \
            ACN_LOOP(i, n) {                                                                       \
                type d = x[j * step + i] - from[j];                                                \
                square[i] += d * d;                                                                \
            }                                                                                      \
    }

/* What element i of a row adds, in lane j to its two sums. */
#define ROW_PRODUCT(i, j)                                                                          \
    do {                                                                                           \
        lane[j] += dy[i] * gamma[i];                                                               \
        more[j] += dy[i] * gamma[i] * ((x[i] - mean) * rstd);                                      \
        dgamma[i] += dy[i] * ((x[i] - mean) * rstd);                                               \
        dbeta[i] += dy[i];                                                                         \
    } while (0)

#define DEFINE_ROW(klass, type)                                                                    \
    static void klass##_row_products(double out[2], void *dgamma_, void *dbeta_, const void *dy_,  \
                                     const void *x_, const void *gamma_, double mean_,             \
                                     double rstd_, int64_t n) {                                    \
        const type *restrict dy = dy_, *restrict x = x_, *restrict gamma = gamma_;                 \
        type *restrict dgamma = dgamma_, *restrict dbeta = dbeta_;                                 \
        const type mean = (type)mean_, rstd = (type)rstd_;                                         \
        type lane[LANES] = {0}, more[LANES] = {0};                                                 \
        int64_t at = 0;                                                                            \
        for (; at + LANES <= n; at += LANES)                                                       \
            for (int j = 0; j < LANES; j++)                                                        \
                ROW_PRODUCT(at + j, j);                                                            \
        for (int64_t i = at; i < n; i++)                                                           \
            ROW_PRODUCT(i, i - at);                                                                \
        ACN_JOIN_64(lane, PLUS);                                                                   \
        ACN_JOIN_64(more, PLUS);                                                                   \
        out[0] += lane[0];                                                                         \
        out[1] += more[0];                                                                         \
    }                                                                                              \
    static void klass##_row_blend(void *dx_, const void *dy_, const void *x_, const void *gamma_,  \
                                  double mean_, double rstd_, double mean_g_, double mean_gx_,     \
                                  int64_t n) {                                                     \
        const type *dy = dy_, *x = x_, *gamma = gamma_, mean = (type)mean_, rstd = (type)rstd_;    \
        const type mean_g = (type)mean_g_, mean_gx = (type)mean_gx_;                               \
        type *dx = dx_;                                                                            \
        ACN_LOOP(i, n) {                                                                           \
            dx[i] = rstd * (dy[i] * gamma[i] - mean_g - (x[i] - mean) * rstd * mean_gx);           \
        }                                                                                          \
    }

#define DEFINE_NORM(klass, type)                                                                   \
    static void klass##_moments(double out[2], const void *x_, int64_t n) {                        \
        const type *x = x_;                                                                        \
        double sum, squares;                                                                       \
        LANE_SUM(type, sum, x[i]);                                                                 \
        double mean = sum / (double)n;                                                             \
        type near = (type)mean;                                                                    \
        LANE_SUM(type, squares, (x[i] - near) * (x[i] - near));                                    \
        out[0] = mean;                                                                             \
        out[1] = squares;                                                                          \
    }                                                                                              \
    static void klass##_products(double out[2], const void *dy_, const void *x_, double mean_,     \
                                 int64_t n) {                                                      \
        const type *dy = dy_, *x = x_, mean = (type)mean_;                                         \
        double sum, product;                                                                       \
        LANE_SUM(type, sum, dy[i]);                                                                \
        LANE_SUM(type, product, dy[i] * (x[i] - mean));                                            \
        out[0] += sum;                                                                             \
        out[1] += product;                                                                         \
    }                                                                                              \
    static void klass##_affine(void *y_, const void *x_, double mean_, double scale_,              \
                               double shift_, int64_t n) {                                         \
        const type *x = x_, mean = (type)mean_, scale = (type)scale_, shift = (type)shift_;        \
        type *y = y_;                                                                              \
        ACN_LOOP(i, n) { y[i] = (x[i] - mean) * scale + shift; }                                   \
    }                                                                                              \
    static void klass##_blend(void *dx_, const void *dy_, const void *x_, double mean_, double a_, \
                              double b_, double c_, int64_t n) {                                   \
        const type *dy = dy_, *x = x_, mean = (type)mean_, a = (type)a_, b = (type)b_;             \
        const type c = (type)c_;                                                                   \
        type *dx = dx_;                                                                            \
        ACN_LOOP(i, n) { dx[i] = a * dy[i] + (b * (x[i] - mean) + c); }                            \
    }                                                                                              \
    static void klass##_column_moments(void *sum_, void *square_, const void *x_,                  \
                                       const void *from_, int64_t n) {                             \
        type *sum = sum_, *square = square_;                                                       \
        const type *x = x_, *from = from_;                                                         \
        ACN_LOOP(i, n) {                                                                           \
            type d = x[i] - from[i];                                                               \
            sum[i] += d;                                                                           \
            square[i] += d * d;                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void klass##_column_products(void *sum_, void *product_, const void *dy_,               \
                                        const void *x_, const void *mean_, int64_t n) {            \
        type *sum = sum_, *product = product_;                                                     \
        const type *dy = dy_, *x = x_, *mean = mean_;                                              \
        ACN_LOOP(i, n) {                                                                           \
            sum[i] += dy[i];                                                                       \
            product[i] += dy[i] * (x[i] - mean[i]);                                                \
        }                                                                                          \
    }                                                                                              \
    static void klass##_column_affine(void *y_, const void *x_, const void *mean_,                 \
                                      const void *scale_, const void *shift_, int64_t n) {         \
        const type *x = x_, *mean = mean_, *scale = scale_, *shift = shift_;                       \
        type *y = y_;                                                                              \
        ACN_LOOP(i, n) { y[i] = (x[i] - mean[i]) * scale[i] + shift[i]; }                          \
    }                                                                                              \
    static void klass##_column_blend(void *dx_, const void *dy_, const void *x_,                   \
                                     const void *mean_, const void *a_, const void *b_,            \
                                     const void *c_, int64_t n) {                                  \
        const type *dy = dy_, *x = x_, *mean = mean_, *a = a_, *b = b_, *c = c_;                   \
        type *dx = dx_;                                                                            \
        ACN_LOOP(i, n) { dx[i] = a[i] * dy[i] + (b[i] * (x[i] - mean[i]) + c[i]); }                \
    }

DEFINE_NORM(f32, float)
DEFINE_NORM(f64, double)
DEFINE_SQUARES(f32, float)
DEFINE_SQUARES(f64, double)
DEFINE_ROW(f32, float)
DEFINE_ROW(f64, double)

#define TABLE(klass)                                                                               \
    {                                                                                              \
        klass##_moments, klass##_products, klass##_affine, klass##_blend, klass##_column_moments,  \
            klass##_column_squares, klass##_column_products, klass##_column_affine,                \
            klass##_column_blend, klass##_row_products, klass##_row_blend                          \
    }
extern const acn_norm_kernels ACN_KERNEL(norm)[2];
const acn_norm_kernels ACN_KERNEL(norm)[2] = {[ACN_K_F32] = TABLE(f32), [ACN_K_F64] = TABLE(f64)};

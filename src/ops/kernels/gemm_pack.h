/* gemm_pack.h - template: packing of one storage type into panels of its class, and C between the
 * two. Included once per storage type, after gemm_tile.h and gemm_transpose.h, with
 *   PACK(name)       name made unique to class and storage type
 *   PACK_S           storage type
 *   PACK_GET(p)      GEMM(vec) from GEMM_V elements at |p|
 *   PACK_GET1(p)     GEMM_T from one element
 *   PACK_PUT(p, x)   GEMM(vec) |x| to GEMM_V elements
 *   PACK_PUT1(p, x)  GEMM_T |x| to one element
 */

/* Unit stride along lanes. Some steps of all panels at a time, so that reads are long. */
static void PACK(pack_lanes)(GEMM_T *panel, int width, const PACK_S *s, int64_t k_stride, int64_t k,
                             int64_t lanes) {
    for (int64_t first = 0; first < k; first += 8) {
        int64_t last = first + 8 < k ? first + 8 : k;
        for (int64_t lane = 0; lane < lanes; lane += width) {
            int n = lanes - lane < width ? (int)(lanes - lane) : width;
            GEMM_T *d = panel + lane * k + first * width;
            for (int64_t p = first; p < last; p++, d += width) {
                const PACK_S *from = s + p * k_stride + lane;
                int j = 0;
                for (; j + GEMM_V <= n; j += GEMM_V)
                    *(GEMM(memory) *)(d + j) = PACK_GET(from + j);
                for (; j < n; j++)
                    d[j] = PACK_GET1(from + j);
                for (; j < width; j++)
                    d[j] = 0;
            }
        }
    }
}

/* Unit stride along k: blocks of V lanes x V steps are transposed. */
static void PACK(pack_steps)(GEMM_T *panel, int width, const PACK_S *s, int64_t lane_stride,
                             int64_t k, int n) {
    for (int lane = 0; lane < width; lane += GEMM_V) {
        int count = n - lane < 0 ? 0 : n - lane < GEMM_V ? n - lane : GEMM_V;
        const PACK_S *from = s + lane * lane_stride;
        int64_t p = 0;
        for (; p + GEMM_V <= k; p += GEMM_V) {
            GEMM(vec) r[GEMM_V];
            if (count == GEMM_V)
                for (int i = 0; i < GEMM_V; i++)
                    r[i] = PACK_GET(from + i * lane_stride + p);
            else
                for (int i = 0; i < GEMM_V; i++)
                    r[i] = i < count ? PACK_GET(from + i * lane_stride + p) : (GEMM(vec)){0};
            GEMM(transpose)(r);
            GEMM_T *d = panel + p * width + lane;
            for (int i = 0; i < GEMM_V; i++)
                *(GEMM(memory) *)(d + i * width) = r[i];
        }
        for (; p < k; p++)
            for (int i = 0; i < GEMM_V; i++)
                panel[p * width + lane + i] =
                    i < count ? PACK_GET1(from + i * lane_stride + p) : (GEMM_T)0;
    }
}

static void PACK(pack)(void *panel, int width, const void *s, int64_t k_stride, int64_t lane_stride,
                       int64_t k, int64_t lanes) {
    if (lane_stride == 1) {
        PACK(pack_lanes)(panel, width, s, k_stride, k, lanes);
        return;
    }
    for (int64_t lane = 0; lane < lanes; lane += width) {
        int n = lanes - lane < width ? (int)(lanes - lane) : width;
        const PACK_S *from = (const PACK_S *)s + lane * lane_stride;
        GEMM_T *d = (GEMM_T *)panel + lane * k;
        if (k_stride == 1) {
            PACK(pack_steps)(d, width, from, lane_stride, k, n);
            continue;
        }
        for (int64_t p = 0; p < k; p++, d += width)
            for (int j = 0; j < width; j++)
                d[j] = j < n ? PACK_GET1(from + p * k_stride + j * lane_stride) : (GEMM_T)0;
    }
}

static void PACK(load)(void *d, int64_t d_row, const void *s, int64_t s_row, int64_t s_col,
                       int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; i++) {
        GEMM_T *to = (GEMM_T *)d + i * d_row;
        const PACK_S *from = (const PACK_S *)s + i * s_row;
        int64_t j = 0;
        if (s_col == 1)
            for (; j + GEMM_V <= cols; j += GEMM_V)
                *(GEMM(memory) *)(to + j) = PACK_GET(from + j);
        for (; j < cols; j++)
            to[j] = PACK_GET1(from + j * s_col);
    }
}

static void PACK(store)(void *d, int64_t d_row, int64_t d_col, const void *s, int64_t s_row,
                        int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; i++) {
        PACK_S *to = (PACK_S *)d + i * d_row;
        const GEMM_T *from = (const GEMM_T *)s + i * s_row;
        int64_t j = 0;
        if (d_col == 1)
            for (; j + GEMM_V <= cols; j += GEMM_V) {
                GEMM(vec) x = *(const GEMM(memory) *)(from + j);
                PACK_PUT(to + j, x);
            }
        for (; j < cols; j++)
            PACK_PUT1(to + j * d_col, from[j]);
    }
}

/* Rows of b are long: four steps of k at a time, so that y is read and written once for four. */
static void PACK(vector_lanes)(GEMM_T *y, const GEMM_T *x, const PACK_S *b, int64_t k_stride,
                               int64_t k, int64_t lanes) {
    for (int64_t j = 0; j < lanes; j++)
        y[j] = 0;
    for (int64_t p = 0; p < k; p += 4) {
        int steps = k - p < 4 ? (int)(k - p) : 4;
        const PACK_S *row = b + p * k_stride;
        int64_t j = 0;
        for (; j + GEMM_V <= lanes; j += GEMM_V) {
            GEMM(vec) sum = *(const GEMM(memory) *)(y + j);
            if (steps == 4)
                for (int i = 0; i < 4; i++)
                    sum += x[p + i] * PACK_GET(row + i * k_stride + j);
            else
                for (int i = 0; i < steps; i++)
                    sum += x[p + i] * PACK_GET(row + i * k_stride + j);
            *(GEMM(memory) *)(y + j) = sum;
        }
        for (; j < lanes; j++)
            for (int i = 0; i < steps; i++)
                y[j] += x[p + i] * PACK_GET1(row + i * k_stride + j);
    }
}

/* |columns| dot products side by side, which share the reads of x. */
static inline __attribute__((always_inline)) void PACK(dots)(const int columns, GEMM_T *y,
                                                             const GEMM_T *x, const PACK_S *b,
                                                             int64_t lane_stride, int64_t k) {
    GEMM(vec) sum[4][2];
    for (int c = 0; c < columns; c++)
        sum[c][0] = sum[c][1] = (GEMM(vec)){0};
    int64_t p = 0;
    for (; p + 2 * GEMM_V <= k; p += 2 * GEMM_V)
        for (int h = 0; h < 2; h++) {
            GEMM(vec) xp = *(const GEMM(memory) *)(x + p + h * GEMM_V);
            for (int c = 0; c < columns; c++)
                sum[c][h] += xp * PACK_GET(b + c * lane_stride + p + h * GEMM_V);
        }
    for (int c = 0; c < columns; c++) {
        GEMM(vec) total = sum[c][0] + sum[c][1];
        GEMM_T result = 0;
        for (int64_t q = p; q < k; q++)
            result += x[q] * PACK_GET1(b + c * lane_stride + q);
        for (int i = 0; i < GEMM_V; i++)
            result += total[i];
        y[c] = result;
    }
}

static void PACK(vector)(void *y, const void *x, const void *b, int64_t k_stride,
                         int64_t lane_stride, int64_t k, int64_t lanes) {
    if (lane_stride == 1) {
        PACK(vector_lanes)(y, x, b, k_stride, k, lanes);
        return;
    }
    const PACK_S *column = b;
    GEMM_T *to = y;
    int64_t j = 0;
    for (; j + 4 <= lanes; j += 4)
        PACK(dots)(4, to + j, x, column + j * lane_stride, lane_stride, k);
    for (; j < lanes; j++)
        PACK(dots)(1, to + j, x, column + j * lane_stride, lane_stride, k);
}

#undef PACK
#undef PACK_S
#undef PACK_GET
#undef PACK_GET1
#undef PACK_PUT
#undef PACK_PUT1

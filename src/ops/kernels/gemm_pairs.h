/* gemm_pairs.h - bf16 x bf16 with the instructions of avx512_bf16: two steps of k at a time, at
 * twice the speed of f32. Products are exact and added in f32; subnormal numbers count as zero.
 * Included by gemm_f32.c, whose tile and writing it shares: a step of a panel is a pair, 32 bits a
 * lane. */

static inline uint32_t pair_of(const uint16_t *s, int64_t k_stride, bool has_second) {
    return s[0] | (has_second ? (uint32_t)s[k_stride] << 16 : 0);
}

/* Unit stride along lanes: two rows are interleaved. */
static void pack_pair_rows(uint32_t *d, const uint16_t *s, int64_t k_stride, bool has_second,
                           int n) {
    const uint16_t *second = s + k_stride;
    if (has_second)
        for (int j = 0; j < n; j++)
            d[j] = s[j] | (uint32_t)second[j] << 16;
    else
        for (int j = 0; j < n; j++)
            d[j] = s[j];
}

static void pack_pairs(void *panel, int width, const void *s_, int64_t k_stride,
                       int64_t lane_stride, int64_t k, int64_t lanes) {
    int64_t pairs = (k + 1) / 2;
    for (int64_t lane = 0; lane < lanes; lane += width) {
        int n = lanes - lane < width ? (int)(lanes - lane) : width;
        const uint16_t *s = (const uint16_t *)s_ + lane * lane_stride;
        uint32_t *d = (uint32_t *)panel + lane * pairs;
        int64_t p = 0;
        if (k_stride == 1 && lane_stride % 2 == 0 && (uintptr_t)s % 4 == 0) {
            p = k / 2; /* pairs lie together: moved like floats */
            pack_f32_f32(d, width, s, 1, lane_stride / 2, p, n);
        }
        for (; p < pairs; p++) {
            const uint16_t *from = s + 2 * p * k_stride;
            uint32_t *to = d + p * width;
            bool has_second = 2 * p + 1 < k;
            if (lane_stride == 1)
                pack_pair_rows(to, from, k_stride, has_second, n);
            else
                for (int j = 0; j < n; j++)
                    to[j] = pair_of(from + j * lane_stride, k_stride, has_second);
            for (int j = n; j < width; j++)
                to[j] = 0;
        }
    }
}

/* All rows of the tile, whatever |rows| is: panels are that wide. */
__attribute__((target("avx512bf16"))) static void tile_pairs(const acn_gemm_tile *t) {
    const float *a = t->a, *b = t->b;
    vec_f32 acc[GEMM_MR][2];
    for (int i = 0; i < GEMM_MR; i++) {
        const float *c = (const float *)t->c + (i < t->rows ? i : 0) * t->c_row;
        __builtin_prefetch(c, 1);
        __builtin_prefetch(c + GEMM_NR - 1, 1);
        acc[i][0] = acc[i][1] = (vec_f32){0};
    }
    for (int64_t p = 0; p < t->k; p++, a += GEMM_A_WIDTH, b += GEMM_NR) {
        __m512bh b0 = (__m512bh)_mm512_loadu_ps(b), b1 = (__m512bh)_mm512_loadu_ps(b + GEMM_V);
        __builtin_prefetch(b + COPY_AHEAD * GEMM_NR);
        __builtin_prefetch(b + COPY_AHEAD * GEMM_NR + GEMM_V);
        for (int i = 0; i < GEMM_MR; i++) {
            __m512bh ai = (__m512bh)_mm512_set1_ps(a[i]);
            acc[i][0] = (vec_f32)_mm512_dpbf16_ps((__m512)acc[i][0], b0, ai);
            acc[i][1] = (vec_f32)_mm512_dpbf16_ps((__m512)acc[i][1], b1, ai);
        }
    }
    if (t->rows == GEMM_MR) {
        write_f32(GEMM_MR, t, acc);
        return;
    }
    float copy[GEMM_MR * GEMM_NR];
    memcpy(copy, acc, sizeof copy);
    write_part_f32(t, copy);
}

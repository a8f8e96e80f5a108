/* gemm_tile.h - template: the register tile of one arithmetic class. Included once per class with
 *   GEMM(name)  name made unique to the class
 *   GEMM_T      element type of panels and accumulators
 *   GEMM_V      elements in a vector; a tile is GEMM_MR rows of two vectors
 * All loops over rows have constant bounds, so that the accumulators live in registers.
 */
#define GEMM_NR (2 * GEMM_V)
/* Packed B comes from L2 in time by itself where a step takes only 12 multiply-adds, and there the
 * fetches are in the way of the loads: 4 % with AVX2. */
#define GEMM_FETCHES (GEMM_V * sizeof(GEMM_T) == 64)
#define GEMM_A_WIDTH ((GEMM_MR + GEMM_V - 1) / GEMM_V * GEMM_V)

typedef GEMM_T GEMM(vec) __attribute__((vector_size(sizeof(GEMM_T) * GEMM_V)));
/* The same in memory: any address of an element, any effective type. */
typedef GEMM_T GEMM(memory)
    __attribute__((vector_size(sizeof(GEMM_T) * GEMM_V), aligned(sizeof(GEMM_T)), may_alias));

/* |copies|: B lies in the matrix and is packed on the way, which costs no time of its own here. */
static inline __attribute__((always_inline)) void
GEMM(accumulate)(const int rows, const bool copies, const acn_gemm_tile *t, int64_t a_row,
                 int64_t a_col, GEMM(vec) acc[][2]) {
    const GEMM_T *a = t->a, *b = t->b;
    GEMM_T *copy = t->b_copy;
    for (int i = 0; i < rows; i++) { /* C is wanted at the end, and comes from afar */
        const GEMM_T *c = (const GEMM_T *)t->c + i * t->c_row;
        __builtin_prefetch(c, 1);
        __builtin_prefetch(c + GEMM_NR - 1, 1);
        acc[i][0] = acc[i][1] = (GEMM(vec)){0};
    }
#pragma GCC unroll 2
    for (int64_t p = 0; p < t->k; p++) {
        GEMM(vec) b0 = *(const GEMM(memory) *)b, b1 = *(const GEMM(memory) *)(b + GEMM_V);
        if (copies || GEMM_FETCHES) {
            __builtin_prefetch(b + COPY_AHEAD * t->b_row);
            __builtin_prefetch(b + COPY_AHEAD * t->b_row + GEMM_NR - 1);
        }
        if (copies) {
            ((GEMM(memory) *)copy)[0] = b0;
            ((GEMM(memory) *)copy)[1] = b1;
            copy += GEMM_NR;
        }
        for (int i = 0; i < rows; i++) {
            GEMM(vec) ai = a[i * a_row] - (GEMM(vec)){0};
            acc[i][0] += ai * b0;
            acc[i][1] += ai * b1;
        }
        a += a_col;
        b += t->b_row;
    }
}

/* |keeps|: adds to beta times what C holds. */
static inline __attribute__((always_inline)) void
GEMM(write_full)(const int rows, const bool keeps, const acn_gemm_tile *t, GEMM(vec) acc[][2]) {
    const GEMM_T alpha = *(const GEMM_T *)t->alpha, beta = *(const GEMM_T *)t->beta;
    const int64_t c_row = t->c_row;
    GEMM_T *c = t->c;
    for (int i = 0; i < rows; i++, c += c_row) {
        GEMM(memory) *d = (GEMM(memory) *)c;
        for (int v = 0; v < 2; v++) {
            GEMM(vec) x = acc[i][v] * alpha;
            d[v] = keeps ? x + d[v] * beta : x;
        }
    }
}

static __attribute__((noinline)) void GEMM(write_part)(const acn_gemm_tile *t, const GEMM_T *acc) {
    const GEMM_T alpha = *(const GEMM_T *)t->alpha, beta = *(const GEMM_T *)t->beta;
    GEMM_T *c = t->c;
    for (int i = 0; i < t->rows; i++, c += t->c_row, acc += GEMM_NR)
        for (int j = 0; j < t->cols; j++) {
            GEMM_T x = acc[j] * alpha;
            c[j] = t->is_beta_zero ? x : x + c[j] * beta;
        }
}

static inline __attribute__((always_inline)) void
GEMM(write)(const int rows, const acn_gemm_tile *t, GEMM(vec) acc[][2]) {
    if (t->cols == GEMM_NR) {
        if (t->is_beta_zero)
            GEMM(write_full)(rows, false, t, acc);
        else
            GEMM(write_full)(rows, true, t, acc);
        return;
    }
    GEMM_T copy[GEMM_MR * GEMM_NR];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 2; v++)
            *(GEMM(memory) *)(copy + i * GEMM_NR + v * GEMM_V) = acc[i][v];
    GEMM(write_part)(t, copy);
}

static inline __attribute__((always_inline)) void GEMM(rows)(const int rows,
                                                             const acn_gemm_tile *t) {
    GEMM(vec) acc[GEMM_MR][2];
    if (t->a_row == 1 && t->a_col == GEMM_A_WIDTH)
        GEMM(accumulate)(rows, false, t, 1, GEMM_A_WIDTH, acc);
    else
        GEMM(accumulate)(rows, false, t, t->a_row, t->a_col, acc);
    GEMM(write)(rows, t, acc);
}

static __attribute__((noinline)) void GEMM(tile_copying)(const acn_gemm_tile *t) {
    GEMM(vec) acc[GEMM_MR][2];
    GEMM(accumulate)(GEMM_MR, true, t, t->a_row, t->a_col, acc);
    GEMM(write)(GEMM_MR, t, acc);
}

#define GEMM_CASE(r)                                                                               \
    case r:                                                                                        \
        GEMM(rows)(r < GEMM_MR ? r : GEMM_MR, t);                                                  \
        break;

static void GEMM(tile)(const acn_gemm_tile *t) {
    if (t->b_copy) {
        GEMM(tile_copying)(t);
        return;
    }
    switch (t->rows) {
        GEMM_CASE(1)
        GEMM_CASE(2)
        GEMM_CASE(3)
        GEMM_CASE(4)
#if GEMM_MR > 4
        GEMM_CASE(5)
        GEMM_CASE(6)
#endif
#if GEMM_MR > 6
        GEMM_CASE(7)
        GEMM_CASE(8)
#endif
#if GEMM_MR > 8
        GEMM_CASE(9)
        GEMM_CASE(10)
        GEMM_CASE(11)
        GEMM_CASE(12)
#endif
#if GEMM_MR > 12
        GEMM_CASE(13) GEMM_CASE(14)
#endif
    }
}

#undef GEMM_CASE

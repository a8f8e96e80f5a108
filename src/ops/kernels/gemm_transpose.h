/* gemm_transpose.h - template: GEMM_V x GEMM_V transpose in registers, after gemm_tile.h.
 * log2(V) rounds, each of which interleaves row i with row i + V/2; with 8 lanes, where AVX2 is
 * quick inside of halves only, two rounds there and one that exchanges halves. By
 * __builtin_shuffle, whose mask is a vector of integers as wide as the elements: gcc 11, which
 * Ubuntu 22.04 has, knows no __builtin_shufflevector. */
#if GEMM_V == 2
#define GEMM_LOW    0, 2
#define GEMM_HIGH   1, 3
#define GEMM_ROUNDS 1
#elif GEMM_V == 4
#define GEMM_LOW    0, 4, 1, 5
#define GEMM_HIGH   2, 6, 3, 7
#define GEMM_ROUNDS 2
#elif GEMM_V != 8
#define GEMM_LOW    0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define GEMM_HIGH   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define GEMM_ROUNDS 4
#endif

typedef __typeof__(_Generic((GEMM_T)0, float : 0, uint32_t : 0, default : (int64_t)0)) GEMM(lane);
typedef GEMM(lane) GEMM(lanes) __attribute__((vector_size(sizeof(GEMM_T) * GEMM_V)));

static inline __attribute__((always_inline)) void GEMM(transpose)(GEMM(vec) r[GEMM_V]) {
#if GEMM_V == 8
    const GEMM(lanes) low = {0, 8, 1, 9, 4, 12, 5, 13}, high = {2, 10, 3, 11, 6, 14, 7, 15};
    const GEMM(lanes) even = {0, 1, 8, 9, 4, 5, 12, 13}, odd = {2, 3, 10, 11, 6, 7, 14, 15};
    const GEMM(lanes) first = {0, 1, 2, 3, 8, 9, 10, 11}, second = {4, 5, 6, 7, 12, 13, 14, 15};
    GEMM(vec) t[8], q[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = __builtin_shuffle(r[i], r[i + 1], low);
        t[i + 1] = __builtin_shuffle(r[i], r[i + 1], high);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            q[i + 2 * j] = __builtin_shuffle(t[i + j], t[i + j + 2], even);
            q[i + 2 * j + 1] = __builtin_shuffle(t[i + j], t[i + j + 2], odd);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = __builtin_shuffle(q[i], q[i + 4], first);
        r[i + 4] = __builtin_shuffle(q[i], q[i + 4], second);
    }
#else
    const GEMM(lanes) low = {GEMM_LOW}, high = {GEMM_HIGH};
    GEMM(vec) t[GEMM_V];
    for (int round = 0; round < GEMM_ROUNDS; round++) {
        for (int i = 0; i < GEMM_V / 2; i++) {
            t[2 * i] = __builtin_shuffle(r[i], r[i + GEMM_V / 2], low);
            t[2 * i + 1] = __builtin_shuffle(r[i], r[i + GEMM_V / 2], high);
        }
        for (int i = 0; i < GEMM_V; i++)
            r[i] = t[i];
    }
#endif
}

#undef GEMM_LOW
#undef GEMM_HIGH
#undef GEMM_ROUNDS

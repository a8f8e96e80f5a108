/* reduce.c - reductions of one contiguous row into an accumulator.
 *
 * A row is cut into blocks that are added up in a fixed number of lanes; the blocks' lanes are
 * combined pairwise, so that a float sum's error grows with the logarithm of the length, and at
 * last the lanes with each other. The order depends on the length only, never on addresses: equal
 * calls give equal bits.
 */
#include "ops/kernels/loops.h"
#include "ops/kernels/pair.h"

enum { LANES = 64, BLOCK = 32 * LANES, DEPTH = 52 };

/* Blocks are combined as a binary counter does carries: |stack| holds one result for each set bit
 * of the number of blocks so far. */
#define DEFINE_REDUCE(klass, name, type, identity, combine)                                        \
    static inline void klass##_##name##_lanes(type *restrict d, const type *restrict s) {          \
        for (int j = 0; j < LANES; j++)                                                            \
            d[j] = combine(d[j], s[j]);                                                            \
    }                                                                                              \
    static inline void klass##_##name##_block(type *restrict lane, const type *restrict s,         \
                                              int64_t n) {                                         \
        if (n >= LANES) {                                                                          \
            for (int j = 0; j < LANES; j++)                                                        \
                lane[j] = s[j];                                                                    \
            n -= LANES;                                                                            \
            s += LANES;                                                                            \
        } else {                                                                                   \
            for (int j = 0; j < LANES; j++)                                                        \
                lane[j] = j < n ? s[j] : identity;                                                 \
            return;                                                                                \
        }                                                                                          \
        for (; n >= LANES; n -= LANES, s += LANES)                                                 \
            for (int j = 0; j < LANES; j++)                                                        \
                lane[j] = combine(lane[j], s[j]);                                                  \
        for (int64_t j = 0; j < n; j++)                                                            \
            lane[j] = combine(lane[j], s[j]);                                                      \
    }                                                                                              \
    void ACN_KERNEL(klass##_##name)(void *accumulator, const void *s_, int64_t n) {                \
        const type *s = s_;                                                                        \
        type *total = accumulator;                                                                 \
        if (n <= 0) return;                                                                        \
        if (n <= BLOCK) {                                                                          \
            type lane[LANES];                                                                      \
            klass##_##name##_block(lane, s, n);                                                    \
            ACN_JOIN_64(lane, combine);                                                            \
            *total = combine(*total, lane[0]);                                                     \
            return;                                                                                \
        }                                                                                          \
        type stack[DEPTH][LANES];                                                                  \
        int depth = 0;                                                                             \
        for (uint64_t blocks = 0; n > 0; blocks++, n -= BLOCK, s += BLOCK) {                       \
            klass##_##name##_block(stack[depth++], s, n < BLOCK ? n : BLOCK);                      \
            for (uint64_t carry = blocks; carry & 1; carry >>= 1, depth--)                         \
                klass##_##name##_lanes(stack[depth - 2], stack[depth - 1]);                        \
        }                                                                                          \
        for (; depth > 1; depth--)                                                                 \
            klass##_##name##_lanes(stack[depth - 2], stack[depth - 1]);                            \
        ACN_JOIN_64(stack[0], combine);                                                            \
        *total = combine(*total, stack[0][0]);                                                     \
    }

#define SUM(x, y)     ((x) + (y))
#define PRODUCT(x, y) ((x) * (y))
#define LARGER(x, y)  ((x) > (y) ? (x) : (y))
#define SMALLER(x, y) ((x) < (y) ? (x) : (y))
#define EITHER(x, y)  ((x) | (y))
#define BOTH(x, y)    ((x) & (y))

DEFINE_REDUCE(f32, R_SUM, float, 0.0f, SUM)
DEFINE_REDUCE(f32, R_PROD, float, 1.0f, PRODUCT)
DEFINE_REDUCE(f32, R_MAX, float, -__builtin_inff(), larger_f32)
DEFINE_REDUCE(f32, R_MIN, float, __builtin_inff(), smaller_f32)
DEFINE_REDUCE(f64, R_SUM, double, 0.0, SUM)
DEFINE_REDUCE(f64, R_PROD, double, 1.0, PRODUCT)
DEFINE_REDUCE(f64, R_MAX, double, -__builtin_inf(), larger_f64)
DEFINE_REDUCE(f64, R_MIN, double, __builtin_inf(), smaller_f64)
DEFINE_REDUCE(i32, R_SUM, uint32_t, 0, SUM)
DEFINE_REDUCE(i32, R_PROD, uint32_t, 1, PRODUCT)
DEFINE_REDUCE(i32, R_MAX, int32_t, INT32_MIN, LARGER)
DEFINE_REDUCE(i32, R_MIN, int32_t, INT32_MAX, SMALLER)
DEFINE_REDUCE(i64, R_SUM, uint64_t, 0, SUM)
DEFINE_REDUCE(i64, R_PROD, uint64_t, 1, PRODUCT)
DEFINE_REDUCE(i64, R_MAX, int64_t, INT64_MIN, LARGER)
DEFINE_REDUCE(i64, R_MIN, int64_t, INT64_MAX, SMALLER)
DEFINE_REDUCE(c64, R_SUM, acn_pair, ((acn_pair){0.0f, 0.0f}), pair_add)
DEFINE_REDUCE(c64, R_PROD, acn_pair, ((acn_pair){1.0f, 0.0f}), pair_multiply)
DEFINE_REDUCE(b8, R_ANY, uint8_t, 0, EITHER)
DEFINE_REDUCE(b8, R_ALL, uint8_t, 1, BOTH)
DEFINE_REDUCE(b8, R_MAX, uint8_t, 0, EITHER)
DEFINE_REDUCE(b8, R_MIN, uint8_t, 1, BOTH)

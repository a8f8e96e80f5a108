/* reduce.c - reductions of one contiguous row into an accumulator.
 *
 * A row is cut into blocks that end in a fixed number of lanes, and block results are combined
 * pairwise, so that a float sum's error grows with the logarithm of the length. The order depends
 * on the length and the level only, never on addresses: equal calls give equal bits.
 */
#include "ops/kernels/loops.h"
#include "ops/kernels/pair.h"

enum { LANES = 64, BLOCK = 32 * LANES, DEPTH = 64 };

/* Blocks are combined as a binary counter does carries: |stack| holds one result for each set bit
 * of the number of blocks so far. */
#define DEFINE_REDUCE(klass, name, type, identity, combine)                                        \
    static type klass##_##name##_block(const type *s, int64_t n) {                                 \
        type lane[LANES];                                                                          \
        for (int j = 0; j < LANES; j++)                                                            \
            lane[j] = identity;                                                                    \
        for (; n >= LANES; n -= LANES, s += LANES)                                                 \
            for (int j = 0; j < LANES; j++)                                                        \
                lane[j] = combine(lane[j], s[j]);                                                  \
        for (int64_t j = 0; j < n; j++)                                                            \
            lane[j] = combine(lane[j], s[j]);                                                      \
        for (int width = LANES / 2; width > 0; width /= 2)                                         \
            for (int j = 0; j < width; j++)                                                        \
                lane[j] = combine(lane[j], lane[j + width]);                                       \
        return lane[0];                                                                            \
    }                                                                                              \
    void ACN_KERNEL(klass##_##name)(void *accumulator, const void *s_, int64_t n) {                \
        const type *s = s_;                                                                        \
        type stack[DEPTH], *total = accumulator;                                                   \
        int depth = 0;                                                                             \
        for (uint64_t blocks = 0; n > 0; blocks++, n -= BLOCK, s += BLOCK) {                       \
            type block = klass##_##name##_block(s, n < BLOCK ? n : BLOCK);                         \
            for (uint64_t carry = blocks; carry & 1; carry >>= 1) {                                \
                depth--;                                                                           \
                block = combine(stack[depth], block);                                              \
            }                                                                                      \
            stack[depth++] = block;                                                                \
        }                                                                                          \
        if (!depth) return;                                                                        \
        type row = stack[--depth];                                                                 \
        while (depth > 0) {                                                                        \
            depth--;                                                                               \
            row = combine(stack[depth], row);                                                      \
        }                                                                                          \
        *total = combine(*total, row);                                                             \
    }

#define SUM(x, y)            ((x) + (y))
#define PRODUCT(x, y)        ((x) * (y))
#define LARGER(x, y)         ((x) > (y) ? (x) : (y))
#define SMALLER(x, y)        ((x) < (y) ? (x) : (y))
#define LARGER_OR_NAN(x, y)  (((x) > (y)) | ((x) != (x)) ? (x) : (y))
#define SMALLER_OR_NAN(x, y) (((x) < (y)) | ((x) != (x)) ? (x) : (y))
#define EITHER(x, y)         ((x) | (y))
#define BOTH(x, y)           ((x) & (y))

DEFINE_REDUCE(f32, R_SUM, float, 0.0f, SUM)
DEFINE_REDUCE(f32, R_PROD, float, 1.0f, PRODUCT)
DEFINE_REDUCE(f32, R_MAX, float, -__builtin_inff(), LARGER_OR_NAN)
DEFINE_REDUCE(f32, R_MIN, float, __builtin_inff(), SMALLER_OR_NAN)
DEFINE_REDUCE(f64, R_SUM, double, 0.0, SUM)
DEFINE_REDUCE(f64, R_PROD, double, 1.0, PRODUCT)
DEFINE_REDUCE(f64, R_MAX, double, -__builtin_inf(), LARGER_OR_NAN)
DEFINE_REDUCE(f64, R_MIN, double, __builtin_inf(), SMALLER_OR_NAN)
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

/* philox.h - Philox4x32-10 (Salmon et al., 2011): four random words as a pure function of a key and
 * a counter, so that every element knows its own number and any thread can draw it. */
#ifndef ACN_OPS_RANDOM_PHILOX_H
#define ACN_OPS_RANDOM_PHILOX_H

#include <stdint.h>

typedef struct acn_philox {
    uint64_t seed, offset;
} acn_philox;

/* Words 4 * block ... 4 * block + 3 of the sequence (seed, offset). */
static inline void acn_philox_block(const acn_philox *p, uint64_t block, uint32_t out[4]) {
    uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32);
    uint32_t c = (uint32_t)p->offset, d = (uint32_t)(p->offset >> 32);
    uint32_t k0 = (uint32_t)p->seed, k1 = (uint32_t)(p->seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t x = (uint64_t)0xd2511f53u * a, y = (uint64_t)0xcd9e8d57u * c;
        a = (uint32_t)(y >> 32) ^ b ^ k0;
        b = (uint32_t)y;
        c = (uint32_t)(x >> 32) ^ d ^ k1;
        d = (uint32_t)x;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

/* [0, 1) in steps of 2^-bits; at most 32, and at most 53. */
static inline double acn_unit32(uint32_t word, int bits) {
    return (double)(word >> (32 - bits)) / (double)(UINT64_C(1) << bits);
}
static inline double acn_unit53(uint32_t high, uint32_t low) {
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

#endif

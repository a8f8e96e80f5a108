/* dropout.c - random bits for dropout masks: Philox4x32-10 on many counters side by side, and the
 * comparison of its words with the probability. */
#include "ops/kernels/loops.h"

enum { SIDE = 16 }; /* counters at once: 64 bits of the mask */

/* Bit i of the result is set when word i of the sequence (see ops/random/philox.h) is at least
 * |threshold|; |words| is a multiple of 64, as |first| is. */
void ACN_KERNEL(random_bits)(uint8_t *out, uint64_t seed, uint64_t offset, uint64_t first,
                             int64_t words, uint32_t threshold) {
    for (int64_t at = 0; at < words; at += 4 * SIDE, out += SIDE / 2) {
        uint32_t a[SIDE], b[SIDE], c[SIDE], d[SIDE];
        uint64_t counter = (first + (uint64_t)at) / 4;
        for (int i = 0; i < SIDE; i++) {
            a[i] = (uint32_t)(counter + (uint64_t)i);
            b[i] = (uint32_t)((counter + (uint64_t)i) >> 32);
            c[i] = (uint32_t)offset;
            d[i] = (uint32_t)(offset >> 32);
        }
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u)
            for (int i = 0; i < SIDE; i++) {
                uint64_t x = (uint64_t)0xd2511f53u * a[i], y = (uint64_t)0xcd9e8d57u * c[i];
                a[i] = (uint32_t)(y >> 32) ^ b[i] ^ k0;
                b[i] = (uint32_t)y;
                c[i] = (uint32_t)(x >> 32) ^ d[i] ^ k1;
                d[i] = (uint32_t)x;
            }
        uint8_t four[SIDE];
        for (int i = 0; i < SIDE; i++)
            four[i] = (uint8_t)((a[i] >= threshold) | (b[i] >= threshold) << 1 |
                                (c[i] >= threshold) << 2 | (d[i] >= threshold) << 3);
        for (int i = 0; i < SIDE / 2; i++)
            out[i] = (uint8_t)(four[2 * i] | four[2 * i + 1] << 4);
    }
}

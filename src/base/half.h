/* half.h - scalar conversions between float and the 16-bit floats, round to nearest even.
 * Vector code has its own in src/ops/kernels; these are the oracle. */
#ifndef ACN_BASE_HALF_H
#define ACN_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t acn_f32_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float acn_f32_from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float acn_bf16_to_f32(uint16_t h) { return acn_f32_from_bits((uint32_t)h << 16); }

static inline uint16_t acn_f32_to_bf16(float x) {
    uint32_t u = acn_f32_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((u >> 16) | 0x0040u); /* quiet NaN */
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

static inline float acn_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
    if (magnitude >= 0x7c00u)
        return acn_f32_from_bits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    if (magnitude >= 0x0400u) return acn_f32_from_bits(sign | ((magnitude << 13) + 0x38000000u));
    float tiny = (float)magnitude * 0x1p-24f; /* zero or subnormal */
    return acn_f32_from_bits(sign | acn_f32_bits(tiny));
}

static inline uint16_t acn_f32_to_f16(float x) {
    uint32_t u = acn_f32_bits(x), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x1ffu));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds past the largest half */
    if (a < 0x38800000u) {                                   /* subnormal half or zero */
        float magic = acn_f32_from_bits(a) + 0.5f;           /* aligns and rounds in one step */
        return (uint16_t)(sign | (acn_f32_bits(magic) - 0x3f000000u));
    }
    return (uint16_t)(sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13));
}

#endif

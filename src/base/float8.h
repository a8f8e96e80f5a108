/* float8.h - scalar conversions between float and the 8-bit floats, round to nearest even: E5M2 is
 * the upper half of a 16-bit float; E4M3 has no infinities, so what is too large for it is NaN. */
#ifndef ACN_BASE_FLOAT8_H
#define ACN_BASE_FLOAT8_H

#include "base/half.h"

enum { ACN_E5M2_INFINITY = 0x7c, ACN_E4M3_NAN = 0x7f };
#define ACN_E5M2_MAX 57344.f
#define ACN_E4M3_MAX 448.f

static inline float acn_e5m2_to_f32(uint8_t code) { return acn_f16_to_f32((uint16_t)(code << 8)); }

static inline float acn_e4m3_to_f32(uint8_t code) {
    uint32_t sign = (uint32_t)(code & 0x80u) << 24, magnitude = code & 0x7fu;
    if (magnitude == ACN_E4M3_NAN) return acn_f32_from_bits(sign | 0x7fc00000u);
    if (magnitude >= 8) return acn_f32_from_bits(sign | ((magnitude << 20) + (120u << 23)));
    return acn_f32_from_bits(sign | acn_f32_bits((float)magnitude * 0x1p-9f));
}

/* The code of |x|'s size, which may be larger than any; |digits| of the fraction are kept, |bias|
 * is that of the exponent. */
static inline uint32_t acn_f8_magnitude(float x, uint32_t digits, uint32_t bias) {
    uint32_t a = acn_f32_bits(x) & 0x7fffffffu, cut = 23 - digits, least = (128 - bias) << 23;
    if (a < least) { /* subnormal: adding this aligns and rounds in one step */
        float magic = acn_f32_from_bits((128 - bias + cut) << 23);
        return acn_f32_bits(acn_f32_from_bits(a) + magic) - acn_f32_bits(magic);
    }
    a += (1u << (cut - 1)) - 1 + ((a >> cut) & 1u);
    return (a >> cut) - ((127 - bias) << digits);
}

static inline uint8_t acn_f32_to_e5m2(float x) {
    uint32_t sign = acn_f32_bits(x) >> 24 & 0x80u;
    if (x != x) return (uint8_t)(sign | 0x7eu);
    uint32_t code = acn_f8_magnitude(x, 2, 15);
    return (uint8_t)(sign | (code > ACN_E5M2_INFINITY ? ACN_E5M2_INFINITY : code));
}

static inline uint8_t acn_f32_to_e4m3(float x) {
    uint32_t sign = acn_f32_bits(x) >> 24 & 0x80u;
    if (x != x) return (uint8_t)(sign | ACN_E4M3_NAN);
    uint32_t code = acn_f8_magnitude(x, 3, 7);
    return (uint8_t)(sign | (code > ACN_E4M3_NAN ? ACN_E4M3_NAN : code));
}

#endif

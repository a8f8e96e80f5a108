/* stream.c - micro-ops that write past the cache, straight from registers: the last step of a
 * program whose output stays in no cache. Each is also an ordinary micro-op, which does the few
 * elements before the first whole line and after the last one; what is not here takes a tile in L1
 * and copy_stream. Only operations that are faster than memory are worth a place here. */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_vector.h"
#include "ops/kernels/micros.h"
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>

#if defined(__AVX512F__)
typedef __m512i machine_vector;
#define PUT(p, v) _mm512_stream_si512(p, v)
#elif defined(__AVX__)
typedef __m256i machine_vector;
#define PUT(p, v) _mm256_stream_si256(p, v)
#else
typedef __m128i machine_vector;
#define PUT(p, v) _mm_stream_si128(p, v)
#endif

enum { LINE_BYTES = 64, VECTOR_BYTES = sizeof(machine_vector) };

#define DEFINE_VECTOR(klass, type, bits)                                                           \
    typedef type klass##_vec __attribute__((vector_size(VECTOR_BYTES)));                           \
    typedef bits klass##_bits __attribute__((vector_size(VECTOR_BYTES)));                          \
    static inline klass##_vec klass##_get(const type *p) {                                         \
        klass##_vec v;                                                                             \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }
DEFINE_VECTOR(f32, float, int32_t)
DEFINE_VECTOR(f64, double, int64_t)
DEFINE_VECTOR(i32, uint32_t, int32_t)
DEFINE_VECTOR(i64, uint64_t, int64_t)

#define DEFINE_STREAM(klass, name, type, value)                                                    \
    void ACN_KERNEL(klass##_##name)(void *, const void *, const void *, const void *, int64_t);    \
    void ACN_KERNEL(stream_##klass##_##name)(void *d_, const void *a_, const void *b_,             \
                                             const void *c_, int64_t n) {                          \
        type *d = d_;                                                                              \
        const type *a = a_, *b = b_, *c = c_;                                                      \
        int64_t at = (int64_t)(-(uintptr_t)d % LINE_BYTES / sizeof(type));                         \
        if (at > n) at = n;                                                                        \
        ACN_KERNEL(klass##_##name)(d, a, b, c, at);                                                \
        for (; at + (int64_t)(LINE_BYTES / sizeof(type)) <= n; at += LINE_BYTES / sizeof(type))    \
            for (size_t i = (size_t)at; i < (size_t)at + LINE_BYTES / sizeof(type);                \
                 i += VECTOR_BYTES / sizeof(type)) {                                               \
                klass##_vec x = klass##_get(a + i), y = klass##_get(b + i);                        \
                klass##_vec z = klass##_get(c + i);                                                \
                (void)y, (void)z;                                                                  \
                PUT((machine_vector *)(d + i), (machine_vector)(value));                           \
            }                                                                                      \
        ACN_KERNEL(klass##_##name)(d + at, a + at, b + at, c + at, n - at);                        \
    }

/* Of both by a mask of ones and zeros. */
#define CHOOSE(klass, mask, x, y)                                                                  \
    ((klass##_vec)(((mask) & (klass##_bits)(x)) | (~(mask) & (klass##_bits)(y))))

#define DEFINE_ANY(klass, type)                                                                    \
    DEFINE_STREAM(klass, COPY, type, x)                                                            \
    DEFINE_STREAM(klass, ADD, type, x + y)                                                         \
    DEFINE_STREAM(klass, SUB, type, x - y)                                                         \
    DEFINE_STREAM(klass, MUL, type, x *y)                                                          \
    DEFINE_STREAM(klass, NEG, type, -x)
#define DEFINE_FLOAT(klass, type)                                                                  \
    DEFINE_ANY(klass, type)                                                                        \
    DEFINE_STREAM(klass, DIV, type, x / y)                                                         \
    DEFINE_STREAM(klass, FMA, type, x *y + z)                                                      \
    DEFINE_STREAM(klass, RELU, type, CHOOSE(klass, x <= 0, (klass##_vec){0}, x))                   \
    DEFINE_STREAM(klass, MAX, type, CHOOSE(klass, (x > y) | (x != x), x, y))                       \
    DEFINE_STREAM(klass, MIN, type, CHOOSE(klass, (x < y) | (x != x), x, y))
DEFINE_FLOAT(f32, float)
DEFINE_FLOAT(f64, double)
DEFINE_STREAM(f32, ABS, float, (f32_bits)x &INT32_MAX)
DEFINE_STREAM(f64, ABS, double, (f64_bits)x &INT64_MAX)
#ifdef ACN_HAS_VECTOR_MATH
DEFINE_STREAM(f32, EXP, float, exp_v((lanes)x))
#endif
DEFINE_ANY(i32, uint32_t)
DEFINE_ANY(i64, uint64_t)
#endif

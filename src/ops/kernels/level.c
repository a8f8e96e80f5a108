/* level.c - one instruction set's table, made from the lists in micros.h and converts.h. */
#include "ops/kernels/conv.h"
#include "ops/kernels/converts.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/math_vector.h"
#include "ops/kernels/micros.h"
#include "ops/kernels/norm.h"
#include "ops/kernels/optim.h"
#include "ops/kernels/panel.h"
#include "ops/kernels/pool.h"
#include "ops/kernels/resample.h"
#include "ops/kernels/rnn.h"

#define DECLARE_MICRO(klass, name)                                                                 \
    void ACN_KERNEL(klass##_##name)(void *, const void *, const void *, const void *, int64_t);
#define DECLARE_F32(name) DECLARE_MICRO(f32, name)
#define DECLARE_F64(name) DECLARE_MICRO(f64, name)
#define DECLARE_I32(name) DECLARE_MICRO(i32, name)
#define DECLARE_I64(name) DECLARE_MICRO(i64, name)
#define DECLARE_C64(name) DECLARE_MICRO(c64, name)
#define DECLARE_B8(name)  DECLARE_MICRO(b8, name)
ACN_FLOAT_MICROS(DECLARE_F32)
ACN_FLOAT_MICROS(DECLARE_F64)
ACN_INTEGER_MICROS(DECLARE_I32)
ACN_INTEGER_MICROS(DECLARE_I64)
ACN_COMPLEX_MICROS(DECLARE_C64)
ACN_BOOL_MICROS(DECLARE_B8)
#ifdef __SSE2__
#define DECLARE_STREAM_F32(name) DECLARE_MICRO(stream_f32, name)
#define DECLARE_STREAM_F64(name) DECLARE_MICRO(stream_f64, name)
#define DECLARE_STREAM_I32(name) DECLARE_MICRO(stream_i32, name)
#define DECLARE_STREAM_I64(name) DECLARE_MICRO(stream_i64, name)
ACN_STREAM_FLOAT(DECLARE_STREAM_F32)
ACN_STREAM_FLOAT(DECLARE_STREAM_F64)
#ifdef ACN_HAS_VECTOR_MATH
ACN_STREAM_VECTOR(DECLARE_STREAM_F32)
#endif
ACN_STREAM_ANY(DECLARE_STREAM_I32)
ACN_STREAM_ANY(DECLARE_STREAM_I64)
#endif

#define DECLARE_CONVERT(name)                                     void ACN_KERNEL(name)(void *, const void *, int64_t);
#define DECLARE_CAST(from, to)                                    DECLARE_CONVERT(cast_##from##_##to)
#define DECLARE_LOAD(dtype, klass, ...)                           DECLARE_CONVERT(load_##dtype##_##klass)
#define DECLARE_STORE(dtype, klass, ...)                          DECLARE_CONVERT(store_##dtype##_##klass)
#define DECLARE_INDIRECT_LOAD(dtype, bytes, natural, klass, ...)  DECLARE_LOAD(dtype, klass)
#define DECLARE_INDIRECT_STORE(dtype, bytes, natural, klass, ...) DECLARE_STORE(dtype, klass)
ACN_CASTS(DECLARE_CAST)
ACN_DIRECT_LOADS(DECLARE_LOAD)
ACN_DIRECT_STORES(DECLARE_STORE)
ACN_INDIRECT_LOADS(DECLARE_INDIRECT_LOAD)
ACN_INDIRECT_STORES(DECLARE_INDIRECT_STORE)

#define ACN_REDUCES(X)                                                                             \
    X(f32, F32, SUM)                                                                               \
    X(f32, F32, PROD)                                                                              \
    X(f32, F32, MAX)                                                                               \
    X(f32, F32, MIN)                                                                               \
    X(f64, F64, SUM)                                                                               \
    X(f64, F64, PROD)                                                                              \
    X(f64, F64, MAX)                                                                               \
    X(f64, F64, MIN)                                                                               \
    X(i32, I32, SUM)                                                                               \
    X(i32, I32, PROD)                                                                              \
    X(i32, I32, MAX)                                                                               \
    X(i32, I32, MIN)                                                                               \
    X(i64, I64, SUM)                                                                               \
    X(i64, I64, PROD)                                                                              \
    X(i64, I64, MAX)                                                                               \
    X(i64, I64, MIN)                                                                               \
    X(c64, C64, SUM) X(c64, C64, PROD) X(b8, B8, ANY) X(b8, B8, ALL) X(b8, B8, MAX) X(b8, B8, MIN)
#define DECLARE_REDUCE(prefix, klass, name)                                                        \
    void ACN_KERNEL(prefix##_R_##name)(void *, const void *, int64_t);
ACN_REDUCES(DECLARE_REDUCE)

void ACN_KERNEL(copy)(void *, const void *, size_t);
void ACN_KERNEL(copy_stream)(void *, const void *, size_t);
void ACN_KERNEL(stream_end)(void);
void ACN_KERNEL(fill)(void *, const void *, size_t, size_t);
extern const acn_gemm_kernels ACN_KERNEL(gemm);
extern const acn_conv_kernels ACN_KERNEL(conv);
extern const acn_panel_kernels ACN_KERNEL(panel);
extern const acn_pool_kernels ACN_KERNEL(pool);
extern const acn_resample_kernels ACN_KERNEL(resample);
extern const acn_norm_kernels ACN_KERNEL(norm)[2];
extern const acn_optim_kernels ACN_KERNEL(optim)[2];
extern const acn_rnn_kernels ACN_KERNEL(rnn)[2];
void ACN_KERNEL(random_bits)(uint8_t *, uint64_t, uint64_t, uint64_t, int64_t, uint32_t);

#define ROW_F32(name)        [ACN_U_##name][ACN_K_F32] = ACN_KERNEL(f32_##name),
#define ROW_F64(name)        [ACN_U_##name][ACN_K_F64] = ACN_KERNEL(f64_##name),
#define ROW_I32(name)        [ACN_U_##name][ACN_K_I32] = ACN_KERNEL(i32_##name),
#define ROW_I64(name)        [ACN_U_##name][ACN_K_I64] = ACN_KERNEL(i64_##name),
#define ROW_C64(name)        [ACN_U_##name][ACN_K_C64] = ACN_KERNEL(c64_##name),
#define ROW_B8(name)         [ACN_U_##name][ACN_K_B8] = ACN_KERNEL(b8_##name),
#define ROW_STREAM_F32(name) [ACN_U_##name][ACN_K_F32] = ACN_KERNEL(stream_f32_##name),
#define ROW_STREAM_F64(name) [ACN_U_##name][ACN_K_F64] = ACN_KERNEL(stream_f64_##name),
#define ROW_STREAM_I32(name) [ACN_U_##name][ACN_K_I32] = ACN_KERNEL(stream_i32_##name),
#define ROW_STREAM_I64(name) [ACN_U_##name][ACN_K_I64] = ACN_KERNEL(stream_i64_##name),

#define ROW_CAST(from, to) [ACN_K_##from][ACN_K_##to] = ACN_KERNEL(cast_##from##_##to),
/* A type that is stored as its class: loading is casting from it, storing is casting to it. */
#define ROW_LOAD_AS_CAST(from, to)  [ACN_##from][ACN_K_##to] = ACN_KERNEL(cast_##from##_##to),
#define ROW_STORE_AS_CAST(from, to) [ACN_##to][ACN_K_##from] = ACN_KERNEL(cast_##from##_##to),
#define ROW_LOAD(dtype, klass, ...)                                                                \
    [ACN_##dtype][ACN_K_##klass] = ACN_KERNEL(load_##dtype##_##klass),
#define ROW_STORE(dtype, klass, ...)                                                               \
    [ACN_##dtype][ACN_K_##klass] = ACN_KERNEL(store_##dtype##_##klass),
#define ROW_INDIRECT_LOAD(dtype, bytes, natural, klass, ...)  ROW_LOAD(dtype, klass)
#define ROW_INDIRECT_STORE(dtype, bytes, natural, klass, ...) ROW_STORE(dtype, klass)
#define STORES_FROM(from)                                                                          \
    ROW_STORE_AS_CAST(from, F32)                                                                   \
    ROW_STORE_AS_CAST(from, F64)                                                                   \
    ROW_STORE_AS_CAST(from, I32) ROW_STORE_AS_CAST(from, I64) ROW_STORE_AS_CAST(from, C64)
#define ROW_REDUCE(prefix, klass, name)                                                            \
    [ACN_R_##name][ACN_K_##klass] = ACN_KERNEL(prefix##_R_##name),

extern const acn_kernels ACN_KERNEL(table);
const acn_kernels ACN_KERNEL(table) = {
    .isa = ACN_ISA_NAME,
    .micro = {ACN_FLOAT_MICROS(ROW_F32) ACN_FLOAT_MICROS(ROW_F64) ACN_INTEGER_MICROS(ROW_I32)
                  ACN_INTEGER_MICROS(ROW_I64) ACN_COMPLEX_MICROS(ROW_C64) ACN_BOOL_MICROS(ROW_B8)},
#ifdef __SSE2__
    .stream = {ACN_STREAM_FLOAT(ROW_STREAM_F32) ACN_STREAM_FLOAT(ROW_STREAM_F64)
#ifdef ACN_HAS_VECTOR_MATH
                   ACN_STREAM_VECTOR(ROW_STREAM_F32)
#endif
                       ACN_STREAM_ANY(ROW_STREAM_I32) ACN_STREAM_ANY(ROW_STREAM_I64)},
#endif
    .load = {ACN_CASTS_FROM(ROW_LOAD_AS_CAST, F32) ACN_CASTS_FROM(ROW_LOAD_AS_CAST, F64)
                 ACN_CASTS_FROM(ROW_LOAD_AS_CAST, I32) ACN_CASTS_FROM(ROW_LOAD_AS_CAST, I64)
                     ACN_CASTS_FROM(ROW_LOAD_AS_CAST, C64) ACN_DIRECT_LOADS(ROW_LOAD)
                         ACN_INDIRECT_LOADS(ROW_INDIRECT_LOAD)},
    .store = {STORES_FROM(F32) STORES_FROM(F64) STORES_FROM(I32) STORES_FROM(I64) STORES_FROM(C64)
                  STORES_FROM(B8) ACN_DIRECT_STORES(ROW_STORE)
                      ACN_INDIRECT_STORES(ROW_INDIRECT_STORE)},
    .cast = {ACN_CASTS(ROW_CAST)},
    .reduce = {ACN_REDUCES(ROW_REDUCE)},
    .copy = ACN_KERNEL(copy),
    .copy_stream = ACN_KERNEL(copy_stream),
    .stream_end = ACN_KERNEL(stream_end),
    .fill = ACN_KERNEL(fill),
    .gemm = &ACN_KERNEL(gemm),
    .conv = &ACN_KERNEL(conv),
    .panel = &ACN_KERNEL(panel),
    .pool = &ACN_KERNEL(pool),
    .resample = &ACN_KERNEL(resample),
    .norm = ACN_KERNEL(norm),
    .optim = ACN_KERNEL(optim),
    .rnn = ACN_KERNEL(rnn),
    .random_bits = ACN_KERNEL(random_bits),
};

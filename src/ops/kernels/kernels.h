/* kernels.h - the vector kernels of one instruction set, as one table.
 *
 * Every file in this folder is compiled once per ISA level (generic, avx2, avx512) with ACN_ISA and
 * ACN_ISA_NAME defined, names what it exports with ACN_KERNEL(name), and fills its part of the
 * level's table. The level is chosen by CPUID bits at start (never by CPU model); ANYCANN_ISA
 * forces one. Kernels see one dimension and contiguous data; striding and broadcasting are the
 * iterator's.
 */
#ifndef ACN_OPS_KERNELS_H
#define ACN_OPS_KERNELS_H

#include "ops/dtype.h"

#ifdef ACN_ISA /* in a file that is compiled per level: acn_avx2_gemm for ACN_KERNEL(gemm) */
#define ACN_KERNEL_JOIN(isa, name) acn_##isa##_##name
#define ACN_KERNEL_OF(isa, name)   ACN_KERNEL_JOIN(isa, name)
#define ACN_KERNEL(name)           ACN_KERNEL_OF(ACN_ISA, name)
#endif

/* Arithmetic classes. f16, bf16 compute in F32; i8, u8, i16 in I32; bool and masks in B8. */
typedef enum acn_class {
    ACN_K_F32,
    ACN_K_F64,
    ACN_K_I32,
    ACN_K_I64,
    ACN_K_C64,
    ACN_K_B8,
    ACN_CLASS_COUNT
} acn_class;

/* clang-format off */
/* Micro-ops of the tile machine. d = f(a, b, c), element by element.
 * ACN_MICRO(name, operands, result)   result: SAME class as a, or B8 */
#define ACN_MICROS                                                                                 \
    ACN_MICRO(ADD, 2, SAME) ACN_MICRO(SUB, 2, SAME) ACN_MICRO(MUL, 2, SAME)                        \
    ACN_MICRO(DIV, 2, SAME) /* integers: truncates; x / 0 = 0 */                                   \
    ACN_MICRO(FMA, 3, SAME) /* a * b + c */                                                        \
    ACN_MICRO(MAX, 2, SAME) ACN_MICRO(MIN, 2, SAME) /* NaN wins */                                 \
    ACN_MICRO(AND, 2, SAME) ACN_MICRO(OR, 2, SAME) ACN_MICRO(XOR, 2, SAME)                         \
    ACN_MICRO(NOT, 1, SAME) /* integers: bitwise; B8: logical */                                   \
    ACN_MICRO(NEG, 1, SAME) ACN_MICRO(ABS, 1, SAME) ACN_MICRO(SQRT, 1, SAME)                       \
    ACN_MICRO(RSQRT, 1, SAME) ACN_MICRO(RECIP, 1, SAME)                                            \
    ACN_MICRO(FLOOR, 1, SAME) ACN_MICRO(CEIL, 1, SAME) ACN_MICRO(TRUNC, 1, SAME)                   \
    ACN_MICRO(ROUND, 1, SAME) /* half to even */                                                   \
    ACN_MICRO(SIGN, 1, SAME) /* -1, 0, 1; NaN and both zeros give 0 */                             \
    ACN_MICRO(EXP, 1, SAME) ACN_MICRO(LOG, 1, SAME) ACN_MICRO(TANH, 1, SAME)                       \
    ACN_MICRO(SIN, 1, SAME) ACN_MICRO(COS, 1, SAME) ACN_MICRO(ERF, 1, SAME)                        \
    ACN_MICRO(POW, 2, SAME) ACN_MICRO(RELU, 1, SAME) /* NaN stays NaN; -0 gives +0 */              \
    ACN_MICRO(EQ, 2, B8) ACN_MICRO(NE, 2, B8) ACN_MICRO(LT, 2, B8) ACN_MICRO(LE, 2, B8)            \
    ACN_MICRO(GT, 2, B8) ACN_MICRO(GE, 2, B8) ACN_MICRO(IS_FINITE, 1, B8)                          \
    ACN_MICRO(IS_NAN, 1, B8)                                                                       \
    ACN_MICRO(SELECT, 3, SAME) /* d = c[B8] ? a : b */                                             \
    ACN_MICRO(COPY, 1, SAME)                                                                       \
    ACN_MICRO(EXPM1, 1, SAME) ACN_MICRO(LOG1P, 1, SAME) ACN_MICRO(EXP2, 1, SAME)                   \
    ACN_MICRO(LOG2, 1, SAME) ACN_MICRO(LOG10, 1, SAME) ACN_MICRO(TAN, 1, SAME)                     \
    ACN_MICRO(ASIN, 1, SAME) ACN_MICRO(ACOS, 1, SAME) ACN_MICRO(ATAN, 1, SAME)                     \
    ACN_MICRO(SINH, 1, SAME) ACN_MICRO(COSH, 1, SAME) ACN_MICRO(ASINH, 1, SAME)                    \
    ACN_MICRO(ACOSH, 1, SAME) ACN_MICRO(ATANH, 1, SAME) ACN_MICRO(ERFC, 1, SAME)                   \
    ACN_MICRO(ERFINV, 1, SAME) ACN_MICRO(LGAMMA, 1, SAME) ACN_MICRO(DIGAMMA, 1, SAME)              \
    ACN_MICRO(ATAN2, 2, SAME) /* angle of the point (b, a) */                                      \
    ACN_MICRO(FMOD, 2, SAME) /* remainder with the sign of a; integers: a % 0 = a */               \
    ACN_MICRO(REMAINDER, 2, SAME) /* remainder with the sign of b; integers: a % 0 = a */          \
    ACN_MICRO(FLOOR_DIV, 2, SAME) /* integers: a / 0 = 0 */                                        \
    ACN_MICRO(SHL, 2, SAME) ACN_MICRO(SHR, 2, SAME) /* any count; SHR keeps the sign */            \
    ACN_MICRO(GCD, 2, SAME) /* never negative, but for the smallest number */                      \
    ACN_MICRO(CLAMP, 3, SAME) /* min(max(a, b), c); NaN wins, a where equal */                     \
    ACN_MICRO(NUMBER, 2, SAME) /* a, or b where a is NaN */                                        \
    /* activations; gradients: a is the incoming one, b the input */                               \
    ACN_MICRO(SIGMOID, 1, SAME) ACN_MICRO(SILU, 1, SAME) ACN_MICRO(GELU, 1, SAME)                  \
    ACN_MICRO(GELU_TANH, 1, SAME) ACN_MICRO(MISH, 1, SAME) ACN_MICRO(HARD_SWISH, 1, SAME)          \
    ACN_MICRO(LEAKY_RELU, 2, SAME) /* b: the slope on the left */                                  \
    ACN_MICRO(HARD_SHRINK, 2, SAME) ACN_MICRO(SOFT_SHRINK, 2, SAME) /* b: the width */             \
    ACN_MICRO(SIGMOID_GRAD, 2, SAME) ACN_MICRO(TANH_GRAD, 2, SAME) /* b: the result */             \
    ACN_MICRO(SILU_GRAD, 2, SAME) ACN_MICRO(GELU_GRAD, 2, SAME)                                    \
    ACN_MICRO(GELU_TANH_GRAD, 2, SAME) ACN_MICRO(MISH_GRAD, 2, SAME)                               \
    ACN_MICRO(HARD_SWISH_GRAD, 2, SAME) ACN_MICRO(LOG_SIGMOID_GRAD, 2, SAME)                       \
    ACN_MICRO(LEAKY_RELU_GRAD, 3, SAME) ACN_MICRO(SHRINK_GRAD, 3, SAME) /* c: slope, width */
/* clang-format on */

typedef enum acn_micro_code {
#define ACN_MICRO(name, operands, result) ACN_U_##name,
    ACN_MICROS
#undef ACN_MICRO
        ACN_MICRO_COUNT
} acn_micro_code;

typedef void (*acn_micro_fn)(void *d, const void *a, const void *b, const void *c, int64_t n);
typedef void (*acn_convert_fn)(void *d, const void *s, int64_t n);

typedef enum acn_reduce_code {
    ACN_R_SUM,
    ACN_R_PROD,
    ACN_R_MAX,
    ACN_R_MIN, /* NaN wins */
    ACN_R_ANY,
    ACN_R_ALL,
    ACN_REDUCE_COUNT
} acn_reduce_code;
/* *accumulator = *accumulator (op) s[0] (op) ... s[n-1]; the accumulator is of the class's own type
 * (SUM of F32: float pairwise-blocked so that the error stays within c * log n * eps). */
typedef void (*acn_reduce_fn)(void *accumulator, const void *s, int64_t n);

typedef struct acn_gemm_kernels acn_gemm_kernels;         /* gemm.h */
typedef struct acn_conv_kernels acn_conv_kernels;         /* conv.h */
typedef struct acn_panel_kernels acn_panel_kernels;       /* panel.h */
typedef struct acn_pool_kernels acn_pool_kernels;         /* pool.h */
typedef struct acn_resample_kernels acn_resample_kernels; /* resample.h */
typedef struct acn_norm_kernels acn_norm_kernels;         /* norm.h */
typedef struct acn_optim_kernels acn_optim_kernels;       /* optim.h */
typedef struct acn_rnn_kernels acn_rnn_kernels;           /* rnn.h */

typedef struct acn_kernels {
    const char *isa;
    acn_micro_fn micro[ACN_MICRO_COUNT][ACN_CLASS_COUNT]; /* NULL: the class has no such micro-op */
    /* The same, written past the cache; stream_end as below. NULL: through a tile and copy_stream.
     */
    acn_micro_fn stream[ACN_MICRO_COUNT][ACN_CLASS_COUNT];
    /* storage dtype -> class and back. Integers wrap on store; floats round once, to nearest even;
     * float -> integer classes truncate toward zero. B8 loads test against zero. NULL: impossible.
     */
    acn_convert_fn load[ACN_DTYPE_COUNT][ACN_CLASS_COUNT];
    acn_convert_fn store[ACN_DTYPE_COUNT][ACN_CLASS_COUNT];
    /* between classes: cast[from][to] */
    acn_convert_fn cast[ACN_CLASS_COUNT][ACN_CLASS_COUNT];
    acn_reduce_fn reduce[ACN_REDUCE_COUNT][ACN_CLASS_COUNT];
    /* memcpy; and with non-temporal stores, for outputs that will not fit in the cache: after the
     * last of these, and before another thread may look, comes stream_end. */
    void (*copy)(void *d, const void *s, size_t bytes);
    void (*copy_stream)(void *d, const void *s, size_t bytes);
    void (*stream_end)(void);
    void (*fill)(void *d, const void *pattern, size_t pattern_bytes, size_t count);
    const acn_gemm_kernels *gemm;
    const acn_conv_kernels *conv;
    const acn_panel_kernels *panel;
    const acn_pool_kernels *pool;
    const acn_resample_kernels *resample;
    const acn_norm_kernels *norm;   /* of F32 and F64 */
    const acn_optim_kernels *optim; /* of F32 and F64 */
    const acn_rnn_kernels *rnn;     /* of F32 and F64 */
    /* Bit i of |out|: word |first| + i of a Philox sequence is at least |threshold|. First and
     * words are multiples of 64. */
    void (*random_bits)(uint8_t *out, uint64_t seed, uint64_t offset, uint64_t first, int64_t words,
                        uint32_t threshold);
} acn_kernels;

/* The level in use. Resolved once; afterwards one load. */
const acn_kernels *acn_kernels_get(void);
/* All levels that this machine can run, best last; for tests. */
int acn_kernels_levels(const acn_kernels *const **out_levels);
/* For tests: "generic", "avx2", "avx512". False if the machine lacks it. */
bool acn_kernels_select(const char *isa);

/* The CPU multiplies bf16 (avx512_bf16); kernels that use it are an addition to the AVX-512 level.
 */
bool acn_kernels_have_bf16(void);

size_t acn_class_bytes(acn_class k);
/* The class in which |dtype| computes. */
acn_class acn_class_of(acn_dtype dtype);

#endif

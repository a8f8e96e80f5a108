/* bench_kernels.c - vector kernels against the best plain loop that the compiler makes of the same
 * work, one thread. Prints microseconds and ours / plain; below 1.00 the kernel wins.
 *
 * Each is timed twice: with ordinary stores, and in tiles of 2 KiB that are then written past the
 * cache, as the tile machine does with large outputs; a plain loop with non-temporal stores stands
 * beside the latter. The better of the two is compared on both sides.
 *
 *   bench_kernels [elements ...]     default: 51200 (in L2) and 16777216 (in memory)
 */
#include "bench.h"
#include "ops/kernels/kernels.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { TILE = 512, ROUNDS = 9 };

typedef struct work {
    void *d;
    const void *a, *b;
    int64_t n;
    const acn_kernels *k;
} work;

typedef struct subject {
    const char *name;
    size_t in_bytes, out_bytes; /* of one element */
    void (*plain)(const work *);
    void (*plain_stream)(const work *);
    acn_micro_code micro;
    acn_convert_fn (*convert)(const acn_kernels *); /* NULL: |micro| of class F32 */
} subject;

/* ---- plain loops ---------------------------------------------------------------------------- */

#define PLAIN(name, to, from, value)                                                               \
    static void plain_##name(const work *w) {                                                      \
        to *restrict d = w->d;                                                                     \
        const from *restrict a = w->a, *restrict b = w->b;                                         \
        for (int64_t i = 0; i < w->n; i++) {                                                       \
            from x = a[i], y = b[i];                                                               \
            (void)y;                                                                               \
            d[i] = (value);                                                                        \
        }                                                                                          \
    }

static inline uint16_t to_bf16(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return x != x ? 0x7fc0 : (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

PLAIN(add, float, float, x + y)
PLAIN(mul, float, float, x *y)
PLAIN(i64_f32, float, int64_t, (float)x)
PLAIN(f32_bf16, uint16_t, float, to_bf16(x))
PLAIN(exp, float, float, expf(x))

static void plain_copy(const work *w) { memcpy(w->d, w->a, (size_t)w->n * 4); }

static void plain_f32_f16(const work *w) {
#ifdef __F16C__
    uint16_t *d = w->d;
    const float *a = w->a;
    for (int64_t i = 0; i + 8 <= w->n; i += 8)
        _mm_storeu_si128((void *)(d + i), _mm256_cvtps_ph(_mm256_loadu_ps(a + i), 0));
#endif
}

#ifdef __AVX__
#define PLAIN_STREAM(name, value)                                                                  \
    static void stream_##name(const work *w) {                                                     \
        float *d = w->d;                                                                           \
        const float *a = w->a, *b = w->b;                                                          \
        for (int64_t i = 0; i < w->n; i += 8) {                                                    \
            __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(b + i);                         \
            (void)y;                                                                               \
            _mm256_stream_ps(d + i, value);                                                        \
        }                                                                                          \
        _mm_sfence();                                                                              \
    }
PLAIN_STREAM(add, x + y)
PLAIN_STREAM(mul, x *y)
PLAIN_STREAM(copy, x)
#else
#define stream_add  NULL
#define stream_mul  NULL
#define stream_copy NULL
#endif

/* A volatile sink keeps sums from being dropped. */
static volatile float sink;

static void plain_sum(const work *w) {
    const float *a = w->a;
    float lane[64] = {0};
    for (int64_t i = 0; i + 64 <= w->n; i += 64)
        for (int j = 0; j < 64; j++)
            lane[j] += a[i + j];
    for (int j = 1; j < 64; j++)
        lane[0] += lane[j];
    sink = lane[0];
}

/* ---- ours ----------------------------------------------------------------------------------- */

static acn_convert_fn to_bf16_of(const acn_kernels *k) { return k->store[ACN_BF16][ACN_K_F32]; }
static acn_convert_fn to_f16_of(const acn_kernels *k) { return k->store[ACN_F16][ACN_K_F32]; }
static acn_convert_fn from_i64_of(const acn_kernels *k) { return k->load[ACN_I64][ACN_K_F32]; }

static void call(const subject *s, const work *w, void *d, int64_t at, int64_t n) {
    const char *a = (const char *)w->a + (size_t)at * s->in_bytes;
    const char *b = (const char *)w->b + (size_t)at * s->in_bytes;
    if (s->convert)
        s->convert(w->k)(d, a, n);
    else
        w->k->micro[s->micro][ACN_K_F32](d, a, b, NULL, n);
}

static void run_ours(const subject *s, const work *w) {
    if (s->out_bytes) {
        call(s, w, w->d, 0, w->n);
    } else {
        float total = 0;
        w->k->reduce[ACN_R_SUM][ACN_K_F32](&total, w->a, w->n);
        sink = total;
    }
}

static void run_ours_streaming(const subject *s, const work *w) {
    _Alignas(64) char tile[TILE * 8];
    if (!s->convert && s->micro == ACN_U_COPY) {
        w->k->copy_stream(w->d, w->a, (size_t)w->n * s->out_bytes);
        w->k->stream_end();
        return;
    }
    for (int64_t i = 0; i < w->n; i += TILE) {
        int64_t m = w->n - i < TILE ? w->n - i : TILE;
        call(s, w, tile, i, m);
        w->k->copy_stream((char *)w->d + (size_t)i * s->out_bytes, tile, (size_t)m * s->out_bytes);
    }
    w->k->stream_end();
}

/* ---- timing --------------------------------------------------------------------------------- */

enum { PLAIN, STREAM, OURS, OURS_STREAM, WAYS };

static void run_way(int way, const subject *s, const work *w) {
    switch (way) {
    case PLAIN:
        s->plain(w);
        break;
    case STREAM:
        s->plain_stream(w);
        break;
    case OURS:
        run_ours(s, w);
        break;
    default:
        run_ours_streaming(s, w);
    }
}

/* The ways take turns, so that another program's load hits all of them. */
static void measure(const subject *s, const work *w) {
    double best[WAYS] = {DBL_MAX, DBL_MAX, DBL_MAX, DBL_MAX};
    int repeats = (int)(4000000 / w->n) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < WAYS; way++) {
            if (way == STREAM && !s->plain_stream) continue;
            if (way == OURS_STREAM && !s->out_bytes) continue;
            double begin = bench_now_us();
            for (int i = 0; i < repeats; i++)
                run_way(way, s, w);
            best[way] = fmin(best[way], (bench_now_us() - begin) / repeats);
        }
    }
    double ours = fmin(best[OURS], best[OURS_STREAM]), plain = fmin(best[PLAIN], best[STREAM]);
    printf("%-8s %-12s %9lld", w->k->isa, s->name, (long long)w->n);
    for (int way = 0; way < WAYS; way++)
        if (best[way] < DBL_MAX)
            printf(" %11.1f", best[way]);
        else
            printf(" %11s", "-");
    printf("   %.2f\n", ours / plain);
}

static const subject subjects[] = {
    {"add", 4, 4, plain_add, stream_add, ACN_U_ADD, NULL},
    {"mul", 4, 4, plain_mul, stream_mul, ACN_U_MUL, NULL},
    {"exp", 4, 4, plain_exp, NULL, ACN_U_EXP, NULL},
    {"f32->bf16", 4, 2, plain_f32_bf16, NULL, ACN_U_COPY, to_bf16_of},
    {"f32->f16", 4, 2, plain_f32_f16, NULL, ACN_U_COPY, to_f16_of},
    {"i64->f32", 8, 4, plain_i64_f32, NULL, ACN_U_COPY, from_i64_of},
    {"sum", 4, 0, plain_sum, NULL, ACN_U_COPY, NULL},
    {"copy", 4, 4, plain_copy, stream_copy, ACN_U_COPY, NULL},
};

static void measure_all(int64_t n) {
    size_t bytes = (size_t)n * 8 + 64;
    char *memory[3];
    for (int i = 0; i < 3; i++) {
        memory[i] = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
        if (!memory[i]) exit(1);
        memset(memory[i], 0, bytes);
    }
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (size_t s = 0; s < sizeof subjects / sizeof *subjects; s++) {
        for (int64_t i = 0; i < n; i++) {
            if (subjects[s].in_bytes == 8)
                ((int64_t *)memory[1])[i] = i * 977;
            else
                ((float *)memory[1])[i] = ((float *)memory[2])[i] =
                    (float)(i % 1999) * 0.01f - 9.0f;
        }
        for (int l = 0; l < count; l++) {
            work w = {memory[0], memory[1], memory[2], n, levels[l]};
            measure(&subjects[s], &w);
        }
    }
    for (int i = 0; i < 3; i++)
        free(memory[i]);
}

int main(int argc, char **argv) {
    printf("%-8s %-12s %9s %11s %11s %11s %11s   %s\n", "level", "kernel", "elements", "plain us",
           "plain nt", "ours us", "ours tiled nt", "ours/plain");
    if (argc < 2) {
        measure_all(51200);
        measure_all(16777216);
    }
    for (int i = 1; i < argc; i++)
        measure_all(atoll(argv[i]));
    return 0;
}

/* conv_gather.c - panels gathered from an image or a filter, and the level's table of convolution
 * kernels; see conv.h. */
#include "ops/kernels/conv.h"
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)

/* Sixteen lanes of all runs, merged in a register: a masked load places a run's lanes. */
static inline __attribute__((always_inline)) __m512
merged(const float *s, const acn_conv_run *runs, int64_t count, int first, int64_t lane_step) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512 x = _mm512_setzero_ps();
    for (int64_t r = 0; r < count; r++) {
        uint32_t lanes = runs[r].mask >> first & 0xffff;
        if (!lanes) continue;
        const float *p = s + runs[r].offset + first * lane_step;
        if (lane_step == 1) {
            x = _mm512_mask_loadu_ps(x, (__mmask16)lanes, p);
        } else if (lane_step == 2) {
            uint32_t spread = _pdep_u32(lanes, 0x55555555);
            __m512 low = _mm512_maskz_loadu_ps((__mmask16)spread, p);
            __m512 high = _mm512_maskz_loadu_ps((__mmask16)(spread >> 16), p + 16);
            x = _mm512_mask_blend_ps((__mmask16)lanes, x, _mm512_permutex2var_ps(low, even, high));
        } else {
            __m512i at = _mm512_mullo_epi32(
                _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                _mm512_set1_epi32((int)lane_step));
            x = _mm512_mask_i32gather_ps(x, (__mmask16)lanes, at, p, 4);
        }
    }
    return x;
}

static inline __attribute__((always_inline)) void gather_step(const acn_conv_gather *g,
                                                              int64_t lane_step) {
    float *d = g->panel;
    const float *s = g->source;
    for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step) {
        _mm512_storeu_ps(d, merged(s, g->runs, g->run_count, 0, lane_step));
        if (g->width > 16)
            _mm512_storeu_ps(d + 16, merged(s, g->runs, g->run_count, 16, lane_step));
    }
}

static void gather_whole(const acn_conv_gather *g) {
    float *d = g->panel;
    const float *s = g->source + g->runs[0].offset;
    for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step) {
        __m512 low = _mm512_loadu_ps(s), high = _mm512_loadu_ps(s + 16);
        _mm512_storeu_ps(d, low);
        _mm512_storeu_ps(d + 16, high);
    }
}

static void gather(const acn_conv_gather *g) {
    if (g->width == 32 && g->run_count == 1 && g->lane_step == 1 && g->runs[0].mask == UINT32_MAX)
        gather_whole(g);
    else if (g->lane_step == 1)
        gather_step(g, 1);
    else if (g->lane_step == 2)
        gather_step(g, 2);
    else
        gather_step(g, g->lane_step);
}
#elif defined(__AVX2__)
/* A vector of a step: the lanes of |at|, the others 0. */
static inline __attribute__((always_inline)) __m256 lanes_of(const float *p, __m256i at,
                                                             bool is_full, int64_t lane_step) {
    if (lane_step == 1) return is_full ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, at);
    if (lane_step == 2) {
        const __m256i even = _mm256_setr_epi32(-1, 0, -1, 0, -1, 0, -1, 0);
        const __m256i low = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
        const __m256i high = _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7);
        __m256 a =
            _mm256_maskload_ps(p, _mm256_and_si256(even, _mm256_permutevar8x32_epi32(at, low)));
        __m256 b = _mm256_maskload_ps(
            p + 8, _mm256_and_si256(even, _mm256_permutevar8x32_epi32(at, high)));
        __m256 mixed = _mm256_shuffle_ps(a, b, 0x88);
        return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xd8));
    }
    __m256i index = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                       _mm256_set1_epi32((int)lane_step));
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), p, index, _mm256_castsi256_ps(at), 4);
}

/* One run's lanes in all steps. |adds|: to those that other runs of the vector have put there. */
static inline __attribute__((always_inline)) void gather_run(const acn_conv_gather *g, float *d,
                                                             const float *s, uint32_t lanes,
                                                             bool adds, int64_t lane_step) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i at =
        _mm256_cmpeq_epi32(bits, _mm256_and_si256(bits, _mm256_set1_epi32((int)lanes)));
    if (lane_step == 1 && lanes == 0xff) {
        for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step)
            _mm256_storeu_ps(d, lanes_of(s, at, true, 1));
    } else if (adds) {
        for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step)
            _mm256_storeu_ps(d,
                             _mm256_or_ps(_mm256_loadu_ps(d), lanes_of(s, at, false, lane_step)));
    } else {
        for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step)
            _mm256_storeu_ps(d, lanes_of(s, at, false, lane_step));
    }
}

static inline __attribute__((always_inline)) void gather_vectors(const acn_conv_gather *g,
                                                                 int64_t lane_step) {
    for (int first = 0; first < g->width; first += 8) {
        float *d = g->panel + first;
        bool is_begun = false;
        for (int64_t r = 0; r < g->run_count; r++) {
            uint32_t lanes = g->runs[r].mask >> first & 0xff;
            if (!lanes) continue;
            const float *s = g->source + g->runs[r].offset + first * lane_step;
            gather_run(g, d, s, lanes, is_begun, lane_step);
            is_begun = true;
        }
        for (int64_t i = 0; i < g->steps && !is_begun; i++, d += g->panel_step)
            _mm256_storeu_ps(d, _mm256_setzero_ps());
    }
}

static void gather(const acn_conv_gather *g) {
    if (g->lane_step == 1)
        gather_vectors(g, 1);
    else if (g->lane_step == 2)
        gather_vectors(g, 2);
    else
        gather_vectors(g, g->lane_step);
}
#else
static void gather(const acn_conv_gather *g) {
    float *d = g->panel;
    const float *s = g->source;
    for (int64_t i = 0; i < g->steps; i++, d += g->panel_step, s += g->source_step) {
        memset(d, 0, sizeof(float) * (size_t)g->width);
        for (int64_t r = 0; r < g->run_count; r++)
            for (uint32_t mask = g->runs[r].mask, bit; mask; mask &= ~bit) {
                int first = __builtin_ctz(mask),
                    count = ~(mask >> first) ? __builtin_ctz(~(mask >> first)) : 32;
                const float *from = s + g->runs[r].offset + first * g->lane_step;
                bit = (uint32_t)((((uint64_t)1 << count) - 1) << first);
                for (int j = 0; j < count; j++)
                    d[first + j] = from[j * g->lane_step];
            }
    }
}
#endif

static void pack_filter(float *panel, int width, const float *w, int64_t lane_step, int lanes,
                        int64_t group_step, const int64_t *tap, int64_t taps, int64_t groups) {
    enum { AHEAD = 8 }; /* groups are far apart: the next ones are fetched */
    for (int64_t g = 0; g < groups; g++, w += group_step) {
        for (int64_t i = 0; i < lanes * lane_step && lane_step < 64; i += 16)
            __builtin_prefetch(w + AHEAD * group_step + i);
        for (int64_t t = 0; t < taps; t++, panel += width) {
            const float *from = w + tap[t];
            int lane = 0;
            for (; lane < lanes; lane++)
                panel[lane] = from[lane * lane_step];
            for (; lane < width; lane++)
                panel[lane] = 0;
        }
    }
}

void ACN_KERNEL(winograd_filter)(float *, int64_t, const float *, int, const int64_t *);
void ACN_KERNEL(winograd_in)(float *, int64_t, const float *, int64_t, int64_t, int64_t);
void ACN_KERNEL(winograd_out)(float *, float *, const float *, int64_t, int64_t, float);
void ACN_KERNEL(take)(float *, const float *, int64_t, int64_t);
void ACN_KERNEL(stencil)(float *, const float *, const int64_t *, const float *, int64_t, int64_t,
                         float, bool);
void ACN_KERNEL(stencil_sums)(float *, const float *, const float *, const int64_t *, int64_t,
                              int64_t);

extern const acn_conv_kernels ACN_KERNEL(conv);
const acn_conv_kernels ACN_KERNEL(conv) = {.gather = gather,
                                           .pack_filter = pack_filter,
                                           .winograd_filter = ACN_KERNEL(winograd_filter),
                                           .winograd_in = ACN_KERNEL(winograd_in),
                                           .winograd_out = ACN_KERNEL(winograd_out),
                                           .take = ACN_KERNEL(take),
                                           .stencil = ACN_KERNEL(stencil),
                                           .stencil_sums = ACN_KERNEL(stencil_sums)};

/* put.c - see put.h. */
#include "ops/index/put.h"
#include "base/half.h"
#include "base/pool.h"
#include <string.h>

enum { SEGMENT = 512 };

acn_status acn_put_plan(acn_put *p, const acn_call *c, const acn_tensor *y, const acn_tensor *x,
                        const acn_tensor *dense, int count, const int *dims, const int *tensors,
                        int first, int rank, bool adds) {
    *p = (acn_put){.dtype = y->dtype, .adds = adds};
    ACN_TRY(acn_copy_plan(&p->copy, y, x));
    if (!dense) return ACN_OK;
    ACN_TRY(acn_take_plan(&p->take, c, y, dense, count, dims, tensors, first, rank));
    p->has_places = p->take.chunks > 0;
    int64_t inner = p->take.inner.dims[p->take.inner.rank - 1];
    p->segment = inner < SEGMENT ? inner : SEGMENT;
    p->segments = inner ? (inner + p->segment - 1) / p->segment : 0;
    return ACN_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

typedef struct factor {
    bool is_one;
    double f, im;
    int64_t i;
} factor;

#define ADD_RUN(T, sum)                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                              \
        T *place = (T *)(to + i * to_stride);                                                      \
        T a = *place, b = *(const T *)(from + i * from_stride);                                    \
        *place = (T)(sum);                                                                         \
    }                                                                                              \
    break
/* With a factor, too: it is of the same arithmetic. */
#define ADD_SCALED(T, plain, scaled)                                                               \
    if (s->is_one) {                                                                               \
        ADD_RUN(T, plain);                                                                         \
    } else {                                                                                       \
        ADD_RUN(T, scaled);                                                                        \
    }                                                                                              \
    break

static void add_run(acn_dtype dtype, const factor *s, char *to, int64_t to_stride, const char *from,
                    int64_t from_stride, int64_t n) {
    float f = (float)s->f;
    uint64_t whole = (uint64_t)s->i;
    switch (dtype) {
    case ACN_F32:
        ADD_SCALED(float, a + b, a + f * b);
    case ACN_F64:
        ADD_SCALED(double, a + b, a + s->f * b);
    case ACN_F16:
        ADD_SCALED(uint16_t, acn_f32_to_f16(acn_f16_to_f32(a) + acn_f16_to_f32(b)),
                   acn_f32_to_f16(acn_f16_to_f32(a) + f * acn_f16_to_f32(b)));
    case ACN_BF16:
        ADD_SCALED(uint16_t, acn_f32_to_bf16(acn_bf16_to_f32(a) + acn_bf16_to_f32(b)),
                   acn_f32_to_bf16(acn_bf16_to_f32(a) + f * acn_bf16_to_f32(b)));
    case ACN_C64:
        ADD_SCALED(float _Complex, a + b, a + CMPLXF(f, (float)s->im) * b);
    case ACN_I64:
        ADD_SCALED(uint64_t, a + b, a + whole * b);
    case ACN_I32:
        ADD_SCALED(uint32_t, a + b, a + (uint32_t)whole * b);
    case ACN_I16:
        ADD_SCALED(uint16_t, a + b, a + (uint16_t)whole * b);
    case ACN_BOOL:
        ADD_SCALED(uint8_t, a | b, a | (b && (whole != 0)));
    default:
        ADD_SCALED(uint8_t, a + b, a + (uint8_t)whole * b);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

typedef struct task {
    const acn_put *put;
    const int64_t *offsets;
    const char *dense;
    char *y;
    factor scale;
} task;

/* Contiguous elements of the class's own type, which is most of them: a vector kernel. */
static bool add_vectors(const task *t, char *to, const char *from, int64_t n) {
    acn_class k = acn_class_of(t->put->dtype);
    bool is_own = t->put->dtype != ACN_BOOL && acn_dtype_bytes(t->put->dtype) == acn_class_bytes(k);
    if (is_own && t->scale.is_one) acn_kernels_get()->micro[ACN_U_ADD][k](to, to, from, NULL, n);
    return is_own && t->scale.is_one;
}

static void put_run(const task *t, char *to, int64_t to_stride, const char *from,
                    int64_t from_stride, int64_t n) {
    const acn_put *p = t->put;
    if (to_stride == p->take.bytes && from_stride == p->take.bytes) {
        if (p->adds && add_vectors(t, to, from, n)) return;
        if (!p->adds) {
            memcpy(to, from, (size_t)(n * p->take.bytes));
            return;
        }
    }
    if (p->adds) {
        add_run(p->dtype, &t->scale, to, to_stride, from, from_stride, n);
        return;
    }
    ACN_BY_BYTES(p->take.bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(to + i * to_stride) = *(const T *)(from + i * from_stride);
    });
}

/* Columns [start, start + n) of the innermost dimension. */
static void put_block(const task *t, char *to, const char *from, int64_t start, int64_t n) {
    const acn_walk *w = &t->put->take.inner;
    int last = w->rank - 1;
    int64_t rows = 1;
    for (int d = 0; d < last; d++)
        rows *= w->dims[d];
    acn_walk_at at = {0};
    for (int64_t r = 0; r < rows; r++, acn_walk_next(w, last, &at))
        put_run(t, to + at.offset[1] + start * w->strides[1][last], w->strides[1][last],
                from + at.offset[0] + start * w->strides[0][last], w->strides[0][last], n);
}

static void put_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_take *take = &t->put->take;
    acn_walk_at outer, at = {0};
    acn_walk_seek(&take->outer, take->outer.rank, chunk / t->put->segments, &outer);
    int64_t start = chunk % t->put->segments * t->put->segment;
    int64_t left = take->inner.dims[take->inner.rank - 1] - start;
    int64_t n = left < t->put->segment ? left : t->put->segment;
    for (int64_t i = 0; i < take->positions;
         i++, acn_walk_next(&take->picked, take->picked.rank, &at))
        put_block(t, t->y + outer.offset[1] + t->offsets[i],
                  t->dense + outer.offset[0] + at.offset[0], start, n);
}

acn_status acn_put_run(const acn_put *p, const acn_call *c, void *y, const void *x,
                       const void *dense, const acn_scalar *scale, int64_t *workspace) {
    if (p->has_places) {
        if (p->take.count == 0) workspace[0] = 0;
        ACN_TRY(acn_take_offsets(&p->take, c, workspace));
    }
    if (y != x) acn_copy_run(&p->copy, y, x);
    if (!p->has_places) return ACN_OK;
    task t = {.put = p, .offsets = workspace, .dense = dense, .y = y, .scale = {.is_one = true}};
    if (scale) {
        t.scale = (factor){
            .f = acn_scalar_f64(scale), .im = acn_scalar_imag(scale), .i = acn_scalar_i64(scale)};
        t.scale.is_one = t.scale.f == 1 && t.scale.im == 0;
    }
    acn_pool_run(acn_walk_count(&p->take.outer) * p->segments, put_chunk, &t);
    return ACN_OK;
}

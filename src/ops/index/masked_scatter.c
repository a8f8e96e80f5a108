/* masked_scatter.c - MaskedScatter: the elements of source, in order, where a mask is true.
 *
 * Trues are counted in fixed pieces first, so that all pieces can then be written side by side. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include <string.h>

enum { X, MASK, SOURCE, PIECE = 16384 };

typedef struct scatter_plan {
    acn_copy copy;
    acn_walk walk;   /* y and mask in row-major order */
    acn_walk source; /* in row-major order */
    int64_t count, pieces, bytes, available;
} scatter_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *mask = acn_in(c, MASK);
    int rank = x->rank;
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, x->dims, sizeof dims);
    bool fits = acn_shape_broadcast(&rank, dims, mask->rank, mask->dims) && rank == x->rank &&
                memcmp(dims, x->dims, (size_t)rank * sizeof *dims) == 0;
    if (!fits) return acn_bad_input(c, MASK, "expected a shape that broadcasts to the input's");
    if (acn_in(c, SOURCE)->dtype != x->dtype)
        return acn_bad_input(c, SOURCE, "expected %s, as %s has", acn_dtype_name(x->dtype),
                             c->op->in[X].name);
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0), *source = acn_in(c, SOURCE);
    scatter_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    ACN_TRY(acn_copy_plan(&p->copy, y, acn_in(c, X)));
    p->bytes = (int64_t)acn_dtype_bytes(y->dtype);
    p->count = acn_tensor_count(y);
    p->available = acn_tensor_count(source);
    p->pieces = (p->count + PIECE - 1) / PIECE;
    acn_walk_init(&p->walk, 2, y->rank, y->dims);
    acn_walk_set(&p->walk, 0, y);
    acn_walk_set(&p->walk, 1, acn_in(c, MASK));
    acn_walk_merge(&p->walk);
    acn_walk_init(&p->source, 1, source->rank, source->dims);
    acn_walk_set(&p->source, 0, source);
    acn_walk_merge(&p->source);
    c->plan->workspace_bytes = (uint64_t)(p->pieces + 1) * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(p->count / 512 & 0x7fffffff);
    return ACN_OK;
}

/* Calls |take| for the runs of a piece. */
static void each_run(const acn_call *c, int64_t piece,
                     void (*take)(const acn_call *c, char *y, int64_t y_step, const uint8_t *mask,
                                  int64_t mask_step, int64_t n, int64_t *state),
                     int64_t *state) {
    const scatter_plan *p = c->plan->data;
    int last = p->walk.rank - 1;
    int64_t from = piece * PIECE, end = from + PIECE < p->count ? from + PIECE : p->count;
    int64_t inner = p->walk.dims[last], i = from % inner;
    int64_t y_step = p->walk.strides[0][last], mask_step = p->walk.strides[1][last];
    acn_walk_at at;
    acn_walk_seek(&p->walk, last, from / inner, &at);
    for (; from < end; acn_walk_next(&p->walk, last, &at), i = 0) {
        int64_t n = inner - i < end - from ? inner - i : end - from;
        take(c, (char *)acn_out(c, 0)->data + at.offset[0] + i * y_step, y_step,
             (const uint8_t *)acn_in(c, MASK)->data + at.offset[1] + i * mask_step, mask_step, n,
             state);
        from += n;
    }
}

static void count_run(const acn_call *c, char *y, int64_t y_step, const uint8_t *mask,
                      int64_t mask_step, int64_t n, int64_t *count) {
    (void)c, (void)y, (void)y_step;
    int64_t trues = 0;
    for (int64_t i = 0; i < n; i++)
        trues += mask[i * mask_step] != 0;
    *count += trues;
}

static void write_run(const acn_call *c, char *y, int64_t y_step, const uint8_t *mask,
                      int64_t mask_step, int64_t n, int64_t *next) {
    const scatter_plan *p = c->plan->data;
    const char *source = acn_in(c, SOURCE)->data;
    bool is_line = p->source.rank == 1;
    int64_t step = p->source.strides[0][0];
    ACN_BY_BYTES(p->bytes, T, {
        for (int64_t i = 0; i < n; i++) {
            if (!mask[i * mask_step]) continue;
            int64_t offset = *next * step;
            if (!is_line) {
                acn_walk_at at;
                acn_walk_seek(&p->source, p->source.rank, *next, &at);
                offset = at.offset[0];
            }
            *(T *)(y + i * y_step) = *(const T *)(source + offset);
            ++*next;
        }
    });
}

static void count_piece(void *context, int64_t piece, int worker) {
    (void)worker;
    const acn_call *c = context;
    int64_t *counts = c->workspace;
    counts[piece] = 0;
    each_run(c, piece, count_run, &counts[piece]);
}

static void write_piece(void *context, int64_t piece, int worker) {
    (void)worker;
    const acn_call *c = context;
    int64_t next = ((const int64_t *)c->workspace)[piece];
    each_run(c, piece, write_run, &next);
}

static acn_status too_few(int64_t available, int64_t needed) {
    return acn_fail(ACN_EXECUTION, "source has %lld elements; the mask has %lld that are true",
                    (long long)available, (long long)needed);
}

static acn_status run(acn_call *c) {
    const scatter_plan *p = c->plan->data;
    int64_t *counts = c->workspace, total = 0;
    const acn_tensor *x = acn_in(c, X);
    acn_pool_run(p->pieces, count_piece, c);
    for (int64_t i = 0; i < p->pieces; i++) {
        int64_t own = counts[i];
        counts[i] = total;
        total += own;
    }
    if (total > p->available) return too_few(p->available, total);
    if (acn_out(c, 0)->data != x->data) acn_copy_run(&p->copy, acn_out(c, 0)->data, x->data);
    acn_pool_run(p->pieces, write_piece, c);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *source = acn_in(c, SOURCE);
    acn_tensor mask = acn_tensor_broadcast(acn_in(c, MASK), y->rank, y->dims);
    int64_t next = 0, available = acn_tensor_count(source), n = acn_tensor_count(y);
    if (y->data != x->data) acn_copy_naive(y, x);
    for (int64_t i = 0; i < n; i++) {
        if (!*(const uint8_t *)acn_tensor_at(&mask, i)) continue;
        if (next == available) return too_few(available, next + 1);
        memcpy(acn_tensor_at(y, i), acn_tensor_at(source, next++), acn_dtype_bytes(y->dtype));
    }
    return ACN_OK;
}

ACN_OP(MaskedScatter) = {
    .name = "MaskedScatter",
    .doc = "y = x, where mask is true the next element of updates",
    .in = {{"x", ACN_MOVABLE},
           {"mask", ACN_BOOLS | ACN_T(ACN_U8), ACN_UNALIASED},
           {"updates", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3],bool[2,3],[6] [5,7],bool[7],[50] [6,7],bool[6,1],[9,8] [0,3],bool[3],[0] "
             "[],bool[],[1] [300,70],u8[300,70]@0..1,[30000]",
};

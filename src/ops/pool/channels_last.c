/* channels_last.c - see channels_last.h. */
#include "ops/pool/channels_last.h"

#include "base/pool.h"
#include "ops/kernels/kernels.h"
#include <math.h>

enum { CHUNK_WORK = 1 << 15, BLOCK = 512 };

static bool is_image(const acn_tensor *t) {
    return t->rank == 4 && t->dtype == ACN_F32 && t->dims[1] > 1 && t->strides[1] == 1 &&
           (t->dims[3] == 1 || t->strides[3] >= t->dims[1]);
}

bool acn_pool_pixels_plan(acn_pool_pixels *p, const acn_pool *pool, const acn_tensor *x,
                          const acn_tensor *y) {
    if (!is_image(x) || !is_image(y) || pool->spatial != 2) return false;
    *p = (acn_pool_pixels){.pool = pool, .channels = x->dims[1]};
    for (int d = 0; d < 4; d++) {
        p->x[d] = x->strides[d];
        p->y[d] = y->strides[d];
    }
    return true;
}

typedef struct job {
    const acn_pool_pixels *p;
    const float *x;
    float *y;
    int64_t rows, rows_a_chunk;
} job;

static float divisor_of(const acn_pool_pixels *p, const acn_window *a, const acn_window *b) {
    int64_t divisor = p->divisor          ? p->divisor
                      : p->counts_padding ? (int64_t)a->size * b->size
                                          : (int64_t)a->count * b->count;
    return divisor ? (float)divisor : 1; /* an empty window's mean is 0 */
}

/* At most BLOCK channels of one window. */
static void run_window(const acn_pool_pixels *p, const float *x, float *y, const acn_window *a,
                       const acn_window *b, int64_t n) {
    const acn_kernels *k = acn_kernels_get();
    acn_micro_fn join = k->micro[p->is_max ? ACN_U_MAX : ACN_U_ADD][ACN_K_F32];
    const acn_pool *pool = p->pool;
    float number = p->is_max ? -INFINITY : 0, divisors[BLOCK];
    bool is_first = true;
    for (int32_t i = 0; i < a->count; i++)
        for (int32_t j = 0; j < b->count; j++, is_first = false) {
            const float *from = x + (a->start + i * pool->dilation[1]) * p->x[2] +
                                (b->start + j * pool->dilation[2]) * p->x[3];
            if (is_first)
                k->copy(y, from, (size_t)n * sizeof *y);
            else
                join(y, y, from, NULL, n);
        }
    if (is_first) k->fill(y, &number, sizeof number, (size_t)n);
    if (p->is_max || is_first) return;
    float divisor = divisor_of(p, a, b);
    k->fill(divisors, &divisor, sizeof divisor, (size_t)n);
    k->micro[ACN_U_DIV][ACN_K_F32](y, y, divisors, NULL, n);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_pool_pixels *p = j->p;
    const acn_pool *pool = p->pool;
    int64_t first = chunk * j->rows_a_chunk, last = first + j->rows_a_chunk;
    for (int64_t row = first; row < last && row < j->rows; row++) {
        int64_t image = row / pool->out[1], oy = row % pool->out[1];
        for (int64_t ox = 0; ox < pool->out[2]; ox++)
            for (int64_t c = 0; c < p->channels; c += BLOCK)
                run_window(p, j->x + image * p->x[0] + c,
                           j->y + image * p->y[0] + oy * p->y[2] + ox * p->y[3] + c,
                           &pool->window[1][oy], &pool->window[2][ox],
                           p->channels - c < BLOCK ? p->channels - c : BLOCK);
    }
}

void acn_pool_pixels_run(const acn_pool_pixels *p, float *y, const float *x) {
    const acn_pool *pool = p->pool;
    int64_t images = pool->planes / p->channels, taps = pool->kernel[1] * pool->kernel[2];
    job j = {.p = p, .x = x, .y = y, .rows = images * pool->out[1]};
    j.rows_a_chunk = CHUNK_WORK / (pool->out[2] * p->channels * (taps + 1) + 1) + 1;
    if (j.rows > 0) acn_pool_run((j.rows + j.rows_a_chunk - 1) / j.rows_a_chunk, run_chunk, &j);
}

/* plain.c - the matrix product in double, complex double and wrapping 64-bit integers, for operands
 * of different types, which the GEMM core does not take.
 *
 * Blocks of C are the unit of work, so that the result does not depend on the number of threads;
 * blocks of A and B are unpacked to the compute class first, which makes strides and storage types
 * cost one conversion each instead of one per multiplication. */
#include "base/pool.h"
#include "ops/matmul/matmul.h"
#include <string.h>

enum { ROWS = 32, COLS = 32, DEPTH = 32 };

typedef struct complex_pair {
    double re, im;
} complex_pair;

typedef union block {
    double f[ROWS * COLS];
    uint64_t i[ROWS * COLS];
    complex_pair c[ROWS * COLS];
} block;
_Static_assert(DEPTH == ROWS && DEPTH == COLS, "one block size serves A, B and C");

typedef struct job {
    const acn_matmul *view;
    const acn_call *call;
    const acn_matmul_scales *scales;
    int64_t row_blocks, col_blocks;
} job;

static int64_t min(int64_t x, int64_t y) { return x < y ? x : y; }

/* out[i * out_stride + j] = the element at (i, j), in the compute class. */
static void unpack(const acn_matmul *view, const acn_matmul_side *side, const char *origin,
                   int64_t rows, int64_t cols, int out_stride, block *out) {
    int64_t bytes = (int64_t)acn_dtype_bytes(side->dtype);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++) {
            const char *at = origin + (i * side->row + j * side->col) * bytes;
            acn_value v = acn_load_value(at, side->dtype);
            int64_t to = i * out_stride + j;
            if (view->compute == ACN_F64)
                out->f[to] = v.f;
            else if (view->compute == ACN_I64)
                out->i[to] = (uint64_t)v.i;
            else
                out->c[to] = (complex_pair){v.f, v.im};
        }
    }
}

static void multiply_f64(block *c, const block *a, const block *b, int64_t rows, int64_t cols,
                         int64_t depth) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < depth; p++) {
            double x = a->f[i * DEPTH + p];
            for (int64_t j = 0; j < cols; j++)
                c->f[i * COLS + j] += x * b->f[p * COLS + j];
        }
}

static void multiply_i64(block *c, const block *a, const block *b, int64_t rows, int64_t cols,
                         int64_t depth) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < depth; p++) {
            uint64_t x = a->i[i * DEPTH + p];
            for (int64_t j = 0; j < cols; j++)
                c->i[i * COLS + j] += x * b->i[p * COLS + j];
        }
}

static void multiply_c128(block *c, const block *a, const block *b, int64_t rows, int64_t cols,
                          int64_t depth) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < depth; p++) {
            complex_pair x = a->c[i * DEPTH + p];
            for (int64_t j = 0; j < cols; j++) {
                complex_pair y = b->c[p * COLS + j], *to = &c->c[i * COLS + j];
                to->re += x.re * y.re - x.im * y.im;
                to->im += x.re * y.im + x.im * y.re;
            }
        }
}

/* alpha * sum + beta * addend, in the compute class. */
static acn_value finish(const job *j, const block *sum, int64_t at, const acn_value *addend) {
    const acn_value *alpha = &j->scales->alpha, *beta = &j->scales->beta;
    if (j->view->compute == ACN_I64) {
        uint64_t v = (uint64_t)alpha->i * sum->i[at];
        if (addend) v += (uint64_t)beta->i * (uint64_t)addend->i;
        return (acn_value){.i = (int64_t)v};
    }
    if (j->view->compute == ACN_F64) {
        double v = alpha->f * sum->f[at];
        return (acn_value){.f = addend ? v + beta->f * addend->f : v};
    }
    complex_pair s = sum->c[at];
    acn_value v = {.f = alpha->f * s.re - alpha->im * s.im,
                   .im = alpha->f * s.im + alpha->im * s.re};
    if (addend) {
        v.f += beta->f * addend->f - beta->im * addend->im;
        v.im += beta->f * addend->im + beta->im * addend->f;
    }
    return v;
}

static bool is_zero(const acn_value *v) { return v->f == 0 && v->im == 0; }

static void store_block(const job *j, const acn_matmul_item *item, const block *sum, int64_t row,
                        int64_t col, int64_t rows, int64_t cols) {
    const acn_matmul *view = j->view;
    int64_t c_bytes = (int64_t)acn_dtype_bytes(view->c.dtype);
    int64_t d_bytes = (int64_t)acn_dtype_bytes(view->d.dtype);
    bool adds = view->has_addend && !is_zero(&j->scales->beta); /* beta 0 never reads it */
    for (int64_t i = row; i < row + rows; i++) {
        for (int64_t k = col; k < col + cols; k++) {
            acn_value addend;
            if (adds)
                addend = acn_load_value(item->d + (i * view->d.row + k * view->d.col) * d_bytes,
                                        view->d.dtype);
            acn_value v = finish(j, sum, (i - row) * COLS + k - col, adds ? &addend : NULL);
            acn_store_value(item->c + (i * view->c.row + k * view->c.col) * c_bytes, view->c.dtype,
                            v);
        }
    }
}

static void run_block(void *context, int64_t chunk, int worker) {
    (void)worker;
    const job *j = context;
    const acn_matmul *view = j->view;
    int64_t col = chunk % j->col_blocks * COLS;
    int64_t row = chunk / j->col_blocks % j->row_blocks * ROWS;
    acn_matmul_item item = acn_matmul_at(view, j->call, chunk / j->col_blocks / j->row_blocks);
    int64_t rows = min(ROWS, view->m - row), cols = min(COLS, view->n - col);
    int64_t a_bytes = (int64_t)acn_dtype_bytes(view->a.dtype);
    int64_t b_bytes = (int64_t)acn_dtype_bytes(view->b.dtype);

    block a, b, c;
    memset(&c, 0, sizeof c);
    for (int64_t p = 0; p < view->k; p += DEPTH) {
        int64_t depth = min(DEPTH, view->k - p);
        unpack(view, &view->a, item.a + (row * view->a.row + p * view->a.col) * a_bytes, rows,
               depth, DEPTH, &a);
        unpack(view, &view->b, item.b + (p * view->b.row + col * view->b.col) * b_bytes, depth,
               cols, COLS, &b);
        if (view->compute == ACN_F64)
            multiply_f64(&c, &a, &b, rows, cols, depth);
        else if (view->compute == ACN_I64)
            multiply_i64(&c, &a, &b, rows, cols, depth);
        else
            multiply_c128(&c, &a, &b, rows, cols, depth);
    }
    store_block(j, &item, &c, row, col, rows, cols);
}

void acn_matmul_plain(const acn_matmul *view, const acn_call *call,
                      const acn_matmul_scales *scales) {
    job j = {view, call, scales, (view->m + ROWS - 1) / ROWS, (view->n + COLS - 1) / COLS};
    acn_pool_run(view->batches * j.row_blocks * j.col_blocks, run_block, &j);
}

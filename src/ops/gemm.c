/* gemm.c - the blocking of the GEMM core; the arithmetic is the ISA level's (gemm_kernels.h).
 *
 * C is cut into blocks, each of which one thread computes over the whole of k. For a pass of kc
 * steps it goes through its columns in strips: it packs the strip's part of B (sized for the L2
 * cache), then goes down the rows, where a panel of A, packed for the first strip (or read where it
 * lies), stays in L1 while the panels of B stream past it. Nothing is
 * shared between threads. How C is cut depends on the pool's size; values do not, because each
 * element is the same chain of operations in any block.
 */
#include "ops/kernels/gemm.h"
#include "base/pool.h"
#include "ops/kernels/gemm_kernels.h"
#include <string.h>

enum {
    B_BLOCK_BYTES = 640 << 10, /* packed B of one strip: leaves room in an L2 of 1 MiB */
    A_BLOCK_BYTES = 4 << 20,   /* packed A of one pass, when several strips use it */
    C_BLOCK_BYTES = 1 << 19,   /* accumulators of one block when they cannot live in C */
    DIRECT_B_BYTES = 1 << 18,  /* B is read where it lies when all of it stays in cache */
    CHUNK_MACS = 1 << 20,      /* a chunk is worth handing to a thread: some 10 us */
    CHUNKS_PER_WORKER = 2,
    VECTOR_LANES = 1024,
    ALIGNMENT = 64,
};

/* Scalars in the class's type. */
typedef union scale {
    float f32;
    double f64;
    uint32_t i32;
    uint64_t i64;
    float c64[2];
} scale;

typedef struct job {
    const acn_gemm *g;
    const acn_gemm_class *kernels;
    int64_t m, n, k, batches;
    const acn_gemm_matrix *a, *b, *c;
    int64_t a_row, a_col, b_row, b_col, c_row, c_col; /* of A, B, C or of the transposed problem */
    size_t item_bytes, source_bytes, c_bytes;         /* class, A and B, C */
    int64_t k_unit;                                   /* steps of k in an element of a panel */
    bool is_swapped, is_vector, is_beta_zero;
    bool is_a_direct, is_b_direct, is_c_direct;
    bool is_b_copied; /* packed by the first row of tiles */
    scale alpha, beta, one;
    int64_t kc, passes;                     /* steps of k in a pass */
    int64_t mb, nb, row_blocks, col_blocks; /* a block of C */
    int64_t strip;                          /* columns of a block for which B is packed at once */
    size_t a_panel_bytes; /* from one packed panel of A to the next; 0: one place */
    int64_t blocks_per_chunk, chunks;
    size_t a_offset, c_offset, worker_bytes; /* in a worker's part of the workspace; B at 0 */
    const char *a_data, *b_data;
    char *c_data, *workspace;
} job;

typedef struct block {
    int64_t batch, row, col, rows, cols;
    const char *a, *b; /* of the batch */
    char *c;
    char *packed_b, *packed_a, *sums;
    char *acc; /* accumulators of (row, col): in C, or |sums| */
    int64_t acc_row;
    bool is_first_strip; /* of its rows, in a pass: packs A */
} block;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

static const acn_gemm_class *class_of(acn_dtype dtype, acn_dtype c_dtype) {
    if (dtype < 0 || dtype >= ACN_DTYPE_COUNT || c_dtype < 0 || c_dtype >= ACN_DTYPE_COUNT)
        return NULL;
    const acn_gemm_kernels *level = acn_kernels_get()->gemm;
    for (int i = 0; i < ACN_CLASS_COUNT; i++) {
        const acn_gemm_class *c = level->by_class[i];
        if (c && c->pack[dtype]) return c->store[c_dtype] ? c : NULL;
    }
    return NULL;
}

bool acn_gemm_supports(acn_dtype dtype, acn_dtype c_dtype) {
    return class_of(dtype, c_dtype) != NULL;
}

static scale make_scale(acn_dtype dtype, double value, double imaginary, int64_t integer) {
    switch (dtype) {
    case ACN_F64:
        return (scale){.f64 = value};
    case ACN_I32:
        return (scale){.i32 = (uint32_t)(integer ? integer : (int64_t)value)};
    case ACN_I64:
        return (scale){.i64 = (uint64_t)(integer ? integer : (int64_t)value)};
    case ACN_C64:
        return (scale){.c64 = {(float)value, (float)imaginary}};
    default:
        return (scale){.f32 = (float)value};
    }
}

static bool is_zero(acn_dtype dtype, const scale *s) {
    switch (dtype) {
    case ACN_F64:
        return s->f64 == 0;
    case ACN_I32:
        return s->i32 == 0;
    case ACN_I64:
        return s->i64 == 0;
    case ACN_C64:
        return s->c64[0] == 0 && s->c64[1] == 0;
    default:
        return s->f32 == 0;
    }
}

/* C^T = B^T A^T: when C is stored by columns, or when only this way fills the tile's columns. */
static bool wants_swap(const acn_gemm *g, const acn_gemm_class *kernels) {
    if (g->n == 1 && g->m > 1) return true;
    if (g->epilogue || g->m == 1) return false;
    if (g->c.col_stride != 1 && g->c.row_stride == 1) return g->m > 1;
    return g->n * 4 <= kernels->nr && g->m >= 2 * g->n;
}

static void orient(job *j, const acn_gemm *g) {
    j->is_swapped = wants_swap(g, j->kernels);
    j->m = j->is_swapped ? g->n : g->m;
    j->n = j->is_swapped ? g->m : g->n;
    j->a = j->is_swapped ? &g->b : &g->a;
    j->b = j->is_swapped ? &g->a : &g->b;
    j->c = &g->c;
    j->a_row = j->is_swapped ? g->b.col_stride : g->a.row_stride;
    j->a_col = j->is_swapped ? g->b.row_stride : g->a.col_stride;
    j->b_row = j->is_swapped ? g->a.col_stride : g->b.row_stride;
    j->b_col = j->is_swapped ? g->a.row_stride : g->b.col_stride;
    j->c_row = j->is_swapped ? g->c.col_stride : g->c.row_stride;
    j->c_col = j->is_swapped ? g->c.row_stride : g->c.col_stride;
}

/* Cuts C until every worker has some chunks, but not below what is worth a chunk. */
static void cut(job *j, int workers) {
    const acn_gemm_class *kernels = j->kernels;
    int64_t least_rows = 8 * kernels->mr, least_cols = 2 * kernels->nr;
    double macs = (double)j->k * (double)j->mb * (double)j->nb;
    for (;;) {
        j->row_blocks = ceil_div(j->m, j->mb);
        j->col_blocks = ceil_div(j->n, j->nb);
        int64_t blocks = j->row_blocks * j->col_blocks * j->batches;
        if (workers == 1 || blocks >= CHUNKS_PER_WORKER * workers || macs < 2 * CHUNK_MACS) break;
        bool can_rows = j->mb >= 2 * least_rows, can_cols = j->nb >= 2 * least_cols;
        if (!can_rows && !can_cols) break;
        /* Packing B again costs less than A, but parts of few panels are uneven. */
        bool prefers_rows = 2 * j->mb >= j->nb && j->mb >= 64 * kernels->mr;
        if (can_rows && (!can_cols || prefers_rows))
            j->mb = round_up(ceil_div(j->mb, 2), kernels->mr);
        else
            j->nb = round_up(ceil_div(j->nb, 2), kernels->nr);
        macs = (double)j->k * (double)j->mb * (double)j->nb;
    }
    int64_t blocks = j->row_blocks * j->col_blocks * j->batches;
    j->blocks_per_chunk = workers == 1         ? blocks
                          : macs >= CHUNK_MACS ? 1
                                               : (int64_t)(CHUNK_MACS / (macs + 1)) + 1;
    j->chunks = ceil_div(blocks, j->blocks_per_chunk);
}

static void block_vector(job *j, int workers) {
    j->mb = 1;
    j->nb = min(round_up(j->n, j->kernels->nr), VECTOR_LANES);
    j->row_blocks = 1;
    j->col_blocks = ceil_div(j->n, j->nb);
    int64_t blocks = j->col_blocks * j->batches;
    double macs = (double)j->k * (double)j->nb;
    j->blocks_per_chunk = workers == 1 ? blocks : (int64_t)(CHUNK_MACS / 8 / (macs + 1)) + 1;
    j->chunks = ceil_div(blocks, j->blocks_per_chunk);
    size_t result_bytes = (size_t)round_up(j->nb * (int64_t)j->item_bytes, ALIGNMENT);
    j->a_offset = result_bytes;
    j->c_offset = j->a_offset + (size_t)round_up(j->k * (int64_t)j->item_bytes, ALIGNMENT);
    j->worker_bytes = j->c_offset + result_bytes;
}

static void block_matrix(job *j, int workers) {
    const acn_gemm_class *kernels = j->kernels;
    int64_t item = (int64_t)j->item_bytes, unit = j->k_unit;
    j->passes = j->k <= kernels->kc + kernels->kc / 3 ? 1 : ceil_div(j->k, kernels->kc);
    j->kc = round_up(ceil_div(j->k, j->passes), 8);
    j->passes = j->k ? ceil_div(j->k, j->kc) : 1;
    int64_t most_cols = B_BLOCK_BYTES / item / (j->kc / unit + 1) / kernels->nr * kernels->nr;
    if (most_cols < 2 * kernels->nr) most_cols = 2 * kernels->nr;
    bool is_class_type = kernels->is_direct && j->source_bytes == j->item_bytes;
    j->strip = round_up(ceil_div(j->n, ceil_div(j->n, most_cols)), kernels->nr);
    /* Sums that cannot stay in C over the passes are kept for one strip only. */
    bool keeps_sums = !j->is_c_direct && j->passes > 1;
    j->nb = keeps_sums ? j->strip : round_up(j->n, kernels->nr);
    j->mb = round_up(j->m, kernels->mr);
    int64_t panel_bytes = j->kc / unit * kernels->a_width * item;
    int64_t most_rows = (keeps_sums ? C_BLOCK_BYTES / item / j->nb
                                    : A_BLOCK_BYTES / (panel_bytes + 1) * kernels->mr) /
                        kernels->mr * kernels->mr;
    j->mb = min(j->mb, most_rows < kernels->mr ? kernels->mr : most_rows);
    int64_t sum_rows = j->is_c_direct ? 0 : j->passes == 1 ? kernels->mr : j->mb;
    int64_t sum_bytes = sum_rows * j->strip * item, b_bytes = j->kc / unit * j->strip * item;

    j->is_b_direct = is_class_type && j->b_col == 1 &&
                     (j->k * j->n * item <= DIRECT_B_BYTES || j->m <= 2 * kernels->mr);
    j->is_b_copied = is_class_type && j->b_col == 1 && !j->is_b_direct;
    cut(j, workers);
    j->strip = min(j->strip, j->nb);
    j->is_a_direct = is_class_type && j->nb <= 8 * kernels->nr;
    panel_bytes = round_up(panel_bytes, ALIGNMENT);
    j->a_panel_bytes = j->strip < j->nb && !j->is_a_direct ? (size_t)panel_bytes : 0;
    int64_t panels = j->a_panel_bytes ? ceil_div(j->mb, kernels->mr) : 1;

    j->a_offset = (size_t)round_up(b_bytes, ALIGNMENT);
    j->c_offset = j->a_offset + (size_t)(panels * panel_bytes);
    j->worker_bytes = j->c_offset + (size_t)round_up(sum_bytes, ALIGNMENT);
}

static bool make_job(job *j, const acn_gemm *g) {
    *j = (job){.g = g, .kernels = class_of(g->dtype, g->c_dtype), .batches = 1};
    if (!j->kernels) return false;
    for (int i = 0; i < g->batch_rank; i++)
        j->batches *= g->batch_dims[i];
    if (g->m <= 0 || g->n <= 0 || j->batches <= 0) return false;
    acn_dtype dtype = j->kernels->dtype;
    j->item_bytes = acn_dtype_bytes(dtype);
    j->source_bytes = acn_dtype_bytes(g->dtype);
    j->c_bytes = acn_dtype_bytes(g->c_dtype);
    j->alpha = make_scale(dtype, g->alpha, g->alpha_im, g->alpha_int);
    j->beta = make_scale(dtype, g->beta, g->beta_im, g->beta_int);
    j->one = make_scale(dtype, 1, 0, 1);
    j->is_beta_zero = is_zero(dtype, &j->beta);
    orient(j, g);
    j->k = g->k < 0 ? 0 : g->k;
    j->is_vector = j->m == 1 && j->kernels->vector[g->dtype] && (j->b_row == 1 || j->b_col == 1);
    const acn_gemm_class *pairs = acn_kernels_get()->gemm->pairs;
    if (pairs && g->dtype == ACN_BF16 && !j->is_vector && j->m >= pairs->mr &&
        acn_kernels_have_bf16())
        j->kernels = pairs;
    j->k_unit = j->kernels->k_unit ? j->kernels->k_unit : 1;
    j->is_c_direct = j->c_col == 1 && j->c_bytes == j->item_bytes;
    int workers = acn_pool_size();
    if (j->is_vector)
        block_vector(j, workers);
    else
        block_matrix(j, workers);
    return true;
}

uint64_t acn_gemm_workspace_bytes(const acn_gemm *g) {
    job j;
    if (!make_job(&j, g)) return 0;
    return j.worker_bytes * (uint64_t)(j.chunks > 1 ? acn_pool_size() : 1);
}

uint32_t acn_gemm_cost_us(const acn_gemm *g) {
    job j;
    if (!make_job(&j, g)) return 0;
    /* A tile's step is nr multiply-adds a cycle at best; memory sets the pace of vectors. */
    double per_us = j.is_vector ? 4000.0 : 2000.0 * j.kernels->nr;
    double us = (double)j.m * (double)j.n * (double)j.k * (double)j.batches / per_us;
    return us < 1e9 ? (uint32_t)us : (uint32_t)1e9;
}

static int64_t batch_offset(const job *j, const acn_gemm_matrix *x, int64_t batch) {
    int64_t offset = 0;
    for (int i = j->g->batch_rank - 1; i >= 0; i--) {
        offset += batch % j->g->batch_dims[i] * x->batch_stride[i];
        batch /= j->g->batch_dims[i];
    }
    return offset;
}

/* The last thing that happens to finished rows of a block. |acc| holds rows x cols of them. */
static void finish(const job *j, const block *x, int64_t row, int64_t rows, char *acc) {
    const acn_gemm *g = j->g;
    if (g->epilogue) {
        if (j->is_swapped) /* a column of C, contiguous in |acc| */
            g->epilogue(g->epilogue_context, (float *)acc, 1, x->batch * g->m + x->col, 0, x->cols,
                        1);
        else
            g->epilogue(g->epilogue_context, (float *)acc, x->acc_row, x->batch * g->m + row,
                        x->col, rows, x->cols);
    }
    if (!j->is_c_direct)
        j->kernels->store[g->c_dtype](x->c + (row * j->c_row + x->col * j->c_col) *
                                                 (int64_t)j->c_bytes,
                                      j->c_row, j->c_col, acc, x->acc_row, rows, x->cols);
}

/* All tiles of some rows against a pass of B. */
static void run_rows(const job *j, const block *x, int64_t row, int64_t rows, int64_t step,
                     int64_t steps, bool copies_b, char *acc) {
    const acn_gemm_class *kernels = j->kernels;
    const int64_t item = (int64_t)j->item_bytes;
    const char *a = x->a + (row * j->a_row + step * j->a_col) * (int64_t)j->source_bytes;
    int64_t elements = ceil_div(steps, j->k_unit); /* of a lane */
    acn_gemm_tile t = {.k = elements,
                       .a = a,
                       .a_row = j->a_row,
                       .a_col = j->a_col,
                       .c_row = x->acc_row,
                       .rows = (int)rows,
                       .alpha = &j->alpha,
                       .beta = step == 0 ? &j->beta : &j->one,
                       .is_beta_zero = step == 0 && j->is_beta_zero};
    if (!j->is_a_direct) {
        char *panel = x->packed_a + (size_t)((row - x->row) / kernels->mr) * j->a_panel_bytes;
        /* Rows below the block fill up the panel where there are any: full vectors are faster. */
        if (x->is_first_strip || !j->a_panel_bytes)
            kernels->pack[j->g->dtype](panel, kernels->a_width, a, j->a_col, j->a_row, steps,
                                       min(kernels->a_width, j->m - row));
        t.a = panel;
        t.a_row = 1;
        t.a_col = kernels->a_width;
    }
    for (int64_t col = 0; col < x->cols; col += kernels->nr) {
        t.cols = (int)min(kernels->nr, x->cols - col);
        char *panel = x->packed_b + (j->is_b_direct ? 0 : col * elements * item);
        bool is_in_place = (j->is_b_direct || copies_b) && t.cols == kernels->nr;
        t.b = is_in_place ? x->b + (step * j->b_row + x->col + col) * item : panel;
        t.b_row = is_in_place ? j->b_row : kernels->nr;
        t.b_copy = copies_b && is_in_place ? panel : NULL;
        t.c = acc + col * item;
        kernels->tile(&t);
    }
}

/* Packs the pass's part of B, or only its last, narrow panel where tiles read the matrix. */
static void pack_b(const job *j, const block *x, int64_t step, int64_t steps, bool is_last_only) {
    const acn_gemm_class *kernels = j->kernels;
    int64_t first = is_last_only ? x->cols / kernels->nr * kernels->nr : 0;
    if (first < x->cols)
        kernels->pack[j->g->dtype](
            x->packed_b +
                (j->is_b_direct ? 0 : first * ceil_div(steps, j->k_unit) * (int64_t)j->item_bytes),
            kernels->nr,
            x->b + (step * j->b_row + (x->col + first) * j->b_col) * (int64_t)j->source_bytes,
            j->b_row, j->b_col, steps, x->cols - first);
}

/* One pass over the columns of |x|, a strip. */
static void run_strip(const job *j, const block *x, int64_t pass) {
    const acn_gemm_class *kernels = j->kernels;
    const int64_t item = (int64_t)j->item_bytes;
    int64_t step = pass * j->kc, steps = min(j->kc, j->k - step);
    bool keeps_rows = j->is_c_direct || j->passes > 1;
    bool copies_b = j->is_b_copied && x->rows >= kernels->mr;
    pack_b(j, x, step, steps, j->is_b_direct || copies_b);
    for (int64_t i = 0; i < x->rows; i += kernels->mr) {
        int64_t row = x->row + i, rows = min(kernels->mr, x->rows - i);
        char *acc = x->acc + (keeps_rows ? i * x->acc_row * item : 0);
        if (pass == 0 && !j->is_c_direct && !j->is_beta_zero)
            kernels->load[j->g->c_dtype](
                acc, x->acc_row, x->c + (row * j->c_row + x->col * j->c_col) * (int64_t)j->c_bytes,
                j->c_row, j->c_col, rows, x->cols);
        run_rows(j, x, row, rows, step, steps, copies_b && i == 0, acc);
        if (pass == j->passes - 1) finish(j, x, row, rows, acc);
    }
}

static void run_matrix(const job *j, const block *x) {
    for (int64_t pass = 0; pass < j->passes; pass++)
        for (int64_t first = 0; first < x->cols; first += j->strip) {
            block strip = *x;
            strip.col += first;
            strip.cols = min(j->strip, x->cols - first);
            strip.is_first_strip = first == 0;
            if (j->is_c_direct) strip.acc += first * (int64_t)j->item_bytes;
            run_strip(j, &strip, pass);
        }
}

/* One row of C, at memory's speed: nothing is copied but the row of A. The tile only scales. */
static void run_vector(const job *j, block *x) {
    const acn_gemm_class *kernels = j->kernels;
    const int64_t item = (int64_t)j->item_bytes;
    kernels->load[j->g->dtype](x->packed_a, j->k, x->a, 0, j->a_col, 1, j->k);
    kernels->vector[j->g->dtype](x->packed_b, x->packed_a,
                                 x->b + x->col * j->b_col * (int64_t)j->source_bytes, j->b_row,
                                 j->b_col, j->k, x->cols);
    if (!j->is_c_direct && !j->is_beta_zero)
        kernels->load[j->g->c_dtype](x->acc, x->acc_row,
                                     x->c + x->col * j->c_col * (int64_t)j->c_bytes, j->c_row,
                                     j->c_col, 1, x->cols);
    acn_gemm_tile t = {.k = 1,
                       .a = &j->one,
                       .rows = 1,
                       .alpha = &j->alpha,
                       .beta = &j->beta,
                       .is_beta_zero = j->is_beta_zero};
    for (int64_t col = 0; col < x->cols; col += kernels->nr) {
        t.cols = (int)min(kernels->nr, x->cols - col);
        t.b = x->packed_b + col * item;
        t.c = x->acc + col * item;
        kernels->tile(&t);
    }
    finish(j, x, 0, 1, x->acc);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    char *memory = j->workspace + (size_t)worker * j->worker_bytes;
    int64_t per_batch = j->row_blocks * j->col_blocks, first = chunk * j->blocks_per_chunk;
    int64_t last = min(first + j->blocks_per_chunk, per_batch * j->batches);
    for (int64_t i = first; i < last; i++) {
        int64_t batch = i / per_batch, at = i % per_batch;
        block x = {.batch = batch,
                   .row = at % j->row_blocks * j->mb,
                   .col = at / j->row_blocks * j->nb,
                   .packed_b = memory,
                   .packed_a = memory + j->a_offset,
                   .sums = memory + j->c_offset};
        x.rows = min(j->mb, j->m - x.row);
        x.cols = min(j->nb, j->n - x.col);
        x.a = j->a_data + batch_offset(j, j->a, batch) * (int64_t)j->source_bytes;
        x.b = j->b_data + batch_offset(j, j->b, batch) * (int64_t)j->source_bytes;
        x.c = j->c_data + batch_offset(j, j->c, batch) * (int64_t)j->c_bytes;
        x.acc = j->is_c_direct ? x.c + (x.row * j->c_row + x.col) * (int64_t)j->item_bytes : x.sums;
        x.acc_row = j->is_c_direct ? j->c_row : j->strip;
        if (j->is_vector)
            run_vector(j, &x);
        else
            run_matrix(j, &x);
    }
}

void acn_gemm_run(const acn_gemm *g, const void *a, const void *b, void *c, void *workspace) {
    job j;
    if (!make_job(&j, g)) return;
    j.a_data = j.is_swapped ? b : a;
    j.b_data = j.is_swapped ? a : b;
    j.c_data = c;
    j.workspace = workspace;
    if (j.chunks == 1)
        run_chunk(&j, 0, 0);
    else
        acn_pool_run(j.chunks, run_chunk, &j);
}

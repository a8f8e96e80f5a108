/* rows.c - see rows.h. */
#include "ops/norm/rows.h"
#include "base/pool.h"
#include <math.h>
#include <string.h>

enum { CHUNK_ELEMENTS = 16384, MIN_COLUMNS = 16 };

void acn_rows_make(acn_rows *rows, const acn_tensor *t, uint32_t inner) {
    *rows = (acn_rows){.count = 1, .length = 1};
    for (int d = 0; d < t->rank; d++) {
        if ((inner >> d) & 1u) {
            rows->inner_dim[rows->inner_rank] = (int8_t)d;
            rows->inner_size[rows->inner_rank++] = t->dims[d];
            rows->length *= t->dims[d];
        } else {
            rows->outer_dim[rows->outer_rank] = (int8_t)d;
            rows->outer_size[rows->outer_rank++] = t->dims[d];
            rows->count *= t->dims[d];
        }
    }
    rows->rows_per_chunk = 1;
    if (rows->length > 0 && rows->length < CHUNK_ELEMENTS)
        rows->rows_per_chunk = CHUNK_ELEMENTS / rows->length;
    rows->chunks = (rows->count + rows->rows_per_chunk - 1) / rows->rows_per_chunk;
}

acn_class acn_rows_class(const acn_tensor *x, const acn_tensor *y) {
    return x->dtype == ACN_F64 || y->dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
}

/* The one stride that steps through all of some dimensions, or -1. */
static int64_t joint_stride(int rank, const int64_t *sizes, const int64_t *strides) {
    int64_t stride = -1, expected = 0;
    for (int i = rank - 1; i >= 0; i--) {
        if (sizes[i] == 1) continue;
        if (stride < 0)
            stride = strides[i];
        else if (strides[i] != expected)
            return -1;
        expected = strides[i] * sizes[i];
    }
    return stride < 0 ? 1 : stride;
}

void acn_row_side_make(acn_row_side *side, const acn_rows *rows, const acn_tensor *t,
                       acn_class klass) {
    *side = (acn_row_side){t->dtype, klass, (int64_t)acn_dtype_bytes(t->dtype), 1, {0}, {0}, 0};
    for (int i = 0; i < rows->outer_rank; i++)
        side->outer[i] = t->strides[rows->outer_dim[i]];
    side->row_step = joint_stride(rows->outer_rank, rows->outer_size, side->outer);
    for (int i = 0; i < rows->inner_rank; i++)
        side->inner[i] = t->strides[rows->inner_dim[i]];
    side->stride = joint_stride(rows->inner_rank, rows->inner_size, side->inner);
}

void acn_row_side_make_inner(acn_row_side *side, const acn_rows *rows, const acn_tensor *t,
                             acn_class klass) {
    *side = (acn_row_side){t->dtype, klass, (int64_t)acn_dtype_bytes(t->dtype), 1, {0}, {0}, 0};
    for (int i = 0; i < rows->inner_rank; i++)
        side->inner[i] = t->strides[i];
    side->stride = joint_stride(rows->inner_rank, rows->inner_size, side->inner);
}

char *acn_row_at(const acn_rows *rows, const acn_row_side *side, void *data, int64_t row) {
    int64_t at = 0;
    if (side->row_step >= 0) return (char *)data + row * side->row_step * side->bytes;
    for (int i = rows->outer_rank - 1; i >= 0; i--) {
        at += row % rows->outer_size[i] * side->outer[i];
        row /= rows->outer_size[i];
    }
    return (char *)data + at * side->bytes;
}

static int64_t inner_offset(const acn_rows *rows, const acn_row_side *side, int64_t index) {
    if (side->stride >= 0) return index * side->stride;
    int64_t at = 0;
    for (int i = rows->inner_rank - 1; i >= 0; i--) {
        at += index % rows->inner_size[i] * side->inner[i];
        index /= rows->inner_size[i];
    }
    return at;
}

static bool is_class_type(const acn_row_side *side) {
    return (side->klass == ACN_K_F32 && side->dtype == ACN_F32) ||
           (side->klass == ACN_K_F64 && side->dtype == ACN_F64) ||
           (side->klass == ACN_K_C64 && side->dtype == ACN_C64);
}

/* Sizes are spelled out so that each copy is one move. */
static void gather(const acn_rows *rows, const acn_row_side *side, const char *row, int64_t from,
                   int64_t n, char *to) {
    for (int64_t i = 0; i < n; i++) {
        const char *at = row + inner_offset(rows, side, from + i) * side->bytes;
        if (side->bytes == 4)
            memcpy(to + 4 * i, at, 4);
        else if (side->bytes == 2)
            memcpy(to + 2 * i, at, 2);
        else
            memcpy(to + side->bytes * i, at, (size_t)side->bytes);
    }
}

static void scatter(const acn_rows *rows, const acn_row_side *side, char *row, int64_t from,
                    int64_t n, const char *tile) {
    for (int64_t i = 0; i < n; i++) {
        char *at = row + inner_offset(rows, side, from + i) * side->bytes;
        if (side->bytes == 4)
            memcpy(at, tile + 4 * i, 4);
        else if (side->bytes == 2)
            memcpy(at, tile + 2 * i, 2);
        else
            memcpy(at, tile + side->bytes * i, (size_t)side->bytes);
    }
}

const void *acn_row_load(const acn_rows *rows, const acn_row_side *side, const char *row,
                         int64_t from, int64_t n, acn_row_tile *scratch) {
    const char *source = row + from * side->bytes;
    if (is_class_type(side)) {
        if (side->stride == 1) return source;
        gather(rows, side, row, from, n, (char *)scratch);
        return scratch;
    }
    acn_row_tile packed;
    if (side->stride != 1) {
        gather(rows, side, row, from, n, (char *)&packed);
        source = (const char *)&packed;
    }
    acn_kernels_get()->load[side->dtype][side->klass](scratch, source, n);
    return scratch;
}

void *acn_row_target(const acn_row_side *side, char *row, int64_t from, acn_row_tile *scratch) {
    return side->stride == 1 && is_class_type(side) ? row + from * side->bytes : (char *)scratch;
}

void acn_row_store(const acn_rows *rows, const acn_row_side *side, char *row, int64_t from,
                   int64_t n, const void *tile) {
    char *target = row + from * side->bytes;
    if (tile == target) return;
    acn_row_tile packed;
    const void *source = tile;
    if (!is_class_type(side)) {
        void *to = side->stride == 1 ? (void *)target : (void *)&packed;
        acn_kernels_get()->store[side->dtype][side->klass](to, tile, n);
        source = to;
    }
    if (side->stride != 1)
        scatter(rows, side, row, from, n, source);
    else if (source != target)
        memcpy(target, source, (size_t)(n * side->bytes));
}

void acn_row_splat(acn_class k, acn_row_tile *tile, double value, int64_t n) {
    float narrow = (float)value;
    const void *pattern = k == ACN_K_F32 ? (const void *)&narrow : (const void *)&value;
    acn_kernels_get()->fill(tile, pattern, acn_class_bytes(k), (size_t)n);
}

double acn_row_sum(acn_class k, const void *tile, int64_t n) {
    acn_reduce_fn sum = acn_kernels_get()->reduce[ACN_R_SUM][k];
    double d = 0;
    float f = 0;
    sum(k == ACN_K_F32 ? (void *)&f : (void *)&d, tile, n);
    return k == ACN_K_F32 ? f : d;
}

double acn_row_max(acn_class k, const void *tile, int64_t n, double so_far) {
    acn_reduce_fn max = acn_kernels_get()->reduce[ACN_R_MAX][k];
    double d = so_far;
    float f = (float)so_far;
    max(k == ACN_K_F32 ? (void *)&f : (void *)&d, tile, n);
    return k == ACN_K_F32 ? f : d;
}

typedef struct rows_job {
    const acn_rows *rows;
    void (*run_row)(const void *job, int64_t row);
    const void *job;
} rows_job;

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const rows_job *r = context;
    int64_t first = chunk * r->rows->rows_per_chunk, end = first + r->rows->rows_per_chunk;
    if (end > r->rows->count) end = r->rows->count;
    for (int64_t row = first; row < end; row++)
        r->run_row(r->job, row);
}

void acn_rows_run(const acn_rows *rows, void (*run_row)(const void *job, int64_t row),
                  const void *job) {
    rows_job r = {rows, run_row, job};
    if (rows->length > 0) acn_pool_run(rows->chunks, run_chunk, &r);
}

int64_t acn_row_tile_count(const acn_rows *rows, int64_t from) {
    return rows->length - from < ACN_ROW_TILE ? rows->length - from : ACN_ROW_TILE;
}

acn_status acn_rows_axis(const acn_call *call, int axes_slot, int dim_slot, int rank,
                         int *out_dim) {
    if (call->attr[dim_slot].is_present)
        return acn_wrap_dim(call, dim_slot, acn_attr_int(call, dim_slot), rank, out_dim);
    int64_t count = 0, dim = -1;
    if (call->attr[axes_slot].is_present) {
        const int64_t *axes = acn_attr_ints(call, axes_slot, &count);
        if (count != 1) return acn_bad_attr(call, axes_slot, "expected exactly one axis");
        dim = axes[0];
    }
    return acn_wrap_dim(call, axes_slot, dim, rank, out_dim);
}

/* ---- columns --------------------------------------------------------------------------------- */

bool acn_columns_make(acn_columns *columns, const acn_tensor *t, int dim) {
    uint32_t trailing = 0;
    for (int d = dim + 1; d < t->rank; d++)
        trailing |= 1u << d;
    acn_rows_make(&columns->rows, t, trailing);
    if (columns->rows.length < MIN_COLUMNS) return false;
    columns->length = t->dims[dim];
    columns->tiles = (columns->rows.length + ACN_COLUMN_TILE - 1) / ACN_COLUMN_TILE;
    /* The dimension itself is the last outer one: its steps are counted apart. */
    columns->outer_count = columns->length ? columns->rows.count / columns->length : 0;
    return true;
}

typedef struct columns_job {
    const acn_columns *columns;
    void (*run_tile)(const void *job, int64_t row, int64_t from, int64_t n);
    const void *job;
} columns_job;

static void run_columns(void *context, int64_t chunk, int worker) {
    (void)worker;
    const columns_job *c = context;
    int64_t from = chunk % c->columns->tiles * ACN_COLUMN_TILE;
    int64_t left = c->columns->rows.length - from;
    c->run_tile(c->job, chunk / c->columns->tiles * c->columns->length, from,
                left < ACN_COLUMN_TILE ? left : ACN_COLUMN_TILE);
}

void acn_columns_run(const acn_columns *columns,
                     void (*run_tile)(const void *job, int64_t row, int64_t from, int64_t n),
                     const void *job) {
    columns_job c = {columns, run_tile, job};
    acn_pool_run(columns->outer_count * columns->tiles, run_columns, &c);
}

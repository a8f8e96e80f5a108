/* rows.h - tensors seen as rows, for operators that reduce and then write along some dimensions
 * (softmax, layer norm ...). A row is read and written in tiles of one arithmetic class; kernels
 * see contiguous tiles and never strides or storage types. Rows are independent, and their chunks
 * are fixed, so results do not depend on the number of threads.
 */
#ifndef ACN_OPS_NORM_ROWS_H
#define ACN_OPS_NORM_ROWS_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

enum { ACN_ROW_TILE = 1024 };

/* A tile in registers' format; large enough for any class used here. */
typedef union acn_row_tile {
    float f[ACN_ROW_TILE];
    double d[ACN_ROW_TILE];
} acn_row_tile;

/* The rows of a shape: |count| of them, each of |length| elements. */
typedef struct acn_rows {
    int64_t count, length, rows_per_chunk, chunks;
    int outer_rank, inner_rank;
    int8_t outer_dim[ACN_MAX_DIMS], inner_dim[ACN_MAX_DIMS];
    int64_t outer_size[ACN_MAX_DIMS], inner_size[ACN_MAX_DIMS];
} acn_rows;

/* One tensor over these rows. */
typedef struct acn_row_side {
    acn_dtype dtype;
    acn_class klass;
    int64_t bytes;  /* of an element */
    int64_t stride; /* between neighbours in a row, or -1: several dimensions, see inner */
    int64_t outer[ACN_MAX_DIMS], inner[ACN_MAX_DIMS];
    int64_t row_step; /* between rows, if even; else -1: see outer */
} acn_row_side;

/* |inner|: bit d is set when dimension d belongs to the row. */
void acn_rows_make(acn_rows *rows, const acn_tensor *t, uint32_t inner);
/* The class that both the input's and the output's type compute in: F64 if any is f64, else F32. */
acn_class acn_rows_class(const acn_tensor *x, const acn_tensor *y);
void acn_row_side_make(acn_row_side *side, const acn_rows *rows, const acn_tensor *t,
                       acn_class klass);
/* A side that has only the row's dimensions (weights): the same values for every row. |t| has the
 * inner dimensions, in order. */
void acn_row_side_make_inner(acn_row_side *side, const acn_rows *rows, const acn_tensor *t,
                             acn_class klass);

/* Address of the |row|-th row's first element. */
char *acn_row_at(const acn_rows *rows, const acn_row_side *side, void *data, int64_t row);
/* Elements [from, from + n) of a row as a tile: in place when storage allows, else in |scratch|. */
const void *acn_row_load(const acn_rows *rows, const acn_row_side *side, const char *row,
                         int64_t from, int64_t n, acn_row_tile *scratch);
/* Where to compute elements [from, from + n): the tensor itself when storage allows, else
 * |scratch|; acn_row_store then writes them to the tensor. */
void *acn_row_target(const acn_row_side *side, char *row, int64_t from, acn_row_tile *scratch);
void acn_row_store(const acn_rows *rows, const acn_row_side *side, char *row, int64_t from,
                   int64_t n, const void *tile);

/* Calls |run_row| for every row, on the pool. Nothing happens when rows are empty. */
void acn_rows_run(const acn_rows *rows, void (*run_row)(const void *job, int64_t row),
                  const void *job);
/* Elements of the tile that starts at |from|. */
int64_t acn_row_tile_count(const acn_rows *rows, int64_t from);
/* The one dimension of softmax and its kin: aclnn gives attribute "dim", a number; GE gives
 * attribute "axes", a list of one; without either it is the last. */
acn_status acn_rows_axis(const acn_call *call, int axes_slot, int dim_slot, int rank, int *out_dim);

/* n copies of |value| in the class's type. */
void acn_row_splat(acn_class k, acn_row_tile *tile, double value, int64_t n);
/* Reductions of one tile, for folding over tiles in double. */
double acn_row_sum(acn_class k, const void *tile, int64_t n);
double acn_row_max(acn_class k, const void *tile, int64_t n, double so_far);

/* ---- columns: reducing along a dimension that is not the last ---------------------------------
 *
 * Then neighbouring results lie side by side, and a tile holds one element of each of many
 * columns. In |rows|, a row is one step along the dimension: the dimensions behind it. */
enum { ACN_COLUMN_TILE = 256 };

typedef struct acn_columns {
    acn_rows rows;
    int64_t length;      /* steps of a column; row + i is its i-th */
    int64_t outer_count; /* groups of columns */
    int64_t tiles;       /* a group is cut into */
} acn_columns;

/* False when too few lie side by side for this to be worth it. */
bool acn_columns_make(acn_columns *columns, const acn_tensor *t, int dim);
/* Calls |run_tile| for columns [from, from + n) of each group, whose first row is |row|. */
void acn_columns_run(const acn_columns *columns,
                     void (*run_tile)(const void *job, int64_t row, int64_t from, int64_t n),
                     const void *job);

#endif

/* copy.h - the strided copy that every operator of this folder is made of: any strides, any
 * dtypes, contiguous runs at memcpy's speed, transposes in blocks. Planned once, run many times. */
#ifndef ACN_OPS_COPY_H
#define ACN_OPS_COPY_H

#include "ops/kernels/kernels.h"
#include "ops/layout/walk.h"
#include "ops/op.h"

/* Types that are only moved, never computed with. */
#define ACN_MOVABLE (ACN_ALL | ACN_T(ACN_U16) | ACN_T(ACN_U32) | ACN_T(ACN_U64) | ACN_T(ACN_C128))

/* How contiguous elements of one dtype become another's: load as a class, cast, store, without the
 * steps that would change nothing. */
typedef struct acn_route {
    acn_convert_fn step[4];
    int steps;
    int64_t to_bytes, from_bytes;
} acn_route;

/* False when there is no way. Equal dtypes have a route, too. */
bool acn_route_find(acn_route *route, acn_dtype to, acn_dtype from);
void acn_route_run(const acn_route *route, void *to, const void *from, int64_t n);

typedef enum acn_copy_mode {
    ACN_COPY_NOTHING,
    ACN_COPY_RUNS,
    ACN_COPY_FILL,
    ACN_COPY_TRANSPOSE,
    ACN_COPY_STRIDED,
    ACN_COPY_CONVERT
} acn_copy_mode;

typedef struct acn_copy {
    acn_walk walk; /* operand 0 is the destination, 1 the source */
    acn_copy_mode mode;
    acn_dtype to, from;
    int64_t to_bytes, from_bytes;
    int levels;                /* of the walk; the rest is the inner loops' */
    int64_t segment, segments; /* the innermost (transpose: second) dimension in pieces */
    int64_t units_per_chunk, chunks;
    bool streams; /* too big for the cache: non-temporal stores */
} acn_copy;

/* |from| is broadcast onto |to|'s shape, which the caller has checked. Fails for pairs of dtypes
 * without a conversion. */
acn_status acn_copy_plan(acn_copy *copy, const acn_tensor *to, const acn_tensor *from);
/* For views that no tensor can express: the walk has operand 0 = destination, 1 = source. */
acn_status acn_copy_plan_walk(acn_copy *copy, const acn_walk *walk, acn_dtype to, acn_dtype from);
void acn_copy_run(const acn_copy *copy, void *to, const void *from);
uint32_t acn_copy_cost_us(const acn_copy *copy);

/* One element, with PyTorch's conversions. */
void acn_convert_element(void *to, acn_dtype to_dtype, const void *from, acn_dtype from_dtype);
/* Level 0 of every copy: element by element, |from| broadcast onto |to|. */
void acn_copy_naive(const acn_tensor *to, const acn_tensor *from);

/* For plans: a view of |t| without dimension |dim|'s extent outside [start, start + count). */
acn_tensor acn_tensor_slice(const acn_tensor *t, int dim, int64_t start, int64_t count);
/* |t| with |rank| dimensions, its shape repeated by stride 0. */
acn_tensor acn_tensor_broadcast(const acn_tensor *t, int rank, const int64_t *dims);

/* ---- operators that are a set of copies ----------------------------------------------------- */

typedef struct acn_move {
    acn_copy copy;
    int to, from;                   /* indices of the call's tensors */
    int64_t to_offset, from_offset; /* in bytes */
} acn_move;

typedef struct acn_moves {
    int count;
    acn_move move[];
} acn_moves;

/* For plan: room for |count| moves as the plan's data; NULL when memory is out. */
acn_moves *acn_moves_alloc(acn_call *c, int count);
/* Plans |to| = |from|, views of the call's tensors number |to_tensor| and |from_tensor|. */
acn_status acn_moves_add(acn_call *c, int to_tensor, const acn_tensor *to, int from_tensor,
                         const acn_tensor *from);
acn_status acn_moves_add_walk(acn_call *c, int to_tensor, int from_tensor, int64_t from_offset,
                              const acn_walk *walk);
acn_status acn_moves_run(acn_call *c);

/* Level 0 of those operators: for the element |index| of output |output|, gives the input tensor
 * and the index in it that it comes from. */
typedef const acn_tensor *(*acn_origin_fn)(const acn_call *c, int output, const int64_t *index,
                                           int64_t *from_index);
acn_status acn_moves_run0(acn_call *c, acn_origin_fn origin);
char *acn_tensor_at_index(const acn_tensor *t, const int64_t *index);
/* Row-major |linear| -> one index a dimension. */
void acn_index_of(const acn_tensor *t, int64_t linear, int64_t *index);

/* Statement(s) with T as an unsigned type of |bytes| bytes. */
typedef struct acn_u128 {
    uint64_t part[2];
} acn_u128;
#define ACN_BY_BYTES(bytes, T, ...)                                                                \
    do {                                                                                           \
        switch (bytes) {                                                                           \
        case 1: {                                                                                  \
            typedef uint8_t T;                                                                     \
            __VA_ARGS__;                                                                           \
        } break;                                                                                   \
        case 2: {                                                                                  \
            typedef uint16_t T;                                                                    \
            __VA_ARGS__;                                                                           \
        } break;                                                                                   \
        case 4: {                                                                                  \
            typedef uint32_t T;                                                                    \
            __VA_ARGS__;                                                                           \
        } break;                                                                                   \
        case 8: {                                                                                  \
            typedef uint64_t T;                                                                    \
            __VA_ARGS__;                                                                           \
        } break;                                                                                   \
        default: {                                                                                 \
            typedef acn_u128 T;                                                                    \
            __VA_ARGS__;                                                                           \
        } break;                                                                                   \
        }                                                                                          \
    } while (0)

#endif

/* draw.h - filling a tensor with random numbers: element i, in row-major order, is a function of
 * (seed, offset, i) and the distribution, whatever the strides and the number of threads. */
#ifndef ACN_OPS_RANDOM_DRAW_H
#define ACN_OPS_RANDOM_DRAW_H

#include "ops/norm/rows.h"
#include "ops/random/philox.h"

/* A tile of results. */
typedef union acn_draw_tile {
    float f[ACN_ROW_TILE];
    double d[ACN_ROW_TILE];
    int64_t i[ACN_ROW_TILE];
    acn_row_tile rows;
} acn_draw_tile;

/* What a distribution is called with. */
typedef struct acn_draw {
    const acn_call *call;
    acn_tensor y; /* complex numbers count as pairs of f32: a last dimension of 2 */
    acn_philox random;
    acn_class klass; /* in which results are given: F32, F64 or I64 */
    double a, b;     /* the distribution's own, prepared once a run */
    int64_t from;
    uint64_t range;
    bool is_complex;
} acn_draw;

/* Elements [first, first + n) of the sequence into |tile|; first is a multiple of 4. */
typedef void (*acn_draw_fn)(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile);

/* Runs |fill| over all of output 0, on the pool. */
void acn_draw_run(acn_draw *draw, acn_draw_fn fill);
/* Level 0: |element| gives element i by itself. */
void acn_draw_run0(const acn_draw *draw, acn_value (*element)(const acn_draw *draw, int64_t i));

/* Every random operator's first attributes; |shape| is for those whose output has no other. */
enum { ACN_DRAW_SEED, ACN_DRAW_OFFSET, ACN_DRAW_SHAPE, ACN_DRAW_OWN };
#define ACN_DRAW_ATTRS                                                                             \
    {.name = "seed", .kind = ACN_ATTR_INT, .is_value = true},                                      \
        {.name = "offset", .kind = ACN_ATTR_INT, .is_value = true}, {                              \
        .name = "shape", .kind = ACN_ATTR_INTS                                                     \
    }
/* Optional inputs that every random operator has: a captured graph's seed and offset lie on the
 * device, and the offset attribute is added to the latter. */
#define ACN_DRAW_INPUTS                                                                            \
    {.name = "seed_tensor", .dtypes = ACN_INTS, .flags = ACN_OPTIONAL | ACN_UNALIASED}, {          \
        .name = "offset_tensor", .dtypes = ACN_INTS, .flags = ACN_OPTIONAL | ACN_UNALIASED         \
    }
/* What both come to. */
acn_philox acn_draw_seed(const acn_call *call);
acn_draw acn_draw_begin(const acn_call *call);
/* infer for outputs whose shape is the attribute's, or the client's choice. */
acn_status acn_draw_infer(acn_call *call);
acn_status acn_draw_plan(acn_call *call);
/* Word |i| of the sequence. */
uint32_t acn_draw_word(const acn_draw *draw, int64_t i);

#endif

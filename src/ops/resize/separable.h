/* separable.h - the engine of this folder: a map of the last 1 to 3 dimensions of a tensor, given
 * as taps for each. Sums are made in f32, rows first and then along the row; maps that only choose
 * elements move them, whatever their type. */
#ifndef ACN_OPS_RESIZE_SEPARABLE_H
#define ACN_OPS_RESIZE_SEPARABLE_H

#include "ops/layout/stage.h"
#include "ops/resize/taps.h"

typedef struct acn_separable {
    acn_taps taps[3]; /* the last dimension is [2]; those that are not mapped are identities */
    int64_t planes;
    bool moves;   /* elements are chosen */
    size_t bytes; /* of an element, when they are moved */
    acn_stage from, to;
    uint64_t rows, row_bytes; /* workspace: a row of sums for each worker */
    int64_t rows_a_chunk;
} acn_separable;

/* Maps input 0 to output 0 of the call; taps[] and their memory are the caller's and live as long
 * as the plan. */
acn_status acn_separable_plan(acn_call *c, acn_separable *s, int spatial);
void acn_separable_run(const acn_separable *s, acn_call *c);
/* Level 0, in double precision. */
void acn_separable_naive(const acn_call *c, const acn_taps *taps);
/* A tensor's last |spatial| dimensions brought to 3, and the product of the others. */
int64_t acn_separable_dims(const acn_tensor *t, int spatial, int64_t *dims);

#endif

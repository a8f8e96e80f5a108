/* taps.h - one dimension of a separable map between two grids: each output element is a weighted
 * sum of a few input elements. Interpolation of all kinds, padding by reflection, repetition and
 * wrapping, and (transposed) their gradients are all such maps.
 */
#ifndef ACN_OPS_RESIZE_TAPS_H
#define ACN_OPS_RESIZE_TAPS_H

#include "ops/op.h"

typedef struct acn_taps {
    int64_t in, out;
    int32_t *first;  /* [out + 1] */
    int32_t *index;  /* [first[out]], of the input */
    float *weight;   /* the same */
    int32_t uniform; /* taps of every output, when they are equally many */
    bool is_choice;  /* one tap of weight 1 each: elements are moved, not computed */
    /* uniform: tap k of output o at [k * out + o] */
    int32_t *column_index;
    float *column_weight;
} acn_taps;

typedef enum acn_resample_mode {
    ACN_RESAMPLE_NEAREST,
    ACN_RESAMPLE_NEAREST_EXACT,
    ACN_RESAMPLE_LINEAR,
    ACN_RESAMPLE_CUBIC,
    ACN_RESAMPLE_LINEAR_AA,
    ACN_RESAMPLE_CUBIC_AA,
} acn_resample_mode;

typedef enum acn_edge_mode { ACN_EDGE_REFLECT, ACN_EDGE_REPLICATE, ACN_EDGE_WRAP } acn_edge_mode;

/* Memory is |arena|'s. |scale|: output by input size as the client says it; 0 or 1: by the sizes.
 * Positions are PyTorch's. */
acn_status acn_taps_resample(acn_arena *arena, acn_taps *t, acn_resample_mode mode, int64_t in,
                             int64_t out, bool aligns_corners, double scale);
acn_status acn_taps_edge(acn_arena *arena, acn_taps *t, acn_edge_mode mode, int64_t in,
                         int64_t before, int64_t after);
acn_status acn_taps_identity(acn_arena *arena, acn_taps *t, int64_t size);
/* Any other map: begin with room for |taps| of them, then for each output in order next and its
 * taps; end notes what fast paths ask for. */
acn_status acn_taps_begin(acn_arena *arena, acn_taps *t, int64_t in, int64_t out, int64_t taps);
void acn_taps_next(acn_taps *t, int64_t output);
void acn_taps_add(acn_taps *t, int64_t output, int64_t input, float weight);
acn_status acn_taps_end(acn_arena *arena, acn_taps *t);
/* Gradient of |t|: from its outputs to its inputs. */
acn_status acn_taps_transpose(acn_arena *arena, acn_taps *out, const acn_taps *t);

#endif

/* set.h - what a file holds: models of one network, one for each input size that it was made for.
 *
 * Sizes are chosen when it runs. A set of gears has a last input more than the network: the client
 * writes there which gear it wants. An open set has no models at all; they are made from the source
 * model when a size is used for the first time (on_demand.h).
 */
#ifndef ACN_GRAPH_SET_H
#define ACN_GRAPH_SET_H

#include "graph/import/onnx.h"
#include "graph/model.h"

typedef enum acn_set_kind {
    ACN_SET_FIXED, /* one model */
    ACN_SET_BATCH, /* a gear is a batch size */
    ACN_SET_IMAGE, /* a height and a width */
    ACN_SET_DIMS,  /* a number for each open dimension, over all inputs in order */
    ACN_SET_OPEN,  /* any sizes */
    ACN_SET_KINDS
} acn_set_kind;

enum { ACN_MAX_GEARS = 256, ACN_MAX_GEAR_LENGTH = 64 };
#define ACN_GEAR_INPUT "ascend_mbatch_shape_data"

typedef struct acn_model_set {
    acn_set_kind kind;
    const char *name;
    acn_model **models;
    int model_count;
    int64_t *gears;                /* a row for each model */
    int gear_length, gear_numbers; /* of a row, of all */
    /* As clients see them, the gear's input included. */
    acn_model_port *inputs, *outputs;
    int input_count, output_count;
    uint64_t weight_bytes;
    /* Of an open set: the source is the first bytes of the weights. */
    uint64_t source_bytes;
    acn_source_options source_options;
    uint64_t
        *external; /* where in the weights its tensors lie that were in other files, in order */
    int external_count;
    const char *weights; /* not the set's own */
    acn_arena arena;
} acn_model_set;

static inline bool acn_set_has_gears(const acn_model_set *set) {
    return set->kind == ACN_SET_BATCH || set->kind == ACN_SET_IMAGE || set->kind == ACN_SET_DIMS;
}

acn_status acn_set_create(acn_model_set **out);
void acn_set_destroy(acn_model_set *set);
/* Plans all models. */
acn_status acn_set_prepare(acn_model_set *set);
/* The work memory that any of them needs. */
uint64_t acn_set_work_bytes(const acn_model_set *set);
/* The model with the most work, which is used when nothing was chosen. */
int acn_set_largest(const acn_model_set *set);
/* The model of a gear, or -1. */
int acn_set_find_gear(const acn_model_set *set, const int64_t *gear);

#endif

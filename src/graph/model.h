/* model.h - a network that is ready to run: calls in order, and where each tensor lies.
 *
 * All memory is planned once. Tensors lie in one of four places: the work memory, which values
 * share when their lives do not overlap; the weights; an input; an output. A run writes addresses
 * into calls whose plans were made when the model was, and runs them one after the other.
 */
#ifndef ACN_GRAPH_MODEL_H
#define ACN_GRAPH_MODEL_H

#include "base/arena.h"
#include "ops/op.h"

typedef enum acn_place_kind {
    ACN_IN_WORK,
    ACN_IN_WEIGHTS,
    ACN_IN_INPUT,
    ACN_IN_OUTPUT,
    ACN_PLACES
} acn_place_kind;

typedef struct acn_place {
    uint8_t kind;
    int32_t index; /* of an input or output */
    int64_t offset_bytes;
} acn_place;

/* Whether an input's images go through Aipp first, and where its parameters come from. */
typedef enum acn_port_images {
    ACN_IMAGES_NONE,
    ACN_IMAGES_FIXED,
    ACN_IMAGES_GIVEN, /* by another input */
} acn_port_images;

/* An input or output as a client sees it: contiguous. */
typedef struct acn_model_port {
    const char *name;
    acn_dtype dtype;
    int rank;
    int64_t dims[ACN_MAX_DIMS];     /* -1 where a set's models differ */
    int64_t range[ACN_MAX_DIMS][2]; /* of an open dimension; the second is -1: any size */
    uint64_t bytes;                 /* of the largest model of a set; 0 when nothing bounds it */
    /* An input of images: what the network sees of it. */
    acn_port_images images;
    int images_params; /* the input that brings the parameters */
    int seen_rank;
    int64_t seen_dims[ACN_MAX_DIMS];
} acn_model_port;

/* The port of a tensor whose sizes are known. */
acn_model_port acn_port_of(const char *name, const acn_tensor *tensor);

typedef struct acn_model_step {
    const char *name; /* the node's */
    acn_call call;
    acn_place *place; /* of each tensor */
} acn_model_step;

typedef struct acn_model {
    const char *name;
    acn_model_port *inputs, *outputs;
    int input_count, output_count, step_count;
    acn_model_step *steps;
    /* Work memory: |work_bytes| of tensors, then |scratch_bytes| that operators may use. */
    uint64_t work_bytes, scratch_bytes, weight_bytes;
    const char *weights; /* not the model's own */
    acn_arena arena;
} acn_model;

/* An empty one, for its maker to fill. */
acn_status acn_model_create(acn_model **out);
/* Makes every call's plan. */
acn_status acn_model_prepare(acn_model *model);
/* Runs everything on this thread. Outputs whose size follows from data have their true one
 * afterwards, and are contiguous. |work| has work_bytes + scratch_bytes. One run at a time: calls
 * hold addresses. */
acn_status acn_model_run(acn_model *model, char *work, void *const *inputs, void *const *outputs);
/* The same, and adds to |step_ns| what each step took; NULL: that is not measured. */
acn_status acn_model_run_timed(acn_model *model, char *work, void *const *inputs,
                               void *const *outputs, uint64_t *step_ns);
void acn_model_destroy(acn_model *model);

#endif

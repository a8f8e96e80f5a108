/* layers.h - what LSTM and GRU over several layers and both directions share: the shapes of a call,
 * and one layer's operands in the workspace. */
#ifndef ACN_OPS_RNN_LAYERS_H
#define ACN_OPS_RNN_LAYERS_H

#include "ops/rnn/rnn.h"
#include "ops/rnn/room.h"

/* Attributes of all these operators, in this order. */
#define ACN_LAYERS_ATTRS                                                                           \
    {.name = "has_biases", .kind = ACN_ATTR_BOOL, .fallback = 1},                                  \
        {.name = "num_layers", .kind = ACN_ATTR_INT, .fallback = 1},                               \
        {.name = "dropout", .kind = ACN_ATTR_FLOAT}, {.name = "train", .kind = ACN_ATTR_BOOL},     \
        {.name = "bidirectional", .kind = ACN_ATTR_BOOL}, {                                        \
        .name = "batch_first", .kind = ACN_ATTR_BOOL                                               \
    }

/* Input slots of an operator; -1 where it has none. */
typedef struct acn_layers_slots {
    int8_t x, params, hx, batch_sizes;
} acn_layers_slots;

typedef struct acn_layers {
    bool is_gru, has_biases, batch_first, is_packed;
    int64_t count, directions, steps, batch, input, hidden;
    acn_layers_slots slots;
} acn_layers;

/* Checks sizes of the call's inputs. */
acn_status acn_layers_read(const acn_call *call, bool is_gru, acn_layers_slots slots,
                           acn_layers *out);
/* The class to compute in. */
acn_class acn_layers_class(const acn_call *call, const acn_layers *l);

/* x as [steps, batch, width], whatever the client's order; |t| may also be y or a gradient. */
acn_tensor acn_layers_sequence(const acn_layers *l, const acn_tensor *t);
/* The part of a sequence (or of what is shaped as one) of direction |d|. */
acn_tensor acn_layers_part(const acn_layers *l, const acn_tensor *sequence, int64_t d);
/* [batch, hidden] of layer and direction |index| in [layers * directions, batch, hidden]. */
acn_tensor acn_layers_state(const acn_tensor *states, int64_t index);

/* One byte for each step and sample, or NULL when all samples are whole. */
const uint8_t *acn_layers_active(const acn_call *call, const acn_layers *l, acn_room *room);
/* Weights, biases, first states of layer |layer|, direction |d|, whose input is |x|. Buffers for
 * states and kept values are the caller's to fill in. */
acn_rnn acn_layers_one(const acn_call *call, const acn_layers *l, acn_room *room, int64_t layer,
                       int64_t d, const void *x, const uint8_t *active);
/* |h| of the sequence, zeros beyond a sample's end, to |to|. */
void acn_layers_give(const acn_layers *l, acn_room *room, const acn_tensor *to, const void *h,
                     const uint8_t *active);

#endif

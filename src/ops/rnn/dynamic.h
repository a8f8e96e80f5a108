/* dynamic.h - the recurrent operators of the graph engine (DynamicRNN, DynamicGRUV2 and their
 * gradients): one layer, one direction, weights as columns in an order that an attribute names. */
#ifndef ACN_OPS_RNN_DYNAMIC_H
#define ACN_OPS_RNN_DYNAMIC_H

#include "ops/rnn/rnn.h"
#include "ops/rnn/room.h"

/* Slots of an operator; -1 where it has none. An LSTM has one weight for x and h, one bias. */
typedef struct acn_dynamic_slots {
    bool is_gru;
    int8_t x, w_x, w_h, b_x, b_h, lengths, h0, c0;
    int8_t direction, gate_order; /* attributes */
} acn_dynamic_slots;

typedef struct acn_dynamic {
    const acn_dynamic_slots *slots;
    int64_t steps, batch, input, hidden;
    bool is_backward;
    int8_t place[4]; /* where gate k of the engine (i f j o; r z n) lies in the weight's columns */
} acn_dynamic;

acn_status acn_dynamic_read(const acn_call *call, const acn_dynamic_slots *slots, acn_dynamic *out);
/* Checks that input |slot| has |count| elements, if it is there. */
acn_status acn_dynamic_check(const acn_call *call, int slot, int64_t count);
acn_class acn_dynamic_class(const acn_call *call, const acn_dynamic *d);

/* The layer's operands; buffers for what it makes are the caller's to fill in. */
acn_rnn acn_dynamic_one(const acn_call *call, const acn_dynamic *d, acn_room *room);
/* Gradients of the engine, [gates * hidden, rows], as columns of |to| from its row |first| on. */
void acn_dynamic_give_weight(const acn_dynamic *d, const acn_room *room, const acn_tensor *to,
                             int64_t first, int64_t rows, const void *gradient);
void acn_dynamic_give_bias(const acn_dynamic *d, const acn_room *room, const acn_tensor *to,
                           const void *gradient);
/* Input |slot| when it has elements and is not the 0-d tensor that clients give for nothing. */
const acn_tensor *acn_dynamic_in(const acn_call *call, int slot);

#endif

/* rnn.h - one direction of one recurrent layer, over all steps: what every LSTM and GRU operator is
 * made of. All buffers are contiguous and of one class (F32 or F64).
 *
 *   gates[t] = x[t] W_x^T + b_x   for all steps in one product, then step by step
 *   hidden   = h[t-1] W_h^T + b_h, and the cell: new states from both.
 *
 * A sample may be shorter than the longest: steps beyond its end leave its state alone and give
 * zeros. Walking backwards in time starts each sample at its own end. */
#ifndef ACN_OPS_RNN_RNN_H
#define ACN_OPS_RNN_RNN_H

#include "ops/kernels/kernels.h"
#include "ops/kernels/rnn.h"
#include "ops/op.h"

/* A weight in the class's type: element (gate row, column). */
typedef struct acn_rnn_weight {
    const void *data;
    int64_t row, col; /* strides in elements */
} acn_rnn_weight;

enum { ACN_LSTM_STEPS = 5, ACN_GRU_STEPS = 4 };

typedef struct acn_rnn {
    bool is_gru;
    acn_class klass;
    int64_t steps, batch, input, hidden;
    bool is_backward; /* in time */
    /* active[t * batch + b]: sample b has step t; NULL: all have. */
    const uint8_t *active;
    const void *x;              /* [steps, batch, input] */
    acn_rnn_weight w_x, w_h;    /* [gates * hidden, input], [gates * hidden, hidden] */
    const void *b_x, *b_h;      /* [gates * hidden]; NULL: none */
    const void *h0, *c0;        /* [batch, hidden] */
    void *h, *c;                /* [steps, batch, hidden]; c for LSTM */
    void *kept[ACN_LSTM_STEPS]; /* [steps, batch, hidden]: i j f o tanhc; r z n hn */
} acn_rnn;

/* Gradients. Absent ones are NULL and not computed. */
typedef struct acn_rnn_grad {
    const void *dy;    /* [steps, batch, hidden] */
    void *dh, *dc;     /* in: of the last states; out: of h0 and c0; [batch, hidden] */
    void *dx;          /* [steps, batch, input] */
    void *dw_x, *dw_h; /* as contiguous [gates * hidden, ...] */
    void *db_x, *db_h;
} acn_rnn_grad;

static inline int64_t acn_rnn_gates(const acn_rnn *r) { return r->is_gru ? 3 : 4; }

/* Both, forward and gradient, need this much room. Ask on the thread that runs. */
uint64_t acn_rnn_workspace_bytes(const acn_rnn *r);
void acn_rnn_forward(const acn_rnn *r, void *workspace);
void acn_rnn_backward(const acn_rnn *r, const acn_rnn_grad *g, void *workspace);
uint32_t acn_rnn_cost_us(const acn_rnn *r);

/* Level 0: plain scalar C. The class is F64; |room| has batch * hidden elements. */
void acn_rnn_forward0(const acn_rnn *r);
void acn_rnn_backward0(const acn_rnn *r, const acn_rnn_grad *g, double *room);

/* Where h (c) of the step before |t| is, in the direction of the walk. */
const char *acn_rnn_before(const acn_rnn *r, const void *states, const void *first, int64_t t);

#endif

/* rnn.h - kernels of recurrent cells: what lies between the matrix products, for one sample, in the
 * class's type. n is the hidden size; gates lie one after the other, n apart. */
#ifndef ACN_OPS_KERNELS_RNN_H
#define ACN_OPS_KERNELS_RNN_H

#include "ops/kernels/kernels.h"

/* Pointers to n elements each. */
typedef struct acn_lstm_saved {
    void *i, *j, *f, *o, *tanhc; /* after their activations; j is the candidate */
} acn_lstm_saved;

typedef struct acn_gru_saved {
    void *r, *z, *n, *hn; /* hn: the hidden part of the candidate, before r scales it */
} acn_gru_saved;

struct acn_rnn_kernels {
    /* c = f c_prev + i j;  tanhc = c (its tanh is the caller's) */
    void (*lstm_cell)(void *c, const acn_lstm_saved *s, const void *c_prev, int64_t n);
    /* Gradients of the gates before their activations, in order i f j o, and of c_prev; dc comes
     * in as the gradient of c and is overwritten. */
    void (*lstm_grad)(void *gates, void *dc, const void *dh, const acn_lstm_saved *s,
                      const void *c_prev, int64_t n);
    /* h = n + z (h_prev - n) */
    void (*gru_cell)(void *h, const acn_gru_saved *s, const void *h_prev, int64_t n);
    /* Gradients of the gates of the input and of the hidden state, in order r z n; dh becomes what
     * goes straight to h_prev. */
    void (*gru_grad)(void *input, void *hidden, void *dh, const acn_gru_saved *s,
                     const void *h_prev, int64_t n);
};

#endif

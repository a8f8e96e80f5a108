/* rnn.c - see rnn.h. */
#include "ops/kernels/rnn.h"
#include "ops/kernels/loops.h"

#define DEFINE_RNN(klass, type)                                                                    \
    static void klass##_lstm_cell(void *c_, const acn_lstm_saved *s, const void *c_prev_,          \
                                  int64_t n) {                                                     \
        const type *i = s->i, *j = s->j, *f = s->f, *prev = c_prev_;                               \
        type *c = c_, *copy = s->tanhc;                                                            \
        ACN_LOOP(at, n) {                                                                          \
            type next = f[at] * prev[at] + i[at] * j[at];                                          \
            c[at] = next;                                                                          \
            copy[at] = next;                                                                       \
        }                                                                                          \
    }                                                                                              \
    static void klass##_lstm_grad(void *gates_, void *dc_, const void *dh_,                        \
                                  const acn_lstm_saved *s, const void *c_prev_, int64_t n) {       \
        const type *i = s->i, *j = s->j, *f = s->f, *o = s->o, *t = s->tanhc, *prev = c_prev_;     \
        const type *dh = dh_;                                                                      \
        type *dc = dc_, *di = gates_, *df = di + n, *dj = df + n, *d_o = dj + n;                   \
        ACN_LOOP(at, n) {                                                                          \
            type all = dc[at] + dh[at] * o[at] * (1 - t[at] * t[at]);                              \
            d_o[at] = dh[at] * t[at] * o[at] * (1 - o[at]);                                        \
            di[at] = all * j[at] * i[at] * (1 - i[at]);                                            \
            df[at] = all * prev[at] * f[at] * (1 - f[at]);                                         \
            dj[at] = all * i[at] * (1 - j[at] * j[at]);                                            \
            dc[at] = all * f[at];                                                                  \
        }                                                                                          \
    }                                                                                              \
    static void klass##_gru_cell(void *h_, const acn_gru_saved *s, const void *h_prev_,            \
                                 int64_t n) {                                                      \
        const type *z = s->z, *new = s->n, *prev = h_prev_;                                        \
        type *h = h_;                                                                              \
        ACN_LOOP(at, n) { h[at] = new[at] + z[at] * (prev[at] - new[at]); }                        \
    }                                                                                              \
    static void klass##_gru_grad(void *input_, void *hidden_, void *dh_, const acn_gru_saved *s,   \
                                 const void *h_prev_, int64_t n) {                                 \
        const type *r = s->r, *z = s->z, *new = s->n, *hn = s->hn, *prev = h_prev_;                \
        type *dh = dh_, *ir = input_, *iz = ir + n, *in = iz + n;                                  \
        type *hr = hidden_, *hz = hr + n, *h_n = hz + n;                                           \
        ACN_LOOP(at, n) {                                                                          \
            type d_new = dh[at] * (1 - z[at]) * (1 - new[at] * new[at]);                           \
            type dz = dh[at] * (prev[at] - new[at]) * z[at] * (1 - z[at]);                         \
            type dr = d_new * hn[at] * r[at] * (1 - r[at]);                                        \
            in[at] = d_new, iz[at] = dz, ir[at] = dr;                                              \
            h_n[at] = d_new * r[at], hz[at] = dz, hr[at] = dr;                                     \
            dh[at] = dh[at] * z[at];                                                               \
        }                                                                                          \
    }

DEFINE_RNN(f32, float)
DEFINE_RNN(f64, double)

extern const acn_rnn_kernels ACN_KERNEL(rnn)[2];
const acn_rnn_kernels ACN_KERNEL(rnn)[2] = {
    [ACN_K_F32] = {f32_lstm_cell, f32_lstm_grad, f32_gru_cell, f32_gru_grad},
    [ACN_K_F64] = {f64_lstm_cell, f64_lstm_grad, f64_gru_cell, f64_gru_grad},
};

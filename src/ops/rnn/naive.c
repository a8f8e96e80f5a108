/* naive.c - recurrent layers in plain scalar C and double: level 0. The class must be F64. */
#include "ops/rnn/rnn.h"
#include <math.h>
#include <string.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double at(acn_rnn_weight w, int64_t row, int64_t col) {
    return ((const double *)w.data)[row * w.row + col * w.col];
}
static double bias(const void *b, int64_t i) { return b ? ((const double *)b)[i] : 0; }
static int64_t step_at(const acn_rnn *r, int64_t i) {
    return r->is_backward ? r->steps - 1 - i : i;
}
static bool is_active(const acn_rnn *r, int64_t step, int64_t row) {
    return !r->active || r->active[step * r->batch + row];
}

/* The input's and the hidden state's part of one gate of one unit. */
static double input_part(const acn_rnn *r, int64_t step, int64_t row, int64_t unit) {
    const double *x = (const double *)r->x + (step * r->batch + row) * r->input;
    double sum = bias(r->b_x, unit);
    for (int64_t i = 0; i < r->input; i++)
        sum += x[i] * at(r->w_x, unit, i);
    return sum;
}
static double hidden_part(const acn_rnn *r, const double *h, int64_t unit) {
    double sum = bias(r->b_h, unit);
    for (int64_t i = 0; i < r->hidden; i++)
        sum += h[i] * at(r->w_h, unit, i);
    return sum;
}

void acn_rnn_forward0(const acn_rnn *r) {
    int64_t n = r->hidden;
    for (int64_t i = 0; i < r->steps * r->batch; i++) {
        int64_t step = step_at(r, i / r->batch), row = i % r->batch,
                to = (step * r->batch + row) * n;
        const double *h = (const double *)acn_rnn_before(r, r->h, r->h0, step) + row * n;
        const double *c = (const double *)acn_rnn_before(r, r->c, r->c0, step) + row * n;
        double *const *kept = (double *const *)r->kept;
        for (int64_t u = 0; u < n; u++) {
            double part[4] = {0}, x[4] = {0}, y[4] = {0};
            for (int g = 0; g < acn_rnn_gates(r); g++) {
                x[g] = input_part(r, step, row, g * n + u);
                y[g] = hidden_part(r, h, g * n + u);
                part[g] = x[g] + y[g];
            }
            double *new_h = (double *)r->h + to + u, *new_c = r->c ? (double *)r->c + to + u : NULL;
            if (!is_active(r, step, row)) {
                *new_h = h[u];
                if (new_c) *new_c = c[u];
                for (int k = 0; k < (r->is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS); k++)
                    kept[k][to + u] = 0;
            } else if (r->is_gru) {
                double reset = sigmoid(part[0]), z = sigmoid(part[1]);
                double candidate = tanh(x[2] + reset * y[2]);
                kept[0][to + u] = reset, kept[1][to + u] = z;
                kept[2][to + u] = candidate, kept[3][to + u] = y[2];
                *new_h = (1 - z) * candidate + z * h[u];
            } else {
                double in = sigmoid(part[0]), forget = sigmoid(part[1]), out = sigmoid(part[3]);
                double candidate = tanh(part[2]);
                *new_c = forget * c[u] + in * candidate;
                kept[0][to + u] = in, kept[1][to + u] = candidate, kept[2][to + u] = forget;
                kept[3][to + u] = out, kept[4][to + u] = tanh(*new_c);
                *new_h = out * tanh(*new_c);
            }
        }
    }
}

/* Gradients of one unit's gates before their activations: of the input's part and of the hidden
 * state's; dh and dc become what goes to the states before without passing through gates. */
static void unit_grad(const acn_rnn *r, int64_t to, double h, double c, double *dh, double *dc,
                      double input[4], double hidden[4]) {
    double *const *kept = (double *const *)r->kept;
    if (r->is_gru) {
        double reset = kept[0][to], z = kept[1][to], candidate = kept[2][to];
        input[2] = *dh * (1 - z) * (1 - candidate * candidate);
        input[1] = *dh * (h - candidate) * z * (1 - z);
        input[0] = input[2] * kept[3][to] * reset * (1 - reset);
        hidden[0] = input[0], hidden[1] = input[1], hidden[2] = input[2] * reset;
        *dh *= z;
        return;
    }
    double in = kept[0][to], candidate = kept[1][to], forget = kept[2][to], out = kept[3][to];
    double t = kept[4][to], all = *dc + *dh * out * (1 - t * t);
    input[0] = all * candidate * in * (1 - in);
    input[1] = all * c * forget * (1 - forget);
    input[2] = all * in * (1 - candidate * candidate);
    input[3] = *dh * t * out * (1 - out);
    memcpy(hidden, input, 4 * sizeof *input);
    *dc = all * forget;
    *dh = 0;
}

/* What gate |unit| of one sample and step adds to weights, biases and dx. */
static void spread_input(const acn_rnn *r, const acn_rnn_grad *g, int64_t step, int64_t row,
                         int64_t unit, double d) {
    int64_t at_x = (step * r->batch + row) * r->input;
    for (int64_t i = 0; i < r->input; i++) {
        if (g->dx) ((double *)g->dx)[at_x + i] += d * at(r->w_x, unit, i);
        if (g->dw_x)
            ((double *)g->dw_x)[unit * r->input + i] += d * ((const double *)r->x)[at_x + i];
    }
    if (g->db_x) ((double *)g->db_x)[unit] += d;
}
static void spread_hidden(const acn_rnn *r, const acn_rnn_grad *g, const double *h, double *dh,
                          int64_t unit, double d) {
    for (int64_t i = 0; i < r->hidden; i++) {
        dh[i] += d * at(r->w_h, unit, i);
        if (g->dw_h) ((double *)g->dw_h)[unit * r->hidden + i] += d * h[i];
    }
    if (g->db_h) ((double *)g->db_h)[unit] += d;
}

static void clear(void *to, int64_t count) {
    if (to) memset(to, 0, (size_t)count * sizeof(double));
}

/* |room|: [batch, hidden] doubles. */
void acn_rnn_backward0(const acn_rnn *r, const acn_rnn_grad *g, double *room) {
    int64_t n = r->hidden, wide = acn_rnn_gates(r) * n;
    clear(g->dx, r->steps * r->batch * r->input);
    clear(g->dw_x, wide * r->input);
    clear(g->dw_h, wide * n);
    clear(g->db_x, wide);
    clear(g->db_h, wide);
    for (int64_t i = r->steps * r->batch - 1; i >= 0; i--) {
        int64_t step = step_at(r, i / r->batch), row = i % r->batch,
                to = (step * r->batch + row) * n;
        const double *h = (const double *)acn_rnn_before(r, r->h, r->h0, step) + row * n;
        const double *c = (const double *)acn_rnn_before(r, r->c, r->c0, step) + row * n;
        double *dh = (double *)g->dh + row * n, *dc = g->dc ? (double *)g->dc + row * n : NULL;
        double *through = room + row * n; /* what comes back through the gates */
        if (!is_active(r, step, row)) continue;
        clear(through, n);
        for (int64_t u = 0; u < n; u++) {
            double input[4], hidden[4];
            if (g->dy) dh[u] += ((const double *)g->dy)[to + u];
            unit_grad(r, to + u, h[u], r->c ? c[u] : 0, &dh[u], dc ? &dc[u] : NULL, input, hidden);
            for (int k = 0; k < acn_rnn_gates(r); k++) {
                spread_input(r, g, step, row, k * n + u, input[k]);
                spread_hidden(r, g, h, through, k * n + u, hidden[k]);
            }
        }
        for (int64_t u = 0; u < n; u++)
            dh[u] += through[u];
    }
}

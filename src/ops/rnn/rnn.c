/* rnn.c - see rnn.h. */
#include "ops/rnn/rnn.h"
#include "base/pool.h"
#include "ops/kernels/gemm.h"
#include <string.h>

enum { ALIGN = 64, ROW_ELEMENTS = 8192 };

static int64_t bytes_of(const acn_rnn *r) { return (int64_t)acn_class_bytes(r->klass); }
static acn_dtype dtype_of(const acn_rnn *r) { return r->klass == ACN_K_F64 ? ACN_F64 : ACN_F32; }
static int64_t wide(const acn_rnn *r) { return acn_rnn_gates(r) * r->hidden; }
static const acn_rnn_kernels *kernels(const acn_rnn *r) {
    return &acn_kernels_get()->rnn[r->klass];
}

/* The step that the walk visits |i|-th. */
static int64_t step_at(const acn_rnn *r, int64_t i) {
    return r->is_backward ? r->steps - 1 - i : i;
}

const char *acn_rnn_before(const acn_rnn *r, const void *states, const void *first, int64_t t) {
    int64_t before = r->is_backward ? t + 1 : t - 1;
    if (before < 0 || before == r->steps) return first;
    return (const char *)states + before * r->batch * r->hidden * bytes_of(r);
}

/* ---- products -------------------------------------------------------------------------------- */

/* C (m, n) = A (m, k) B (k, n) + beta C */
static acn_gemm product(const acn_rnn *r, int64_t m, int64_t n, int64_t k, acn_gemm_matrix a,
                        acn_gemm_matrix b, double beta) {
    return (acn_gemm){.m = m,
                      .n = n,
                      .k = k,
                      .dtype = dtype_of(r),
                      .c_dtype = dtype_of(r),
                      .a = a,
                      .b = b,
                      .c = {n, 1, {0}},
                      .alpha = 1,
                      .beta = beta};
}

static acn_gemm_matrix rows_of(int64_t length) { return (acn_gemm_matrix){length, 1, {0}}; }
static acn_gemm_matrix columns_of(int64_t length) { return (acn_gemm_matrix){1, length, {0}}; }
static acn_gemm_matrix weight(acn_rnn_weight w) { return (acn_gemm_matrix){w.row, w.col, {0}}; }
static acn_gemm_matrix turned(acn_rnn_weight w) { return (acn_gemm_matrix){w.col, w.row, {0}}; }

typedef struct products {
    acn_gemm all_gates;          /* x W_x^T */
    acn_gemm hidden_gates;       /* h W_h^T, one step */
    acn_gemm dx, dh, dw_x, dw_h; /* dw_h of all steps but the first ... */
    acn_gemm dw_first;           /* ... and of the first, which has h0 */
} products;

static products products_of(const acn_rnn *r) {
    int64_t all = r->steps * r->batch, w = wide(r);
    products p;
    p.all_gates = product(r, all, w, r->input, rows_of(r->input), turned(r->w_x), 0);
    p.hidden_gates = product(r, r->batch, w, r->hidden, rows_of(r->hidden), turned(r->w_h), 0);
    p.dx = product(r, all, r->input, w, rows_of(w), weight(r->w_x), 0);
    p.dh = product(r, r->batch, r->hidden, w, rows_of(w), weight(r->w_h), 1);
    p.dw_x = product(r, w, r->input, all, columns_of(w), rows_of(r->input), 0);
    p.dw_h =
        product(r, w, r->hidden, (r->steps - 1) * r->batch, columns_of(w), rows_of(r->hidden), 1);
    p.dw_first = product(r, w, r->hidden, r->batch, columns_of(w), rows_of(r->hidden), 0);
    return p;
}

/* Two buffers of gates (of the input; of the hidden state), then room for a product. */
typedef struct room {
    char *gates, *hidden, *product;
} room;

static int64_t gates_bytes(const acn_rnn *r) {
    return (r->steps * r->batch * wide(r) * bytes_of(r) + ALIGN - 1) / ALIGN * ALIGN;
}

static room room_of(const acn_rnn *r, void *workspace) {
    char *at = (char *)(((uintptr_t)workspace + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    return (room){at, at + gates_bytes(r), at + 2 * gates_bytes(r)};
}

uint64_t acn_rnn_workspace_bytes(const acn_rnn *r) {
    products p = products_of(r);
    const acn_gemm *each[] = {&p.all_gates, &p.hidden_gates, &p.dx,      &p.dh,
                              &p.dw_x,      &p.dw_h,         &p.dw_first};
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        uint64_t own = acn_gemm_workspace_bytes(each[i]);
        if (own > most) most = own;
    }
    return 2 * (uint64_t)gates_bytes(r) + most + ALIGN;
}

uint32_t acn_rnn_cost_us(const acn_rnn *r) {
    products p = products_of(r);
    uint64_t us = acn_gemm_cost_us(&p.all_gates) +
                  (uint64_t)r->steps * (acn_gemm_cost_us(&p.hidden_gates) + 1);
    return us < 1000000000 ? (uint32_t)us : 1000000000u;
}

/* ---- forward --------------------------------------------------------------------------------- */

/* One step of all samples. */
typedef struct step_job {
    const acn_rnn *r;
    const acn_rnn_grad *g;
    room at;
    int64_t step, rows_per_chunk;
    const char *h_before, *c_before;
} step_job;

static char *state(const acn_rnn *r, void *buffer, int64_t step, int64_t row) {
    return (char *)buffer + (step * r->batch + row) * r->hidden * bytes_of(r);
}

static char *gates_at(const acn_rnn *r, char *buffer, int64_t step, int64_t row) {
    return buffer + (step * r->batch + row) * wide(r) * bytes_of(r);
}

/* to = |code| of the sums of the |gate|-th parts. */
static void gate(const step_job *j, void *to, acn_micro_code code, const char *input,
                 const char *hidden, int index) {
    const acn_rnn *r = j->r;
    const acn_kernels *k = acn_kernels_get();
    int64_t at = index * r->hidden * bytes_of(r);
    k->micro[ACN_U_ADD][r->klass](to, input + at, hidden + at, NULL, r->hidden);
    k->micro[code][r->klass](to, to, NULL, NULL, r->hidden);
}

static acn_lstm_saved lstm_saved(const acn_rnn *r, int64_t step, int64_t row) {
    return (acn_lstm_saved){state(r, r->kept[0], step, row), state(r, r->kept[1], step, row),
                            state(r, r->kept[2], step, row), state(r, r->kept[3], step, row),
                            state(r, r->kept[4], step, row)};
}

static acn_gru_saved gru_saved(const acn_rnn *r, int64_t step, int64_t row) {
    return (acn_gru_saved){state(r, r->kept[0], step, row), state(r, r->kept[1], step, row),
                           state(r, r->kept[2], step, row), state(r, r->kept[3], step, row)};
}

static void lstm_row(const step_job *j, int64_t row, const char *input, const char *hidden) {
    const acn_rnn *r = j->r;
    const acn_kernels *k = acn_kernels_get();
    acn_lstm_saved s = lstm_saved(r, j->step, row);
    int64_t n = r->hidden;
    gate(j, s.i, ACN_U_SIGMOID, input, hidden, 0);
    gate(j, s.f, ACN_U_SIGMOID, input, hidden, 1);
    gate(j, s.j, ACN_U_TANH, input, hidden, 2);
    gate(j, s.o, ACN_U_SIGMOID, input, hidden, 3);
    kernels(r)->lstm_cell(state(r, r->c, j->step, row), &s, j->c_before + row * n * bytes_of(r), n);
    k->micro[ACN_U_TANH][r->klass](s.tanhc, s.tanhc, NULL, NULL, n);
    k->micro[ACN_U_MUL][r->klass](state(r, r->h, j->step, row), s.o, s.tanhc, NULL, n);
}

static void gru_row(const step_job *j, int64_t row, const char *input, const char *hidden) {
    const acn_rnn *r = j->r;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_gru_saved s = gru_saved(r, j->step, row);
    int64_t n = r->hidden, third = 2 * n * bytes_of(r);
    gate(j, s.r, ACN_U_SIGMOID, input, hidden, 0);
    gate(j, s.z, ACN_U_SIGMOID, input, hidden, 1);
    memcpy(s.hn, hidden + third, (size_t)(n * bytes_of(r)));
    micro[ACN_U_FMA][r->klass](s.n, s.r, s.hn, input + third, n);
    micro[ACN_U_TANH][r->klass](s.n, s.n, NULL, NULL, n);
    kernels(r)->gru_cell(state(r, r->h, j->step, row), &s, j->h_before + row * n * bytes_of(r), n);
}

/* A sample without this step keeps its state; what it would have saved counts for nothing. */
static void idle_row(const step_job *j, int64_t row) {
    const acn_rnn *r = j->r;
    size_t bytes = (size_t)(r->hidden * bytes_of(r));
    memcpy(state(r, r->h, j->step, row), j->h_before + row * (int64_t)bytes, bytes);
    if (r->c) memcpy(state(r, r->c, j->step, row), j->c_before + row * (int64_t)bytes, bytes);
    for (int i = 0; i < (r->is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS); i++)
        memset(state(r, r->kept[i], j->step, row), 0, bytes);
}

static bool is_active(const acn_rnn *r, int64_t step, int64_t row) {
    return !r->active || r->active[step * r->batch + row];
}

static void forward_rows(void *context, int64_t chunk, int worker) {
    (void)worker;
    const step_job *j = context;
    const acn_rnn *r = j->r;
    const acn_micro_fn add = acn_kernels_get()->micro[ACN_U_ADD][r->klass];
    int64_t end = (chunk + 1) * j->rows_per_chunk;
    if (end > r->batch) end = r->batch;
    for (int64_t row = chunk * j->rows_per_chunk; row < end; row++) {
        char *input = gates_at(r, j->at.gates, j->step, row);
        char *hidden = gates_at(r, j->at.hidden, 0, row);
        if (!is_active(r, j->step, row)) {
            idle_row(j, row);
            continue;
        }
        if (r->b_x) add(input, input, r->b_x, NULL, wide(r));
        if (r->b_h) add(hidden, hidden, r->b_h, NULL, wide(r));
        if (r->is_gru)
            gru_row(j, row, input, hidden);
        else
            lstm_row(j, row, input, hidden);
    }
}

static void run_rows(step_job *j, acn_chunk_fn run) {
    j->rows_per_chunk = ROW_ELEMENTS / (wide(j->r) + 1) + 1;
    acn_pool_run((j->r->batch + j->rows_per_chunk - 1) / j->rows_per_chunk, run, j);
}

void acn_rnn_forward(const acn_rnn *r, void *workspace) {
    products p = products_of(r);
    step_job j = {.r = r, .at = room_of(r, workspace)};
    if (!r->steps || !r->batch) return;
    acn_gemm_run(&p.all_gates, r->x, r->w_x.data, j.at.gates, j.at.product);
    for (int64_t i = 0; i < r->steps; i++) {
        j.step = step_at(r, i);
        j.h_before = acn_rnn_before(r, r->h, r->h0, j.step);
        j.c_before = acn_rnn_before(r, r->c, r->c0, j.step);
        acn_gemm_run(&p.hidden_gates, j.h_before, r->w_h.data, j.at.hidden, j.at.product);
        run_rows(&j, forward_rows);
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

static void backward_rows(void *context, int64_t chunk, int worker) {
    (void)worker;
    const step_job *j = context;
    const acn_rnn *r = j->r;
    int64_t n = r->hidden, bytes = n * bytes_of(r), end = (chunk + 1) * j->rows_per_chunk;
    if (end > r->batch) end = r->batch;
    for (int64_t row = chunk * j->rows_per_chunk; row < end; row++) {
        char *dh = (char *)j->g->dh + row * bytes;
        char *gates = gates_at(r, j->at.gates, j->step, row);
        char *hidden = r->is_gru ? gates_at(r, j->at.hidden, j->step, row) : gates;
        if (!is_active(r, j->step, row)) {
            memset(gates, 0, (size_t)(wide(r) * bytes_of(r)));
            memset(hidden, 0, (size_t)(wide(r) * bytes_of(r)));
            continue;
        }
        if (j->g->dy)
            acn_kernels_get()->micro[ACN_U_ADD][r->klass](
                dh, dh, (const char *)j->g->dy + (j->step * r->batch + row) * bytes, NULL, n);
        if (r->is_gru) {
            acn_gru_saved s = gru_saved(r, j->step, row);
            kernels(r)->gru_grad(gates, hidden, dh, &s, j->h_before + row * bytes, n);
        } else {
            acn_lstm_saved s = lstm_saved(r, j->step, row);
            kernels(r)->lstm_grad(gates, (char *)j->g->dc + row * bytes, dh, &s,
                                  j->c_before + row * bytes, n);
            memset(dh, 0, (size_t)bytes); /* all of it went through the gates */
        }
    }
}

/* to = the sums over all steps and samples, in fixed order. */
static void sum_rows(const acn_rnn *r, void *to, const char *gates) {
    acn_micro_fn add = acn_kernels_get()->micro[ACN_U_ADD][r->klass];
    memset(to, 0, (size_t)(wide(r) * bytes_of(r)));
    for (int64_t i = 0; i < r->steps * r->batch; i++)
        add(to, to, gates + i * wide(r) * bytes_of(r), NULL, wide(r));
}

/* dW_h: each step's gates with the state that came before it. */
static void hidden_weights(const acn_rnn *r, const acn_rnn_grad *g, const products *p,
                           const char *gates, void *work) {
    int64_t step_bytes = r->batch * r->hidden * bytes_of(r), first = step_at(r, 0);
    int64_t gates_step = r->batch * wide(r) * bytes_of(r);
    acn_gemm_run(&p->dw_first, gates + first * gates_step, r->h0, g->dw_h, work);
    if (r->steps < 2) return;
    const char *later = r->is_backward ? gates : gates + gates_step;
    const char *before = (const char *)r->h + (r->is_backward ? step_bytes : 0);
    acn_gemm_run(&p->dw_h, later, before, g->dw_h, work);
}

void acn_rnn_backward(const acn_rnn *r, const acn_rnn_grad *g, void *workspace) {
    products p = products_of(r);
    step_job j = {.r = r, .g = g, .at = room_of(r, workspace)};
    char *hidden = r->is_gru ? j.at.hidden : j.at.gates;
    for (int64_t i = r->steps - 1; i >= 0 && r->batch; i--) {
        j.step = step_at(r, i);
        j.h_before = acn_rnn_before(r, r->h, r->h0, j.step);
        j.c_before = acn_rnn_before(r, r->c, r->c0, j.step);
        run_rows(&j, backward_rows);
        acn_gemm_run(&p.dh, gates_at(r, hidden, j.step, 0), r->w_h.data, g->dh, j.at.product);
    }
    if (g->dx) acn_gemm_run(&p.dx, j.at.gates, r->w_x.data, g->dx, j.at.product);
    if (g->dw_x) acn_gemm_run(&p.dw_x, j.at.gates, r->x, g->dw_x, j.at.product);
    if (g->dw_h) hidden_weights(r, g, &p, hidden, j.at.product);
    if (g->db_x) sum_rows(r, g->db_x, j.at.gates);
    if (g->db_h) sum_rows(r, g->db_h, hidden);
}

/* cell.c - ThnnFusedLstmCell: one step of an LSTM from gates that are already products, and its
 * gradient. The storage holds the gates after their activations, in order i f j o. */
#include "base/pool.h"
#include "ops/kernels/rnn.h"
#include "ops/rnn/room.h"
#include <math.h>
#include <string.h>

enum { ROW_ELEMENTS = 8192 };

static acn_class class_of(const acn_tensor *t) {
    return t->dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
}

typedef struct cell_job {
    acn_class klass;
    int64_t rows, hidden, rows_per_chunk;
    const char *input, *hidden_gates, *cx, *cy, *dh, *dc, *input_bias, *hidden_bias;
    char *gates, *h, *c, *tanhc;
    void (*run_row)(const struct cell_job *j, int64_t row);
} cell_job;

static void run_rows(void *context, int64_t chunk, int worker) {
    (void)worker;
    const cell_job *j = context;
    int64_t end =
        (chunk + 1) * j->rows_per_chunk < j->rows ? (chunk + 1) * j->rows_per_chunk : j->rows;
    for (int64_t row = chunk * j->rows_per_chunk; row < end; row++)
        j->run_row(j, row);
}

static void run_job(cell_job *j) {
    j->rows_per_chunk = ROW_ELEMENTS / (4 * j->hidden + 1) + 1;
    acn_pool_run((j->rows + j->rows_per_chunk - 1) / j->rows_per_chunk, run_rows, j);
}

static acn_lstm_saved saved(const cell_job *j, char *gates, int64_t row) {
    int64_t n = j->hidden * (int64_t)acn_class_bytes(j->klass);
    return (acn_lstm_saved){gates, gates + 2 * n, gates + n, gates + 3 * n, j->tanhc + row * n};
}

static void forward_row(const cell_job *j, int64_t row) {
    const acn_kernels *k = acn_kernels_get();
    int64_t n = j->hidden, bytes = n * (int64_t)acn_class_bytes(j->klass), at = 4 * row * bytes;
    char *gates = j->gates + at;
    acn_micro_fn add = k->micro[ACN_U_ADD][j->klass], sigmoid = k->micro[ACN_U_SIGMOID][j->klass];
    acn_micro_fn tanh_of = k->micro[ACN_U_TANH][j->klass];
    add(gates, j->input + at, j->hidden_gates + at, NULL, 4 * n);
    if (j->input_bias) add(gates, gates, j->input_bias, NULL, 4 * n);
    if (j->hidden_bias) add(gates, gates, j->hidden_bias, NULL, 4 * n);
    acn_lstm_saved s = saved(j, gates, row);
    sigmoid(s.i, s.i, NULL, NULL, 2 * n); /* i and f */
    tanh_of(s.j, s.j, NULL, NULL, n);
    sigmoid(s.o, s.o, NULL, NULL, n);
    k->rnn[j->klass].lstm_cell(j->c + row * bytes, &s, j->cx + row * bytes, n);
    tanh_of(s.tanhc, s.tanhc, NULL, NULL, n);
    k->micro[ACN_U_MUL][j->klass](j->h + row * bytes, s.o, s.tanhc, NULL, n);
}

static void grad_row(const cell_job *j, int64_t row) {
    const acn_kernels *k = acn_kernels_get();
    int64_t n = j->hidden, bytes = n * (int64_t)acn_class_bytes(j->klass), at = row * bytes;
    acn_lstm_saved s = saved(j, (char *)(uintptr_t)j->input + 4 * at, row);
    k->micro[ACN_U_TANH][j->klass](s.tanhc, j->cy + at, NULL, NULL, n);
    if (j->dc)
        memcpy(j->c + at, j->dc + at, (size_t)bytes);
    else
        memset(j->c + at, 0, (size_t)bytes);
    if (j->dh)
        memcpy(j->h + at, j->dh + at, (size_t)bytes);
    else
        memset(j->h + at, 0, (size_t)bytes);
    k->rnn[j->klass].lstm_grad(j->gates + 4 * at, j->c + at, j->h + at, &s, j->cx + at, n);
}

static double value(const acn_tensor *t, int64_t i) {
    return t ? acn_load_value(acn_tensor_at(t, i), t->dtype).f : 0;
}
static void store(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static uint64_t aligned(uint64_t workspace) { return (workspace + 63) & ~(uint64_t)63; }

/* ---- forward --------------------------------------------------------------------------------- */

enum { INPUT, HIDDEN, CX, INPUT_BIAS, HIDDEN_BIAS };
enum { HY, CY, STORAGE };

static acn_status check_gates(const acn_call *call, int slot, int cx_slot) {
    const acn_tensor *gates = acn_in(call, slot), *cx = acn_in(call, cx_slot);
    if (cx->rank != 2) return acn_bad_input(call, cx_slot, "expected [batch, hidden]");
    if (gates->rank == 2 && gates->dims[0] == cx->dims[0] && gates->dims[1] == 4 * cx->dims[1])
        return ACN_OK;
    return acn_bad_input(call, slot, "expected [batch, 4 * hidden]");
}

static acn_status forward_infer(acn_call *call) {
    ACN_TRY(check_gates(call, INPUT, CX));
    ACN_TRY(check_gates(call, HIDDEN, CX));
    const acn_tensor *cx = acn_in(call, CX);
    for (int slot = INPUT_BIAS; slot <= HIDDEN_BIAS; slot++)
        if (acn_in(call, slot) && acn_tensor_count(acn_in(call, slot)) != 4 * cx->dims[1])
            return acn_bad_input(call, slot, "expected 4 * hidden elements");
    acn_out_like(call, HY, ACN_UNDEFINED, cx);
    acn_out_like(call, CY, ACN_UNDEFINED, cx);
    acn_out_like(call, STORAGE, ACN_UNDEFINED, acn_in(call, INPUT));
    return ACN_OK;
}

/* Everything in the class; runs when |room| has memory. */
static void forward(const acn_call *call, acn_room *room) {
    const acn_tensor *cx = acn_in(call, CX);
    cell_job j = {
        .klass = room->klass, .rows = cx->dims[0], .hidden = cx->dims[1], .run_row = forward_row};
    j.input = acn_room_in(room, acn_in(call, INPUT));
    j.hidden_gates = acn_room_in(room, acn_in(call, HIDDEN));
    j.cx = acn_room_in(room, cx);
    if (acn_in(call, INPUT_BIAS)) j.input_bias = acn_room_in(room, acn_in(call, INPUT_BIAS));
    if (acn_in(call, HIDDEN_BIAS)) j.hidden_bias = acn_room_in(room, acn_in(call, HIDDEN_BIAS));
    j.tanhc = acn_room_take(room, acn_tensor_count(cx));
    j.gates = acn_room_for(room, acn_out(call, STORAGE));
    j.h = acn_room_for(room, acn_out(call, HY));
    j.c = acn_room_for(room, acn_out(call, CY));
    if (room->memory) run_job(&j);
    acn_room_out(room, acn_out(call, STORAGE), j.gates);
    acn_room_out(room, acn_out(call, HY), j.h);
    acn_room_out(room, acn_out(call, CY), j.c);
}

static acn_status forward_plan(acn_call *call) {
    acn_room room = {.klass = class_of(acn_in(call, CX))};
    forward(call, &room);
    call->plan->workspace_bytes = room.used + 64;
    call->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(call, INPUT)) / 500);
    return ACN_OK;
}

static acn_status forward_run(acn_call *call) {
    acn_room room = {(char *)aligned((uint64_t)call->workspace), 0, class_of(acn_in(call, CX))};
    forward(call, &room);
    return ACN_OK;
}

static double sigmoid0(double x) { return 1 / (1 + exp(-x)); }

static acn_status forward_run0(acn_call *call) {
    const acn_tensor *cx = acn_in(call, CX);
    int64_t n = cx->dims[1];
    for (int64_t i = 0; i < acn_tensor_count(cx); i++) {
        int64_t row = i / n, unit = i % n;
        double gate[4];
        for (int g = 0; g < 4; g++) {
            int64_t at = row * 4 * n + g * n + unit, in_bias = g * n + unit;
            double sum = value(acn_in(call, INPUT), at) + value(acn_in(call, HIDDEN), at);
            sum += value(acn_in(call, INPUT_BIAS), in_bias);
            sum += value(acn_in(call, HIDDEN_BIAS), in_bias);
            gate[g] = g == 2 ? tanh(sum) : sigmoid0(sum);
            store(acn_out(call, STORAGE), at, gate[g]);
        }
        double c = gate[1] * value(cx, i) + gate[0] * gate[2];
        store(acn_out(call, CY), i, c);
        store(acn_out(call, HY), i, gate[3] * tanh(c));
    }
    return ACN_OK;
}

ACN_OP(ThnnFusedLstmCell) = {
    .name = "ThnnFusedLstmCell",
    .doc = "One step of an LSTM, from gates before their activations.",
    .in = {{"input_gates", ACN_FLOATS, ACN_UNALIASED},
           {"hidden_gates", ACN_FLOATS, ACN_UNALIASED},
           {"cx", ACN_FLOATS, ACN_UNALIASED},
           {"input_bias", ACN_FLOATS, ACN_OPTIONAL},
           {"hidden_bias", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"hy", ACN_FLOATS}, {"cy", ACN_FLOATS}, {"storage", ACN_FLOATS}},
    .infer = forward_infer,
    .plan = forward_plan,
    .run = forward_run,
    .run0 = forward_run0,
    .cases = "tolerance=reduction [3,28],[3,28],[3,7],[28],[28] [3,28],[3,28],[3,7] "
             "f32[64,512],[64,512],[64,128],[512],-",
};

/* ---- gradient -------------------------------------------------------------------------------- */

enum { GRAD_HY, GRAD_CY, G_CX, G_CY, G_STORAGE };
enum { GRAD_GATES, GRAD_CX, GRAD_BIAS };

static acn_status grad_infer(acn_call *call) {
    ACN_TRY(check_gates(call, G_STORAGE, G_CX));
    const acn_tensor *cx = acn_in(call, G_CX);
    for (int slot = GRAD_HY; slot <= G_CY; slot++)
        if (acn_in(call, slot) && !acn_tensor_same_shape(acn_in(call, slot), cx))
            return acn_bad_input(call, slot, "expected the shape of the state");
    int64_t wide = 4 * cx->dims[1];
    acn_out_like(call, GRAD_GATES, ACN_UNDEFINED, acn_in(call, G_STORAGE));
    acn_out_like(call, GRAD_CX, ACN_UNDEFINED, cx);
    acn_out_is(call, GRAD_BIAS, acn_out(call, GRAD_BIAS) ? ACN_UNDEFINED : cx->dtype, 1, &wide);
    return ACN_OK;
}

static void sum_bias(const acn_call *call, acn_room *room, const char *gates) {
    const acn_tensor *to = acn_out(call, GRAD_BIAS);
    if (!to || !acn_attr_int(call, 0)) return;
    int64_t wide = acn_tensor_count(to), rows = acn_in(call, G_CX)->dims[0];
    size_t bytes = (size_t)wide * acn_class_bytes(room->klass);
    char *sum = acn_room_for(room, to);
    if (!room->memory) return;
    memset(sum, 0, bytes);
    for (int64_t row = 0; row < rows; row++)
        acn_kernels_get()->micro[ACN_U_ADD][room->klass](sum, sum, gates + row * (int64_t)bytes,
                                                         NULL, wide);
    acn_room_out(room, to, sum);
}

static void grad(const acn_call *call, acn_room *room) {
    const acn_tensor *cx = acn_in(call, G_CX);
    cell_job j = {
        .klass = room->klass, .rows = cx->dims[0], .hidden = cx->dims[1], .run_row = grad_row};
    j.cx = acn_room_in(room, cx);
    j.cy = acn_room_in(room, acn_in(call, G_CY));
    j.input = acn_room_in(room, acn_in(call, G_STORAGE));
    if (acn_in(call, GRAD_HY)) j.dh = acn_room_in(room, acn_in(call, GRAD_HY));
    if (acn_in(call, GRAD_CY)) j.dc = acn_room_in(room, acn_in(call, GRAD_CY));
    j.tanhc = acn_room_take(room, acn_tensor_count(cx));
    j.h = acn_room_take(room, acn_tensor_count(cx));
    j.gates = acn_room_for(room, acn_out(call, GRAD_GATES));
    j.c = acn_room_for(room, acn_out(call, GRAD_CX));
    if (room->memory) run_job(&j);
    sum_bias(call, room, j.gates);
    acn_room_out(room, acn_out(call, GRAD_GATES), j.gates);
    acn_room_out(room, acn_out(call, GRAD_CX), j.c);
}

static acn_status grad_plan(acn_call *call) {
    acn_room room = {.klass = class_of(acn_in(call, G_CX))};
    grad(call, &room);
    call->plan->workspace_bytes = room.used + 64;
    call->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(call, G_STORAGE)) / 1000);
    return ACN_OK;
}

static acn_status grad_run(acn_call *call) {
    acn_room room = {(char *)aligned((uint64_t)call->workspace), 0, class_of(acn_in(call, G_CX))};
    grad(call, &room);
    return ACN_OK;
}

static acn_status grad_run0(acn_call *call) {
    const acn_tensor *cx = acn_in(call, G_CX), *s = acn_in(call, G_STORAGE);
    const acn_tensor *bias = acn_attr_int(call, 0) ? acn_out(call, GRAD_BIAS) : NULL;
    int64_t n = cx->dims[1], rows = cx->dims[0];
    for (int64_t unit = 0; unit < n; unit++) {
        double sum[4] = {0};
        for (int64_t row = 0; row < rows; row++) {
            int64_t at = row * n + unit, first = row * 4 * n + unit;
            double i = value(s, first), f = value(s, first + n), g = value(s, first + 2 * n);
            double o = value(s, first + 3 * n), t = tanh(value(acn_in(call, G_CY), at));
            double dh = value(acn_in(call, GRAD_HY), at);
            double dc = value(acn_in(call, GRAD_CY), at) + dh * o * (1 - t * t);
            double d[4] = {dc * g * i * (1 - i), dc * value(cx, at) * f * (1 - f),
                           dc * i * (1 - g * g), dh * t * o * (1 - o)};
            for (int k = 0; k < 4; k++) {
                store(acn_out(call, GRAD_GATES), first + k * n, d[k]);
                sum[k] += d[k];
            }
            store(acn_out(call, GRAD_CX), at, dc * f);
        }
        for (int k = 0; k < 4; k++)
            store(bias, k * n + unit, sum[k]);
    }
    return ACN_OK;
}

ACN_OP(ThnnFusedLstmCellGrad) = {
    .name = "ThnnFusedLstmCellGrad",
    .doc = "Gradients of ThnnFusedLstmCell for its gates, first state and biases.",
    .in = {{"grad_hy", ACN_FLOATS, ACN_OPTIONAL | ACN_UNALIASED},
           {"grad_cy", ACN_FLOATS, ACN_OPTIONAL | ACN_UNALIASED},
           {"cx", ACN_FLOATS, ACN_UNALIASED},
           {"cy", ACN_FLOATS, ACN_UNALIASED},
           {"storage", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"grad_gates", ACN_FLOATS},
            {"grad_cx", ACN_FLOATS},
            {"grad_bias", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "has_bias", .kind = ACN_ATTR_BOOL, .fallback = 1}},
    .infer = grad_infer,
    .plan = grad_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [3,7],[3,7],[3,7],[3,7],[3,28]@0..1 "
             "[3,7],-,[3,7],[3,7],[3,28]@0..1",
};

/* dynamic_grad.c - DynamicRNNGrad and DynamicGRUV2Grad. */
#include "ops/rnn/dynamic.h"
#include <string.h>

typedef struct grad_form {
    acn_dynamic_slots slots;
    int8_t h, c, dy, dh, dc, kept[ACN_LSTM_STEPS];       /* inputs */
    int8_t dw_x, dw_h, db_x, db_h, dx, dh_prev, dc_prev; /* outputs */
} grad_form;

static const grad_form *form_of(const acn_call *call) { return call->op->family; }

static acn_status infer(acn_call *call) {
    const grad_form *f = form_of(call);
    acn_dynamic d;
    ACN_TRY(acn_dynamic_read(call, &f->slots, &d));
    int64_t all = d.steps * d.batch * d.hidden, states = d.batch * d.hidden;
    const int8_t whole[] = {f->h,       f->c,       f->dy,      f->kept[0],
                            f->kept[1], f->kept[2], f->kept[3], f->kept[4]};
    for (size_t i = 0; i < sizeof whole; i++)
        ACN_TRY(acn_dynamic_check(call, whole[i], all));
    ACN_TRY(acn_dynamic_check(call, f->dh, states));
    ACN_TRY(acn_dynamic_check(call, f->dc, states));
    const int8_t like[][2] = {{f->dw_x, f->slots.w_x},
                              {f->dw_h, f->slots.w_h},
                              {f->dx, f->slots.x},
                              {f->dh_prev, f->slots.h0},
                              {f->dc_prev, f->slots.c0}};
    for (size_t i = 0; i < sizeof like / sizeof *like; i++)
        if (like[i][0] >= 0 && acn_in(call, like[i][1]))
            acn_out_like(call, like[i][0], ACN_UNDEFINED, acn_in(call, like[i][1]));
    const int64_t wide = acn_in(call, f->slots.w_x)->dims[1];
    acn_out_is(call, f->db_x, ACN_UNDEFINED, 1, &wide);
    if (f->db_h >= 0) acn_out_is(call, f->db_h, ACN_UNDEFINED, 1, &wide);
    return ACN_OK;
}

static void *saved(const acn_call *call, acn_room *room, int slot) {
    return (void *)(uintptr_t)acn_room_in(room, acn_in(call, slot));
}

/* The gradient of the last state, in a buffer that becomes the first state's. */
static void *state_gradient(const acn_call *call, const acn_dynamic *d, acn_room *room, int slot) {
    const acn_tensor *from = acn_dynamic_in(call, slot);
    void *own = acn_room_take(room, d->batch * d->hidden);
    const void *given = from ? acn_room_in(room, from) : NULL;
    size_t bytes = (size_t)(d->batch * d->hidden) * acn_class_bytes(room->klass);
    if (own && given) memcpy(own, given, bytes);
    if (own && !given) memset(own, 0, bytes);
    return own;
}

static void give(const acn_call *call, const acn_room *room, int slot, const void *from) {
    if (slot >= 0 && acn_out(call, slot)) acn_room_copy(room, acn_out(call, slot), from);
}

static uint64_t run_all(const acn_call *call, const acn_dynamic *d, acn_room *room, void *scratch,
                        bool is_exact) {
    const grad_form *f = form_of(call);
    acn_rnn r = acn_dynamic_one(call, d, room);
    int64_t wide = acn_rnn_gates(&r) * d->hidden;
    for (int k = 0; k < (r.is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS); k++)
        r.kept[k] = saved(call, room, f->kept[k]);
    r.h = saved(call, room, f->h);
    if (!r.is_gru) r.c = saved(call, room, f->c);
    acn_rnn_grad g = {.dy = acn_dynamic_in(call, f->dy) ? saved(call, room, f->dy) : NULL};
    g.dh = state_gradient(call, d, room, f->dh);
    if (!r.is_gru) g.dc = state_gradient(call, d, room, f->dc);
    g.dx = acn_room_take(room, d->steps * d->batch * d->input);
    g.dw_x = acn_room_take(room, wide * d->input);
    g.dw_h = acn_room_take(room, wide * d->hidden);
    g.db_x = acn_room_take(room, wide);
    g.db_h = acn_room_take(room, wide);
    double *naive = is_exact ? acn_room_take(room, d->batch * d->hidden) : NULL;
    if (room->memory && is_exact) acn_rnn_backward0(&r, &g, naive);
    if (room->memory && !is_exact) acn_rnn_backward(&r, &g, scratch);
    acn_dynamic_give_weight(d, room, acn_out(call, f->dw_x), 0, d->input, g.dw_x);
    if (f->dw_h < 0)
        acn_dynamic_give_weight(d, room, acn_out(call, f->dw_x), d->input, d->hidden, g.dw_h);
    else
        acn_dynamic_give_weight(d, room, acn_out(call, f->dw_h), 0, d->hidden, g.dw_h);
    acn_dynamic_give_bias(d, room, acn_out(call, f->db_x), g.db_x);
    if (f->db_h >= 0) acn_dynamic_give_bias(d, room, acn_out(call, f->db_h), g.db_h);
    give(call, room, f->dx, g.dx);
    give(call, room, f->dh_prev, g.dh);
    give(call, room, f->dc_prev, g.dc);
    return is_exact ? 0 : acn_rnn_workspace_bytes(&r);
}

typedef struct grad_plan {
    acn_dynamic d;
    uint64_t scratch_bytes;
} grad_plan;

static acn_status plan(acn_call *call) {
    grad_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_dynamic_read(call, &form_of(call)->slots, &p->d));
    acn_room room = {.klass = acn_dynamic_class(call, &p->d)};
    p->scratch_bytes = (run_all(call, &p->d, &room, NULL, false) + 63) / 64 * 64;
    call->plan->data = p;
    call->plan->workspace_bytes = p->scratch_bytes + room.used + 64;
    acn_rnn one = {.is_gru = form_of(call)->slots.is_gru,
                   .klass = room.klass,
                   .steps = p->d.steps,
                   .batch = p->d.batch,
                   .input = p->d.input,
                   .hidden = p->d.hidden};
    call->plan->cost_us = 2 * acn_rnn_cost_us(&one);
    return ACN_OK;
}

static acn_status run(acn_call *call) {
    const grad_plan *p = call->plan->data;
    char *at = (char *)(((uintptr_t)call->workspace + 63) & ~(uintptr_t)63);
    acn_room room = {at + p->scratch_bytes, 0, acn_dynamic_class(call, &p->d)};
    run_all(call, &p->d, &room, at, false);
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    acn_dynamic d;
    ACN_TRY(acn_dynamic_read(call, &form_of(call)->slots, &d));
    acn_room room = {.klass = ACN_K_F64};
    run_all(call, &d, &room, NULL, true);
    room.memory = acn_arena_alloc(&call->arena, room.used + 64);
    room.used = 0;
    if (!room.memory) return acn_fail(ACN_BAD_ALLOC, "no host memory for level 0");
    run_all(call, &d, &room, NULL, true);
    return ACN_OK;
}

#define RUN(form) .infer = infer, .plan = plan, .run = run, .run0 = run0, .family = &(form)
#define TENSOR(name)                                                                               \
    { name, ACN_FLOATS, ACN_UNALIASED }
#define LENGTHS                                                                                    \
    { "seq_length", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_OPTIONAL }
#define OUT(name)                                                                                  \
    { name, ACN_FLOATS, ACN_OPTIONAL }
#define ATTRS                                                                                      \
    {                                                                                              \
        {.name = "direction", .kind = ACN_ATTR_STRING}, {                                          \
            .name = "gate_order", .kind = ACN_ATTR_STRING                                          \
        }                                                                                          \
    }

static const grad_form lstm_form = {{.x = 0,
                                     .w_x = 1,
                                     .w_h = -1,
                                     .b_x = 2,
                                     .b_h = -1,
                                     .lengths = 16,
                                     .h0 = 4,
                                     .c0 = 5,
                                     .direction = 0,
                                     .gate_order = 1},
                                    6,
                                    7,
                                    8,
                                    9,
                                    10,
                                    {11, 12, 13, 14, 15},
                                    0,
                                    -1,
                                    1,
                                    -1,
                                    2,
                                    3,
                                    4};
ACN_OP(DynamicRNNGrad) = {
    .name = "DynamicRNNGrad",
    .doc = "Gradients of DynamicRNN for its input, weight, bias and first states.",
    .in = {TENSOR("x"), TENSOR("w"), TENSOR("b"), TENSOR("y"), TENSOR("init_h"), TENSOR("init_c"),
           TENSOR("h"), TENSOR("c"), TENSOR("dy"), TENSOR("dh"), TENSOR("dc"), TENSOR("i"),
           TENSOR("j"), TENSOR("f"), TENSOR("o"), TENSOR("tanhct"), LENGTHS},
    .out = {OUT("dw"), OUT("db"), OUT("dx"), OUT("dh_prev"), OUT("dc_prev")},
    .attr = ATTRS,
    RUN(lstm_form),
    .cases = "tolerance=contraction [6,3,5],[9,16],[16],[6,3,4],[3,4],[3,4],[6,3,4],[6,3,4],"
             "[6,3,4],[3,4],[3,4],[6,3,4]@0..1,[6,3,4]@-1..1,[6,3,4]@0..1,[6,3,4]@0..1,"
             "[6,3,4]@-1..1",
};

static const grad_form split_form = {{.x = 0,
                                      .w_x = 1,
                                      .w_h = 2,
                                      .b_x = -1,
                                      .b_h = -1,
                                      .lengths = 16,
                                      .h0 = 4,
                                      .c0 = 5,
                                      .direction = 0,
                                      .gate_order = 1},
                                     6,
                                     7,
                                     8,
                                     9,
                                     10,
                                     {11, 12, 13, 14, 15},
                                     0,
                                     1,
                                     2,
                                     -1,
                                     3,
                                     4,
                                     5};
ACN_OP(DynamicRNNV2Grad) = {
    .name = "DynamicRNNV2Grad",
    .doc = "Gradients of DynamicRNNV2 for its input, weights, bias and first states.",
    .in = {TENSOR("x"), TENSOR("w_x"), TENSOR("w_h"), TENSOR("y"), TENSOR("init_h"),
           TENSOR("init_c"), TENSOR("h"), TENSOR("c"), TENSOR("dy"), TENSOR("dh"), TENSOR("dc"),
           TENSOR("i"), TENSOR("j"), TENSOR("f"), TENSOR("o"), TENSOR("tanhct"), LENGTHS},
    .out = {OUT("dw_x"), OUT("dw_h"), OUT("db"), OUT("dx"), OUT("dh_prev"), OUT("dc_prev")},
    .attr = ATTRS,
    RUN(split_form),
    .cases = "tolerance=contraction [6,3,5],[5,16],[4,16],[6,3,4],[3,4],[3,4],[6,3,4],[6,3,4],"
             "[6,3,4],[3,4],[3,4],[6,3,4]@0..1,[6,3,4]@-1..1,[6,3,4]@0..1,[6,3,4]@0..1,"
             "[6,3,4]@-1..1",
};

static const grad_form gru_form = {{.is_gru = true,
                                    .x = 0,
                                    .w_x = 1,
                                    .w_h = 2,
                                    .b_x = -1,
                                    .b_h = -1,
                                    .lengths = 12,
                                    .h0 = 4,
                                    .c0 = -1,
                                    .direction = 0,
                                    .gate_order = 1},
                                   5,
                                   -1,
                                   6,
                                   7,
                                   -1,
                                   {9, 8, 10, 11, -1},
                                   0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   5,
                                   -1};
ACN_OP(DynamicGRUV2Grad) = {
    .name = "DynamicGRUV2Grad",
    .doc = "Gradients of DynamicGRUV2 for its input, weights, biases and first state.",
    .in = {TENSOR("x"), TENSOR("weight_input"), TENSOR("weight_hidden"), TENSOR("y"),
           TENSOR("init_h"), TENSOR("h"), TENSOR("dy"), TENSOR("dh"), TENSOR("update"),
           TENSOR("reset"), TENSOR("new"), TENSOR("hidden_new"), LENGTHS},
    .out = {OUT("dw_input"), OUT("dw_hidden"), OUT("db_input"), OUT("db_hidden"), OUT("dx"),
            OUT("dh_prev")},
    .attr = ATTRS,
    RUN(gru_form),
    .cases = "tolerance=contraction [6,3,5],[5,12],[4,12],[6,3,4],[1,3,4],[6,3,4],[6,3,4],[1,3,4],"
             "[6,3,4]@0..1,[6,3,4]@0..1,[6,3,4]@-1..1,[6,3,4]",
};

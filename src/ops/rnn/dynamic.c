/* dynamic.c - DynamicRNN and DynamicGRUV2: one layer over a sequence, with every step's gates. */
#include "ops/rnn/dynamic.h"
#include <string.h>

#define ATTRS                                                                                      \
    {                                                                                              \
        {.name = "direction", .kind = ACN_ATTR_STRING}, {                                          \
            .name = "gate_order", .kind = ACN_ATTR_STRING                                          \
        }                                                                                          \
    }
enum { MAX_KEPT = ACN_LSTM_STEPS };

/* ---- what an operator is --------------------------------------------------------------------- */

typedef struct dynamic_form {
    acn_dynamic_slots slots;
    int8_t y, h, c, kept[MAX_KEPT]; /* outputs; -1: the operator has none */
} dynamic_form;

static const dynamic_form *form_of(const acn_call *call) { return call->op->family; }

static acn_status infer(acn_call *call) {
    const dynamic_form *form = form_of(call);
    acn_dynamic d;
    ACN_TRY(acn_dynamic_read(call, &form->slots, &d));
    const int64_t dims[] = {d.steps, d.batch, d.hidden};
    acn_dtype dtype = acn_in(call, form->slots.x)->dtype;
    for (int slot = 0; slot < ACN_MAX_OUTPUTS && call->op->out[slot].name; slot++)
        acn_out_is(call, slot, acn_out(call, slot) ? ACN_UNDEFINED : dtype, 3, dims);
    return ACN_OK;
}

/* Where the engine makes what output |slot| gives. */
static void *buffer(const acn_call *call, const acn_dynamic *d, acn_room *room, int slot) {
    if (slot < 0 || !acn_out(call, slot))
        return acn_room_take(room, d->steps * d->batch * d->hidden);
    return acn_room_for(room, acn_out(call, slot));
}

static void give(const acn_call *call, const acn_room *room, int slot, const void *from) {
    if (slot >= 0 && acn_out(call, slot)) acn_room_out(room, acn_out(call, slot), from);
}

/* y is h, and zero beyond a sample's end. */
static void give_y(const acn_call *call, acn_room *room, const acn_rnn *r) {
    const acn_tensor *to = acn_out(call, form_of(call)->y);
    if (!to) return;
    int64_t bytes = r->hidden * (int64_t)acn_class_bytes(r->klass), rows = r->steps * r->batch;
    char *given = r->active || !room->memory ? acn_room_take(room, rows * r->hidden) : NULL;
    for (int64_t i = 0; given && i < rows; i++) {
        if (r->active[i])
            memcpy(given + i * bytes, (const char *)r->h + i * bytes, (size_t)bytes);
        else
            memset(given + i * bytes, 0, (size_t)bytes);
    }
    acn_room_copy(room, to, given ? given : r->h);
}

/* Without memory in |room| only what is needed is counted. */
static acn_rnn run_all(const acn_call *call, const acn_dynamic *d, acn_room *room, void *scratch,
                       bool is_exact) {
    const dynamic_form *form = form_of(call);
    acn_rnn r = acn_dynamic_one(call, d, room);
    int kept = r.is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS;
    for (int k = 0; k < kept; k++)
        r.kept[k] = buffer(call, d, room, form->kept[k]);
    r.h = buffer(call, d, room, form->h);
    if (!r.is_gru) r.c = buffer(call, d, room, form->c);
    if (room->memory && is_exact) acn_rnn_forward0(&r);
    if (room->memory && !is_exact) acn_rnn_forward(&r, scratch);
    give_y(call, room, &r);
    for (int k = 0; k < kept; k++)
        give(call, room, form->kept[k], r.kept[k]);
    give(call, room, form->h, r.h);
    if (!r.is_gru) give(call, room, form->c, r.c);
    return r;
}

typedef struct dynamic_plan {
    acn_dynamic d;
    uint64_t scratch_bytes;
} dynamic_plan;

static acn_status plan(acn_call *call) {
    dynamic_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_dynamic_read(call, &form_of(call)->slots, &p->d));
    acn_room room = {.klass = acn_dynamic_class(call, &p->d)};
    acn_rnn r = run_all(call, &p->d, &room, NULL, false);
    p->scratch_bytes = (acn_rnn_workspace_bytes(&r) + 63) / 64 * 64;
    call->plan->data = p;
    call->plan->cost_us = acn_rnn_cost_us(&r);
    call->plan->workspace_bytes = p->scratch_bytes + room.used + 64;
    return ACN_OK;
}

static acn_status run(acn_call *call) {
    const dynamic_plan *p = call->plan->data;
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
#define MAYBE(name)                                                                                \
    { name, ACN_FLOATS, ACN_OPTIONAL }
#define LENGTHS                                                                                    \
    { "seq_length", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_OPTIONAL }
#define OUT(name)                                                                                  \
    { name, ACN_FLOATS, ACN_OPTIONAL }

/* kept: i j f o tanhc */
static const dynamic_form lstm_form = {{.x = 0,
                                        .w_x = 1,
                                        .w_h = -1,
                                        .b_x = 2,
                                        .b_h = -1,
                                        .lengths = 3,
                                        .h0 = 4,
                                        .c0 = 5,

                                        .direction = 0,
                                        .gate_order = 1},
                                       0,
                                       1,
                                       2,
                                       {3, 4, 5, 6, 7}};
ACN_OP(DynamicRNN) = {
    .name = "DynamicRNN",
    .doc = "One layer of long short-term memory, with every step's gates.",
    .in = {TENSOR("x"), TENSOR("w"), TENSOR("b"), LENGTHS, MAYBE("init_h"), MAYBE("init_c")},
    .out = {OUT("y"), OUT("output_h"), OUT("output_c"), OUT("i"), OUT("j"), OUT("f"), OUT("o"),
            OUT("tanhc")},
    .attr = ATTRS,
    RUN(lstm_form),
    .cases = "tolerance=contraction [6,3,5],[9,16],[16],-,[1,3,4],[1,3,4]|gate_order=ifjo "
             "[6,3,5],[9,16],[16] [6,3,5],[9,16],[16],i32[3]@1..6,[1,3,4],[1,3,4]|"
             "direction=REDIRECTIONAL",
};

static const dynamic_form split_form = {{.x = 0,
                                         .w_x = 1,
                                         .w_h = 2,
                                         .b_x = 3,
                                         .b_h = -1,
                                         .lengths = 4,
                                         .h0 = 5,
                                         .c0 = 6,
                                         .direction = 0,
                                         .gate_order = 1},
                                        0,
                                        1,
                                        2,
                                        {3, 4, 5, 6, 7}};
ACN_OP(DynamicRNNV2) = {
    .name = "DynamicRNNV2",
    .doc = "DynamicRNN with a weight each for the input and the state.",
    .in = {TENSOR("x"), TENSOR("weight_input"), TENSOR("weight_hidden"), MAYBE("b"), LENGTHS,
           MAYBE("init_h"), MAYBE("init_c")},
    .out = {OUT("y"), OUT("output_h"), OUT("output_c"), OUT("i"), OUT("j"), OUT("f"), OUT("o"),
            OUT("tanhc")},
    .attr = ATTRS,
    RUN(split_form),
    .cases = "tolerance=contraction [6,3,5],[5,16],[4,16],[16],-,[1,3,4],[1,3,4]|gate_order=ifco",
};

/* kept: r z n hn */
static const dynamic_form gru_form = {{.is_gru = true,
                                       .x = 0,
                                       .w_x = 1,
                                       .w_h = 2,
                                       .b_x = 3,
                                       .b_h = 4,
                                       .lengths = 5,
                                       .h0 = 6,
                                       .c0 = -1,
                                       .direction = 0,
                                       .gate_order = 1},
                                      0,
                                      1,
                                      -1,
                                      {3, 2, 4, 5, -1}};
ACN_OP(DynamicGRUV2) = {
    .name = "DynamicGRUV2",
    .doc = "One layer of gated recurrent units, with every step's gates.",
    .in = {TENSOR("x"), TENSOR("weight_input"), TENSOR("weight_hidden"), MAYBE("bias_input"),
           MAYBE("bias_hidden"), LENGTHS, MAYBE("init_h")},
    .out = {OUT("y"), OUT("output_h"), OUT("update"), OUT("reset"), OUT("new"), OUT("hidden_new")},
    .attr = ATTRS,
    RUN(gru_form),
    .cases = "tolerance=contraction [6,3,5],[5,12],[4,12],[12],[12],-,[1,3,4]|gate_order=rzh "
             "[6,3,5],[5,12],[4,12]",
};

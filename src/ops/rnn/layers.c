/* layers.c - Lstm and Gru: recurrent layers, one or both directions, as aclnnLSTM and aclnnGRU have
 * them. In training every step's gates and states are given out for the gradient. */
#include "ops/rnn/layers.h"

enum { X, PARAMS, HX, BATCH_SIZES };
enum { Y, H_LAST, C_LAST, FIRST_LIST }; /* Gru has no C_LAST: its lists start one earlier */
enum { ATTR_TRAIN = 3 };
static const acn_layers_slots slots = {X, PARAMS, HX, BATCH_SIZES};

static bool is_gru(const acn_call *call) { return call->op->in[HX].flags == 0; }
static int first_list(const acn_call *call) { return is_gru(call) ? FIRST_LIST - 1 : FIRST_LIST; }

/* Lists: i j f o h c tanhc of Lstm; r z n hn h of Gru. */
static int kept_list(const acn_call *call, int k) {
    int from = first_list(call);
    return is_gru(call) ? from + k : from + (k == 4 ? 6 : k);
}
static int h_list(const acn_call *call) { return first_list(call) + 4; }
static int c_list(const acn_call *call) { return first_list(call) + 5; }

static acn_status infer_sequences(acn_call *call, const acn_layers *l) {
    int64_t width = l->directions * l->hidden;
    int64_t plain[3] = {l->steps, l->batch, width}, packed[2] = {l->steps * l->batch, width};
    if (l->batch_first) plain[0] = l->batch, plain[1] = l->steps;
    acn_dtype dtype = acn_in(call, X)->dtype;
    acn_out_is(call, Y, acn_out(call, Y) ? ACN_UNDEFINED : dtype, l->is_packed ? 2 : 3,
               l->is_packed ? packed : plain);
    int64_t states[3] = {l->count * l->directions, l->batch, l->hidden};
    for (int slot = H_LAST; slot < first_list(call); slot++)
        acn_out_is(call, slot, acn_out(call, slot) ? ACN_UNDEFINED : dtype, 3, states);
    return ACN_OK;
}

/* In training there must be one tensor of all steps for each layer and direction. */
static acn_status infer_lists(acn_call *call, const acn_layers *l) {
    int end = first_list(call) + (l->is_gru ? ACN_GRU_STEPS + 1 : ACN_LSTM_STEPS + 2);
    for (int slot = first_list(call); slot < end; slot++) {
        acn_out_is(call, slot, ACN_UNDEFINED, -1, NULL);
        if (!acn_attr_int(call, ATTR_TRAIN)) continue;
        if (acn_out_count(call, slot) != l->count * l->directions)
            return acn_bad_output(call, slot, "has %d tensors; expected %lld",
                                  acn_out_count(call, slot), (long long)(l->count * l->directions));
        for (int i = 0; i < acn_out_count(call, slot); i++) {
            const acn_tensor *t = acn_out_at(call, slot, i);
            if (t->rank != 3 || t->dims[0] != l->steps || t->dims[1] != l->batch ||
                t->dims[2] != l->hidden)
                return acn_bad_output(call, slot, "expected [steps, batch, hidden]");
        }
    }
    return ACN_OK;
}

static acn_status infer(acn_call *call) {
    acn_layers l;
    if (acn_in_count(call, HX) != (is_gru(call) ? 1 : 2))
        return acn_bad_input(call, HX, "has %d tensors; expected the first h and c",
                             acn_in_count(call, HX));
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &l));
    ACN_TRY(infer_sequences(call, &l));
    return infer_lists(call, &l);
}

/* Where a value of every step lies: in the client's tensor when it wants it and can take it. */
static void *steps_buffer(const acn_call *call, const acn_layers *l, acn_room *room, int slot,
                          int64_t index) {
    if (!acn_attr_int(call, ATTR_TRAIN))
        return acn_room_take(room, l->steps * l->batch * l->hidden);
    return acn_room_for(room, acn_out_at(call, slot, (int)index));
}

static void give_steps(const acn_call *call, const acn_room *room, int slot, int64_t index,
                       const void *buffer) {
    if (acn_attr_int(call, ATTR_TRAIN))
        acn_room_out(room, acn_out_at(call, slot, (int)index), buffer);
}

static void give_last(const acn_call *call, const acn_rnn *r, const acn_room *room, int slot,
                      int64_t index, const void *states) {
    acn_tensor to = acn_layers_state(acn_out(call, slot), index);
    int64_t step = r->is_backward ? 0 : r->steps - 1;
    int64_t bytes = r->batch * r->hidden * (int64_t)acn_class_bytes(r->klass);
    acn_room_copy(room, &to, (const char *)states + step * bytes);
}

/* One layer in one direction; y of the layer goes to |to|. Returns what a run of it needs. */
static uint64_t run_one(const acn_call *call, const acn_layers *l, acn_room *room, int64_t layer,
                        int64_t d, const void *x, const acn_tensor *to, const uint8_t *active,
                        void *scratch, bool is_exact) {
    int64_t index = layer * l->directions + d;
    acn_rnn r = acn_layers_one(call, l, room, layer, d, x, active);
    int kept = l->is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS;
    for (int k = 0; k < kept; k++)
        r.kept[k] = steps_buffer(call, l, room, kept_list(call, k), index);
    r.h = steps_buffer(call, l, room, h_list(call), index);
    if (!l->is_gru) r.c = steps_buffer(call, l, room, c_list(call), index);
    if (room->memory && is_exact) acn_rnn_forward0(&r);
    if (room->memory && !is_exact) acn_rnn_forward(&r, scratch);
    acn_layers_give(l, room, to, r.h, active);
    if (l->steps) {
        give_last(call, &r, room, H_LAST, index, r.h);
        if (!l->is_gru) give_last(call, &r, room, C_LAST, index, r.c);
    }
    for (int k = 0; k < kept; k++)
        give_steps(call, room, kept_list(call, k), index, r.kept[k]);
    give_steps(call, room, h_list(call), index, r.h);
    if (!l->is_gru) give_steps(call, room, c_list(call), index, r.c);
    return is_exact ? 0 : acn_rnn_workspace_bytes(&r);
}

/* All layers; returns the largest layer's need of scratch memory. */
static uint64_t run_all(const acn_call *call, const acn_layers *l, acn_room *room, void *scratch,
                        bool is_exact) {
    acn_tensor x_view = acn_layers_sequence(l, acn_in(call, X));
    acn_tensor y_view = acn_layers_sequence(l, acn_out(call, Y));
    const uint8_t *active = acn_layers_active(call, l, room);
    const void *x = acn_room_in(room, &x_view);
    uint64_t most = 0;
    for (int64_t layer = 0; layer < l->count; layer++) {
        acn_tensor to = y_view;
        if (layer < l->count - 1) {
            int64_t dims[] = {l->steps, l->batch, l->directions * l->hidden};
            acn_tensor_init(&to, acn_room_take(room, dims[0] * dims[1] * dims[2]),
                            room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32, 3, dims);
        }
        for (int64_t d = 0; d < l->directions; d++) {
            acn_tensor part = acn_layers_part(l, &to, d);
            uint64_t need = run_one(call, l, room, layer, d, x, &part, active, scratch, is_exact);
            if (need > most) most = need;
        }
        x = to.data;
    }
    return most;
}

typedef struct layers_plan {
    acn_layers layers;
    uint64_t scratch_bytes;
} layers_plan;

static acn_status plan(acn_call *call) {
    layers_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &p->layers));
    acn_room room = {.klass = acn_layers_class(call, &p->layers)};
    p->scratch_bytes = (run_all(call, &p->layers, &room, NULL, false) + 63) / 64 * 64;
    call->plan->data = p;
    call->plan->workspace_bytes = p->scratch_bytes + room.used + 64;
    acn_rnn one = {.is_gru = p->layers.is_gru,
                   .klass = room.klass,
                   .steps = p->layers.steps,
                   .batch = p->layers.batch,
                   .input = p->layers.input,
                   .hidden = p->layers.hidden};
    call->plan->cost_us = acn_rnn_cost_us(&one);
    return ACN_OK;
}

static acn_status run(acn_call *call) {
    const layers_plan *p = call->plan->data;
    char *at = (char *)(((uintptr_t)call->workspace + 63) & ~(uintptr_t)63);
    acn_room room = {at + p->scratch_bytes, 0, acn_layers_class(call, &p->layers)};
    run_all(call, &p->layers, &room, at, false);
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    acn_layers l;
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &l));
    acn_room room = {.klass = ACN_K_F64};
    run_all(call, &l, &room, NULL, true);
    room.memory = acn_arena_alloc(&call->arena, room.used + 64);
    room.used = 0;
    if (!room.memory) return acn_fail(ACN_BAD_ALLOC, "no host memory for level 0");
    run_all(call, &l, &room, NULL, true);
    return ACN_OK;
}

#define LIST(name)                                                                                 \
    { name, ACN_FLOATS, ACN_LIST | ACN_OPTIONAL }
#define RUN .infer = infer, .plan = plan, .run = run, .run0 = run0

ACN_OP(Lstm) = {
    .name = "Lstm",
    .doc = "Layers of long short-term memory over a sequence.",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"params", ACN_FLOATS, ACN_LIST},
           {"hx", ACN_FLOATS, ACN_LIST},
           {"batch_sizes", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS},
            {"hy", ACN_FLOATS},
            {"cy", ACN_FLOATS},
            LIST("i"),
            LIST("j"),
            LIST("f"),
            LIST("o"),
            LIST("h"),
            LIST("c"),
            LIST("tanhc")},
    .attr = {ACN_LAYERS_ATTRS},
    RUN,
    .cases = "tolerance=contraction "
             "[6,3,5],{[16,5],[16,4],[16],[16]},{[1,3,4],[1,3,4]}->[6,3,4],[1,3,4],[1,3,4],-,-,-,-,"
             "-,-,- "
             "[3,6,5],{[16,5],[16,4],[16,5],[16,4]},{[2,3,4],[2,3,4]}->[3,6,8],[2,3,4],[2,3,4],-,-,"
             "-,-,-,-,-|bidirectional=1,has_biases=0,batch_first=1 "
             "[6,3,5],{[16,5],[16,4],[16],[16]},{[1,3,4],[1,3,4]}->[6,3,4],[1,3,4],[1,3,4],"
             "{[6,3,4]},{[6,3,4]},{[6,3,4]},{[6,3,4]},{[6,3,4]},{[6,3,4]},{[6,3,4]}|train=1",
};

ACN_OP(Gru) = {
    .name = "Gru",
    .doc = "Layers of gated recurrent units over a sequence.",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"params", ACN_FLOATS, ACN_LIST},
           {"hx", ACN_FLOATS},
           {"batch_sizes", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS},
            {"hy", ACN_FLOATS},
            LIST("r"),
            LIST("z"),
            LIST("n"),
            LIST("hn"),
            LIST("h")},
    .attr = {ACN_LAYERS_ATTRS},
    RUN,
    .cases = "tolerance=contraction "
             "[6,3,5],{[12,5],[12,4],[12],[12]},[1,3,4]->[6,3,4],[1,3,4],-,-,-,-,- "
             "[3,6,5],{[12,5],[12,4],[12,5],[12,4]},[2,3,4]->[3,6,8],[2,3,4],-,-,-,-,-|"
             "bidirectional=1,has_biases=0,batch_first=1 "
             "[6,3,5],{[12,5],[12,4],[12],[12]},[1,3,4]->[6,3,4],[1,3,4],{[6,3,4]},{[6,3,4]},"
             "{[6,3,4]},{[6,3,4]},{[6,3,4]}|train=1",
};

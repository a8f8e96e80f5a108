/* layers_grad.c - LstmGrad and GruGrad: gradients of Lstm and Gru for their input, first states and
 * parameters, from what training kept. Layers are walked from the last to the first. */
#include "ops/rnn/layers.h"
#include <string.h>

enum { X, PARAMS, HX, BATCH_SIZES, DY, DH, REST };
/* Lstm: DC, then lists i j f o h c tanhc; Gru: lists r z n hn h. */
enum { DC = REST };
enum { DX, DH_PREV, DC_PREV };
static const acn_layers_slots slots = {X, PARAMS, HX, BATCH_SIZES};

static bool is_gru(const acn_call *call) { return call->op->in[HX].flags == 0; }
static int first_list(const acn_call *call) { return is_gru(call) ? REST : REST + 1; }
static int params_out(const acn_call *call) { return is_gru(call) ? DC_PREV : DC_PREV + 1; }
static int kept_list(const acn_call *call, int k) {
    return first_list(call) + (!is_gru(call) && k == 4 ? 6 : k);
}
static int h_list(const acn_call *call) { return first_list(call) + 4; }
static int c_list(const acn_call *call) { return first_list(call) + 5; }

static acn_status check_lists(const acn_call *call, const acn_layers *l) {
    int count = l->is_gru ? ACN_GRU_STEPS + 1 : ACN_LSTM_STEPS + 2;
    for (int slot = first_list(call); slot < first_list(call) + count; slot++) {
        if (acn_in_count(call, slot) != l->count * l->directions)
            return acn_bad_input(call, slot, "has %d tensors; expected %lld",
                                 acn_in_count(call, slot), (long long)(l->count * l->directions));
        for (int i = 0; i < acn_in_count(call, slot); i++)
            if (acn_tensor_count(acn_in_at(call, slot, i)) != l->steps * l->batch * l->hidden)
                return acn_bad_input(call, slot, "expected [steps, batch, hidden]");
    }
    return ACN_OK;
}

static acn_status check_gradients(const acn_call *call, const acn_layers *l) {
    int64_t states = l->count * l->directions * l->batch * l->hidden;
    const acn_tensor *dy = acn_in(call, DY), *dh = acn_in(call, DH);
    const acn_tensor *dc = l->is_gru ? NULL : acn_in(call, DC);
    if (dy && (dy->rank != acn_in(call, X)->rank ||
               acn_tensor_count(dy) != l->steps * l->batch * l->directions * l->hidden))
        return acn_bad_input(call, DY, "expected the shape of the layers' result");
    if (dh && (dh->rank != 3 || acn_tensor_count(dh) != states))
        return acn_bad_input(call, DH, "expected the shape of the first states");
    if (dc && (dc->rank != 3 || acn_tensor_count(dc) != states))
        return acn_bad_input(call, DC, "expected the shape of the first states");
    return ACN_OK;
}

static acn_status infer(acn_call *call) {
    acn_layers l;
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &l));
    ACN_TRY(check_lists(call, &l));
    ACN_TRY(check_gradients(call, &l));
    acn_out_like(call, DX, ACN_UNDEFINED, acn_in(call, X));
    for (int slot = DH_PREV; slot < params_out(call); slot++)
        acn_out_like(call, slot, ACN_UNDEFINED, acn_in_at(call, HX, 0));
    int slot = params_out(call), count = acn_out_count(call, slot);
    acn_out_is(call, slot, ACN_UNDEFINED, -1, NULL);
    if (count && count != acn_in_count(call, PARAMS))
        return acn_bad_output(call, slot, "has %d tensors; expected one for each parameter", count);
    for (int i = 0; i < count; i++)
        if (!acn_tensor_same_shape(acn_out_at(call, slot, i), acn_in_at(call, PARAMS, i)))
            return acn_bad_output(call, slot, "its tensor %d has another shape than the parameter",
                                  i);
    return ACN_OK;
}

/* ---- one layer, one direction ---------------------------------------------------------------- */

typedef struct layer_job {
    const acn_call *call;
    const acn_layers *l;
    acn_room *room;
    const uint8_t *active;
    void *scratch;
    bool is_exact;
} layer_job;

/* A saved list's member, as [steps, batch, hidden] of the class. */
static void *saved(const layer_job *j, int slot, int64_t index) {
    return (void *)(uintptr_t)acn_room_in(j->room, acn_in_at(j->call, slot, (int)index));
}

/* The gradient of a last state, in a buffer that becomes the first state's. */
static void *state_gradient(const layer_job *j, int slot, int64_t index) {
    int64_t count = j->l->batch * j->l->hidden;
    acn_tensor own;
    const int64_t dims[] = {j->l->batch, j->l->hidden};
    acn_tensor_init(&own, acn_room_take(j->room, count),
                    j->room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32, 2, dims);
    if (!j->room->memory) return NULL;
    memset(own.data, 0, (size_t)count * acn_class_bytes(j->room->klass));
    if (acn_in(j->call, slot)) {
        acn_tensor from = acn_layers_state(acn_in(j->call, slot), index);
        acn_room_move(&own, &from);
    }
    return own.data;
}

static void *parameter_gradient(const layer_job *j, int64_t i) {
    int slot = params_out(j->call);
    if (!acn_out_count(j->call, slot)) return NULL;
    return acn_room_for(j->room, acn_out_at(j->call, slot, (int)i));
}

static void give_parameter(const layer_job *j, int64_t i, const void *buffer) {
    int slot = params_out(j->call);
    if (acn_out_count(j->call, slot))
        acn_room_out(j->room, acn_out_at(j->call, slot, (int)i), buffer);
}

static void give_state(const layer_job *j, int slot, int64_t index, const void *buffer) {
    if (!acn_out(j->call, slot)) return;
    acn_tensor to = acn_layers_state(acn_out(j->call, slot), index);
    acn_room_copy(j->room, &to, buffer);
}

static uint64_t run_one(const layer_job *j, int64_t layer, int64_t d, const void *x, const void *dy,
                        void *dx) {
    const acn_layers *l = j->l;
    int64_t index = layer * l->directions + d, first = index * (l->has_biases ? 4 : 2);
    acn_rnn r = acn_layers_one(j->call, l, j->room, layer, d, x, j->active);
    for (int k = 0; k < (l->is_gru ? ACN_GRU_STEPS : ACN_LSTM_STEPS); k++)
        r.kept[k] = saved(j, kept_list(j->call, k), index);
    r.h = saved(j, h_list(j->call), index);
    if (!l->is_gru) r.c = saved(j, c_list(j->call), index);
    acn_rnn_grad g = {.dy = dy, .dx = dx, .dh = state_gradient(j, DH, index)};
    if (!l->is_gru) g.dc = state_gradient(j, DC, index);
    g.dw_x = parameter_gradient(j, first);
    g.dw_h = parameter_gradient(j, first + 1);
    if (l->has_biases) {
        g.db_x = parameter_gradient(j, first + 2);
        g.db_h = parameter_gradient(j, first + 3);
    }
    double *naive = j->is_exact ? acn_room_take(j->room, l->batch * l->hidden) : NULL;
    if (j->room->memory && j->is_exact) acn_rnn_backward0(&r, &g, naive);
    if (j->room->memory && !j->is_exact) acn_rnn_backward(&r, &g, j->scratch);
    give_parameter(j, first, g.dw_x);
    give_parameter(j, first + 1, g.dw_h);
    if (l->has_biases) {
        give_parameter(j, first + 2, g.db_x);
        give_parameter(j, first + 3, g.db_h);
    }
    give_state(j, DH_PREV, index, g.dh);
    if (!l->is_gru) give_state(j, DC_PREV, index, g.dc);
    return j->is_exact ? 0 : acn_rnn_workspace_bytes(&r);
}

/* ---- all layers ------------------------------------------------------------------------------ */

/* The input of layer |layer| > 0: what the layer before gave, again. */
static const void *input_of(const layer_job *j, int64_t layer) {
    const acn_layers *l = j->l;
    int64_t dims[] = {l->steps, l->batch, l->directions * l->hidden};
    acn_tensor x;
    acn_tensor_init(&x, acn_room_take(j->room, dims[0] * dims[1] * dims[2]),
                    j->room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32, 3, dims);
    for (int64_t d = 0; d < l->directions; d++) {
        acn_tensor part = acn_layers_part(l, &x, d);
        const void *h = saved(j, h_list(j->call), (layer - 1) * l->directions + d);
        acn_layers_give(l, j->room, &part, h, j->active);
    }
    return x.data;
}

/* dy of one direction, contiguous. */
static const void *gradient_part(const layer_job *j, const acn_tensor *dy, int64_t d) {
    acn_tensor part = acn_layers_part(j->l, dy, d);
    return acn_room_in(j->room, &part);
}

static void add_to(const layer_job *j, void *sum, const void *more, int64_t count) {
    acn_class k = j->room->klass;
    if (j->room->memory) acn_kernels_get()->micro[ACN_U_ADD][k](sum, sum, more, NULL, count);
}

static uint64_t run_all(layer_job *j) {
    const acn_layers *l = j->l;
    acn_dtype own = j->room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32;
    j->active = acn_layers_active(j->call, l, j->room);
    acn_tensor x_view = acn_layers_sequence(l, acn_in(j->call, X)), dy = {0};
    if (acn_in(j->call, DY)) dy = acn_layers_sequence(l, acn_in(j->call, DY));
    uint64_t most = 0;
    for (int64_t layer = l->count - 1; layer >= 0; layer--) {
        const void *x = layer ? input_of(j, layer) : acn_room_in(j->room, &x_view);
        int64_t width = layer ? l->directions * l->hidden : l->input;
        int64_t dims[] = {l->steps, l->batch, width}, count = l->steps * l->batch * width;
        void *dx = NULL;
        for (int64_t d = 0; d < l->directions; d++) {
            const void *part = dy.rank ? gradient_part(j, &dy, d) : NULL;
            void *own_dx = acn_room_take(j->room, count);
            uint64_t need = run_one(j, layer, d, x, part, own_dx);
            if (need > most) most = need;
            if (d) add_to(j, dx, own_dx, count);
            if (!d) dx = own_dx;
        }
        acn_tensor_init(&dy, dx, own, 3, dims);
    }
    if (acn_out(j->call, DX)) {
        acn_tensor to = acn_layers_sequence(l, acn_out(j->call, DX));
        acn_room_copy(j->room, &to, dy.data);
    }
    return most;
}

typedef struct grad_plan {
    acn_layers layers;
    uint64_t scratch_bytes;
} grad_plan;

static acn_status plan(acn_call *call) {
    grad_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &p->layers));
    acn_room room = {.klass = acn_layers_class(call, &p->layers)};
    layer_job j = {.call = call, .l = &p->layers, .room = &room};
    p->scratch_bytes = (run_all(&j) + 63) / 64 * 64;
    call->plan->data = p;
    call->plan->workspace_bytes = p->scratch_bytes + room.used + 64;
    acn_rnn one = {.is_gru = p->layers.is_gru,
                   .klass = room.klass,
                   .steps = p->layers.steps,
                   .batch = p->layers.batch,
                   .input = p->layers.input,
                   .hidden = p->layers.hidden};
    call->plan->cost_us = 2 * acn_rnn_cost_us(&one);
    return ACN_OK;
}

static acn_status run(acn_call *call) {
    const grad_plan *p = call->plan->data;
    char *at = (char *)(((uintptr_t)call->workspace + 63) & ~(uintptr_t)63);
    acn_room room = {at + p->scratch_bytes, 0, acn_layers_class(call, &p->layers)};
    layer_job j = {.call = call, .l = &p->layers, .room = &room, .scratch = at};
    run_all(&j);
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    acn_layers l;
    ACN_TRY(acn_layers_read(call, is_gru(call), slots, &l));
    acn_room room = {.klass = ACN_K_F64};
    layer_job j = {.call = call, .l = &l, .room = &room, .is_exact = true};
    run_all(&j);
    room.memory = acn_arena_alloc(&call->arena, room.used + 64);
    room.used = 0;
    if (!room.memory) return acn_fail(ACN_BAD_ALLOC, "no host memory for level 0");
    run_all(&j);
    return ACN_OK;
}

#define LIST(name)                                                                                 \
    { name, ACN_FLOATS, ACN_LIST }
#define PARAM_LIST(name)                                                                           \
    { name, ACN_FLOATS, ACN_LIST | ACN_OPTIONAL }
#define MAYBE(name)                                                                                \
    { name, ACN_FLOATS, ACN_OPTIONAL }
#define SIZES                                                                                      \
    { "batch_sizes", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL }
#define RUN   .infer = infer, .plan = plan, .run = run, .run0 = run0
#define KEPT4 "{[6,3,4]@0..1},{[6,3,4]@-1..1},{[6,3,4]@0..1},{[6,3,4]@0..1}"

ACN_OP(LstmGrad) = {
    .name = "LstmGrad",
    .doc = "Gradients of Lstm for its input, first states and parameters.",
    .in = {{"x", ACN_FLOATS},
           LIST("params"),
           LIST("hx"),
           SIZES,
           MAYBE("dy"),
           MAYBE("dh"),
           MAYBE("dc"),
           LIST("i"),
           LIST("j"),
           LIST("f"),
           LIST("o"),
           LIST("h"),
           LIST("c"),
           LIST("tanhc")},
    .out = {MAYBE("dx"), MAYBE("dh_prev"), MAYBE("dc_prev"), PARAM_LIST("dparams")},
    .attr = {ACN_LAYERS_ATTRS, {.name = "output_mask", .kind = ACN_ATTR_BOOLS}},
    RUN,
    .cases = "tolerance=contraction "
             "[6,3,5],{[16,5],[16,4],[16],[16]},{[1,3,4],[1,3,4]},-,[6,3,4],[1,3,4],[1,3,4]," KEPT4
             ",{[6,3,4]},{[6,3,4]},{[6,3,4]@-1..1}->[6,3,5],[1,3,4],[1,3,4],"
             "{[16,5],[16,4],[16],[16]}",
};

ACN_OP(GruGrad) = {
    .name = "GruGrad",
    .doc = "Gradients of Gru for its input, first states and parameters.",
    .in = {{"x", ACN_FLOATS},
           LIST("params"),
           {"hx", ACN_FLOATS},
           SIZES,
           MAYBE("dy"),
           MAYBE("dh"),
           LIST("r"),
           LIST("z"),
           LIST("n"),
           LIST("hn"),
           LIST("h")},
    .out = {MAYBE("dx"), MAYBE("dh_prev"), PARAM_LIST("dparams")},
    .attr = {ACN_LAYERS_ATTRS},
    RUN,
    .cases = "tolerance=contraction "
             "[6,3,5],{[12,5],[12,4],[12],[12]},[1,3,4],-,[6,3,4],[1,3,4],"
             "{[6,3,4]@0..1},{[6,3,4]@0..1},{[6,3,4]@-1..1},{[6,3,4]},{[6,3,4]}->[6,3,5],[1,3,4],"
             "{[12,5],[12,4],[12],[12]}",
};

/* op_rnn.c - RNN, GRU and LSTM.
 *
 * The usual ones are one operator a direction. Those with clipping, peepholes, other activations or
 * a GRU that resets before its product are unrolled into a few operators a step. */
#include "graph/import/compose.h"

#include <string.h>
#include <strings.h>

typedef enum rnn_kind { RNN, GRU, LSTM } rnn_kind;

enum { X, W, R, B, LENGTHS, H0, C0, P };

typedef struct activation {
    const char *name;
    double alpha, beta;
} activation;

/* One direction of a node. */
typedef struct layer {
    acn_formula *f;
    rnn_kind kind;
    int gates;
    int64_t steps, batch, input, hidden;
    bool is_backward, is_usual;
    double clip;                                /* 0: none */
    activation activate[3];                     /* of gates, candidate, cell */
    acn_net_value *x, *w, *r, *bias_w, *bias_r; /* x [T, N, I], w [G * H, I], r [G * H, H] */
    acn_net_value *lengths;                     /* [N] or NULL */
    acn_net_value *h, *c, *peephole[3];
    acn_net_value *y; /* [T, N, H] */
} layer;

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

/* ---- activations ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool has_alpha, has_beta;
    double alpha, beta; /* unless the node says */
} known[] = {
    {"Relu", false, false, 0, 0},           {"Tanh", false, false, 0, 0},
    {"Sigmoid", false, false, 0, 0},        {"Softsign", false, false, 0, 0},
    {"Softplus", false, false, 0, 0},       {"LeakyRelu", true, false, 0.01, 0},
    {"ThresholdedRelu", true, false, 1, 0}, {"Elu", true, false, 1, 0},
    {"Affine", true, true, 1, 0},           {"ScaledTanh", true, true, 1, 1},
    {"HardSigmoid", true, true, 0.2, 0.5},
};

static acn_net_value *activated(const layer *l, int which, acn_net_value *x) {
    acn_formula *f = l->f;
    const activation *a = &l->activate[which];
    if (l->clip > 0) x = acn_f_with(f, "Maximum", acn_f_with(f, "Minimum", x, l->clip), -l->clip);
    if (strcmp(a->name, "Affine") == 0)
        return acn_f_with(f, "Add", acn_f_with(f, "Mul", x, a->alpha), a->beta);
    if (strcmp(a->name, "ScaledTanh") == 0)
        return acn_f_with(f, "Mul", acn_f1(f, "Tanh", acn_f_with(f, "Mul", x, a->beta)), a->alpha);
    if (strcmp(a->name, "HardSigmoid") == 0) {
        x = acn_f_with(f, "Add", acn_f_with(f, "Mul", x, a->alpha), a->beta);
        return acn_f_with(f, "Minimum", acn_f_with(f, "Maximum", x, 0), 1);
    }
    if (strcmp(a->name, "LeakyRelu") == 0)
        return acn_f1_float(f, "LeakyRelu", x, "negative_slope", a->alpha);
    if (strcmp(a->name, "Elu") == 0) return acn_f1_float(f, "Elu", x, "alpha", a->alpha);
    if (strcmp(a->name, "Softplus") == 0) return acn_f1(f, "SoftplusV2", x);
    if (strcmp(a->name, "Softsign") == 0)
        return acn_f2(f, "RealDiv", x, acn_f_with(f, "Add", acn_f1(f, "Abs", x), 1));
    if (strcmp(a->name, "ThresholdedRelu") == 0) {
        acn_net_value *least = acn_f_number(f, a->alpha, x ? x->tensor.dtype : ACN_F32);
        acn_net_value *is_more = acn_f_truth(f, "Greater", x, least);
        return acn_f_select(f, is_more, x, acn_f_number(f, 0, x ? x->tensor.dtype : ACN_F32));
    }
    return acn_f1(f, a->name, x); /* Relu, Tanh, Sigmoid */
}

/* Numbers are taken in turn by those activations that have them, over all directions. */
static acn_status read_activations(acn_onnx_call *c, layer *layers, int count) {
    static const char *const usual[][3] = {
        [RNN] = {"Tanh"}, [GRU] = {"Sigmoid", "Tanh"}, [LSTM] = {"Sigmoid", "Tanh", "Tanh"}};
    static const int needed[] = {[RNN] = 1, [GRU] = 2, [LSTM] = 3};
    const acn_onnx_attr *names = acn_onnx_attr_find(c->node, "activations");
    const acn_onnx_attr *alpha = acn_onnx_attr_find(c->node, "activation_alpha");
    const acn_onnx_attr *beta = acn_onnx_attr_find(c->node, "activation_beta");
    int alphas = 0, betas = 0, each = needed[layers[0].kind];
    if (names && names->texts.count != count * each)
        return acn_onnx_bad(c, "it has %d activations; expected %d", names->texts.count,
                            count * each);
    for (int i = 0; i < count * each; i++) {
        layer *l = &layers[i / each];
        const char *name = names ? names->texts.items[i] : usual[l->kind][i % each];
        size_t k = 0;
        while (k < sizeof known / sizeof *known && strcasecmp(known[k].name, name) != 0)
            k++;
        if (k == sizeof known / sizeof *known) return acn_onnx_bad(c, "%s is no activation", name);
        activation *a = &l->activate[i % each];
        *a = (activation){known[k].name, known[k].alpha, known[k].beta};
        if (known[k].has_alpha && alpha && alphas < alpha->count)
            a->alpha = alpha->floats[alphas++];
        if (known[k].has_beta && beta && betas < beta->count) a->beta = beta->floats[betas++];
        l->is_usual &= strcmp(a->name, usual[l->kind][i % each]) == 0;
    }
    return ACN_OK;
}

/* ---- the usual ones -------------------------------------------------------------------------- */

static acn_net_value *turned(acn_formula *f, acn_net_value *x) {
    static const int order[] = {1, 0};
    return acn_f_permute(f, x, order);
}

static acn_net_value *alone(acn_formula *f, acn_net_value *x) { return acn_f_unsqueeze(f, x, 0); }

/* The step that a direction ends with. */
static acn_net_value *last_step(const layer *l, acn_net_value *all) {
    acn_net_value *last = acn_f_part(l->f, all, 0, l->is_backward ? 0 : l->steps - 1, 1);
    const int64_t dims[] = {l->batch, l->hidden};
    return acn_f_reshape(l->f, last, 2, dims);
}

static void run_usual(layer *l) {
    acn_formula *f = l->f;
    bool is_lstm = l->kind == LSTM;
    acn_net_value *made[3], *w = turned(f, l->w), *r = turned(f, l->r);
    if (is_lstm) w = acn_f_concat(f, (acn_net_value *[]){w, r}, 2, 0);
    acn_net_value *bias = is_lstm ? acn_f2(f, "Add", l->bias_w, l->bias_r) : l->bias_w;
    acn_net_value *h = alone(f, l->h), *cell = is_lstm ? alone(f, l->c) : NULL;
    acn_dtype dtype = l->x->tensor.dtype;
    acn_node_builder b;
    if (f->status != ACN_OK) return;
    acn_onnx_begin(f->c, &b, is_lstm ? "DynamicRNN" : "DynamicGRUV2");
    acn_node_input(&b, "x", l->x);
    acn_node_input(&b, is_lstm ? "w" : "weight_input", w);
    if (!is_lstm) acn_node_input(&b, "weight_hidden", r);
    acn_node_input(&b, is_lstm ? "b" : "bias_input", bias);
    if (!is_lstm) acn_node_input(&b, "bias_hidden", l->bias_r);
    acn_node_input(&b, "seq_length", l->lengths);
    acn_node_input(&b, "init_h", h);
    if (is_lstm) acn_node_input(&b, "init_c", cell);
    acn_node_text(&b, "direction", l->is_backward ? "REDIRECTIONAL" : "UNIDIRECTIONAL");
    acn_node_text(&b, "gate_order", is_lstm ? "iofc" : "zrh");
    acn_node_output(&b, "y", dtype, NULL);
    acn_node_output(&b, "output_h", dtype, NULL);
    if (is_lstm) acn_node_output(&b, "output_c", dtype, NULL);
    f->status = acn_node_end(&b, made);
    if (f->status != ACN_OK) return;
    l->y = made[0];
    l->h = last_step(l, made[1]);
    if (is_lstm) l->c = last_step(l, made[2]);
}

/* ---- the others, step by step ---------------------------------------------------------------- */

static acn_net_value *gate(const layer *l, acn_net_value *all, int which) {
    return acn_f_part(l->f, all, 1, which * l->hidden, l->hidden);
}

static acn_net_value *hidden_product(const layer *l, acn_net_value *h, int first, int count) {
    acn_net_value *r = acn_f_part(l->f, l->r, 0, first * l->hidden, count * l->hidden);
    return acn_f2(l->f, "MatMul", h, turned(l->f, r));
}

static acn_net_value *hidden_bias(const layer *l, int first, int count) {
    return acn_f_part(l->f, l->bias_r, 0, first * l->hidden, count * l->hidden);
}

static acn_net_value *with_peephole(const layer *l, acn_net_value *x, int which, acn_net_value *c) {
    if (!l->peephole[which]) return x;
    return acn_f2(l->f, "Add", x, acn_f2(l->f, "Mul", l->peephole[which], c));
}

/* |x|: the step's products with w, and bias_w; gates lie in the order i o f c. */
static acn_net_value *lstm_step(layer *l, acn_net_value *x, acn_net_value **cell) {
    acn_formula *f = l->f;
    acn_net_value *sum = acn_f2(f, "Add", x, hidden_product(l, l->h, 0, 4));
    sum = acn_f2(f, "Add", sum, l->bias_r);
    acn_net_value *in = activated(l, 0, with_peephole(l, gate(l, sum, 0), 0, l->c));
    acn_net_value *forget;
    if (acn_onnx_int(f->c, "input_forget", 0))
        forget = acn_f_with(f, "Add", acn_f1(f, "Neg", in), 1);
    else
        forget = activated(l, 0, with_peephole(l, gate(l, sum, 2), 2, l->c));
    acn_net_value *new = acn_f2(f, "Mul", in, activated(l, 1, gate(l, sum, 3)));
    *cell = acn_f2(f, "Add", acn_f2(f, "Mul", forget, l->c), new);
    acn_net_value *out = activated(l, 0, with_peephole(l, gate(l, sum, 1), 1, *cell));
    layer unclipped = *l;
    unclipped.clip = 0; /* the cell is not clipped on its way out */
    return acn_f2(f, "Mul", out, activated(&unclipped, 2, *cell));
}

/* Gates lie in the order z r h. */
static acn_net_value *gru_step(layer *l, acn_net_value *x) {
    acn_formula *f = l->f;
    acn_net_value *sum = acn_f_part(f, x, 1, 0, 2 * l->hidden), *mixed;
    sum = acn_f2(f, "Add", sum, hidden_product(l, l->h, 0, 2));
    sum = acn_f2(f, "Add", sum, hidden_bias(l, 0, 2));
    acn_net_value *z = activated(l, 0, gate(l, sum, 0)), *r = activated(l, 0, gate(l, sum, 1));
    if (acn_onnx_int(f->c, "linear_before_reset", 0)) {
        mixed = acn_f2(f, "Add", hidden_product(l, l->h, 2, 1), hidden_bias(l, 2, 1));
        mixed = acn_f2(f, "Mul", r, mixed);
    } else {
        mixed = hidden_product(l, acn_f2(f, "Mul", r, l->h), 2, 1);
        mixed = acn_f2(f, "Add", mixed, hidden_bias(l, 2, 1));
    }
    acn_net_value *new = activated(l, 1, acn_f2(f, "Add", gate(l, x, 2), mixed));
    acn_net_value *change = acn_f2(f, "Mul", z, acn_f2(f, "Sub", l->h, new));
    return acn_f2(f, "Add", new, change);
}

static acn_net_value *rnn_step(layer *l, acn_net_value *x) {
    acn_net_value *sum = acn_f2(l->f, "Add", x, hidden_product(l, l->h, 0, 1));
    return activated(l, 0, acn_f2(l->f, "Add", sum, l->bias_r));
}

/* Beyond a sample's end the state stays as it is, and the output is 0. */
static void run_steps(layer *l) {
    acn_formula *f = l->f;
    const int64_t flat[] = {l->steps * l->batch, l->input}, column[] = {l->batch, 1};
    const int64_t one[] = {l->batch, l->gates * l->hidden};
    acn_net_value **y = acn_arena_alloc(&f->c->net->arena, (size_t)(l->steps + 1) * sizeof(void *));
    acn_net_value *x = acn_f2(f, "MatMul", acn_f_reshape(f, l->x, 2, flat), turned(f, l->w));
    x = acn_f2(f, "Add", x, l->bias_w);
    if (y == NULL) f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for %s", f->c->node->type);
    acn_net_value *ends = l->lengths ? acn_f_cast(f, l->lengths, ACN_I64) : NULL;
    if (ends) ends = acn_f_reshape(f, ends, 2, column);
    for (int64_t i = 0; i < l->steps && f->status == ACN_OK; i++) {
        int64_t t = l->is_backward ? l->steps - 1 - i : i;
        acn_net_value *cell = l->c, *now = acn_f_part(f, x, 0, t * l->batch, l->batch), *h;
        now = acn_f_reshape(f, now, 2, one);
        h = l->kind == LSTM  ? lstm_step(l, now, &cell)
            : l->kind == GRU ? gru_step(l, now)
                             : rnn_step(l, now);
        if (f->status != ACN_OK) return;
        y[t] = h;
        if (ends) {
            acn_net_value *runs =
                acn_f_truth(f, "Greater", ends, acn_f_number(f, (double)t, ACN_I64));
            y[t] = acn_f_select(f, runs, h, acn_f_number(f, 0, h->tensor.dtype));
            h = acn_f_select(f, runs, h, l->h);
            if (cell) cell = acn_f_select(f, runs, cell, l->c);
        }
        l->h = h, l->c = cell;
        y[t] = acn_f_unsqueeze(f, y[t], 0);
    }
    l->y = acn_f_concat(f, y, (int)l->steps, 0);
}

/* ---- the node -------------------------------------------------------------------------------- */

/* Direction |d| of an input [directions, ...] (second, for states that begin with the batch),
 * without that dimension; zeros for one that is
 * absent. */
static acn_net_value *of_direction(layer *l, int slot, int d, int rank, const int64_t *dims) {
    acn_formula *f = l->f;
    acn_net_value *v = input(f->c, slot);
    bool is_second = (slot == H0 || slot == C0) && acn_onnx_int(f->c, "layout", 0);
    if (v == NULL) return acn_f_broadcast(f, acn_f_number(f, 0, l->x->tensor.dtype), rank, dims);
    return acn_f_reshape(f, acn_f_part(f, v, is_second, d, 1), rank, dims);
}

static void take_operands(layer *l, int d) {
    acn_formula *f = l->f;
    int64_t rows = l->gates * l->hidden;
    const int64_t w[] = {rows, l->input}, r[] = {rows, l->hidden}, both[] = {2 * rows};
    const int64_t state[] = {l->batch, l->hidden}, three[] = {3 * l->hidden};
    l->w = of_direction(l, W, d, 2, w);
    l->r = of_direction(l, R, d, 2, r);
    acn_net_value *bias = of_direction(l, B, d, 1, both);
    l->bias_w = acn_f_part(f, bias, 0, 0, rows);
    l->bias_r = acn_f_part(f, bias, 0, rows, rows);
    l->h = of_direction(l, H0, d, 2, state);
    l->lengths = input(f->c, LENGTHS);
    if (l->kind != LSTM) return;
    l->c = of_direction(l, C0, d, 2, state);
    if (!input(f->c, P)) return;
    acn_net_value *peepholes = of_direction(l, P, d, 1, three);
    for (int k = 0; k < 3; k++)
        l->peephole[k] = acn_f_part(f, peepholes, 0, k * l->hidden, l->hidden);
}

static acn_status read_layers(acn_onnx_call *c, rnn_kind kind, acn_formula *f, layer *layers,
                              int *out_count) {
    static const int order[] = {1, 0, 2}, gates[] = {[RNN] = 1, [GRU] = 3, [LSTM] = 4};
    const char *direction = acn_onnx_text(c, "direction", "forward");
    const acn_tensor *w = &c->in[W]->tensor, *r = &c->in[R]->tensor;
    bool is_both = strcmp(direction, "bidirectional") == 0;
    acn_net_value *x = c->in[X];
    *out_count = is_both ? 2 : 1;
    if (x->tensor.rank != 3 || w->rank != 3 || r->rank != 3 || w->dims[0] != *out_count ||
        r->dims[0] != *out_count || w->dims[1] != gates[kind] * r->dims[2] ||
        r->dims[1] != w->dims[1] || w->dims[2] != x->tensor.dims[2])
        return acn_onnx_bad(c, "its weights fit neither each other nor %s", direction);
    if (acn_onnx_int(c, "layout", 0)) x = acn_f_permute(f, x, order);
    ACN_TRY(f->status);
    for (int d = 0; d < *out_count; d++) {
        layers[d] = (layer){.f = f,
                            .kind = kind,
                            .gates = gates[kind],
                            .steps = x->tensor.dims[0],
                            .batch = x->tensor.dims[1],
                            .input = x->tensor.dims[2],
                            .hidden = r->dims[2],
                            .is_backward = d == 1 || strcmp(direction, "reverse") == 0,
                            .is_usual = kind != RNN && !input(c, P),
                            .clip = acn_onnx_float(c, "clip", 0),
                            .x = x};
        layer *l = &layers[d];
        if (l->steps < 1) return acn_onnx_bad(c, "its sequence is empty");
        l->is_usual &= l->clip == 0 && !acn_onnx_int(c, "input_forget", 0);
        if (kind == GRU) l->is_usual &= acn_onnx_int(c, "linear_before_reset", 0) != 0;
        take_operands(l, d);
    }
    ACN_TRY(f->status);
    return read_activations(c, layers, *out_count);
}

/* The directions' results side by side, in the node's layout. */
static acn_status give(acn_onnx_call *c, acn_formula *f, layer *layers, int count) {
    static const int y_order[] = {2, 0, 1, 3}, state_order[] = {1, 0, 2};
    bool is_batch_first = acn_onnx_int(c, "layout", 0);
    acn_net_value *y[2], *h[2], *cell[2] = {NULL};
    for (int d = 0; d < count; d++) {
        y[d] = acn_f_unsqueeze(f, layers[d].y, 1);
        h[d] = acn_f_unsqueeze(f, layers[d].h, 0);
        if (layers[d].kind == LSTM) cell[d] = acn_f_unsqueeze(f, layers[d].c, 0);
    }
    acn_net_value *all[3] = {acn_f_concat(f, y, count, 1), acn_f_concat(f, h, count, 0),
                             cell[0] ? acn_f_concat(f, cell, count, 0) : NULL};
    for (int i = 0; i < 3 && i < c->out_count; i++) {
        if (is_batch_first && all[i])
            all[i] = acn_f_permute(f, all[i], i == 0 ? y_order : state_order);
        ACN_TRY(acn_f_end(f, all[i], &c->out[i]));
    }
    return ACN_OK;
}

static acn_status recurrent(acn_onnx_call *c, rnn_kind kind) {
    acn_formula f = {.c = c};
    layer layers[2];
    int count;
    ACN_TRY(read_layers(c, kind, &f, layers, &count));
    for (int d = 0; d < count; d++) {
        if (layers[d].is_usual)
            run_usual(&layers[d]);
        else
            run_steps(&layers[d]);
        ACN_TRY(f.status);
    }
    return give(c, &f, layers, count);
}

static acn_status rnn(acn_onnx_call *c) { return recurrent(c, RNN); }
static acn_status gru(acn_onnx_call *c) { return recurrent(c, GRU); }
static acn_status lstm(acn_onnx_call *c) { return recurrent(c, LSTM); }
ACN_ONNX(rnn) = {.type = "RNN", .required = 3, .import = rnn};
ACN_ONNX(gru) = {.type = "GRU", .required = 3, .import = gru};
ACN_ONNX(lstm) = {.type = "LSTM", .required = 3, .import = lstm};

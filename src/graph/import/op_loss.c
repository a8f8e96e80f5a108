/* op_loss.c - losses of classification, and steps of optimizers, for models that train. */
#include "graph/import/compose.h"

#include <string.h>

/* ---- losses ---------------------------------------------------------------------------------- */

/* |x|: log probabilities [N, C, ...]. */
static acn_net_value *likelihood_loss(acn_formula *f, acn_net_value *x) {
    acn_onnx_call *c = f->c;
    acn_node_builder b;
    acn_net_value *made[2] = {NULL, NULL};
    const acn_onnx_attr *ignored = acn_onnx_attr_find(c->node, "ignore_index");
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(c, &b, "NLLLoss");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "target", c->in[1]);
    acn_node_input(&b, "weight", c->in_count > 2 ? c->in[2] : NULL);
    acn_node_text(&b, "reduction", acn_onnx_text(c, "reduction", "mean"));
    acn_node_int(&b, "ignore_index", ignored ? ignored->i : INT64_MIN);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, made);
    return made[0];
}

static acn_status negative_log_likelihood(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    return acn_f_end(&f, likelihood_loss(&f, c->in[0]), c->out);
}
ACN_ONNX(negative_log_likelihood) = {
    .type = "NegativeLogLikelihoodLoss", .required = 2, .import = negative_log_likelihood};

static acn_status softmax_cross_entropy(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *log;
    acn_node_builder b;
    acn_onnx_begin(c, &b, "LogSoftmaxV2");
    acn_node_input(&b, "logits", c->in[0]);
    acn_node_ints(&b, "axes", &(int64_t){1}, 1);
    acn_node_output(&b, "logsoftmax", c->in[0]->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, &log));
    if (c->out_count > 1) c->out[1] = log;
    return acn_f_end(&f, likelihood_loss(&f, log), c->out);
}
ACN_ONNX(softmax_cross_entropy) = {
    .type = "SoftmaxCrossEntropyLoss", .required = 2, .import = softmax_cross_entropy};

/* ---- optimizers ------------------------------------------------------------------------------ */

/* Inputs are the rate, the number of steps so far, then lists of equal length: parameters,
 * gradients, and one or two lists of states. Outputs are the new parameters and states. */
typedef struct step {
    acn_net_value *rate, *count, *x, *gradient, *state[2];
} step;

typedef struct optimizer {
    int states;
    /* Changes x and state to the new ones. */
    void (*update)(acn_formula *f, step *s);
} optimizer;

static acn_status optimize(acn_onnx_call *c, const optimizer *o) {
    acn_formula f = {c, ACN_OK};
    int n = (c->in_count - 2) / (o->states + 2);
    double decay = acn_onnx_float(c, "norm_coefficient", 0);
    if (n < 1 || c->in_count != 2 + n * (o->states + 2) || c->out_count != n * (o->states + 1))
        return acn_onnx_bad(c,
                            "%d inputs and %d outputs are no parameters with gradients and "
                            "states",
                            c->in_count, c->out_count);
    for (int i = 0; i < n; i++) {
        step s = {.rate = c->in[0], .x = c->in[2 + i], .gradient = c->in[2 + n + i]};
        s.count = acn_f_cast(&f, c->in[1], s.x->tensor.dtype);
        for (int k = 0; k < o->states; k++)
            s.state[k] = c->in[2 + (2 + k) * n + i];
        if (decay != 0)
            s.gradient = acn_f2(&f, "Add", acn_f_with(&f, "Mul", s.x, decay), s.gradient);
        o->update(&f, &s);
        c->out[i] = s.x;
        for (int k = 0; k < o->states; k++)
            c->out[(1 + k) * n + i] = s.state[k];
    }
    return f.status;
}

/* x - rate * direction */
static acn_net_value *moved(acn_formula *f, acn_net_value *x, acn_net_value *rate,
                            acn_net_value *direction) {
    return acn_f2(f, "Sub", x, acn_f2(f, "Mul", direction, rate));
}

/* a * state + b * value */
static acn_net_value *mixed(acn_formula *f, acn_net_value *state, double a, acn_net_value *value,
                            double b) {
    return acn_f2(f, "Add", acn_f_with(f, "Mul", state, a), acn_f_with(f, "Mul", value, b));
}

static void adagrad_step(acn_formula *f, step *s) {
    double decay = acn_onnx_float(f->c, "decay_factor", 0);
    double epsilon = acn_onnx_float(f->c, "epsilon", 1e-6f);
    acn_net_value *slower = acn_f_with(f, "Add", acn_f_with(f, "Mul", s->count, decay), 1);
    acn_net_value *rate = acn_f2(f, "RealDiv", s->rate, slower);
    acn_net_value *square = acn_f2(f, "Mul", s->gradient, s->gradient);
    s->state[0] = acn_f2(f, "Add", s->state[0], square);
    acn_net_value *root = acn_f_with(f, "Add", acn_f1(f, "Sqrt", s->state[0]), epsilon);
    s->x = moved(f, s->x, rate, acn_f2(f, "RealDiv", s->gradient, root));
}

/* 1 - base^count */
static acn_net_value *remaining(acn_formula *f, double base, acn_net_value *count) {
    if (f->status != ACN_OK) return NULL;
    acn_net_value *power = acn_f2(f, "Pow", acn_f_number(f, base, count->tensor.dtype), count);
    return acn_f_with(f, "Add", acn_f1(f, "Neg", power), 1);
}

static void adam_step(acn_formula *f, step *s) {
    double alpha = acn_onnx_float(f->c, "alpha", 0.9f), beta = acn_onnx_float(f->c, "beta", 0.999f);
    double epsilon = acn_onnx_float(f->c, "epsilon", 1e-6f);
    double after = acn_onnx_float(f->c, "norm_coefficient_post", 0);
    acn_net_value *square = acn_f2(f, "Mul", s->gradient, s->gradient);
    s->state[0] = mixed(f, s->state[0], alpha, s->gradient, 1 - alpha);
    s->state[1] = mixed(f, s->state[1], beta, square, 1 - beta);
    acn_net_value *root = acn_f_with(f, "Add", acn_f1(f, "Sqrt", s->state[1]), epsilon);
    acn_net_value *later = acn_f1(f, "Sqrt", remaining(f, beta, s->count));
    later = acn_f2(f, "Mul", s->rate, later);
    later = acn_f2(f, "RealDiv", later, remaining(f, alpha, s->count));
    if (f->status != ACN_OK) return;
    acn_net_value *zero = acn_f_number(f, 0, s->count->tensor.dtype);
    acn_net_value *has_begun = acn_f_truth(f, "Greater", s->count, zero);
    acn_net_value *rate = acn_f_select(f, has_begun, later, s->rate);
    s->x = moved(f, s->x, rate, acn_f2(f, "RealDiv", s->state[0], root));
    if (after != 0) s->x = acn_f_with(f, "Mul", s->x, 1 - after);
}

static void momentum_step(acn_formula *f, step *s) {
    double alpha = acn_onnx_float(f->c, "alpha", 0), beta = acn_onnx_float(f->c, "beta", 0);
    bool is_nesterov = strcmp(acn_onnx_text(f->c, "mode", "standard"), "nesterov") == 0;
    if (f->status != ACN_OK) return;
    acn_dtype dtype = s->count->tensor.dtype;
    acn_net_value *has_begun = acn_f_truth(f, "Greater", s->count, acn_f_number(f, 0, dtype));
    acn_net_value *share =
        acn_f_select(f, has_begun, acn_f_number(f, beta, dtype), acn_f_number(f, 1, dtype));
    acn_net_value *added = acn_f2(f, "Mul", s->gradient, share);
    s->state[0] = acn_f2(f, "Add", acn_f_with(f, "Mul", s->state[0], alpha), added);
    acn_net_value *direction = s->state[0];
    if (is_nesterov)
        direction = acn_f2(f, "Add", s->gradient, acn_f_with(f, "Mul", s->state[0], alpha));
    s->x = moved(f, s->x, s->rate, direction);
}

static acn_status adagrad(acn_onnx_call *c) {
    return optimize(c, &(const optimizer){1, adagrad_step});
}
static acn_status adam(acn_onnx_call *c) { return optimize(c, &(const optimizer){2, adam_step}); }
static acn_status momentum(acn_onnx_call *c) {
    return optimize(c, &(const optimizer){1, momentum_step});
}
#define TRAINING "ai.onnx.preview.training"
ACN_ONNX(adagrad) = {.type = "Adagrad", .domain = TRAINING, .required = 4, .import = adagrad};
ACN_ONNX(adam) = {.type = "Adam", .domain = TRAINING, .required = 4, .import = adam};
ACN_ONNX(momentum) = {.type = "Momentum", .domain = TRAINING, .required = 4, .import = momentum};

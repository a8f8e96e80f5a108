/* glu.c - gated units: one half of x (along a dimension), through an activation, times the other.
 *
 *   y = f(u) v,   du = dy f'(u) v,   dv = dy f(u)
 *
 * GLU gates by the sigmoid of the second half, SwiGlu by silu of the first, GeGlu by gelu of
 * either. Halves are views; a program writes both halves of a gradient at once. */
#include "ops/activation/formulas.h"
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"

typedef enum gate { GATE_SIGMOID, GATE_SILU, GATE_GELU } gate;

enum { ATTR_DIM, ATTR_APPROXIMATE, ATTR_LEFT };

typedef struct glu_form {
    acn_viewed viewed; /* must be first: the shared plan and run read it */
    gate gate;
    bool is_gradient, is_left; /* the first half goes through the activation */
} glu_form;

static const glu_form *form_of(const acn_call *c) { return c->op->family; }

static bool by_tanh(const acn_call *c) {
    return form_of(c)->gate == GATE_GELU && acn_attr_int(c, ATTR_APPROXIMATE) != 0;
}
static bool is_left(const acn_call *c) {
    return form_of(c)->gate == GATE_GELU ? acn_attr_int(c, ATTR_LEFT) != 0 : form_of(c)->is_left;
}
static int x_slot(const acn_call *c) { return form_of(c)->is_gradient ? 1 : 0; }

static acn_status split_dim(const acn_call *c, int *out_dim) {
    const acn_tensor *x = acn_in(c, x_slot(c));
    if (x->rank < 1) return acn_bad_input(c, x_slot(c), "expected at least one dimension");
    ACN_TRY(acn_wrap_dim(c, ATTR_DIM, acn_attr_int(c, ATTR_DIM), x->rank, out_dim));
    if (x->dims[*out_dim] % 2 == 0) return ACN_OK;
    return acn_bad_attr(c, ATTR_DIM, "names a dimension of %lld; expected an even size",
                        (long long)x->dims[*out_dim]);
}

static acn_status infer(acn_call *c) {
    int dim;
    ACN_TRY(split_dim(c, &dim));
    const acn_tensor *x = acn_in(c, x_slot(c));
    acn_tensor half = acn_tensor_slice(x, dim, 0, x->dims[dim] / 2);
    if (form_of(c)->is_gradient) {
        if (!acn_tensor_same_shape(acn_in(c, 0), &half))
            return acn_bad_input(c, 0, "expected half of x");
        acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
        return ACN_OK;
    }
    for (int slot = 0; slot < form_of(c)->viewed.outputs; slot++)
        acn_out_like(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : x->dtype, &half);
    return ACN_OK;
}

/* The halves of |t|: the activation's first. */
static void halves(const acn_call *c, const acn_tensor *t, acn_tensor *u, acn_tensor *v) {
    int dim = 0;
    (void)split_dim(c, &dim); /* infer has checked it */
    int64_t half = t->dims[dim] / 2;
    *u = acn_tensor_slice(t, dim, is_left(c) ? 0 : half, half);
    *v = acn_tensor_slice(t, dim, is_left(c) ? half : 0, half);
}

static void view(const acn_call *c, acn_tensor *views) {
    const glu_form *form = form_of(c);
    int at = form->viewed.outputs;
    if (form->is_gradient)
        halves(c, acn_out(c, 0), &views[0], &views[1]);
    else
        for (int slot = 0; slot < at; slot++)
            views[slot] = *acn_out(c, slot);
    halves(c, acn_in(c, x_slot(c)), &views[at], &views[at + 1]);
    if (form->is_gradient) views[at + 2] = *acn_in(c, 0);
}

static acn_micro_code code_of(const acn_call *c) {
    gate g = form_of(c)->gate;
    return g == GATE_SIGMOID ? ACN_U_SIGMOID
           : g == GATE_SILU  ? ACN_U_SILU
           : by_tanh(c)      ? ACN_U_GELU_TANH
                             : ACN_U_GELU;
}

static void emit(acn_program *p, const acn_call *c) {
    const glu_form *form = form_of(c);
    acn_class k = acn_class_of(acn_in(c, x_slot(c))->dtype);
    acn_reg u = acn_p_input(p, 0, k), v = acn_p_input(p, 1, k);
    acn_reg value = acn_p1(p, code_of(c), u);
    if (!form->is_gradient) {
        acn_p_store(p, acn_p2(p, ACN_U_MUL, value, v));
        if (form->viewed.outputs > 1) acn_p_store(p, value);
        return;
    }
    acn_reg dy = acn_p_input(p, 2, k), scaled = acn_p2(p, ACN_U_MUL, dy, v);
    acn_micro_code slope = form->gate == GATE_SIGMOID ? ACN_U_SIGMOID_GRAD
                           : form->gate == GATE_SILU  ? ACN_U_SILU_GRAD
                           : by_tanh(c)               ? ACN_U_GELU_TANH_GRAD
                                                      : ACN_U_GELU_GRAD;
    acn_p_store(p, acn_p2(p, slope, scaled, form->gate == GATE_SIGMOID ? value : u));
    acn_p_store(p, acn_p2(p, ACN_U_MUL, dy, value));
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double value_of(const acn_call *c, double u) {
    gate g = form_of(c)->gate;
    return g == GATE_SIGMOID ? acn_sigmoid(u)
           : g == GATE_SILU  ? acn_silu(u)
                             : acn_gelu(u, by_tanh(c));
}
static double slope_of(const acn_call *c, double u) {
    gate g = form_of(c)->gate;
    if (g == GATE_SIGMOID) return acn_sigmoid(u) * (1 - acn_sigmoid(u));
    return g == GATE_SILU ? acn_silu_slope(u) : acn_gelu_slope(u, by_tanh(c));
}

static double load(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store(const acn_tensor *t, int64_t i, double v) {
    acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static acn_status run0(acn_call *c) {
    acn_tensor views[ACN_MAX_VIEWS];
    const glu_form *form = form_of(c);
    view(c, views);
    const acn_tensor *u = &views[form->viewed.outputs], *v = u + 1;
    for (int64_t i = 0; i < acn_tensor_count(u); i++) {
        double a = load(u, i), b = load(v, i);
        if (form->is_gradient) {
            double dy = load(v + 1, i);
            store(&views[0], i, dy * slope_of(c, a) * b);
            store(&views[1], i, dy * value_of(c, a));
            continue;
        }
        store(&views[0], i, value_of(c, a) * b);
        if (form->viewed.outputs > 1) store(&views[1], i, value_of(c, a));
    }
    return ACN_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

#define RUN(form)                                                                                  \
    .infer = infer, .plan = acn_viewed_plan, .run = acn_viewed_run, .run0 = run0, .family = &(form)
#define ATTR_DIM_ONLY                                                                              \
    {                                                                                              \
        { .name = "dim", .kind = ACN_ATTR_INT, .fallback = -1 }                                    \
    }
#define ATTR_GELU                                                                                  \
    {                                                                                              \
        {.name = "dim", .kind = ACN_ATTR_INT, .fallback = -1},                                     \
            {.name = "approximate", .kind = ACN_ATTR_INT, .fallback = 1}, {                        \
            .name = "activate_left", .kind = ACN_ATTR_BOOL                                         \
        }                                                                                          \
    }
#define X_CASES  "tolerance=reduction [5,6] [4,3]|dim=0 [2,2060] [0,4] [3,4,2]|dim=1"
#define DY_CASES "tolerance=reduction [5,3],[5,6] [2,3],[4,3]|dim=0 [2,1030],[2,2060] [0,2],[0,4]"

#define FORM(outputs_, inputs_, gate_, gradient, left)                                             \
    { {view, outputs_, inputs_, emit}, gate_, gradient, left }
static const glu_form glu_form_ = FORM(1, 2, GATE_SIGMOID, false, false);
static const glu_form glu_grad_form = FORM(2, 3, GATE_SIGMOID, true, false);
static const glu_form swiglu_form = FORM(1, 2, GATE_SILU, false, true);
static const glu_form swiglu_grad_form = FORM(2, 3, GATE_SILU, true, true);
static const glu_form geglu_form = FORM(2, 2, GATE_GELU, false, false);
static const glu_form geglu_grad_form = FORM(2, 3, GATE_GELU, true, false);

#define FORWARD(id, ge_name, about, form)                                                          \
    ACN_OP(id) = {.name = ge_name,                                                                 \
                  .doc = about,                                                                    \
                  .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},                                        \
                  .out = {{"y", ACN_FLOATS}},                                                      \
                  .attr = ATTR_DIM_ONLY,                                                           \
                  RUN(form),                                                                       \
                  .cases = X_CASES}
#define GRADIENT(id, ge_name, about, form)                                                         \
    ACN_OP(id) = {.name = ge_name,                                                                 \
                  .doc = about,                                                                    \
                  .in = {{"y_grad", ACN_FLOATS, ACN_UNALIASED}, {"x", ACN_FLOATS, ACN_UNALIASED}}, \
                  .out = {{"x_grad", ACN_FLOATS}},                                                 \
                  .attr = ATTR_DIM_ONLY,                                                           \
                  RUN(form),                                                                       \
                  .cases = DY_CASES}
FORWARD(glu, "GLU", "first half * sigmoid(second half)", glu_form_);
GRADIENT(glu_grad, "GLUGrad", "Gradient of GLU", glu_grad_form);
FORWARD(swi_glu, "SwiGlu", "silu(first half) * second half", swiglu_form);
GRADIENT(swi_glu_grad, "SwiGluGrad", "Gradient of SwiGlu", swiglu_grad_form);
ACN_OP(ge_glu) = {
    .name = "GeGluV2",
    .doc = "gelu of one half * the other; and the gelu",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}, {"gelu", ACN_FLOATS}},
    .attr = ATTR_GELU,
    RUN(geglu_form),
    .cases = X_CASES " [5,6]|approximate=0,activate_left=1",
};
ACN_OP(ge_glu_grad) = {
    .name = "GeGluGradV2",
    .doc = "Gradient of GeGluV2",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"gelu", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"dx", ACN_FLOATS}},
    .attr = ATTR_GELU,
    RUN(geglu_grad_form),
    .cases = DY_CASES " [5,3],[5,6]|approximate=0,activate_left=1",
};

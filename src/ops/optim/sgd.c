/* sgd.c - FusedSgd: a step of gradient descent with momentum, for lists of parameters. */
#include "ops/optim/update.h"

enum { VAR, GRAD, BUFFER, ROLES, GRAD_SCALE = ROLES };
enum { A_DECAY, A_MOMENTUM, A_RATE, A_DAMPENING, A_NESTEROV, A_MAXIMIZE, A_FIRST };

static bool prepare(const acn_call *call, int member, acn_update_numbers *out) {
    double scale = acn_attr_int(call, A_MAXIMIZE) ? -1 : 1;
    if (acn_in(call, GRAD_SCALE)) scale /= acn_update_number(call, GRAD_SCALE, 0);
    out->sgd = (acn_sgd){
        .grad_scale = scale,
        .l2 = acn_attr_float(call, A_DECAY),
        .momentum = acn_attr_float(call, A_MOMENTUM),
        .rest = 1 - acn_attr_float(call, A_DAMPENING),
        .rate = acn_attr_float(call, A_RATE),
        .is_nesterov = acn_attr_int(call, A_NESTEROV),
        .is_first = acn_attr_int(call, A_FIRST),
    };
    return true;
}

static void apply(acn_class k, void *const *tile, const acn_update_numbers *by, int64_t n) {
    acn_kernels_get()->optim[k].sgd(tile[VAR], tile[BUFFER], tile[GRAD], &by->sgd, n);
}

static void ref(double *x, const acn_update_numbers *by, const bool *is_there) {
    const acn_sgd *s = &by->sgd;
    double g = s->grad_scale * x[GRAD] + s->l2 * x[VAR];
    if (!is_there[BUFFER]) {
        x[VAR] -= s->rate * g;
        return;
    }
    x[BUFFER] = s->is_first ? g : s->momentum * x[BUFFER] + s->rest * g;
    x[VAR] -= s->rate * (s->is_nesterov ? g + s->momentum * x[BUFFER] : x[BUFFER]);
}

static const acn_update definition = {.roles = ROLES,
                                      .role = {{0, 0}, {1, ACN_NO_SLOT}, {2, 1}},
                                      .prepare = prepare,
                                      .apply = apply,
                                      .ref = ref};

#define NUMBER(id)                                                                                 \
    { .name = id, .kind = ACN_ATTR_FLOAT, .is_required = true, .is_value = true }

ACN_OP(FusedSgd) = {
    .name = "FusedSgd",
    .doc = "One step of gradient descent with momentum for lists of parameters.",
    .in = {{"params", ACN_FLOATS, ACN_LIST},
           {"grads", ACN_FLOATS, ACN_LIST},
           {"momentum_buffer_list", ACN_FLOATS, ACN_LIST | ACN_OPTIONAL},
           {"grad_scale", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"params", ACN_FLOATS, ACN_LIST},
            {"momentum_buffer_list", ACN_FLOATS, ACN_LIST | ACN_OPTIONAL}},
    .attr = {NUMBER("weight_decay"),
             NUMBER("momentum"),
             NUMBER("lr"),
             NUMBER("dampening"),
             {.name = "nesterov", .kind = ACN_ATTR_BOOL},
             {.name = "maximize", .kind = ACN_ATTR_BOOL},
             {.name = "is_first_step", .kind = ACN_ATTR_BOOL}},
    ACN_UPDATE(definition),
    .cases = "tolerance=reduction {[5,7],[3]},{[5,7],[3]},{[5,7],[3]},f32[]@1..2|weight_decay=0.5,"
             "momentum=0.75,lr=0.125,dampening=0.25 "
             "{f32[3000],f32[0]},{[3000],[0]},{[3000],[0]},-|weight_decay=0,momentum=0.75,lr=0.125,"
             "dampening=0,nesterov=1,maximize=1 "
             "{f32[5,7]},{[5,7]},{[5,7]},-|weight_decay=0.5,momentum=0.75,lr=0.125,dampening=0.25,"
             "is_first_step=1 "
             "{f32[5,7]},{[5,7]},-,-|weight_decay=0.5,momentum=0,lr=0.125,dampening=0",
};

/* adam.c - steps of Adam and its kin, one parameter or lists of them. The formula is the kernel's
 * (ops/kernels/optim.h); operators differ in where its numbers come from. */
#include "ops/optim/update.h"
#include <math.h>

enum { VAR, M, V, LARGEST, GRAD, ROLES };

static void apply(acn_class k, void *const *tile, const acn_update_numbers *by, int64_t n) {
    acn_kernels_get()->optim[k].adam(tile[VAR], tile[M], tile[V], tile[LARGEST], tile[GRAD],
                                     &by->adam, n);
}

static void ref(double *x, const acn_update_numbers *by, const bool *is_there) {
    const acn_adam *a = &by->adam;
    double g = a->grad_scale * x[GRAD] + a->l2 * x[VAR];
    x[M] += (g - x[M]) * a->rest1;
    x[V] = a->beta2 * x[V] + a->rest2 * g * g;
    double top = x[V];
    if (a->is_amsgrad) top = x[LARGEST] = x[LARGEST] > x[V] ? x[LARGEST] : x[V];
    double m = a->is_nesterov ? a->beta1 * x[M] + a->rest1 * g : x[M];
    x[VAR] = a->decay * x[VAR] - a->step * m / (a->root * sqrt(top) + a->epsilon);
}

#define ADAM(id, prepare_step, ...)                                                                \
    static const acn_update id##_definition = {.roles = ROLES,                                     \
                                               .role = {__VA_ARGS__},                              \
                                               .prepare = prepare_step,                            \
                                               .apply = apply,                                     \
                                               .ref = ref}
#define ROLE(in, out)                                                                              \
    { in, out }
#define NUMBER(name)                                                                               \
    { name, ACN_FLOATS, ACN_SCALARISH }
#define STATE(name)                                                                                \
    { name, ACN_FLOATS }
#define ATTR_NUMBER(id)                                                                            \
    { .name = id, .kind = ACN_ATTR_FLOAT, .is_required = true, .is_value = true }
#define ATTR_FLAG(id)                                                                              \
    { .name = id, .kind = ACN_ATTR_BOOL }

/* ---- powers of the decays as inputs: ApplyAdam, ApplyAdamW ----------------------------------- */

enum { P_VAR, P_M, P_V, P_POWER1, P_POWER2, P_RATE, P_BETA1, P_BETA2, P_EPSILON, P_GRAD };

static bool prepare_power(const acn_call *call, int member, acn_update_numbers *out) {
    double power1 = acn_update_number(call, P_POWER1, 0);
    double power2 = acn_update_number(call, P_POWER2, 0);
    double beta1 = acn_update_number(call, P_BETA1, 0), beta2 = acn_update_number(call, P_BETA2, 0);
    out->adam = (acn_adam){
        .grad_scale = 1,
        .decay = 1,
        .beta1 = beta1,
        .rest1 = 1 - beta1,
        .beta2 = beta2,
        .rest2 = 1 - beta2,
        .root = 1,
        .step = acn_update_number(call, P_RATE, 0) * sqrt(1 - power2) / (1 - power1),
        .epsilon = acn_update_number(call, P_EPSILON, 0),
        .is_nesterov = acn_attr_int(call, 1),
    };
    return true;
}

#define POWER_INPUTS                                                                               \
    {                                                                                              \
        STATE("var"), STATE("m"), STATE("v"), NUMBER("beta1_power"), NUMBER("beta2_power"),        \
            NUMBER("lr"), NUMBER("beta1"), NUMBER("beta2"), NUMBER("epsilon"), STATE("grad")       \
    }
#define POWER_CASES                                                                                \
    "tolerance=reduction f32+f16[5,7],[5,7],[5,7]@0..1,0.5,0.25,0.125,0.5,0.75,0.25,[5,7] "        \
    "f32[3000],[3000],[3000]@0..1,0.5,0.25,0.125,0.5,0.75,0.25,[3000]|use_nesterov=1 "             \
    "f32[0],[0],[0],0.5,0.25,0.125,0.5,0.75,0.25,[0]"

#define STATES                                                                                     \
    { STATE("var"), STATE("m"), STATE("v") }
#define POWER_ADAM(id)                                                                             \
    ADAM(id, prepare_power, ROLE(P_VAR, 0), ROLE(P_M, 1), ROLE(P_V, 2),                            \
         ROLE(ACN_NO_SLOT, ACN_NO_SLOT), ROLE(P_GRAD, ACN_NO_SLOT));                               \
    ACN_OP(id) = {                                                                                 \
        .name = #id,                                                                               \
        .doc = "One step of Adam; the decays' powers are given.",                                  \
        .in = POWER_INPUTS,                                                                        \
        .out = STATES,                                                                             \
        .attr = {ATTR_FLAG("use_locking"), ATTR_FLAG("use_nesterov")},                             \
        ACN_UPDATE(id##_definition),                                                               \
        .cases = POWER_CASES,                                                                      \
    }
POWER_ADAM(ApplyAdamD);
POWER_ADAM(ApplyAdam);

enum { W_VAR, W_M, W_V, W_POWER1, W_POWER2, W_RATE, W_DECAY, W_BETA1, W_BETA2, W_EPSILON };
enum { W_GRAD = W_EPSILON + 1, W_LARGEST };

/* The powers are those of the step before. */
static bool prepare_w(const acn_call *call, int member, acn_update_numbers *out) {
    double beta1 = acn_update_number(call, W_BETA1, 0), beta2 = acn_update_number(call, W_BETA2, 0);
    double power1 = acn_update_number(call, W_POWER1, 0) * beta1;
    double power2 = acn_update_number(call, W_POWER2, 0) * beta2;
    double rate = acn_update_number(call, W_RATE, 0);
    out->adam = (acn_adam){
        .grad_scale = acn_attr_int(call, 1) ? -1 : 1,
        .decay = 1 - rate * acn_update_number(call, W_DECAY, 0),
        .beta1 = beta1,
        .rest1 = 1 - beta1,
        .beta2 = beta2,
        .rest2 = 1 - beta2,
        .root = 1 / sqrt(1 - power2),
        .step = rate / (1 - power1),
        .epsilon = acn_update_number(call, W_EPSILON, 0),
        .is_amsgrad = acn_attr_int(call, 0),
    };
    return true;
}
static acn_status infer_w(acn_call *call);
ADAM(ApplyAdamW, prepare_w, ROLE(W_VAR, 0), ROLE(W_M, 1), ROLE(W_V, 2), ROLE(W_LARGEST, 3),
     ROLE(W_GRAD, ACN_NO_SLOT));
ACN_OP(ApplyAdamW) = {
    .name = "ApplyAdamW",
    .doc = "One step of AdamW; the decays' powers before the step are given.",
    .in = {STATE("var"),
           STATE("m"),
           STATE("v"),
           NUMBER("beta1_power"),
           NUMBER("beta2_power"),
           NUMBER("lr"),
           NUMBER("weight_decay"),
           NUMBER("beta1"),
           NUMBER("beta2"),
           NUMBER("epsilon"),
           STATE("grad"),
           {"max_grad_norm", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {STATE("var"), STATE("m"), STATE("v"), {"max_grad_norm", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {ATTR_FLAG("amsgrad"), ATTR_FLAG("maximize")},
    .infer = infer_w,
    .plan = acn_update_plan,
    .run = acn_update_run,
    .run0 = acn_update_run0,
    .family = &ApplyAdamW_definition,
    .cases = "tolerance=reduction "
             "f32+f16[5,7],[5,7],[5,7]@0..1,0.5,0.25,0.125,0.5,0.75,0.25,0.5,[5,7],- "
             "f32[3000],[3000],[3000]@0..1,0.5,0.25,0.125,0.5,0.75,0.25,0.5,[3000],[3000]@0..1|"
             "amsgrad=1,maximize=1",
};

/* ---- the number of steps as input: ApplyAdamWV2, FusedAdam ----------------------------------- */

enum { S_VAR, S_M, S_V, S_GRAD, S_STEP, S_LARGEST, S_GRAD_SCALE, S_FOUND_INF };
enum { A_RATE, A_BETA1, A_BETA2, A_DECAY, A_EPSILON, A_AMSGRAD, A_MAXIMIZE };

/* |step| counts the steps before this one. */
static void prepare_step(const acn_call *call, int member, acn_update_numbers *out) {
    double step = acn_update_number(call, S_STEP, member) + 1;
    double beta1 = acn_attr_float(call, A_BETA1), beta2 = acn_attr_float(call, A_BETA2);
    out->adam = (acn_adam){
        .grad_scale = acn_attr_int(call, A_MAXIMIZE) ? -1 : 1,
        .decay = 1,
        .beta1 = beta1,
        .rest1 = 1 - beta1,
        .beta2 = beta2,
        .rest2 = 1 - beta2,
        .root = 1 / sqrt(1 - pow(beta2, step)),
        .step = acn_attr_float(call, A_RATE) / (1 - pow(beta1, step)),
        .epsilon = acn_attr_float(call, A_EPSILON),
        .is_amsgrad = acn_attr_int(call, A_AMSGRAD),
    };
}

static bool prepare_decoupled(const acn_call *call, int member, acn_update_numbers *out) {
    prepare_step(call, member, out);
    out->adam.decay = 1 - acn_attr_float(call, A_RATE) * acn_attr_float(call, A_DECAY);
    return true;
}

static bool prepare_fused(const acn_call *call, int member, acn_update_numbers *out) {
    if (acn_in(call, S_FOUND_INF) && acn_update_number(call, S_FOUND_INF, 0) != 0) return false;
    prepare_step(call, member, out);
    out->adam.l2 = acn_attr_float(call, A_DECAY);
    if (acn_in(call, S_GRAD_SCALE))
        out->adam.grad_scale /= acn_update_number(call, S_GRAD_SCALE, 0);
    return true;
}

/* With amsgrad there must be a list of the largest so far. */
static acn_status infer_w(acn_call *call) {
    int attr = call->op->attr[0].kind == ACN_ATTR_BOOL ? 0 : A_AMSGRAD;
    const acn_update *u = call->op->family;
    if (acn_attr_int(call, attr) && !acn_in(call, u->role[LARGEST].in))
        return acn_bad_attr(call, attr, "is true; expected the largest squares so far as well");
    return acn_update_infer(call);
}

#define STEP_ROLES                                                                                 \
    ROLE(S_VAR, 0), ROLE(S_M, 1), ROLE(S_V, 2), ROLE(S_LARGEST, 3), ROLE(S_GRAD, ACN_NO_SLOT)
#define STEP_ATTRS(decay)                                                                          \
    {                                                                                              \
        ATTR_NUMBER("lr"), ATTR_NUMBER("beta1"), ATTR_NUMBER("beta2"), ATTR_NUMBER(decay),         \
            ATTR_NUMBER("eps"), ATTR_FLAG("amsgrad"), ATTR_FLAG("maximize")                        \
    }

ADAM(ApplyAdamWV2, prepare_decoupled, STEP_ROLES);
ACN_OP(ApplyAdamWV2) = {
    .name = "ApplyAdamWV2",
    .doc = "One step of AdamW; the number of steps before it is given.",
    .in = {STATE("var"),
           STATE("m"),
           STATE("v"),
           STATE("grad"),
           {"step", ACN_FLOATS | ACN_T(ACN_I64), 0},
           {"max_grad_norm", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {STATE("var"), STATE("m"), STATE("v"), {"max_grad_norm", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = STEP_ATTRS("weight_decay"),
    .infer = infer_w,
    .plan = acn_update_plan,
    .run = acn_update_run,
    .run0 = acn_update_run0,
    .family = &ApplyAdamWV2_definition,
    .cases = "tolerance=reduction "
             "f32+f16[5,7],[5,7],[5,7]@0..1,[5,7],f32[1]@0..9,-|lr=0.125,beta1=0.5,beta2=0.75,"
             "weight_decay=0.5,eps=0.25,maximize=1 "
             "f32[3000],[3000],[3000]@0..1,[3000],f32[]@0..9,[3000]@0..1|lr=0.125,beta1=0.5,"
             "beta2=0.75,weight_decay=0.5,eps=0.25,amsgrad=1",
};

#define STATE_LIST(name)                                                                           \
    { name, ACN_FLOATS, ACN_LIST }
ADAM(FusedAdam, prepare_fused, STEP_ROLES);
ACN_OP(FusedAdam) = {
    .name = "FusedAdam",
    .doc = "One step of Adam for lists of parameters, unless found_inf.",
    .in = {STATE_LIST("params"),
           STATE_LIST("exp_avgs"),
           STATE_LIST("exp_avg_sqs"),
           STATE_LIST("grads"),
           {"state_steps", ACN_FLOATS | ACN_T(ACN_I64), ACN_LIST},
           {"max_exp_avg_sqs", ACN_FLOATS, ACN_LIST | ACN_OPTIONAL},
           {"grad_scale", ACN_FLOATS, ACN_OPTIONAL},
           {"found_inf", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {STATE_LIST("params"),
            STATE_LIST("exp_avgs"),
            STATE_LIST("exp_avg_sqs"),
            {"max_exp_avg_sqs", ACN_FLOATS, ACN_LIST | ACN_OPTIONAL}},
    .attr = STEP_ATTRS("weight_decay"),
    .infer = infer_w,
    .plan = acn_update_plan,
    .run = acn_update_run,
    .run0 = acn_update_run0,
    .family = &FusedAdam_definition,
    .cases =
        "tolerance=reduction {[5,7],[3]},{[5,7],[3]},{[5,7]@0..1,[3]@0..1},{[5,7],[3]},"
        "{f32[]@0..9,f32[]@0..9},-,f32[]@1..2,f32[]@0..0|lr=0.125,beta1=0.5,beta2=0.75,"
        "weight_decay=0.5,eps=0.25 "
        "{f32[3000],f32[0]},{[3000],[0]},{[3000]@0..1,[0]},{[3000],[0]},{f32[]@0..9,f32[]@0..9},"
        "{[3000]@0..1,[0]}|lr=0.125,beta1=0.5,beta2=0.75,weight_decay=0.5,eps=0.25,amsgrad=1 "
        "{f32[5]},{[5]},{[5]},{[5]},{f32[]@0..9},-,-,f32[]@1..1|lr=0.125,beta1=0.5,beta2=0.75,"
        "weight_decay=0.5,eps=0.25",
};

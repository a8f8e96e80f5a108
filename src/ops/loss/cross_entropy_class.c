/* cross_entropy_class.c - CrossEntropyLoss: the log probability of each sample's class, from
 * scores, with weights of classes, smoothed labels and an ignored class; and its gradient.
 *
 *   logp = log_softmax(x),  w = weight of a class
 *   loss = -(1 - e) w[t] logp[t] - e / C * sum over classes of w logp;   0 where t is ignored
 *   mean: the sum divided by that of w[t] of the samples that count
 *
 * SmoothNLLLoss is what follows the log softmax, and a step of the two. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/loss/loss.h"
#include "ops/norm/rows.h"
#include "ops/steps.h"
#include <string.h>

enum { BLOCK = 64 };
enum { ATTR_IGNORE = 2, ATTR_SMOOTHING = 3, ATTR_SCALE = 4, ATTR_ZLOSS = 5 };

/* Samples of [N, C]; |dx| is an output of the same shape, or NULL. */
typedef struct samples {
    const acn_call *call;
    const acn_tensor *x, *target, *weight;
    int target_slot;
    acn_reduction reduction;
    int64_t count, classes, ignore;
    double smoothing;
} samples;

static double load(const acn_tensor *t, int64_t at) {
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}

static double number_at(const acn_tensor *t, int64_t i, double absent) {
    return t ? acn_load_value(acn_tensor_at(t, i), t->dtype).f : absent;
}

static void store_at(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static acn_status read_samples(const acn_call *c, int target, const acn_tensor *shape, samples *s) {
    const acn_tensor *t = acn_in(c, target), *weight = acn_in(c, target + 1);
    *s = (samples){.call = c, .target = t, .weight = weight, .target_slot = target};
    ACN_TRY(acn_loss_reduction(c, &s->reduction));
    if (shape->rank != 2)
        return acn_fail(ACN_INVALID_ARGUMENT, "scores have %d dimensions; expected [N, C]",
                        shape->rank);
    s->count = shape->dims[0], s->classes = shape->dims[1];
    s->ignore = acn_attr_int(c, ATTR_IGNORE);
    s->smoothing = acn_attr_float(c, ATTR_SMOOTHING);
    if (t->rank != 1 || t->dims[0] != s->count)
        return acn_bad_input(c, target, "expected one class for each of the %lld samples",
                             (long long)s->count);
    if (weight && (weight->rank != 1 || weight->dims[0] != s->classes))
        return acn_bad_input(c, target + 1, "expected one weight for each of the %lld classes",
                             (long long)s->classes);
    return ACN_OK;
}

static acn_status check_smoothing(const acn_call *c) {
    double e = acn_attr_float(c, ATTR_SMOOTHING);
    if (e >= 0 && e <= 1) return ACN_OK;
    return acn_bad_attr(c, ATTR_SMOOTHING, "is %g; expected a number from 0 to 1", e);
}

static int64_t class_of(const samples *s, int64_t i) {
    return acn_load_value(acn_tensor_at(s->target, i), s->target->dtype).i;
}

static bool is_class(const samples *s, int64_t class) { return class >= 0 && class < s->classes; }

static acn_status bad_class(const samples *s, int64_t i) {
    return acn_bounds_fail(s->call, s->target_slot, 0, acn_bounds_of(s->classes, false),
                           class_of(s, i), i);
}

/* ---- loss from log probabilities ------------------------------------------------------------- */

static acn_status smooth_infer(acn_call *c) {
    samples s;
    ACN_TRY(read_samples(c, 1, acn_in(c, 0), &s));
    acn_out_is(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, 0)->dtype,
               s.reduction == ACN_REDUCE_NONE, &s.count);
    return ACN_OK;
}

static acn_status smooth_plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    c->plan->workspace_bytes = (uint64_t)(x->dims[0] / BLOCK + 1) * 2 * sizeof(double);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2000 & 0x7fffffff);
    return ACN_OK;
}

static double loss_of(const samples *s, int64_t i, int64_t class) {
    const char *row =
        (const char *)s->x->data + i * s->x->strides[0] * (int64_t)acn_dtype_bytes(s->x->dtype);
    acn_tensor one = *s->x;
    one.data = (void *)row;
    double picked = load(&one, class * one.strides[1]), all = 0;
    for (int64_t k = 0; k < s->classes && s->smoothing != 0; k++)
        all += number_at(s->weight, k, 1) * load(&one, k * one.strides[1]);
    return -(1 - s->smoothing) * number_at(s->weight, class, 1) * picked -
           s->smoothing / (double)s->classes * all;
}

/* Samples of block |block|; false if a class is none. Sums: losses and weights. */
static void smooth_block(void *context, int64_t block, int worker) {
    (void)worker;
    const samples *s = context;
    double *sum = (double *)s->call->workspace + 2 * block;
    int64_t end = (block + 1) * BLOCK < s->count ? (block + 1) * BLOCK : s->count;
    sum[0] = sum[1] = 0;
    for (int64_t i = block * BLOCK; i < end; i++) {
        int64_t class = class_of(s, i);
        bool counts = class != s->ignore;
        if (counts && !is_class(s, class)) continue;
        double loss = counts ? loss_of(s, i, class) : 0;
        if (counts) sum[1] += number_at(s->weight, class, 1);
        sum[0] += loss;
        if (s->reduction == ACN_REDUCE_NONE) store_at(acn_out(s->call, 0), i, loss);
    }
}

static acn_status check_classes(const samples *s) {
    for (int64_t i = 0; i < s->count; i++)
        if (class_of(s, i) != s->ignore && !is_class(s, class_of(s, i))) return bad_class(s, i);
    return ACN_OK;
}

static acn_status smooth_run(acn_call *c) {
    samples s;
    ACN_TRY(read_samples(c, 1, acn_in(c, 0), &s));
    s.x = acn_in(c, 0);
    ACN_TRY(check_classes(&s));
    int64_t blocks = (s.count + BLOCK - 1) / BLOCK;
    acn_pool_run(blocks, smooth_block, &s);
    double loss = 0, weight = 0;
    for (int64_t b = 0; b < blocks; b++) {
        loss += ((double *)c->workspace)[2 * b];
        weight += ((double *)c->workspace)[2 * b + 1];
    }
    if (s.reduction != ACN_REDUCE_NONE)
        store_at(acn_out(c, 0), 0, s.reduction == ACN_REDUCE_MEAN ? loss / weight : loss);
    return ACN_OK;
}

static acn_status smooth_run0(acn_call *c) {
    samples s;
    ACN_TRY(read_samples(c, 1, acn_in(c, 0), &s));
    ACN_TRY(check_classes(&s));
    double total = 0, weights = 0;
    for (int64_t i = 0; i < s.count; i++) {
        int64_t class = class_of(&s, i);
        double loss = 0;
        for (int64_t k = 0; k < s.classes && class != s.ignore; k++) {
            double share = s.smoothing / (double)s.classes + (k == class) * (1 - s.smoothing);
            loss -=
                share * number_at(s.weight, k, 1) * number_at(acn_in(c, 0), i * s.classes + k, 0);
        }
        if (class != s.ignore) weights += number_at(s.weight, class, 1);
        total += loss;
        if (s.reduction == ACN_REDUCE_NONE) store_at(acn_out(c, 0), i, loss);
    }
    if (s.reduction != ACN_REDUCE_NONE)
        store_at(acn_out(c, 0), 0, s.reduction == ACN_REDUCE_MEAN ? total / weights : total);
    return ACN_OK;
}

/* ---- its gradient ---------------------------------------------------------------------------- */

static acn_status smooth_grad_infer(acn_call *c) {
    samples s;
    ACN_TRY(read_samples(c, 2, acn_in(c, 1), &s));
    bool keeps = s.reduction == ACN_REDUCE_NONE;
    if (acn_tensor_count(acn_in(c, 0)) != (keeps ? s.count : 1))
        return acn_bad_input(c, 0, "expected the shape of the loss");
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, 1)->dtype, acn_in(c, 1));
    return ACN_OK;
}

static acn_status smooth_grad_plan(acn_call *c) {
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, 1)) / 500 & 0x7fffffff);
    return ACN_OK;
}

typedef struct grad_job {
    samples s;
    double scale;
} grad_job;

/* A row of the gradient that lies in one piece: nothing but the class counts without smoothing. */
static bool plain_row(const grad_job *j, int64_t i, int64_t class, double g) {
    const samples *s = &j->s;
    const acn_tensor *y = acn_out(s->call, 0);
    if (y->dtype != ACN_F32 || y->strides[1] != 1 || s->smoothing != 0) return false;
    float *row = (float *)y->data + i * y->strides[0];
    memset(row, 0, (size_t)s->classes * sizeof *row);
    if (g != 0) row[class] = (float)(-g * number_at(s->weight, class, 1));
    return true;
}

static void grad_block(void *context, int64_t block, int worker) {
    (void)worker;
    const grad_job *j = context;
    const samples *s = &j->s;
    int64_t end = (block + 1) * BLOCK < s->count ? (block + 1) * BLOCK : s->count;
    for (int64_t i = block * BLOCK; i < end; i++) {
        int64_t class = class_of(s, i);
        double g = class == s->ignore ? 0 : j->scale;
        if (s->reduction == ACN_REDUCE_NONE) g *= number_at(acn_in(s->call, 0), i, 0);
        if (plain_row(j, i, class, g)) continue;
        for (int64_t k = 0; k < s->classes; k++) {
            double share = s->smoothing / (double)s->classes + (k == class) * (1 - s->smoothing);
            store_at(acn_out(s->call, 0), i * s->classes + k,
                     g == 0 ? 0 : -g * share * number_at(s->weight, k, 1));
        }
    }
}

static acn_status smooth_grad(acn_call *c, bool on_pool) {
    grad_job j = {.scale = 1};
    ACN_TRY(read_samples(c, 2, acn_in(c, 1), &j.s));
    ACN_TRY(check_classes(&j.s));
    double weights = 0;
    for (int64_t i = 0; i < j.s.count; i++)
        if (class_of(&j.s, i) != j.s.ignore) weights += number_at(j.s.weight, class_of(&j.s, i), 1);
    if (j.s.reduction != ACN_REDUCE_NONE && j.s.count > 0) j.scale = number_at(acn_in(c, 0), 0, 0);
    if (j.s.reduction == ACN_REDUCE_MEAN) j.scale /= weights;
    int64_t blocks = (j.s.count + BLOCK - 1) / BLOCK;
    if (on_pool) acn_pool_run(blocks, grad_block, &j);
    for (int64_t b = 0; b < blocks && !on_pool; b++)
        grad_block(&j, b, 0);
    return ACN_OK;
}

static acn_status smooth_grad_run(acn_call *c) { return smooth_grad(c, true); }
static acn_status smooth_grad_run0(acn_call *c) { return smooth_grad(c, false); }

#define TARGETS (ACN_T(ACN_I64) | ACN_T(ACN_I32))
/* clang-format off */
#define ATTRS                                                                                      \
    ACN_LOSS_REDUCTION, {.name = "ignore_index", .kind = ACN_ATTR_INT, .fallback = -100},          \
    {.name = "label_smoothing", .kind = ACN_ATTR_FLOAT, .is_value = true}
/* clang-format on */

ACN_OP(SmoothNLLLoss) = {
    .name = "SmoothNLLLoss",
    .doc = "Cross entropy of log probabilities and smoothed labels; none, mean or sum.",
    .in = {{"x", ACN_FLOATS}, {"target", TARGETS}, {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ATTRS},
    .infer = smooth_infer,
    .check = check_smoothing,
    .plan = smooth_plan,
    .run = smooth_run,
    .run0 = smooth_run0,
    .cases = "tolerance=reduction [6,5],i64[6]@0..4|reduction=mean "
             "[6,5],i32[6]@0..4,[5]@0..2|reduction=none,label_smoothing=0.1 "
             "[6,5],i64[6]@0..4,[5]|reduction=sum,label_smoothing=0.3,ignore_index=2 "
             "f32[900,3],i64[900]@0..2,[3]@0..2|reduction=mean,label_smoothing=0.2",
};

ACN_OP(SmoothNLLLossGrad) = {
    .name = "SmoothNLLLossGrad",
    .doc = "Gradient of SmoothNLLLoss for the log probabilities, of whose shape |x| tells.",
    .in = {{"y_grad", ACN_FLOATS},
           {"x", ACN_FLOATS},
           {"target", TARGETS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = {ATTRS},
    .infer = smooth_grad_infer,
    .check = check_smoothing,
    .plan = smooth_grad_plan,
    .run = smooth_grad_run,
    .run0 = smooth_grad_run0,
    .cases = "tolerance=reduction [],[6,5],i64[6]@0..4|reduction=mean "
             "[6],[6,5],i32[6]@0..4,[5]@0..2|reduction=none,label_smoothing=0.1 "
             "[],[6,5],i64[6]@0..4,[5]|reduction=sum,label_smoothing=0.3,ignore_index=2",
};

/* ---- from scores ----------------------------------------------------------------------------- */

enum { X, TARGET, WEIGHT, LOSS = 0, LOG_PROB = 1 };

/* The square of the logarithm of the sum as a second loss is not computed by CANN either. */
static acn_status check_zloss(const acn_call *c) {
    if (acn_attr_float(c, ATTR_SCALE) != 0)
        return acn_bad_attr(c, ATTR_SCALE, "is %g; only 0 works", acn_attr_float(c, ATTR_SCALE));
    if (acn_attr_int(c, ATTR_ZLOSS))
        return acn_bad_attr(c, ATTR_ZLOSS, "is true; only false works");
    return check_smoothing(c);
}

static acn_status infer(acn_call *c) {
    samples s;
    const acn_tensor *x = acn_in(c, X);
    ACN_TRY(read_samples(c, TARGET, x, &s));
    bool keeps = s.reduction == ACN_REDUCE_NONE;
    const int64_t one = 1;
    acn_out_is(c, LOSS, acn_out(c, LOSS) ? ACN_UNDEFINED : x->dtype, 1, keeps ? &s.count : &one);
    if (acn_out(c, LOSS) && !keeps && acn_tensor_count(acn_out(c, LOSS)) == 1)
        c->meta[LOSS].rank = -1; /* a number, as [] or [1] */
    acn_out_like(c, LOG_PROB, acn_out(c, LOG_PROB) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static void step_reduction(acn_steps *s, acn_reduction reduction) {
    acn_step_number(s, "reduction_mode", reduction);
    acn_step_attr(s, "ignore_index", ATTR_IGNORE);
    acn_step_attr(s, "label_smoothing", ATTR_SMOOTHING);
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    acn_reduction reduction;
    acn_steps *s;
    ACN_TRY(acn_loss_reduction(c, &reduction));
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor logp = acn_steps_room(s, x->dtype == ACN_F64 ? ACN_F64 : ACN_F32, 2, x->dims);
    acn_tensor loss = acn_steps_out(s, LOSS);
    if (reduction != ACN_REDUCE_NONE) loss.rank = 0;
    acn_step_unary(s, "LogSoftmaxV2", acn_steps_in(s, X), logp);
    acn_step_number(s, "dim", 1);
    acn_step_binary(s, "SmoothNLLLoss", logp, acn_steps_in(s, TARGET), loss);
    if (acn_in(c, WEIGHT)) acn_step_in(s, "weight", acn_steps_in(s, WEIGHT));
    step_reduction(s, reduction);
    acn_step_unary(s, "TensorMove", logp, acn_steps_out(s, LOG_PROB));
    return acn_steps_end(s);
}

static double log_sum(const acn_tensor *x, int64_t row, int64_t classes) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; k++)
        most = fmax(most, number_at(x, row * classes + k, 0));
    for (int64_t k = 0; k < classes; k++)
        sum += exp(number_at(x, row * classes + k, 0) - most);
    return most + log(sum);
}

static acn_status run0(acn_call *c) {
    samples s;
    const acn_tensor *x = acn_in(c, X);
    ACN_TRY(read_samples(c, TARGET, x, &s));
    ACN_TRY(check_classes(&s));
    double total = 0, weights = 0;
    for (int64_t i = 0; i < s.count; i++) {
        int64_t class = class_of(&s, i);
        double norm = log_sum(x, i, s.classes), loss = 0;
        for (int64_t k = 0; k < s.classes; k++) {
            double logp = number_at(x, i * s.classes + k, 0) - norm;
            double share = s.smoothing / (double)s.classes + (k == class) * (1 - s.smoothing);
            if (class != s.ignore) loss -= share * number_at(s.weight, k, 1) * logp;
            store_at(acn_out(c, LOG_PROB), i * s.classes + k, logp);
        }
        if (class != s.ignore) weights += number_at(s.weight, class, 1);
        total += loss;
        if (s.reduction == ACN_REDUCE_NONE) store_at(acn_out(c, LOSS), i, loss);
    }
    if (s.reduction != ACN_REDUCE_NONE)
        store_at(acn_out(c, LOSS), 0, s.reduction == ACN_REDUCE_MEAN ? total / weights : total);
    return ACN_OK;
}

/* clang-format off */
#define ZLOSS {.name = "lse_square_scale_for_zloss", .kind = ACN_ATTR_FLOAT, .is_value = true}
/* clang-format on */

ACN_OP(CrossEntropyLoss) = {
    .name = "CrossEntropyLoss",
    .doc = "Cross entropy of scores and classes, with smoothed labels; and the log probabilities.",
    .in = {{"input", ACN_FLOATS, ACN_UNALIASED},
           {"target", TARGETS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"loss", ACN_FLOATS},
            {"log_prob", ACN_FLOATS},
            {"zloss", ACN_FLOATS, ACN_OPTIONAL},
            {"lse_for_zloss", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {ATTRS, ZLOSS, {.name = "return_zloss", .kind = ACN_ATTR_BOOL}},
    .infer = infer,
    .check = check_zloss,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction [6,5],i64[6]@0..4|reduction=mean "
             "[6,5],i32[6]@0..4,[5]@0..2|reduction=none,label_smoothing=0.1 "
             "[6,5],i64[6]@0..4,[5]|reduction=sum,label_smoothing=0.3,ignore_index=2 "
             "f32+bf16[70,300],i64[70]@0..299,[300]@0..2|reduction=mean,label_smoothing=0.2",
};

enum { G_LOSS, G_LOG_PROB, G_TARGET };

static acn_status grad_infer(acn_call *c) {
    samples s;
    const acn_tensor *x = acn_in(c, G_LOG_PROB);
    ACN_TRY(read_samples(c, G_TARGET, x, &s));
    if (acn_tensor_count(acn_in(c, 0)) != (s.reduction == ACN_REDUCE_NONE ? s.count : 1))
        return acn_bad_input(c, 0, "expected the shape of the loss");
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static acn_status check_grad(const acn_call *c) {
    if (acn_attr_float(c, ATTR_SCALE) != 0)
        return acn_bad_attr(c, ATTR_SCALE, "is %g; only 0 works", acn_attr_float(c, ATTR_SCALE));
    return check_smoothing(c);
}

static acn_status grad_plan(acn_call *c) {
    const acn_tensor *logp = acn_in(c, G_LOG_PROB);
    acn_reduction reduction;
    acn_steps *s;
    ACN_TRY(acn_loss_reduction(c, &reduction));
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor d = acn_steps_room(s, logp->dtype == ACN_F64 ? ACN_F64 : ACN_F32, 2, logp->dims);
    acn_step_binary(s, "SmoothNLLLossGrad", acn_steps_in(s, G_LOSS), acn_steps_in(s, G_LOG_PROB),
                    d);
    acn_step_in(s, "target", acn_steps_in(s, G_TARGET));
    if (acn_in(c, G_TARGET + 1)) acn_step_in(s, "weight", acn_steps_in(s, G_TARGET + 1));
    step_reduction(s, reduction);
    acn_step_binary(s, "LogSoftmaxGrad", d, acn_steps_in(s, G_LOG_PROB), acn_steps_out(s, 0));
    acn_step_number(s, "dim", 1);
    return acn_steps_end(s);
}

static acn_status grad_run0(acn_call *c) {
    samples s;
    const acn_tensor *logp = acn_in(c, G_LOG_PROB);
    ACN_TRY(read_samples(c, G_TARGET, logp, &s));
    ACN_TRY(check_classes(&s));
    double weights = 0;
    for (int64_t i = 0; i < s.count; i++)
        if (class_of(&s, i) != s.ignore) weights += number_at(s.weight, class_of(&s, i), 1);
    for (int64_t i = 0; i < s.count; i++) {
        int64_t class = class_of(&s, i);
        double g = number_at(acn_in(c, 0), s.reduction == ACN_REDUCE_NONE ? i : 0, 0), sum = 0;
        if (s.reduction == ACN_REDUCE_MEAN) g /= weights;
        if (class == s.ignore) g = 0;
        for (int turn = 0; turn < 2; turn++)
            for (int64_t k = 0; k < s.classes; k++) {
                double share = s.smoothing / (double)s.classes + (k == class) * (1 - s.smoothing);
                double d = g == 0 ? 0 : -g * share * number_at(s.weight, k, 1);
                double p = exp(number_at(logp, i * s.classes + k, 0));
                if (turn == 0)
                    sum += d;
                else
                    store_at(acn_out(c, 0), i * s.classes + k, d - p * sum);
            }
    }
    return ACN_OK;
}

ACN_OP(CrossEntropyLossGrad) = {
    .name = "CrossEntropyLossGrad",
    .doc = "Gradient of CrossEntropyLoss for the scores, from the log probabilities.",
    .in = {{"grad_loss", ACN_FLOATS},
           {"log_prob", ACN_FLOATS, ACN_UNALIASED},
           {"target", TARGETS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"grad_zloss", ACN_FLOATS, ACN_OPTIONAL},
           {"lse_for_zloss", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = {ATTRS, ZLOSS},
    .infer = grad_infer,
    .check = check_grad,
    .plan = grad_plan,
    .run = acn_steps_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [],[6,5]@-4..0,i64[6]@0..4|reduction=mean "
             "[6],[6,5]@-4..0,i32[6]@0..4,[5]@0..2|reduction=none,label_smoothing=0.1 "
             "[],[6,5]@-4..0,i64[6]@0..4,[5]|reduction=sum,label_smoothing=0.3,ignore_index=2",
};

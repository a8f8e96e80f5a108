/* nll_loss.c - NLLLoss and NLLLossGrad: picks, for each sample, the log probability of its class.
 *
 * Input is [C], [N, C] or [N, C, d...]; the class index has the same shape without C. The dimension
 * of classes is only indexed, never scanned, so the cost is one element a sample. Sums run in
 * double over fixed blocks of samples, whatever the number of threads. A class index out of range
 * is found while running, since phase 1 must not read device data. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/loss/loss.h"
#include <string.h>

enum { ATTR_IGNORE = 2, BLOCK = 1024 };

typedef struct nll_shape {
    int rank; /* of the samples */
    int class_dim;
    int64_t classes, samples;
    int64_t dims[ACN_MAX_DIMS];
} nll_shape;

static nll_shape shape_of(const acn_tensor *x) {
    nll_shape s = {.class_dim = x->rank > 1 ? 1 : 0, .samples = 1};
    for (int d = 0; d < x->rank; d++) {
        if (d == s.class_dim) {
            s.classes = x->dims[d];
            continue;
        }
        s.dims[s.rank++] = x->dims[d];
        s.samples *= x->dims[d];
    }
    return s;
}

/* Offset in elements of sample |index|; |skip| is the dimension of classes, or -1. */
static int64_t offset_of(const nll_shape *s, const acn_tensor *t, int skip, int64_t index) {
    int64_t at = 0;
    if (s->rank == 1 && skip != 0) return t->rank ? index * t->strides[0] : 0; /* [N, C], [N] */
    for (int i = s->rank - 1; i >= 0; i--) {
        int d = skip >= 0 && i >= skip ? i + 1 : i;
        if (d < t->rank) at += index % s->dims[i] * t->strides[d];
        index /= s->dims[i];
    }
    return at;
}

static double load(const acn_tensor *t, int64_t offset) {
    if (t->dtype == ACN_F32) return ((const float *)t->data)[offset];
    return acn_load_value((const char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype)
        .f;
}

static void store(const acn_tensor *t, int64_t offset, double v) {
    acn_store_value((char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype), t->dtype,
                    (acn_value){.f = v});
}

static int64_t class_at(const nll_shape *s, const acn_tensor *target, int64_t sample) {
    int64_t at = offset_of(s, target, -1, sample);
    if (target->dtype == ACN_I64) return ((const int64_t *)target->data)[at];
    return acn_load_value((const char *)target->data + at * (int64_t)acn_dtype_bytes(target->dtype),
                          target->dtype)
        .i;
}

static double weight_of(const acn_tensor *weight, int64_t class) {
    return weight ? load(weight, class * weight->strides[0]) : 1;
}

static acn_status check_shapes(const acn_call *call, int target_slot, int weight_slot) {
    const acn_tensor *x = acn_in(call, 0), *target = acn_in(call, target_slot);
    const acn_tensor *weight = acn_in(call, weight_slot);
    if (x->rank < 1) return acn_bad_input(call, 0, "expected [C], [N, C] or [N, C, ...]");
    nll_shape s = shape_of(x);
    bool is_single = s.rank == 0 && target->rank <= 1 && acn_tensor_count(target) == 1;
    if (!is_single && (target->rank != s.rank ||
                       memcmp(target->dims, s.dims, sizeof(int64_t) * (size_t)s.rank) != 0))
        return acn_bad_input(call, target_slot,
                             "expected the input's shape without its dimension "
                             "of classes");
    if (weight && (weight->rank != 1 || weight->dims[0] != s.classes))
        return acn_bad_input(call, weight_slot, "expected one weight for each of the %lld classes",
                             (long long)s.classes);
    return ACN_OK;
}

static acn_status bad_class(const acn_call *call, int slot, int64_t sample, int64_t class) {
    acn_bounds classes = acn_bounds_of(shape_of(acn_in(call, 0)).classes, false);
    return acn_bounds_fail(call, slot, 0, classes, class, sample);
}

/* ---- forward --------------------------------------------------------------------------------- */

enum { X, TARGET, WEIGHT, Y = 0, TOTAL_WEIGHT = 1 };

static acn_status forward_infer(acn_call *call) {
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(call, &reduction));
    ACN_TRY(check_shapes(call, TARGET, WEIGHT));
    const acn_tensor *x = acn_in(call, X), *target = acn_in(call, TARGET);
    bool keeps = reduction == ACN_REDUCE_NONE;
    acn_out_is(call, Y, ACN_UNDEFINED, keeps ? target->rank : 0, target->dims);
    acn_out_is(call, TOTAL_WEIGHT, x->dtype, 0, NULL);
    const acn_tensor *total = acn_out(call, TOTAL_WEIGHT);
    if (total) call->meta[TOTAL_WEIGHT].dtype = ACN_UNDEFINED;
    return ACN_OK;
}

typedef struct block_sum {
    double loss, weight;
    int64_t bad_sample; /* -1: none */
} block_sum;

static acn_status forward_plan(acn_call *call) {
    int64_t blocks = (shape_of(acn_in(call, X)).samples + BLOCK - 1) / BLOCK;
    call->plan->workspace_bytes = (uint64_t)blocks * sizeof(block_sum);
    call->plan->cost_us = (uint32_t)(blocks * 10);
    return ACN_OK;
}

typedef struct forward_job {
    const acn_call *call;
    nll_shape shape;
    acn_reduction reduction;
    int64_t ignore;
} forward_job;

static void forward_block(void *context, int64_t block, int worker) {
    (void)worker;
    const forward_job *j = context;
    const acn_tensor *x = acn_in(j->call, X), *target = acn_in(j->call, TARGET);
    const acn_tensor *weight = acn_in(j->call, WEIGHT), *y = acn_out(j->call, Y);
    block_sum sum = {0, 0, -1};
    int64_t end = (block + 1) * BLOCK;
    if (end > j->shape.samples) end = j->shape.samples;
    for (int64_t i = block * BLOCK; i < end; i++) {
        int64_t class = class_at(&j->shape, target, i);
        double loss = 0;
        if (class != j->ignore) {
            if (class < 0 || class >= j->shape.classes) {
                if (sum.bad_sample < 0) sum.bad_sample = i;
                continue;
            }
            double w = weight_of(weight, class);
            loss = -w * load(x, offset_of(&j->shape, x, j->shape.class_dim, i) +
                                    class * x->strides[j->shape.class_dim]);
            sum.weight += w;
        }
        sum.loss += loss;
        if (j->reduction == ACN_REDUCE_NONE) store(y, offset_of(&j->shape, y, -1, i), loss);
    }
    ((block_sum *)j->call->workspace)[block] = sum;
}

static acn_status forward_run(acn_call *call) {
    forward_job j = {call, shape_of(acn_in(call, X)), ACN_REDUCE_NONE,
                     acn_attr_int(call, ATTR_IGNORE)};
    ACN_TRY(acn_loss_reduction(call, &j.reduction));
    int64_t blocks = (j.shape.samples + BLOCK - 1) / BLOCK;
    acn_pool_run(blocks, forward_block, &j);
    double loss = 0, weight = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const block_sum *sum = (const block_sum *)call->workspace + b;
        if (sum->bad_sample >= 0)
            return bad_class(call, TARGET, sum->bad_sample,
                             class_at(&j.shape, acn_in(call, TARGET), sum->bad_sample));
        loss += sum->loss;
        weight += sum->weight;
    }
    const acn_tensor *total = acn_out(call, TOTAL_WEIGHT);
    bool keeps = j.reduction == ACN_REDUCE_NONE; /* the total is defined as 0 then, as in PyTorch */
    if (total) store(total, 0, keeps ? 0 : weight);
    if (!keeps) store(acn_out(call, Y), 0, j.reduction == ACN_REDUCE_MEAN ? loss / weight : loss);
    return ACN_OK;
}

static acn_status forward_run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *target = acn_in(call, TARGET);
    const acn_tensor *weight = acn_in(call, WEIGHT), *y = acn_out(call, Y);
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(call, &reduction));
    int64_t classes = x->dims[x->rank > 1], inner = 1;
    for (int d = 2; d < x->rank; d++)
        inner *= x->dims[d];
    double loss = 0, total = 0;
    for (int64_t i = 0; i < acn_tensor_count(target); i++) {
        int64_t class = acn_load_value(acn_tensor_at(target, i), target->dtype).i;
        acn_value v = {0};
        if (class != acn_attr_int(call, ATTR_IGNORE)) {
            if (class < 0 || class >= classes) return bad_class(call, TARGET, i, class);
            int64_t at = (i / inner * classes + class) * inner + i % inner;
            double w = 1;
            if (weight) w = acn_load_value(acn_tensor_at(weight, class), weight->dtype).f;
            v.f = -w * acn_load_value(acn_tensor_at(x, at), x->dtype).f;
            total += w;
        }
        loss += v.f;
        if (reduction == ACN_REDUCE_NONE) acn_store_value(acn_tensor_at(y, i), y->dtype, v);
    }
    const acn_tensor *total_out = acn_out(call, TOTAL_WEIGHT);
    if (total_out) store(total_out, 0, reduction == ACN_REDUCE_NONE ? 0 : total);
    if (reduction != ACN_REDUCE_NONE)
        store(y, 0, reduction == ACN_REDUCE_MEAN ? loss / total : loss);
    return ACN_OK;
}

ACN_OP(NLLLoss) = {
    .name = "NLLLoss",
    .doc = "Negative log likelihood of each sample's class, weighted by class; none, mean or sum.",
    .in = {{"x", ACN_FLOATS},
           {"target", ACN_T(ACN_I64) | ACN_T(ACN_I32) | ACN_T(ACN_U8)},
           {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}, {"total_weight", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {ACN_LOSS_REDUCTION, {.name = "ignore_index", .kind = ACN_ATTR_INT, .fallback = -100}},
    .infer = forward_infer,
    .plan = forward_plan,
    .run = forward_run,
    .run0 = forward_run0,
    .cases = "tolerance=reduction "
             "[6,5],i64[6]@0..4 [6,5],i32[6]@0..4,[5]@0..2 [6,5],u8[6]@0..4|reduction_mode=0 "
             "[6,5],i64[6]@0..4,[5]|reduction_mode=2,ignore_index=2 [5],i64[]@0..4 "
             "[3,4,2,5],i64[3,2,5]@0..3,[4]@0..2|reduction_mode=1 "
             "[3,4,2,5],i64[3,2,5]@0..3|reduction_mode=0 f32[0,5],i64[0]@0..4 "
             "f32[9000,3],i64[9000]@0..2,[3]@0..2|reduction=sum",
};

/* ---- gradient -------------------------------------------------------------------------------- */

enum { G_X, G_GRAD, G_TARGET, G_WEIGHT, G_TOTAL };

static acn_status grad_infer(acn_call *call) {
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(call, &reduction));
    ACN_TRY(check_shapes(call, G_TARGET, G_WEIGHT));
    const acn_tensor *grad = acn_in(call, G_GRAD), *target = acn_in(call, G_TARGET);
    int64_t expected = reduction == ACN_REDUCE_NONE ? acn_tensor_count(target) : 1;
    if (acn_tensor_count(grad) != expected || (expected != 1 && grad->rank != target->rank))
        return acn_bad_input(call, G_GRAD, "expected the shape of the forward result");
    if (reduction == ACN_REDUCE_MEAN && acn_tensor_count(acn_in(call, G_TOTAL)) != 1)
        return acn_bad_input(call, G_TOTAL, "expected one number, the sum of the weights");
    acn_out_like(call, 0, ACN_UNDEFINED, acn_in(call, G_X));
    return ACN_OK;
}

static acn_status grad_plan(acn_call *call) {
    call->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(call, G_X)) / 2000);
    return ACN_OK;
}

/* What every sample's gradient is multiplied with besides its weight. */
static double grad_scale(const acn_call *call, acn_reduction reduction) {
    const acn_tensor *grad = acn_in(call, G_GRAD);
    if (reduction == ACN_REDUCE_NONE) return 1;
    double g = load(grad, 0);
    return reduction == ACN_REDUCE_MEAN ? g / load(acn_in(call, G_TOTAL), 0) : g;
}

static void clear(const acn_tensor *t) {
    int64_t count = acn_tensor_count(t);
    if (acn_tensor_is_contiguous(t)) {
        memset(t->data, 0, (size_t)count * acn_dtype_bytes(t->dtype));
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memset(acn_tensor_at(t, i), 0, acn_dtype_bytes(t->dtype));
}

static acn_status grad_run(acn_call *call) {
    const acn_tensor *grad = acn_in(call, G_GRAD), *target = acn_in(call, G_TARGET);
    const acn_tensor *weight = acn_in(call, G_WEIGHT), *dx = acn_out(call, 0);
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(call, &reduction));
    nll_shape s = shape_of(acn_in(call, G_X));
    int64_t ignore = acn_attr_int(call, ATTR_IGNORE);
    double scale = acn_tensor_count(target) ? grad_scale(call, reduction) : 0;
    clear(dx);
    for (int64_t i = 0; i < s.samples; i++) {
        int64_t class = class_at(&s, target, i);
        if (class == ignore) continue;
        if (class < 0 || class >= s.classes) return bad_class(call, G_TARGET, i, class);
        double g = reduction == ACN_REDUCE_NONE ? load(grad, offset_of(&s, grad, -1, i)) : scale;
        store(dx, offset_of(&s, dx, s.class_dim, i) + class * dx->strides[s.class_dim],
              -weight_of(weight, class) * g);
    }
    return ACN_OK;
}

static acn_status grad_run0(acn_call *call) {
    const acn_tensor *grad = acn_in(call, G_GRAD), *target = acn_in(call, G_TARGET);
    const acn_tensor *weight = acn_in(call, G_WEIGHT), *dx = acn_out(call, 0);
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(call, &reduction));
    int64_t classes = dx->dims[dx->rank > 1], inner = 1;
    for (int d = 2; d < dx->rank; d++)
        inner *= dx->dims[d];
    for (int64_t at = 0; at < acn_tensor_count(dx); at++) {
        int64_t sample = at / (classes * inner) * inner + at % inner;
        int64_t class = acn_load_value(acn_tensor_at(target, sample), target->dtype).i;
        acn_value v = {0};
        bool counts = class != acn_attr_int(call, ATTR_IGNORE);
        if (counts && (class < 0 || class >= classes))
            return bad_class(call, G_TARGET, sample, class);
        if (counts && class == at / inner % classes) {
            bool keeps = reduction == ACN_REDUCE_NONE;
            v.f = acn_load_value(acn_tensor_at(grad, keeps ? sample : 0), grad->dtype).f;
            if (reduction == ACN_REDUCE_MEAN) v.f /= load(acn_in(call, G_TOTAL), 0);
            v.f *= weight ? -acn_load_value(acn_tensor_at(weight, class), weight->dtype).f : -1;
        }
        acn_store_value(acn_tensor_at(dx, at), dx->dtype, v);
    }
    return ACN_OK;
}

ACN_OP(NLLLossGrad) = {
    .name = "NLLLossGrad",
    .doc = "Gradient of NLLLoss: minus the weight at each sample's class, 0 elsewhere.",
    .in = {{"x", ACN_FLOATS},
           {"y_grad", ACN_FLOATS},
           {"target", ACN_T(ACN_I64) | ACN_T(ACN_I32) | ACN_T(ACN_U8)},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"total_weight", ACN_FLOATS}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, {.name = "ignore_index", .kind = ACN_ATTR_INT, .fallback = -100}},
    .infer = grad_infer,
    .plan = grad_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction "
             "[6,5],[],i64[6]@0..4,-,[]@1..9 [6,5],[],i32[6]@0..4,[5]@0..2,[]@1..9 "
             "[6,5],[6],u8[6]@0..4,-,[]|reduction_mode=0 "
             "[6,5],[],i64[6]@0..4,[5],[]|reduction_mode=2,ignore_index=2 "
             "[5],[],i64[]@0..4,-,[]@1..9 [3,4,2,5],[],i64[3,2,5]@0..3,[4]@0..2,[]@1..9 "
             "[3,4,2,5],[3,2,5],i64[3,2,5]@0..3,-,[]|reduction_mode=0 "
             "f32[0,5],[],i64[0]@0..4,-,[]",
};

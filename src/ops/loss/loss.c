/* loss.c - elementwise losses: one tile program over all elements; its result is the output, or is
 * kept in the workspace and summed in fixed blocks. */
#include "ops/loss/loss.h"
#include "base/pool.h"
#include <string.h>

enum { ATTR_TEXT = 0, ATTR_MODE = 1, BLOCK = 16384 };

acn_status acn_loss_reduction(const acn_call *call, acn_reduction *out_reduction) {
    static const char *const names[] = {"none", "mean", "sum"};
    *out_reduction = ACN_REDUCE_MEAN;
    if (call->attr[ATTR_MODE].is_present) {
        int64_t mode = acn_attr_int(call, ATTR_MODE);
        if (mode < 0 || mode > 2)
            return acn_bad_attr(call, ATTR_MODE, "is %lld; expected 0 (none), 1 (mean) or 2 (sum)",
                                (long long)mode);
        *out_reduction = (acn_reduction)mode;
        return ACN_OK;
    }
    if (!call->attr[ATTR_TEXT].is_present) return ACN_OK;
    for (int i = 0; i < 3; i++)
        if (strcmp(call->attr[ATTR_TEXT].text, names[i]) == 0) {
            *out_reduction = (acn_reduction)i;
            return ACN_OK;
        }
    return acn_bad_attr(call, ATTR_TEXT, "is \"%s\"; expected \"none\", \"mean\" or \"sum\"",
                        call->attr[ATTR_TEXT].text);
}

static const acn_loss *loss_of(const acn_call *call) { return call->op->family; }

static int input_slots(const acn_call *call) {
    int count = 0;
    while (count < ACN_MAX_INPUTS && call->op->in[count].name)
        count++;
    return count;
}

/* The shape of the elements: all inputs, broadcast. */
static acn_status element_shape(const acn_call *call, int *out_rank, int64_t *out_dims) {
    *out_rank = 0;
    for (int s = 0; s < input_slots(call); s++) {
        const acn_tensor *t = acn_in(call, s);
        if (t && !acn_shape_broadcast(out_rank, out_dims, t->rank, t->dims))
            return acn_bad_input(call, s, "its shape does not broadcast with the other inputs'");
    }
    return ACN_OK;
}

static int64_t product(int rank, const int64_t *dims) {
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    return count;
}

acn_status acn_loss_infer(acn_call *call) {
    acn_reduction reduction;
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_loss_reduction(call, &reduction));
    ACN_TRY(element_shape(call, &rank, dims));
    bool is_whole = loss_of(call)->is_gradient || reduction == ACN_REDUCE_NONE;
    acn_out_is(call, 0, acn_out(call, 0) ? ACN_UNDEFINED : acn_promote_inputs(call),
               is_whole ? rank : 0, dims);
    return ACN_OK;
}

typedef struct loss_plan {
    acn_tile_plan *tiles;
    acn_class klass;
    int64_t count;   /* elements that are summed; 0: the program writes the output itself */
    double divisor;  /* of the sum */
    acn_tensor kept; /* the elements in the workspace, before the sum */
} loss_plan;

/* The operands of the tile program: inputs in order of their slots, then what it writes. */
static int gather_tensors(const acn_call *call, const acn_tensor *out, acn_tensor *tensors) {
    int used = 0;
    for (int s = 0; s < input_slots(call); s++)
        if (call->in_count[s]) tensors[used++] = *acn_in(call, s);
    tensors[used] = *out;
    return used;
}

static acn_class class_of(const acn_call *call) {
    acn_class k = acn_class_of(acn_promote_inputs(call));
    return acn_out(call, 0)->dtype == ACN_F64 ? ACN_K_F64 : k;
}

/* Emits the formula; gradients of a mean are divided by the number of elements. */
static void emit(const acn_call *call, acn_program *p, acn_class k, double scale) {
    const acn_loss *loss = loss_of(call);
    acn_reg in[ACN_MAX_INPUTS] = {0};
    int used = 0;
    for (int s = 0; s < input_slots(call); s++)
        if (call->in_count[s]) in[s] = acn_p_input(p, used++, k);
    acn_reg result = loss->formula.body(p, call, in, k);
    if (scale != 1) result = acn_p2(p, ACN_U_MUL, result, acn_p_const(p, scale, k));
    acn_p_store(p, acn_p_cast(p, result, k));
}

acn_status acn_loss_plan(acn_call *call) {
    acn_reduction reduction;
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_loss_reduction(call, &reduction));
    ACN_TRY(element_shape(call, &rank, dims));
    loss_plan *plan = acn_plan_alloc(call, sizeof *plan);
    if (!plan) return acn_fail(ACN_BAD_ALLOC, "no host memory for the plan of a loss");
    plan->klass = class_of(call);
    int64_t count = product(rank, dims);
    bool sums = !loss_of(call)->is_gradient && reduction != ACN_REDUCE_NONE;
    double scale = !sums && loss_of(call)->is_gradient && reduction == ACN_REDUCE_MEAN && count
                       ? 1.0 / (double)count
                       : 1;
    plan->divisor = reduction == ACN_REDUCE_MEAN ? (double)count : 1;
    acn_tensor_init(&plan->kept, NULL, plan->klass == ACN_K_F64 ? ACN_F64 : ACN_F32, rank, dims);
    call->plan->data = plan;
    if (sums) {
        int64_t blocks = (count + BLOCK - 1) / BLOCK;
        plan->count = count;
        call->plan->workspace_bytes = (uint64_t)count * acn_dtype_bytes(plan->kept.dtype) + 64 +
                                      (uint64_t)blocks * sizeof(double);
    }
    acn_program p = {0};
    emit(call, &p, plan->klass, scale);
    /* The program is bound in a call of its own, whose output may be the workspace. */
    acn_call inner = *call;
    acn_tensor tensors[ACN_MAX_INPUTS + 1];
    int inputs[ACN_MAX_INPUTS],
        out = gather_tensors(call, sums ? &plan->kept : acn_out(call, 0), tensors);
    for (int i = 0; i < out; i++)
        inputs[i] = i;
    inner.tensors = tensors;
    return acn_tile_bind(&inner, &p, &out, inputs, out, &plan->tiles);
}

typedef struct sum_job {
    const loss_plan *plan;
    const char *elements;
    double *sums;
} sum_job;

static void sum_block(void *context, int64_t block, int worker) {
    (void)worker;
    const sum_job *j = context;
    int64_t first = block * BLOCK,
            n = j->plan->count - first < BLOCK ? j->plan->count - first : BLOCK;
    const char *from = j->elements + first * (int64_t)acn_dtype_bytes(j->plan->kept.dtype);
    acn_reduce_fn sum = acn_kernels_get()->reduce[ACN_R_SUM][j->plan->klass];
    float f = 0;
    double d = 0;
    sum(j->plan->klass == ACN_K_F64 ? (void *)&d : (void *)&f, from, n);
    j->sums[block] = j->plan->klass == ACN_K_F64 ? d : f;
}

acn_status acn_loss_run(acn_call *call) {
    const loss_plan *plan = call->plan->data;
    const acn_tensor *y = acn_out(call, 0);
    bool sums = call->plan->workspace_bytes != 0;
    acn_tensor kept = plan->kept, tensors[ACN_MAX_INPUTS + 1];
    kept.data = call->workspace;
    gather_tensors(call, sums ? &kept : y, tensors);
    acn_call inner = *call;
    inner.tensors = tensors;
    acn_tile_run(plan->tiles, &inner);
    if (!sums) return ACN_OK;
    int64_t blocks = (plan->count + BLOCK - 1) / BLOCK;
    uint64_t bytes = (uint64_t)plan->count * acn_dtype_bytes(kept.dtype);
    sum_job j = {plan, call->workspace, (double *)((char *)call->workspace + (bytes + 7) / 8 * 8)};
    acn_pool_run(blocks, sum_block, &j);
    double total = 0;
    for (int64_t b = 0; b < blocks; b++)
        total += j.sums[b];
    acn_store_value(y->data, y->dtype, acn_value_f(total / plan->divisor));
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value broadcast_value(const acn_tensor *t, int rank, const int64_t *dims,
                                 int64_t linear) {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; d--) {
        int own = d - (rank - t->rank);
        if (own >= 0 && t->dims[own] != 1) at += linear % dims[d] * t->strides[own];
        linear /= dims[d];
    }
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype);
}

acn_status acn_loss_run0(acn_call *call) {
    const acn_loss *loss = loss_of(call);
    const acn_tensor *y = acn_out(call, 0);
    acn_reduction reduction;
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_loss_reduction(call, &reduction));
    ACN_TRY(element_shape(call, &rank, dims));
    acn_value in[ACN_MAX_INPUTS] = {{0}}, attr[ACN_MAX_ATTRS] = {{0}};
    for (int a = ATTR_MODE + 1; a < ACN_MAX_ATTRS && call->op->attr[a].name; a++) {
        bool is_float = call->op->attr[a].kind == ACN_ATTR_FLOAT;
        attr[a] =
            is_float ? acn_value_f(acn_attr_float(call, a)) : acn_value_i(acn_attr_int(call, a));
    }
    int64_t count = product(rank, dims);
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int s = 0; s < input_slots(call); s++) /* an absent weight is 1 */
            in[s] = call->in_count[s] ? broadcast_value(acn_in(call, s), rank, dims, i)
                                      : acn_value_f(1);
        double v = loss->formula.ref(class_of(call), in, attr).f;
        total += v;
        if (loss->is_gradient && reduction == ACN_REDUCE_MEAN) v /= (double)count;
        if (loss->is_gradient || reduction == ACN_REDUCE_NONE)
            acn_store_value(acn_tensor_at(y, i), y->dtype, acn_value_f(v));
    }
    if (reduction == ACN_REDUCE_MEAN) total /= (double)count;
    if (!loss->is_gradient && reduction != ACN_REDUCE_NONE)
        acn_store_value(y->data, y->dtype, acn_value_f(total));
    return ACN_OK;
}

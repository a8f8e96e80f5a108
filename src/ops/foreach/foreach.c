/* foreach.c - what all operators on lists share. Every member gets a tile program of its own, bound
 * at plan time. Lists are as long as the model has parameters, so small members run side by side on
 * the pool and large ones one after the other with all threads. */
#include "ops/foreach/foreach.h"
#include "base/pool.h"
#include <string.h>

enum { SMALL = 65536, MAX_OPERANDS = 4 };

typedef struct foreach_plan {
    int count;
    acn_tile_plan **member;
} foreach_plan;

static const acn_foreach *form_of(const acn_call *call) { return call->op->family; }

static const acn_elementwise *formula_of(const acn_call *call) {
    const acn_foreach *form = form_of(call);
    return form->element ? acn_op_find(form->element)->family : form->own;
}

static bool is_list(const acn_call *call, int slot) { return call->op->in[slot].flags & ACN_LIST; }

static int input_slots(const acn_call *call) {
    int count = 0;
    while (count < ACN_MAX_INPUTS && call->op->in[count].name)
        count++;
    return count;
}

/* GE's list slots all have the same length; the first one tells it. */
static int first_list(const acn_call *call) {
    int slot = 0;
    while (!is_list(call, slot))
        slot++;
    return slot;
}

static bool has_scalars(const acn_call *call) { return call->op->attr[0].kind == ACN_ATTR_SCALARS; }

/* The tensor that slot |slot| gives to member |i|. */
static acn_tensor operand(const acn_call *call, int slot, int i) {
    if (is_list(call, slot)) return *acn_in_at(call, slot, i);
    acn_tensor t = *acn_in(call, slot);
    if (slot && slot == form_of(call)->items_slot) t.data = acn_tensor_at(acn_in(call, slot), i);
    t.rank = 0; /* one scalar for all elements */
    return t;
}

static acn_dtype compute_dtype(const acn_call *call, int i) {
    acn_dtype dtype = ACN_UNDEFINED;
    for (int s = 0; s < input_slots(call); s++) {
        if (!is_list(call, s)) continue;
        acn_dtype own = acn_in_at(call, s, i)->dtype;
        dtype = dtype == ACN_UNDEFINED ? own : acn_dtype_promote(dtype, own);
    }
    return dtype;
}

/* ---- infer ----------------------------------------------------------------------------------- */

static acn_status check_scalars(const acn_call *call, int count) {
    if (has_scalars(call) && call->attr[0].count != count)
        return acn_bad_attr(call, 0, "has %lld elements; expected one for each of the %d tensors",
                            (long long)call->attr[0].count, count);
    for (int s = 0; s < input_slots(call); s++) {
        if (is_list(call, s)) continue;
        int64_t expected = s && s == form_of(call)->items_slot ? count : 1;
        if (acn_tensor_count(acn_in(call, s)) != expected)
            return acn_bad_input(call, s, "expected %lld elements", (long long)expected);
    }
    return ACN_OK;
}

static acn_status check_member(const acn_call *call, int slot, int i) {
    const acn_tensor *x = acn_in_at(call, first_list(call), i), *t = acn_in_at(call, slot, i);
    if (acn_tensor_same_shape(x, t)) return ACN_OK;
    char own[160], other[160];
    return acn_fail(ACN_INVALID_ARGUMENT, "%s[%d] is %s; expected the shape of %s[%d], %s",
                    call->op->in[slot].name, i, acn_tensor_describe(t, own, sizeof own),
                    call->op->in[first_list(call)].name, i,
                    acn_tensor_describe(x, other, sizeof other));
}

acn_status acn_foreach_infer(acn_call *call) {
    int first = first_list(call), count = acn_in_count(call, first);
    for (int s = 0; s < input_slots(call); s++) {
        if (!is_list(call, s)) continue;
        if (acn_in_count(call, s) != count)
            return acn_fail(ACN_INVALID_ARGUMENT, "%s has %d tensors, %s has %d; expected as many",
                            call->op->in[s].name, acn_in_count(call, s), call->op->in[first].name,
                            count);
        for (int i = 0; i < count; i++)
            ACN_TRY(check_member(call, s, i));
    }
    if (acn_out_count(call, 0) != count)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %d tensors, %s has %d; expected as many",
                        call->op->out[0].name, acn_out_count(call, 0), call->op->in[first].name,
                        count);
    for (int i = 0; i < count; i++) {
        const acn_tensor *x = acn_in_at(call, first, i), *y = acn_out_at(call, 0, i);
        char text[160];
        if (!acn_tensor_same_shape(x, y))
            return acn_fail(ACN_INVALID_ARGUMENT, "%s[%d] is %s; expected the shape of %s[%d]",
                            call->op->out[0].name, i, acn_tensor_describe(y, text, sizeof text),
                            call->op->in[first].name, i);
    }
    return check_scalars(call, count);
}

/* ---- plan and run ---------------------------------------------------------------------------- */

/* Output first, then the inputs in order of slots: what a member's program is bound to. */
static int member_tensors(const acn_call *call, int i, acn_tensor *tensors) {
    int used = 0;
    tensors[used++] = *acn_out_at(call, 0, i);
    for (int s = 0; s < input_slots(call); s++)
        tensors[used++] = operand(call, s, i);
    return used;
}

static acn_reg emit(const acn_call *call, acn_program *p, int i, acn_class k) {
    const acn_elementwise *formula = formula_of(call);
    acn_reg in[MAX_OPERANDS] = {0};
    int used = 0;
    for (int s = 0; s < input_slots(call); s++, used++)
        in[used] = acn_p_input(p, s, k);
    if (has_scalars(call)) in[used++] = acn_p_attr_item(p, 0, i, k);
    if (formula->body) return formula->body(p, call, in, k);
    return acn_p3(p, formula->micro, in[0], in[used > 1 ? 1 : 0], in[used > 2 ? 2 : 0]);
}

static acn_status bind_member(acn_call *call, foreach_plan *plan, int i) {
    static const int inputs[] = {1, 2, 3, 4}, output = 0;
    acn_tensor tensors[1 + MAX_OPERANDS];
    acn_call inner = *call;
    inner.tensors = tensors;
    int used = member_tensors(call, i, tensors);
    acn_program p = {0};
    acn_reg result = emit(call, &p, i, acn_class_of(compute_dtype(call, i)));
    acn_p_store(&p, acn_p_cast(&p, result, acn_class_of(tensors[0].dtype)));
    return acn_tile_bind(&inner, &p, &output, inputs, used - 1, &plan->member[i]);
}

acn_status acn_foreach_plan(acn_call *call) {
    foreach_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    p->count = acn_out_count(call, 0);
    p->member = acn_plan_alloc(call, sizeof(acn_tile_plan *) * (size_t)(p->count + 1));
    if (!p->member) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    for (int i = 0; i < p->count; i++)
        ACN_TRY(bind_member(call, p, i));
    call->plan->data = p;
    return ACN_OK;
}

static void run_member(const acn_call *call, int i) {
    const foreach_plan *p = call->plan->data;
    acn_tensor tensors[1 + MAX_OPERANDS];
    acn_call inner = *call;
    inner.tensors = tensors;
    member_tensors(call, i, tensors);
    acn_tile_run(p->member[i], &inner);
}

static void run_small(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *call = context;
    if (acn_tensor_count(acn_out_at(call, 0, (int)chunk)) <= SMALL) run_member(call, (int)chunk);
}

acn_status acn_foreach_run(acn_call *call) {
    int count = acn_out_count(call, 0), small = 0;
    for (int i = 0; i < count; i++) {
        if (acn_tensor_count(acn_out_at(call, 0, i)) > SMALL)
            run_member(call, i);
        else
            small++;
    }
    if (small) acn_pool_run(count, run_small, call);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value in_class(acn_value v, acn_class k) {
    if (k == ACN_K_F32) v.f = (float)v.f;
    return v;
}

acn_status acn_foreach_run0(acn_call *call) {
    const acn_elementwise *formula = formula_of(call);
    acn_value in[MAX_OPERANDS] = {{0}};
    for (int i = 0; i < acn_out_count(call, 0); i++) {
        const acn_tensor *y = acn_out_at(call, 0, i);
        acn_class k = acn_class_of(compute_dtype(call, i));
        for (int64_t at = 0; at < acn_tensor_count(y); at++) {
            int used = 0;
            for (int s = 0; s < input_slots(call); s++, used++) {
                acn_tensor t = operand(call, s, i);
                in[used] = in_class(
                    acn_load_value(is_list(call, s) ? acn_tensor_at(&t, at) : t.data, t.dtype), k);
            }
            if (has_scalars(call)) {
                const acn_scalar *scalar = (const acn_scalar *)call->attr[0].items + i;
                in[used++] = in_class((acn_value){acn_scalar_f64(scalar), acn_scalar_imag(scalar),
                                                  acn_scalar_i64(scalar)},
                                      k);
            }
            acn_value v = formula->ref(k, in, NULL);
            if (!acn_is_float_class(k) && k != ACN_K_C64)
                v.f = (double)v.i;
            else if (k != ACN_K_C64)
                v.i = (int64_t)v.f;
            acn_store_value(acn_tensor_at(y, at), y->dtype, v);
        }
    }
    return ACN_OK;
}

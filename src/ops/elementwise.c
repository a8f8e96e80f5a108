/* elementwise.c - see elementwise.h. */
#include "ops/elementwise.h"
#include <stdio.h>
#include <string.h>

bool acn_can_cast(acn_dtype from, acn_dtype to) {
    return acn_dtype_category(from) <= acn_dtype_category(to);
}

static int input_slots(const acn_call *c) {
    int count = 0;
    while (count < ACN_MAX_INPUTS && c->op->in[count].name)
        count++;
    return count;
}

static acn_dtype promote(const acn_call *c, uint32_t conditions) {
    acn_dtype dtype = ACN_UNDEFINED;
    int count = input_slots(c);
    for (int s = 0; s < count; s++)
        if (c->in_count[s] && !acn_is_weak(c, s) && !(conditions >> s & 1))
            dtype = dtype == ACN_UNDEFINED ? acn_in(c, s)->dtype
                                           : acn_dtype_promote(dtype, acn_in(c, s)->dtype);
    for (int s = 0; s < count; s++) {
        if (!acn_is_weak(c, s) || conditions >> s & 1) continue;
        acn_dtype weak = acn_in(c, s)->dtype;
        if (dtype != ACN_UNDEFINED && acn_dtype_category(weak) <= acn_dtype_category(dtype))
            continue;
        dtype = acn_dtype_is_float(weak) ? ACN_F32 : weak;
    }
    return dtype;
}

acn_dtype acn_promote_inputs(const acn_call *c) { return promote(c, 0); }

static acn_dtype compute_dtype(const acn_call *c) {
    const acn_elementwise *e = c->op->family;
    acn_dtype dtype = promote(c, e->conditions);
    if (e->compute == ACN_COMPUTE_FLOAT && acn_dtype_category(dtype) < 2) return ACN_F32;
    return dtype;
}

static acn_dtype result_dtype(const acn_call *c) {
    const acn_elementwise *e = c->op->family;
    acn_dtype dtype = compute_dtype(c);
    if (e->gives_bool) return ACN_BOOL;
    return e->gives_real && dtype == ACN_C64 ? ACN_F32 : dtype;
}

acn_status acn_elementwise_infer(acn_call *c) {
    int rank = 0;
    int64_t dims[ACN_MAX_DIMS];
    for (int s = 0; s < input_slots(c); s++) {
        const acn_tensor *t = acn_in(c, s);
        if (!t) continue;
        if (!acn_shape_broadcast(&rank, dims, t->rank, t->dims)) {
            char first[160];
            return acn_bad_input(c, s, "its shape does not broadcast with %s",
                                 acn_tensor_describe(acn_in(c, 0), first, sizeof first));
        }
    }
    acn_dtype result = result_dtype(c);
    if (result == ACN_UNDEFINED || result == ACN_C128)
        return acn_bad_input(c, 0, "the inputs' types do not promote to a supported one");
    const acn_tensor *out = acn_out(c, 0);
    if (out && !acn_can_cast(result, out->dtype))
        return acn_bad_output(c, 0,
                              "the result is %s, which is not cast to it; give a tensor of %s",
                              acn_dtype_name(result), acn_dtype_name(result));
    acn_out_is(c, 0, out ? ACN_UNDEFINED : result, rank, dims);
    return ACN_OK;
}

/* Is the order of the class that of the type? */
static bool is_turned(const acn_call *c) {
    const acn_elementwise *e = c->op->family;
    return e->compares && compute_dtype(c) == ACN_U64;
}

static acn_reg turn(acn_program *p, acn_reg x) {
    return acn_p2(p, ACN_U_XOR, x, acn_p_const(p, -0x1p63, ACN_K_I64));
}

/* The tile plans of one call: the formula, and its other forms. */
typedef struct elementwise_plan {
    acn_tile_plan *form[ACN_MAX_FORMS];
} elementwise_plan;

static acn_status bind_formula(acn_call *c, acn_body body, acn_tile_plan **out) {
    const acn_elementwise *e = c->op->family;
    acn_program p = {0};
    acn_dtype compute = compute_dtype(c), out_dtype = acn_out(c, 0)->dtype;
    acn_class k = acn_class_of(compute);
    acn_reg in[ACN_MAX_INPUTS] = {0}, result;
    int inputs[ACN_MAX_INPUTS], count = input_slots(c), used = 0;
    for (int s = 0; s < count; s++) {
        if (!c->in_count[s]) continue;
        inputs[used] = c->in_first[s];
        bool is_element = acn_is_weak(c, s) && !e->has_exact_scalars;
        in[s] = e->conditions >> s & 1
                    ? acn_p_input(&p, used++, ACN_K_B8)
                    : acn_p_input_through(&p, used++, k, is_element ? compute : ACN_UNDEFINED);
    }
    for (int s = 0; s < count && is_turned(c); s++)
        if (c->in_count[s]) in[s] = turn(&p, in[s]);
    if (body)
        result = body(&p, c, in, k);
    else
        result = acn_p3(&p, e->micro, in[0], in[count > 1 ? 1 : 0], in[count > 2 ? 2 : 0]);
    if (is_turned(c) && !e->gives_bool) result = turn(&p, result);
    for (int i = 0; e->has_element_attrs && i < p.load_count; i++)
        if (p.load[i].source == ACN_FROM_ATTR) p.load[i].through = (int8_t)compute;
    if (!e->gives_bool && out_dtype != compute) result = acn_p_narrow(&p, result, compute);
    acn_p_store(&p, acn_p_cast(&p, result, acn_class_of(out_dtype)));
    return acn_tile_bind(c, &p, &c->out_first[0], inputs, used, out);
}

acn_status acn_elementwise_plan(acn_call *c) {
    const acn_elementwise *e = c->op->family;
    elementwise_plan *plan = acn_plan_alloc(c, sizeof *plan);
    if (!plan) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(bind_formula(c, e->body, &plan->form[0]));
    uint32_t cost_us = c->plan->cost_us; /* one of them runs, not all */
    for (int i = 0; i < e->form_count; i++)
        ACN_TRY(bind_formula(c, e->forms[i], &plan->form[i + 1]));
    c->plan->cost_us = cost_us;
    c->plan->data = plan;
    return ACN_OK;
}

double acn_weak_value(const acn_call *c, int slot) {
    if (!acn_is_weak(c, slot)) return NAN;
    acn_value v = acn_load_value(acn_in(c, slot)->data, acn_in(c, slot)->dtype);
    if (acn_dtype_is_complex(acn_in(c, slot)->dtype)) return v.im == 0 ? v.f : NAN;
    return acn_dtype_is_float(acn_in(c, slot)->dtype) ? v.f : (double)v.i;
}

acn_status acn_elementwise_run(acn_call *c) {
    const acn_elementwise *e = c->op->family;
    const elementwise_plan *plan = c->plan->data;
    acn_tile_run(plan->form[e->form ? e->form(c) : 0], c);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value scalar_value(const acn_scalar *s) {
    return (acn_value){.f = acn_scalar_f64(s), .im = acn_scalar_imag(s), .i = acn_scalar_i64(s)};
}

/* As a tensor of |dtype| would hold it. */
static acn_value narrowed(acn_value v, acn_dtype dtype) {
    _Alignas(16) char element[16];
    acn_store_value(element, dtype, v);
    return acn_load_value(element, dtype);
}

/* An f32 class computes from f32 values: scalars are rounded to it first, as in the tile machine.
 */
static acn_value in_class(acn_value v, acn_class k) {
    if (k == ACN_K_F32) v.f = (float)v.f;
    if (k == ACN_K_C64) v.f = (float)v.f, v.im = (float)v.im;
    if (k == ACN_K_B8) v.i = v.f != 0 || v.i != 0 || v.im != 0;
    return v;
}

/* A reference fills what its class uses; this fills the rest, for outputs of another category. */
static acn_value complete(acn_value v, acn_class k) {
    if (acn_is_float_class(k) || k == ACN_K_C64) return v;
    v.f = (double)v.i;
    v.im = 0;
    return v;
}

/* Linear index in the output -> element of a broadcast input. */
static char *broadcast_at(const acn_tensor *t, const acn_tensor *out, int64_t linear) {
    int64_t offset = 0;
    for (int d = out->rank - 1; d >= 0; d--) {
        int own = d - (out->rank - t->rank);
        int64_t index = linear % out->dims[d];
        linear /= out->dims[d];
        if (own >= 0 && t->dims[own] != 1) offset += index * t->strides[own];
    }
    return (char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype);
}

acn_status acn_elementwise_run0(acn_call *c) {
    const acn_elementwise *e = c->op->family;
    const acn_tensor *out = acn_out(c, 0);
    acn_dtype compute = compute_dtype(c), result = result_dtype(c);
    acn_class k = acn_class_of(compute);
    bool turns = is_turned(c);
    acn_value attr[ACN_MAX_ATTRS] = {{0}}, in[ACN_MAX_INPUTS] = {{0}};
    for (int a = 0; a < ACN_MAX_ATTRS && c->op->attr[a].name; a++) {
        if (c->op->attr[a].kind == ACN_ATTR_FLOAT) {
            attr[a] = in_class(acn_value_f(acn_attr_float(c, a)), k);
        } else if (c->op->attr[a].kind == ACN_ATTR_SCALAR) {
            acn_scalar s = acn_attr_scalar(c, a);
            attr[a] = in_class(scalar_value(&s), k);
            if (e->has_element_attrs) attr[a] = narrowed(attr[a], compute);
        } else {
            attr[a].i = acn_attr_int(c, a);
            attr[a].f = (double)attr[a].i;
        }
    }
    for (int s = 0; e->absent && s < input_slots(c); s++)
        if (!c->in_count[s]) in[s] = e->absent[s];
    int64_t count = acn_tensor_count(out);
    for (int64_t i = 0; i < count; i++) {
        for (int s = 0; s < input_slots(c); s++) {
            if (!c->in_count[s]) continue;
            const acn_tensor *t = acn_in(c, s);
            acn_value own = acn_load_value(broadcast_at(t, out, i), t->dtype);
            in[s] = in_class(own, e->conditions >> s & 1 ? ACN_K_B8 : k);
            if (acn_is_weak(c, s) && !e->has_exact_scalars) in[s] = narrowed(in[s], compute);
            if (turns) in[s].i ^= INT64_MIN;
        }
        acn_value v = e->ref(k, in, attr);
        if (turns && !e->gives_bool) v.i ^= INT64_MIN;
        v = complete(v, acn_class_of(result));
        if (out->dtype != result) v = narrowed(v, result);
        acn_store_value(acn_tensor_at(out, i), out->dtype, v);
    }
    return ACN_OK;
}

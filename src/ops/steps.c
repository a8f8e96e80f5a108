/* steps.c - see steps.h. */
#include "ops/steps.h"
#include "ops/plan_cache.h"
#include <string.h>

/* Tensor i of the call is planned with addresses from (i + 2) << REGION on, rooms with those from
 * 1 << REGION on; nobody follows them. */
enum { REGION = 41 };

typedef struct step {
    acn_call call;
    uint32_t given, weak_given;     /* attributes and inputs that each call gives anew */
    int8_t given_by[ACN_MAX_ATTRS]; /* by the operator's own attributes */
    int8_t weak_given_by[ACN_MAX_INPUTS];
    int8_t in_of[ACN_MAX_INPUTS]; /* the operator's own input, counted from 1, for error texts */
} step;

struct acn_steps {
    acn_call *call; /* while they are written down */
    acn_status status;
    int count;
    uint64_t room_bytes;
    step *step[ACN_MAX_STEPS];
};

static char *invented(int64_t region) { return (char *)(uintptr_t)((uint64_t)region << REGION); }

static void release(acn_plan *plan) {
    acn_steps *s = plan->data;
    for (int i = 0; s && i < s->count; i++)
        acn_call_release(&s->step[i]->call);
}

acn_status acn_steps_begin(acn_call *c, acn_steps **out) {
    acn_steps *s = acn_plan_alloc(c, sizeof *s);
    if (!s) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    s->call = c;
    c->plan->data = s;
    c->plan->release = release;
    *out = s;
    return ACN_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static acn_tensor of_call(const acn_steps *s, int index) {
    acn_tensor t = s->call->tensors[index];
    t.data = invented(index + 2);
    t.object = NULL;
    return t;
}

acn_tensor acn_steps_in(const acn_steps *s, int slot) {
    return of_call(s, s->call->in_first[slot]);
}

acn_tensor acn_steps_out(const acn_steps *s, int slot) {
    return of_call(s, s->call->out_first[slot]);
}

acn_tensor acn_steps_room(acn_steps *s, acn_dtype dtype, int rank, const int64_t *dims) {
    acn_tensor t;
    acn_tensor_init(&t, invented(1) + s->room_bytes, dtype, rank, dims);
    s->room_bytes += ((uint64_t)acn_tensor_count(&t) * acn_dtype_bytes(dtype) + 63) / 64 * 64;
    return t;
}

/* Where an invented address lies in this call. */
static void *true_address(const acn_call *c, const void *address) {
    uint64_t at = (uint64_t)(uintptr_t)address, region = at >> REGION;
    uint64_t offset = at & ((UINT64_C(1) << REGION) - 1);
    return (char *)(region == 1 ? c->workspace : c->tensors[region - 2].data) + offset;
}

/* ---- writing steps down ---------------------------------------------------------------------- */

static acn_call *current(acn_steps *s) {
    return s->status == ACN_OK && s->count > 0 ? &s->step[s->count - 1]->call : NULL;
}

static acn_status finish_step(acn_steps *s) {
    acn_call *c = current(s);
    if (!c) return s->status;
    ACN_TRY(acn_call_prepare(c));
    acn_plan *plan = s->call->plan;
    if (c->plan->workspace_bytes > plan->workspace_bytes)
        plan->workspace_bytes = c->plan->workspace_bytes;
    plan->cost_us += c->plan->cost_us;
    return ACN_OK;
}

acn_status acn_steps_end(acn_steps *s) {
    if (s->status == ACN_OK) s->status = finish_step(s);
    s->call->plan->workspace_bytes += s->room_bytes;
    acn_status status = s->status;
    if (status != ACN_OK) release(s->call->plan);
    if (status != ACN_OK) s->count = 0;
    s->call = NULL;
    return status;
}

static acn_status begin_step(acn_steps *s, const char *name) {
    ACN_TRY(finish_step(s));
    const acn_op *op = acn_op_find(name);
    if (!op || s->count == ACN_MAX_STEPS)
        return acn_fail(ACN_INTERNAL, "a plan asks for operator %s, step %d", name, s->count);
    step *next = acn_plan_alloc(s->call, sizeof *next);
    if (!next) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_call_init(&next->call, op);
    s->step[s->count++] = next;
    return ACN_OK;
}

void acn_step(acn_steps *s, const char *op) {
    if (s->status == ACN_OK) s->status = begin_step(s, op);
}

static int add_tensor(acn_call *c, acn_tensor t) {
    if (c->tensor_count == ACN_CALL_INLINE_TENSORS) return -1;
    c->tensors[c->tensor_count] = t;
    return c->tensor_count++;
}

static void no_place(acn_steps *s, const char *name) {
    s->status = acn_fail(ACN_INTERNAL, "a plan's step %s has no place for %s",
                         s->step[s->count - 1]->call.op->name, name);
}

/* The operator's own input in whose tensor |address| lies, counted from 1; 0: none. */
static int8_t own_input(const acn_call *own, const void *address) {
    int64_t index = (int64_t)((uint64_t)(uintptr_t)address >> REGION) - 2;
    for (int i = 0; i < ACN_MAX_INPUTS && own->op->in[i].name; i++)
        if (index >= own->in_first[i] && index < own->in_first[i] + own->in_count[i])
            return (int8_t)(i + 1);
    return 0;
}

/* The input's slot with room for |t|, or -1. */
static int add_input(acn_steps *s, const char *name, acn_tensor t) {
    acn_call *c = current(s);
    for (int i = 0; c && i < ACN_MAX_INPUTS && c->op->in[i].name; i++) {
        if (strcmp(c->op->in[i].name, name) != 0) continue;
        int at = add_tensor(c, t);
        if (at < 0) break;
        c->in_first[i] = at;
        c->in_count[i] = 1;
        s->step[s->count - 1]->in_of[i] = own_input(s->call, t.data);
        return i;
    }
    if (c) no_place(s, name);
    return -1;
}

void acn_step_in(acn_steps *s, const char *name, acn_tensor t) { (void)add_input(s, name, t); }

static int add_scalar(acn_steps *s, const char *name, const acn_scalar *scalar) {
    int slot = add_input(s, name, (acn_tensor){0});
    acn_call *c = current(s);
    if (slot >= 0) acn_call_set_weak(c, slot, c->in_first[slot], scalar);
    return slot;
}

void acn_step_in_number(acn_steps *s, const char *name, double value) {
    (void)add_scalar(s, name, &(acn_scalar){.dtype = ACN_F64, .f = value});
}

static acn_scalar scalar_of_attr(const acn_call *own, int slot) {
    acn_attr_kind kind = own->op->attr[slot].kind;
    if (kind == ACN_ATTR_SCALAR) return acn_attr_scalar(own, slot);
    if (kind == ACN_ATTR_FLOAT)
        return (acn_scalar){.dtype = ACN_F64, .f = acn_attr_float(own, slot)};
    return (acn_scalar){.dtype = ACN_I64, .i = acn_attr_int(own, slot)};
}

void acn_step_in_attr(acn_steps *s, const char *name, int slot) {
    acn_scalar scalar = scalar_of_attr(s->call, slot);
    int at = add_scalar(s, name, &scalar);
    if (at < 0) return;
    s->step[s->count - 1]->weak_given |= 1u << at;
    s->step[s->count - 1]->weak_given_by[at] = (int8_t)slot;
}

void acn_step_out(acn_steps *s, const char *name, acn_tensor t) {
    acn_call *c = current(s);
    for (int i = 0; c && i < ACN_MAX_OUTPUTS && c->op->out[i].name; i++) {
        if (strcmp(c->op->out[i].name, name) != 0) continue;
        int at = add_tensor(c, t);
        if (at < 0) break;
        c->out_first[i] = at;
        c->out_count[i] = 1;
        return;
    }
    if (c) no_place(s, name);
}

static acn_attr_value *attr_of(acn_steps *s, const char *name, acn_attr_kind *out_kind) {
    acn_call *c = current(s);
    for (int i = 0; c && i < ACN_MAX_ATTRS && c->op->attr[i].name; i++) {
        if (strcmp(c->op->attr[i].name, name) != 0) continue;
        *out_kind = c->op->attr[i].kind;
        c->attr[i].is_present = true;
        return &c->attr[i];
    }
    if (c) no_place(s, name);
    return NULL;
}

void acn_step_number(acn_steps *s, const char *name, double value) {
    acn_attr_kind kind;
    acn_attr_value *v = attr_of(s, name, &kind);
    bool is_whole = value == (double)(int64_t)value && kind != ACN_ATTR_FLOAT;
    acn_scalar scalar = {.dtype = is_whole ? ACN_I64 : ACN_F64};
    if (is_whole)
        scalar.i = (int64_t)value;
    else
        scalar.f = value;
    if (v) acn_attr_set_scalar(kind, v, &scalar);
}

void acn_step_text(acn_steps *s, const char *name, const char *constant) {
    acn_attr_kind kind;
    acn_attr_value *v = attr_of(s, name, &kind);
    if (v) v->text = constant;
}

static void set_list(acn_steps *s, const char *name, const void *items, int64_t count,
                     size_t item_bytes) {
    acn_attr_kind kind;
    acn_attr_value *v = attr_of(s, name, &kind);
    if (!v) return;
    v->count = count;
    v->items = acn_arena_copy(&s->call->plan->arena, items, (size_t)count * item_bytes);
    if (!v->items) s->status = acn_fail(ACN_BAD_ALLOC, "no host memory for a list");
}

void acn_step_ints(acn_steps *s, const char *name, const int64_t *items, int64_t count) {
    set_list(s, name, items, count, sizeof *items);
}

void acn_step_bools(acn_steps *s, const char *name, const bool *items, int64_t count) {
    set_list(s, name, items, count, sizeof *items);
}

/* Attribute |to| of |c| gets the value that |from| has in the call |own|. */
static void give_attr(acn_call *c, int to, const acn_call *own, int from) {
    acn_attr_kind kind = own->op->attr[from].kind, wanted = c->op->attr[to].kind;
    if (kind == wanted && own->attr[from].is_present) {
        c->attr[to] = own->attr[from];
        return;
    }
    bool is_number = kind != ACN_ATTR_STRING && kind < ACN_ATTR_INTS;
    c->attr[to].is_present = is_number || kind == ACN_ATTR_DTYPE;
    if (!c->attr[to].is_present) return;
    acn_scalar s = scalar_of_attr(own, from); /* its fallback, not that of the step's operator */
    acn_attr_set_scalar(wanted, &c->attr[to], &s);
}

void acn_step_attr(acn_steps *s, const char *name, int slot) {
    acn_attr_kind kind, own = s->call->op->attr[slot].kind;
    acn_attr_value *v = attr_of(s, name, &kind);
    if (!v) return;
    step *last = s->step[s->count - 1];
    int at = (int)(v - last->call.attr);
    give_attr(&last->call, at, s->call, slot);
    if (own == ACN_ATTR_STRING && v->is_present) { /* keys hold texts and lists: no call differs */
        v->text = acn_arena_copy(&s->call->plan->arena, v->text, strlen(v->text) + 1);
        if (!v->text) s->status = acn_fail(ACN_BAD_ALLOC, "no host memory for a text");
    }
    if (own == ACN_ATTR_INTS && v->is_present) set_list(s, name, v->items, v->count, 8);
    if (own == ACN_ATTR_BOOLS && v->is_present) set_list(s, name, v->items, v->count, 1);
    if (own != ACN_ATTR_SCALAR && !s->call->op->attr[slot].is_value) return;
    last->given |= 1u << at;
    last->given_by[at] = (int8_t)slot;
}

void acn_step_unary(acn_steps *s, const char *op, acn_tensor x, acn_tensor y) {
    acn_step(s, op);
    if (!current(s)) return;
    acn_step_in(s, current(s)->op->in[0].name, x);
    acn_step_out(s, current(s)->op->out[0].name, y);
}

void acn_step_binary(acn_steps *s, const char *op, acn_tensor x1, acn_tensor x2, acn_tensor y) {
    acn_step_unary(s, op, x1, y);
    if (current(s)) acn_step_in(s, current(s)->op->in[1].name, x2);
}

/* ---- running --------------------------------------------------------------------------------- */

/* |call| becomes a copy of the step's with this call's addresses and values: other threads may run
 * the same plan. */
static void instantiate(acn_call *call, acn_slot_names *names, const step *from,
                        const acn_call *own) {
    *call = from->call;
    *names = (acn_slot_names){0};
    call->names = names;
    for (int slot = 0; slot < ACN_MAX_INPUTS && call->op->in[slot].name; slot++)
        if (from->in_of[slot]) names->in[slot] = acn_input_name(own, from->in_of[slot] - 1);
    call->tensors = call->inline_tensors;
    uint32_t scalars = 0; /* a bit for each tensor */
    for (int slot = 0; slot < ACN_MAX_INPUTS && call->op->in[slot].name; slot++) {
        if (!call->in_count[slot] || !acn_is_weak(call, slot)) continue;
        call->tensors[call->in_first[slot]].data = call->weak[slot];
        scalars |= 1u << call->in_first[slot];
        if (!((from->weak_given >> slot) & 1u)) continue;
        acn_scalar scalar = scalar_of_attr(own, from->weak_given_by[slot]);
        acn_call_set_weak(call, slot, call->in_first[slot], &scalar);
    }
    for (int t = 0; t < call->tensor_count; t++)
        if (!((scalars >> t) & 1u))
            call->tensors[t].data = true_address(own, from->call.tensors[t].data);
    for (uint32_t left = from->given; left; left &= left - 1)
        give_attr(call, __builtin_ctz(left), own, from->given_by[__builtin_ctz(left)]);
}

acn_status acn_steps_run(acn_call *c) {
    const acn_steps *s = c->plan->data;
    for (int i = 0; i < s->count; i++) {
        acn_call call;
        acn_slot_names names;
        instantiate(&call, &names, s->step[i], c);
        call.workspace = (char *)c->workspace + s->room_bytes;
        ACN_TRY(call.plan->run(&call));
    }
    return ACN_OK;
}

/* ---- views ----------------------------------------------------------------------------------- */

acn_tensor acn_view_permuted(const acn_tensor *t, const int64_t *perm) {
    acn_tensor view = *t;
    for (int d = 0; d < t->rank; d++) {
        view.dims[d] = t->dims[perm[d]];
        view.strides[d] = t->strides[perm[d]];
    }
    return view;
}

acn_tensor acn_view_reshaped(const acn_tensor *t, int rank, const int64_t *dims) {
    acn_tensor view;
    acn_tensor_init(&view, t->data, t->dtype, rank, dims);
    return view;
}

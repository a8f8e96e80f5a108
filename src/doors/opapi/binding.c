/* binding.c - from the arguments of a public aclnn function to a call, and on to its stream.
 *
 * The generated pair of each function only packs its arguments. A row's words are resolved to slots
 * once, at the function's first use.
 */
#include "doors/opapi/binding.h"
#include "doors/door.h"
#include "doors/nnopbase/executor.h"
#include "doors/nnopbase/objects.h"
#include <stdlib.h>
#include <string.h>

typedef enum target { TO_INPUT, TO_OUTPUT, TO_ATTR } target;

typedef struct bound_slot {
    uint8_t target, slot;
    int8_t argument;
    int64_t constant;
} bound_slot;

struct acn_bound {
    const acn_op *op;
    acn_report_slot *counter;
    acn_slot_names names;
    int count;
    bound_slot slots[]; /* inputs, then outputs, then attributes */
};

/* ---- resolving a row ------------------------------------------------------------------------- */

static bool find_slot(const acn_op *op, const char *word, target kind, bound_slot *out) {
    int limit = kind == TO_INPUT    ? ACN_MAX_INPUTS
                : kind == TO_OUTPUT ? ACN_MAX_OUTPUTS
                                    : ACN_MAX_ATTRS;
    for (int s = 0; s < limit; s++) {
        const char *name = kind == TO_INPUT    ? op->in[s].name
                           : kind == TO_OUTPUT ? op->out[s].name
                                               : op->attr[s].name;
        if (!name) return false;
        if (strcmp(name, word) != 0) continue;
        out->target = (uint8_t)kind;
        out->slot = (uint8_t)s;
        return true;
    }
    return false;
}

static void remember_name(acn_bound *bound, const bound_slot *slot, const char *name) {
    const char **names = slot->target == TO_INPUT    ? bound->names.in
                         : slot->target == TO_OUTPUT ? bound->names.out
                                                     : bound->names.attr;
    names[slot->slot] = name;
}

static bool tensor_fits(const acn_param *param, int given) {
    if (given == ACN_ARG_SCALAR) return param->flags & ACN_SCALARISH;
    return given == ACN_ARG_TENSOR || (given == ACN_ARG_TENSOR_LIST && param->flags & ACN_LIST);
}

static bool attr_fits(acn_attr_kind kind, int given) {
    switch (kind) {
    case ACN_ATTR_INTS:
        return given == ACN_ARG_INTS;
    case ACN_ATTR_FLOATS:
        return given == ACN_ARG_FLOATS;
    case ACN_ATTR_BOOLS:
        return given == ACN_ARG_BOOLS;
    case ACN_ATTR_SCALARS:
        return given == ACN_ARG_SCALAR_LIST;
    case ACN_ATTR_STRING:
        return given == ACN_ARG_STRING;
    default:
        return given == ACN_ARG_INT || given == ACN_ARG_FLOAT || given == ACN_ARG_SCALAR;
    }
}

/* Does the public argument's type fit the slot that it is bound to? */
static bool slot_fits(const acn_op *op, const bound_slot *slot, int given) {
    switch (slot->target) {
    case TO_INPUT:
        return tensor_fits(&op->in[slot->slot], given);
    case TO_OUTPUT:
        return given != ACN_ARG_SCALAR && tensor_fits(&op->out[slot->slot], given);
    default:
        return attr_fits(op->attr[slot->slot].kind, given);
    }
}

/* GE calls a state that is updated the same as input and as output: the first word is the input. */
static bool is_bound(const acn_bound *bound, const bound_slot *slot) {
    for (int i = 0; i < bound->count; i++)
        if (bound->slots[i].target == slot->target && bound->slots[i].slot == slot->slot)
            return true;
    return false;
}

static acn_status bind_row(const acn_aclnn_row *row, acn_bound *bound) {
    bool used[UINT8_MAX] = {false};
    for (int kind = TO_INPUT; kind <= TO_ATTR; kind++)
        for (int b = 0; b < row->bind_count; b++) {
            bound_slot *slot = &bound->slots[bound->count];
            if (!find_slot(bound->op, row->binds[b].slot, (target)kind, slot) || used[b] ||
                is_bound(bound, slot))
                continue;
            used[b] = true;
            slot->argument = row->binds[b].argument;
            slot->constant = row->binds[b].constant;
            int given = slot->argument < 0 ? ACN_ARG_INT : row->argument_kinds[slot->argument];
            if (!slot_fits(bound->op, slot, given))
                return acn_fail(ACN_INTERNAL, "%s binds \"%s\" of operator %s to another type",
                                row->name, row->binds[b].slot, row->op);
            if (slot->argument >= 0)
                remember_name(bound, slot, row->argument_names[slot->argument]);
            bound->count++;
        }
    for (int b = 0; b < row->bind_count; b++)
        if (!used[b] && strcmp(row->binds[b].slot, "-") != 0)
            return acn_fail(ACN_INTERNAL, "%s binds \"%s\", which operator %s does not have",
                            row->name, row->binds[b].slot, row->op);
    return ACN_OK;
}

static acn_status resolve(acn_aclnn_entry *entry, const acn_bound **out) {
    const acn_bound *known = atomic_load_explicit(&entry->bound, memory_order_acquire);
    if (__builtin_expect(known != NULL, 1)) {
        *out = known;
        return ACN_OK;
    }
    const acn_aclnn_row *row = entry->row;
    const acn_op *op = acn_op_find(row->op);
    if (!op) return acn_fail(ACN_OP_NOT_FOUND, "operator %s does not exist", row->op);
    acn_bound *bound = calloc(1, sizeof *bound + row->bind_count * sizeof(bound_slot));
    if (!bound) return acn_fail(ACN_BAD_ALLOC, "no host memory for a binding");
    bound->op = op;
    acn_status status = bind_row(row, bound);
    if (status != ACN_OK) {
        free(bound);
        return status;
    }
    bound->counter = acn_report_open("op", row->name);
    const acn_bound *expected = NULL;
    if (!atomic_compare_exchange_strong(&entry->bound, &expected, bound)) {
        free(bound); /* another thread was first */
        *out = expected;
        return ACN_OK;
    }
    *out = bound;
    return ACN_OK;
}

acn_status acn_aclnn_check_rows(void) {
    for (int i = 0; i < acn_aclnn_entry_count; i++) {
        const acn_bound *bound;
        ACN_TRY(resolve(acn_aclnn_entries[i], &bound));
    }
    return ACN_OK;
}

/* ---- filling a call -------------------------------------------------------------------------- */

typedef struct filler {
    const acn_aclnn_row *row;
    const acn_arg *arguments;
    acn_executor *executor;
    acn_call *call;
    int used; /* tensors filled */
} filler;

static acn_status not_live(const filler *f, int argument, const char *kind) {
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "%s is %p, which is no live %s; it was destroyed or is "
                    "foreign",
                    f->row->argument_names[argument], f->arguments[argument].object, kind);
}

static acn_status copy_tensor(const filler *f, int argument, const void *handle, acn_tensor *out) {
    if (!acn_object_tensor_is_live(handle)) return not_live(f, argument, "aclTensor");
    const acn_object_tensor *object = handle;
    *out = object->view;
    bool takes_any = f->call->op->flags & ACN_OP_ANY_FORMAT;
    if (acn_format_is_private(out->format) && !takes_any)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has private format %d; convert it to ND first",
                        f->row->argument_names[argument], out->format);
    if (!out->data && acn_tensor_count(out) > 0)
        return acn_fail(ACN_NULL_POINTER, "%s has no data address; expected device memory",
                        f->row->argument_names[argument]);
    return ACN_OK;
}

/* How many tensors an argument brings; for room. */
static acn_status count_tensors(const filler *f, int argument, int64_t *total) {
    const void *object = f->arguments[argument].object;
    if (!object) return ACN_OK;
    if (f->row->argument_kinds[argument] != ACN_ARG_TENSOR_LIST) {
        *total += 1;
        return ACN_OK;
    }
    const acn_object_array *list = acn_object_array_of(object, ACN_ARRAY_TENSORS);
    if (!list) return not_live(f, argument, "aclTensorList");
    if (list->count > INT16_MAX)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %llu tensors; at most %d are supported",
                        f->row->argument_names[argument], (unsigned long long)list->count,
                        INT16_MAX);
    *total += (int64_t)list->count;
    return ACN_OK;
}

static acn_status fill_list(filler *f, int argument) {
    const acn_object_array *list =
        acn_object_array_of(f->arguments[argument].object, ACN_ARRAY_TENSORS);
    void *const *items = list->items;
    for (uint64_t i = 0; i < list->count; i++) {
        acn_tensor *t = &f->call->tensors[f->used + (int)i];
        if (items[i]) {
            ACN_TRY(copy_tensor(f, argument, items[i], t));
        } else {
            /* An absent member (aclnnIndex skips a dimension so): an empty tensor. */
            *t = (acn_tensor){.dtype = ACN_I64, .format = ACL_FORMAT_ND, .rank = 1, .strides = {1}};
        }
    }
    return ACN_OK;
}

static acn_status fill_tensor_slot(filler *f, const bound_slot *slot) {
    acn_call *c = f->call;
    int argument = slot->argument, count = 1;
    const void *object = argument < 0 ? NULL : f->arguments[argument].object;
    if (!object) return ACN_OK;
    switch (f->row->argument_kinds[argument]) {
    case ACN_ARG_SCALAR: {
        const acn_scalar *scalar = acn_object_scalar(object);
        if (!scalar) return not_live(f, argument, "aclScalar");
        acn_call_set_weak(c, slot->slot, f->used++, scalar);
        return ACN_OK;
    }
    case ACN_ARG_TENSOR_LIST: {
        int64_t members = 0;
        ACN_TRY(count_tensors(f, argument, &members));
        count = (int)members;
        ACN_TRY(fill_list(f, argument));
        break;
    }
    default:
        ACN_TRY(copy_tensor(f, argument, object, &c->tensors[f->used]));
    }
    if (slot->target == TO_INPUT) {
        c->in_first[slot->slot] = f->used;
        c->in_count[slot->slot] = count;
    } else {
        c->out_first[slot->slot] = f->used;
        c->out_count[slot->slot] = count;
    }
    f->used += count;
    return ACN_OK;
}

/* Arrays may be read in phase 1 only, so the call keeps a copy: in the executor when it is short.
 */
static void *keep(filler *f, const void *items, size_t bytes) {
    acn_executor *e = f->executor;
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded <= sizeof e->scratch - e->scratch_used) {
        void *copy = e->scratch + e->scratch_used;
        e->scratch_used += rounded;
        if (bytes) memcpy(copy, items, bytes);
        return copy;
    }
    return acn_arena_copy(&f->call->arena, items, bytes);
}

static acn_status fill_array(filler *f, int argument, acn_array_kind kind, size_t item_bytes,
                             acn_attr_value *v) {
    const acn_object_array *array = acn_object_array_of(f->arguments[argument].object, kind);
    if (!array) return not_live(f, argument, "array");
    v->count = (int64_t)array->count;
    v->items = keep(f, array->items, array->count * item_bytes);
    if (!v->items) return acn_fail(ACN_BAD_ALLOC, "no host memory for an array");
    return ACN_OK;
}

static acn_status fill_scalars(filler *f, int argument, acn_attr_value *v) {
    const acn_object_array *list =
        acn_object_array_of(f->arguments[argument].object, ACN_ARRAY_SCALARS);
    if (!list) return not_live(f, argument, "aclScalarList");
    acn_scalar *copy = acn_arena_alloc(&f->call->arena, (list->count + 1) * sizeof *copy);
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no host memory for a list");
    for (uint64_t i = 0; i < list->count; i++) {
        const acn_scalar *s = acn_object_scalar(((void *const *)list->items)[i]);
        if (!s) return not_live(f, argument, "list of aclScalar");
        copy[i] = *s;
    }
    v->count = (int64_t)list->count;
    v->items = copy;
    return ACN_OK;
}

static acn_status fill_scalar(filler *f, int argument, acn_attr_kind kind, acn_attr_value *v) {
    const acn_scalar *s = acn_object_scalar(f->arguments[argument].object);
    if (!s) return not_live(f, argument, "aclScalar");
    acn_attr_set_scalar(kind, v, s);
    return ACN_OK;
}

static acn_status fill_attr(filler *f, const bound_slot *slot) {
    acn_attr_kind kind = f->call->op->attr[slot->slot].kind;
    acn_attr_value *v = &f->call->attr[slot->slot];
    int argument = slot->argument;
    v->is_present = true;
    if (argument < 0) {
        acn_attr_set_scalar(kind, v, &(acn_scalar){.dtype = ACN_I64, .i = slot->constant});
        return ACN_OK;
    }
    const acn_arg *arg = &f->arguments[argument];
    acn_arg_kind given = (acn_arg_kind)f->row->argument_kinds[argument];
    if (given == ACN_ARG_INT) {
        acn_attr_set_scalar(kind, v, &(acn_scalar){.dtype = ACN_I64, .i = arg->i});
        return ACN_OK;
    }
    if (given == ACN_ARG_FLOAT) {
        acn_attr_set_scalar(kind, v, &(acn_scalar){.dtype = ACN_F64, .f = arg->f});
        return ACN_OK;
    }
    if (!arg->object) {
        v->is_present = false;
        return ACN_OK;
    }
    switch (given) {
    case ACN_ARG_SCALAR:
        return fill_scalar(f, argument, kind, v);
    case ACN_ARG_SCALAR_LIST:
        return fill_scalars(f, argument, v);
    case ACN_ARG_INTS:
        return fill_array(f, argument, ACN_ARRAY_INT, sizeof(int64_t), v);
    case ACN_ARG_FLOATS:
        return fill_array(f, argument, ACN_ARRAY_FLOAT, sizeof(float), v);
    case ACN_ARG_BOOLS:
        return fill_array(f, argument, ACN_ARRAY_BOOL, sizeof(bool), v);
    case ACN_ARG_STRING:
        v->text = keep(f, arg->text, strlen(arg->text) + 1);
        return v->text ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for a string");
    default:
        return acn_fail(ACN_INTERNAL, "%s binds a tensor to attribute %s", f->row->name,
                        f->call->op->attr[slot->slot].name);
    }
}

/* Where the public call's tensor parameters went, for the address setters. */
static void note_parameters(filler *f, const acn_bound *bound) {
    acn_executor *e = f->executor;
    const acn_call *c = f->call;
    for (int a = 0; a < f->row->argument_count; a++) {
        int kind = f->row->argument_kinds[a];
        if (kind != ACN_ARG_TENSOR && kind != ACN_ARG_TENSOR_LIST) continue;
        if (e->parameter_count == ACN_EXECUTOR_PARAMETERS) return;
        int p = e->parameter_count++;
        e->parameter[p].first = e->parameter[p].count = 0;
        e->parameter[p].twin = -1;
        e->parameter[p].is_output = false;
        for (int b = 0; b < bound->count; b++) {
            const bound_slot *slot = &bound->slots[b];
            if (slot->argument != a || slot->target == TO_ATTR) continue;
            bool is_output = slot->target == TO_OUTPUT;
            int first = is_output ? c->out_first[slot->slot] : c->in_first[slot->slot];
            int count = is_output ? c->out_count[slot->slot] : c->in_count[slot->slot];
            if (e->parameter[p].count > 0) {
                e->parameter[p].twin = first;
            } else {
                e->parameter[p].first = first;
                e->parameter[p].count = count;
            }
            e->parameter[p].is_output |= is_output;
        }
    }
}

static acn_status fill_call(filler *f, const acn_bound *bound) {
    acn_call *c = f->call;
    int64_t tensors = 0;
    for (int b = 0; b < bound->count; b++)
        if (bound->slots[b].target != TO_ATTR && bound->slots[b].argument >= 0)
            ACN_TRY(count_tensors(f, bound->slots[b].argument, &tensors));
    ACN_TRY(acn_call_reserve(c, (int)tensors));
    c->api = f->row->name;
    c->names = &bound->names;
    for (int b = 0; b < bound->count; b++) {
        const bound_slot *slot = &bound->slots[b];
        if (slot->target == TO_ATTR)
            ACN_TRY(fill_attr(f, slot));
        else
            ACN_TRY(fill_tensor_slot(f, slot));
    }
    note_parameters(f, bound);
    return ACN_OK;
}

/* ---- the two phases -------------------------------------------------------------------------- */

static acn_status prepare(acn_aclnn_entry *entry, const acn_arg *arguments,
                          acn_executor **out_executor) {
    const acn_bound *bound;
    ACN_TRY(resolve(entry, &bound));
    acn_executor *executor = acn_executor_create();
    if (!executor)
        return acn_fail(ACN_BAD_ALLOC, "too many executors are alive; run phase 2 of some");
    executor->entry = entry;
    executor->counter = bound->counter;
    acn_call_init(&executor->call, bound->op);
    filler f = {entry->row, arguments, executor, &executor->call, 0};
    acn_status status = fill_call(&f, bound);
    if (status == ACN_OK) status = acn_call_prepare(&executor->call);
    if (status != ACN_OK) {
        acn_executor_destroy(executor);
        return status;
    }
    acn_executor_publish(executor);
    *out_executor = executor;
    return ACN_OK;
}

aclnnStatus acn_aclnn_prepare(acn_aclnn_entry *entry, const acn_arg *arguments,
                              uint64_t *workspace_size, aclOpExecutor **executor) {
    const char *name = entry->row->name;
    if (!workspace_size || !executor)
        return acn_door_aclnn(name, acn_fail(ACN_NULL_POINTER, "%s is NULL; expected an address",
                                             workspace_size ? "executor" : "workspaceSize"));
    acn_executor *made = NULL;
    acn_status status = prepare(entry, arguments, &made);
    if (status != ACN_OK) return acn_door_aclnn(name, status);
    *workspace_size = made->call.plan->workspace_bytes;
    *executor = (aclOpExecutor *)made;
    return 0;
}

aclnnStatus acn_aclnn_execute(acn_aclnn_entry *entry, void *workspace, uint64_t workspace_size,
                              aclOpExecutor *executor, aclrtStream stream) {
    const char *name = entry->row->name;
    acn_executor *e = NULL;
    if (!executor)
        return acn_door_aclnn(
            name, acn_fail(ACN_NULL_POINTER, "executor is NULL; expected the one of phase 1"));
    acn_status status = acn_executor_resolve(executor, &e);
    if (status == ACN_OK && e->entry != entry)
        status =
            acn_fail(ACN_INVALID_HANDLE, "executor belongs to %s; run that phase 2", e->call.api);
    if (status == ACN_OK) status = acn_executor_launch(e, workspace, workspace_size, stream);
    return acn_door_aclnn(name, status);
}

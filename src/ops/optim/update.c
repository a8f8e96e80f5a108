/* update.c - see update.h. */
#include "ops/optim/update.h"
#include "base/pool.h"
#include <string.h>

enum { CHUNK = 16 * ACN_ROW_TILE };

static const acn_update *update_of(const acn_call *call) { return call->op->family; }

static int member_count(const acn_call *call) {
    return acn_in_count(call, update_of(call)->role[0].in);
}

static const acn_tensor *role_in(const acn_call *call, int role, int member) {
    int slot = update_of(call)->role[role].in;
    if (slot == ACN_NO_SLOT) return NULL;
    return acn_in_count(call, slot) > member ? acn_in_at(call, slot, member) : NULL;
}

static acn_tensor *role_out(const acn_call *call, int role, int member) {
    int slot = update_of(call)->role[role].out;
    if (slot == ACN_NO_SLOT || acn_out_count(call, slot) <= member) return NULL;
    return acn_out_at(call, slot, member);
}

double acn_update_number(const acn_call *call, int slot, int member) {
    const acn_tensor *t = acn_in_at(call, slot, member);
    acn_value v = acn_load_value(t->data, t->dtype);
    return acn_dtype_is_integer(t->dtype) ? (double)v.i : v.f;
}

/* ---- infer ----------------------------------------------------------------------------------- */

static acn_status check_role(acn_call *call, int role) {
    const acn_update *u = update_of(call);
    if (u->role[role].in == ACN_NO_SLOT) return ACN_OK;
    int members = member_count(call), given = acn_in_count(call, u->role[role].in);
    const char *name = call->op->in[u->role[role].in].name;
    bool is_optional = call->op->in[u->role[role].in].flags & ACN_OPTIONAL;
    if (given != members && !(given == 0 && is_optional))
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %d tensors, %s has %d; expected as many",
                        name, given, call->op->in[u->role[0].in].name, members);
    for (int m = 0; m < given; m++) {
        char own[160], other[160];
        const acn_tensor *t = role_in(call, role, m), *var = role_in(call, 0, m);
        if (!acn_tensor_same_shape(t, var))
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "%s[%d] is %s; expected the parameter's shape, %s", name, m,
                            acn_tensor_describe(t, own, sizeof own),
                            acn_tensor_describe(var, other, sizeof other));
    }
    return ACN_OK;
}

/* Inputs that are no tensors of the parameter: a number, or one for each member of a list. */
static acn_status check_numbers(const acn_call *call) {
    const acn_update *u = update_of(call);
    for (int slot = 0; slot < ACN_MAX_INPUTS && call->op->in[slot].name; slot++) {
        bool is_role = false;
        for (int r = 0; r < u->roles; r++)
            is_role |= u->role[r].in == slot;
        int expected = call->op->in[slot].flags & ACN_LIST ? member_count(call) : 1;
        bool is_absent = !acn_in_count(call, slot) && call->op->in[slot].flags & ACN_OPTIONAL;
        if (is_role || is_absent) continue;
        if (acn_in_count(call, slot) != expected)
            return acn_bad_input(call, slot, "expected a number for each of the %d parameters",
                                 expected);
        for (int m = 0; m < expected; m++)
            if (acn_tensor_count(acn_in_at(call, slot, m)) != 1)
                return acn_bad_input(call, slot, "expected one number");
    }
    return ACN_OK;
}

acn_status acn_update_infer(acn_call *call) {
    const acn_update *u = update_of(call);
    for (int r = 0; r < u->roles; r++)
        ACN_TRY(check_role(call, r));
    ACN_TRY(check_numbers(call));
    for (int r = 0; r < u->roles; r++) {
        int slot = u->role[r].out;
        if (slot == ACN_NO_SLOT) continue;
        if (!role_in(call, r, 0)) { /* absent, or an empty list: nothing will be written */
            acn_out_is(call, slot, ACN_UNDEFINED, -1, NULL);
            continue;
        }
        if (call->op->out[slot].flags & ACN_LIST) {
            for (int m = 0; m < acn_out_count(call, slot); m++)
                if (!acn_tensor_same_shape(acn_out_at(call, slot, m), role_in(call, r, m)))
                    return acn_fail(ACN_INVALID_ARGUMENT, "%s[%d] has another shape than the input",
                                    call->op->out[slot].name, m);
        } else {
            acn_out_like(call, slot,
                         acn_out(call, slot) ? ACN_UNDEFINED : role_in(call, r, 0)->dtype,
                         role_in(call, r, 0));
        }
    }
    return ACN_OK;
}

/* ---- plan and run ---------------------------------------------------------------------------- */

typedef struct member {
    acn_rows rows; /* one row: all elements */
    acn_class klass;
    acn_row_side in[ACN_UPDATE_ROLES], out[ACN_UPDATE_ROLES];
    int64_t first_chunk;
} member;

typedef struct update_plan {
    int count;
    int64_t chunks;
    member *member;
} update_plan;

static void plan_member(const acn_call *call, int m, member *to) {
    const acn_update *u = update_of(call);
    acn_rows_make(&to->rows, role_in(call, 0, m), 0xff);
    to->klass = ACN_K_F32;
    for (int r = 0; r < u->roles; r++)
        if (role_in(call, r, m) && role_in(call, r, m)->dtype == ACN_F64) to->klass = ACN_K_F64;
    for (int r = 0; r < u->roles; r++) {
        if (role_in(call, r, m))
            acn_row_side_make(&to->in[r], &to->rows, role_in(call, r, m), to->klass);
        if (role_out(call, r, m))
            acn_row_side_make(&to->out[r], &to->rows, role_out(call, r, m), to->klass);
    }
}

acn_status acn_update_plan(acn_call *call) {
    update_plan *p = acn_plan_alloc(call, sizeof *p);
    int count = member_count(call);
    if (p) p->member = acn_plan_alloc(call, sizeof *p->member * (size_t)(count + 1));
    if (!p || !p->member) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    p->count = count;
    for (int m = 0; m < count; m++) {
        plan_member(call, m, &p->member[m]);
        p->member[m].first_chunk = p->chunks;
        p->chunks += (p->member[m].rows.length + CHUNK - 1) / CHUNK;
    }
    p->member[count].first_chunk = p->chunks;
    call->plan->data = p;
    call->plan->workspace_bytes = (uint64_t)count * sizeof(acn_update_numbers) + (uint64_t)count;
    call->plan->cost_us = (uint32_t)(p->chunks * 8);
    return ACN_OK;
}

/* Elements [from, from + n) of all tensors of member |m|; without a step they are only copied. */
static void run_tile(const acn_call *call, int m, const acn_update_numbers *by, int64_t from,
                     int64_t n) {
    const acn_update *u = update_of(call);
    const member *own = &((const update_plan *)call->plan->data)->member[m];
    acn_row_tile scratch[ACN_UPDATE_ROLES];
    void *tile[ACN_UPDATE_ROLES];
    for (int r = 0; r < u->roles; r++) {
        const acn_tensor *in = role_in(call, r, m);
        const acn_tensor *out = role_out(call, r, m);
        tile[r] = NULL;
        if (!in) continue;
        const void *loaded = acn_row_load(&own->rows, &own->in[r], in->data, from, n, &scratch[r]);
        tile[r] = (void *)(uintptr_t)loaded;
        /* What is written in place stays in place; anything else is worked on in the scratch. */
        bool is_own = loaded == &scratch[r] || !out || out->data == in->data;
        if (!is_own) tile[r] = memcpy(&scratch[r], loaded, (size_t)n * acn_class_bytes(own->klass));
    }
    if (by) u->apply(own->klass, tile, by, n);
    for (int r = 0; r < u->roles; r++) {
        const acn_tensor *out = role_out(call, r, m);
        if (tile[r] && out) acn_row_store(&own->rows, &own->out[r], out->data, from, n, tile[r]);
    }
}

static int member_of(const update_plan *p, int64_t chunk) {
    int low = 0, high = p->count; /* the last member that starts at or before the chunk */
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (p->member[middle].first_chunk <= chunk)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static acn_update_numbers *numbers_of(const acn_call *call) { return call->workspace; }
static bool *is_active_of(const acn_call *call) {
    return (bool *)(numbers_of(call) + ((const update_plan *)call->plan->data)->count);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *call = context;
    const update_plan *p = call->plan->data;
    int m = member_of(p, chunk);
    const acn_update_numbers *by = is_active_of(call)[m] ? &numbers_of(call)[m] : NULL;
    int64_t from = (chunk - p->member[m].first_chunk) * CHUNK, end = from + CHUNK;
    if (end > p->member[m].rows.length) end = p->member[m].rows.length;
    for (; from < end; from += ACN_ROW_TILE)
        run_tile(call, m, by, from, end - from < ACN_ROW_TILE ? end - from : ACN_ROW_TILE);
}

acn_status acn_update_run(acn_call *call) {
    const update_plan *p = call->plan->data;
    for (int m = 0; m < p->count; m++)
        is_active_of(call)[m] = update_of(call)->prepare(call, m, &numbers_of(call)[m]);
    acn_pool_run(p->chunks, run_chunk, call);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

acn_status acn_update_run0(acn_call *call) {
    const acn_update *u = update_of(call);
    for (int m = 0; m < member_count(call); m++) {
        acn_update_numbers by;
        bool is_there[ACN_UPDATE_ROLES];
        bool is_active = u->prepare(call, m, &by);
        for (int64_t i = 0; i < acn_tensor_count(role_in(call, 0, m)); i++) {
            double value[ACN_UPDATE_ROLES] = {0};
            for (int r = 0; r < u->roles; r++) {
                const acn_tensor *t = role_in(call, r, m);
                is_there[r] = t != NULL;
                if (t) value[r] = acn_load_value(acn_tensor_at(t, i), t->dtype).f;
            }
            if (is_active) u->ref(value, &by, is_there);
            for (int r = 0; r < u->roles; r++) {
                const acn_tensor *t = role_out(call, r, m);
                if (t && is_there[r])
                    acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = value[r]});
            }
        }
    }
    return ACN_OK;
}

/* dynamic_shared.c - see dynamic.h. */
#include "ops/layout/copy.h"
#include "ops/rnn/dynamic.h"
#include <string.h>

const acn_tensor *acn_dynamic_in(const acn_call *call, int slot) {
    const acn_tensor *t = slot < 0 ? NULL : acn_in(call, slot);
    return t && t->rank > 0 && acn_tensor_count(t) > 0 ? t : NULL;
}

acn_status acn_dynamic_check(const acn_call *call, int slot, int64_t count) {
    const acn_tensor *t = acn_dynamic_in(call, slot);
    if (!t || acn_tensor_count(t) == count) return ACN_OK;
    return acn_bad_input(call, slot, "expected %lld elements", (long long)count);
}

static int64_t gates(const acn_dynamic *d) { return d->slots->is_gru ? 3 : 4; }

static acn_status read_order(const acn_call *call, acn_dynamic *d) {
    const char *engine = d->slots->is_gru ? "rzh" : "ifjo";
    const char *order = d->slots->is_gru ? "zrh" : "ijfo";
    const acn_attr_value *given = &call->attr[d->slots->gate_order];
    if (given->is_present) order = given->text;
    for (int64_t k = 0; k < gates(d); k++) {
        const char *at = strchr(order, engine[k]);
        if (!at && engine[k] == 'j') at = strchr(order, 'c'); /* another name of the candidate */
        if (!at || strlen(order) != strlen(engine))
            return acn_bad_attr(call, d->slots->gate_order,
                                "is \"%s\"; expected the letters of "
                                "\"%s\" in any order",
                                order, engine);
        d->place[k] = (int8_t)(at - order);
    }
    return ACN_OK;
}

acn_status acn_dynamic_read(const acn_call *call, const acn_dynamic_slots *slots,
                            acn_dynamic *out) {
    const acn_tensor *x = acn_in(call, slots->x), *w = acn_in(call, slots->w_x);
    *out = (acn_dynamic){.slots = slots};
    if (x->rank != 2 && x->rank != 3) /* one step has no dimension of its own in a cell */
        return acn_bad_input(call, slots->x, "expected [steps, batch, size] or [batch, size]");
    out->steps = x->rank == 3 ? x->dims[0] : 1;
    out->batch = x->dims[x->rank - 2], out->input = x->dims[x->rank - 1];
    if (w->rank != 2 || w->dims[1] % gates(out) != 0)
        return acn_bad_input(call, slots->w_x, "expected a matrix of %lld * hidden columns",
                             (long long)gates(out));
    out->hidden = w->dims[1] / gates(out);
    if (w->dims[0] != out->input + (slots->w_h < 0 ? out->hidden : 0))
        return acn_bad_input(call, slots->w_x, "its rows do not fit the input's size");
    const acn_tensor *w_h = slots->w_h < 0 ? NULL : acn_in(call, slots->w_h);
    if (w_h && (w_h->rank != 2 || w_h->dims[0] != out->hidden || w_h->dims[1] != w->dims[1]))
        return acn_bad_input(call, slots->w_h, "expected [hidden, gates * hidden]");
    ACN_TRY(acn_dynamic_check(call, slots->b_x, w->dims[1]));
    ACN_TRY(acn_dynamic_check(call, slots->b_h, w->dims[1]));
    ACN_TRY(acn_dynamic_check(call, slots->h0, out->batch * out->hidden));
    ACN_TRY(acn_dynamic_check(call, slots->c0, out->batch * out->hidden));
    const acn_attr_value *direction = &call->attr[slots->direction];
    out->is_backward = direction->is_present && strcmp(direction->text, "REDIRECTIONAL") == 0;
    if (direction->is_present && !out->is_backward &&
        strcmp(direction->text, "UNIDIRECTIONAL") != 0)
        return acn_bad_attr(call, slots->direction,
                            "is \"%s\"; expected UNIDIRECTIONAL or "
                            "REDIRECTIONAL",
                            direction->text);
    return read_order(call, out);
}

acn_class acn_dynamic_class(const acn_call *call, const acn_dynamic *d) {
    return acn_in(call, d->slots->x)->dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
}

static acn_dtype dtype_of(const acn_room *room) {
    return room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32;
}

static bool is_in_order(const acn_dynamic *d) {
    for (int k = 0; k < gates(d); k++)
        if (d->place[k] != k) return false;
    return true;
}

/* Rows [first, first + rows) of a weight, gates in the engine's order. */
static acn_rnn_weight weight(const acn_dynamic *d, acn_room *room, const acn_tensor *t,
                             int64_t first, int64_t rows) {
    acn_tensor part = acn_tensor_slice(t, 0, first, rows);
    if (part.dtype == dtype_of(room) && is_in_order(d))
        return (acn_rnn_weight){part.data, part.strides[1], part.strides[0]};
    acn_tensor own;
    const int64_t dims[] = {rows, gates(d) * d->hidden};
    acn_tensor_init(&own, acn_room_take(room, dims[0] * dims[1]), dtype_of(room), 2, dims);
    for (int k = 0; k < gates(d) && room->memory; k++) {
        acn_tensor to = acn_tensor_slice(&own, 1, k * d->hidden, d->hidden);
        acn_tensor from = acn_tensor_slice(&part, 1, d->place[k] * d->hidden, d->hidden);
        acn_room_move(&to, &from);
    }
    return (acn_rnn_weight){own.data, 1, dims[1]};
}

static const void *bias(const acn_dynamic *d, acn_room *room, const acn_tensor *t) {
    if (!t) return NULL;
    acn_tensor own;
    const int64_t count = gates(d) * d->hidden;
    acn_tensor_init(&own, acn_room_take(room, count), dtype_of(room), 1, &count);
    for (int k = 0; k < gates(d) && room->memory; k++) {
        acn_tensor to = acn_tensor_slice(&own, 0, k * d->hidden, d->hidden);
        acn_tensor from = acn_tensor_slice(t, t->rank - 1, d->place[k] * d->hidden, d->hidden);
        from.rank = 1;
        from.dims[0] = d->hidden;
        from.strides[0] = t->strides[t->rank - 1];
        acn_room_move(&to, &from);
    }
    return own.data;
}

/* A first state, or zeros. */
static const void *first_state(const acn_dynamic *d, acn_room *room, const acn_tensor *t) {
    if (t) return acn_room_in(room, t);
    void *zeros = acn_room_take(room, d->batch * d->hidden);
    if (zeros) memset(zeros, 0, (size_t)(d->batch * d->hidden) * acn_class_bytes(room->klass));
    return zeros;
}

/* Lengths are numbers of steps, [batch], or a mask of every step's units, [steps, batch, hidden].
 */
static const uint8_t *active(const acn_call *call, const acn_dynamic *d, acn_room *room) {
    const acn_tensor *t = acn_dynamic_in(call, d->slots->lengths);
    if (!t) return NULL;
    uint8_t *to = acn_room_take(room, (d->steps * d->batch + 3) / 4); /* elements of 4 bytes */
    for (int64_t i = 0; to && i < d->steps * d->batch; i++) {
        int64_t at = t->rank == 1 ? i % d->batch : i * d->hidden;
        acn_value v = acn_load_value(acn_tensor_at(t, at), t->dtype);
        to[i] = t->rank == 1 ? i / d->batch < v.i : v.f != 0 || v.i != 0;
    }
    return to;
}

acn_rnn acn_dynamic_one(const acn_call *call, const acn_dynamic *d, acn_room *room) {
    const acn_dynamic_slots *s = d->slots;
    acn_rnn r = {.is_gru = s->is_gru,
                 .klass = room->klass,
                 .steps = d->steps,
                 .batch = d->batch,
                 .input = d->input,
                 .hidden = d->hidden,
                 .is_backward = d->is_backward,
                 .active = active(call, d, room)};
    r.x = acn_room_in(room, acn_in(call, s->x));
    r.w_x = weight(d, room, acn_in(call, s->w_x), 0, d->input);
    if (s->w_h < 0)
        r.w_h = weight(d, room, acn_in(call, s->w_x), d->input, d->hidden);
    else
        r.w_h = weight(d, room, acn_in(call, s->w_h), 0, d->hidden);
    r.b_x = bias(d, room, acn_dynamic_in(call, s->b_x));
    r.b_h = bias(d, room, acn_dynamic_in(call, s->b_h));
    r.h0 = first_state(d, room, acn_dynamic_in(call, s->h0));
    if (!s->is_gru) r.c0 = first_state(d, room, acn_dynamic_in(call, s->c0));
    return r;
}

void acn_dynamic_give_weight(const acn_dynamic *d, const acn_room *room, const acn_tensor *to,
                             int64_t first, int64_t rows, const void *gradient) {
    if (!room->memory || !to) return;
    acn_tensor part = acn_tensor_slice(to, 0, first, rows);
    for (int k = 0; k < gates(d); k++) {
        acn_tensor columns = acn_tensor_slice(&part, 1, d->place[k] * d->hidden, d->hidden), from;
        const int64_t dims[] = {rows, d->hidden};
        acn_tensor_init(&from,
                        (char *)(uintptr_t)gradient +
                            k * d->hidden * rows * (int64_t)acn_class_bytes(room->klass),
                        dtype_of(room), 2, dims);
        from.strides[0] = 1;
        from.strides[1] = rows;
        acn_room_move(&columns, &from);
    }
}

void acn_dynamic_give_bias(const acn_dynamic *d, const acn_room *room, const acn_tensor *to,
                           const void *gradient) {
    if (!room->memory || !to) return;
    for (int k = 0; k < gates(d); k++) {
        acn_tensor part = acn_tensor_slice(to, 0, d->place[k] * d->hidden, d->hidden), from;
        acn_tensor_init(&from,
                        (char *)(uintptr_t)gradient +
                            k * d->hidden * (int64_t)acn_class_bytes(room->klass),
                        dtype_of(room), 1, &d->hidden);
        acn_room_move(&part, &from);
    }
}

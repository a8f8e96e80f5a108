/* layers_shared.c - see layers.h. */
#include "ops/rnn/layers.h"
#include <string.h>

enum { HAS_BIASES, NUM_LAYERS, DROPOUT, TRAIN, BIDIRECTIONAL, BATCH_FIRST };

static int64_t gates(const acn_layers *l) { return l->is_gru ? 3 : 4; }

static acn_status check_sizes(const acn_call *call, const acn_layers *l) {
    int64_t each = l->has_biases ? 4 : 2, wide = gates(l) * l->hidden;
    for (int64_t i = 0; i < acn_in_count(call, l->slots.params); i++) {
        const acn_tensor *t = acn_in_at(call, l->slots.params, (int)i);
        int64_t layer = i / each / l->directions;
        int64_t cols = i % each ? l->hidden : layer ? l->directions * l->hidden : l->input;
        bool is_matrix = i % each < 2;
        if (t->rank != (is_matrix ? 2 : 1) || t->dims[0] != wide ||
            (is_matrix && t->dims[1] != cols))
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "parameter %lld has the wrong shape; expected %lld rows%s",
                            (long long)i, (long long)wide,
                            is_matrix ? " and the width of its layer's input" : "");
    }
    for (int i = 0; i < acn_in_count(call, l->slots.hx); i++) {
        const acn_tensor *h = acn_in_at(call, l->slots.hx, i);
        if (h->rank != 3 || h->dims[0] != l->count * l->directions || h->dims[1] != l->batch ||
            h->dims[2] != l->hidden)
            return acn_bad_input(call, l->slots.hx, "expected first states of [%lld, %lld, %lld]",
                                 (long long)(l->count * l->directions), (long long)l->batch,
                                 (long long)l->hidden);
    }
    return ACN_OK;
}

acn_status acn_layers_read(const acn_call *call, bool is_gru, acn_layers_slots slots,
                           acn_layers *out) {
    const acn_tensor *x = acn_in(call, slots.x), *sizes = acn_in(call, slots.batch_sizes);
    *out = (acn_layers){.is_gru = is_gru,
                        .has_biases = acn_attr_int(call, HAS_BIASES),
                        .batch_first = acn_attr_int(call, BATCH_FIRST),
                        .count = acn_attr_int(call, NUM_LAYERS),
                        .directions = acn_attr_int(call, BIDIRECTIONAL) ? 2 : 1,
                        .slots = slots};
    out->is_packed = sizes && acn_tensor_count(sizes) > 0;
    if (x->rank != (out->is_packed ? 2 : 3))
        return acn_bad_input(call, slots.x,
                             "expected [steps, batch, size], or with batch sizes "
                             "[steps * batch, size]");
    if (out->count < 1) return acn_bad_attr(call, NUM_LAYERS, "is less than 1");
    int64_t each = out->has_biases ? 4 : 2;
    if (acn_in_count(call, slots.params) != out->count * out->directions * each)
        return acn_bad_input(call, slots.params, "has %d tensors; expected %lld of each direction",
                             acn_in_count(call, slots.params), (long long)each);
    if (acn_attr_float(call, DROPOUT) != 0 && acn_attr_int(call, TRAIN) && out->count > 1)
        return acn_bad_attr(call, DROPOUT,
                            "is %g; dropout between layers is not supported, expected 0",
                            acn_attr_float(call, DROPOUT));
    const acn_tensor *w = acn_in_at(call, slots.params, 0);
    out->hidden = w->rank == 2 ? w->dims[0] / gates(out) : 0;
    out->input = x->dims[x->rank - 1];
    if (out->is_packed) {
        out->batch_first = false;
        out->steps = acn_tensor_count(sizes);
        out->batch = x->dims[0] / out->steps;
    } else {
        out->steps = x->dims[out->batch_first ? 1 : 0];
        out->batch = x->dims[out->batch_first ? 0 : 1];
    }
    return check_sizes(call, out);
}

acn_class acn_layers_class(const acn_call *call, const acn_layers *l) {
    return acn_in(call, l->slots.x)->dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
}

acn_tensor acn_layers_sequence(const acn_layers *l, const acn_tensor *t) {
    acn_tensor s = *t;
    s.rank = 3;
    s.dims[0] = l->steps;
    s.dims[1] = l->batch;
    s.dims[2] = t->dims[t->rank - 1];
    s.strides[2] = t->strides[t->rank - 1];
    if (l->is_packed) {
        s.strides[0] = l->batch * t->strides[0];
        s.strides[1] = t->strides[0];
    } else {
        s.strides[0] = t->strides[l->batch_first ? 1 : 0];
        s.strides[1] = t->strides[l->batch_first ? 0 : 1];
    }
    return s;
}

acn_tensor acn_layers_part(const acn_layers *l, const acn_tensor *sequence, int64_t d) {
    acn_tensor part = *sequence;
    part.dims[2] = l->hidden;
    if (part.data)
        part.data = (char *)part.data +
                    d * l->hidden * part.strides[2] * (int64_t)acn_dtype_bytes(part.dtype);
    return part;
}

acn_tensor acn_layers_state(const acn_tensor *states, int64_t index) {
    acn_tensor s = {.data = states->data, .dtype = states->dtype, .format = states->format};
    s.rank = 2;
    for (int d = 0; d < 2; d++) {
        s.dims[d] = states->dims[d + 1];
        s.strides[d] = states->strides[d + 1];
    }
    if (s.data)
        s.data = (char *)s.data + index * states->strides[0] * (int64_t)acn_dtype_bytes(s.dtype);
    return s;
}

const uint8_t *acn_layers_active(const acn_call *call, const acn_layers *l, acn_room *room) {
    if (!l->is_packed) return NULL;
    uint8_t *active = acn_room_take(room, (l->steps * l->batch + 3) / 4); /* elements of 4 bytes */
    const acn_tensor *sizes = acn_in(call, l->slots.batch_sizes);
    for (int64_t t = 0; active && t < l->steps; t++) {
        int64_t count = acn_load_value(acn_tensor_at(sizes, t), sizes->dtype).i;
        for (int64_t b = 0; b < l->batch; b++)
            active[t * l->batch + b] = b < count;
    }
    return active;
}

static acn_rnn_weight weight(const acn_call *call, const acn_layers *l, acn_room *room, int64_t i) {
    const acn_tensor *t = acn_in_at(call, l->slots.params, (int)i);
    acn_dtype own = room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32;
    if (t->dtype == own) return (acn_rnn_weight){t->data, t->strides[0], t->strides[1]};
    return (acn_rnn_weight){acn_room_in(room, t), t->dims[1], 1};
}

acn_rnn acn_layers_one(const acn_call *call, const acn_layers *l, acn_room *room, int64_t layer,
                       int64_t d, const void *x, const uint8_t *active) {
    int64_t index = layer * l->directions + d, first = index * (l->has_biases ? 4 : 2);
    acn_rnn r = {.is_gru = l->is_gru,
                 .klass = room->klass,
                 .steps = l->steps,
                 .batch = l->batch,
                 .input = layer ? l->directions * l->hidden : l->input,
                 .hidden = l->hidden,
                 .is_backward = d == 1,
                 .active = active,
                 .x = x};
    r.w_x = weight(call, l, room, first);
    r.w_h = weight(call, l, room, first + 1);
    if (l->has_biases) {
        r.b_x = acn_room_in(room, acn_in_at(call, l->slots.params, (int)first + 2));
        r.b_h = acn_room_in(room, acn_in_at(call, l->slots.params, (int)first + 3));
    }
    acn_tensor h0 = acn_layers_state(acn_in_at(call, l->slots.hx, 0), index);
    r.h0 = acn_room_in(room, &h0);
    if (!l->is_gru) {
        acn_tensor c0 = acn_layers_state(acn_in_at(call, l->slots.hx, 1), index);
        r.c0 = acn_room_in(room, &c0);
    }
    return r;
}

void acn_layers_give(const acn_layers *l, acn_room *room, const acn_tensor *to, const void *h,
                     const uint8_t *active) {
    int64_t row_bytes = l->hidden * (int64_t)acn_class_bytes(room->klass);
    int64_t rows = l->steps * l->batch;
    char *given = l->is_packed ? acn_room_take(room, rows * l->hidden) : NULL;
    for (int64_t i = 0; given && i < rows; i++) {
        if (active[i])
            memcpy(given + i * row_bytes, (const char *)h + i * row_bytes, (size_t)row_bytes);
        else
            memset(given + i * row_bytes, 0, (size_t)row_bytes);
    }
    acn_room_copy(room, to, given ? given : h);
}

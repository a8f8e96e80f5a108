/* room.c - see room.h. */
#include "ops/rnn/room.h"
#include "ops/layout/copy.h"

enum { ALIGN = 64 };

void *acn_room_take(acn_room *room, int64_t elements) {
    char *at = room->memory ? room->memory + room->used : NULL;
    room->used += ((uint64_t)elements * acn_class_bytes(room->klass) + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

static acn_dtype dtype_of(const acn_room *room) {
    return room->klass == ACN_K_F64 ? ACN_F64 : ACN_F32;
}

static bool is_ready(const acn_room *room, const acn_tensor *t) {
    return t->dtype == dtype_of(room) && acn_tensor_is_contiguous(t);
}

void acn_room_move(const acn_tensor *to, const acn_tensor *from) {
    acn_copy copy;
    if (acn_copy_plan(&copy, to, from) == ACN_OK) acn_copy_run(&copy, to->data, from->data);
}

const void *acn_room_in(acn_room *room, const acn_tensor *t) {
    if (is_ready(room, t)) return t->data;
    acn_tensor own;
    acn_tensor_init(&own, acn_room_take(room, acn_tensor_count(t)), dtype_of(room), t->rank,
                    t->dims);
    if (room->memory) acn_room_move(&own, t);
    return own.data;
}

void *acn_room_for(acn_room *room, const acn_tensor *t) {
    return is_ready(room, t) ? t->data : acn_room_take(room, acn_tensor_count(t));
}

void acn_room_copy(const acn_room *room, const acn_tensor *t, const void *from) {
    if (!room->memory) return;
    acn_tensor own;
    acn_tensor_init(&own, (void *)(uintptr_t)from, dtype_of(room), t->rank, t->dims);
    acn_room_move(t, &own);
}

void acn_room_out(const acn_room *room, const acn_tensor *t, const void *buffer) {
    if (room->memory && buffer != t->data) acn_room_copy(room, t, buffer);
}

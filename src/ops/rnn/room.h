/* room.h - workspace of a recurrent operator, handed out in order: first to measure (no memory),
 * then for real, by the same code. Tensors come into it as contiguous buffers of one class. */
#ifndef ACN_OPS_RNN_ROOM_H
#define ACN_OPS_RNN_ROOM_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

typedef struct acn_room {
    char *memory; /* NULL: only measuring */
    uint64_t used;
    acn_class klass;
} acn_room;

/* |elements| of the class, not cleared; NULL when measuring. */
void *acn_room_take(acn_room *room, int64_t elements);
/* A copy of |t| in the class, contiguous; or its own memory when it is that already. */
const void *acn_room_in(acn_room *room, const acn_tensor *t);
/* Where a result of |t|'s shape is computed: its own memory when that is contiguous and of the
 * class, else a buffer that acn_room_out then copies. */
void *acn_room_for(acn_room *room, const acn_tensor *t);
void acn_room_out(const acn_room *room, const acn_tensor *t, const void *buffer);
/* Copies |from| (contiguous, of the class, |t|'s shape) to |t|; nothing when measuring. */
void acn_room_copy(const acn_room *room, const acn_tensor *t, const void *from);

/* Converts and copies elements; shapes are the same. */
void acn_room_move(const acn_tensor *to, const acn_tensor *from);

#endif

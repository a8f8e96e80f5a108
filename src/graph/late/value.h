/* value.h - what a name stands for while a network runs in stages: a tensor in host memory, or a
 * sequence of them. Private to this folder. */
#ifndef ACN_GRAPH_LATE_VALUE_H
#define ACN_GRAPH_LATE_VALUE_H

#include "ops/tensor.h"

typedef struct acn_held acn_held;
struct acn_held {
    int references;
    bool is_list;
    acn_tensor tensor; /* contiguous */
    void *memory;      /* its own; NULL: a client's, a constant's or |owner|'s */
    acn_held *owner;
    uint64_t constant; /* a number that no other constant has; 0: other values the next time */
    acn_held **items;  /* of a sequence */
    int count;
};

/* All of them with one reference, which is the caller's. |data| NULL: memory of its own. */
acn_status acn_held_new(acn_dtype dtype, int rank, const int64_t *dims, void *data, acn_held **out);
/* Takes a reference to each item. */
acn_status acn_held_list(acn_held *const *items, int count, acn_held **out);
/* Part |index| of |of| along |axis|, without that dimension. */
acn_status acn_held_slice(acn_held *of, int axis, int64_t index, acn_held **out);
/* All items along a new dimension; they have one shape. */
acn_status acn_held_stack(acn_held *const *items, int count, int axis, acn_held **out);

acn_held *acn_held_retain(acn_held *held);
void acn_held_release(acn_held *held);
size_t acn_held_bytes(const acn_held *held);

#endif

/* index.h - what an index list means, for Index and IndexPutV2: which dimensions of x it names,
 * and the shape of what it picks. */
#ifndef ACN_OPS_INDEX_H
#define ACN_OPS_INDEX_H

#include "ops/index/take.h"

typedef struct acn_index_list {
    int count;
    int dims[ACN_MAX_DIMS];
    int tensors[ACN_MAX_DIMS];
    int first, rank; /* where the positions stand in the result */
    int64_t positions[ACN_MAX_DIMS];
    int result_rank;
    int64_t result[ACN_MAX_DIMS];
    bool is_ambiguous; /* an empty entry may be an index or a placeholder; the result is empty */
} acn_index_list;

/* Reads the call's input |x_slot| indexed by the list in input |list_slot|; attribute |mask_attr|
 * marks the dimensions that the list's entries are for, when it is present. */
acn_status acn_index_list_read(const acn_call *c, int x_slot, int list_slot, int mask_attr,
                               acn_index_list *list);
/* For level 0: the element that index tensor |i| names at |position|, of |size| ones. */
acn_status acn_index_list_at(const acn_call *c, int list_slot, const acn_index_list *list, int i,
                             int64_t size, const int64_t *position, int64_t *out);

#endif

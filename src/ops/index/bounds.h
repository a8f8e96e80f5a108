/* bounds.h - indices that may name no element: how every operator that reads indices treats them.
 *
 * Phase 1 must not read device data, so a wrong index is found while the operator runs. The run
 * then touches nothing that the index would name, and fails; the stream keeps the text, and the
 * next synchronise answers 507015 with it: which input, which index, what was expected. Told is the
 * first such index in row-major order, whatever the number of threads.
 *
 * An operator that writes where indices say (scatter) checks them all before it writes anything, so
 * that its output stays whole and its loops need no checks:
 *
 *     ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(size, true)));
 *
 * One that only reads there (gather) may look on the way, which saves a pass: each chunk does
 *
 *     int64_t i = acn_bounds_wrap(t->bounds, index);
 *     if (i < 0) { atomic_store(&t->has_bad, true); return; }
 *
 * and the run ends in
 *
 *     if (atomic_load(&t.has_bad)) return acn_bounds_tell(c, INDICES, 0, t.bounds);
 *
 * Advanced indexing and row selection have both in acn_take_offsets (take.h). Level 0 reads its
 * indices by acn_bounds_at.
 */
#ifndef ACN_OPS_BOUNDS_H
#define ACN_OPS_BOUNDS_H

#include "ops/op.h"

/* Types of index tensors. */
#define ACN_INDEX_TYPES (ACN_T(ACN_I64) | ACN_T(ACN_I32))

typedef struct acn_bounds {
    int64_t low, size; /* low <= index < size */
} acn_bounds;

/* |wraps|: negative indices count from the end. */
static inline acn_bounds acn_bounds_of(int64_t size, bool wraps) {
    return (acn_bounds){.low = wraps ? -size : 0, .size = size};
}

/* The element that |index| names, 0 to size - 1; negative when there is none. */
static inline int64_t acn_bounds_wrap(acn_bounds b, int64_t index) {
    if (index < 0) index = index < b.low ? -1 : index + b.size;
    return index < b.size ? index : -1;
}

/* Fails if any index of member |item| of input |slot| names no element. Reads all of them, on the
 * pool. */
acn_status acn_bounds_check(const acn_call *c, int slot, int item, acn_bounds b);
/* For a run that met such an index: always fails, with acn_bounds_check's text. */
acn_status acn_bounds_tell(const acn_call *c, int slot, int item, acn_bounds b);
/* The same for operators with rules of their own: |index| at row-major |position| is wrong. */
acn_status acn_bounds_fail(const acn_call *c, int slot, int item, acn_bounds b, int64_t index,
                           int64_t position);
/* The element that the index at |at| of |view| names; |view| is that member, broadcast perhaps. */
acn_status acn_bounds_at(const acn_call *c, int slot, int item, acn_bounds b,
                         const acn_tensor *view, const int64_t *at, int64_t *out);

#endif

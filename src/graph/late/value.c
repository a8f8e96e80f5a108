/* value.c - see value.h. */
#include "graph/late/value.h"

#include "base/status.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for a value between two parts of a model");
}

acn_status acn_held_new(acn_dtype dtype, int rank, const int64_t *dims, void *data,
                        acn_held **out) {
    acn_held *h = calloc(1, sizeof *h);
    if (h == NULL) return no_memory();
    h->references = 1;
    acn_tensor_init(&h->tensor, data, dtype, rank, dims);
    if (data == NULL) {
        size_t bytes = (acn_held_bytes(h) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
        h->memory = h->tensor.data = aligned_alloc(ALIGNMENT, bytes);
        if (h->memory == NULL) {
            free(h);
            return no_memory();
        }
    }
    *out = h;
    return ACN_OK;
}

acn_status acn_held_list(acn_held *const *items, int count, acn_held **out) {
    acn_held *h = calloc(1, sizeof *h + ((size_t)count + 1) * sizeof *items);
    if (h == NULL) return no_memory();
    h->references = 1;
    h->is_list = true;
    h->items = (acn_held **)(void *)(h + 1);
    for (; h->count < count; h->count++)
        h->items[h->count] = acn_held_retain(items[h->count]);
    *out = h;
    return ACN_OK;
}

acn_held *acn_held_retain(acn_held *h) {
    h->references++;
    return h;
}

void acn_held_release(acn_held *h) {
    if (h == NULL || --h->references) return;
    for (int i = 0; i < h->count; i++)
        acn_held_release(h->items[i]);
    acn_held_release(h->owner);
    free(h->memory);
    free(h);
}

size_t acn_held_bytes(const acn_held *h) {
    return (size_t)acn_tensor_count(&h->tensor) * acn_dtype_bytes(h->tensor.dtype);
}

/* A tensor as |outer| blocks of |steps| pieces of |bytes|. */
typedef struct pieces {
    int64_t outer, steps;
    size_t bytes;
} pieces;

static pieces cut(const acn_tensor *t, int axis) {
    pieces p = {1, t->dims[axis], acn_dtype_bytes(t->dtype)};
    for (int d = 0; d < axis; d++)
        p.outer *= t->dims[d];
    for (int d = axis + 1; d < t->rank; d++)
        p.bytes *= (size_t)t->dims[d];
    return p;
}

acn_status acn_held_slice(acn_held *of, int axis, int64_t index, acn_held **out) {
    pieces p = cut(&of->tensor, axis);
    int64_t dims[ACN_MAX_DIMS];
    const char *from = (const char *)of->tensor.data + (size_t)index * p.bytes;
    int rank = 0;
    for (int d = 0; d < of->tensor.rank; d++)
        if (d != axis) dims[rank++] = of->tensor.dims[d];
    bool is_whole = p.outer == 1 && p.bytes;
    ACN_TRY(
        acn_held_new(of->tensor.dtype, rank, dims, is_whole ? (void *)(uintptr_t)from : NULL, out));
    if (is_whole) (*out)->owner = acn_held_retain(of);
    for (int64_t i = 0; i < p.outer && !is_whole; i++)
        memcpy((char *)(*out)->tensor.data + (size_t)i * p.bytes,
               from + (size_t)(i * p.steps) * p.bytes, p.bytes);
    return ACN_OK;
}

acn_status acn_held_stack(acn_held *const *items, int count, int axis, acn_held **out) {
    const acn_tensor *one = &items[0]->tensor;
    int64_t dims[ACN_MAX_DIMS + 1];
    if (one->rank == ACN_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "a loop's results have more than %d dimensions",
                        ACN_MAX_DIMS - 1);
    for (int d = 0; d <= one->rank; d++)
        dims[d] = d == axis ? count : one->dims[d - (d > axis)];
    for (int i = 1; i < count; i++)
        if (!acn_tensor_same_shape(one, &items[i]->tensor) || one->dtype != items[i]->tensor.dtype)
            return acn_fail(ACN_EXECUTION,
                            "the results of a loop's iterations 0 and %d differ in shape, and are "
                            "to be one tensor",
                            i);
    ACN_TRY(acn_held_new(one->dtype, one->rank + 1, dims, NULL, out));
    pieces p = cut(&(*out)->tensor, axis);
    for (int i = 0; i < count; i++)
        for (int64_t o = 0; o < p.outer; o++)
            memcpy((char *)(*out)->tensor.data + (size_t)(o * p.steps + i) * p.bytes,
                   (const char *)items[i]->tensor.data + (size_t)o * p.bytes, p.bytes);
    return ACN_OK;
}

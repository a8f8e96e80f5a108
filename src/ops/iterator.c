/* iterator.c - see iterator.h. */
#include "ops/iterator.h"
#include <string.h>

typedef struct axis {
    int64_t size;
    int64_t stride_bytes[ACN_ITERATOR_OPERANDS];
} axis;

/* Should |a| be further out than |b|? Decided by the first operand for which they differ. */
static bool is_outer(const axis *a, const axis *b, int operands) {
    for (int o = 0; o < operands; o++) {
        int64_t sa = a->stride_bytes[o], sb = b->stride_bytes[o];
        if (sa == 0 || sb == 0 || sa == sb) continue;
        return sa > sb;
    }
    return true; /* keep the given order */
}

static int collect_axes(axis *axes, int rank, const int64_t *dims, int count,
                        const acn_tensor *const *operands) {
    int used = 0;
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 1) continue;
        axis *a = &axes[used++];
        a->size = dims[d];
        for (int o = 0; o < count; o++) {
            const acn_tensor *t = operands[o];
            int own = d - (rank - t->rank);
            bool repeats = own < 0 || t->dims[own] == 1;
            a->stride_bytes[o] = repeats ? 0 : t->strides[own] * (int64_t)acn_dtype_bytes(t->dtype);
        }
    }
    return used;
}

static bool can_merge(const axis *outer, const axis *inner, int operands) {
    for (int o = 0; o < operands; o++)
        if (outer->stride_bytes[o] != inner->stride_bytes[o] * inner->size) return false;
    return true;
}

void acn_iterator_init(acn_iterator *it, int rank, const int64_t *dims, int operand_count,
                       const acn_tensor *const *operands) {
    axis axes[ACN_MAX_DIMS];
    int used = collect_axes(axes, rank, dims, operand_count, operands);
    for (int i = 1; i < used; i++) /* insertion sort: at most eight */
        for (int j = i; j > 0 && !is_outer(&axes[j - 1], &axes[j], operand_count); j--) {
            axis swap = axes[j];
            axes[j] = axes[j - 1];
            axes[j - 1] = swap;
        }
    int merged = 0;
    for (int i = 1; i < used; i++) {
        if (can_merge(&axes[merged], &axes[i], operand_count)) {
            axes[i].size *= axes[merged].size;
            axes[merged] = axes[i];
        } else {
            axes[++merged] = axes[i];
        }
    }
    memset(it, 0, sizeof *it);
    it->operand_count = operand_count;
    it->inner = 1;
    it->rows = 1;
    if (used == 0) return;
    it->rank = merged;
    it->inner = axes[merged].size;
    memcpy(it->inner_bytes, axes[merged].stride_bytes, sizeof it->inner_bytes);
    for (int d = 0; d < merged; d++) {
        it->dims[d] = axes[d].size;
        it->rows *= axes[d].size;
        memcpy(it->stride_bytes[d], axes[d].stride_bytes, sizeof it->stride_bytes[d]);
    }
}

void acn_iterator_index(const acn_iterator *it, int64_t row, int64_t *out_index) {
    for (int d = it->rank - 1; d >= 0; d--) {
        out_index[d] = row % it->dims[d];
        row /= it->dims[d];
    }
}

void acn_iterator_seek(const acn_iterator *it, int64_t row, int64_t *out_offsets) {
    int64_t index[ACN_MAX_DIMS];
    acn_iterator_index(it, row, index);
    for (int o = 0; o < it->operand_count; o++) {
        out_offsets[o] = 0;
        for (int d = 0; d < it->rank; d++)
            out_offsets[o] += index[d] * it->stride_bytes[d][o];
    }
}

void acn_iterator_next(const acn_iterator *it, int64_t *index, int64_t *offsets) {
    for (int d = it->rank - 1; d >= 0; d--) {
        const int64_t *stride = it->stride_bytes[d];
        if (++index[d] < it->dims[d]) {
            for (int o = 0; o < it->operand_count; o++)
                offsets[o] += stride[o];
            return;
        }
        for (int o = 0; o < it->operand_count; o++)
            offsets[o] -= stride[o] * (it->dims[d] - 1);
        index[d] = 0;
    }
}

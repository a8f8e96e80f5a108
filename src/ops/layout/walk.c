/* walk.c - see walk.h. */
#include "ops/layout/walk.h"

void acn_walk_init(acn_walk *walk, int operands, int rank, const int64_t *dims) {
    *walk = (acn_walk){.operands = operands, .rank = rank};
    for (int d = 0; d < rank; d++)
        walk->dims[d] = dims[d];
}

void acn_walk_set(acn_walk *walk, int k, const acn_tensor *t) {
    int64_t bytes = (int64_t)acn_dtype_bytes(t->dtype);
    int lead = walk->rank - t->rank;
    for (int d = 0; d < walk->rank; d++) {
        bool repeats = d < lead || (t->dims[d - lead] == 1 && walk->dims[d] != 1);
        walk->strides[k][d] = repeats ? 0 : t->strides[d - lead] * bytes;
    }
}

void acn_walk_push(acn_walk *walk, int64_t dim, const int64_t *strides) {
    walk->dims[walk->rank] = dim;
    for (int k = 0; k < walk->operands; k++)
        walk->strides[k][walk->rank] = strides[k];
    walk->rank++;
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

static void swap_dims(acn_walk *walk, int a, int b) {
    int64_t dim = walk->dims[a];
    walk->dims[a] = walk->dims[b];
    walk->dims[b] = dim;
    for (int k = 0; k < walk->operands; k++) {
        int64_t stride = walk->strides[k][a];
        walk->strides[k][a] = walk->strides[k][b];
        walk->strides[k][b] = stride;
    }
}

void acn_walk_sort(acn_walk *walk, int k) {
    for (int i = 1; i < walk->rank; i++)
        for (int d = i; d > 0; d--) {
            if (magnitude(walk->strides[k][d - 1]) >= magnitude(walk->strides[k][d])) break;
            swap_dims(walk, d - 1, d);
        }
}

static bool joins(const acn_walk *walk, int outer, int inner) {
    for (int k = 0; k < walk->operands; k++)
        if (walk->strides[k][outer] != walk->strides[k][inner] * walk->dims[inner]) return false;
    return true;
}

static void move_dim(acn_walk *walk, int to, int from) {
    walk->dims[to] = walk->dims[from];
    for (int k = 0; k < walk->operands; k++)
        walk->strides[k][to] = walk->strides[k][from];
}

void acn_walk_merge(acn_walk *walk) {
    int rank = 0;
    for (int d = 0; d < walk->rank; d++) {
        if (walk->dims[d] == 1) continue;
        if (rank > 0 && joins(walk, rank - 1, d)) {
            int64_t run = walk->dims[rank - 1] * walk->dims[d];
            move_dim(walk, rank - 1, d);
            walk->dims[rank - 1] = run;
        } else {
            move_dim(walk, rank++, d);
        }
    }
    if (rank == 0) {
        walk->dims[0] = 1;
        for (int k = 0; k < walk->operands; k++)
            walk->strides[k][0] = 0;
        rank = 1;
    }
    walk->rank = rank;
}

int64_t acn_walk_count(const acn_walk *walk) {
    int64_t count = 1;
    for (int d = 0; d < walk->rank; d++)
        count *= walk->dims[d];
    return count;
}

void acn_walk_seek(const acn_walk *walk, int levels, int64_t linear, acn_walk_at *at) {
    for (int k = 0; k < walk->operands; k++)
        at->offset[k] = 0;
    for (int d = levels - 1; d >= 0; d--) {
        at->index[d] = linear % walk->dims[d];
        linear /= walk->dims[d];
        for (int k = 0; k < walk->operands; k++)
            at->offset[k] += at->index[d] * walk->strides[k][d];
    }
}

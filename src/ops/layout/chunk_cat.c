/* chunk_cat.c - ChunkCat: each tensor of a list is cut into chunks along a dimension, with zeros
 * where the last ones are short, and the i-th chunks of all are laid side by side. */
#include "ops/layout/copy.h"
#include <string.h>

enum { DIM, CHUNKS };

static int64_t behind(const acn_tensor *t, int dim) {
    int64_t n = 1;
    for (int d = dim + 1; d < t->rank; d++)
        n *= t->dims[d];
    return n;
}

static int64_t chunk_of(const acn_call *c, const acn_tensor *t, int dim) {
    int64_t chunks = acn_attr_int(c, CHUNKS);
    return (t->dims[dim] + chunks - 1) / chunks;
}

static acn_status dim_of(const acn_call *c, int *dim) {
    return acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), acn_in(c, 0)->rank, dim);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *first = acn_in(c, 0);
    int dim;
    if (!first || first->rank == 0)
        return acn_bad_input(c, 0, "expected tensors of at least one dimension");
    ACN_TRY(dim_of(c, &dim));
    if (dim + 2 > ACN_MAX_DIMS)
        return acn_bad_attr(c, DIM, "gives more than %d dimensions", ACN_MAX_DIMS);
    int64_t chunks = acn_attr_int(c, CHUNKS);
    if (chunks < 1 || chunks > INT32_MAX / acn_in_count(c, 0))
        return acn_bad_attr(c, CHUNKS, "is %lld; expected at least 1, and fewer than 2^31 in all",
                            (long long)chunks);
    int64_t dims[ACN_MAX_DIMS], width = 0;
    for (int i = 0; i < acn_in_count(c, 0); i++) {
        const acn_tensor *t = acn_in_at(c, 0, i);
        bool fits = t->rank > dim && t->dtype == first->dtype;
        for (int d = 0; fits && d < dim; d++)
            fits = t->dims[d] == first->dims[d];
        if (!fits)
            return acn_bad_input(c, 0,
                                 "tensor %d differs from the first in type or in a dimension "
                                 "before %d",
                                 i, dim);
        width += chunk_of(c, t, dim) * behind(t, dim);
    }
    memcpy(dims, first->dims, (size_t)dim * sizeof *dims);
    dims[dim] = chunks;
    dims[dim + 1] = width;
    acn_out_is(c, 0, acn_out(c, 0) ? acn_out(c, 0)->dtype : first->dtype, dim + 2, dims);
    return ACN_OK;
}

/* Chunk |chunk| of |t| and its place in y, which starts at column |column|. */
static acn_status add_chunk(acn_call *c, int number, int dim, int64_t chunk, int64_t column) {
    const acn_tensor *t = acn_in_at(c, 0, number), *y = acn_out(c, 0);
    int64_t rows = chunk_of(c, t, dim), from = chunk * rows;
    int64_t have = t->dims[dim] - from < rows ? t->dims[dim] - from : rows;
    int64_t y_bytes = (int64_t)acn_dtype_bytes(y->dtype),
            t_bytes = (int64_t)acn_dtype_bytes(t->dtype);
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    for (int d = 0; d < dim; d++)
        acn_walk_push(&walk, t->dims[d],
                      (int64_t[]){y->strides[d] * y_bytes, t->strides[d] * t_bytes});
    int64_t step = behind(t, dim) * y->strides[dim + 1] * y_bytes;
    acn_walk_push(&walk, have > 0 ? have : 0, (int64_t[]){step, t->strides[dim] * t_bytes});
    for (int d = dim + 1; d < t->rank; d++) {
        step = t->dims[d] ? step / t->dims[d] : 0;
        acn_walk_push(&walk, t->dims[d], (int64_t[]){step, t->strides[d] * t_bytes});
    }
    acn_moves *moves = c->plan->data;
    moves->move[moves->count].to_offset =
        (chunk * y->strides[dim] + column * y->strides[dim + 1]) * y_bytes;
    return acn_moves_add_walk(c, c->out_first[0], c->in_first[0] + number,
                              have > 0 ? from * t->strides[dim] * t_bytes : 0, &walk);
}

static acn_status plan(acn_call *c) {
    int dim, count = acn_in_count(c, 0);
    ACN_TRY(dim_of(c, &dim));
    int64_t chunks = acn_attr_int(c, CHUNKS), column = 0;
    if (!acn_moves_alloc(c, (int)(count * chunks)))
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    for (int i = 0; i < count; i++) {
        for (int64_t chunk = 0; chunk < chunks; chunk++)
            ACN_TRY(add_chunk(c, i, dim, chunk, column));
        column += chunk_of(c, acn_in_at(c, 0, i), dim) * behind(acn_in_at(c, 0, i), dim);
    }
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    static const uint8_t zero[16];
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor nothing = {.data = (void *)zero, .dtype = y->dtype};
    acn_copy fill;
    ACN_TRY(acn_copy_plan(&fill, y, &nothing));
    acn_copy_run(&fill, y->data, zero);
    return acn_moves_run(c);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t index[ACN_MAX_DIMS];
        acn_index_of(y, i, index);
        int64_t chunk = index[dim], column = index[dim + 1];
        int number = 0;
        const acn_tensor *t = acn_in_at(c, 0, 0);
        while (column >= chunk_of(c, t, dim) * behind(t, dim)) {
            column -= chunk_of(c, t, dim) * behind(t, dim);
            t = acn_in_at(c, 0, ++number);
        }
        int64_t row = chunk * chunk_of(c, t, dim) + column / behind(t, dim);
        char *to = acn_tensor_at(y, i);
        memset(to, 0, acn_dtype_bytes(y->dtype));
        if (row >= t->dims[dim]) continue;
        index[dim] = row;
        for (int64_t rest = column % behind(t, dim), d = t->rank - 1; d > dim; d--) {
            index[d] = rest % t->dims[d];
            rest /= t->dims[d];
        }
        acn_convert_element(to, y->dtype, acn_tensor_at_index(t, index), t->dtype);
    }
    return ACN_OK;
}

ACN_OP(ChunkCat) = {
    .name = "ChunkCat",
    .doc = "y[.., i, :] = the i-th chunks of all tensors along dim, filled up with zeros",
    .in = {{"x", ACN_FLOATS, ACN_LIST | ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"dim", ACN_ATTR_INT}, {"num_chunks", ACN_ATTR_INT, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "{[6,3],[5],[7,2,2]}|dim=0,num_chunks=2 {[3,6,2],[3,4]}|dim=1,num_chunks=4 "
             "{[9]}|dim=0,num_chunks=5",
};

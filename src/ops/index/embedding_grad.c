/* embedding_grad.c - EmbeddingDenseGrad: every row of grad is added to the row of y that its index
 * names, in order; f16 and bf16 are summed in f32 and rounded once. */
#include "base/pool.h"
#include "ops/index/take.h"
#include "ops/reduce/reduce.h"
#include <string.h>

enum { GRAD, INDICES, COLUMNS = 128 };

typedef struct grad_plan {
    acn_walk rows;    /* operand 0: grad, over the indices' dimensions */
    acn_walk indices; /* operand 0: indices */
    int64_t count, width, column_stride, weights, padding;
    bool scales;
    acn_dtype dtype;
} grad_plan;

/* Workspace: the sums in f32, how often each index comes, and each row's index. */
typedef struct task {
    const grad_plan *plan;
    const char *grad;
    char *y;
    int64_t y_row, y_column;
    const int64_t *index, *frequency;
    acn_reader reader;
    acn_route route;
} task;

static acn_status infer(acn_call *c) {
    const acn_tensor *grad = acn_in(c, GRAD), *indices = acn_in(c, INDICES);
    int64_t weights = acn_attr_int(c, 0);
    bool fits = grad->rank == indices->rank + 1;
    for (int d = 0; fits && d < indices->rank; d++)
        fits = grad->dims[d] == indices->dims[d];
    if (!fits) return acn_bad_input(c, GRAD, "expected the indices' dimensions and one more");
    if (weights < 0) return acn_bad_attr(c, 0, "expected at least 0");
    int64_t dims[2] = {weights, grad->dims[grad->rank - 1]};
    acn_out_is(c, 0, grad->dtype, 2, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *grad = acn_in(c, GRAD), *indices = acn_in(c, INDICES);
    grad_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    acn_tensor row_starts = *grad;
    row_starts.rank--;
    acn_walk_init(&p->rows, 1, indices->rank, indices->dims);
    acn_walk_set(&p->rows, 0, &row_starts);
    acn_walk_merge(&p->rows);
    acn_walk_init(&p->indices, 1, indices->rank, indices->dims);
    acn_walk_set(&p->indices, 0, indices);
    acn_walk_merge(&p->indices);
    p->dtype = grad->dtype;
    p->count = acn_tensor_count(indices);
    p->width = grad->dims[grad->rank - 1];
    p->column_stride = grad->strides[grad->rank - 1] * (int64_t)acn_dtype_bytes(grad->dtype);
    p->weights = acn_attr_int(c, 0);
    p->padding = acn_attr_int(c, 1);
    p->scales = acn_attr_int(c, 2);
    uint64_t sums = (uint64_t)p->weights * COLUMNS * sizeof(float) *
                    (uint64_t)((p->width + COLUMNS - 1) / COLUMNS);
    c->plan->workspace_bytes = sums + (uint64_t)(p->weights + p->count) * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(p->count * p->width / 1024 + p->weights * p->width / 4096);
    return ACN_OK;
}

static acn_status read_indices(const acn_call *c, int64_t *index, int64_t *frequency) {
    const grad_plan *p = c->plan->data;
    const acn_tensor *indices = acn_in(c, INDICES);
    acn_bounds bounds = acn_bounds_of(p->weights, false);
    acn_walk_at at = {0};
    memset(frequency, 0, (size_t)p->weights * sizeof *frequency);
    for (int64_t i = 0; i < p->count; i++, acn_walk_next(&p->indices, p->indices.rank, &at)) {
        index[i] = acn_load_value((const char *)indices->data + at.offset[0], indices->dtype).i;
        if (acn_bounds_wrap(bounds, index[i]) < 0) return acn_bounds_tell(c, INDICES, 0, bounds);
        frequency[index[i]]++;
    }
    return ACN_OK;
}

/* One block of columns, all rows in order. */
static void sum_columns(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const grad_plan *p = t->plan;
    int64_t first = chunk * COLUMNS;
    int64_t n = p->width - first < COLUMNS ? p->width - first : COLUMNS;
    float *sums = (float *)(t->frequency + p->weights + p->count) + chunk * p->weights * COLUMNS;
    memset(sums, 0, (size_t)(p->weights * COLUMNS) * sizeof *sums);
    float room[ACN_READ_TILE * 2];
    acn_walk_at at = {0};
    for (int64_t i = 0; i < p->count; i++, acn_walk_next(&p->rows, p->rows.rank, &at)) {
        int64_t index = t->index[i];
        if (index == p->padding) continue;
        const float *row =
            acn_reader_get(&t->reader, t->grad + at.offset[0] + first * p->column_stride,
                           p->column_stride, n, room);
        float *sum = sums + index * COLUMNS;
        float scale = p->scales ? 1.0f / (float)t->frequency[index] : 1.0f;
        for (int64_t j = 0; j < n; j++)
            sum[j] += row[j] * scale;
    }
    char result[COLUMNS * 4];
    for (int64_t w = 0; w < p->weights; w++) {
        char *y = t->y + w * t->y_row + first * t->y_column;
        bool is_direct = t->y_column == t->route.to_bytes;
        acn_route_run(&t->route, is_direct ? y : result, sums + w * COLUMNS, n);
        for (int64_t j = 0; j < n && !is_direct; j++)
            memcpy(y + j * t->y_column, result + j * t->route.to_bytes, (size_t)t->route.to_bytes);
    }
}

static acn_status run(acn_call *c) {
    const grad_plan *p = c->plan->data;
    const acn_tensor *y = acn_out(c, 0);
    int64_t *frequency = c->workspace, *index = frequency + p->weights;
    ACN_TRY(read_indices(c, index, frequency));
    task t = {.plan = p,
              .grad = acn_in(c, GRAD)->data,
              .y = y->data,
              .y_row = y->strides[0] * (int64_t)acn_dtype_bytes(y->dtype),
              .y_column = y->strides[1] * (int64_t)acn_dtype_bytes(y->dtype),
              .index = index,
              .frequency = frequency};
    acn_reader_find(&t.reader, ACN_K_F32, p->dtype);
    acn_route_find(&t.route, y->dtype, ACN_F32);
    acn_pool_run((p->width + COLUMNS - 1) / COLUMNS, sum_columns, &t);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *grad = acn_in(c, GRAD), *indices = acn_in(c, INDICES), *y = acn_out(c, 0);
    int64_t count = acn_tensor_count(indices), width = y->dims[1];
    ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(y->dims[0], false)));
    for (int64_t w = 0; w < y->dims[0]; w++)
        for (int64_t j = 0; j < width; j++) {
            double sum = 0;
            int64_t times = 0;
            for (int64_t i = 0; i < count; i++) {
                int64_t index = acn_load_value(acn_tensor_at(indices, i), indices->dtype).i;
                if (index != w) continue;
                times++;
                if (index == acn_attr_int(c, 1)) continue;
                sum += acn_load_value(acn_tensor_at(grad, i * width + j), grad->dtype).f;
            }
            if (acn_attr_int(c, 2) && times) sum /= (double)times;
            acn_store_value(acn_tensor_at(y, w * width + j), y->dtype, (acn_value){.f = sum});
        }
    return ACN_OK;
}

ACN_OP(EmbeddingDenseGrad) = {
    .name = "EmbeddingDenseGrad",
    .doc = "y[w] = sum of grad's rows whose index is w; none for padding_idx",
    .in = {{"grad", ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16)},
           {"indices", ACN_INDEX_TYPES}},
    .out = {{"y", ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16)}},
    .attr = {{"num_weights", ACN_ATTR_INT, .is_required = true},
             {"padding_idx", ACN_ATTR_INT, .fallback = -1},
             {"scale_grad_by_freq", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [4,5],i64[4]@0..2|num_weights=3 "
             "[2,9,300],i32[2,9]@0..6|num_weights=7,padding_idx=2 "
             "[30,5],i64[30]@0..2|num_weights=4,scale_grad_by_freq=1 [0,5],i64[0]|num_weights=2",
};

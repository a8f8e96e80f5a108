/* triangle.c - Tril, Triu: what lies on one side of a diagonal, zeros elsewhere; Eye. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include <string.h>

typedef struct triangle_plan {
    acn_walk walk; /* y, x; the last dimension is a row's */
    int64_t rows, units, chunk, bytes, diagonal;
    bool is_lower;
} triangle_plan;

typedef struct task {
    const triangle_plan *plan;
    char *y;
    const char *x;
} task;

static const bool lower = true, upper = false;

static acn_status infer_triangle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    if (x->rank < 2) return acn_bad_input(c, 0, "expected at least two dimensions");
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan_triangle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    triangle_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    acn_walk_init(&p->walk, 2, x->rank, x->dims);
    acn_walk_set(&p->walk, 0, y);
    acn_walk_set(&p->walk, 1, x);
    int64_t cols = x->dims[x->rank - 1];
    p->rows = x->dims[x->rank - 2];
    p->bytes = (int64_t)acn_dtype_bytes(x->dtype);
    p->units = cols ? acn_tensor_count(x) / cols : 0;
    p->chunk = cols ? 65536 / (cols * p->bytes) + 1 : 1;
    p->diagonal = acn_attr_int(c, 0);
    if (p->diagonal > cols) p->diagonal = cols;
    if (p->diagonal < -p->rows) p->diagonal = -p->rows;
    p->is_lower = *(const bool *)c->op->family;
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(p->units * cols * p->bytes / 4096);
    return ACN_OK;
}

static void row_part(const task *t, char *y, const char *x, int64_t start, int64_t end) {
    const triangle_plan *p = t->plan;
    int last = p->walk.rank - 1;
    int64_t y_stride = p->walk.strides[0][last], x_stride = p->walk.strides[1][last];
    if (t->y == t->x && y_stride == x_stride) return; /* in place: these stay */
    ACN_BY_BYTES(p->bytes, T, {
        for (int64_t i = start; i < end; i++)
            *(T *)(y + i * y_stride) = *(const T *)(x + i * x_stride);
    });
}

static void row_zeros(const task *t, char *y, int64_t start, int64_t end) {
    const triangle_plan *p = t->plan;
    int64_t stride = p->walk.strides[0][p->walk.rank - 1];
    if (stride == p->bytes)
        memset(y + start * stride, 0, (size_t)((end - start) * stride));
    else
        for (int64_t i = start; i < end; i++)
            memset(y + i * stride, 0, (size_t)p->bytes);
}

static int64_t clamp(int64_t x, int64_t high) { return x < 0 ? 0 : x > high ? high : x; }

static void triangle_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const triangle_plan *p = t->plan;
    int levels = p->walk.rank - 1;
    int64_t cols = p->walk.dims[levels], unit = chunk * p->chunk;
    int64_t end = unit + p->chunk < p->units ? unit + p->chunk : p->units;
    acn_walk_at at;
    acn_walk_seek(&p->walk, levels, unit, &at);
    for (; unit < end; unit++, acn_walk_next(&p->walk, levels, &at)) {
        char *y = t->y + at.offset[0];
        const char *x = t->x + at.offset[1];
        int64_t row = unit % p->rows, border;
        if (p->is_lower) {
            border = clamp(row + p->diagonal + 1, cols);
            row_part(t, y, x, 0, border);
            row_zeros(t, y, border, cols);
        } else {
            border = clamp(row + p->diagonal, cols);
            row_zeros(t, y, 0, border);
            row_part(t, y, x, border, cols);
        }
    }
}

static acn_status run_triangle(acn_call *c) {
    const triangle_plan *p = c->plan->data;
    task t = {.plan = p, .y = acn_out(c, 0)->data, .x = acn_in(c, 0)->data};
    acn_pool_run((p->units + p->chunk - 1) / p->chunk, triangle_chunk, &t);
    return ACN_OK;
}

static acn_status run0_triangle(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t n = acn_tensor_count(x), index[ACN_MAX_DIMS], diagonal = acn_attr_int(c, 0);
    bool is_lower = *(const bool *)c->op->family;
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(x, i, index);
        int64_t above = index[x->rank - 1] - index[x->rank - 2];
        char *to = acn_tensor_at_index(y, index);
        if (is_lower ? above <= diagonal : above >= diagonal)
            acn_convert_element(to, y->dtype, acn_tensor_at_index(x, index), x->dtype);
        else
            acn_store_value(to, y->dtype, (acn_value){0});
    }
    return ACN_OK;
}

/* ---- Eye ----------------------------------------------------------------------------------- */

static acn_status infer_eye(acn_call *c) {
    int64_t rows = acn_attr_int(c, 0), cols = acn_attr_int(c, 1);
    if (rows < 0) return acn_bad_attr(c, 0, "expected at least 0");
    if (cols < 0) return acn_bad_attr(c, 1, "expected at least 0");
    int64_t dims[2] = {rows, cols};
    acn_out_is(c, 0, acn_out(c, 0) ? acn_out(c, 0)->dtype : ACN_F32, 2, dims);
    return ACN_OK;
}

static acn_status plan_eye(acn_call *c) {
    acn_copy *zeros = acn_plan_alloc(c, sizeof *zeros);
    if (!zeros) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    acn_tensor element;
    acn_tensor_init(&element, NULL, acn_out(c, 0)->dtype, 0, NULL);
    ACN_TRY(acn_copy_plan(zeros, acn_out(c, 0), &element));
    c->plan->data = zeros;
    c->plan->cost_us = acn_copy_cost_us(zeros);
    return ACN_OK;
}

static acn_status run_eye(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    acn_copy_run(c->plan->data, y->data, (const char[16]){0});
    int64_t n = y->dims[0] < y->dims[1] ? y->dims[0] : y->dims[1];
    for (int64_t i = 0; i < n; i++)
        acn_store_value(acn_tensor_at_index(y, (int64_t[]){i, i}), y->dtype,
                        (acn_value){.f = 1, .i = 1});
    return ACN_OK;
}

static acn_status run0_eye(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    for (int64_t i = 0; i < y->dims[0]; i++)
        for (int64_t j = 0; j < y->dims[1]; j++)
            acn_store_value(acn_tensor_at_index(y, (int64_t[]){i, j}), y->dtype,
                            (acn_value){.f = i == j, .i = i == j});
    return ACN_OK;
}

ACN_OP(Tril) = {
    .name = "Tril",
    .doc = "y = x on and below the diagonal-th diagonal of its last two dimensions, else 0",
    .in = {{"x", ACN_ALL}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"diagonal", ACN_ATTR_INT}},
    .infer = infer_triangle,
    .plan = plan_triangle,
    .run = run_triangle,
    .run0 = run0_triangle,
    .family = &lower,
    .cases = "[4,5]|diagonal=0 [2,5,3]|diagonal=-1 [3,3]|diagonal=7 [0,3]",
};

ACN_OP(Triu) = {
    .name = "Triu",
    .doc = "y = x on and above the diagonal-th diagonal of its last two dimensions, else 0",
    .in = {{"x", ACN_ALL}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"diagonal", ACN_ATTR_INT}},
    .infer = infer_triangle,
    .plan = plan_triangle,
    .run = run_triangle,
    .run0 = run0_triangle,
    .family = &upper,
    .cases = "[4,5]|diagonal=0 [2,5,3]|diagonal=-1 [3,3]|diagonal=7 [0,3]",
};

ACN_OP(Eye) = {
    .name = "Eye",
    .doc = "y = 1 on the diagonal, 0 elsewhere",
    .out = {{"y", ACN_ALL}},
    .attr = {{"num_rows", ACN_ATTR_INT, .is_required = true}, {"num_columns", ACN_ATTR_INT}},
    .infer = infer_eye,
    .plan = plan_eye,
    .run = run_eye,
    .run0 = run0_eye,
    .cases = "|num_rows=3 |num_rows=3,num_columns=5 |num_rows=70,num_columns=4 "
             "|num_rows=0,num_columns=2",
};

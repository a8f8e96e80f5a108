/* view.c - from the tensors of a call to one acn_matmul: which dimensions are rows, columns and
 * batches, what broadcasts, and which batches are in truth more rows of one larger product. */
#include "ops/matmul/matmul.h"
#include <string.h>

enum { SLOT_A = 0, SLOT_B = 1 };

/* An operand as (batch dims..., rows, cols). Vectors get the missing dimension with size 1. */
typedef struct operand {
    int batch_rank;
    int64_t batch_dims[ACN_MAX_DIMS], batch_strides[ACN_MAX_DIMS];
    int64_t rows, cols, row_stride, col_stride;
    bool is_vector;
} operand;

static void swap(int64_t *x, int64_t *y) {
    int64_t old = *x;
    *x = *y;
    *y = old;
}

static operand split(const acn_tensor *t, bool is_left, bool is_transposed) {
    operand o = {.rows = 1, .cols = 1, .is_vector = t->rank == 1};
    if (o.is_vector) {
        *(is_left ? &o.cols : &o.rows) = t->dims[0];
        *(is_left ? &o.col_stride : &o.row_stride) = t->strides[0];
        return o;
    }
    o.batch_rank = t->rank - 2;
    memcpy(o.batch_dims, t->dims, sizeof(int64_t) * (size_t)o.batch_rank);
    memcpy(o.batch_strides, t->strides, sizeof(int64_t) * (size_t)o.batch_rank);
    o.rows = t->dims[t->rank - 2], o.row_stride = t->strides[t->rank - 2];
    o.cols = t->dims[t->rank - 1], o.col_stride = t->strides[t->rank - 1];
    if (is_transposed) {
        swap(&o.rows, &o.cols);
        swap(&o.row_stride, &o.col_stride);
    }
    return o;
}

static bool flag(const acn_call *call, int attr_slot) {
    return attr_slot >= 0 && acn_attr_int(call, attr_slot) != 0;
}

static operand left(const acn_call *call, const acn_matmul_form *form) {
    return split(acn_in(call, SLOT_A), true, flag(call, form->transpose_a));
}

static operand right(const acn_call *call, const acn_matmul_form *form) {
    return split(acn_in(call, SLOT_B), false, flag(call, form->transpose_b));
}

static acn_status check_rank(const acn_call *call, const acn_matmul_form *form, int slot) {
    int rank = acn_in(call, slot)->rank;
    if (rank >= form->min_rank && rank <= form->max_rank) return ACN_OK;
    if (form->min_rank == form->max_rank)
        return acn_bad_input(call, slot, "expected %d dimensions", form->min_rank);
    return acn_bad_input(call, slot, "expected %d to %d dimensions", form->min_rank,
                         form->max_rank);
}

static acn_status check_addend(const acn_call *call, const acn_matmul_form *form, int rank,
                               const int64_t *dims) {
    const acn_tensor *d = form->addend < 0 ? NULL : acn_in(call, form->addend);
    if (!d) return ACN_OK;
    int joint_rank = rank;
    int64_t joint[ACN_MAX_DIMS];
    memcpy(joint, dims, sizeof(int64_t) * (size_t)rank);
    if (!acn_shape_broadcast(&joint_rank, joint, d->rank, d->dims) || joint_rank != rank ||
        memcmp(joint, dims, sizeof(int64_t) * (size_t)rank) != 0)
        return acn_bad_input(call, form->addend, "it must broadcast to the product's shape");
    return ACN_OK;
}

acn_status acn_matmul_shape(const acn_call *call, const acn_matmul_form *form, int *out_rank,
                            int64_t *out_dims) {
    ACN_TRY(check_rank(call, form, SLOT_A));
    ACN_TRY(check_rank(call, form, SLOT_B));
    operand a = left(call, form), b = right(call, form);
    if (a.cols != b.rows)
        return acn_bad_input(call, SLOT_B,
                             "its inner size is %lld, that of the left matrix is %lld; expected "
                             "(m, k) times (k, n)",
                             (long long)b.rows, (long long)a.cols);
    int rank = a.batch_rank;
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, a.batch_dims, sizeof dims);
    if (!acn_shape_broadcast(&rank, dims, b.batch_rank, b.batch_dims))
        return acn_bad_input(call, SLOT_B,
                             "its batch dimensions do not broadcast with those of "
                             "the left matrix");
    if (!a.is_vector) dims[rank++] = a.rows;
    if (!b.is_vector) dims[rank++] = b.cols;
    ACN_TRY(check_addend(call, form, rank, dims));
    *out_rank = rank;
    memcpy(out_dims, dims, sizeof(int64_t) * (size_t)rank);
    return ACN_OK;
}

/* Strides of |from| (its own batch dimensions) seen from the joint batch dimensions. */
static void spread(const operand *from, const acn_matmul *view, int64_t *out_strides) {
    int skip = view->batch_rank - from->batch_rank;
    for (int i = 0; i < view->batch_rank; i++)
        out_strides[i] =
            i < skip || from->batch_dims[i - skip] == 1 ? 0 : from->batch_strides[i - skip];
}

/* A side that has the output's own shape, or broadcasts to it. */
static acn_matmul_side output_side(const acn_tensor *t, const acn_matmul *view, int rank,
                                   bool has_rows, bool has_cols) {
    int64_t strides[ACN_MAX_DIMS] = {0};
    for (int i = 0; i < t->rank; i++)
        if (t->dims[i] != 1) strides[rank - t->rank + i] = t->strides[i];
    acn_matmul_side side = {.dtype = t->dtype};
    memcpy(side.batch, strides, sizeof(int64_t) * (size_t)view->batch_rank);
    int at = view->batch_rank;
    if (has_rows) side.row = strides[at++];
    if (has_cols) side.col = strides[at];
    return side;
}

static bool rows_continue(const acn_matmul_side *side, int dim, int64_t m) {
    return side->batch[dim] == m * side->row;
}

static void drop_batch(acn_matmul *view, int dim) {
    acn_matmul_side *sides[] = {&view->a, &view->b, &view->c, &view->d};
    for (int i = dim + 1; i < view->batch_rank; i++) {
        view->batch_dims[i - 1] = view->batch_dims[i];
        for (int s = 0; s < 4; s++)
            sides[s]->batch[i - 1] = sides[s]->batch[i];
    }
    view->batch_rank--;
}

/* (b, m, k) times one (k, n) is (b * m, k) times (k, n): a linear layer on sequences. */
static void fold_batches_into_rows(acn_matmul *view) {
    for (int dim = view->batch_rank - 1; dim >= 0; dim--) {
        if (view->batch_dims[dim] == 1) {
            drop_batch(view, dim);
            continue;
        }
        if (dim != view->batch_rank - 1 || view->b.batch[dim] != 0) continue;
        if (view->m == 1) { /* one row has no row stride of its own */
            view->a.row = view->a.batch[dim];
            view->c.row = view->c.batch[dim];
            view->d.row = view->d.batch[dim];
        } else if (!rows_continue(&view->a, dim, view->m) ||
                   !rows_continue(&view->c, dim, view->m) ||
                   (view->has_addend && !rows_continue(&view->d, dim, view->m))) {
            continue;
        }
        view->m *= view->batch_dims[dim];
        drop_batch(view, dim);
    }
}

static acn_dtype compute_class(const acn_matmul *view) {
    const acn_dtype all[] = {view->a.dtype, view->b.dtype, view->c.dtype,
                             view->has_addend ? view->d.dtype : view->a.dtype};
    acn_dtype result = ACN_I64;
    for (int i = 0; i < 4; i++) {
        if (acn_dtype_is_complex(all[i])) return ACN_C128;
        if (acn_dtype_is_float(all[i])) result = ACN_F64;
    }
    return result;
}

void acn_matmul_view(const acn_call *call, const acn_matmul_form *form, acn_matmul *out_view) {
    operand a = left(call, form), b = right(call, form);
    const acn_tensor *d = form->addend < 0 ? NULL : acn_in(call, form->addend);
    const acn_tensor *c = acn_out((acn_call *)call, 0);
    acn_matmul view = {.m = a.rows, .n = b.cols, .k = a.cols, .has_addend = d != NULL};
    view.batch_rank = a.batch_rank;
    memcpy(view.batch_dims, a.batch_dims, sizeof view.batch_dims);
    (void)acn_shape_broadcast(&view.batch_rank, view.batch_dims, b.batch_rank, b.batch_dims);

    view.a = (acn_matmul_side){acn_in(call, SLOT_A)->dtype, a.row_stride, a.col_stride, {0}};
    view.b = (acn_matmul_side){acn_in(call, SLOT_B)->dtype, b.row_stride, b.col_stride, {0}};
    spread(&a, &view, view.a.batch);
    spread(&b, &view, view.b.batch);
    view.c = output_side(c, &view, c->rank, !a.is_vector, !b.is_vector);
    if (d) view.d = output_side(d, &view, c->rank, !a.is_vector, !b.is_vector);
    fold_batches_into_rows(&view);
    view.batches = 1;
    for (int i = 0; i < view.batch_rank; i++)
        view.batches *= view.batch_dims[i];
    view.compute = compute_class(&view);
    *out_view = view;
}

acn_matmul_item acn_matmul_at(const acn_matmul *view, const acn_call *call, int64_t index) {
    int64_t a = 0, b = 0, c = 0, d = 0;
    for (int i = view->batch_rank - 1; i >= 0; i--) {
        int64_t at = index % view->batch_dims[i];
        index /= view->batch_dims[i];
        a += at * view->a.batch[i];
        b += at * view->b.batch[i];
        c += at * view->c.batch[i];
        d += at * view->d.batch[i];
    }
    const acn_matmul_form *form = call->op->family;
    acn_matmul_item item = {
        .a = (const char *)acn_in(call, SLOT_A)->data + a * (int64_t)acn_dtype_bytes(view->a.dtype),
        .b = (const char *)acn_in(call, SLOT_B)->data + b * (int64_t)acn_dtype_bytes(view->b.dtype),
        .c = (char *)acn_out((acn_call *)call, 0)->data +
             c * (int64_t)acn_dtype_bytes(view->c.dtype),
    };
    if (view->has_addend)
        item.d = (const char *)acn_in(call, form->addend)->data +
                 d * (int64_t)acn_dtype_bytes(view->d.dtype);
    return item;
}

static acn_value scale(const acn_call *call, int slot) {
    const acn_tensor *t = slot < 0 ? NULL : acn_in(call, slot);
    if (!t) return (acn_value){.f = 1, .i = 1};
    acn_value v = acn_load_value(t->data, t->dtype);
    if (acn_dtype_is_float(t->dtype) || acn_dtype_is_complex(t->dtype))
        v.i = (int64_t)v.f;
    else
        v.f = (double)v.i; /* both faces are set, whatever class the product is computed in */
    return v;
}

acn_matmul_scales acn_matmul_read_scales(const acn_call *call, const acn_matmul_form *form) {
    return (acn_matmul_scales){scale(call, form->alpha), scale(call, form->beta)};
}

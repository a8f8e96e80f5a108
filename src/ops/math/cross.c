/* cross.c - the cross product along a dimension of three: an elementwise formula over the parts. */
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"

enum { X1, X2, DIM = 0, PARTS = 3 };

static acn_status infer(acn_call *c) {
    int rank = 0, dim;
    int64_t dims[ACN_MAX_DIMS];
    for (int s = X1; s <= X2; s++) {
        const acn_tensor *t = acn_in(c, s);
        if (t->rank < 1 || t->rank != acn_in(c, X1)->rank ||
            !acn_shape_broadcast(&rank, dims, t->rank, t->dims))
            return acn_bad_input(c, s, "expected as many dimensions as the other, which broadcast");
    }
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), rank, &dim));
    for (int s = X1; s <= X2; s++)
        if (acn_in(c, s)->dims[dim] != PARTS)
            return acn_bad_input(c, s, "expected 3 elements in dimension %d", dim);
    acn_out_is(c, 0, acn_promote_inputs(c), rank, dims);
    return ACN_OK;
}

/* Three outputs, then three parts of each input. */
static void view(const acn_call *c, acn_tensor *views) {
    const acn_tensor *tensors[] = {acn_out(c, 0), acn_in(c, X1), acn_in(c, X2)};
    int dim;
    (void)acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), tensors[0]->rank, &dim);
    for (int i = 0; i < 3 * PARTS; i++)
        views[i] = acn_tensor_slice(tensors[i / PARTS], dim, i % PARTS, 1);
}

static void emit(acn_program *p, const acn_call *c) {
    acn_class k = acn_class_of(acn_promote_inputs(c));
    for (int i = 0; i < PARTS; i++) {
        int j = (i + 1) % PARTS, l = (i + 2) % PARTS;
        acn_reg plus = acn_p2(p, ACN_U_MUL, acn_p_input(p, j, k), acn_p_input(p, PARTS + l, k));
        acn_reg minus = acn_p2(p, ACN_U_MUL, acn_p_input(p, l, k), acn_p_input(p, PARTS + j, k));
        acn_p_store(p, acn_p2(p, ACN_U_SUB, plus, minus));
    }
}

static acn_value minor(acn_value a, acn_value b, acn_value u, acn_value v) { /* a b - u v */
    int64_t i = (int64_t)((uint64_t)acn_wrap_mul(a.i, b.i) - (uint64_t)acn_wrap_mul(u.i, v.i));
    return (acn_value){.f = a.f * b.f - a.im * b.im - (u.f * v.f - u.im * v.im),
                       .im = a.f * b.im + a.im * b.f - (u.f * v.im + u.im * v.f),
                       .i = i};
}

static acn_status run0(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor a = acn_tensor_broadcast(acn_in(c, X1), y->rank, y->dims);
    acn_tensor b = acn_tensor_broadcast(acn_in(c, X2), y->rank, y->dims);
    int dim;
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), y->rank, &dim));
    for (int64_t at = 0; at < acn_tensor_count(y); at++) {
        int64_t index[ACN_MAX_DIMS];
        acn_value u[PARTS], v[PARTS];
        acn_index_of(y, at, index);
        int64_t i = index[dim];
        for (int part = 0; part < PARTS; part++) {
            index[dim] = part;
            u[part] = acn_load_value(acn_tensor_at_index(&a, index), a.dtype);
            v[part] = acn_load_value(acn_tensor_at_index(&b, index), b.dtype);
        }
        int64_t j = (i + 1) % PARTS, l = (i + 2) % PARTS;
        acn_store_value(acn_tensor_at(y, at), y->dtype, minor(u[j], v[l], u[l], v[j]));
    }
    return ACN_OK;
}

static const acn_viewed viewed = {.view = view, .outputs = 3, .inputs = 6, .emit = emit};

ACN_OP(cross) = {
    .name = "Cross",
    .doc = "y = the cross product of x1 and x2 along dim",
    .in = {{"x1", ACN_NUMBERS, ACN_UNALIASED}, {"x2", ACN_NUMBERS, ACN_UNALIASED}},
    .out = {{"y", ACN_NUMBERS, 0}},
    .attr = {{.name = "dim", .kind = ACN_ATTR_INT, .fallback = -1}},
    .infer = infer,
    .plan = acn_viewed_plan,
    .run = acn_viewed_run,
    .run0 = run0,
    .family = &viewed,
    .cases = "tolerance=compound [3]@-2..2,[3]@-2..2 [5,3]@-2..2,[5,3]@-2..2 "
             "[3,7]@-2..2,[3,7]@-2..2|dim=0 [4,3,5]@-2..2,[1,3,5]@-2..2|dim=1 [0,3],[0,3] "
             "[400,3]@-2..2,[400,3]@-2..2",
};

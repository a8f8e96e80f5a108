/* split_heads.c - TransformBiasRescaleQkv: the joint projection of attention, with its bias, taken
 * apart into queries, keys and values of each head; queries are divided by the root of their width.
 *
 *   qkv[B, T, 3 * N * D]  ->  q, k, v [B, N, T, D] */
#include "ops/steps.h"
#include <math.h>

enum { QKV, BIAS, HEADS = 0 };

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, QKV), *bias = acn_in(c, BIAS);
    int64_t heads = acn_attr_int(c, HEADS);
    if (x->rank != 3 || x->dims[2] % 3 != 0)
        return acn_bad_input(c, QKV, "expected [batch, length, 3 * width]");
    if (heads < 1 || x->dims[2] / 3 % heads != 0)
        return acn_bad_attr(c, HEADS, "is %lld; expected a divisor of the width, %lld",
                            (long long)heads, (long long)(x->dims[2] / 3));
    if (acn_tensor_count(bias) != x->dims[2] || bias->rank != 1)
        return acn_bad_input(c, BIAS, "expected one number for each of the %lld columns",
                             (long long)x->dims[2]);
    const int64_t dims[] = {x->dims[0], heads, x->dims[1], x->dims[2] / 3 / heads};
    for (int slot = 0; slot < 3; slot++)
        acn_out_is(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : x->dtype, 4, dims);
    return ACN_OK;
}

/* Part |part| of the columns of |t|, whose last dimension they are, as [.., heads, width]. */
static acn_tensor part_of(const acn_tensor *t, int part, int64_t heads) {
    acn_tensor view = *t;
    int last = t->rank - 1;
    int64_t columns = t->dims[last] / 3, width = columns / heads;
    view.data =
        (char *)t->data + part * columns * t->strides[last] * (int64_t)acn_dtype_bytes(t->dtype);
    view.rank++;
    view.dims[last] = heads, view.strides[last] = width * t->strides[last];
    view.dims[last + 1] = width, view.strides[last + 1] = t->strides[last];
    return view;
}

static acn_status plan(acn_call *c) {
    static const int64_t heads_first[] = {0, 2, 1, 3};
    int64_t heads = acn_attr_int(c, HEADS);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor x = acn_steps_in(s, QKV), bias = acn_steps_in(s, BIAS);
    for (int part = 0; part < 3; part++) {
        acn_tensor columns = part_of(&x, part, heads), term = part_of(&bias, part, heads);
        acn_tensor from = acn_view_permuted(&columns, heads_first), to = acn_steps_out(s, part);
        term.rank = 3; /* [heads, 1, width] */
        term.dims[2] = term.dims[1], term.strides[2] = term.strides[1];
        term.dims[1] = 1;
        acn_tensor sum = to;
        if (part == 0) sum = acn_steps_room(s, to.dtype == ACN_F64 ? ACN_F64 : ACN_F32, 4, to.dims);
        acn_step_binary(s, "Add", from, term, sum);
        if (part > 0) continue;
        acn_step_unary(s, "Mul", sum, to);
        acn_step_in_number(s, "x2", 1 / sqrt((double)to.dims[3]));
    }
    return acn_steps_end(s);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, QKV), *bias = acn_in(c, BIAS);
    int64_t all = x->dims[2], columns = all / 3, width = columns / acn_attr_int(c, HEADS);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        int64_t column = i % all, part = column / columns, head = column % columns / width;
        int64_t t = i / all % x->dims[1], b = i / all / x->dims[1];
        const acn_tensor *y = acn_out(c, (int)part);
        double v = acn_load_value(acn_tensor_at(x, i), x->dtype).f +
                   acn_load_value(acn_tensor_at(bias, column), bias->dtype).f;
        if (part == 0) v /= sqrt((double)width);
        int64_t to = ((b * y->dims[1] + head) * y->dims[2] + t) * width + column % width;
        acn_store_value(acn_tensor_at(y, to), y->dtype, (acn_value){.f = v});
    }
    return ACN_OK;
}

ACN_OP(TransformBiasRescaleQkv) = {
    .name = "TransformBiasRescaleQkv",
    .doc = "Queries, keys and values of each head from their joint projection and its bias",
    .in = {{"qkv", ACN_FLOATS, ACN_UNALIASED}, {"qkv_bias", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"q", ACN_FLOATS}, {"k", ACN_FLOATS}, {"v", ACN_FLOATS}},
    .attr = {{"num_heads", ACN_ATTR_INT, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,5,24],[24]|num_heads=2 [3,1,9],[9]|num_heads=3 "
             "[0,5,12],[12]|num_heads=2",
};

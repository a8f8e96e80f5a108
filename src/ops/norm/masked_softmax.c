/* masked_softmax.c - softmax of scaled scores of which a mask hides some: ScaledMaskedSoftmax, its
 * gradient, and MaskedSoftmaxWithRelPosBias. Scores lie along the last dimension. */
#include "ops/norm/rows.h"
#include "ops/steps.h"
#include <math.h>
#include <string.h>

#define MASKS  (ACN_BOOLS | ACN_T(ACN_U8))
#define HIDDEN (-10000.0)

static double number_at(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}

static acn_dtype wide_type(const acn_tensor *x) { return x->dtype == ACN_F64 ? ACN_F64 : ACN_F32; }

/* |slot| stretches to |x|. */
static acn_status check_mask(const acn_call *c, int slot, const acn_tensor *x) {
    const acn_tensor *mask = acn_in(c, slot);
    int rank = x->rank;
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, x->dims, sizeof dims);
    if (acn_shape_broadcast(&rank, dims, mask->rank, mask->dims) && rank == x->rank &&
        memcmp(dims, x->dims, sizeof *dims * (size_t)rank) == 0)
        return ACN_OK;
    return acn_bad_input(c, slot, "expected a shape that broadcasts to the scores'");
}

/* Row-major element |i| of x in what stretches to it. */
static int64_t stretched(const acn_tensor *t, const acn_tensor *x, int64_t i) {
    int64_t at = 0, step = 1;
    for (int d = x->rank - 1, own = t->rank - 1; own >= 0; d--, own--) {
        if (t->dims[own] > 1) at += i % x->dims[d] * step;
        step *= t->dims[own];
        i /= x->dims[d];
    }
    return at;
}

/* ---- ScaledMaskedSoftmax --------------------------------------------------------------------- */

enum { X, MASK, SCALE = 0, TRIANGLE = 1 };

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    if (x->rank < 2) return acn_bad_input(c, X, "expected at least 2 dimensions");
    if (acn_in(c, MASK) && !acn_attr_int(c, TRIANGLE)) ACN_TRY(check_mask(c, MASK, x));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

/* What stands above the diagonal is hidden: a triangle of scores and one of constants. */
static acn_tensor hide_triangle(acn_steps *s, acn_tensor scores) {
    const int64_t *last = scores.dims + scores.rank - 2;
    acn_tensor lower = acn_steps_room(s, scores.dtype, scores.rank, scores.dims);
    acn_tensor hidden = acn_steps_room(s, scores.dtype, 2, last);
    acn_tensor upper = acn_steps_room(s, scores.dtype, 2, last);
    acn_step(s, "Fill");
    acn_step_in_number(s, "value", HIDDEN);
    acn_step_out(s, "y", hidden);
    acn_step_unary(s, "Triu", hidden, upper);
    acn_step_number(s, "diagonal", 1);
    acn_step_unary(s, "Tril", scores, lower);
    acn_step_binary(s, "Add", lower, upper, scores);
    return scores;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor scores = acn_steps_room(s, wide_type(x), x->rank, x->dims);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, X), scores);
    acn_step_unary(s, "Mul", scores, scores);
    acn_step_in_attr(s, "x2", SCALE);
    if (acn_attr_int(c, TRIANGLE)) {
        scores = hide_triangle(s, scores);
    } else if (acn_in(c, MASK)) {
        acn_step_unary(s, "MaskedFill", scores, scores);
        acn_step_in(s, "mask", acn_steps_in(s, MASK));
        acn_step_in_number(s, "value", HIDDEN);
    }
    acn_step_unary(s, "SoftmaxV2", scores, acn_steps_out(s, 0));
    acn_step_number(s, "dim", -1);
    return acn_steps_end(s);
}

static bool is_hidden(const acn_call *c, const acn_tensor *x, int mask_slot, int64_t i) {
    const acn_tensor *mask = acn_in(c, mask_slot);
    int64_t col = i % x->dims[x->rank - 1], row = i / x->dims[x->rank - 1] % x->dims[x->rank - 2];
    if (acn_attr_int(c, TRIANGLE)) return col > row;
    return mask && *(const uint8_t *)acn_tensor_at(mask, stretched(mask, x, i)) != 0;
}

static double score_at(const acn_call *c, int64_t i) {
    if (is_hidden(c, acn_in(c, X), MASK, i)) return HIDDEN;
    return number_at(acn_in(c, X), i) * acn_attr_float(c, SCALE);
}

static void softmax_rows(const acn_call *c, double (*score)(const acn_call *c, int64_t i)) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int64_t length = x->dims[x->rank - 1], count = acn_tensor_count(x);
    for (int64_t from = 0; from < count; from += length) {
        double most = -INFINITY, sum = 0;
        for (int64_t i = from; i < from + length; i++)
            most = fmax(most, score(c, i));
        for (int64_t i = from; i < from + length; i++)
            sum += exp(score(c, i) - most);
        for (int64_t i = from; i < from + length; i++)
            acn_store_value(acn_tensor_at(y, i), y->dtype,
                            (acn_value){.f = exp(score(c, i) - most) / sum});
    }
}

static acn_status run0(acn_call *c) {
    softmax_rows(c, score_at);
    return ACN_OK;
}

/* clang-format off */
#define ATTRS                                                                                      \
    {{.name = "scale", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true},                   \
     {.name = "fixed_triu_mask", .kind = ACN_ATTR_BOOL}}
/* clang-format on */

ACN_OP(ScaledMaskedSoftmax) = {
    .name = "ScaledMaskedSoftmax",
    .doc = "softmax of x * scale, -10000 where the mask is true or above the diagonal",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}, {"mask", MASKS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}},
    .attr = ATTRS,
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,3,5,7],bool[2,1,5,7]|scale=0.5 [2,3,5,5]|fixed_triu_mask=1 "
             "[2,3,5,7]|scale=-2 f32+bf16[2,2,40,300],bool[2,1,40,300]|scale=0.1",
};

/* ---- its gradient ---------------------------------------------------------------------------- */

enum { G_DY, G_Y, G_MASK };

static acn_status grad_infer(acn_call *c) {
    const acn_tensor *y = acn_in(c, G_Y);
    if (y->rank < 2) return acn_bad_input(c, G_Y, "expected at least 2 dimensions");
    if (!acn_tensor_same_shape(acn_in(c, G_DY), y))
        return acn_bad_input(c, G_DY, "expected the shape of the softmax");
    if (acn_in(c, G_MASK) && !acn_attr_int(c, TRIANGLE)) ACN_TRY(check_mask(c, G_MASK, y));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : y->dtype, y);
    return ACN_OK;
}

static acn_status grad_plan(acn_call *c) {
    const acn_tensor *y = acn_in(c, G_Y);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor d = acn_steps_room(s, wide_type(y), y->rank, y->dims), dx = acn_steps_out(s, 0);
    acn_step_binary(s, "SoftmaxGrad", acn_steps_in(s, G_Y), acn_steps_in(s, G_DY), d);
    acn_step_number(s, "dim", -1);
    acn_step_unary(s, "Mul", d, d);
    acn_step_in_attr(s, "x2", SCALE);
    if (acn_attr_int(c, TRIANGLE)) {
        acn_tensor lower = acn_steps_room(s, d.dtype, d.rank, d.dims);
        acn_step_unary(s, "Tril", d, lower);
        d = lower;
    } else if (acn_in(c, G_MASK)) {
        acn_step_unary(s, "MaskedFill", d, d);
        acn_step_in(s, "mask", acn_steps_in(s, G_MASK));
        acn_step_in_number(s, "value", 0);
    }
    acn_step_unary(s, "TensorMove", d, dx);
    return acn_steps_end(s);
}

static acn_status grad_run0(acn_call *c) {
    const acn_tensor *y = acn_in(c, G_Y), *dy = acn_in(c, G_DY), *dx = acn_out(c, 0);
    int64_t length = y->dims[y->rank - 1], count = acn_tensor_count(y);
    for (int64_t from = 0; from < count; from += length) {
        double sum = 0;
        for (int64_t i = from; i < from + length; i++)
            sum += number_at(y, i) * number_at(dy, i);
        for (int64_t i = from; i < from + length; i++) {
            double d = number_at(y, i) * (number_at(dy, i) - sum) * acn_attr_float(c, SCALE);
            acn_store_value(acn_tensor_at(dx, i), dx->dtype,
                            (acn_value){.f = is_hidden(c, y, G_MASK, i) ? 0 : d});
        }
    }
    return ACN_OK;
}

ACN_OP(ScaledMaskedSoftmaxGrad) = {
    .name = "ScaledMaskedSoftmaxGrad",
    .doc = "Gradient of ScaledMaskedSoftmax from its result; 0 where a score was hidden",
    .in = {{"y_grad", ACN_FLOATS, ACN_UNALIASED},
           {"y", ACN_FLOATS, ACN_UNALIASED},
           {"mask", MASKS, ACN_OPTIONAL}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = ATTRS,
    .infer = grad_infer,
    .plan = grad_plan,
    .run = acn_steps_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [2,3,5,7],[2,3,5,7]@0..1,bool[2,1,5,7]|scale=0.5 "
             "[2,3,5,5],[2,3,5,5]@0..1|fixed_triu_mask=1 [2,3,5,7],[2,3,5,7]@0..1|scale=-2",
};

/* ---- MaskedSoftmaxWithRelPosBias: windows of an image that attend to themselves ---------------
 */

enum { BIAS = 2 };

/* x is [B, W, N, S, T] or [B * W, N, S, T]; the mask is [W, S, T], the bias [N, S, T]. */
static acn_status window_view(const acn_call *c, acn_tensor *x, acn_tensor *mask,
                              acn_tensor *bias) {
    int64_t heads = x->dims[x->rank - 3];
    if (bias->rank < 3 ||
        acn_tensor_count(bias) != heads * x->dims[x->rank - 2] * x->dims[x->rank - 1])
        return acn_bad_input(c, BIAS, "expected [%lld, %lld, %lld]", (long long)heads,
                             (long long)x->dims[x->rank - 2], (long long)x->dims[x->rank - 1]);
    const int64_t all[] = {heads, x->dims[x->rank - 2], x->dims[x->rank - 1]};
    *bias = acn_view_reshaped(bias, 3, all);
    if (!mask) return ACN_OK;
    int64_t square = all[1] * all[2], windows = square ? acn_tensor_count(mask) / square : 0;
    int64_t images = acn_tensor_count(x);
    if (mask->rank < 3 || windows < 1 || windows * square != acn_tensor_count(mask) ||
        images % (windows * heads * square) != 0)
        return acn_bad_input(c, MASK, "expected [windows, %lld, %lld]", (long long)all[1],
                             (long long)all[2]);
    images /= windows * heads * square;
    const int64_t split[] = {images, windows, heads, all[1], all[2]};
    const int64_t spread[] = {windows, 1, all[1], all[2]};
    *x = acn_view_reshaped(x, 5, split);
    *mask = acn_view_reshaped(mask, 4, spread);
    return ACN_OK;
}

static acn_status window_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    if (x->rank != 4 && x->rank != 5) return acn_bad_input(c, X, "expected 4 or 5 dimensions");
    acn_tensor shape = *x, bias = *acn_in(c, BIAS), mask;
    if (acn_in(c, MASK)) mask = *acn_in(c, MASK);
    ACN_TRY(window_view(c, &shape, acn_in(c, MASK) ? &mask : NULL, &bias));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

/* |slot| as contiguous memory of |dtype|. */
static acn_tensor plain_in(acn_steps *s, const acn_call *c, int slot, acn_dtype dtype) {
    const acn_tensor *t = acn_in(c, slot);
    acn_tensor room = acn_steps_room(s, dtype, t->rank, t->dims);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, slot), room);
    return room;
}

static acn_status window_plan(acn_call *c) {
    acn_dtype wide = wide_type(acn_in(c, X));
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor scores = plain_in(s, c, X, wide), bias = plain_in(s, c, BIAS, wide), whole = scores;
    acn_tensor mask;
    if (acn_in(c, MASK)) mask = plain_in(s, c, MASK, wide);
    ACN_TRY(window_view(c, &scores, acn_in(c, MASK) ? &mask : NULL, &bias));
    acn_step_unary(s, "Mul", scores, scores);
    acn_step_in_attr(s, "x2", SCALE);
    if (acn_in(c, MASK)) acn_step_binary(s, "Add", scores, mask, scores);
    acn_step_binary(s, "Add", scores, bias, scores);
    acn_step_unary(s, "SoftmaxV2", whole, acn_steps_out(s, 0));
    acn_step_number(s, "dim", -1);
    return acn_steps_end(s);
}

static double window_score(const acn_call *c, int64_t i) {
    const acn_tensor *x = acn_in(c, X), *mask = acn_in(c, MASK), *bias = acn_in(c, BIAS);
    int64_t square = x->dims[x->rank - 1] * x->dims[x->rank - 2], heads = x->dims[x->rank - 3];
    double score = number_at(x, i) * acn_attr_float(c, SCALE);
    score += number_at(bias, i % (heads * square));
    if (!mask) return score;
    int64_t windows = acn_tensor_count(mask) / square, window = i / square / heads % windows;
    return score + number_at(mask, window * square + i % square);
}

static acn_status window_run0(acn_call *c) {
    softmax_rows(c, window_score);
    return ACN_OK;
}

ACN_OP(MaskedSoftmaxWithRelPosBias) = {
    .name = "MaskedSoftmaxWithRelPosBias",
    .doc = "softmax of x * scale + mask of the window + bias of the head",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"atten_mask", ACN_FLOATS, ACN_OPTIONAL | ACN_UNALIASED},
           {"relative_pos_bias", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "scale_value", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true},
             {.name = "inner_precision_mode", .kind = ACN_ATTR_INT}},
    .infer = window_infer,
    .plan = window_plan,
    .run = acn_steps_run,
    .run0 = window_run0,
    .cases = "tolerance=reduction [2,3,2,5,7],[3,5,7],[2,5,7]|scale_value=0.5 "
             "[6,2,5,7],[3,5,7],[2,5,7] [2,3,2,5,7],-,[2,5,7]|scale_value=2",
};

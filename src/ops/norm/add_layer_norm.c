/* add_layer_norm.c - AddLayerNorm and DeepNorm: layer normalisation of a sum, with the sum as a
 * result or without, and their gradients. The sum is kept in the class's own type between: it is
 * rounded where it is a result, not where it is normalised. */
#include "ops/norm/rows.h"
#include "ops/steps.h"
#include <math.h>
#include <string.h>

/* Slots of an operator of this file; -1: it has none. */
typedef struct sum_form {
    int8_t x1, x2, bias, gamma, beta; /* inputs */
    int8_t alpha, epsilon;            /* attributes: the sum is x1 * alpha + x2 (+ bias) */
    int8_t additional;                /* the sum is a result only if it says so */
    int8_t y, mean, rstd, sum;        /* outputs */
} sum_form;

static const sum_form *form_of(const acn_call *c) { return c->op->family; }

static const acn_tensor *in(const acn_call *c, int slot) {
    return slot < 0 ? NULL : acn_in(c, slot);
}
static acn_tensor *out(const acn_call *c, int slot) { return slot < 0 ? NULL : acn_out(c, slot); }

static bool gives_sum(const acn_call *c) {
    const sum_form *f = form_of(c);
    return out(c, f->sum) && acn_attr_int(c, f->additional);
}

static double alpha_of(const acn_call *c, int slot) {
    return slot < 0 ? 1 : acn_attr_float(c, slot);
}

static acn_status check_gamma(const acn_call *c, int slot, const acn_tensor *x) {
    const acn_tensor *g = in(c, slot);
    int first = g ? x->rank - g->rank : 0;
    if (!g || (g->rank >= 1 && first >= 0 &&
               memcmp(g->dims, x->dims + first, sizeof *x->dims * (size_t)g->rank) == 0))
        return ACN_OK;
    return acn_bad_input(c, slot, "expected the last sizes of the input's shape");
}

static void out_statistic(acn_call *c, int slot, const acn_tensor *x, int first) {
    const acn_tensor *t = out(c, slot);
    int64_t dims[ACN_MAX_DIMS], rows = 1;
    for (int d = 0; d < x->rank; d++) {
        dims[d] = d < first ? x->dims[d] : 1;
        rows *= dims[d];
    }
    acn_out_is(c, slot, t ? ACN_UNDEFINED : ACN_F32, x->rank, dims);
    if (t && acn_tensor_count(t) == rows) c->meta[slot].rank = -1;
}

static void out_like_x(acn_call *c, int slot, const acn_tensor *x) {
    acn_out_like(c, slot, out(c, slot) ? ACN_UNDEFINED : x->dtype, x);
}

static acn_status infer(acn_call *c) {
    const sum_form *f = form_of(c);
    const acn_tensor *x = acn_in(c, f->x1), *gamma = acn_in(c, f->gamma), *bias = in(c, f->bias);
    if (!acn_tensor_same_shape(acn_in(c, f->x2), x))
        return acn_bad_input(c, f->x2, "expected the shape of the first input");
    ACN_TRY(check_gamma(c, f->gamma, x));
    if (!acn_tensor_same_shape(acn_in(c, f->beta), gamma))
        return acn_bad_input(c, f->beta, "expected the shape of gamma");
    if (bias && !acn_tensor_same_shape(bias, x)) ACN_TRY(check_gamma(c, f->bias, x));
    out_like_x(c, f->y, x);
    out_statistic(c, f->mean, x, x->rank - gamma->rank);
    out_statistic(c, f->rstd, x, x->rank - gamma->rank);
    if (gives_sum(c)) out_like_x(c, f->sum, x);
    return ACN_OK;
}

static acn_dtype class_type(const acn_tensor *a, const acn_tensor *b) {
    return acn_rows_class(a, b) == ACN_K_F64 ? ACN_F64 : ACN_F32;
}

/* x1 * alpha + x2 in output |slot| if it has the type, else in a room; its last step is open. */
static acn_tensor sum_of(acn_steps *s, const acn_call *c, int x1, int x2, int alpha, int slot) {
    const acn_tensor *x = acn_in(c, x1);
    acn_dtype dtype = class_type(x, acn_in(c, x2));
    bool is_result = slot >= 0 && acn_out(c, slot)->dtype == dtype;
    acn_tensor sum =
        is_result ? acn_steps_out(s, slot) : acn_steps_room(s, dtype, x->rank, x->dims);
    acn_tensor wide = acn_steps_in(s, x2);
    if (wide.dtype != sum.dtype) { /* a sum of halves would be rounded to one */
        wide = acn_steps_room(s, sum.dtype, x->rank, x->dims);
        acn_step_unary(s, "TensorMove", acn_steps_in(s, x2), wide);
    }
    acn_step_binary(s, "Add", wide, acn_steps_in(s, x1), sum);
    if (alpha >= 0) acn_step_attr(s, "alpha", alpha);
    return sum;
}

static acn_status plan(acn_call *c) {
    const sum_form *f = form_of(c);
    const acn_tensor *gamma = acn_in(c, f->gamma);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor sum = sum_of(s, c, f->x1, f->x2, f->alpha, gives_sum(c) ? f->sum : -1);
    if (in(c, f->bias)) acn_step_binary(s, "Add", sum, acn_steps_in(s, f->bias), sum);
    if (gives_sum(c) && acn_out(c, f->sum)->dtype != sum.dtype)
        acn_step_unary(s, "TensorMove", sum, acn_steps_out(s, f->sum));
    acn_step(s, "LayerNormV3");
    acn_step_in(s, "x", sum);
    acn_step_in(s, "gamma", acn_steps_in(s, f->gamma));
    acn_step_in(s, "beta", acn_steps_in(s, f->beta));
    acn_step_out(s, "y", acn_steps_out(s, f->y));
    if (out(c, f->mean)) acn_step_out(s, "mean", acn_steps_out(s, f->mean));
    if (out(c, f->rstd)) acn_step_out(s, "rstd", acn_steps_out(s, f->rstd));
    acn_step_ints(s, "normalized_shape", gamma->dims, gamma->rank);
    acn_step_attr(s, "epsilon", f->epsilon);
    return acn_steps_end(s);
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double value_at(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store_at(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static double sum_at(const acn_call *c, int64_t i) {
    const sum_form *f = form_of(c);
    const acn_tensor *bias = in(c, f->bias);
    double sum = value_at(acn_in(c, f->x1), i) * alpha_of(c, f->alpha);
    sum += value_at(acn_in(c, f->x2), i);
    return bias ? sum + value_at(bias, i % acn_tensor_count(bias)) : sum;
}

static acn_status run0(acn_call *c) {
    const sum_form *f = form_of(c);
    const acn_tensor *gamma = acn_in(c, f->gamma), *beta = acn_in(c, f->beta);
    int64_t length = acn_tensor_count(gamma), count = acn_tensor_count(acn_in(c, f->x1));
    for (int64_t from = 0; from < count; from += length) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < length; i++)
            mean += sum_at(c, from + i) / (double)length;
        for (int64_t i = 0; i < length; i++)
            variance += pow(sum_at(c, from + i) - mean, 2) / (double)length;
        double rstd = 1 / sqrt(variance + acn_attr_float(c, f->epsilon));
        store_at(out(c, f->mean), from / length, mean);
        store_at(out(c, f->rstd), from / length, rstd);
        for (int64_t i = 0; i < length; i++) {
            double x = sum_at(c, from + i), y = (x - mean) * rstd;
            if (gives_sum(c)) store_at(out(c, f->sum), from + i, x);
            store_at(out(c, f->y), from + i, y * value_at(gamma, i) + value_at(beta, i));
        }
    }
    return ACN_OK;
}

#define RUN .infer = infer, .plan = plan, .run = acn_steps_run, .run0 = run0
/* clang-format off */
#define OWN(name) {name, ACN_FLOATS, ACN_UNALIASED}
#define TENSOR(name) {name, ACN_FLOATS}
#define MAYBE(name) {name, ACN_FLOATS, ACN_OPTIONAL}
#define NUMBER(name_, value) {.name = name_, .kind = ACN_ATTR_FLOAT, .fallback = value, .is_value = true}
/* clang-format on */

static const sum_form add_form = {0, 1, 4, 2, 3, -1, 0, 1, 0, 1, 2, 3};
ACN_OP(AddLayerNorm) = {
    .name = "AddLayerNorm",
    .doc = "LayerNorm of x1 + x2 (+ bias), and the sum",
    .in = {OWN("x1"), OWN("x2"), TENSOR("gamma"), TENSOR("beta"), MAYBE("bias")},
    .out = {TENSOR("y"), MAYBE("mean"), MAYBE("rstd"), MAYBE("x")},
    .attr = {NUMBER("epsilon", 1e-5), {.name = "additional_output", .kind = ACN_ATTR_BOOL}},
    RUN,
    .family = &add_form,
    .cases = "tolerance=reduction [5,7],[5,7],[7],[7]|additional_output=1 "
             "[4,3,5],[4,3,5],[3,5],[3,5],[3,5]|epsilon=0.1,additional_output=1 "
             "[5,7],[5,7],[7],[7],[5,7] f32+bf16[3,2000],[3,2000],[2000],[2000],[2000] "
             "f32[0,5],[0,5],[5],[5]|additional_output=1",
};

static const sum_form deep_form = {0, 1, -1, 3, 2, 0, 1, -1, 2, 0, 1, -1};
ACN_OP(DeepNorm) = {
    .name = "DeepNorm",
    .doc = "LayerNorm of alpha * x + gx",
    .in = {OWN("x"), OWN("gx"), TENSOR("beta"), TENSOR("gamma")},
    .out = {MAYBE("mean"), MAYBE("rstd"), TENSOR("y")},
    .attr = {NUMBER("alpha", 0.3), NUMBER("epsilon", 1e-6)},
    RUN,
    .family = &deep_form,
    .cases = "tolerance=reduction [5,7],[5,7],[7],[7] "
             "[4,3,5],[4,3,5],[3,5],[3,5]|epsilon=0.1,alpha=2.5 "
             "f32+bf16[3,2000],[3,2000],[2000],[2000] f32[0,5],[0,5],[5],[5]",
};

/* ---- gradients ------------------------------------------------------------------------------- */

/* dx1 is dx2 * alpha where it is an output of its own. */
typedef struct grad_form {
    int8_t dy, x1, x2, gamma, mean, rstd, dsum; /* inputs */
    int8_t alpha;                               /* attribute */
    int8_t dx1, dx2, dgamma, dbeta;             /* outputs */
} grad_form;

static const grad_form *grad_of(const acn_call *c) { return c->op->family; }

static acn_status grad_infer(acn_call *c) {
    const grad_form *f = grad_of(c);
    const acn_tensor *x = acn_in(c, f->x1), *gamma = acn_in(c, f->gamma);
    const int8_t alike[] = {f->dy, f->x2, f->dsum};
    for (size_t i = 0; i < sizeof alike; i++)
        if (in(c, alike[i]) && !acn_tensor_same_shape(in(c, alike[i]), x))
            return acn_bad_input(c, alike[i], "expected the shape of the normalised input");
    ACN_TRY(check_gamma(c, f->gamma, x));
    int64_t rows = 1;
    for (int d = 0; d < x->rank - gamma->rank; d++)
        rows *= x->dims[d];
    const int8_t statistics[] = {f->mean, f->rstd};
    for (size_t i = 0; i < sizeof statistics; i++)
        if (acn_tensor_count(acn_in(c, statistics[i])) != rows)
            return acn_bad_input(c, statistics[i], "expected one element for each normalised row");
    if (f->dx1 >= 0) out_like_x(c, f->dx1, x);
    out_like_x(c, f->dx2, x);
    acn_out_like(c, f->dgamma, acn_out(c, f->dgamma) ? ACN_UNDEFINED : ACN_F32, gamma);
    acn_out_like(c, f->dbeta, acn_out(c, f->dbeta) ? ACN_UNDEFINED : ACN_F32, gamma);
    return ACN_OK;
}

static acn_status grad_plan(acn_call *c) {
    const grad_form *f = grad_of(c);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor sum = sum_of(s, c, f->x1, f->x2, f->alpha, -1);
    acn_tensor dx = acn_steps_out(s, f->dx2);
    bool is_changed = in(c, f->dsum) || f->dx1 >= 0;
    if (is_changed) dx = acn_steps_room(s, sum.dtype, sum.rank, sum.dims);
    acn_step(s, "LayerNormGradV3");
    acn_step_in(s, "dy", acn_steps_in(s, f->dy));
    acn_step_in(s, "x", sum);
    acn_step_in(s, "rstd", acn_steps_in(s, f->rstd));
    acn_step_in(s, "mean", acn_steps_in(s, f->mean));
    acn_step_in(s, "gamma", acn_steps_in(s, f->gamma));
    acn_step_out(s, "pd_x", dx);
    acn_step_out(s, "pd_gamma", acn_steps_out(s, f->dgamma));
    acn_step_out(s, "pd_beta", acn_steps_out(s, f->dbeta));
    if (in(c, f->dsum))
        acn_step_binary(s, "Add", dx, acn_steps_in(s, f->dsum), acn_steps_out(s, f->dx2));
    if (f->dx1 >= 0) {
        acn_step_unary(s, "TensorMove", dx, acn_steps_out(s, f->dx2));
        acn_step_unary(s, "Mul", dx, acn_steps_out(s, f->dx1));
        acn_step_in_attr(s, "x2", f->alpha);
    }
    return acn_steps_end(s);
}

static acn_status grad_run0(acn_call *c) {
    const grad_form *f = grad_of(c);
    const acn_tensor *x1 = acn_in(c, f->x1), *x2 = acn_in(c, f->x2), *dy = acn_in(c, f->dy);
    const acn_tensor *gamma = acn_in(c, f->gamma), *dsum = in(c, f->dsum);
    int64_t length = acn_tensor_count(gamma), count = acn_tensor_count(x1);
    double alpha = alpha_of(c, f->alpha);
    for (int64_t i = 0; i < length; i++) {
        store_at(acn_out(c, f->dgamma), i, 0);
        store_at(acn_out(c, f->dbeta), i, 0);
    }
    for (int64_t i = 0; i < length; i++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t at = i; at < count; at += length) {
            double mean = value_at(acn_in(c, f->mean), at / length);
            double rstd = value_at(acn_in(c, f->rstd), at / length), d = value_at(dy, at);
            dgamma += d * (value_at(x1, at) * alpha + value_at(x2, at) - mean) * rstd;
            dbeta += d;
        }
        store_at(acn_out(c, f->dgamma), i, dgamma);
        store_at(acn_out(c, f->dbeta), i, dbeta);
    }
    for (int64_t from = 0; from < count; from += length) {
        double mean = value_at(acn_in(c, f->mean), from / length), mean_g = 0, mean_gx = 0;
        double rstd = value_at(acn_in(c, f->rstd), from / length);
        for (int64_t i = 0; i < length; i++) {
            double g = value_at(dy, from + i) * value_at(gamma, i) / (double)length;
            mean_g += g;
            mean_gx += g * (value_at(x1, from + i) * alpha + value_at(x2, from + i) - mean) * rstd;
        }
        for (int64_t i = 0; i < length; i++) {
            double x = value_at(x1, from + i) * alpha + value_at(x2, from + i);
            double g = value_at(dy, from + i) * value_at(gamma, i);
            double dx = rstd * (g - mean_g - (x - mean) * rstd * mean_gx);
            store_at(acn_out(c, f->dx2), from + i, dsum ? dx + value_at(dsum, from + i) : dx);
            store_at(out(c, f->dx1), from + i, dx * alpha);
        }
    }
    return ACN_OK;
}

#define GRAD_RUN .infer = grad_infer, .plan = grad_plan, .run = acn_steps_run, .run0 = grad_run0

static const grad_form add_grad_form = {0, 1, 2, 5, 4, 3, 6, -1, -1, 0, 1, 2};
ACN_OP(AddLayerNormGrad) = {
    .name = "AddLayerNormGrad",
    .doc = "Gradients of AddLayerNorm: of both addends (they are equal), gamma and beta",
    .in = {OWN("dy"), OWN("x1"), OWN("x2"), TENSOR("rstd"), TENSOR("mean"), TENSOR("gamma"),
           MAYBE("dsum")},
    .out = {TENSOR("d_x"), TENSOR("d_gamma"), TENSOR("d_beta")},
    GRAD_RUN,
    .family = &add_grad_form,
    .cases = "tolerance=reduction [5,7],[5,7],[5,7],[5,1]@1..2,[5,1],[7] "
             "[40,3,5],[40,3,5],[40,3,5],[40]@1..2,[40],[3,5],[40,3,5] "
             "f32+bf16[3,2000],[3,2000],[3,2000],f32[3]@1..2,f32[3],[2000],[3,2000]",
};

static const grad_form deep_grad_form = {0, 1, 2, 3, 4, 5, -1, 0, 0, 1, 3, 2};
ACN_OP(DeepNormGrad) = {
    .name = "DeepNormGrad",
    .doc = "Gradients of DeepNorm: of x, gx, beta and gamma",
    .in = {OWN("dy"), OWN("x"), OWN("gx"), TENSOR("gamma"), TENSOR("mean"), TENSOR("rstd")},
    .out = {TENSOR("dx"), TENSOR("dgx"), TENSOR("dbeta"), TENSOR("dgamma")},
    .attr = {NUMBER("alpha", 0.3)},
    GRAD_RUN,
    .family = &deep_grad_form,
    .cases = "tolerance=reduction [5,7],[5,7],[5,7],[7],[5,1],[5,1]@1..2 "
             "[40,3,5],[40,3,5],[40,3,5],[3,5],[40],[40]@1..2|alpha=2.5 "
             "f32+bf16[3,2000],[3,2000],[3,2000],[2000],f32[3],f32[3]@1..2",
};

/* group_norm_swish_grad.c - GroupNormSwishGrad: gradients through z / (1 + e^(-scale z)) of
 *
 *   z = (x - mean) * rstd * gamma + beta
 *
 * z is made again from the statistics, its gradient goes on as GroupNormGrad's. */
#include "ops/norm/batch_norm.h"
#include "ops/steps.h"
#include <math.h>

enum { DY, MEAN, RSTD, X, GAMMA, BETA, DX = 0, DGAMMA = 1, DBETA = 2 };
enum { ATTR_GROUPS, ATTR_FORMAT, ATTR_SCALE, ATTR_WANTS_GAMMA, ATTR_WANTS_BETA };

static acn_status infer(acn_call *c) {
    ACN_TRY(acn_bn_check(c, X));
    const acn_tensor *x = acn_in(c, X);
    int64_t groups = acn_attr_int(c, ATTR_GROUPS), channels = x->dims[1];
    if (groups < 1 || channels % groups != 0)
        return acn_bad_attr(c, ATTR_GROUPS, "is %lld; expected a divisor of the %lld channels",
                            (long long)groups, (long long)channels);
    if (!acn_tensor_same_shape(acn_in(c, DY), x))
        return acn_bad_input(c, DY, "expected the shape of the normalised input");
    ACN_TRY(acn_bn_check_input(c, GAMMA, channels));
    ACN_TRY(acn_bn_check_input(c, BETA, channels));
    for (int slot = MEAN; slot <= RSTD; slot++)
        if (acn_tensor_count(acn_in(c, slot)) != x->dims[0] * groups)
            return acn_bad_input(c, slot, "expected one element for each group of a sample");
    acn_out_like(c, DX, acn_out(c, DX) ? ACN_UNDEFINED : x->dtype, x);
    for (int slot = DGAMMA; slot <= DBETA; slot++)
        acn_out_is(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : x->dtype, 1, &channels);
    return ACN_OK;
}

/* |t|, one number for each group or channel, as [N or 1, groups, each, 1]; contiguous. */
static acn_tensor spread(acn_steps *s, const acn_call *c, int slot, const int64_t *dims) {
    const acn_tensor *t = acn_in(c, slot);
    acn_tensor flat = acn_steps_in(s, slot);
    if (!acn_tensor_is_contiguous(t)) {
        flat = acn_steps_room(s, t->dtype, t->rank, t->dims);
        acn_step_unary(s, "TensorMove", acn_steps_in(s, slot), flat);
    }
    return acn_view_reshaped(&flat, 4, dims);
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int64_t n = x->dims[0], groups = acn_attr_int(c, ATTR_GROUPS), each = x->dims[1] / groups;
    int64_t size = acn_tensor_count(x);
    if (size > 0) size /= n * x->dims[1];
    const int64_t all[] = {n, groups, each, size}, of_group[] = {n, groups, 1, 1};
    const int64_t of_channel[] = {1, groups, each, 1};
    acn_dtype wide = acn_rows_class(x, acn_in(c, DY)) == ACN_K_F64 ? ACN_F64 : ACN_F32;
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor plain = acn_steps_room(s, wide, x->rank, x->dims);
    acn_tensor slope = acn_steps_room(s, wide, x->rank, x->dims);
    acn_tensor z = acn_view_reshaped(&plain, 4, all);
    acn_tensor mean = spread(s, c, MEAN, of_group), rstd = spread(s, c, RSTD, of_group);
    acn_tensor gamma = spread(s, c, GAMMA, of_channel), beta = spread(s, c, BETA, of_channel);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, X), plain);
    acn_step_binary(s, "Sub", z, mean, z);
    acn_step_binary(s, "Mul", z, rstd, z);
    acn_step_binary(s, "Mul", z, gamma, z);
    acn_step_binary(s, "Add", z, beta, z);
    /* d(z / (1 + e^-az)) / dz = silu'(a z): the scale and its inverse cancel. */
    acn_step_unary(s, "Mul", plain, plain);
    acn_step_in_attr(s, "x2", ATTR_SCALE);
    acn_step_binary(s, "SiluGrad", acn_steps_in(s, DY), plain, slope);
    acn_step(s, "GroupNormGrad");
    acn_step_in(s, "dy", slope);
    acn_step_in(s, "mean", acn_steps_in(s, MEAN));
    acn_step_in(s, "rstd", acn_steps_in(s, RSTD));
    acn_step_in(s, "x", acn_steps_in(s, X));
    acn_step_in(s, "gamma", acn_steps_in(s, GAMMA));
    acn_step_out(s, "dx", acn_steps_out(s, DX));
    if (acn_out(c, DGAMMA)) acn_step_out(s, "dgamma", acn_steps_out(s, DGAMMA));
    if (acn_out(c, DBETA)) acn_step_out(s, "dbeta", acn_steps_out(s, DBETA));
    acn_step_attr(s, "num_groups", ATTR_GROUPS);
    return acn_steps_end(s);
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double xhat_at(const acn_call *c, int64_t i, int64_t group) {
    return (acn_bn_value(acn_in(c, X), i, 0) - acn_bn_value(acn_in(c, MEAN), group, 0)) *
           acn_bn_value(acn_in(c, RSTD), group, 0);
}

/* The gradient of z. */
static double dz_at(const acn_call *c, int64_t i, int64_t group, int64_t channel) {
    double z = xhat_at(c, i, group) * acn_bn_value(acn_in(c, GAMMA), channel, 1) +
               acn_bn_value(acn_in(c, BETA), channel, 0);
    double a = acn_attr_float(c, ATTR_SCALE), sigmoid = 1 / (1 + exp(-a * z));
    return acn_bn_value(acn_in(c, DY), i, 0) * sigmoid * (1 + a * z * (1 - sigmoid));
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int64_t groups = acn_attr_int(c, ATTR_GROUPS), count = acn_tensor_count(x);
    int64_t channels = x->dims[1], each = channels / groups;
    int64_t size = count ? count / (x->dims[0] * channels) : 0;
    for (int64_t channel = 0; channel < channels; channel++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t i = 0; i < count; i++) {
            if (i / size % channels != channel) continue;
            double dz = dz_at(c, i, i / size / each, channel);
            dgamma += dz * xhat_at(c, i, i / size / each);
            dbeta += dz;
        }
        acn_bn_store(acn_out(c, DGAMMA), channel, dgamma);
        acn_bn_store(acn_out(c, DBETA), channel, dbeta);
    }
    int64_t members = each * size;
    for (int64_t from = 0; from < count; from += members) {
        double mean_g = 0, mean_gx = 0;
        for (int64_t i = from; i < from + members; i++) {
            int64_t channel = i / size % channels;
            double g = dz_at(c, i, from / members, channel) *
                       acn_bn_value(acn_in(c, GAMMA), channel, 1) / (double)members;
            mean_g += g;
            mean_gx += g * xhat_at(c, i, from / members);
        }
        for (int64_t i = from; i < from + members; i++) {
            int64_t channel = i / size % channels;
            double g =
                dz_at(c, i, from / members, channel) * acn_bn_value(acn_in(c, GAMMA), channel, 1);
            acn_bn_store(acn_out(c, DX), i,
                         acn_bn_value(acn_in(c, RSTD), from / members, 0) *
                             (g - mean_g - xhat_at(c, i, from / members) * mean_gx));
        }
    }
    return ACN_OK;
}

ACN_OP(GroupNormSwishGrad) = {
    .name = "GroupNormSwishGrad",
    .doc = "Gradients of GroupNormSwish for its input, factor and term.",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"mean", ACN_FLOATS, ACN_UNALIASED},
           {"rstd", ACN_FLOATS, ACN_UNALIASED},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"gamma", ACN_FLOATS, ACN_UNALIASED},
           {"beta", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"dx", ACN_FLOATS},
            {"dgamma", ACN_FLOATS, ACN_OPTIONAL},
            {"dbeta", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "num_groups", .kind = ACN_ATTR_INT, .is_required = true},
             {.name = "data_format", .kind = ACN_ATTR_STRING},
             {.name = "swish_scale", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true},
             {.name = "dgamma_is_require", .kind = ACN_ATTR_BOOL, .fallback = 1},
             {.name = "dbeta_is_require", .kind = ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=reduction [3,6,5,2],[3,2]@-1..1,[3,2]@0..1,[3,6,5,2],[6],[6]|num_groups=2 "
             "[2,4,9],[2,1]@-1..1,[2,1]@0..1,[2,4,9],[4],[4]|num_groups=1,swish_scale=1.5",
};

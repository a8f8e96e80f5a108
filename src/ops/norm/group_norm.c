/* group_norm.c - GroupNorm and its kin: the channels of each sample are normalised in groups, then
 * every channel gets a factor and a term of its own; Silu and Swish forms end in that activation.
 *
 * Statistics of a group come from those of its channels; so does its gradient:
 *   xmu = x - mean,  S = sum of dy,  P = sum of dy xmu        over each channel of a sample
 *   dgamma = sum of P rstd,  dbeta = sum of S                 over the samples
 *   dx = rstd (gamma dy - A / m - xmu rstd^2 B / m),  A, B = sums of gamma S, gamma P over a group
 * of m elements. */
#include "ops/norm/batch_norm.h"
#include <math.h>

/* ---- forward --------------------------------------------------------------------------------- */

enum { X, GAMMA, BETA, Y = 0, MEAN_OUT = 1, RSTD_OUT = 2 };
enum { ATTR_GROUPS, ATTR_EPSILON, ATTR_ACTIVATES, ATTR_SCALE };
enum { MEAN, SQUARE, SCALE, SHIFT }; /* arrays */

static acn_status check_groups(const acn_call *call, int x_slot, int attr) {
    const acn_tensor *x = acn_in(call, x_slot);
    int64_t groups = acn_attr_int(call, attr);
    ACN_TRY(acn_bn_check(call, x_slot));
    if (groups > 0 && x->dims[1] % groups == 0) return ACN_OK;
    return acn_bad_attr(call, attr, "is %lld; expected a divisor of the %lld channels",
                        (long long)groups, (long long)x->dims[1]);
}

static void infer_statistic(acn_call *call, int slot, int64_t groups) {
    const acn_tensor *x = acn_in(call, X), *t = acn_out(call, slot);
    const int64_t dims[] = {x->dims[0], groups};
    acn_out_is(call, slot, t ? ACN_UNDEFINED : x->dtype, 2, dims);
    if (t && acn_tensor_count(t) == dims[0] * dims[1]) call->meta[slot].rank = -1;
}

static acn_status infer(acn_call *call) {
    ACN_TRY(check_groups(call, X, ATTR_GROUPS));
    int64_t groups = acn_attr_int(call, ATTR_GROUPS);
    ACN_TRY(acn_bn_check_input(call, GAMMA, acn_in(call, X)->dims[1]));
    ACN_TRY(acn_bn_check_input(call, BETA, acn_in(call, X)->dims[1]));
    acn_out_like(call, Y, ACN_UNDEFINED, acn_in(call, X));
    infer_statistic(call, MEAN_OUT, groups);
    infer_statistic(call, RSTD_OUT, groups);
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    const acn_tensor *tensors[] = {acn_in(call, X), acn_out(call, Y)};
    return acn_bn_plan(call, tensors[0], true, 2, tensors);
}

static double swish_scale(const acn_call *call) {
    return call->op->attr[ATTR_SCALE].name ? acn_attr_float(call, ATTR_SCALE) : 1;
}
static bool activates(const acn_call *call) {
    return call->op->attr[ATTR_ACTIVATES].name && acn_attr_int(call, ATTR_ACTIVATES);
}

/* z / (1 + e^(-scale z)) */
static void swish(const void *context, acn_class k, void *tile, int64_t n) {
    double scale = swish_scale(context);
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile by;
    if (scale == 1) {
        micro[ACN_U_SILU][k](tile, tile, NULL, NULL, n);
        return;
    }
    acn_row_splat(k, &by, scale, n);
    micro[ACN_U_MUL][k](tile, tile, &by, NULL, n);
    micro[ACN_U_SILU][k](tile, tile, NULL, NULL, n);
    micro[ACN_U_DIV][k](tile, tile, &by, NULL, n);
}

/* Mean and rstd of lanes [first, first + count), which have |size| elements each. */
static void join_lanes(const double *mean, const double *square, int64_t first, int64_t count,
                       double size, double epsilon, double *out_mean, double *out_rstd) {
    double all = 0, deviations = 0;
    for (int64_t i = first; i < first + count; i++)
        all += mean[i] / (double)count;
    for (int64_t i = first; i < first + count; i++)
        deviations += square[i] + size * (mean[i] - all) * (mean[i] - all);
    *out_mean = all;
    *out_rstd = 1 / sqrt(deviations / ((double)count * size) + epsilon);
}

static acn_status run(acn_call *call) {
    const acn_batch_norm *p = call->plan->data;
    acn_channel_side x = acn_bn_side(call, 0, acn_in(call, X));
    acn_channel_side y = acn_bn_side(call, 1, acn_out(call, Y));
    double *mean = acn_bn_array(call, MEAN), *square = acn_bn_array(call, SQUARE);
    double *scale = acn_bn_array(call, SCALE), *shift = acn_bn_array(call, SHIFT);
    int64_t groups = acn_attr_int(call, ATTR_GROUPS), each = p->ch.channels / groups;
    acn_channels_moments(&p->ch, &x, mean, square, acn_bn_room(call));
    for (int64_t g = 0; g < p->ch.samples * groups; g++) {
        double m, rstd;
        join_lanes(mean, square, g * each, each, (double)p->ch.size,
                   acn_attr_float(call, ATTR_EPSILON), &m, &rstd);
        acn_bn_store(acn_out(call, MEAN_OUT), g, m);
        acn_bn_store(acn_out(call, RSTD_OUT), g, rstd);
        for (int64_t i = g * each; i < (g + 1) * each; i++) {
            int64_t channel = i % p->ch.channels;
            mean[i] = m;
            scale[i] = rstd * acn_bn_value(acn_in(call, GAMMA), channel, 1);
            shift[i] = acn_bn_value(acn_in(call, BETA), channel, 0);
        }
    }
    acn_channels_affine(&p->ch, &y, &x, mean, scale, shift, activates(call) ? swish : NULL, call,
                        acn_bn_room(call));
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

/* The group of row-major element |i|. */
static int64_t group_of(const acn_tensor *x, int64_t groups, int64_t i) {
    return acn_channel_of(x, i, true) / (x->dims[1] / groups);
}

static acn_status run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *y = acn_out(call, Y);
    int64_t groups = acn_attr_int(call, ATTR_GROUPS), count = acn_tensor_count(x);
    double size = count ? (double)(count / (x->dims[0] * groups)) : 0;
    for (int64_t g = 0; g < x->dims[0] * groups && count; g++) {
        double mean = 0, variance = 0, scale = swish_scale(call);
        for (int64_t i = 0; i < count; i++)
            if (group_of(x, groups, i) == g) mean += acn_bn_value(x, i, 0) / size;
        for (int64_t i = 0; i < count; i++)
            if (group_of(x, groups, i) == g)
                variance += pow(acn_bn_value(x, i, 0) - mean, 2) / size;
        double rstd = 1 / sqrt(variance + acn_attr_float(call, ATTR_EPSILON));
        acn_bn_store(acn_out(call, MEAN_OUT), g, mean);
        acn_bn_store(acn_out(call, RSTD_OUT), g, rstd);
        for (int64_t i = 0; i < count; i++) {
            if (group_of(x, groups, i) != g) continue;
            int64_t channel = acn_channel_of(x, i, false);
            double z = (acn_bn_value(x, i, 0) - mean) * rstd;
            z = z * acn_bn_value(acn_in(call, GAMMA), channel, 1) +
                acn_bn_value(acn_in(call, BETA), channel, 0);
            acn_bn_store(y, i, activates(call) ? z / (1 + exp(-scale * z)) : z);
        }
    }
    return ACN_OK;
}

#define FORWARD(id, about, epsilon_value, ...)                                                     \
    ACN_OP(id) = {                                                                                 \
        .name = #id,                                                                               \
        .doc = about,                                                                              \
        .in = {{"x", ACN_FLOATS, ACN_UNALIASED},                                                   \
               {"gamma", ACN_FLOATS, ACN_OPTIONAL},                                                \
               {"beta", ACN_FLOATS, ACN_OPTIONAL}},                                                \
        .out = {{"y", ACN_FLOATS},                                                                 \
                {"mean", ACN_FLOATS, ACN_OPTIONAL},                                                \
                {"rstd", ACN_FLOATS, ACN_OPTIONAL}},                                               \
        .attr =                                                                                    \
            {{.name = "num_groups", .kind = ACN_ATTR_INT, .is_required = true},                    \
             {.name = "eps", .kind = ACN_ATTR_FLOAT, .fallback = epsilon_value, .is_value = true}, \
             __VA_ARGS__},                                                                         \
        .infer = infer,                                                                            \
        .plan = plan,                                                                              \
        .run = run,                                                                                \
        .run0 = run0,                                                                              \
        .cases = "tolerance=reduction [3,6,5,2],[6],[6]|num_groups=2 [3,6]|num_groups=3 "          \
                 "[2,4,9],[4],[4]|num_groups=4 f32+bf16[2,4,700],f32[4],f32[4]|num_groups=1",      \
    }
FORWARD(GroupNormV2, "Normalisation of groups of channels.", 1e-5, {.name = NULL});
FORWARD(GroupNormSilu, "Normalisation of groups of channels, then x * sigmoid(x).", 1e-5,
        {.name = "activate_silu", .kind = ACN_ATTR_BOOL, .fallback = 1});
FORWARD(GroupNormSwish, "Normalisation of groups of channels, then x * sigmoid(scale x).", 1e-5,
        {.name = "activate_swish", .kind = ACN_ATTR_BOOL, .fallback = 1},
        {.name = "swish_scale", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true});

/* ---- gradient -------------------------------------------------------------------------------- */

enum { DY, G_MEAN, G_RSTD, G_X, G_GAMMA, DX = 0, DGAMMA = 1, DBETA = 2 };
enum { L_MEAN, L_SUM, L_PRODUCT, L_A, L_B, L_C }; /* arrays */

static acn_status grad_infer(acn_call *call) {
    ACN_TRY(check_groups(call, G_X, 0));
    const acn_tensor *x = acn_in(call, G_X);
    int64_t groups = acn_attr_int(call, 0);
    if (!acn_tensor_same_shape(acn_in(call, DY), x))
        return acn_bad_input(call, DY, "expected the shape of the normalised input");
    ACN_TRY(acn_bn_check_input(call, G_GAMMA, x->dims[1]));
    for (int slot = G_MEAN; slot <= G_RSTD; slot++)
        if (acn_tensor_count(acn_in(call, slot)) != x->dims[0] * groups)
            return acn_bad_input(call, slot, "expected one element for each group of a sample");
    acn_out_like(call, DX, ACN_UNDEFINED, x);
    for (int slot = DGAMMA; slot <= DBETA; slot++)
        acn_out_is(call, slot, acn_out(call, slot) ? ACN_UNDEFINED : x->dtype, 1, &x->dims[1]);
    return ACN_OK;
}

static acn_status grad_plan(acn_call *call) {
    const acn_tensor *tensors[] = {acn_in(call, DY), acn_in(call, G_X), acn_out(call, DX)};
    return acn_bn_plan(call, tensors[1], true, 3, tensors);
}

/* dgamma and dbeta from the lanes' sums. */
static void store_parameters(const acn_call *call, const double *sum, const double *product,
                             int64_t samples, int64_t channels, int64_t each) {
    for (int64_t c = 0; c < channels; c++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t i = c; i < samples * channels; i += channels) {
            dgamma += product[i] * acn_bn_value(acn_in(call, G_RSTD), i / each, 0);
            dbeta += sum[i];
        }
        acn_bn_store(acn_out(call, DGAMMA), c, dgamma);
        acn_bn_store(acn_out(call, DBETA), c, dbeta);
    }
}

/* dx = a dy + b xmu + c for the lanes of group |g|. */
static void group_line(const acn_call *call, int64_t g, int64_t each, int64_t channels, double size,
                       const double *sum, const double *product, double *a, double *b, double *c) {
    double rstd = acn_bn_value(acn_in(call, G_RSTD), g, 0), total = 0, totals = 0;
    for (int64_t i = g * each; i < (g + 1) * each; i++) {
        double gamma = acn_bn_value(acn_in(call, G_GAMMA), i % channels, 1);
        total += gamma * sum[i];
        totals += gamma * product[i];
    }
    for (int64_t i = g * each; i < (g + 1) * each; i++) {
        a[i] = rstd * acn_bn_value(acn_in(call, G_GAMMA), i % channels, 1);
        b[i] = -rstd * rstd * rstd * totals / ((double)each * size);
        c[i] = -rstd * total / ((double)each * size);
    }
}

static acn_status grad_run(acn_call *call) {
    const acn_batch_norm *p = call->plan->data;
    acn_channel_side dy = acn_bn_side(call, 0, acn_in(call, DY));
    acn_channel_side x = acn_bn_side(call, 1, acn_in(call, G_X));
    double *mean = acn_bn_array(call, L_MEAN), *sum = acn_bn_array(call, L_SUM);
    double *product = acn_bn_array(call, L_PRODUCT), *a = acn_bn_array(call, L_A);
    double *b = acn_bn_array(call, L_B), *c = acn_bn_array(call, L_C);
    int64_t groups = acn_attr_int(call, 0), each = p->ch.channels / groups;
    for (int64_t i = 0; i < p->ch.lanes; i++)
        mean[i] = acn_bn_value(acn_in(call, G_MEAN), i / each, 0);
    acn_channels_products(&p->ch, &dy, &x, mean, sum, product, acn_bn_room(call));
    store_parameters(call, sum, product, p->ch.samples, p->ch.channels, each);
    if (!acn_out(call, DX)) return ACN_OK;
    for (int64_t g = 0; g < p->ch.samples * groups; g++)
        group_line(call, g, each, p->ch.channels, (double)p->ch.size, sum, product, a, b, c);
    acn_channel_side dx = acn_bn_side(call, 2, acn_out(call, DX));
    acn_channels_blend(&p->ch, &dx, &dy, &x, mean, a, b, c, acn_bn_room(call));
    return ACN_OK;
}

static acn_status grad_run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, G_X), *dy = acn_in(call, DY), *gamma = acn_in(call, G_GAMMA);
    int64_t groups = acn_attr_int(call, 0), count = acn_tensor_count(x), channels = x->dims[1];
    for (int64_t g = 0; g < x->dims[0] * groups; g++) {
        double mean = acn_bn_value(acn_in(call, G_MEAN), g, 0), total = 0, totals = 0, m = 0;
        double rstd = acn_bn_value(acn_in(call, G_RSTD), g, 0);
        for (int64_t i = 0; i < count; i++) {
            if (group_of(x, groups, i) != g) continue;
            double d = acn_bn_value(dy, i, 0) * acn_bn_value(gamma, acn_channel_of(x, i, false), 1);
            total += d;
            totals += d * (acn_bn_value(x, i, 0) - mean);
            m += 1;
        }
        for (int64_t i = 0; i < count; i++) {
            if (group_of(x, groups, i) != g) continue;
            double d = acn_bn_value(dy, i, 0) * acn_bn_value(gamma, acn_channel_of(x, i, false), 1);
            double xmu = acn_bn_value(x, i, 0) - mean;
            acn_bn_store(acn_out(call, DX), i,
                         rstd * (d - total / m - xmu * rstd * rstd * totals / m));
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t i = 0; i < count; i++) {
            if (acn_channel_of(x, i, false) != c) continue;
            int64_t g = group_of(x, groups, i);
            double xmu = acn_bn_value(x, i, 0) - acn_bn_value(acn_in(call, G_MEAN), g, 0);
            dgamma += acn_bn_value(dy, i, 0) * xmu * acn_bn_value(acn_in(call, G_RSTD), g, 0);
            dbeta += acn_bn_value(dy, i, 0);
        }
        acn_bn_store(acn_out(call, DGAMMA), c, dgamma);
        acn_bn_store(acn_out(call, DBETA), c, dbeta);
    }
    return ACN_OK;
}

ACN_OP(GroupNormGrad) = {
    .name = "GroupNormGrad",
    .doc = "Gradients of GroupNormV2 for its input, factor and term.",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"mean", ACN_FLOATS},
           {"rstd", ACN_FLOATS},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"gamma", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"dx", ACN_FLOATS, ACN_OPTIONAL},
            {"dgamma", ACN_FLOATS, ACN_OPTIONAL},
            {"dbeta", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "num_groups", .kind = ACN_ATTR_INT, .is_required = true},
             {.name = "output_mask", .kind = ACN_ATTR_BOOLS}},
    .infer = grad_infer,
    .plan = grad_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "tolerance=reduction [3,6,5,2],[3,2]@-1..1,[3,2]@0..1,[3,6,5,2],[6]|num_groups=2 "
             "[2,4,9],[2,1]@-1..1,[2,1]@0..1,[2,4,9]|num_groups=1",
};

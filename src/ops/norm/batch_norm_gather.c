/* batch_norm_gather.c - batch normalisation across processes: what they found in their parts of a
 * batch becomes the statistics of all of it, and moves the running ones. One part's numbers are
 * mean and 1 / deviation (BatchNormGatherStatsWithCounts), or sums (SyncBatchNormGatherStats). */
#include "ops/norm/batch_norm.h"
#include <math.h>

typedef struct gather_form {
    int8_t first, second, counts; /* inputs [parts, channels], [parts, channels], [parts] */
    int8_t mean, var;             /* inputs: the running ones */
    int8_t new_mean, new_var;     /* outputs */
    bool are_sums;
} gather_form;

enum { MEAN_ALL, INVSTD_ALL, MOMENTUM = 0, EPS = 1 };

static const gather_form *form_of(const acn_call *c) { return c->op->family; }

static acn_status infer(acn_call *c) {
    const gather_form *f = form_of(c);
    const acn_tensor *first = acn_in(c, f->first), *counts = acn_in(c, f->counts);
    if (first->rank != 2) return acn_bad_input(c, f->first, "expected [parts, channels]");
    if (!acn_tensor_same_shape(acn_in(c, f->second), first))
        return acn_bad_input(c, f->second, "expected the shape of %s", acn_input_name(c, f->first));
    if (acn_tensor_count(counts) != first->dims[0])
        return acn_bad_input(c, f->counts, "expected one number for each of the %lld parts",
                             (long long)first->dims[0]);
    ACN_TRY(acn_bn_check_input(c, f->mean, first->dims[1]));
    ACN_TRY(acn_bn_check_input(c, f->var, first->dims[1]));
    for (int slot = MEAN_ALL; slot <= INVSTD_ALL; slot++)
        acn_out_is(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : first->dtype, 1, &first->dims[1]);
    if (acn_in(c, f->mean))
        acn_out_like(c, f->new_mean, acn_in(c, f->mean)->dtype, acn_in(c, f->mean));
    if (acn_in(c, f->var)) acn_out_like(c, f->new_var, acn_in(c, f->var)->dtype, acn_in(c, f->var));
    return ACN_OK;
}

static double count_at(const acn_tensor *counts, int64_t part) {
    acn_value v = acn_load_value(acn_tensor_at(counts, part), counts->dtype);
    return acn_dtype_is_integer(counts->dtype) ? (double)v.i : v.f;
}

/* Mean and sum of squared deviations of a channel in one part of |n| elements. */
static void part_moments(const acn_call *c, int64_t at, double n, double *mean, double *square) {
    const gather_form *f = form_of(c);
    double first = acn_bn_value(acn_in(c, f->first), at, 0);
    double second = acn_bn_value(acn_in(c, f->second), at, 0);
    *mean = f->are_sums ? first / n : first;
    *square = f->are_sums ? second - first * first / n
                          : (1 / (second * second) - acn_attr_float(c, EPS)) * n;
}

static void move(const acn_call *c, int in, int out, int64_t channel, double to) {
    double momentum = acn_attr_float(c, MOMENTUM);
    if (!acn_in(c, in) || !acn_out(c, out)) return;
    acn_bn_store(acn_out(c, out), channel,
                 (1 - momentum) * acn_bn_value(acn_in(c, in), channel, 0) + momentum * to);
}

static void finish(const acn_call *c, int64_t channel, double n, double mean, double square) {
    const gather_form *f = form_of(c);
    acn_bn_store(acn_out(c, MEAN_ALL), channel, mean);
    acn_bn_store(acn_out(c, INVSTD_ALL), channel, 1 / sqrt(square / n + acn_attr_float(c, EPS)));
    move(c, f->mean, f->new_mean, channel, mean);
    move(c, f->var, f->new_var, channel, square / (n - 1));
}

/* Moments of parts are joined as Chan, Golub and LeVeque do. */
static acn_status run(acn_call *c) {
    const gather_form *f = form_of(c);
    const acn_tensor *first = acn_in(c, f->first), *counts = acn_in(c, f->counts);
    int64_t channels = first->dims[1];
    for (int64_t channel = 0; channel < channels; channel++) {
        double all = 0, mean = 0, square = 0;
        for (int64_t p = 0; p < first->dims[0]; p++) {
            double n = count_at(counts, p), m, s;
            if (n == 0) continue;
            part_moments(c, p * channels + channel, n, &m, &s);
            double delta = m - mean;
            all += n;
            mean += delta * n / all;
            square += s + delta * delta * n * (all - n) / all;
        }
        finish(c, channel, all, mean, square);
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const gather_form *f = form_of(c);
    const acn_tensor *first = acn_in(c, f->first), *counts = acn_in(c, f->counts);
    int64_t channels = first->dims[1];
    for (int64_t channel = 0; channel < channels; channel++) {
        double all = 0, sum = 0, squares = 0; /* of the elements themselves */
        for (int64_t p = 0; p < first->dims[0]; p++) {
            double n = count_at(counts, p), m, s;
            if (n == 0) continue;
            part_moments(c, p * channels + channel, n, &m, &s);
            all += n;
            sum += n * m;
            squares += s + n * m * m;
        }
        finish(c, channel, all, sum / all, squares - sum * sum / all);
    }
    return ACN_OK;
}

/* clang-format off */
#define NUMBERS                                                                                    \
    {{.name = "momentum", .kind = ACN_ATTR_FLOAT, .fallback = 0.1, .is_value = true},              \
     {.name = "eps", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true}}
#define OWN(name) {name, ACN_FLOATS, ACN_UNALIASED}
#define TENSOR(name) {name, ACN_FLOATS}
#define MAYBE(name) {name, ACN_FLOATS, ACN_OPTIONAL}
#define COUNTS(name) {name, ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64)}
/* clang-format on */

static const gather_form stats_form = {0, 1, 2, 3, 4, 2, 3, false};
ACN_OP(BatchNormGatherStatsWithCounts) = {
    .name = "BatchNormGatherStatsWithCounts",
    .doc = "Means and deviations of all parts of a batch joined; running statistics moved.",
    .in = {OWN("mean"), OWN("invstd"), COUNTS("counts"), MAYBE("running_mean"),
           MAYBE("running_var")},
    .out = {TENSOR("mean_all"), TENSOR("invstd_all"), MAYBE("running_mean"), MAYBE("running_var")},
    .attr = NUMBERS,
    .infer = infer,
    .run = run,
    .run0 = run0,
    .family = &stats_form,
    .cases = "tolerance=reduction [3,5],[3,5]@0.2..1,i32[3]@20..30,[5],[5] "
             "[2,4],[2,4]@0.2..1,[2]@20..30,[4],[4]|momentum=0.7,eps=0.01 "
             "[2,4],[2,4]@0.2..1,i64[2]@20..30",
};

static const gather_form sums_form = {0, 1, 2, 3, 4, 2, 3, true};
ACN_OP(SyncBatchNormGatherStats) = {
    .name = "SyncBatchNormGatherStats",
    .doc = "Sums and sums of squares of all parts of a batch joined; running statistics moved.",
    .in = {OWN("total_sum"), OWN("total_square_sum"), COUNTS("sample_count"), MAYBE("mean"),
           MAYBE("variance")},
    .out = {TENSOR("batch_mean"), TENSOR("batch_invstd"), MAYBE("mean"), MAYBE("variance")},
    .attr = NUMBERS,
    .infer = infer,
    .run = run,
    .run0 = run0,
    .family = &sums_form,
    .cases = "tolerance=reduction [3,5],[3,5]@20..90,i32[3]@20..30,[5],[5] "
             "[2,4],[2,4]@20..90,[2]@20..30,[4],[4]|momentum=0.7,eps=0.01",
};

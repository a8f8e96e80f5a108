/* ctc.c - CTCLossV2 and its gradient: how unlikely a label sequence is under [time, sample, class]
 * log probabilities, over all its alignments (Graves et al., 2006).
 *
 * A path has the labels with blanks before, between and behind them; log_alpha keeps, for each
 * sample, time and position of the path, the log probability of all ways to be there. Everything is
 * computed in double. An impossible sequence's loss is infinite; with zero_infinity its gradient
 * is 0 (to make the loss 0 too is the client's). */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include <math.h>
#include <stdatomic.h>

enum { LOG_PROBS, TARGETS, GRAD_OUT, LOSSES, ALPHA_IN }; /* inputs; the last three: gradient's */
enum { LOSS, ALPHA };                                    /* outputs of the loss */
enum { INPUT_LENGTHS, TARGET_LENGTHS, BLANK, ZERO_INFINITY }; /* attributes */

typedef struct ctc_job {
    const acn_call *call;
    const acn_tensor *log_probs, *targets;
    int64_t times, samples, classes, width; /* width: of log_alpha */
    int64_t blank;
    const int64_t *input_lengths, *target_lengths;
    char *room;                 /* a path's arrays, for each sample */
    _Atomic int64_t bad_sample; /* whose labels name no class; -1: none */
} ctc_job;

static int64_t samples_of(const acn_call *c) {
    const acn_tensor *p = acn_in(c, LOG_PROBS);
    return p->rank == 3 ? p->dims[1] : 1;
}
static int64_t classes_of(const acn_call *c) {
    const acn_tensor *p = acn_in(c, LOG_PROBS);
    return p->dims[p->rank - 1];
}

/* ---- checks ---------------------------------------------------------------------------------- */

static acn_status check_lengths(const acn_call *c, int attr, int64_t limit, int64_t *out_sum,
                                int64_t *out_longest) {
    int64_t count, samples = samples_of(c);
    const int64_t *lengths = acn_attr_ints(c, attr, &count);
    *out_sum = *out_longest = 0;
    if (count != samples)
        return acn_bad_attr(c, attr, "has %lld numbers; expected one for each of %lld samples",
                            (long long)count, (long long)samples);
    for (int64_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || lengths[i] > limit)
            return acn_bad_attr(c, attr, "has %lld; expected 0 to %lld", (long long)lengths[i],
                                (long long)limit);
        *out_sum += lengths[i];
        if (lengths[i] > *out_longest) *out_longest = lengths[i];
    }
    return ACN_OK;
}

/* Gives the number of positions of the longest path. */
static acn_status check_inputs(const acn_call *c, int64_t *out_positions) {
    const acn_tensor *p = acn_in(c, LOG_PROBS), *targets = acn_in(c, TARGETS);
    int64_t sum, longest;
    if (p->rank != 2 && p->rank != 3)
        return acn_bad_input(c, LOG_PROBS, "expected [time, sample, class] or [time, class]");
    if (targets->rank != 1 && (targets->rank != 2 || targets->dims[0] != samples_of(c)))
        return acn_bad_input(c, TARGETS, "expected [sample, label], or all labels in a row");
    ACN_TRY(check_lengths(c, INPUT_LENGTHS, p->dims[0], &sum, &longest));
    ACN_TRY(check_lengths(c, TARGET_LENGTHS, targets->dims[targets->rank - 1], &sum, &longest));
    if (targets->rank == 1 && sum > targets->dims[0])
        return acn_bad_input(c, TARGETS, "expected at least %lld labels", (long long)sum);
    if (acn_attr_int(c, BLANK) < 0 || acn_attr_int(c, BLANK) >= classes_of(c))
        return acn_bad_attr(c, BLANK, "expected a class, 0 to %lld", (long long)classes_of(c) - 1);
    *out_positions = 2 * longest + 1;
    return ACN_OK;
}

static acn_status loss_infer(acn_call *c) {
    int64_t positions;
    ACN_TRY(check_inputs(c, &positions));
    const acn_tensor *p = acn_in(c, LOG_PROBS), *alpha = acn_out(c, ALPHA);
    int64_t dims[] = {samples_of(c), p->dims[0], positions};
    if (alpha && alpha->rank == 3 && alpha->dims[2] > positions) dims[2] = alpha->dims[2];
    acn_out_is(c, LOSS, p->dtype, 1, dims);
    acn_out_is(c, ALPHA, p->dtype, 3, dims);
    return ACN_OK;
}

static acn_status grad_infer(acn_call *c) {
    int64_t positions;
    ACN_TRY(check_inputs(c, &positions));
    const acn_tensor *p = acn_in(c, LOG_PROBS), *alpha = acn_in(c, ALPHA_IN);
    for (int slot = GRAD_OUT; slot <= LOSSES; slot++)
        if (acn_tensor_count(acn_in(c, slot)) != samples_of(c))
            return acn_bad_input(c, slot, "expected one for each sample");
    if (alpha->rank != 3 || alpha->dims[0] != samples_of(c) || alpha->dims[1] != p->dims[0] ||
        alpha->dims[2] < positions)
        return acn_bad_input(c, ALPHA_IN, "expected [sample, time, at least %lld positions]",
                             (long long)positions);
    acn_out_like(c, 0, p->dtype, p);
    return ACN_OK;
}

static const acn_tensor *alpha_of(const acn_call *c) {
    return acn_out_count(c, ALPHA) ? acn_out(c, ALPHA) : acn_in(c, ALPHA_IN);
}

/* What path_make cuts up. */
static int64_t room_each(const acn_call *c) {
    return 8 * (3 * alpha_of(c)->dims[2] + classes_of(c));
}

static acn_status plan(acn_call *c) {
    int64_t cells = acn_tensor_count(alpha_of(c)) + acn_tensor_count(acn_in(c, LOG_PROBS));
    c->plan->workspace_bytes = (uint64_t)(samples_of(c) * room_each(c));
    c->plan->cost_us = (uint32_t)(cells / 20 & 0x7fffffff);
    return ACN_OK;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static double load3(const acn_tensor *t, int64_t a, int64_t b, int64_t c) {
    int64_t at = a * t->strides[0] + c * t->strides[t->rank - 1];
    if (t->rank == 3) at += b * t->strides[1];
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}
static double load1(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store3(const acn_tensor *t, int64_t a, int64_t b, int64_t c, double v) {
    int64_t at = a * t->strides[0] + c * t->strides[t->rank - 1];
    if (t->rank == 3) at += b * t->strides[1];
    acn_store_value((char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype,
                    (acn_value){.f = v});
}

/* log(e^a + e^b) */
static double log_add(double a, double b) {
    if (a == -INFINITY) return b;
    if (b == -INFINITY) return a;
    double top = a > b ? a : b;
    return top + log1p(exp(-fabs(a - b)));
}

/* The class at position |s| of a sample's path; -1 when a label names none. */
static int64_t class_at(const ctc_job *j, int64_t sample, int64_t s) {
    if (s % 2 == 0) return j->blank;
    const acn_tensor *t = j->targets;
    int64_t at = s / 2;
    if (t->rank == 1)
        for (int64_t i = 0; i < sample; i++)
            at += j->target_lengths[i];
    at = at * t->strides[t->rank - 1] + (t->rank == 2 ? sample * t->strides[0] : 0);
    int64_t class =
        acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype).i;
    return class >= 0 && class < j->classes ? class : -1;
}

typedef struct path {
    int64_t sample, length, positions; /* length in time */
    double *last, *now, *ways;         /* two rows of positions, one of classes */
    int64_t *classes;                  /* of each position */
} path;

/* False when a label names no class. */
static bool path_make(ctc_job *j, int64_t sample, path *p) {
    double *room = (double *)(j->room + sample * room_each(j->call));
    *p = (path){.sample = sample,
                .length = j->input_lengths[sample],
                .positions = 2 * j->target_lengths[sample] + 1,
                .last = room,
                .now = room + j->width,
                .classes = (int64_t *)(room + 2 * j->width),
                .ways = room + 3 * j->width};
    for (int64_t s = 0; s < p->positions; s++) {
        p->classes[s] = class_at(j, sample, s);
        if (p->classes[s] >= 0) continue;
        atomic_store(&j->bad_sample, sample);
        return false;
    }
    return true;
}

static void path_swap(path *p) {
    double *swap = p->last;
    p->last = p->now;
    p->now = swap;
}

/* Whether a path may go from position |s| - 2 to |s|: not over the blank between equal labels. */
static bool skips(const path *p, int64_t s) {
    return s >= 2 && s % 2 == 1 && p->classes[s] != p->classes[s - 2];
}

static double prob_at(const ctc_job *j, const path *p, int64_t t, int64_t s) {
    return load3(j->log_probs, t, p->sample, p->classes[s]);
}

static ctc_job job_of(const acn_call *c) {
    const acn_tensor *p = acn_in(c, LOG_PROBS);
    int64_t count;
    return (ctc_job){.call = c,
                     .log_probs = p,
                     .targets = acn_in(c, TARGETS),
                     .times = p->dims[0],
                     .samples = samples_of(c),
                     .classes = classes_of(c),
                     .width = alpha_of(c)->dims[2],
                     .blank = acn_attr_int(c, BLANK),
                     .input_lengths = acn_attr_ints(c, INPUT_LENGTHS, &count),
                     .target_lengths = acn_attr_ints(c, TARGET_LENGTHS, &count),
                     .room = c->workspace,
                     .bad_sample = -1};
}

static acn_status bad_label(const ctc_job *j, int64_t sample) {
    return acn_fail(ACN_EXECUTION, "%s: a label of sample %lld is no class; expected 0 to %lld",
                    acn_input_name(j->call, TARGETS), (long long)sample, (long long)j->classes - 1);
}

static acn_status run_samples(const acn_call *c, void (*one)(void *, int64_t, int)) {
    ctc_job j = job_of(c);
    acn_pool_run(j.samples, one, &j);
    int64_t bad = atomic_load(&j.bad_sample);
    return bad < 0 ? ACN_OK : bad_label(&j, bad);
}

/* ---- loss ------------------------------------------------------------------------------------ */

/* The log probability of all ways to be at position |s| at time |t|. */
static double alpha_at(const ctc_job *j, const path *p, int64_t t, int64_t s) {
    double v = -INFINITY;
    if (t >= p->length || s >= p->positions) return v;
    if (t == 0) {
        if (s < 2) v = 0;
    } else {
        v = p->last[s];
        if (s >= 1) v = log_add(v, p->last[s - 1]);
        if (skips(p, s)) v = log_add(v, p->last[s - 2]);
    }
    return v == -INFINITY ? v : v + prob_at(j, p, t, s);
}

static void loss_sample(void *context, int64_t n, int worker) {
    (void)worker;
    ctc_job *j = context;
    const acn_tensor *loss = acn_out(j->call, LOSS), *alpha = acn_out(j->call, ALPHA);
    path p;
    if (!path_make(j, n, &p)) return;
    if (p.length == 0) store3(loss, n, 0, 0, p.positions == 1 ? 0 : INFINITY);
    for (int64_t t = 0; t < j->times; t++) {
        for (int64_t s = 0; s < j->width; s++) {
            p.now[s] = alpha_at(j, &p, t, s);
            store3(alpha, n, t, s, p.now[s]);
        }
        if (t == p.length - 1) {
            double sum = p.now[p.positions - 1];
            if (p.positions > 1) sum = log_add(sum, p.now[p.positions - 2]);
            store3(loss, n, 0, 0, -sum);
        }
        path_swap(&p);
    }
}

static acn_status loss_run(acn_call *c) { return run_samples(c, loss_sample); }

/* ---- gradient -------------------------------------------------------------------------------- */

/* The log probability of all ways from position |s| at time |t| to the end. */
static double beta_at(const ctc_job *j, const path *p, int64_t t, int64_t s) {
    double v = -INFINITY;
    if (t == p->length - 1) {
        if (s >= p->positions - 2) v = 0;
    } else {
        v = p->last[s];
        if (s + 1 < p->positions) v = log_add(v, p->last[s + 1]);
        if (s + 2 < p->positions && skips(p, s + 2)) v = log_add(v, p->last[s + 2]);
    }
    return v == -INFINITY ? v : v + prob_at(j, p, t, s);
}

static void grad_sample(void *context, int64_t n, int worker) {
    (void)worker;
    ctc_job *j = context;
    const acn_tensor *grad = acn_out(j->call, 0), *alpha = acn_in(j->call, ALPHA_IN);
    double scale = load1(acn_in(j->call, GRAD_OUT), n), loss = load1(acn_in(j->call, LOSSES), n);
    path p;
    if (!path_make(j, n, &p)) return;
    if (isinf(loss) && acn_attr_int(j->call, ZERO_INFINITY)) p.length = 0;
    for (int64_t t = p.length; t < j->times; t++)
        for (int64_t k = 0; k < j->classes; k++)
            store3(grad, t, n, k, 0);
    for (int64_t t = p.length - 1; t >= 0; t--, path_swap(&p)) {
        for (int64_t k = 0; k < j->classes; k++)
            p.ways[k] = -INFINITY;
        for (int64_t s = 0; s < p.positions; s++) {
            p.now[s] = beta_at(j, &p, t, s);
            double *ways = &p.ways[p.classes[s]];
            *ways = log_add(*ways, load3(alpha, n, t, s) + p.now[s]);
        }
        for (int64_t k = 0; k < j->classes; k++) {
            double v = load3(j->log_probs, t, n, k);
            bool has_none = p.ways[k] == -INFINITY && isfinite(loss);
            double share = has_none ? 0 : exp(p.ways[k] + loss - v);
            store3(grad, t, n, k, (exp(v) - share) * scale);
        }
    }
}

static acn_status grad_run(acn_call *c) { return run_samples(c, grad_sample); }

/* ---- level 0: probabilities themselves, every way walked by recursion ------------------------ */

static double prob0(const ctc_job *j, int64_t n, int64_t t, int64_t s) {
    return exp(load3(j->log_probs, t, n, class_at(j, n, s)));
}
static bool skips0(const ctc_job *j, int64_t n, int64_t s) {
    return s >= 2 && s % 2 == 1 && class_at(j, n, s) != class_at(j, n, s - 2);
}

static double alpha0(const ctc_job *j, int64_t n, int64_t t, int64_t s) {
    if (s < 0 || s > 2 * j->target_lengths[n] || t >= j->input_lengths[n]) return 0;
    if (t == 0) return s < 2 ? prob0(j, n, t, s) : 0;
    double sum = alpha0(j, n, t - 1, s) + alpha0(j, n, t - 1, s - 1);
    if (skips0(j, n, s)) sum += alpha0(j, n, t - 1, s - 2);
    return sum * prob0(j, n, t, s);
}

static double beta0(const ctc_job *j, int64_t n, int64_t t, int64_t s) {
    int64_t last = 2 * j->target_lengths[n];
    if (s > last) return 0;
    if (t == j->input_lengths[n] - 1) return s >= last - 1 ? prob0(j, n, t, s) : 0;
    double sum = beta0(j, n, t + 1, s) + beta0(j, n, t + 1, s + 1);
    if (s + 2 <= last && skips0(j, n, s + 2)) sum += beta0(j, n, t + 1, s + 2);
    return sum * prob0(j, n, t, s);
}

static acn_status check_labels0(const ctc_job *j) {
    for (int64_t n = 0; n < j->samples; n++)
        for (int64_t s = 0; s <= 2 * j->target_lengths[n]; s++)
            if (class_at(j, n, s) < 0) return bad_label(j, n);
    return ACN_OK;
}

static acn_status loss_run0(acn_call *c) {
    ctc_job j = job_of(c);
    ACN_TRY(check_labels0(&j));
    for (int64_t n = 0; n < j.samples; n++) {
        int64_t last = 2 * j.target_lengths[n], end = j.input_lengths[n] - 1;
        for (int64_t t = 0; t < j.times; t++)
            for (int64_t s = 0; s < j.width; s++)
                store3(acn_out(c, ALPHA), n, t, s, log(alpha0(&j, n, t, s)));
        double sum = end < 0 ? last == 0 : alpha0(&j, n, end, last) + alpha0(&j, n, end, last - 1);
        store3(acn_out(c, LOSS), n, 0, 0, -log(sum));
    }
    return ACN_OK;
}

static double grad0(const ctc_job *j, int64_t n, int64_t t, int64_t class) {
    const acn_tensor *alpha = acn_in(j->call, ALPHA_IN);
    double p = exp(load3(j->log_probs, t, n, class)), loss = load1(acn_in(j->call, LOSSES), n);
    double sum = 0;
    if (t >= j->input_lengths[n]) return 0;
    for (int64_t s = 0; s <= 2 * j->target_lengths[n]; s++)
        if (class_at(j, n, s) == class) sum += exp(load3(alpha, n, t, s)) * beta0(j, n, t, s);
    return (p - sum * exp(loss) / p) * load1(acn_in(j->call, GRAD_OUT), n);
}

static acn_status grad_run0(acn_call *c) {
    ctc_job j = job_of(c);
    ACN_TRY(check_labels0(&j));
    for (int64_t n = 0; n < j.samples; n++)
        for (int64_t t = 0; t < j.times; t++)
            for (int64_t k = 0; k < j.classes; k++)
                store3(acn_out(c, 0), t, n, k, grad0(&j, n, t, k));
    return ACN_OK;
}

#define ATTRS                                                                                      \
    {.name = "input_lengths", .kind = ACN_ATTR_INTS, .is_required = true},                         \
        {.name = "target_lengths", .kind = ACN_ATTR_INTS, .is_required = true},                    \
        {.name = "blank", .kind = ACN_ATTR_INT}, {                                                 \
        .name = "zero_infinity", .kind = ACN_ATTR_BOOL                                             \
    }
#define LABELLED                                                                                   \
    {"log_probs", ACN_FLOATS, ACN_UNALIASED}, { "targets", ACN_INDEX_TYPES, ACN_UNALIASED }

ACN_OP(CTCLossV2) = {
    .name = "CTCLossV2",
    .doc = "How unlikely labels are under [time, sample, class] log probabilities.",
    .in = {LABELLED},
    .out = {{"neg_log_likelihood", ACN_FLOATS}, {"log_alpha", ACN_FLOATS}},
    .attr = {ATTRS},
    .infer = loss_infer,
    .plan = plan,
    .run = loss_run,
    .run0 = loss_run0,
    .cases = "tolerance=compound "
             "[5,2,4]@-3..0,i64[2,3]@1..3|input_lengths=[5,4],target_lengths=[2,3] "
             "[5,2,4]@-3..0,i32[4]@0..2|input_lengths=[5,3],target_lengths=[3,1],blank=3 "
             "[4,4]@-3..0,i64[3]@1..3|input_lengths=[4],target_lengths=[0] "
             "[4,2,4]@-3..0,i64[2,2]@1..3|input_lengths=[0,3],target_lengths=[2,1]",
};

ACN_OP(CTCLossV2Grad) = {
    .name = "CTCLossV2Grad",
    .doc = "Gradient of CTCLossV2 for its log probabilities.",
    .in = {LABELLED,
           {"grad_out", ACN_FLOATS, ACN_UNALIASED},
           {"neg_log_likelihood", ACN_FLOATS, ACN_UNALIASED},
           {"log_alpha", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"grad", ACN_FLOATS}},
    .attr = {ATTRS},
    .infer = grad_infer,
    .plan = plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "tolerance=contraction [5,2,4]@-3..0,i64[2,2]@1..3,[2],[2]@2..6,[2,5,5]@-6..-1|"
             "input_lengths=[5,4],target_lengths=[2,2] "
             "[4,1,3]@-3..0,i64[2]@1..2,[1],[1]@2..6,[1,4,8]@-6..-1|"
             "input_lengths=[3],target_lengths=[2],zero_infinity=1",
};

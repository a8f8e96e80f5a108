/* multilabel.c - MultilabelMarginLoss: for each row, how far its labelled classes fail to lie one
 * above the others:
 *
 *   sum over labels y, and classes k that are no label, of max(0, 1 - (x[y] - x[k])) / classes
 *
 * A row's labels end at the first -1. is_target tells which classes are labels. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/loss/loss.h"
#include <stdatomic.h>
#include <string.h>

enum { X, TARGET, Y = 0, IS_TARGET = 1, ROWS = 64 };

typedef struct margin_job {
    const acn_call *call;
    int64_t rows, classes;
    acn_reduction reduction;
    double *losses;  /* of each row */
    uint8_t *marked; /* which classes are a row's labels, for each chunk */
    _Atomic bool has_bad;
} margin_job;

static int64_t classes_of(const acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    return x->rank ? x->dims[x->rank - 1] : 1;
}
static int64_t rows_of(const acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    return x->rank == 2 ? x->dims[0] : 1;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *is_target = acn_out(c, IS_TARGET);
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(c, &reduction));
    if (x->rank > 2) return acn_bad_input(c, X, "expected [class] or [sample, class]");
    if (!acn_tensor_same_shape(acn_in(c, TARGET), x))
        return acn_bad_input(c, TARGET, "expected the shape of the scores");
    acn_out_is(c, Y, x->dtype, reduction == ACN_REDUCE_NONE && x->rank == 2, x->dims);
    acn_out_like(c, IS_TARGET, is_target ? ACN_UNDEFINED : x->dtype, x);
    if (is_target && acn_tensor_count(is_target) == acn_tensor_count(x))
        c->meta[IS_TARGET].rank = -1;
    return ACN_OK;
}

static int64_t chunks_of(int64_t rows) { return (rows + ROWS - 1) / ROWS; }

static acn_status plan(acn_call *c) {
    int64_t rows = rows_of(c), classes = classes_of(c);
    c->plan->workspace_bytes = (uint64_t)(rows * 8 + chunks_of(rows) * classes);
    c->plan->cost_us = (uint32_t)(rows * classes / 50 & 0x7fffffff);
    return ACN_OK;
}

/* Element |k| of a row of [class] or [sample, class]. */
static acn_value load(const acn_tensor *t, int64_t row, int64_t k) {
    int64_t at = t->rank ? k * t->strides[t->rank - 1] : 0;
    if (t->rank == 2) at += row * t->strides[0];
    const char *data = t->data;
    return acn_load_value(data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype);
}

static void store(const acn_tensor *t, int64_t at, double v) {
    if (t) acn_store_value(acn_tensor_at(t, at), t->dtype, (acn_value){.f = v});
}

/* How many labels the row has; they are marked. Negative when one names no class. */
static int64_t mark(const margin_job *j, int64_t row, uint8_t *marked) {
    const acn_tensor *target = acn_in(j->call, TARGET);
    memset(marked, 0, (size_t)j->classes);
    for (int64_t k = 0; k < j->classes; k++) {
        int64_t class = load(target, row, k).i;
        if (class == -1) return k;
        if (class < -1 || class >= j->classes) return -1;
        marked[class] = 1;
    }
    return j->classes;
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    margin_job *j = context;
    const acn_tensor *x = acn_in(j->call, X), *target = acn_in(j->call, TARGET);
    uint8_t *marked = j->marked + chunk * j->classes;
    int64_t end = (chunk + 1) * ROWS < j->rows ? (chunk + 1) * ROWS : j->rows;
    for (int64_t row = chunk * ROWS; row < end; row++) {
        int64_t labels = mark(j, row, marked);
        double sum = 0;
        if (labels < 0) {
            atomic_store(&j->has_bad, true);
            return;
        }
        for (int64_t l = 0; l < labels; l++) {
            double own = load(x, row, load(target, row, l).i).f;
            for (int64_t k = 0; k < j->classes; k++) {
                double z = 1 - own + load(x, row, k).f;
                if (!marked[k] && !(z <= 0)) sum += z;
            }
        }
        j->losses[row] = sum / (double)j->classes;
        for (int64_t k = 0; k < j->classes; k++)
            store(acn_out(j->call, IS_TARGET), row * j->classes + k, marked[k]);
    }
}

static acn_status bad_label(const acn_call *c) {
    return acn_fail(ACN_EXECUTION, "%s: a label names no class; expected -1 to %lld",
                    acn_input_name(c, TARGET), (long long)classes_of(c) - 1);
}

static void reduce(const acn_call *c, acn_reduction reduction, const double *losses) {
    const acn_tensor *y = acn_out(c, Y);
    int64_t rows = rows_of(c);
    double sum = 0;
    for (int64_t row = 0; row < rows; row++) {
        sum += losses[row];
        if (reduction == ACN_REDUCE_NONE) store(y, row, losses[row]);
    }
    if (reduction == ACN_REDUCE_MEAN) sum /= (double)rows;
    if (reduction != ACN_REDUCE_NONE) store(y, 0, sum);
}

static acn_status run(acn_call *c) {
    margin_job j = {
        .call = c, .rows = rows_of(c), .classes = classes_of(c), .losses = c->workspace};
    j.marked = (uint8_t *)(j.losses + j.rows);
    ACN_TRY(acn_loss_reduction(c, &j.reduction));
    acn_pool_run(chunks_of(j.rows), run_chunk, &j);
    if (atomic_load(&j.has_bad)) return bad_label(c);
    reduce(c, j.reduction, j.losses);
    return ACN_OK;
}

/* Whether class |k| is among the labels of |row| before the first -1. */
static bool is_label0(const acn_call *c, int64_t row, int64_t k) {
    for (int64_t l = 0; l < classes_of(c); l++) {
        int64_t class = load(acn_in(c, TARGET), row, l).i;
        if (class == -1) return false;
        if (class == k) return true;
    }
    return false;
}

static double row0(const acn_call *c, int64_t row) {
    const acn_tensor *x = acn_in(c, X), *target = acn_in(c, TARGET);
    int64_t classes = classes_of(c);
    double sum = 0;
    for (int64_t l = 0; l < classes && load(target, row, l).i != -1; l++)
        for (int64_t k = 0; k < classes; k++) {
            double z = 1 - load(x, row, load(target, row, l).i).f + load(x, row, k).f;
            if (!is_label0(c, row, k) && !(z <= 0)) sum += z;
        }
    return sum / (double)classes;
}

static acn_status run0(acn_call *c) {
    acn_reduction reduction;
    ACN_TRY(acn_loss_reduction(c, &reduction));
    int64_t rows = rows_of(c), classes = classes_of(c);
    double sum = 0;
    for (int64_t i = 0; i < rows * classes; i++) {
        int64_t class = load(acn_in(c, TARGET), i / classes, i % classes).i;
        if (class < -1 || class >= classes) return bad_label(c);
        store(acn_out(c, IS_TARGET), i, is_label0(c, i / classes, i % classes));
    }
    for (int64_t row = 0; row < rows; row++) {
        double loss = row0(c, row);
        sum += loss;
        if (reduction == ACN_REDUCE_NONE) store(acn_out(c, Y), row, loss);
    }
    if (reduction == ACN_REDUCE_MEAN) sum /= (double)rows;
    if (reduction != ACN_REDUCE_NONE) store(acn_out(c, Y), 0, sum);
    return ACN_OK;
}

ACN_OP(MultilabelMarginLoss) = {
    .name = "MultilabelMarginLoss",
    .doc = "How far labelled classes fail to lie one above the others; none, mean or sum.",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}, {"target", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}, {"is_target", ACN_FLOATS | ACN_INDEX_TYPES}},
    .attr = {ACN_LOSS_REDUCTION},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [3,5],i64[3,5]@-1..4 [3,5],i32[3,5]@0..4|reduction_mode=0 "
        "[70,4],i64[70,4]@-1..3|reduction=sum [5],i64[5]@-1..4 [],i64[]@-1..0|reduction_mode=0",
};

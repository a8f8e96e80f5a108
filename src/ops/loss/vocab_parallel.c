/* vocab_parallel.c - cross entropy of scores whose classes are spread over processes, in the three
 * parts between which they exchange numbers:
 *
 *   FusedLinearOnlineMaxSum          scores of the own classes; each row's greatest, the sum of
 *                                    powers, the target's score if the target is one of them
 *   FusedCrossEntropyLossWithMaxSum  loss and softmax from the numbers of all
 *   FusedLinearCrossEntropyLossGrad  gradients of rows and weights
 *
 * A mask has a bit for each row, the first of eight the highest: 1 where the target is another
 * process's, and behind the last row. Two steps have operators of their own here. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/norm/rows.h"
#include "ops/steps.h"
#include <math.h>
#include <string.h>

#define TARGETS (ACN_T(ACN_I32) | ACN_T(ACN_I64))
enum { ROWS_OF_A_BYTE = 8 };

static int64_t bytes_of(int64_t rows) { return (rows + ROWS_OF_A_BYTE - 1) / ROWS_OF_A_BYTE; }

static bool is_masked(const acn_tensor *mask, int64_t row) {
    uint8_t byte = *(const uint8_t *)acn_tensor_at(mask, row / ROWS_OF_A_BYTE);
    return byte >> (7 - row % ROWS_OF_A_BYTE) & 1;
}

static int64_t whole_at(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).i;
}
static double number_at(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store_at(const acn_tensor *t, int64_t i, double v) {
    acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v, .i = (int64_t)v});
}

static acn_status check_rows(const acn_call *c, int slot, int64_t rows) {
    const acn_tensor *t = acn_in(c, slot);
    if (!t || (t->rank == 1 && t->dims[0] == rows)) return ACN_OK;
    return acn_bad_input(c, slot, "expected one element for each of the %lld rows",
                         (long long)rows);
}

/* ---- the numbers of a row of scores ---------------------------------------------------------- */

enum { SCORES, S_TARGET, MOST = 0, SUM, PREDICTED, MASK, MASKED_TARGET, START = 0, END = 1 };

static acn_status online_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, SCORES), *target = acn_in(c, S_TARGET);
    if (x->rank != 2) return acn_bad_input(c, SCORES, "expected [rows, classes]");
    if (x->dims[1] < 1) return acn_bad_input(c, SCORES, "expected at least one class");
    ACN_TRY(check_rows(c, S_TARGET, x->dims[0]));
    int64_t bytes = bytes_of(x->dims[0]);
    for (int slot = MOST; slot <= PREDICTED; slot++)
        acn_out_is(c, slot, ACN_F32, 1, &x->dims[0]);
    acn_out_is(c, MASK, ACN_U8, 1, &bytes);
    acn_out_is(c, MASKED_TARGET, target->dtype, 1, &x->dims[0]);
    return ACN_OK;
}

static acn_status online_plan(acn_call *c) {
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, SCORES)) / 1000 & 0x7fffffff);
    return ACN_OK;
}

/* The target's own number, or -1 where it is another process's. */
static int64_t own_class(const acn_call *c, int64_t row) {
    int64_t target = whole_at(acn_in(c, S_TARGET), row), start = acn_attr_int(c, START);
    return target < start || target > acn_attr_int(c, END) ? -1 : target - start;
}

static acn_status check_targets(const acn_call *c) {
    int64_t classes = acn_in(c, SCORES)->dims[1], start = acn_attr_int(c, START);
    for (int64_t row = 0; row < acn_in(c, SCORES)->dims[0]; row++)
        if (own_class(c, row) >= classes)
            return acn_bounds_fail(c, S_TARGET, 0, (acn_bounds){start, start + classes},
                                   whole_at(acn_in(c, S_TARGET), row), row);
    return ACN_OK;
}

static double power_sum(const float *x, int64_t n, double most) {
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile by, tile;
    double sum = 0;
    acn_row_splat(ACN_K_F32, &by, most, n < ACN_ROW_TILE ? n : ACN_ROW_TILE);
    for (int64_t from = 0; from < n; from += ACN_ROW_TILE) {
        int64_t count = n - from < ACN_ROW_TILE ? n - from : ACN_ROW_TILE;
        micro[ACN_U_SUB][ACN_K_F32](&tile, x + from, &by, NULL, count);
        micro[ACN_U_EXP][ACN_K_F32](&tile, &tile, NULL, NULL, count);
        sum += acn_row_sum(ACN_K_F32, &tile, count);
    }
    return sum;
}

static void store_row(const acn_call *c, int64_t row, double most, double sum) {
    int64_t own = own_class(c, row), classes = acn_in(c, SCORES)->dims[1];
    store_at(acn_out(c, MOST), row, most);
    store_at(acn_out(c, SUM), row, sum);
    store_at(acn_out(c, PREDICTED), row,
             own < 0 ? 0 : number_at(acn_in(c, SCORES), row * classes + own) - most);
    store_at(acn_out(c, MASKED_TARGET), row, own < 0 ? 0 : (double)own);
}

static void store_byte(const acn_call *c, int64_t byte) {
    int64_t rows = acn_in(c, SCORES)->dims[0];
    unsigned bits = 0;
    for (int64_t row = byte * ROWS_OF_A_BYTE; row < (byte + 1) * ROWS_OF_A_BYTE; row++)
        bits = bits << 1 | (row >= rows || own_class(c, row) < 0);
    *(uint8_t *)acn_tensor_at(acn_out(c, MASK), byte) = (uint8_t)bits;
}

static void run_byte(void *context, int64_t byte, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *x = acn_in(c, SCORES);
    int64_t n = x->dims[1], end = (byte + 1) * ROWS_OF_A_BYTE;
    for (int64_t row = byte * ROWS_OF_A_BYTE; row < end && row < x->dims[0]; row++) {
        const float *scores = (const float *)x->data + row * x->strides[0];
        double most = acn_row_max(ACN_K_F32, scores, n, -INFINITY);
        store_row(c, row, most, power_sum(scores, n, most));
    }
    store_byte(c, byte);
}

static acn_status online_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, SCORES);
    int64_t n = x->dims[1];
    ACN_TRY(check_targets(c));
    for (int64_t row = 0; row < x->dims[0]; row++) {
        double most = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++)
            most = fmax(most, number_at(x, row * n + i));
        for (int64_t i = 0; i < n; i++)
            sum += exp(number_at(x, row * n + i) - most);
        store_row(c, row, most, sum);
    }
    for (int64_t byte = 0; byte < bytes_of(x->dims[0]); byte++)
        store_byte(c, byte);
    return ACN_OK;
}

static acn_status online_run(acn_call *c) {
    const acn_tensor *x = acn_in(c, SCORES);
    if (x->strides[1] != 1) return online_run0(c); /* the step's scores lie side by side */
    ACN_TRY(check_targets(c));
    acn_pool_run(bytes_of(x->dims[0]), run_byte, c);
    return ACN_OK;
}

/* clang-format off */
#define F32(name) {name, ACN_T(ACN_F32)}
#define MAYBE_F32(name) {name, ACN_T(ACN_F32), ACN_OPTIONAL | ACN_UNALIASED}
#define OWN(name, types) {name, types, ACN_UNALIASED}
#define RANGE {{.name = "vocab_start_index", .kind = ACN_ATTR_INT}, {.name = "vocab_end_index", .kind = ACN_ATTR_INT}}
#define OF_A_ROW F32("logits_max"), F32("sum_exp_logits"), F32("predicted_logits"), {"target_mask", ACN_T(ACN_U8)}, {"masked_target", TARGETS}
/* clang-format on */

ACN_OP(OnlineMaxSum) = {
    .name = "OnlineMaxSum",
    .doc = "Of rows of scores: the greatest, the sum of powers, the target's score and a mask",
    .in = {OWN("logits", ACN_T(ACN_F32)), OWN("target", TARGETS)},
    .out = {OF_A_ROW},
    .attr = RANGE,
    .infer = online_infer,
    .plan = online_plan,
    .run = online_run,
    .run0 = online_run0,
    .cases = "tolerance=reduction f32[11,7],i64[11]@0..20|vocab_start_index=5,vocab_end_index=11 "
             "f32[3,1500],i32[3]@0..20|vocab_start_index=0,vocab_end_index=9",
};

/* ---- FusedLinearOnlineMaxSum ----------------------------------------------------------------- */

enum { INPUT, WEIGHT, TARGET, LOGITS = 5 };
#define MATRICES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

static acn_status check_product(const acn_call *c, int input, int weight) {
    const acn_tensor *x = acn_in(c, input), *w = acn_in(c, weight);
    if (x->rank != 2) return acn_bad_input(c, input, "expected [rows, features]");
    if (w->rank == 2 && w->dims[1] == x->dims[1] && w->dtype == x->dtype) return ACN_OK;
    return acn_bad_input(c, weight, "expected [classes, %lld] of the input's type",
                         (long long)x->dims[1]);
}

static acn_status linear_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, INPUT), *w = acn_in(c, WEIGHT);
    ACN_TRY(check_product(c, INPUT, WEIGHT));
    if (w->dims[0] < 1) return acn_bad_input(c, WEIGHT, "expected at least one class");
    ACN_TRY(check_rows(c, TARGET, x->dims[0]));
    int64_t start = acn_attr_int(c, START), end = acn_attr_int(c, END),
            bytes = bytes_of(x->dims[0]);
    if (start < 0) return acn_bad_attr(c, START, "is %lld; expected at least 0", (long long)start);
    if (end < start)
        return acn_bad_attr(c, END, "is %lld; expected at least the start, %lld", (long long)end,
                            (long long)start);
    for (int slot = MOST; slot <= PREDICTED; slot++)
        acn_out_is(c, slot, ACN_F32, 1, &x->dims[0]);
    acn_out_is(c, MASK, ACN_U8, 1, &bytes);
    acn_out_is(c, MASKED_TARGET, acn_in(c, TARGET)->dtype, 1, &x->dims[0]);
    const int64_t dims[] = {x->dims[0], w->dims[0]};
    const acn_tensor *logits = acn_out(c, LOGITS);
    acn_out_is(c, LOGITS, logits ? ACN_UNDEFINED : x->dtype, 2, dims);
    if (logits && acn_tensor_count(logits) == 0) c->meta[LOGITS].rank = -1; /* not wanted */
    return ACN_OK;
}

/* Scores in a room: input times the transposed weights. */
static acn_tensor scores_of(acn_steps *s, const acn_call *c, int input, int weight) {
    static const int64_t turned[] = {1, 0};
    const int64_t dims[] = {acn_in(c, input)->dims[0], acn_in(c, weight)->dims[0]};
    acn_tensor scores = acn_steps_room(s, ACN_F32, 2, dims), w = acn_steps_in(s, weight);
    acn_step_binary(s, "MatMul", acn_steps_in(s, input), acn_view_permuted(&w, turned), scores);
    return scores;
}

static acn_status linear_plan(acn_call *c) {
    static const char *const names[] = {"logits_max", "sum_exp_logits", "predicted_logits",
                                        "target_mask", "masked_target"};
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor scores = scores_of(s, c, INPUT, WEIGHT);
    acn_step(s, "OnlineMaxSum");
    acn_step_in(s, "logits", scores);
    acn_step_in(s, "target", acn_steps_in(s, TARGET));
    for (int slot = MOST; slot <= MASKED_TARGET; slot++)
        acn_step_out(s, names[slot], acn_steps_out(s, slot));
    acn_step_attr(s, "vocab_start_index", START);
    acn_step_attr(s, "vocab_end_index", END);
    const acn_tensor *logits = acn_out(c, LOGITS);
    if (logits && acn_tensor_count(logits) > 0)
        acn_step_unary(s, "TensorMove", scores, acn_steps_out(s, LOGITS));
    return acn_steps_end(s);
}

static double score0(const acn_call *c, int input, int weight, int64_t row, int64_t class) {
    const acn_tensor *x = acn_in(c, input), *w = acn_in(c, weight);
    double sum = 0;
    for (int64_t h = 0; h < x->dims[1]; h++)
        sum += number_at(x, row * x->dims[1] + h) * number_at(w, class * x->dims[1] + h);
    return sum;
}

static acn_status linear_run0(acn_call *c) {
    int64_t rows = acn_in(c, INPUT)->dims[0], n = acn_in(c, WEIGHT)->dims[0];
    const acn_tensor *target = acn_in(c, TARGET), *logits = acn_out(c, LOGITS);
    int64_t start = acn_attr_int(c, START), bytes = bytes_of(rows);
    for (int64_t i = 0; i < bytes; i++)
        *(uint8_t *)acn_tensor_at(acn_out(c, MASK), i) = 0;
    for (int64_t row = 0; row < bytes * ROWS_OF_A_BYTE; row++) {
        int64_t class = row < rows ? whole_at(target, row) - start : -1;
        bool is_foreign = class < 0 || class > acn_attr_int(c, END) - start;
        uint8_t *byte = (uint8_t *)acn_tensor_at(acn_out(c, MASK), row / 8);
        if (is_foreign) *byte |= (uint8_t)(0x80 >> row % 8);
        if (row >= rows) continue;
        if (!is_foreign && class >= n)
            return acn_bounds_fail(c, TARGET, 0, (acn_bounds){start, start + n},
                                   whole_at(target, row), row);
        double most = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++)
            most = fmax(most, score0(c, INPUT, WEIGHT, row, i));
        for (int64_t i = 0; i < n; i++) {
            double score = score0(c, INPUT, WEIGHT, row, i);
            sum += exp(score - most);
            if (logits && acn_tensor_count(logits) > 0) store_at(logits, row * n + i, score);
        }
        store_at(acn_out(c, MOST), row, most);
        store_at(acn_out(c, SUM), row, sum);
        store_at(acn_out(c, PREDICTED), row,
                 is_foreign ? 0 : score0(c, INPUT, WEIGHT, row, class) - most);
        store_at(acn_out(c, MASKED_TARGET), row, is_foreign ? 0 : (double)class);
    }
    return ACN_OK;
}

ACN_OP(FusedLinearOnlineMaxSum) = {
    .name = "FusedLinearOnlineMaxSum",
    .doc = "Scores of some classes, and of each row what the cross entropy over all of them needs",
    .in = {OWN("input", MATRICES), OWN("weight", MATRICES), OWN("target", TARGETS)},
    .out = {OF_A_ROW, {"vocab_parallel_logits", MATRICES, ACN_OPTIONAL}},
    .attr = RANGE,
    .infer = linear_infer,
    .plan = linear_plan,
    .run = acn_steps_run,
    .run0 = linear_run0,
    .cases = "tolerance=contraction "
             "[11,5],[7,5],i64[11]@0..20|vocab_start_index=5,vocab_end_index=11 "
             "[3,9],[150,9],i32[3]@0..20|vocab_start_index=0,vocab_end_index=9",
};

/* ---- FusedCrossEntropyLossWithMaxSum --------------------------------------------------------- */

enum { L_MOST, L_SUM, L_PREDICTED, L_INPUT, L_WEIGHT, L_LOGITS, LOSS = 0, SOFTMAX = 1 };

static acn_status check_smoothing(const acn_call *c) {
    if (acn_attr_float(c, 0) == 0) return ACN_OK;
    return acn_bad_attr(c, 0, "is %g; only 0 works", acn_attr_float(c, 0));
}

static bool wants_softmax(const acn_call *c) {
    return acn_in(c, L_LOGITS) && acn_out(c, SOFTMAX) && acn_tensor_count(acn_in(c, L_LOGITS)) > 0;
}

static acn_status loss_infer(acn_call *c) {
    const acn_tensor *most = acn_in(c, L_MOST), *logits = acn_in(c, L_LOGITS);
    if (most->rank != 1) return acn_bad_input(c, L_MOST, "expected one dimension");
    ACN_TRY(check_rows(c, L_SUM, most->dims[0]));
    ACN_TRY(check_rows(c, L_PREDICTED, most->dims[0]));
    if (logits && (logits->rank != 2 || logits->dims[0] != most->dims[0]))
        return acn_bad_input(c, L_LOGITS, "expected [%lld, classes]", (long long)most->dims[0]);
    acn_out_like(c, LOSS, ACN_F32, most);
    if (wants_softmax(c)) acn_out_like(c, SOFTMAX, ACN_F32, logits);
    return ACN_OK;
}

static acn_tensor as_column(acn_tensor t) {
    t.rank = 2;
    t.dims[1] = 1, t.strides[1] = 1;
    return t;
}

static acn_status loss_plan(acn_call *c) {
    const acn_tensor *most = acn_in(c, L_MOST), *logits = acn_in(c, L_LOGITS);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor logs = acn_steps_room(s, ACN_F32, 1, most->dims);
    acn_step_unary(s, "Log", acn_steps_in(s, L_SUM), logs);
    acn_step_binary(s, "Sub", logs, acn_steps_in(s, L_PREDICTED), acn_steps_out(s, LOSS));
    if (wants_softmax(c)) {
        acn_tensor room = acn_steps_room(s, ACN_F32, 2, logits->dims);
        acn_step_unary(s, "TensorMove", acn_steps_in(s, L_LOGITS), room);
        acn_step_binary(s, "Sub", room, as_column(acn_steps_in(s, L_MOST)), room);
        acn_step_unary(s, "Exp", room, room);
        acn_step_binary(s, "RealDiv", room, as_column(acn_steps_in(s, L_SUM)),
                        acn_steps_out(s, SOFTMAX));
    }
    return acn_steps_end(s);
}

static acn_status loss_run0(acn_call *c) {
    const acn_tensor *logits = acn_in(c, L_LOGITS);
    for (int64_t i = 0; i < acn_in(c, L_MOST)->dims[0]; i++) {
        double sum = number_at(acn_in(c, L_SUM), i), most = number_at(acn_in(c, L_MOST), i);
        store_at(acn_out(c, LOSS), i, log(sum) - number_at(acn_in(c, L_PREDICTED), i));
        for (int64_t k = 0; wants_softmax(c) && k < logits->dims[1]; k++)
            store_at(acn_out(c, SOFTMAX), i * logits->dims[1] + k,
                     exp(number_at(logits, i * logits->dims[1] + k) - most) / sum);
    }
    return ACN_OK;
}

/* clang-format off */
#define SMOOTHING {{.name = "label_smoothing", .kind = ACN_ATTR_FLOAT, .is_value = true}}
/* clang-format on */

ACN_OP(FusedCrossEntropyLossWithMaxSum) = {
    .name = "FusedCrossEntropyLossWithMaxSum",
    .doc = "log(sum) - the target's score; and the softmax of scores",
    .in = {OWN("logits_max", ACN_T(ACN_F32)),
           OWN("sum_exp_logits", ACN_T(ACN_F32)),
           OWN("predicted_logits", ACN_T(ACN_F32)),
           {"input", MATRICES, ACN_OPTIONAL},
           {"weight", MATRICES, ACN_OPTIONAL},
           {"vocab_parallel_logits", MATRICES, ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {F32("loss"), {"softmax", ACN_T(ACN_F32), ACN_OPTIONAL}},
    .attr = SMOOTHING,
    .infer = loss_infer,
    .check = check_smoothing,
    .plan = loss_plan,
    .run = acn_steps_run,
    .run0 = loss_run0,
    .cases = "tolerance=reduction f32[5],f32[5]@1..9,f32[5],-,-,[5,7] "
             "f32[5],f32[5]@1..9,f32[5]",
};

/* ---- gradient of the scores, in place -------------------------------------------------------- */

enum { P_SOFTMAX, P_GRAD, P_MASK, P_TARGET };

static acn_status scores_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, P_SOFTMAX), *mask = acn_in(c, P_MASK);
    if (x->rank != 2) return acn_bad_input(c, P_SOFTMAX, "expected [rows, classes]");
    ACN_TRY(check_rows(c, P_GRAD, x->dims[0]));
    ACN_TRY(check_rows(c, P_TARGET, x->dims[0]));
    if (mask->rank != 1 || mask->dims[0] < bytes_of(x->dims[0]))
        return acn_bad_input(c, P_MASK, "expected a bit for each of the %lld rows",
                             (long long)x->dims[0]);
    acn_out_like(c, 0, ACN_F32, x);
    return ACN_OK;
}

static acn_status check_masked(const acn_call *c, int target_slot, int mask, int64_t rows,
                               int64_t classes) {
    acn_bounds size = acn_bounds_of(classes, false);
    for (int64_t row = 0; row < rows; row++) {
        int64_t target = whole_at(acn_in(c, target_slot), row);
        if (!is_masked(acn_in(c, mask), row) && acn_bounds_wrap(size, target) < 0)
            return acn_bounds_fail(c, target_slot, 0, size, target, row);
    }
    return ACN_OK;
}

static void scores_row(void *context, int64_t row, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *x = acn_in(c, P_SOFTMAX);
    int64_t n = x->dims[1], target = whole_at(acn_in(c, P_TARGET), row);
    if (is_masked(acn_in(c, P_MASK), row)) target = -1;
    float grad = (float)number_at(acn_in(c, P_GRAD), row);
    acn_tensor *y = acn_out(c, 0);
    const float *from = (const float *)x->data + row * x->strides[0];
    float *to = (float *)y->data + row * y->strides[0];
    for (int64_t i = 0; i < n; i++) {
        float p = from[i * x->strides[1]];
        to[i * y->strides[1]] = (i == target ? p - 1 : p) * grad;
    }
}

static acn_status scores_run(acn_call *c) {
    const acn_tensor *x = acn_in(c, P_SOFTMAX);
    ACN_TRY(check_masked(c, P_TARGET, P_MASK, x->dims[0], x->dims[1]));
    acn_pool_run(x->dims[0], scores_row, c);
    return ACN_OK;
}

static acn_status scores_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, P_SOFTMAX);
    ACN_TRY(check_masked(c, P_TARGET, P_MASK, x->dims[0], x->dims[1]));
    for (int64_t row = 0; row < x->dims[0]; row++)
        scores_row(c, row, 0);
    return ACN_OK;
}

ACN_OP(VocabParallelGrad) = {
    .name = "VocabParallelGrad",
    .doc = "(softmax - 1 at the target, if it is not masked) * the row's gradient",
    .in = {F32("softmax"), OWN("grad", ACN_T(ACN_F32)), OWN("target_mask", ACN_T(ACN_U8)),
           OWN("masked_target", TARGETS)},
    .out = {F32("y")},
    .infer = scores_infer,
    .run = scores_run,
    .run0 = scores_run0,
    .cases = "f32[11,7],f32[11],u8[2],i64[11]@0..6 f32[3,7],f32[3],u8[1],i32[3]@0..6",
};

/* ---- FusedLinearCrossEntropyLossGrad --------------------------------------------------------- */

enum { G_GRAD, G_INPUT, G_WEIGHT, G_MASK, G_TARGET, G_MOST, G_SUM, G_SOFTMAX };

static acn_status grad_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, G_INPUT), *w = acn_in(c, G_WEIGHT), *mask = acn_in(c, G_MASK);
    const acn_tensor *softmax = acn_in(c, G_SOFTMAX);
    ACN_TRY(check_product(c, G_INPUT, G_WEIGHT));
    int64_t rows = x->dims[0];
    const int each[] = {G_GRAD, G_TARGET, G_MOST, G_SUM};
    for (int i = 0; i < 4; i++)
        ACN_TRY(check_rows(c, each[i], rows));
    if (mask->rank != 1 || mask->dims[0] < bytes_of(rows))
        return acn_bad_input(c, G_MASK, "expected a bit for each of the %lld rows",
                             (long long)rows);
    if (!softmax && (!acn_in(c, G_MOST) || !acn_in(c, G_SUM)))
        return acn_bad_input(c, acn_in(c, G_MOST) ? G_SUM : G_MOST,
                             "needed where no softmax is given");
    if (softmax &&
        (softmax->rank != 2 || softmax->dims[0] != rows || softmax->dims[1] != w->dims[0]))
        return acn_bad_input(c, G_SOFTMAX, "expected [%lld, %lld]", (long long)rows,
                             (long long)w->dims[0]);
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    acn_out_like(c, 1, acn_out(c, 1) ? ACN_UNDEFINED : w->dtype, w);
    return ACN_OK;
}

/* An input as f32: products of two types are slow. */
static acn_tensor wide_in(acn_steps *s, const acn_call *c, int slot) {
    const acn_tensor *t = acn_in(c, slot);
    if (t->dtype == ACN_F32) return acn_steps_in(s, slot);
    acn_tensor room = acn_steps_room(s, ACN_F32, t->rank, t->dims);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, slot), room);
    return room;
}

static acn_status grad_plan(acn_call *c) {
    static const int64_t turned[] = {1, 0};
    const acn_tensor *softmax = acn_in(c, G_SOFTMAX);
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor room, from;
    if (softmax) {
        room = acn_steps_room(s, ACN_F32, 2, softmax->dims);
        from = acn_steps_in(s, G_SOFTMAX);
    } else {
        from = room = scores_of(s, c, G_INPUT, G_WEIGHT);
        acn_step_binary(s, "Sub", room, as_column(acn_steps_in(s, G_MOST)), room);
        acn_step_unary(s, "Exp", room, room);
        acn_step_binary(s, "RealDiv", room, as_column(acn_steps_in(s, G_SUM)), room);
    }
    acn_step_binary(s, "VocabParallelGrad", from, acn_steps_in(s, G_GRAD), room);
    acn_step_in(s, "target_mask", acn_steps_in(s, G_MASK));
    acn_step_in(s, "masked_target", acn_steps_in(s, G_TARGET));
    acn_step_binary(s, "MatMul", room, wide_in(s, c, G_WEIGHT), acn_steps_out(s, 0));
    acn_step_binary(s, "MatMul", acn_view_permuted(&room, turned), wide_in(s, c, G_INPUT),
                    acn_steps_out(s, 1));
    return acn_steps_end(s);
}

static double score_grad0(const acn_call *c, int64_t row, int64_t class) {
    const acn_tensor *softmax = acn_in(c, G_SOFTMAX);
    double p =
        softmax
            ? number_at(softmax, row * softmax->dims[1] + class)
            : exp(score0(c, G_INPUT, G_WEIGHT, row, class) - number_at(acn_in(c, G_MOST), row)) /
                  number_at(acn_in(c, G_SUM), row);
    bool is_own = !is_masked(acn_in(c, G_MASK), row);
    if (is_own && whole_at(acn_in(c, G_TARGET), row) == class) p -= 1;
    return p * number_at(acn_in(c, G_GRAD), row);
}

static acn_status grad_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, G_INPUT), *w = acn_in(c, G_WEIGHT);
    int64_t rows = x->dims[0], width = x->dims[1], classes = w->dims[0];
    ACN_TRY(check_masked(c, G_TARGET, G_MASK, rows, classes));
    for (int64_t i = 0; i < rows * width; i++) {
        double sum = 0;
        for (int64_t k = 0; k < classes; k++)
            sum += score_grad0(c, i / width, k) * number_at(w, k * width + i % width);
        store_at(acn_out(c, 0), i, sum);
    }
    for (int64_t i = 0; i < classes * width; i++) {
        double sum = 0;
        for (int64_t row = 0; row < rows; row++)
            sum += score_grad0(c, row, i / width) * number_at(x, row * width + i % width);
        store_at(acn_out(c, 1), i, sum);
    }
    return ACN_OK;
}

ACN_OP(FusedLinearCrossEntropyLossGrad) = {
    .name = "FusedLinearCrossEntropyLossGrad",
    .doc = "Gradients of the vocabulary-parallel cross entropy for rows and weights",
    .in = {OWN("grad", ACN_T(ACN_F32)), OWN("input", MATRICES), OWN("weight", MATRICES),
           OWN("target_mask", ACN_T(ACN_U8)), OWN("masked_target", TARGETS),
           MAYBE_F32("logits_max"), MAYBE_F32("sum_exp_logits"), MAYBE_F32("softmax")},
    .out = {{"input_grad", MATRICES}, {"weight_grad", MATRICES}},
    .attr = SMOOTHING,
    .infer = grad_infer,
    .check = check_smoothing,
    .plan = grad_plan,
    .run = acn_steps_run,
    .run0 = grad_run0,
    .cases = "tolerance=contraction f32[11],f32+f16+bf16[11,5],[7,5],u8[2],i64[11]@0..6,-,-,"
             "f32[11,7]@0..1 f32[3],f32[3,5],f32[7,5],u8[1],i32[3]@0..6,f32[3]@3..4,f32[3]@1..9",
};

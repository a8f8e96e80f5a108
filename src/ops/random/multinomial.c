/* multinomial.c - categories drawn by their weights, from a row or from each row of a matrix.
 *
 * With replacement: a number in [0, sum) is looked up in the sums so far. Without: the categories
 * whose weight divided by a waiting time is greatest, in that order, which is the same as drawing
 * one after the other. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/random/draw.h"
#include "ops/sort/keys.h"
#include <math.h>
#include <stdatomic.h>

enum { COUNT = ACN_DRAW_OWN, REPLACEMENT };

typedef struct rows {
    int64_t rows, categories, samples;
    int64_t x_steps[2], y_steps[2]; /* bytes; from row to row, inside a row */
} rows;

static acn_status read_rows(const acn_call *c, rows *r) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int last = x->rank - 1;
    if (x->rank != 1 && x->rank != 2) return acn_bad_input(c, 0, "expected one or two dimensions");
    *r = (rows){.rows = x->rank == 2 ? x->dims[0] : 1,
                .categories = x->dims[last],
                .samples = acn_attr_int(c, COUNT)};
    if (r->samples < 1) return acn_bad_attr(c, COUNT, "expected at least 1");
    if (!acn_attr_int(c, REPLACEMENT) && r->samples > r->categories)
        return acn_bad_attr(c, COUNT, "is %lld; without replacement expected at most %lld",
                            (long long)r->samples, (long long)r->categories);
    int64_t bytes = (int64_t)acn_dtype_bytes(x->dtype);
    r->x_steps[1] = x->strides[last] * bytes;
    r->x_steps[0] = x->rank == 2 ? x->strides[0] * bytes : 0;
    if (!y) return ACN_OK;
    r->y_steps[1] = y->strides[last] * (int64_t)sizeof(int64_t);
    r->y_steps[0] = x->rank == 2 ? y->strides[0] * (int64_t)sizeof(int64_t) : 0;
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    rows r;
    ACN_TRY(read_rows(c, &r));
    if (acn_in(c, 0)->rank == 2)
        acn_out_is(c, 0, ACN_I64, 2, (int64_t[]){r.rows, r.samples});
    else
        acn_out_is(c, 0, ACN_I64, 1, &r.samples);
    return ACN_OK;
}

static int64_t room_of(const rows *r) {
    return r->categories * (int64_t)(2 * sizeof(acn_wide_entry) + sizeof(double));
}

static acn_status plan(acn_call *c) {
    rows r;
    ACN_TRY(read_rows(c, &r));
    c->plan->workspace_bytes = (uint64_t)(r.rows * room_of(&r));
    c->plan->cost_us = (uint32_t)(r.rows * (r.categories + r.samples) / 50 & 0x7fffffff);
    return ACN_OK;
}

typedef struct task {
    const acn_call *call;
    rows r;
    acn_draw draw;
    _Atomic int64_t bad_row; /* plus 1; 0: none */
} task;

static double weight(const task *t, int64_t row, int64_t i) {
    const acn_tensor *x = acn_in(t->call, 0);
    return acn_load_value((const char *)x->data + row * t->r.x_steps[0] + i * t->r.x_steps[1],
                          x->dtype)
        .f;
}

static double unit(const task *t, int64_t number) {
    return ((double)acn_draw_word(&t->draw, number) + 0.5) * 0x1p-32;
}

static bool draw_again(const task *t, int64_t row, char *room, int64_t *y) {
    double *sums = (double *)room, total = 0;
    for (int64_t i = 0; i < t->r.categories; i++)
        sums[i] = total += weight(t, row, i);
    for (int64_t s = 0; s < t->r.samples; s++) {
        double wanted = unit(t, row * t->r.samples + s) * total;
        int64_t low = 0, high = t->r.categories - 1;
        while (low < high) {
            int64_t middle = (low + high) / 2;
            if (sums[middle] <= wanted)
                low = middle + 1;
            else
                high = middle;
        }
        *(int64_t *)((char *)y + s * t->r.y_steps[1]) = low;
    }
    return true;
}

static bool draw_others(const task *t, int64_t row, char *room, int64_t *y) {
    double *scores = (double *)room;
    char *entries = room + t->r.categories * (int64_t)sizeof *scores;
    char *more = entries + t->r.categories * (int64_t)sizeof(acn_wide_entry);
    int64_t possible = 0;
    for (int64_t i = 0; i < t->r.categories; i++) {
        double w = weight(t, row, i);
        scores[i] = w / -log(unit(t, row * t->r.categories + i));
        possible += w > 0;
    }
    if (possible < t->r.samples) return false;
    acn_sorter sorter = acn_sorter_of(ACN_F64, true);
    acn_sorter_load(&sorter, entries, room, sizeof *scores, t->r.categories, 0);
    acn_sorter_select(&sorter, entries, more, t->r.categories, t->r.samples);
    for (int64_t s = 0; s < t->r.samples; s++)
        *(int64_t *)((char *)y + s * t->r.y_steps[1]) = acn_sorter_index(&sorter, entries, s);
    return true;
}

static bool is_distribution(const task *t, int64_t row) {
    double total = 0;
    for (int64_t i = 0; i < t->r.categories; i++) {
        double w = weight(t, row, i);
        if (!(w >= 0) || isinf(w)) return false;
        total += w;
    }
    return total > 0;
}

static void run_row(void *context, int64_t row, int worker) {
    (void)worker;
    task *t = context;
    char *room = (char *)t->call->workspace + row * room_of(&t->r);
    int64_t *y = (int64_t *)((char *)acn_out(t->call, 0)->data + row * t->r.y_steps[0]);
    bool done = is_distribution(t, row);
    if (done && acn_attr_int(t->call, REPLACEMENT))
        done = draw_again(t, row, room, y);
    else if (done)
        done = draw_others(t, row, room, y);
    if (!done) atomic_store(&t->bad_row, row + 1);
}

static acn_status run(acn_call *c) {
    task t = {.call = c, .draw = acn_draw_begin(c)};
    ACN_TRY(read_rows(c, &t.r));
    acn_pool_run(t.r.rows, run_row, &t);
    if (!atomic_load(&t.bad_row)) return ACN_OK;
    return acn_fail(ACN_EXECUTION,
                    "row %lld is no distribution to draw %lld categories from; expected finite "
                    "weights of at least 0, and enough above it",
                    (long long)atomic_load(&t.bad_row) - 1, (long long)t.r.samples);
}

/* Level 0 finds each category by going through all of them. */
static acn_status run0(acn_call *c) {
    task t = {.call = c, .draw = acn_draw_begin(c)};
    ACN_TRY(read_rows(c, &t.r));
    bool again = acn_attr_int(c, REPLACEMENT);
    for (int64_t row = 0; row < t.r.rows; row++) {
        double total = 0;
        for (int64_t i = 0; i < t.r.categories; i++)
            total += weight(&t, row, i);
        for (int64_t s = 0; s < t.r.samples; s++) {
            double wanted = unit(&t, row * t.r.samples + s) * total, sum = 0;
            int64_t found = t.r.categories - 1;
            for (int64_t i = 0; i < t.r.categories; i++) {
                sum += weight(&t, row, i);
                if (!again) { /* the one that s others beat */
                    double own = weight(&t, row, i) / -log(unit(&t, row * t.r.categories + i));
                    int64_t place = 0;
                    for (int64_t j = 0; j < t.r.categories; j++) {
                        double other =
                            weight(&t, row, j) / -log(unit(&t, row * t.r.categories + j));
                        place += other > own || (other == own && j < i);
                    }
                    if (place == s) found = i;
                } else if (sum > wanted) {
                    found = i;
                    break;
                }
            }
            *(int64_t *)((char *)acn_out(c, 0)->data + row * t.r.y_steps[0] + s * t.r.y_steps[1]) =
                found;
        }
    }
    return ACN_OK;
}

ACN_OP(StatelessMultinomial) = {
    .name = "StatelessMultinomial",
    .doc = "num_samples categories by their weights x; Philox4x32-10 of seed and offset.",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}, ACN_DRAW_INPUTS},
    .out = {{"y", ACN_T(ACN_I64)}},
    .attr = {ACN_DRAW_ATTRS,
             {"num_samples", ACN_ATTR_INT, .fallback = 1},
             {"replacement", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "f32+f64+f16+bf16[9]@0.1..1|seed=1,num_samples=4 "
             "f32[3,50]@0.1..1|seed=2,num_samples=90,replacement=1 "
             "f32[5,70]@0.1..1|seed=3,offset=4,num_samples=70 f64[1]@1..1|num_samples=1",
};

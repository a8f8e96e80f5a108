/* top_k_top_p.c - ApplyTopKTopP: of each row of scores stay the k greatest, and of those the
 * greatest that together have probability p; the others become -inf. The greatest always stays.
 *
 * In ascending order, equal ones in the order of their indices, those go whose probabilities, added
 * up from the smallest, do not exceed 1 - p. */
#include "base/pool.h"
#include "ops/sort/keys.h"
#include <math.h>

enum { LOGITS, P, K, MAX_CHUNKS = 64 };
#define SCORES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

static acn_status check_each(const acn_call *c, int slot, int64_t rows) {
    const acn_tensor *t = acn_in(c, slot);
    if (!t || (t->rank == 1 && t->dims[0] == rows)) return ACN_OK;
    return acn_bad_input(c, slot, "expected one number for each of the %lld rows", (long long)rows);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, LOGITS);
    if (x->rank != 2) return acn_bad_input(c, LOGITS, "expected [rows, scores]");
    ACN_TRY(check_each(c, P, x->dims[0]));
    ACN_TRY(check_each(c, K, x->dims[0]));
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, LOGITS);
    int64_t chunks = x->dims[0] < MAX_CHUNKS ? x->dims[0] : MAX_CHUNKS;
    acn_sorter s = acn_sorter_of(x->dtype, false);
    c->plan->workspace_bytes = (uint64_t)(chunks * 2 * x->dims[1] * s.entry_bytes);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 32 & 0x7fffffff);
    return ACN_OK;
}

static double at(const acn_tensor *x, int64_t row, int64_t i) {
    return acn_load_value((const char *)x->data + (row * x->strides[0] + i * x->strides[1]) *
                                                      (int64_t)acn_dtype_bytes(x->dtype),
                          x->dtype)
        .f;
}

/* How many of the row's greatest k leaves. */
static int64_t most_of(const acn_call *c, int64_t row, int64_t count) {
    const acn_tensor *k = acn_in(c, K);
    int64_t most = k ? acn_load_value(acn_tensor_at(k, row), k->dtype).i : count;
    return most < 1 || most > count ? count : most;
}

static void filter_row(const acn_call *c, const acn_sorter *s, const void *entries, int64_t row) {
    const acn_tensor *x = acn_in(c, LOGITS), *y = acn_out(c, 0), *p = acn_in(c, P);
    int64_t n = x->dims[1], bytes = (int64_t)acn_dtype_bytes(x->dtype);
    double least = at(x, row, acn_sorter_index(s, entries, n - most_of(c, row, n)));
    double top = at(x, row, acn_sorter_index(s, entries, n - 1)), total = 0, sum = 0;
    double gone = p ? 1 - acn_load_value(acn_tensor_at(p, row), p->dtype).f : 0;
    for (int64_t i = 0; i < n; i++) {
        double v = at(x, row, acn_sorter_index(s, entries, i));
        if (!(v < least)) total += exp(v - top);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t index = acn_sorter_index(s, entries, i);
        double v = at(x, row, index);
        bool goes = v < least;
        if (!goes) sum += exp(v - top) / total;
        if (p && i < n - 1) goes |= sum <= gone;
        acn_store_value((char *)y->data + (row * y->strides[0] + index * y->strides[1]) * bytes,
                        y->dtype, (acn_value){.f = goes ? -INFINITY : v});
    }
}

typedef struct job {
    const acn_call *call;
    acn_sorter sorter;
    int64_t chunks;
} job;

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const job *j = context;
    const acn_tensor *x = acn_in(j->call, LOGITS);
    int64_t element = (int64_t)acn_dtype_bytes(x->dtype);
    int64_t bytes = x->dims[1] * j->sorter.entry_bytes;
    char *entries = (char *)j->call->workspace + chunk * 2 * bytes;
    int64_t row = x->dims[0] * chunk / j->chunks, end = x->dims[0] * (chunk + 1) / j->chunks;
    for (; row < end; row++) {
        acn_sorter_load(&j->sorter, entries, (const char *)x->data + row * x->strides[0] * element,
                        x->strides[1] * element, x->dims[1], 0);
        acn_sorter_sort(&j->sorter, entries, entries + bytes, x->dims[1]);
        filter_row(j->call, &j->sorter, entries, row);
    }
}

static acn_status run(acn_call *c) {
    const acn_tensor *x = acn_in(c, LOGITS);
    job j = {c, acn_sorter_of(x->dtype, false), x->dims[0] < MAX_CHUNKS ? x->dims[0] : MAX_CHUNKS};
    if (x->dims[1] > 0) acn_pool_run(j.chunks, run_chunk, &j);
    return ACN_OK;
}

/* ---- level 0: each score looks at all others ------------------------------------------------- */

static bool stays(const acn_call *c, int64_t row, int64_t i) {
    const acn_tensor *x = acn_in(c, LOGITS), *p = acn_in(c, P);
    int64_t n = x->dims[1], most = most_of(c, row, n), above = 0;
    double v = at(x, row, i), top = -INFINITY, total = 0, below = 0;
    for (int64_t j = 0; j < n; j++) {
        above += at(x, row, j) > v;
        top = fmax(top, at(x, row, j));
    }
    if (above >= most) return false;
    if (!p) return true;
    bool is_last = true;
    for (int64_t j = 0; j < n; j++) {
        int64_t greater = 0;
        double u = at(x, row, j);
        for (int64_t m = 0; m < n; m++)
            greater += at(x, row, m) > u;
        if (u > v || (u == v && j > i)) is_last = false;
        if (greater >= most) continue;
        total += exp(u - top);
        if (u < v || (u == v && j <= i)) below += exp(u - top);
    }
    return is_last || below / total > 1 - acn_load_value(acn_tensor_at(p, row), p->dtype).f;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, LOGITS), *y = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        int64_t row = i / x->dims[1], col = i % x->dims[1];
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = stays(c, row, col) ? at(x, row, col) : -INFINITY});
    }
    return ACN_OK;
}

ACN_OP(ApplyTopKTopP) = {
    .name = "ApplyTopKTopP",
    .doc = "The k greatest scores of each row, and of those the ones of probability p; else -inf",
    .in = {{"sorted_value", SCORES, ACN_UNALIASED},
           {"p", ACN_FLOATS, ACN_OPTIONAL},
           {"k", ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_OPTIONAL}},
    .out = {{"out", SCORES}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=relative [5,17],[5]@0.3..0.9,i32[5]@1..17 [5,17],-,i32[5]@1..17 "
             "[5,17],[5]@0.3..0.9 "
             "f32[2,300],[2]@0.3..0.9,i64[2]@50..200",
};

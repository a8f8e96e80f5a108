/* matrix.c - see matrix.h. */
#include "ops/linalg/matrix.h"
#include "base/pool.h"
#include <stdatomic.h>

int64_t acn_matrix_rows(const acn_tensor *t) { return t->dims[t->rank - 2]; }
int64_t acn_matrix_columns(const acn_tensor *t) { return t->dims[t->rank - 1]; }

acn_status acn_matrix_check(const acn_call *c, int slot, bool is_square) {
    const acn_tensor *t = acn_in(c, slot);
    if (t->rank < 2) return acn_bad_input(c, slot, "expected at least two dimensions");
    if (is_square && acn_matrix_rows(t) != acn_matrix_columns(t))
        return acn_bad_input(c, slot, "expected square matrices");
    return ACN_OK;
}

void acn_matrix_out(acn_call *c, int slot, int count, int64_t a, int64_t b) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t dims[ACN_MAX_DIMS + 2];
    int rank = x->rank - 2;
    for (int d = 0; d < rank; d++)
        dims[d] = x->dims[d];
    if (count > 0) dims[rank++] = a;
    if (count > 1) dims[rank++] = b;
    acn_out_is(c, slot, x->dtype, rank, dims);
}

static int64_t batches_of(const acn_tensor *t) {
    int64_t n = 1;
    for (int d = 0; d < t->rank - 2; d++)
        n *= t->dims[d];
    return n;
}

void acn_matrix_load(const acn_tensor *t, int64_t batch, double *to) {
    int64_t count = acn_matrix_rows(t) * acn_matrix_columns(t);
    for (int64_t i = 0; i < count; i++)
        to[i] = acn_load_value(acn_tensor_at(t, batch * count + i), t->dtype).f;
}

void acn_vector_store(const acn_tensor *t, int64_t batch, int64_t count, const double *from) {
    for (int64_t i = 0; i < count; i++)
        acn_store_value(acn_tensor_at(t, batch * count + i), t->dtype, (acn_value){.f = from[i]});
}

void acn_matrix_store(const acn_tensor *t, int64_t batch, const double *from) {
    acn_vector_store(t, batch, acn_matrix_rows(t) * acn_matrix_columns(t), from);
}

acn_status acn_matrix_plan(acn_call *c, int64_t doubles, double operations) {
    int64_t batches = batches_of(acn_in(c, 0));
    double us = (double)batches * operations / 500;
    c->plan->workspace_bytes = (uint64_t)(batches * doubles + 1) * sizeof(double);
    c->plan->cost_us = us < 1e9 ? (uint32_t)us : 1000000000u;
    return ACN_OK;
}

typedef struct task {
    const acn_call *call;
    acn_matrix_fn fn;
    int64_t doubles;
    _Atomic int64_t failed; /* the first matrix that failed, or INT64_MAX */
} task;

static void run_one(void *context, int64_t batch, int worker) {
    (void)worker;
    task *t = context;
    double *room = (double *)t->call->workspace + batch * t->doubles;
    if (t->fn(t->call, batch, room) == ACN_OK) return;
    int64_t seen = atomic_load(&t->failed);
    while (batch < seen && !atomic_compare_exchange_weak(&t->failed, &seen, batch)) {
    }
}

acn_status acn_matrix_run(acn_call *c, int64_t doubles, acn_matrix_fn fn) {
    task t = {.call = c, .fn = fn, .doubles = doubles, .failed = INT64_MAX};
    acn_pool_run(batches_of(acn_in(c, 0)), run_one, &t);
    int64_t failed = atomic_load(&t.failed);
    if (failed == INT64_MAX) return ACN_OK;
    return fn(c, failed, (double *)c->workspace + failed * doubles); /* again, for its words */
}

acn_status acn_matrix_run0(acn_call *c, int64_t doubles, acn_status (*run)(acn_call *c)) {
    size_t bytes = (size_t)(batches_of(acn_in(c, 0)) * doubles + 1) * sizeof(double);
    c->workspace = acn_arena_alloc(&c->arena, bytes);
    return c->workspace ? run(c) : acn_fail(ACN_BAD_ALLOC, "no host memory for matrices");
}

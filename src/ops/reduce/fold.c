/* fold.c - see fold.h. */
#include "ops/reduce/fold.h"
#include "base/pool.h"
#include <string.h>

enum { LANES = 16, ROWS = ACN_READ_TILE, PIECE = 32 * ACN_READ_TILE, CHUNK_ELEMENTS = 1 << 15 };

typedef struct fold_plan {
    acn_walk kept;    /* operand 0: output 0, 1: output 1, 2: x */
    acn_walk reduced; /* operand 0: x */
    acn_reader reader;
    acn_class klass;
    acn_dtype dtype;
    int64_t length, width; /* of a row; rows of a group */
    int64_t groups_a_run, groups, pieces, groups_a_chunk;
} fold_plan;

static void make_kept(const acn_call *c, uint32_t mask, acn_walk *kept) {
    const acn_tensor *x = acn_in(c, 0), *y[2] = {acn_out(c, 0), acn_out(c, 1)};
    acn_walk_init(kept, 3, 0, NULL);
    for (int d = 0, without = 0; d < x->rank; d++) {
        if (mask >> d & 1) continue;
        int64_t strides[3] = {0, 0, x->strides[d] * (int64_t)acn_dtype_bytes(x->dtype)};
        for (int i = 0; i < 2; i++)
            if (y[i])
                strides[i] = y[i]->strides[y[i]->rank == x->rank ? d : without] *
                             (int64_t)acn_dtype_bytes(y[i]->dtype);
        acn_walk_push(kept, x->dims[d], strides);
        without++;
    }
    acn_walk_sort(kept, 2);
    acn_walk_merge(kept);
}

acn_status acn_fold_plan(acn_call *c, uint32_t mask) {
    const acn_tensor *x = acn_in(c, 0);
    fold_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_walk unused;
    acn_reduced_walks(NULL, x, mask, &unused, &p->reduced);
    make_kept(c, mask, &p->kept);
    p->klass = x->dtype == ACN_F64 || acn_out(c, 0)->dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
    p->dtype = x->dtype;
    if (!acn_reader_find(&p->reader, p->klass, p->dtype))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no fold of %s", acn_dtype_name(p->dtype));
    p->length = acn_walk_count(&p->reduced);
    int last = p->kept.rank - 1;
    int64_t lanes = p->kept.dims[last], step = p->kept.strides[2][last];
    int64_t along = p->reduced.strides[0][p->reduced.rank - 1];
    bool is_columns = lanes >= 4 && p->length > 1 && step != 0 && (step < along || along == 0);
    p->width = is_columns ? LANES : 1;
    p->groups_a_run = (lanes + p->width - 1) / p->width;
    p->groups = p->groups_a_run;
    for (int d = 0; d < last; d++)
        p->groups *= p->kept.dims[d];
    p->pieces = p->length > PIECE ? (p->length + PIECE - 1) / PIECE : 1;
    p->groups_a_chunk = CHUNK_ELEMENTS / (p->width * (p->length + 8)) + 1;
    c->plan->data = p;
    if (p->pieces > 1)
        c->plan->workspace_bytes =
            (uint64_t)(p->groups * p->pieces * p->width) * sizeof(acn_fold_state);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2000 & 0x7fffffff);
    return ACN_OK;
}

/* ---- one group ------------------------------------------------------------------------------- */

typedef struct task {
    const acn_call *call;
    const fold_plan *plan;
    const acn_fold *fold;
    acn_route store[2];
} task;

typedef struct group {
    acn_walk_at at;
    int64_t lane, width; /* the first row's place in the innermost kept dimension; how many */
    const char *x;
} group;

static group group_at(const task *t, int64_t number) {
    const fold_plan *p = t->plan;
    int last = p->kept.rank - 1;
    group g = {.lane = number % p->groups_a_run * p->width};
    int64_t left = p->kept.dims[last] - g.lane;
    g.width = left < p->width ? left : p->width;
    acn_walk_seek(&p->kept, last, number / p->groups_a_run, &g.at);
    g.x =
        (const char *)acn_in(t->call, 0)->data + g.at.offset[2] + g.lane * p->kept.strides[2][last];
    return g;
}

/* |n| elements of each of the group's rows, |step| bytes apart. */
static void take_run(const task *t, const group *g, const char *x, int64_t step, int64_t n,
                     acn_fold_state *states) {
    const fold_plan *p = t->plan;
    _Alignas(64) char room[ACN_READ_TILE * 8], lanes[LANES * ROWS * 8];
    if (p->width == 1) {
        t->fold->take(states, p->klass, acn_reader_get(&p->reader, x, step, n, room), n);
        return;
    }
    int64_t lane_step = p->kept.strides[2][p->kept.rank - 1], bytes = p->reader.bytes;
    ACN_BY_BYTES(bytes, T, {
        for (int64_t i = 0; i < n; i++)
            for (int64_t lane = 0; lane < g->width; lane++)
                ((T *)lanes)[lane * ROWS + i] = *(const T *)(x + i * step + lane * lane_step);
    });
    for (int64_t lane = 0; lane < g->width; lane++)
        t->fold->take(&states[lane], p->klass,
                      acn_reader_get(&p->reader, lanes + lane * ROWS * bytes, bytes, n, room), n);
}

static void take_piece(const task *t, const group *g, int64_t from, int64_t end,
                       acn_fold_state *states) {
    const acn_walk *w = &t->plan->reduced;
    int last = w->rank - 1;
    int64_t inner = w->dims[last], step = w->strides[0][last], i = inner ? from % inner : 0;
    for (int64_t lane = 0; lane < g->width; lane++)
        states[lane] = t->fold->neutral;
    acn_walk_at at;
    if (from < end) acn_walk_seek(w, last, from / inner, &at);
    while (from < end) {
        int64_t n = inner - i < end - from ? inner - i : end - from;
        if (n > ROWS) n = ROWS;
        take_run(t, g, g->x + at.offset[0] + i * step, step, n, states);
        from += n;
        i += n;
        if (i < inner) continue;
        i = 0;
        acn_walk_next(w, last, &at);
    }
}

static void finish(const task *t, const group *g, const acn_fold_state *states) {
    int last = t->plan->kept.rank - 1;
    for (int64_t lane = 0; lane < g->width; lane++) {
        double results[2];
        t->fold->finish(t->call, &states[lane], results);
        for (int i = 0; i < 2; i++) {
            const acn_tensor *y = acn_out(t->call, i);
            if (!y) continue;
            char *to = (char *)y->data + g->at.offset[i] +
                       (g->lane + lane) * t->plan->kept.strides[i][last];
            acn_route_run(&t->store[i], to, &results[i], 1);
        }
    }
}

static void run_groups(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    int64_t end = (chunk + 1) * t->plan->groups_a_chunk;
    if (end > t->plan->groups) end = t->plan->groups;
    for (int64_t i = chunk * t->plan->groups_a_chunk; i < end; i++) {
        acn_fold_state states[LANES];
        group g = group_at(t, i);
        take_piece(t, &g, 0, t->plan->length, states);
        finish(t, &g, states);
    }
}

static acn_fold_state *states_of(const task *t, int64_t group_number, int64_t piece) {
    const fold_plan *p = t->plan;
    acn_fold_state *all = t->call->workspace;
    return all + (group_number * p->pieces + piece) * p->width;
}

static void run_piece(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    int64_t number = chunk / t->plan->pieces, piece = chunk % t->plan->pieces;
    group g = group_at(t, number);
    int64_t from = piece * PIECE, end = from + PIECE;
    if (end > t->plan->length) end = t->plan->length;
    take_piece(t, &g, from, end, states_of(t, number, piece));
}

static void combine_pieces(void *context, int64_t number, int worker) {
    (void)worker;
    const task *t = context;
    group g = group_at(t, number);
    acn_fold_state *sum = states_of(t, number, 0);
    for (int64_t piece = 1; piece < t->plan->pieces; piece++)
        for (int64_t lane = 0; lane < g.width; lane++)
            t->fold->combine(&sum[lane], &states_of(t, number, piece)[lane]);
    finish(t, &g, sum);
}

acn_status acn_fold_run(acn_call *c) {
    task t = {.call = c, .plan = c->plan->data, .fold = c->op->family};
    for (int i = 0; i < 2; i++)
        if (acn_out(c, i)) acn_route_find(&t.store[i], acn_out(c, i)->dtype, ACN_F64);
    const fold_plan *p = t.plan;
    if (p->pieces > 1) {
        acn_pool_run(p->groups * p->pieces, run_piece, &t);
        acn_pool_run(p->groups, combine_pieces, &t);
    } else {
        acn_pool_run((p->groups + p->groups_a_chunk - 1) / p->groups_a_chunk, run_groups, &t);
    }
    return ACN_OK;
}

/* tree_ensemble.c - TreeEnsemble: decision trees, each of which gives a row some numbers.
 *
 * |nodes| is [nodes, 8]: feature, comparison, node or leaf where it holds, whether that is a leaf,
 * the same two where it does not, whether NaN holds, and for membership how many members there are
 * up to and with this node's. Leaf i gives the targets and weights up to |leaf_ends|[i].
 */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/op.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, NODES, SPLITS, MEMBERS, ROOTS, LEAF_ENDS, TARGETS, WEIGHTS };
enum { TARGET_COUNT, AGGREGATE };
enum { FEATURE, COMPARISON, THEN, THEN_LEAF, ELSE, ELSE_LEAF, MISSING, MEMBER_END, COLUMNS };
enum { LESS_EQUAL, LESS, GREATER_EQUAL, GREATER, EQUAL, NOT_EQUAL, MEMBER };
enum { AVERAGE, SUM, LEAST, MOST };
enum { CHUNK_ROWS = 64 };

/* The call's lists, with whatever strides they have. */
typedef struct forest {
    const acn_tensor *nodes, *splits, *members, *roots, *leaf_ends, *targets, *weights;
    int64_t node_count, member_count, root_count, leaf_count, weight_count, target_count;
    int aggregate;
} forest;

static inline int64_t whole(const acn_tensor *t, int64_t i) {
    return ((const int64_t *)t->data)[i * t->strides[0]];
}
static inline double real(const acn_tensor *t, int64_t i) {
    return ((const double *)t->data)[i * t->strides[0]];
}
static inline int64_t field(const forest *f, int64_t node, int column) {
    const acn_tensor *t = f->nodes;
    return ((const int64_t *)t->data)[node * t->strides[0] + column * t->strides[1]];
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *nodes = acn_in(c, NODES);
    int64_t targets = acn_attr_int(c, TARGET_COUNT);
    if (x->rank != 2) return acn_bad_input(c, X, "expected [rows, features]");
    if (nodes->rank != 2 || nodes->dims[1] != COLUMNS)
        return acn_bad_input(c, NODES, "expected [nodes, %d]", COLUMNS);
    for (int s = SPLITS; s <= WEIGHTS; s++)
        if (acn_in(c, s)->rank != 1) return acn_bad_input(c, s, "expected a list");
    if (acn_in(c, SPLITS)->dims[0] != nodes->dims[0])
        return acn_bad_input(c, SPLITS, "expected one number for each node");
    if (acn_in(c, WEIGHTS)->dims[0] != acn_in(c, TARGETS)->dims[0])
        return acn_bad_input(c, WEIGHTS, "expected one number for each target");
    if (targets < 1 || targets > 1 << 20)
        return acn_bad_attr(c, TARGET_COUNT, "is %lld; expected 1 to 1048576", (long long)targets);
    acn_out_is(c, 0, x->dtype, 2, (int64_t[]){x->dims[0], targets});
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    c->plan->cost_us = (uint32_t)(x->dims[0] * acn_in(c, ROOTS)->dims[0] / 16 % 1000000000);
    return ACN_OK;
}

static forest read_forest(const acn_call *c) {
    return (forest){.nodes = acn_in(c, NODES),
                    .splits = acn_in(c, SPLITS),
                    .members = acn_in(c, MEMBERS),
                    .roots = acn_in(c, ROOTS),
                    .leaf_ends = acn_in(c, LEAF_ENDS),
                    .targets = acn_in(c, TARGETS),
                    .weights = acn_in(c, WEIGHTS),
                    .node_count = acn_in(c, NODES)->dims[0],
                    .member_count = acn_in(c, MEMBERS)->dims[0],
                    .root_count = acn_in(c, ROOTS)->dims[0],
                    .leaf_count = acn_in(c, LEAF_ENDS)->dims[0],
                    .weight_count = acn_in(c, WEIGHTS)->dims[0],
                    .target_count = acn_attr_int(c, TARGET_COUNT),
                    .aggregate = (int)acn_attr_int(c, AGGREGATE)};
}

static bool is_member(const forest *f, int64_t at, double x) {
    int64_t end = field(f, at, MEMBER_END);
    if (end > f->member_count) end = f->member_count;
    for (int64_t i = end - 1; i >= 0 && !isnan(real(f->members, i)); i--)
        if (real(f->members, i) == x) return true;
    return false;
}

static bool holds(const forest *f, int64_t at, double x) {
    double split = real(f->splits, at);
    if (isnan(x) && field(f, at, MISSING)) return true;
    switch (field(f, at, COMPARISON)) {
    case LESS_EQUAL:
        return x <= split;
    case LESS:
        return x < split;
    case GREATER_EQUAL:
        return x >= split;
    case GREATER:
        return x > split;
    case EQUAL:
        return x == split;
    case NOT_EQUAL:
        return x != split;
    default:
        return is_member(f, at, x);
    }
}

/* The leaf where |row| ends; -1: the tree is none. */
static int64_t find_leaf(const forest *f, int64_t at, const acn_tensor *x, int64_t row) {
    for (int64_t steps = 0; steps <= f->node_count; steps++) {
        if (at < 0 || at >= f->node_count) return -1;
        int64_t feature = field(f, at, FEATURE);
        if (feature < 0 || feature >= x->dims[1]) return -1;
        int64_t offset = row * x->strides[0] + feature * x->strides[1];
        const char *from = (const char *)x->data + offset * (int64_t)acn_dtype_bytes(x->dtype);
        int side = holds(f, at, acn_load_value(from, x->dtype).f) ? THEN : ELSE;
        bool is_leaf = field(f, at, side + 1);
        at = field(f, at, side);
        if (is_leaf) return at >= 0 && at < f->leaf_count ? at : -1;
    }
    return -1;
}

static bool add_leaf(const forest *f, int64_t leaf, double *y, bool *has) {
    int64_t begin = leaf ? whole(f->leaf_ends, leaf - 1) : 0, end = whole(f->leaf_ends, leaf);
    if (begin < 0 || end > f->weight_count) return false;
    for (int64_t i = begin; i < end; i++) {
        int64_t t = whole(f->targets, i);
        if (t < 0 || t >= f->target_count) return false;
        double w = real(f->weights, i);
        y[t] = !has[t]                 ? w
               : f->aggregate == LEAST ? fmin(y[t], w)
               : f->aggregate == MOST  ? fmax(y[t], w)
                                       : y[t] + w;
        has[t] = true;
    }
    return true;
}

static acn_status run_rows(const acn_call *c, int64_t first, int64_t end) {
    forest f = read_forest(c);
    const acn_tensor *x = acn_in(c, X), *out = acn_out(c, 0);
    size_t targets = (size_t)f.target_count;
    double *y = malloc(targets * (sizeof *y + sizeof(bool)));
    if (y == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for trees");
    bool *has = (bool *)(void *)(y + targets), is_good = true;
    for (int64_t row = first; row < end && is_good; row++) {
        memset(y, 0, targets * (sizeof *y + sizeof(bool)));
        for (int64_t t = 0; t < f.root_count && is_good; t++) {
            int64_t leaf = find_leaf(&f, whole(f.roots, t), x, row);
            is_good = leaf >= 0 && add_leaf(&f, leaf, y, has);
        }
        for (int64_t t = 0; t < f.target_count; t++) {
            double v = f.aggregate == AVERAGE ? y[t] / (double)f.root_count : y[t];
            acn_store_value(acn_tensor_at(out, row * f.target_count + t), out->dtype,
                            (acn_value){.f = v});
        }
    }
    free(y);
    return is_good ? ACN_OK
                   : acn_bad_input(c, NODES,
                                   "its trees lead to nodes, leaves, features or targets "
                                   "that do not exist");
}

typedef struct task {
    acn_call *call;
    acn_status status;
} task;

static void run_chunk(void *context, int64_t chunk, int worker) {
    task *t = context;
    int64_t rows = acn_in(t->call, X)->dims[0], first = chunk * CHUNK_ROWS;
    acn_status status =
        run_rows(t->call, first, first + CHUNK_ROWS < rows ? first + CHUNK_ROWS : rows);
    if (status != ACN_OK) __atomic_store_n(&t->status, status, __ATOMIC_RELAXED);
}

static acn_status run(acn_call *c) {
    task t = {c, ACN_OK};
    acn_pool_run((acn_in(c, X)->dims[0] + CHUNK_ROWS - 1) / CHUNK_ROWS, run_chunk, &t);
    return t.status;
}

static acn_status run0(acn_call *c) { return run_rows(c, 0, acn_in(c, X)->dims[0]); }

ACN_OP(tree_ensemble) = {
    .name = "TreeEnsemble",
    .doc = "Decision trees: what the leaves give where a row's features lead, put together.",
    .in = {{"x", ACN_FLOATS},
           {"nodes", ACN_T(ACN_I64)},
           {"splits", ACN_T(ACN_F64)},
           {"members", ACN_T(ACN_F64)},
           {"roots", ACN_T(ACN_I64)},
           {"leaf_ends", ACN_T(ACN_I64)},
           {"targets", ACN_T(ACN_I64)},
           {"weights", ACN_T(ACN_F64)}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "n_targets", .kind = ACN_ATTR_INT, .is_required = true},
             {.name = "aggregate", .kind = ACN_ATTR_INT, .fallback = SUM}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[70,3],i64[5,8]@1..1,f64[5]@-1..1,f64[0],i64[4]@0..4,i64[2]@0..4,i64[4]@0..1,f64[4]|"
             "n_targets=2 [3,2],i64[1,8]@1..1,f64[1],f64[2],i64[3]@0..0,i64[2]@0..4,i64[4]@0..2,"
             "f64[4]|n_targets=3,aggregate=2",
};

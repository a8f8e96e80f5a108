/* op_trees.c - decision trees of ai.onnx.ml: TreeEnsemble, and TreeEnsembleRegressor, which names
 * nodes by tree and number. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

enum { FEATURE, COMPARISON, THEN, THEN_LEAF, ELSE, ELSE_LEAF, MISSING, MEMBER_END, COLUMNS };
enum { MEMBER = 6, MOST_NODES = 1 << 22 };

/* What the operator gets, as constants. */
typedef struct trees {
    acn_onnx_call *c;
    int64_t *nodes, *roots, *leaf_ends, *targets;
    double *splits, *members, *weights;
    int64_t node_count, member_count, root_count, leaf_count, weight_count;
    int64_t target_count, aggregate;
} trees;

static void *room(trees *t, int64_t count) {
    return acn_arena_alloc(&t->c->net->arena, ((size_t)count + 1) * sizeof(int64_t));
}

static acn_status no_memory(void) { return acn_fail(ACN_BAD_ALLOC, "no host memory for trees"); }

static const acn_onnx_attr *attr(const trees *t, const char *name) {
    return acn_onnx_attr_find(t->c->node, name);
}

/* Number i of an attribute that may be missing. */
static int64_t nth(const acn_onnx_attr *a, int64_t i, int64_t fallback) {
    return a && i < a->count ? a->ints[i] : fallback;
}

static int64_t tensor_count(const acn_onnx_attr *a) {
    int64_t count = a && a->tensor && a->tensor->data ? 1 : 0;
    for (int d = 0; count && d < a->tensor->rank; d++)
        count *= a->tensor->dims[d];
    return count;
}

static acn_value tensor_nth(const acn_onnx_attr *a, int64_t i) {
    size_t bytes = acn_dtype_bytes(a->tensor->dtype);
    _Alignas(16) char element[16];
    memcpy(element, (const char *)a->tensor->data + (size_t)i * bytes, bytes);
    return acn_load_value(element, a->tensor->dtype);
}

static acn_net_value *ints(trees *t, acn_formula *f, const int64_t *numbers, int rank,
                           const int64_t *dims) {
    acn_net_value *v = NULL;
    if (f->status == ACN_OK)
        f->status = acn_net_constant(t->c->net, "trees", ACN_I64, rank, dims, numbers, &v);
    return v;
}

static acn_net_value *floats(trees *t, acn_formula *f, const double *numbers, int64_t count) {
    acn_net_value *v = NULL;
    if (f->status == ACN_OK)
        f->status = acn_net_constant(t->c->net, "trees", ACN_F64, 1, &count, numbers, &v);
    return v;
}

static acn_net_value *build(trees *t, acn_formula *f) {
    acn_onnx_call *c = t->c;
    acn_node_builder b;
    acn_net_value *y = NULL;
    acn_net_value *nodes = ints(t, f, t->nodes, 2, (int64_t[]){t->node_count, COLUMNS});
    acn_net_value *splits = floats(t, f, t->splits, t->node_count);
    acn_net_value *members = floats(t, f, t->members, t->member_count);
    acn_net_value *roots = ints(t, f, t->roots, 1, &t->root_count);
    acn_net_value *ends = ints(t, f, t->leaf_ends, 1, &t->leaf_count);
    acn_net_value *targets = ints(t, f, t->targets, 1, &t->weight_count);
    acn_net_value *weights = floats(t, f, t->weights, t->weight_count);
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(c, &b, "TreeEnsemble");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "nodes", nodes);
    acn_node_input(&b, "splits", splits);
    acn_node_input(&b, "members", members);
    acn_node_input(&b, "roots", roots);
    acn_node_input(&b, "leaf_ends", ends);
    acn_node_input(&b, "targets", targets);
    acn_node_input(&b, "weights", weights);
    acn_node_int(&b, "n_targets", t->target_count);
    acn_node_int(&b, "aggregate", t->aggregate);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

/* What is done to the sums. */
static acn_net_value *finished(acn_formula *f, acn_net_value *y, const char *how) {
    if (f->status != ACN_OK || strcmp(how, "NONE") == 0) return y;
    if (strcmp(how, "LOGISTIC") == 0) return acn_f1(f, "Sigmoid", y);
    if (strcmp(how, "SOFTMAX") == 0) return acn_f1_int(f, "SoftmaxV2", y, "dim", 1);
    if (strcmp(how, "PROBIT") == 0) {
        y = acn_f_with(f, "Sub", acn_f_with(f, "Mul", y, 2), 1);
        return acn_f_with(f, "Mul", acn_f1(f, "Erfinv", y), M_SQRT2);
    }
    f->status = acn_onnx_bad(f->c, "post_transform %s does not work yet", how);
    return NULL;
}

/* ---- TreeEnsemble ---------------------------------------------------------------------------- */

static acn_status read_members(trees *t) {
    const acn_onnx_attr *members = attr(t, "membership_values");
    t->member_count = tensor_count(members);
    t->members = room(t, t->member_count);
    if (!t->members) return no_memory();
    int64_t at = 0;
    for (int64_t i = 0; i < t->member_count; i++)
        t->members[i] = tensor_nth(members, i).f;
    for (int64_t i = 0; i < t->node_count; i++) {
        int64_t *node = t->nodes + i * COLUMNS;
        if (node[COMPARISON] != MEMBER) continue;
        while (at < t->member_count && !isnan(t->members[at]))
            at++;
        node[MEMBER_END] = at++;
    }
    return ACN_OK;
}

static acn_status read_trees(trees *t) {
    const acn_onnx_attr *modes = attr(t, "nodes_modes"), *splits = attr(t, "nodes_splits");
    const acn_onnx_attr *weights = attr(t, "leaf_weights"), *roots = attr(t, "tree_roots");
    t->node_count = tensor_count(modes);
    t->leaf_count = t->weight_count = tensor_count(weights);
    t->root_count = roots ? roots->count : 0;
    if (t->node_count == 0 || t->node_count > MOST_NODES || t->leaf_count > MOST_NODES ||
        tensor_count(splits) != t->node_count || t->root_count == 0)
        return acn_onnx_bad(t->c, "its nodes, their comparisons and its roots do not fit");
    t->nodes = room(t, t->node_count * COLUMNS);
    t->splits = room(t, t->node_count);
    t->leaf_ends = room(t, t->leaf_count);
    t->targets = room(t, t->leaf_count);
    t->weights = room(t, t->leaf_count);
    t->roots = roots->ints;
    if (!t->nodes || !t->splits || !t->leaf_ends || !t->targets || !t->weights) return no_memory();
    for (int64_t i = 0; i < t->node_count; i++) {
        int64_t *node = t->nodes + i * COLUMNS;
        node[FEATURE] = nth(attr(t, "nodes_featureids"), i, -1);
        node[COMPARISON] = tensor_nth(modes, i).i;
        node[THEN] = nth(attr(t, "nodes_truenodeids"), i, -1);
        node[THEN_LEAF] = nth(attr(t, "nodes_trueleafs"), i, 0);
        node[ELSE] = nth(attr(t, "nodes_falsenodeids"), i, -1);
        node[ELSE_LEAF] = nth(attr(t, "nodes_falseleafs"), i, 0);
        node[MISSING] = nth(attr(t, "nodes_missing_value_tracks_true"), i, 0);
        t->splits[i] = tensor_nth(splits, i).f;
    }
    for (int64_t i = 0; i < t->leaf_count; i++) {
        t->leaf_ends[i] = i + 1;
        t->targets[i] = nth(attr(t, "leaf_targetids"), i, -1);
        t->weights[i] = tensor_nth(weights, i).f;
    }
    return read_members(t);
}

static acn_status tree_ensemble(acn_onnx_call *c) {
    static const char *const transforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO",
                                             "PROBIT"};
    acn_formula f = {.c = c};
    trees t = {.c = c,
               .target_count = acn_onnx_int(c, "n_targets", 1),
               .aggregate = acn_onnx_int(c, "aggregate_function", 1)};
    int64_t how = acn_onnx_int(c, "post_transform", 0);
    if (how < 0 || how > 4) return acn_onnx_bad(c, "post_transform is %lld", (long long)how);
    ACN_TRY(read_trees(&t));
    return acn_f_end(&f, finished(&f, build(&t, &f), transforms[how]), &c->out[0]);
}
ACN_ONNX(tree_ensemble) = {.type = "TreeEnsemble", .domain = "ai.onnx.ml", .import = tree_ensemble};

/* ---- TreeEnsembleRegressor ------------------------------------------------------------------- */

/* Where node |number| of tree |tree| stands in the list; exporters write them in order, so it is
 * looked for from |guess| on. */
static int64_t find_node(const trees *t, int64_t tree, int64_t number, int64_t guess) {
    const acn_onnx_attr *tree_ids = attr(t, "nodes_treeids"), *ids = attr(t, "nodes_nodeids");
    for (int64_t i = 0; i < t->node_count; i++) {
        int64_t at = (guess + i) % t->node_count;
        if (nth(tree_ids, at, -1) == tree && nth(ids, at, -1) == number) return at;
    }
    return -1;
}

static int64_t comparison_of(const char *mode) {
    static const char *const modes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
    for (int i = 0; i < 6; i++)
        if (strcmp(modes[i], mode) == 0) return i;
    return -1; /* a leaf */
}

/* Node i is leaf i where it is one, which gives what the target lists say of it. */
static acn_status read_leaves(trees *t) {
    const acn_onnx_attr *tree_ids = attr(t, "target_treeids"), *ids = attr(t, "target_nodeids"),
                        *targets = attr(t, "target_ids"), *weights = attr(t, "target_weights");
    t->weight_count = weights ? weights->count : 0;
    t->leaf_count = t->node_count;
    t->leaf_ends = room(t, t->leaf_count + 1);
    t->targets = room(t, t->weight_count);
    t->weights = room(t, t->weight_count);
    int64_t *leaf = room(t, t->weight_count), guess = 0;
    if (!t->leaf_ends || !t->targets || !t->weights || !leaf) return no_memory();
    for (int64_t i = 0; i < t->weight_count; i++) {
        guess = leaf[i] = find_node(t, nth(tree_ids, i, -1), nth(ids, i, -1), guess);
        if (leaf[i] < 0) return acn_onnx_bad(t->c, "a target belongs to no node");
        t->leaf_ends[leaf[i]]++;
    }
    for (int64_t i = 1; i < t->leaf_count; i++)
        t->leaf_ends[i] += t->leaf_ends[i - 1];
    int64_t *used = room(t, t->leaf_count);
    if (!used) return no_memory();
    for (int64_t i = 0; i < t->weight_count; i++) {
        int64_t at = (leaf[i] ? t->leaf_ends[leaf[i] - 1] : 0) + used[leaf[i]]++;
        t->targets[at] = nth(targets, i, -1);
        t->weights[at] = (double)weights->floats[i];
    }
    return ACN_OK;
}

static acn_status read_nodes(trees *t) {
    const acn_onnx_attr *modes = attr(t, "nodes_modes"), *values = attr(t, "nodes_values");
    const acn_onnx_attr *tree_ids = attr(t, "nodes_treeids");
    t->node_count = modes ? modes->texts.count : 0;
    if (t->node_count == 0 || t->node_count > MOST_NODES || !values || !tree_ids ||
        values->count != t->node_count || tree_ids->count != t->node_count)
        return acn_onnx_bad(t->c, "its nodes and their comparisons do not fit");
    t->nodes = room(t, t->node_count * COLUMNS);
    t->splits = room(t, t->node_count);
    t->members = room(t, 0);
    t->roots = room(t, t->node_count);
    if (!t->nodes || !t->splits || !t->members || !t->roots) return no_memory();
    for (int64_t i = 0; i < t->node_count; i++) {
        int64_t *node = t->nodes + i * COLUMNS, tree = tree_ids->ints[i];
        bool is_leaf = comparison_of(modes->texts.items[i]) < 0;
        node[FEATURE] = is_leaf ? 0 : nth(attr(t, "nodes_featureids"), i, -1);
        node[COMPARISON] = is_leaf ? 0 : comparison_of(modes->texts.items[i]);
        node[MISSING] = nth(attr(t, "nodes_missing_value_tracks_true"), i, 0);
        t->splits[i] = (double)values->floats[i];
        int64_t then = nth(attr(t, "nodes_truenodeids"), i, -1);
        int64_t other = nth(attr(t, "nodes_falsenodeids"), i, -1);
        node[THEN] = is_leaf ? i : find_node(t, tree, then, i);
        node[ELSE] = is_leaf ? i : find_node(t, tree, other, i);
        for (int side = THEN; side <= ELSE; side += ELSE - THEN)
            node[side + 1] = node[side] < 0 || comparison_of(modes->texts.items[node[side]]) < 0;
        if (i == 0 || tree_ids->ints[i - 1] != tree) t->roots[t->root_count++] = i;
    }
    return read_leaves(t);
}

static acn_status tree_regressor(acn_onnx_call *c) {
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    acn_formula f = {.c = c};
    trees t = {.c = c, .target_count = acn_onnx_int(c, "n_targets", 1)};
    const char *how = acn_onnx_text(c, "aggregate_function", "SUM");
    const acn_onnx_attr *base = acn_onnx_attr_find(c->node, "base_values");
    while (t.aggregate < 4 && strcmp(names[t.aggregate], how) != 0)
        t.aggregate++;
    if (t.aggregate == 4) return acn_onnx_bad(c, "aggregate_function is %s", how);
    c->in[0] = acn_f_cast(&f, c->in[0], ACN_F32);
    if (f.status == ACN_OK) f.status = read_nodes(&t);
    acn_net_value *y = build(&t, &f), *bias = NULL;
    if (base && f.status == ACN_OK) {
        int64_t count = base->count;
        f.status = acn_net_constant(c->net, "base_values", ACN_F32, 1, &count, base->floats, &bias);
        y = acn_f2(&f, "Add", y, bias);
    }
    y = finished(&f, y, acn_onnx_text(c, "post_transform", "NONE"));
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(tree_regressor) = {
    .type = "TreeEnsembleRegressor", .domain = "ai.onnx.ml", .import = tree_regressor};

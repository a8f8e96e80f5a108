/* op_control.c - If, Loop and Scan whose decisions are known, unrolled: their graphs become nodes
 * of the net.
 *
 * What only data decides, and loops that would make many nodes, await the run (late/). A net that
 * cannot wait, for one gear of several, unrolls everything and chooses between results that are
 * all computed, which is right because operators do nothing but compute. */
#include "graph/import/compose.h"

#include <string.h>

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

static const acn_onnx_graph *graph_of(const acn_onnx_call *c, const char *name) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, name);
    return a ? a->graph : NULL;
}

static bool truth_of(const acn_net_value *v) {
    return acn_load_value(v->tensor.data, v->tensor.dtype).i != 0;
}

enum { MOST_UNROLLED = 256 }; /* nodes */

/* Loops that would become too many nodes are left to the run. */
static acn_status check_length(const acn_onnx_call *c, const acn_onnx_graph *body, int64_t trips) {
    if (!c->net->can_wait || trips <= 1 || body->node_count <= MOST_UNROLLED / trips) return ACN_OK;
    int i = 0;
    while (i < c->in_count && c->in[i] == NULL)
        i++;
    return i < c->in_count ? acn_net_await(c->net, c->in[i], "") : ACN_OK;
}

/* One truth value, without dimensions. */
static acn_net_value *condition(acn_formula *f, acn_net_value *v) {
    if (f->status == ACN_OK && acn_tensor_count(&v->tensor) != 1)
        f->status = acn_onnx_bad(f->c, "condition \"%s\" is not one truth value", v->name);
    return acn_f_reshape(f, v, 0, NULL);
}

/* is_first ? a : b */
static acn_net_value *chosen(acn_formula *f, acn_net_value *is_first, acn_net_value *a,
                             acn_net_value *b) {
    const acn_importer *im = f->c->importer;
    if (f->status != ACN_OK || a == b) return a;
    if (acn_importer_list(im, a) || acn_importer_list(im, b) ||
        a->tensor.dtype != b->tensor.dtype || !acn_tensor_same_shape(&a->tensor, &b->tensor)) {
        f->status = acn_onnx_bad(f->c,
                                 "whether it gives \"%s\" or \"%s\" is only known at run "
                                 "time, and they differ in shape or type",
                                 a->name, b->name);
        return NULL;
    }
    return acn_f_select(f, is_first, a, b);
}

/* ---- If -------------------------------------------------------------------------------------- */

static acn_status import_if(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_onnx_graph *yes = graph_of(c, "then_branch"), *no = graph_of(c, "else_branch");
    if (c->net->can_wait) ACN_TRY(acn_onnx_await(c, 0, ""));
    acn_net_value *is_true = condition(&f, c->in[0]), *other[ACN_ONNX_MAX_TENSORS];
    ACN_TRY(f.status);
    if (!yes || !no) return acn_onnx_bad(c, "it has not two branches");
    if (acn_net_is_constant(is_true))
        return acn_onnx_inline(c, truth_of(is_true) ? yes : no, NULL, 0, c->out, c->out_count);
    ACN_TRY(acn_onnx_inline(c, yes, NULL, 0, c->out, c->out_count));
    ACN_TRY(acn_onnx_inline(c, no, NULL, 0, other, c->out_count));
    for (int i = 0; i < c->out_count; i++)
        c->out[i] = chosen(&f, is_true, c->out[i], other[i]);
    return f.status;
}
ACN_ONNX(if_) = {.type = "If", .import = import_if};

/* ---- results that are collected -------------------------------------------------------------- */

typedef struct collection {
    acn_net_value **items;
    int count, room;
} collection;

static acn_status collect(acn_onnx_call *c, collection *all, acn_net_value *item) {
    if (all->count == all->room) {
        int room = all->room ? 2 * all->room : 16;
        acn_net_value **more = acn_arena_alloc(&c->net->arena, (size_t)room * sizeof *more);
        if (more == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a loop");
        if (all->count) memcpy(more, all->items, (size_t)all->count * sizeof *more);
        all->items = more;
        all->room = room;
    }
    all->items[all->count++] = item;
    return ACN_OK;
}

/* All items along a new dimension. */
static acn_status stacked(acn_formula *f, const collection *all, int axis, bool is_backward,
                          const acn_onnx_value *declared, acn_net_value **out) {
    acn_net_value **items = all->items;
    if (all->count == 0) {
        int64_t dims[ACN_MAX_DIMS] = {0};
        int rank = declared->rank;
        for (int d = 0; d < rank && d + 1 < ACN_MAX_DIMS; d++)
            if ((dims[d + 1] = declared->dims[d]) < 0) rank = -1;
        if (rank < 0 || rank == ACN_MAX_DIMS || declared->dtype == ACN_UNDEFINED)
            return acn_onnx_bad(f->c, "it makes nothing, and \"%s\" has no shape", declared->name);
        return acn_net_constant(f->c->net, declared->name, declared->dtype, rank + 1, dims, NULL,
                                out);
    }
    for (int i = 0; i < all->count / 2 && is_backward; i++) {
        acn_net_value *other = items[i];
        items[i] = items[all->count - 1 - i];
        items[all->count - 1 - i] = other;
    }
    for (int i = 0; i < all->count; i++)
        items[i] = acn_f_unsqueeze(f, items[i], axis);
    return acn_f_end(f, acn_f_concat(f, items, all->count, axis), out);
}

/* ---- Loop ------------------------------------------------------------------------------------ */

typedef struct loop {
    acn_formula f;
    const acn_onnx_graph *body;
    int64_t most; /* iterations; INT64_MAX: as the condition says */
    int carried, collected;
    acn_net_value *state[ACN_ONNX_MAX_TENSORS]; /* iteration, condition, carried values */
    acn_net_value *runs; /* whether the loop still runs, at run time; NULL: it does */
    collection all[ACN_ONNX_MAX_TENSORS];
} loop;

static acn_status read_loop(acn_onnx_call *c, loop *l) {
    const acn_net_value *trips = input(c, 0);
    acn_net_value *first = input(c, 1);
    if (trips) ACN_TRY(acn_onnx_await(c, 0, "a constant"));
    if (first && c->net->can_wait) ACN_TRY(acn_onnx_await(c, 1, ""));
    *l = (loop){.f = {.c = c}, .body = graph_of(c, "body"), .most = INT64_MAX};
    if (trips) l->most = acn_load_value(trips->tensor.data, trips->tensor.dtype).i;
    l->carried = c->in_count - 2 > 0 ? c->in_count - 2 : 0;
    if (!l->body || l->body->input_count != 2 + l->carried || l->body->output_count <= l->carried ||
        c->out_count > l->body->output_count - 1)
        return acn_onnx_bad(c, "its body does not fit its %d values", l->carried);
    l->collected = l->body->output_count - 1 - l->carried;
    for (int i = 0; i < l->carried; i++)
        l->state[2 + i] = c->in[2 + i];
    if (first) first = condition(&l->f, first);
    ACN_TRY(l->f.status);
    if (first && acn_net_is_constant(first) && !truth_of(first)) l->most = 0;
    if (first && !acn_net_is_constant(first)) l->runs = first;
    return ACN_OK;
}

/* With a condition of run time, values stay as they are from its end on. */
static acn_status run_body(loop *l, int64_t iteration, bool *out_goes_on) {
    acn_formula *f = &l->f;
    acn_onnx_call *c = f->c;
    acn_net_value *made[ACN_ONNX_MAX_TENSORS];
    l->state[0] = acn_f_number(f, (double)iteration, ACN_I64);
    l->state[1] = acn_f_number(f, 1, ACN_BOOL);
    ACN_TRY(f->status);
    ACN_TRY(acn_onnx_inline(c, l->body, l->state, 2 + l->carried, made, l->body->output_count));
    for (int i = 0; i < l->carried; i++)
        l->state[2 + i] = l->runs ? chosen(f, l->runs, made[1 + i], l->state[2 + i]) : made[1 + i];
    for (int i = 0; i < l->collected; i++)
        ACN_TRY(collect(c, &l->all[i], made[1 + l->carried + i]));
    acn_net_value *next = condition(f, made[0]);
    ACN_TRY(f->status);
    *out_goes_on = !acn_net_is_constant(next) || truth_of(next);
    if (acn_net_is_constant(next)) return ACN_OK;
    if (c->net->can_wait) return acn_net_await(c->net, next, "");
    if (l->collected)
        return acn_onnx_bad(c,
                            "how often it runs is only known at run time, and \"%s\" would be "
                            "as long",
                            c->node->outputs.items[c->out_count - 1]);
    l->runs = l->runs ? acn_f2(f, "LogicalAnd", l->runs, next) : next;
    return f->status;
}

static acn_status import_loop(acn_onnx_call *c) {
    loop l;
    bool goes_on = true;
    ACN_TRY(read_loop(c, &l));
    if (l.runs && (l.collected || l.most == INT64_MAX))
        return acn_onnx_bad(c,
                            "input 1 (%s) must be a constant or follow from the inputs' shapes: "
                            "the result is as long as the loop runs",
                            c->in[1]->name);
    ACN_TRY(check_length(c, l.body, l.most));
    for (int64_t i = 0; i < l.most && goes_on; i++) {
        ACN_TRY(run_body(&l, i, &goes_on));
        if (l.runs && l.most == INT64_MAX)
            return acn_onnx_bad(c, "its condition is only known at run time, and there is no most "
                                   "number of iterations");
        if (i == 1 << 20) return acn_onnx_bad(c, "it does not end");
    }
    for (int i = 0; i < l.carried && i < c->out_count; i++)
        c->out[i] = l.state[2 + i];
    for (int i = 0; l.carried + i < c->out_count; i++)
        ACN_TRY(stacked(&l.f, &l.all[i], 0, false, &l.body->outputs[1 + l.carried + i],
                        &c->out[l.carried + i]));
    return l.f.status;
}
ACN_ONNX(loop) = {
    .type = "Loop", .required = ACN_ONNX_NONE, .import = import_loop, .takes_lists = true};

/* ---- Scan ------------------------------------------------------------------------------------ */

typedef struct scan {
    acn_formula f;
    const acn_onnx_graph *body;
    int states, sequences, collected; /* how many values are carried, read, made */
    int64_t steps;
} scan;

/* Number i of a list that the node may leave out. */
static int64_t nth(const acn_onnx_call *c, const char *name, int i) {
    int count;
    const int64_t *numbers = acn_onnx_ints(c, name, &count);
    return numbers && i < count ? numbers[i] : 0;
}

/* Slice |t| of |v| along |axis|, without that dimension. */
static acn_net_value *slice_of(acn_formula *f, acn_net_value *v, int axis, int64_t t) {
    int64_t dims[ACN_MAX_DIMS];
    int rank = 0;
    acn_net_value *one = acn_f_part(f, v, axis, t, 1);
    if (f->status != ACN_OK) return NULL;
    for (int d = 0; d < v->tensor.rank; d++)
        if (d != axis) dims[rank++] = v->tensor.dims[d];
    return acn_f_reshape(f, one, rank, dims);
}

/* |values|: states, then sequences. Results: states, then what is stacked. */
static acn_status scan_once(scan *s, acn_net_value **values, acn_net_value **out) {
    acn_formula *f = &s->f;
    acn_onnx_call *c = f->c;
    acn_net_value *state[ACN_ONNX_MAX_TENSORS], *made[ACN_ONNX_MAX_TENSORS];
    collection *all = acn_arena_alloc(&c->net->arena, ((size_t)s->collected + 1) * sizeof *all);
    int axis;
    if (all == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a loop");
    memcpy(state, values, (size_t)s->states * sizeof *state);
    for (int64_t t = 0; t < s->steps; t++) {
        for (int i = 0; i < s->sequences; i++) {
            acn_net_value *v = values[s->states + i];
            bool is_backward = nth(c, "scan_input_directions", i) != 0;
            ACN_TRY(acn_onnx_axis(c, nth(c, "scan_input_axes", i), v->tensor.rank, &axis));
            if (v->tensor.dims[axis] != s->steps)
                return acn_onnx_bad(c, "its sequences have %lld and %lld steps",
                                    (long long)s->steps, (long long)v->tensor.dims[axis]);
            state[s->states + i] = slice_of(f, v, axis, is_backward ? s->steps - 1 - t : t);
        }
        ACN_TRY(f->status);
        ACN_TRY(acn_onnx_inline(c, s->body, state, s->states + s->sequences, made,
                                s->states + s->collected));
        memcpy(state, made, (size_t)s->states * sizeof *state);
        for (int i = 0; i < s->collected; i++)
            ACN_TRY(collect(c, &all[i], made[s->states + i]));
    }
    memcpy(out, state, (size_t)s->states * sizeof *out);
    for (int i = 0; i < s->collected; i++) {
        int rank = all[i].count ? all[i].items[0]->tensor.rank + 1 : 1;
        ACN_TRY(acn_onnx_axis(c, nth(c, "scan_output_axes", i), rank, &axis));
        ACN_TRY(stacked(f, &all[i], axis, nth(c, "scan_output_directions", i) != 0,
                        &s->body->outputs[s->states + i], &out[s->states + i]));
    }
    return ACN_OK;
}

/* Before opset 9 there was a batch before everything, and lengths as a first input. */
static acn_status scan_batches(scan *s, acn_net_value **values) {
    acn_formula *f = &s->f;
    acn_onnx_call *c = f->c;
    acn_net_value *one[ACN_ONNX_MAX_TENSORS], *out[ACN_ONNX_MAX_TENSORS];
    collection *all = acn_arena_alloc(&c->net->arena, ((size_t)c->out_count + 1) * sizeof *all);
    if (all == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a loop");
    for (int64_t n = 0; n < values[s->states]->tensor.dims[0]; n++) {
        for (int i = 0; i < s->states + s->sequences; i++)
            one[i] = slice_of(f, values[i], 0, n);
        ACN_TRY(f->status);
        ACN_TRY(scan_once(s, one, out));
        for (int i = 0; i < c->out_count; i++)
            ACN_TRY(collect(c, &all[i], out[i]));
    }
    for (int i = 0; i < c->out_count; i++)
        ACN_TRY(stacked(f, &all[i], 0, false, &s->body->outputs[i], &c->out[i]));
    return ACN_OK;
}

static acn_status import_scan(acn_onnx_call *c) {
    bool is_old = c->opset < 9;
    acn_net_value **values = c->in + is_old;
    int count = c->in_count - is_old, axis = 0;
    scan s = {.f = {.c = c},
              .body = graph_of(c, "body"),
              .sequences = (int)acn_onnx_int(c, "num_scan_inputs", 0)};
    if (is_old && input(c, 0)) return acn_onnx_bad(c, "it has sequences of several lengths");
    s.states = count - s.sequences;
    if (!s.body || s.sequences < 1 || s.states < 0 || s.body->input_count != count ||
        s.body->output_count < s.states || c->out_count != s.body->output_count)
        return acn_onnx_bad(c, "its body does not fit its %d sequences", s.sequences);
    for (int i = 0; i < count; i++)
        if (values[i] == NULL) return acn_onnx_bad(c, "input %d is missing", i);
    s.collected = s.body->output_count - s.states;
    const acn_tensor *first = &values[s.states]->tensor;
    if (first->rank < 1 + is_old) return acn_onnx_bad(c, "its sequence has no steps");
    if (!is_old) ACN_TRY(acn_onnx_axis(c, nth(c, "scan_input_axes", 0), first->rank, &axis));
    s.steps = first->dims[axis + is_old];
    if (!is_old) ACN_TRY(check_length(c, s.body, s.steps));
    return is_old ? scan_batches(&s, values) : scan_once(&s, values, c->out);
}
ACN_ONNX(scan) = {.type = "Scan", .required = ACN_ONNX_NONE, .import = import_scan};

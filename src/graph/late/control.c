/* control.c - If, Loop and Scan while they run: their graphs' stages, as often as data says. */
#include "graph/late/run.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 256 };

bool acn_late_is_control(const acn_onnx_node *node) {
    return !node->domain[0] && (strcmp(node->type, "If") == 0 || strcmp(node->type, "Loop") == 0 ||
                                strcmp(node->type, "Scan") == 0);
}

static acn_status bad(const acn_onnx_node *node, const char *what) {
    return acn_fail(ACN_EXECUTION, "node \"%s\" (%s): %s", node->name, node->type, what);
}

static acn_held *input(const acn_late *late, const acn_onnx_node *node, int i) {
    const char *name = i < node->inputs.count ? node->inputs.items[i] : "";
    return name[0] ? acn_names_find(&late->names, name) : NULL;
}

static const acn_onnx_graph *graph_of(const acn_onnx_node *node, const char *name) {
    const acn_onnx_attr *a = acn_onnx_attr_find(node, name);
    return a ? a->graph : NULL;
}

/* The only number of a tensor. */
static acn_status number(const acn_onnx_node *node, const acn_held *h, int64_t *out) {
    if (h->is_list || acn_tensor_count(&h->tensor) != 1)
        return bad(node, "what decides is not one number");
    *out = acn_load_value(h->tensor.data, h->tensor.dtype).i;
    return ACN_OK;
}

static void release_all(acn_held **held, int count) {
    for (int i = 0; i < count; i++) {
        acn_held_release(held[i]);
        held[i] = NULL;
    }
}

/* |held|'s references go over. */
static acn_status bind_outputs(acn_late *late, const acn_onnx_node *node, acn_held **held,
                               int count) {
    acn_status status = ACN_OK;
    for (int i = 0; i < count && i < node->outputs.count && status == ACN_OK; i++) {
        status = acn_late_bind(late, node->outputs.items[i], held[i]);
        held[i] = NULL;
    }
    release_all(held, count);
    return status;
}

/* One pass through |graph| with |in|; what it made inside is gone afterwards. */
static acn_status run_once(acn_late *late, const acn_onnx_graph *graph, acn_held *const *in,
                           acn_held **out) {
    acn_late_mark mark = acn_late_here(late);
    acn_status status = ACN_OK;
    for (int i = 0; i < graph->input_count && status == ACN_OK; i++)
        status = acn_late_bind(late, graph->inputs[i].name, acn_held_retain(in[i]));
    if (status == ACN_OK) status = acn_late_graph(late, graph, out);
    acn_late_return(late, mark);
    return status;
}

static acn_status run_if(acn_late *late, const acn_onnx_node *node) {
    const acn_held *condition = input(late, node, 0);
    acn_held *out[MOST_VALUES] = {NULL};
    int64_t is_true = 0;
    if (condition == NULL) return bad(node, "it has no condition");
    ACN_TRY(number(node, condition, &is_true));
    const acn_onnx_graph *graph = graph_of(node, is_true ? "then_branch" : "else_branch");
    if (!graph || graph->input_count || graph->output_count != node->outputs.count ||
        graph->output_count > MOST_VALUES)
        return bad(node, "its branch does not fit its outputs");
    ACN_TRY(run_once(late, graph, NULL, out));
    return bind_outputs(late, node, out, graph->output_count);
}

/* ---- what iterations make -------------------------------------------------------------------- */

typedef struct collection {
    acn_held **items;
    int count, room;
} collection;

static acn_status collect(collection *all, acn_held *item) {
    if (all->count == all->room) {
        int room = all->room ? 2 * all->room : 16;
        acn_held **more = realloc(all->items, (size_t)room * sizeof(acn_held *));
        if (more == NULL) {
            acn_held_release(item);
            return acn_fail(ACN_BAD_ALLOC, "no host memory for a loop's results");
        }
        all->items = more;
        all->room = room;
    }
    all->items[all->count++] = item;
    return ACN_OK;
}

/* As one tensor. Of no iteration it has the size that the graph declares for one. */
static acn_status finish(const acn_onnx_node *node, collection *all, int axis, bool is_backward,
                         const acn_onnx_value *declared, acn_held **out) {
    acn_held **items = all->items;
    for (int i = 0; i < all->count / 2 && is_backward; i++) {
        acn_held *other = items[i];
        items[i] = items[all->count - 1 - i];
        items[all->count - 1 - i] = other;
    }
    if (all->count) {
        int rank = items[0]->tensor.rank + 1;
        if (axis < 0) axis += rank;
        if (axis < 0 || axis >= rank || items[0]->is_list) return bad(node, "its axis is wrong");
        return acn_held_stack(items, all->count, axis, out);
    }
    int64_t dims[ACN_MAX_DIMS] = {0};
    int rank = declared->rank < 0 ? 0 : declared->rank;
    if (rank == ACN_MAX_DIMS || declared->dtype == ACN_UNDEFINED)
        return bad(node, "it made nothing, and the type of that is not declared");
    if (axis < 0) axis += rank + 1;
    for (int d = 0; d < rank; d++)
        dims[d + (d >= axis)] = declared->dims[d] < 0 ? 0 : declared->dims[d];
    dims[axis < 0 || axis > rank ? 0 : axis] = 0;
    return acn_held_new(declared->dtype, rank + 1, dims, NULL, out);
}

static void forget(collection *all, int count) {
    for (int i = 0; i < count; i++) {
        release_all(all[i].items, all[i].count);
        free(all[i].items);
    }
}

/* ---- loops ----------------------------------------------------------------------------------- */

typedef struct loop {
    acn_late *late;
    const acn_onnx_node *node;
    const acn_onnx_graph *body;
    int carried, sequences, collected; /* values of each kind */
    int head;                          /* outputs of the body before the carried values */
    acn_held *state[MOST_VALUES];      /* inputs of the body: what is carried has a reference */
    collection all[MOST_VALUES];
} loop;

static acn_held **carried(loop *l) { return l->state + (l->head ? 2 : 0); }

/* One iteration: carried values are replaced, results collected. |*goes_on|: what Loop's body
 * says. */
static acn_status iterate(loop *l, int64_t *goes_on) {
    acn_held *made[MOST_VALUES] = {NULL}, **state = carried(l);
    ACN_TRY(run_once(l->late, l->body, l->state, made));
    acn_status status = l->head ? number(l->node, made[0], goes_on) : ACN_OK;
    for (int i = 0; i < l->carried; i++) {
        acn_held_release(state[i]);
        state[i] = made[l->head + i];
        made[l->head + i] = NULL;
    }
    for (int i = 0; i < l->collected && status == ACN_OK; i++) {
        int at = l->head + l->carried + i;
        status = collect(&l->all[i], made[at]);
        made[at] = NULL;
    }
    release_all(made, l->body->output_count);
    return status;
}

static int64_t nth(const acn_onnx_node *node, const char *name, int i) {
    const acn_onnx_attr *a = acn_onnx_attr_find(node, name);
    return a && i < a->count ? a->ints[i] : 0;
}

static acn_status end_loop(loop *l) {
    acn_held *out[MOST_VALUES] = {NULL}, **state = carried(l);
    acn_status status = ACN_OK;
    for (int i = 0; i < l->carried; i++)
        out[i] = acn_held_retain(state[i]);
    for (int i = 0; i < l->collected && status == ACN_OK; i++)
        status = finish(l->node, &l->all[i], (int)nth(l->node, "scan_output_axes", i),
                        nth(l->node, "scan_output_directions", i) != 0,
                        &l->body->outputs[l->head + l->carried + i], &out[l->carried + i]);
    if (status == ACN_OK) return bind_outputs(l->late, l->node, out, l->carried + l->collected);
    release_all(out, l->carried + l->collected);
    return status;
}

/* Values that are carried begin as inputs |first|... of the node. */
static acn_status begin_state(loop *l, int first) {
    acn_held **state = carried(l);
    for (int i = 0; i < l->carried; i++) {
        acn_held *h = input(l->late, l->node, first + i);
        if (h == NULL) return bad(l->node, "a value that it carries is missing");
        state[i] = acn_held_retain(h);
    }
    return ACN_OK;
}

static acn_status run_iterations(loop *l, int64_t most, int64_t goes_on) {
    acn_status status = ACN_OK;
    for (int64_t i = 0; i < most && goes_on && status == ACN_OK; i++) {
        const bool truth = true;
        status = acn_held_new(ACN_I64, 0, NULL, NULL, &l->state[0]);
        if (status == ACN_OK) status = acn_held_new(ACN_BOOL, 0, NULL, NULL, &l->state[1]);
        if (status == ACN_OK) {
            memcpy(l->state[0]->tensor.data, &i, sizeof i);
            memcpy(l->state[1]->tensor.data, &truth, sizeof truth);
            status = iterate(l, &goes_on);
        }
        release_all(l->state, 2);
    }
    return status;
}

static acn_status run_loop(loop *l) {
    const acn_onnx_node *node = l->node;
    const acn_held *trips = input(l->late, node, 0), *first = input(l->late, node, 1);
    int64_t most = INT64_MAX, goes_on = 1;
    l->head = 1;
    l->carried = node->inputs.count > 2 ? node->inputs.count - 2 : 0;
    l->collected = l->body->output_count - 1 - l->carried;
    if (l->body->input_count != 2 + l->carried || l->collected < 0 ||
        node->outputs.count > l->carried + l->collected)
        return bad(node, "its body does not fit its values");
    if (trips) ACN_TRY(number(node, trips, &most));
    if (first) ACN_TRY(number(node, first, &goes_on));
    ACN_TRY(begin_state(l, 2));
    ACN_TRY(run_iterations(l, most, goes_on));
    return end_loop(l);
}

static acn_status take_slices(loop *l, int64_t t, int64_t steps) {
    acn_status status = ACN_OK;
    for (int i = 0; i < l->sequences && status == ACN_OK; i++) {
        acn_held *h = input(l->late, l->node, l->carried + i);
        if (h == NULL || h->is_list) return bad(l->node, "a sequence is missing");
        int64_t axis = nth(l->node, "scan_input_axes", i);
        if (axis < 0) axis += h->tensor.rank;
        if (axis < 0 || axis >= h->tensor.rank || h->tensor.dims[axis] != steps)
            return bad(l->node, "its sequences differ in length");
        bool is_backward = nth(l->node, "scan_input_directions", i) != 0;
        status = acn_held_slice(h, (int)axis, is_backward ? steps - 1 - t : t,
                                &l->state[l->carried + i]);
    }
    return status;
}

static acn_status run_scan(loop *l) {
    const acn_onnx_node *node = l->node;
    const acn_onnx_attr *sequences = acn_onnx_attr_find(node, "num_scan_inputs");
    int64_t count = sequences ? sequences->i : 0, ignored;
    if (count < 1 || count > node->inputs.count) return bad(node, "it has no sequence");
    l->sequences = (int)count;
    l->carried = node->inputs.count - l->sequences;
    l->collected = l->body->output_count - l->carried;
    const acn_held *first = input(l->late, node, l->carried);
    int64_t axis = nth(node, "scan_input_axes", 0);
    if (first == NULL || first->is_list || l->collected < 0 ||
        l->body->input_count != node->inputs.count || node->outputs.count > l->body->output_count)
        return bad(node, "its body does not fit its values");
    if (axis < 0) axis += first->tensor.rank;
    if (axis < 0 || axis >= first->tensor.rank) return bad(node, "its axis is wrong");
    int64_t steps = first->tensor.dims[axis];
    ACN_TRY(begin_state(l, 0));
    for (int64_t t = 0; t < steps; t++) {
        acn_status status = take_slices(l, t, steps);
        if (status == ACN_OK) status = iterate(l, &ignored);
        release_all(l->state + l->carried, l->sequences);
        ACN_TRY(status);
    }
    return end_loop(l);
}

static acn_status run_loop_or_scan(acn_late *late, const acn_onnx_node *node) {
    const acn_onnx_graph *body = graph_of(node, "body");
    bool is_loop = strcmp(node->type, "Loop") == 0;
    if (!body || body->output_count > MOST_VALUES || node->inputs.count + 2 > MOST_VALUES)
        return bad(node, "it has no body, or more values than a loop may have");
    loop *l = calloc(1, sizeof *l);
    if (l == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a loop");
    l->late = late, l->node = node, l->body = body;
    acn_status status = is_loop ? run_loop(l) : run_scan(l);
    forget(l->all, MOST_VALUES);
    release_all(l->state, MOST_VALUES);
    free(l);
    return status;
}

acn_status acn_late_control(acn_late *late, const acn_onnx_node *node) {
    return strcmp(node->type, "If") == 0 ? run_if(late, node) : run_loop_or_scan(late, node);
}

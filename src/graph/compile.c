/* compile.c - lives of values, and where they lie.
 *
 * A value lives from the node that makes it to the last one that reads it or a view of it. Values
 * are placed in the order of their size, the largest first, each at the lowest address where no
 * value that lives at the same time lies: simple, and within a few percent of the best known.
 * An elementwise operator writes over an input that nobody reads afterwards: both are one life.
 */
#include "graph/compile.h"

#include "ops/math/region.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

typedef struct life {
    acn_net_value *value;
    int first, last; /* steps */
    uint64_t bytes, offset;
} life;

static uint64_t aligned(uint64_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static uint64_t bytes_of(const acn_net_value *v) {
    return (uint64_t)acn_tensor_count(&v->tensor) * acn_dtype_bytes(v->tensor.dtype);
}

/* An output whose memory is an input's, a constant's or another output's, or which is a view, gets
 * a copy as its last step. */
static acn_status own_outputs(acn_net *net) {
    for (int i = 0; i < net->output_count; i++) {
        acn_net_value *v = net->outputs[i];
        bool is_own = v->producer && v->base == v && acn_tensor_is_contiguous(&v->tensor);
        for (int j = 0; j < i; j++)
            is_own &= net->outputs[j]->base != v->base;
        if (is_own) continue;
        acn_node_builder b;
        acn_node_begin(&b, net, "TensorMove", net->output_names[i]);
        acn_node_input(&b, "x", v);
        acn_node_output(&b, "y", v->tensor.dtype, &v->tensor);
        ACN_TRY(acn_node_end_kept(&b, &net->outputs[i]));
    }
    return ACN_OK;
}

static int compare_lives(const void *a, const void *b) {
    const life *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->value->id - y->value->id;
}

/* The lowest offset at which |wanted| fits between those of |placed| that live at the same time.
 * |placed| is sorted by offset. */
static uint64_t find_gap(const life *placed, int count, const life *wanted) {
    uint64_t at = 0;
    for (int i = 0; i < count; i++) {
        if (placed[i].last < wanted->first || placed[i].first > wanted->last) continue;
        if (placed[i].offset >= at + aligned(wanted->bytes)) break;
        uint64_t end = placed[i].offset + aligned(placed[i].bytes);
        if (end > at) at = end;
    }
    return at;
}

static uint64_t place_lives(life *lives, int count) {
    uint64_t total = 0;
    life *placed = malloc((size_t)(count + 1) * sizeof *placed);
    if (placed == NULL) return UINT64_MAX;
    qsort(lives, (size_t)count, sizeof *lives, compare_lives);
    for (int i = 0; i < count; i++) {
        lives[i].offset = find_gap(placed, i, &lives[i]);
        int at = i;
        for (; at > 0 && placed[at - 1].offset > lives[i].offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = lives[i];
        uint64_t end = lives[i].offset + aligned(lives[i].bytes);
        if (end > total) total = end;
    }
    free(placed);
    return total;
}

static void collect_lives(const acn_net *net, life *lives) {
    int step = 0;
    for (const acn_net_node *n = net->nodes; n; n = n->next, step++)
        for (int i = 0; i < n->call.tensor_count; i++) {
            acn_net_value *base = n->value[i]->base;
            life *l = &lives[base->id];
            if (l->value == NULL) *l = (life){base, step, step, bytes_of(base), 0};
            l->last = step;
        }
}

/* Whether |n| reads |x|'s memory only as |x|. */
static bool is_only_reading(const acn_net_node *n, const acn_net_value *x) {
    for (int i = 0; i < n->call.out_first[0]; i++)
        if (n->value[i]->base == x && n->value[i] != x) return false;
    return true;
}

/* The input that |n|'s result may be written over: of the same layout and type, and |n| is the last
 * that reads it. */
static const acn_net_value *find_room(const acn_compiled *c, const life *lives, const int *owner,
                                      const acn_net_node *n, int step) {
    const acn_net_value *y = n->value[n->call.out_first[0]];
    if (!acn_op_works_in_place(n->call.op) || y->base != y || c->place[y->id].kind != ACN_IN_WORK)
        return NULL;
    for (int i = 0; i < n->call.out_first[0]; i++) {
        const acn_net_value *x = n->value[i];
        size_t bytes = (size_t)y->tensor.rank * sizeof *y->tensor.strides;
        if (x->base == x && x->producer && c->place[x->id].kind == ACN_IN_WORK &&
            lives[owner[x->id]].last == step && x->tensor.dtype == y->tensor.dtype &&
            acn_tensor_same_shape(&x->tensor, &y->tensor) &&
            memcmp(x->tensor.strides, y->tensor.strides, bytes) == 0 && is_only_reading(n, x))
            return x;
    }
    return NULL;
}

/* |owner|: by id, whose memory a value shares; its own at first. */
static void join_lives(const acn_compiled *c, life *lives, int *owner) {
    int step = 0;
    for (const acn_net_node *n = c->net->nodes; n; n = n->next, step++) {
        const acn_net_value *x = find_room(c, lives, owner, n, step);
        if (x == NULL) continue;
        int y = n->value[n->call.out_first[0]]->id;
        owner[y] = owner[x->id];
        lives[owner[y]].last = lives[y].last;
        lives[y].value = NULL;
    }
}

static acn_status plan_work(acn_compiled *out) {
    acn_net *net = out->net;
    life *lives = calloc((size_t)net->value_count + 1, sizeof *lives);
    int *owner = acn_arena_alloc(&net->arena, ((size_t)net->value_count + 1) * sizeof *owner);
    if (!lives || !owner) {
        free(lives);
        return acn_fail(ACN_BAD_ALLOC, "no host memory to plan memory");
    }
    for (int i = 0; i < net->value_count; i++)
        owner[i] = i;
    collect_lives(net, lives);
    join_lives(out, lives, owner);
    int count = 0;
    for (int i = 0; i < net->value_count; i++) {
        acn_net_value *v = lives[i].value;
        if (v && out->place[v->id].kind == ACN_IN_WORK) lives[count++] = lives[i];
    }
    out->work_bytes = place_lives(lives, count);
    for (int i = 0; i < count; i++)
        out->place[lives[i].value->id].offset_bytes = (int64_t)lives[i].offset;
    for (int i = 0; i < net->value_count; i++)
        if (owner[i] != i) out->place[i].offset_bytes = out->place[owner[i]].offset_bytes;
    free(lives);
    if (out->work_bytes == UINT64_MAX)
        return acn_fail(ACN_BAD_ALLOC, "no host memory to plan memory");
    return ACN_OK;
}

/* Constants that some step reads. */
static acn_status plan_weights(acn_weights *weights, acn_compiled *out) {
    for (const acn_net_node *n = out->net->nodes; n; n = n->next)
        for (int i = 0; i < n->call.tensor_count; i++) {
            const acn_net_value *base = n->value[i]->base;
            acn_place *place = &out->place[base->id];
            if (!acn_net_is_constant(base) || place->kind == ACN_IN_WEIGHTS) continue;
            uint64_t offset = (uint64_t)(uintptr_t)base->tensor.data;
            if (weights)
                ACN_TRY(acn_weights_place(weights, base->tensor.data, bytes_of(base), &offset));
            *place = (acn_place){ACN_IN_WEIGHTS, 0, (int64_t)offset};
        }
    return ACN_OK;
}

acn_status acn_compile(acn_net *net, acn_weights *weights, acn_compiled *out) {
    ACN_TRY(own_outputs(net));
    *out = (acn_compiled){.net = net, .weights = weights};
    out->place = acn_arena_alloc(&net->arena, ((size_t)net->value_count + 1) * sizeof *out->place);
    if (out->place == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to plan memory");
    for (int i = 0; i < net->input_count; i++)
        out->place[net->inputs[i]->id] = (acn_place){ACN_IN_INPUT, i, 0};
    for (int i = 0; i < net->output_count; i++)
        out->place[net->outputs[i]->id] = (acn_place){ACN_IN_OUTPUT, i, 0};
    ACN_TRY(plan_weights(weights, out));
    return plan_work(out);
}

acn_place acn_compiled_place(const acn_compiled *compiled, const acn_net_value *value) {
    acn_place place = compiled->place[value->base->id];
    place.offset_bytes += value->offset_bytes;
    return place;
}

/* ---- a model for this process ---------------------------------------------------------------- */

static acn_status fill_step(const acn_compiled *compiled, const acn_net_node *n, acn_model *model) {
    acn_model_step *step = &model->steps[model->step_count];
    int count = n->call.tensor_count;
    step->name = n->name;
    acn_call_init(&step->call, n->call.op);
    step->call.api = n->call.api;
    model->step_count++; /* from here on the call is the model's to release */
    memcpy(step->call.in_first, n->call.in_first, sizeof n->call.in_first);
    memcpy(step->call.in_count, n->call.in_count, sizeof n->call.in_count);
    memcpy(step->call.out_first, n->call.out_first, sizeof n->call.out_first);
    memcpy(step->call.out_count, n->call.out_count, sizeof n->call.out_count);
    memcpy(step->call.attr, n->call.attr, sizeof n->call.attr);
    ACN_TRY(acn_call_reserve(&step->call, count));
    memcpy(step->call.tensors, n->call.tensors, (size_t)count * sizeof *n->call.tensors);
    step->place = acn_arena_alloc(&model->arena, ((size_t)count + 1) * sizeof *step->place);
    if (step->place == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    for (int i = 0; i < count; i++) {
        step->call.tensors[i] = n->value[i]->tensor;
        step->place[i] = acn_compiled_place(compiled, n->value[i]);
    }
    return ACN_OK;
}

static acn_status fill_model(const acn_compiled *compiled, acn_model *model) {
    const acn_net *net = compiled->net;
    acn_arena *arena = &model->arena;
    model->name = net->name;
    model->work_bytes = compiled->work_bytes;
    model->inputs = acn_arena_alloc(arena, ((size_t)net->input_count + 1) * sizeof *model->inputs);
    model->outputs =
        acn_arena_alloc(arena, ((size_t)net->output_count + 1) * sizeof *model->outputs);
    model->steps = acn_arena_alloc(arena, ((size_t)net->node_count + 1) * sizeof *model->steps);
    if (!model->inputs || !model->outputs || !model->steps)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    for (int i = 0; i < net->input_count; i++)
        model->inputs[model->input_count++] =
            acn_port_of(net->inputs[i]->name, &net->inputs[i]->tensor);
    for (int i = 0; i < net->output_count; i++)
        model->outputs[model->output_count++] =
            acn_port_of(net->output_names[i], &net->outputs[i]->tensor);
    for (const acn_net_node *n = net->nodes; n; n = n->next)
        ACN_TRY(fill_step(compiled, n, model));
    return ACN_OK;
}

acn_status acn_compiled_model(const acn_compiled *compiled, acn_model **out) {
    acn_model *model;
    ACN_TRY(acn_model_create(&model));
    acn_status status = fill_model(compiled, model);
    if (status != ACN_OK)
        acn_model_destroy(model);
    else
        *out = model;
    return status;
}

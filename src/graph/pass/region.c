/* region.c - elementwise operators that follow one another become one loop: what is between them
 * stays in the nearest cache. The last pass of all, since products take what they can first. */
#include "graph/pass/rewrite.h"

#include "ops/math/region.h"
#include <string.h>

enum { MOST_BEHIND = 64 }; /* nodes, between which one may stand that belongs to the region */

/* A region that grows from its last node backwards. */
typedef struct growing {
    acn_net *net;
    acn_net_node *node[ACN_REGION_STEPS]; /* in the order of the net */
    acn_net_value *input[ACN_REGION_INPUTS];
    acn_region region;
    int count;
} growing;

static bool is_step(const acn_net_node *n) {
    if (!n || !acn_region_takes(n->call.op)) return false;
    for (int t = 0; t < n->call.tensor_count; t++)
        if (n->value[t]->tensor.dtype != ACN_F32) return false;
    const acn_net_value *y = acn_node_out(n, 0);
    for (int s = 1; s < ACN_MAX_INPUTS && n->call.in_count[s]; s++)
        if (!n->call.in_count[s - 1]) return false; /* an absent one before a present one */
    return n->call.out_count[0] == 1 && y->base == y && acn_tensor_count(&y->tensor) > 1;
}

static int place_of(const growing *g, const acn_net_node *n) {
    for (int i = 0; i < g->count; i++)
        if (g->node[i] == n) return i;
    return -1;
}

static bool operand_of(growing *g, acn_net_value *v, acn_region_operand *out) {
    *out = (acn_region_operand){.source = ACN_REGION_NUMBER};
    if (acn_value_number(v, &out->number)) return true;
    int step = v->base == v ? place_of(g, v->producer) : -1;
    *out = (acn_region_operand){.source = ACN_REGION_STEP, .index = step};
    if (step >= 0) return true;
    out->source = ACN_REGION_INPUT;
    for (out->index = 0; out->index < g->region.input_count; out->index++)
        if (g->input[out->index] == v) return true;
    if (g->region.input_count == ACN_REGION_INPUTS) return false;
    g->input[g->region.input_count++] = v;
    return true;
}

/* The nodes as a formula; false: it is too large. */
static bool describe(growing *g) {
    g->region = (acn_region){.step_count = g->count};
    for (int i = 0; i < g->count; i++) {
        const acn_call *c = &g->node[i]->call;
        acn_region_step *s = &g->region.step[i];
        s->op = c->op;
        memcpy(s->attr, c->attr, sizeof s->attr);
        for (int slot = 0; slot < ACN_REGION_OPERANDS && c->in_count[slot]; slot++)
            if (!operand_of(g, acn_node_in(g->node[i], slot), &s->operand[s->operand_count++]))
                return false;
    }
    return g->region.input_count > 0 && acn_region_fits(&g->region);
}

/* With |n|, which stands before all others and whose only reader is one of them. */
static bool take(growing *g, acn_net_node *n) {
    growing before = *g;
    if (g->count == ACN_REGION_STEPS) return false;
    memmove(g->node + 1, g->node, (size_t)g->count * sizeof *g->node);
    g->node[0] = n;
    g->count++;
    if (describe(g)) return true;
    *g = before;
    return false;
}

/* From |last| up the net: each node that only the region reads, of the region's shape. */
static void grow(growing *g, acn_net_node **nodes, int last) {
    const acn_tensor *shape = &acn_node_out(nodes[last], 0)->tensor;
    int first = last > MOST_BEHIND ? last - MOST_BEHIND : 0;
    take(g, nodes[last]);
    for (int i = last - 1; i >= first && g->count; i--) {
        if (!is_step(nodes[i])) continue;
        const acn_net_value *y = acn_node_out(nodes[i], 0);
        if (!acn_tensor_same_shape(&y->tensor, shape)) continue;
        const acn_net_node *reader = acn_only_reader(g->net, y);
        if (reader && place_of(g, reader) >= 0) take(g, nodes[i]);
    }
}

static acn_status replace(growing *g) {
    acn_net_node *last = g->node[g->count - 1];
    acn_net_value *made, *y = acn_node_out(last, 0);
    acn_node_builder b;
    char formula[1024];
    if (!acn_region_write(&g->region, formula, sizeof formula)) return ACN_OK;
    g->net->before = last;
    acn_node_begin(&b, g->net, "ElementwiseRegion", last->name);
    acn_node_inputs(&b, "x", g->input, g->region.input_count);
    acn_node_text(&b, "formula", formula);
    acn_node_output(&b, "y", ACN_F32, NULL);
    ACN_TRY(acn_node_end_kept(&b, &made));
    acn_take_output(g->net, made->producer, 0, y);
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    int total = 0;
    acn_net_node **nodes =
        acn_arena_alloc(&net->arena, ((size_t)net->node_count + 1) * sizeof *nodes);
    if (nodes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a net");
    for (acn_net_node *n = net->nodes; n; n = n->next)
        nodes[total++] = n;
    bool *is_taken = acn_arena_alloc(&net->arena, (size_t)total + 1);
    if (is_taken == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a net");
    for (int i = total - 1; i >= 0; i--) {
        growing g = {.net = net};
        if (is_taken[i] || !is_step(nodes[i])) continue;
        grow(&g, nodes, i);
        if (g.count < 2) continue;
        for (int j = 0; j <= i; j++)
            is_taken[j] |= place_of(&g, nodes[j]) >= 0;
        count->matched++;
        ACN_TRY(replace(&g));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(region) = {
    .name = "AutoFusePass",
    .doc = "Elementwise operators that follow one another become one loop",
    .stage = ACN_PASS_REGION,
    .run = run,
};

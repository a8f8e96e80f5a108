/* condition.c - see condition.h. */
#include "runtime/condition.h"

#include "base/slab.h"
#include "runtime/graph_core.h"
#include "runtime/memory.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_CONDITIONS = 1 << 16, MAX_BODIES = 1024 };

struct acn_condition {
    acn_graph *graph;
    uint64_t *word; /* in device memory */
    uint32_t initial;
    bool is_reset;
    acn_condition *next; /* of the graph */
};

/* What a task needs to run its bodies. */
typedef struct branch {
    acn_condition *condition;
    acn_condition_kind kind;
    uint32_t count;
    acn_graph *bodies[];
} branch;

static acn_slab slab = ACN_SLAB("graph condition", sizeof(acn_condition), MAX_CONDITIONS);

static _Atomic uint64_t *view(const acn_condition *condition) {
    return acn_memory_view(condition->word);
}

acn_status acn_condition_create(acn_graph *graph, uint32_t initial, bool is_reset,
                                acn_condition **out) {
    void *word;
    ACN_TRY(acn_memory_alloc(acn_context_device(graph->context), sizeof(uint64_t), &word));
    acn_condition *condition = acn_slab_alloc(&slab);
    if (condition == NULL) {
        acn_memory_free(word);
        return acn_fail(ACN_BAD_ALLOC, "%d conditions exist, which is the most", MAX_CONDITIONS);
    }
    *condition =
        (acn_condition){.graph = graph, .word = word, .initial = initial, .is_reset = is_reset};
    atomic_store(view(condition), initial);
    pthread_mutex_lock(&acn_graph_mutex);
    condition->next = graph->conditions;
    graph->conditions = condition;
    pthread_mutex_unlock(&acn_graph_mutex);
    *out = condition;
    return ACN_OK;
}

acn_status acn_condition_resolve(void *handle, acn_condition **out) {
    *out = handle;
    if (acn_slab_is_live(&slab, handle)) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE,
                    "handle is %p, which is no condition of a model that is alive", handle);
}

uint64_t *acn_condition_word(const acn_condition *condition) { return condition->word; }

void acn_condition_reset_all(acn_graph *graph) {
    for (acn_condition *condition = graph->conditions; condition != NULL;
         condition = condition->next)
        if (condition->is_reset) atomic_store(view(condition), condition->initial);
}

void acn_condition_free_all(acn_graph *graph) {
    for (acn_condition *condition = graph->conditions, *next; condition != NULL; condition = next) {
        next = condition->next;
        acn_memory_free(condition->word);
        acn_slab_free(&slab, condition);
    }
    graph->conditions = NULL;
}

/* Running. */

static acn_status run_body(acn_walk *walk, acn_graph *body) {
    if (body->step_count == 0 && !body->runs_in_lanes) return ACN_OK; /* it was never filled */
    return acn_graph_run(body, walk->stream);
}

static acn_status run_branch(acn_walk *walk, acn_node *node) {
    const branch *b = node->task.data;
    uint64_t word = atomic_load(view(b->condition));
    switch (b->kind) {
    case ACN_CONDITION_IF:
        if (word != 0) return run_body(walk, b->bodies[0]);
        return b->count > 1 ? run_body(walk, b->bodies[1]) : ACN_OK;
    case ACN_CONDITION_SWITCH:
        return word < b->count ? run_body(walk, b->bodies[word]) : ACN_OK;
    default:
        while (atomic_load(view(b->condition)) != 0 &&
               !acn_graph_shall_stop(walk->graph, walk->stream))
            ACN_TRY(run_body(walk, b->bodies[0]));
        return ACN_OK;
    }
}

/* Adding. */

static acn_status check_count(acn_condition_kind kind, uint32_t count) {
    static const uint32_t most[ACN_CONDITION_KINDS] = {2, 1, MAX_BODIES};
    if (count >= 1 && count <= most[kind]) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "size is %u; expected 1 to %u models for type %d", count,
                    most[kind], (int)kind);
}

static void drop_bodies(acn_graph *graph, uint32_t count) {
    for (; count > 0; count--) {
        acn_graph *child = graph->children;
        graph->children = child->sibling;
        atomic_store(&child->is_alive, false);
        acn_graph_release(child);
    }
}

static acn_status add(branch *b, acn_stream *stream, acn_graph **out_bodies) {
    acn_graph *graph = b->condition->graph;
    acn_lane *lane = atomic_load(&stream->recording);
    acn_status status = ACN_OK;
    if (lane == NULL || lane->graph != graph || lane->capture == NULL)
        return acn_fail(ACN_STREAM_NOT_CAPTURED,
                        "stream %u is not being captured into model %u, which the condition "
                        "belongs to",
                        acn_stream_id(stream), graph->id);
    uint32_t made = 0;
    for (; made < b->count && status == ACN_OK; made++) {
        status = acn_graph_create(graph->context, &b->bodies[made]);
        if (status != ACN_OK) break;
        b->bodies[made]->parent = graph;
        b->bodies[made]->sibling = graph->children;
        graph->children = b->bodies[made];
    }
    acn_node like = {.kind = ACN_NODE_CONTROL,
                     .step = run_branch,
                     .task = {.data = b, .drop = free, .name = "conditional task"}};
    /* What a body does is not known yet; it may well block. */
    like.task.flags = ACN_TASK_CAN_BLOCK;
    if (status == ACN_OK) status = acn_graph_add_node(lane, &like, NULL);
    if (status != ACN_OK) {
        drop_bodies(graph, made);
        return status;
    }
    memcpy(out_bodies, b->bodies, b->count * sizeof *out_bodies);
    return ACN_OK;
}

acn_status acn_condition_add(acn_condition *condition, acn_condition_kind kind, acn_stream *stream,
                             acn_graph **out_bodies, uint32_t count) {
    ACN_TRY(check_count(kind, count));
    branch *b = malloc(sizeof *b + count * sizeof *b->bodies);
    if (b == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a conditional task");
    *b = (branch){.condition = condition, .kind = kind, .count = count};
    pthread_mutex_lock(&acn_graph_mutex);
    acn_status status = add(b, stream, out_bodies);
    pthread_mutex_unlock(&acn_graph_mutex);
    if (status != ACN_OK) free(b);
    return status;
}

/* graph.c - the life of a graph: making it, filling it, names, ends. Replays: replay.c. */
#include "base/slab.h"
#include "runtime/check.h"
#include "runtime/graph_core.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_GRAPHS = 1 << 16, MAX_LANES = 1 << 16, MAX_NODES = 1 << 22, FIRST_ROOM = 16 };

pthread_mutex_t acn_graph_mutex = PTHREAD_MUTEX_INITIALIZER;

static acn_slab graph_slab = ACN_SLAB("graph", sizeof(acn_graph), MAX_GRAPHS);
static acn_slab lane_slab = ACN_SLAB("graph lane", sizeof(acn_lane), MAX_LANES);
static acn_slab node_slab = ACN_SLAB("graph node", sizeof(acn_node), MAX_NODES);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint32_t last_id;

/* A fork happens while no other thread of the child can finish what it was doing. */
static void on_fork_child(void) { pthread_mutex_init(&acn_graph_mutex, NULL); }

static void initialize(void) { pthread_atfork(NULL, NULL, on_fork_child); }

bool acn_grow(void *array_of_pointers, uint32_t count, uint32_t *room) {
    if (count < *room) return true;
    uint32_t wanted = *room != 0 ? 2 * *room : FIRST_ROOM;
    void **array = array_of_pointers;
    void *grown = realloc(*array, wanted * sizeof(void *));
    if (grown == NULL) return false;
    *array = grown;
    *room = wanted;
    return true;
}

/* Making. */

acn_status acn_graph_create(acn_context *context, acn_graph **out) {
    pthread_once(&once, initialize);
    acn_graph *graph = acn_slab_alloc(&graph_slab);
    if (graph == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d graphs exist, which is the most; destroy some",
                        MAX_GRAPHS);
    /* |is_alive| may be read by somebody who has a stale handle. */
    memset((char *)graph + offsetof(acn_graph, id), 0, sizeof *graph - offsetof(acn_graph, id));
    atomic_store(&graph->users, 1);
    graph->id = atomic_fetch_add(&last_id, 1) + 1;
    graph->context = context;
    graph->context_serial = atomic_load(&context->serial);
    pthread_mutex_init(&graph->group_mutex, NULL);
    atomic_store(&graph->is_alive, true);
    *out = graph;
    return ACN_OK;
}

acn_status acn_graph_add_lane(acn_graph *graph, acn_stream *stream, acn_lane **out) {
    acn_lane *lane = acn_slab_alloc(&lane_slab);
    uint32_t room = graph->lane_count;
    if (lane == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d streams are captured, which is the most", MAX_LANES);
    /* Graphs have few lanes, so the array may grow by one. */
    acn_lane **lanes = realloc(graph->lanes, (room + 1) * sizeof *lanes);
    if (lanes == NULL) {
        acn_slab_free(&lane_slab, lane);
        return acn_fail(ACN_BAD_ALLOC, "no memory for another stream of graph %u", graph->id);
    }
    memset(lane, 0, sizeof *lane);
    lane->graph = graph;
    lane->stream = stream;
    lane->stream_id = stream->id;
    lane->starts = true;
    graph->lanes = lanes;
    graph->lanes[graph->lane_count++] = lane;
    *out = lane;
    return ACN_OK;
}

acn_status acn_graph_add_node(acn_lane *lane, const acn_node *like, acn_node **out) {
    acn_graph *graph = lane->graph;
    acn_node *node = acn_slab_alloc(&node_slab);
    if (node == NULL || !acn_grow(&lane->nodes, lane->count, &lane->room) ||
        !acn_grow(&graph->nodes, graph->count, &graph->room)) {
        if (node != NULL) acn_slab_free(&node_slab, node);
        return acn_fail(ACN_BAD_ALLOC, "no memory for another task of graph %u", graph->id);
    }
    memcpy(node, like, sizeof *node);
    node->graph = graph;
    node->lane = lane;
    lane->nodes[lane->count++] = node;
    node->position = lane->count;
    node->order = graph->count;
    graph->nodes[graph->count++] = node;
    if (out != NULL) *out = node;
    return ACN_OK;
}

/* The plan of a replay. */

static acn_status make_helpers(acn_graph *graph) {
    for (uint32_t i = 1; i < graph->lane_count; i++) {
        acn_lane *lane = graph->lanes[i];
        if (lane->helper != NULL) continue;
        ACN_TRY(acn_stream_create(graph->context, 0, 0, &lane->helper));
        lane->helper_serial = atomic_load(&lane->helper->serial);
    }
    return ACN_OK;
}

acn_status acn_graph_seal(acn_graph *graph, bool in_lanes) {
    uint64_t cost_us = 0;
    acn_node **steps = realloc(graph->steps, (graph->count + 1) * sizeof *steps);
    if (steps == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to plan graph %u", graph->id);
    graph->steps = steps;
    graph->step_count = graph->task_flags = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        acn_node *node = graph->nodes[i];
        if (node->kind == ACN_NODE_RECORD || node->kind == ACN_NODE_WAIT) continue;
        steps[graph->step_count++] = node;
        cost_us += node->task.cost_us;
        graph->task_flags |= node->task.flags & ACN_TASK_CAN_BLOCK;
    }
    graph->cost_us = cost_us < UINT32_MAX ? (uint32_t)cost_us : UINT32_MAX;
    /* In the order of recording everything is done in time, on one thread and without waiting;
     * but a task that waits for something outside would hold up lanes that have nothing to do with
     * it, and maybe are what it waits for. */
    bool can_block = (graph->task_flags & ACN_TASK_CAN_BLOCK) != 0;
    graph->runs_in_lanes = in_lanes || (graph->lane_count > 1 && can_block);
    if (!graph->runs_in_lanes) return ACN_OK;
    graph->task_flags |= ACN_TASK_CAN_BLOCK;
    return make_helpers(graph);
}

/* Handles. */

acn_status acn_graph_resolve(void *handle, acn_graph **out) {
    acn_graph *graph = handle;
    if (!acn_slab_is_live(&graph_slab, graph) || !atomic_load(&graph->is_alive))
        return acn_fail(ACN_INVALID_HANDLE,
                        "modelRI is %p, which does not exist; expected one that is not destroyed",
                        handle);
    *out = graph;
    return ACN_OK;
}

acn_lane *acn_lane_find(void *handle) {
    return acn_slab_is_live(&lane_slab, handle) ? handle : NULL;
}

acn_node *acn_node_find(void *handle) {
    return acn_slab_is_live(&node_slab, handle) ? handle : NULL;
}

void acn_graph_hold(acn_graph *graph) { atomic_fetch_add(&graph->users, 1); }

static void free_lane(acn_lane *lane) {
    if (lane->helper != NULL && atomic_load(&lane->helper->serial) == lane->helper_serial)
        acn_stream_destroy(lane->helper, true);
    free(lane->nodes);
    acn_slab_free(&lane_slab, lane);
}

void acn_graph_release(acn_graph *graph) {
    if (atomic_fetch_sub(&graph->users, 1) != 1) return;
    for (uint32_t i = 0; i < graph->count; i++) {
        acn_task *task = &graph->nodes[i]->task;
        if (task->drop != NULL) task->drop(task->data);
        free(graph->nodes[i]->change);
        free(graph->nodes[i]->info);
        free(graph->nodes[i]->footprint);
        acn_slab_free(&node_slab, graph->nodes[i]);
    }
    for (uint32_t i = 0; i < graph->lane_count; i++)
        free_lane(graph->lanes[i]);
    for (acn_graph *child = graph->children, *next; child != NULL; child = next) {
        next = child->sibling;
        acn_graph_release(child);
    }
    for (acn_farewell *f = graph->farewells, *next; f != NULL; f = next) {
        next = f->next;
        free(f);
    }
    if (graph->own_stream != NULL && atomic_load(&graph->own_stream->serial) == graph->own_serial)
        acn_stream_destroy(graph->own_stream, true);
    acn_condition_free_all(graph);
    acn_group_free_all(graph);
    if (graph->clock != NULL) acn_check_free_event(&graph->clock);
    free(graph->nodes);
    free(graph->steps);
    free(graph->lanes);
    pthread_mutex_destroy(&graph->group_mutex);
    acn_slab_free(&graph_slab, graph);
}

static void end_handles_of_children(acn_graph *graph) {
    for (acn_graph *child = graph->children; child != NULL; child = child->sibling) {
        atomic_store(&child->is_alive, false);
        end_handles_of_children(child);
    }
}

/* Streams that are still bound work as before. */
static void unbind_all(acn_graph *graph) {
    pthread_mutex_lock(&acn_graph_mutex);
    for (uint32_t i = 0; i < graph->lane_count; i++) {
        acn_lane *lane = graph->lanes[i];
        if (lane->is_bound && lane->stream != NULL) atomic_store(&lane->stream->recording, NULL);
        lane->stream = NULL;
    }
    if (graph->capture != NULL) acn_capture_close(graph->capture);
    pthread_mutex_unlock(&acn_graph_mutex);
}

acn_status acn_graph_destroy(acn_graph *graph) {
    pthread_mutex_lock(&acn_graph_mutex);
    bool is_built = graph->capture != NULL && graph->capture->is_build;
    bool is_filled = graph->capture != NULL && !is_built, has_parent = graph->parent != NULL,
         alive = true;
    if (!is_filled && !has_parent) atomic_compare_exchange_strong(&graph->is_alive, &alive, false);
    pthread_mutex_unlock(&acn_graph_mutex);
    if (has_parent)
        return acn_fail(ACN_PARAM_INVALID,
                        "model %u is the body of a conditional task and ends with model %u",
                        graph->id, graph->parent->id);
    if (is_filled)
        return acn_fail(ACN_MODEL_CAPTURED, "model %u is being captured; end the capture first",
                        graph->id);
    if (!alive)
        return acn_fail(ACN_INVALID_HANDLE, "modelRI %p is destroyed already", (void *)graph);
    unbind_all(graph);
    end_handles_of_children(graph);
    for (acn_farewell *f = graph->farewells; f != NULL; f = f->next)
        f->run(f->user);
    acn_graph_release(graph);
    return ACN_OK;
}

/* Properties. */

uint32_t acn_graph_id(const acn_graph *graph) { return graph->id; }
const char *acn_graph_name(const acn_graph *graph) { return graph->name; }

acn_status acn_graph_set_name(acn_graph *graph, const char *name) {
    size_t length = strlen(name);
    if (length >= sizeof graph->name)
        return acn_fail(ACN_PARAM_INVALID, "name has %zu characters; expected at most %zu", length,
                        sizeof graph->name - 1);
    memcpy(graph->name, name, length + 1);
    return ACN_OK;
}

acn_status acn_graph_on_destroy(acn_graph *graph, void (*run)(void *user), void *user) {
    acn_farewell *f = malloc(sizeof *f);
    if (f == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a callback");
    *f = (acn_farewell){.run = run, .user = user};
    pthread_mutex_lock(&acn_graph_mutex);
    acn_farewell **end = &graph->farewells;
    while (*end != NULL && (*end)->run != run)
        end = &(*end)->next;
    bool is_new = *end == NULL;
    if (is_new) *end = f;
    pthread_mutex_unlock(&acn_graph_mutex);
    if (is_new) return ACN_OK;
    free(f);
    return acn_fail(ACN_PARAM_INVALID,
                    "func is registered for model %u already; unregister it first", graph->id);
}

acn_status acn_graph_forget_on_destroy(acn_graph *graph, void (*run)(void *user)) {
    pthread_mutex_lock(&acn_graph_mutex);
    acn_farewell **at = &graph->farewells;
    while (*at != NULL && (*at)->run != run)
        at = &(*at)->next;
    acn_farewell *found = *at;
    if (found != NULL) *at = found->next;
    pthread_mutex_unlock(&acn_graph_mutex);
    free(found);
    if (found != NULL) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "func is not registered for model %u", graph->id);
}

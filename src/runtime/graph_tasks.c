/* graph_tasks.c - see graph_tasks.h. */
#include "runtime/graph_tasks.h"

#include "runtime/graph_core.h"
#include <stdlib.h>
#include <string.h>

/* What a node becomes with the next update. */
struct acn_change {
    bool disables, has_value;
    acn_value_task value;
};

static void lock(void) { pthread_mutex_lock(&acn_graph_mutex); }
static void unlock(void) { pthread_mutex_unlock(&acn_graph_mutex); }

static acn_status give(void *const *from, uint32_t from_count, void **out, uint32_t *count) {
    uint32_t room = *count;
    *count = from_count;
    if (out == NULL) return ACN_OK;
    if (room < from_count)
        return acn_fail(ACN_ARRAY_TOO_SHORT, "there is room for %u, but %u are there", room,
                        from_count);
    if (from_count > 0) memcpy(out, from, from_count * sizeof *out);
    return ACN_OK;
}

acn_status acn_graph_lanes(acn_graph *graph, acn_lane **out, uint32_t *count) {
    lock();
    acn_status status = give((void *const *)graph->lanes, graph->lane_count, (void **)out, count);
    unlock();
    return status;
}

acn_status acn_graph_lane_tasks(void *handle, acn_node **out, uint32_t *count) {
    acn_stream *stream;
    acn_lane *lane = acn_lane_find(handle);
    if (lane == NULL) {
        ACN_TRY(acn_stream_resolve(handle, &stream));
        lane = atomic_load(&stream->recording);
    }
    acn_status status = ACN_OK;
    lock();
    if (lane == NULL || lane->graph == NULL)
        status = acn_fail(ACN_STREAM_NOT_CAPTURED,
                          "stream %p belongs to no model; expected one of aclmdlRIGetStreams, or "
                          "one that is being captured",
                          handle);
    else
        status = give((void *const *)lane->nodes, lane->count, (void **)out, count);
    unlock();
    return status;
}

acn_status acn_node_resolve(void *handle, acn_node **out) {
    *out = acn_node_find(handle);
    if (*out != NULL) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE, "task is %p, which is in no model that is alive", handle);
}

uint32_t acn_node_type(const acn_node *node) {
    uint32_t type = node->task.flags & ACN_TASK_TYPE;
    return node->kind == ACN_NODE_CONTROL || type == ACN_TASK_IS_REPLAY ? 0 : type;
}

uint32_t acn_node_number(const acn_node *node) { return node->position - 1; }
acn_group *acn_node_group(const acn_node *node) { return node->group; }

const void *acn_node_info(const acn_node *node, size_t *out_bytes) {
    *out_bytes = node->info_bytes;
    return node->info;
}

acn_event *acn_node_event(const acn_node *node) {
    return node->kind == ACN_NODE_TASK ? acn_event_of_task(node->task.data) : NULL;
}

acn_value_task acn_node_value(const acn_node *node) { return acn_value_of_task(node->task.data); }

/* Changes. */

static acn_status change(acn_node *node, const acn_change *to) {
    acn_status status = ACN_OK;
    lock();
    if (node->change == NULL) node->change = calloc(1, sizeof *node->change);
    if (node->change == NULL) {
        status = acn_fail(ACN_BAD_ALLOC, "no memory to change a task");
    } else {
        node->change->disables |= to->disables;
        if (to->has_value) node->change->value = to->value;
        node->change->has_value |= to->has_value;
    }
    unlock();
    return status;
}

acn_status acn_node_set_value(acn_node *node, const acn_value_task *to) {
    ACN_TRY(acn_value_check(to));
    return change(node, &(acn_change){.has_value = true, .value = *to});
}

acn_status acn_node_disable(acn_node *node) {
    return change(node, &(acn_change){.disables = true});
}

static void apply(acn_node *node) {
    if (node->change == NULL) return;
    if (node->change->has_value) acn_value_set_task(node->task.data, &node->change->value);
    if (node->change->disables) atomic_store(&node->is_disabled, true);
    free(node->change);
    node->change = NULL;
}

acn_status acn_graph_update(acn_graph *graph) {
    acn_status status = ACN_OK;
    lock();
    if (graph->capture != NULL)
        status = acn_fail(ACN_MODEL_CAPTURED, "model %u is being captured; end the capture first",
                          graph->id);
    else if (atomic_load(&graph->queued) != 0)
        status = acn_fail(ACN_MODEL_RUNNING, "model %u is running; synchronise first", graph->id);
    for (uint32_t i = 0; status == ACN_OK && i < graph->count; i++)
        apply(graph->nodes[i]);
    unlock();
    return status;
}

/* group.c - see group.h. */
#include "runtime/group.h"

#include "base/slab.h"
#include "runtime/capture.h"
#include "runtime/graph_core.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_GROUPS = 1 << 20 };

struct acn_group {
    acn_graph *graph;
    acn_lane *lane;
    uint32_t first, count; /* nodes of the lane */
    acn_group *next;       /* of the graph */
};

/* The calls that were made since an update began; a lane without a graph points to it. */
typedef struct update {
    acn_lane lane;
    acn_task *tasks;
    uint32_t count, expected;
    acn_group *group;
    acn_graph *graph;
    acn_node **nodes;  /* that get the tasks */
    acn_status status; /* of the first call that did not fit */
} update;

static acn_slab slab = ACN_SLAB("task group", sizeof(acn_group), MAX_GROUPS);

static void lock(void) { pthread_mutex_lock(&acn_graph_mutex); }
static void unlock(void) { pthread_mutex_unlock(&acn_graph_mutex); }

static acn_status captured_lane(acn_stream *stream, acn_lane **out) {
    *out = atomic_load(&stream->recording);
    if (*out != NULL && (*out)->capture != NULL) return ACN_OK;
    return acn_fail(ACN_STREAM_NOT_CAPTURED,
                    "stream %u is not being captured; task groups are made during a capture",
                    stream->id);
}

static acn_status begin(acn_stream *stream) {
    acn_lane *lane;
    ACN_TRY(captured_lane(stream, &lane));
    if (lane->open_group != NULL)
        return acn_fail(ACN_TASK_GROUP_STATUS,
                        "a task group of stream %u is open already; end it first", stream->id);
    acn_group *group = acn_slab_alloc(&slab);
    if (group == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d task groups exist, which is the most", MAX_GROUPS);
    *group = (acn_group){
        .graph = lane->graph, .lane = lane, .first = lane->count, .next = lane->graph->groups};
    lane->graph->groups = lane->open_group = group;
    return ACN_OK;
}

acn_status acn_group_begin(acn_stream *stream) {
    lock();
    acn_status status = begin(stream);
    unlock();
    return status;
}

static acn_status end(acn_stream *stream, acn_group **out) {
    acn_lane *lane;
    ACN_TRY(captured_lane(stream, &lane));
    acn_group *group = lane->open_group;
    if (group == NULL)
        return acn_fail(
            ACN_TASK_GROUP_STATUS,
            "no task group of stream %u is open; call aclmdlRICaptureTaskGrpBegin first",
            stream->id);
    group->count = lane->count - group->first;
    lane->open_group = NULL;
    *out = group;
    return ACN_OK;
}

acn_status acn_group_end(acn_stream *stream, acn_group **out) {
    lock();
    acn_status status = end(stream, out);
    unlock();
    return status;
}

void acn_group_free_all(acn_graph *graph) {
    for (acn_group *group = graph->groups, *next; group != NULL; group = next) {
        next = group->next;
        acn_slab_free(&slab, group);
    }
    graph->groups = NULL;
}

/* Updates. */

static void free_update(update *u) {
    for (uint32_t i = 0; i < u->count; i++)
        if (u->tasks[i].drop != NULL) u->tasks[i].drop(u->tasks[i].data);
    if (u->graph != NULL) acn_graph_release(u->graph);
    free(u->tasks);
    free(u->nodes);
    free(u);
}

/* The group's tasks, without what only orders them. */
static void list_nodes(update *u) {
    const acn_group *group = u->group;
    for (uint32_t i = 0; i < group->count; i++) {
        acn_node *node = group->lane->nodes[group->first + i];
        if (node->kind == ACN_NODE_TASK) u->nodes[u->expected++] = node;
    }
}

static acn_status update_begin(acn_stream *stream, acn_group *group) {
    if (!acn_slab_is_live(&slab, group) || !atomic_load(&group->graph->is_alive))
        return acn_fail(ACN_INVALID_HANDLE,
                        "handle is %p, which is no task group of a model that is alive",
                        (void *)group);
    if (group->graph->capture != NULL)
        return acn_fail(ACN_MODEL_CAPTURED,
                        "model %u is being captured; end the capture before you update it",
                        group->graph->id);
    if (acn_stream_is_recorded(stream))
        return acn_fail(ACN_STREAM_CAPTURED,
                        "stream %u is being captured or is updating a task group already",
                        stream->id);
    update *u = calloc(1, sizeof *u);
    if (u != NULL) {
        u->tasks = calloc(group->count + 1, sizeof *u->tasks);
        u->nodes = calloc(group->count + 1, sizeof(acn_node *));
    }
    if (u == NULL || u->tasks == NULL || u->nodes == NULL) {
        if (u != NULL) free_update(u);
        return acn_fail(ACN_BAD_ALLOC, "no memory to update a task group");
    }
    u->group = u->lane.updates = group;
    u->lane.stream = stream;
    u->graph = group->graph;
    acn_graph_hold(u->graph);
    list_nodes(u);
    atomic_store_explicit(&stream->recording, &u->lane, memory_order_release);
    return ACN_OK;
}

acn_status acn_group_update_begin(acn_stream *stream, void *handle) {
    lock();
    acn_status status = update_begin(stream, handle);
    unlock();
    return status;
}

acn_status acn_group_collect(acn_lane *lane, const acn_task *task) {
    update *u = (update *)lane;
    if (u->status != ACN_OK || u->count == u->expected) {
        u->status = ACN_MODEL_UPDATE;
        return acn_fail(ACN_MODEL_UPDATE,
                        "the task group of model %u has %u tasks and gets %s on top of them; make "
                        "the same calls as when it was captured",
                        u->graph->id, u->expected, task->name);
    }
    const acn_node *node = u->nodes[u->count];
    if (strcmp(node->task.name, task->name) != 0) {
        u->status = ACN_MODEL_UPDATE;
        return acn_fail(ACN_MODEL_UPDATE,
                        "task %u of the group is %s and would become %s; make the same calls as "
                        "when it was captured",
                        u->count, node->task.name, task->name);
    }
    u->tasks[u->count++] = *task;
    return ACN_OK;
}

/* In the order of the stream that the update was made on. */
static acn_status apply(void *argument) {
    update *u = argument;
    pthread_mutex_lock(&u->graph->group_mutex);
    for (uint32_t i = 0; i < u->count; i++) {
        acn_task before = u->nodes[i]->task;
        u->nodes[i]->task = u->tasks[i];
        u->tasks[i] = before;
    }
    pthread_mutex_unlock(&u->graph->group_mutex);
    return ACN_OK;
}

static void drop_update(void *argument) { free_update(argument); }

static acn_status take_update(acn_stream *stream, update **out) {
    acn_lane *lane = atomic_load(&stream->recording);
    if (lane == NULL || lane->updates == NULL)
        return acn_fail(
            ACN_TASK_GROUP_STATUS,
            "stream %u updates no task group; call aclmdlRICaptureTaskUpdateBegin first",
            stream->id);
    *out = (update *)lane;
    atomic_store(&stream->recording, NULL);
    return ACN_OK;
}

acn_status acn_group_update_end(acn_stream *stream) {
    update *u = NULL;
    lock();
    acn_status status = take_update(stream, &u);
    unlock();
    ACN_TRY(status);
    if (u->status == ACN_OK && u->count < u->expected)
        u->status = acn_fail(ACN_MODEL_UPDATE,
                             "the task group of model %u has %u tasks and got only %u; make the "
                             "same calls as when it was captured",
                             u->graph->id, u->expected, u->count);
    else if (u->status != ACN_OK)
        acn_fail(u->status, "a call of this update did not fit; see its error");
    if (u->status != ACN_OK) {
        status = u->status;
        free_update(u);
        return status;
    }
    acn_task task = {.run = apply, .drop = drop_update, .data = u, .name = "update task group"};
    return acn_stream_submit(stream, &task);
}

void acn_group_abandon(acn_lane *lane) { free_update((update *)lane); }

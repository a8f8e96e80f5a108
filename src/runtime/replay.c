/* replay.c - running a graph: as one task of the stream it is launched on, in the order of
 * recording; or lane by lane, each on a stream of its own, when lanes wait for things outside. */
#include "base/thread.h"
#include "runtime/check.h"
#include "runtime/graph_core.h"
#include <limits.h>
#include <stdlib.h>

bool acn_graph_shall_stop(const acn_graph *graph, const acn_stream *stream) {
    return atomic_load_explicit(&graph->shall_stop, memory_order_relaxed) ||
           atomic_load_explicit(&graph->has_failed, memory_order_relaxed) ||
           acn_stream_shall_give_up(stream);
}

static acn_status explain(const acn_node *node, acn_status status) {
    char *cause = acn_error_clone();
    acn_error_clear();
    acn_status told =
        acn_fail(ACN_MODEL_EXECUTE, "model %u, task %u (%s): %s", node->graph->id, node->position,
                 node->task.name != NULL ? node->task.name : "control",
                 cause != NULL ? cause : acn_status_title(status));
    free(cause);
    return told;
}

static acn_status run_task(acn_graph *graph, acn_node *node) {
    if (__builtin_expect(node->group == NULL, 1)) return node->task.run(node->task.data);
    /* An update waits until its task is not running. */
    pthread_mutex_lock(&graph->group_mutex);
    acn_status status = node->task.run(node->task.data);
    pthread_mutex_unlock(&graph->group_mutex);
    return status;
}

/* Waits for a point of another lane; only in lanes can it be not there yet. */
static void wait_for_lane(const acn_walk *walk, acn_lane *other, uint32_t position) {
    for (;;) {
        uint32_t reached = atomic_load(&other->reached);
        if (reached >= position || acn_graph_shall_stop(walk->graph, walk->stream)) return;
        acn_stream_sleep(walk->stream, &other->reached, reached, -1);
    }
}

static void tell_lane(acn_lane *lane, uint32_t position) {
    if (atomic_load(&lane->reached) >= position) return; /* it has jumped back */
    atomic_store(&lane->reached, position);
    acn_futex_wake(&lane->reached, INT_MAX);
}

static acn_status run_walk(acn_walk *walk) {
    acn_graph *graph = walk->graph;
    while (walk->at < walk->count && !acn_graph_shall_stop(graph, walk->stream)) {
        acn_node *node = walk->nodes[walk->at++];
        acn_status status = ACN_OK;
        if (atomic_load_explicit(&node->is_disabled, memory_order_relaxed)) continue;
        switch (node->kind) {
        case ACN_NODE_TASK:
            status = run_task(graph, node);
            break;
        case ACN_NODE_RECORD:
            tell_lane(node->lane, node->position);
            break;
        case ACN_NODE_WAIT:
            wait_for_lane(walk, node->other, node->other_position);
            break;
        case ACN_NODE_CONTROL:
            status = node->step(walk, node);
            break;
        }
        if (__builtin_expect(status != ACN_OK, 0)) return explain(node, status);
    }
    return ACN_OK;
}

/* Lanes. */

static void wake_lanes(acn_graph *graph) {
    for (uint32_t i = 0; i < graph->lane_count; i++)
        acn_futex_wake(&graph->lanes[i]->reached, INT_MAX);
}

static acn_status run_lane(void *argument) {
    acn_lane *lane = argument;
    acn_walk walk = {.graph = lane->graph,
                     .stream = acn_stream_executing(),
                     .nodes = lane->nodes,
                     .count = lane->count};
    acn_status status = run_walk(&walk);
    if (status != ACN_OK) {
        atomic_store(&lane->graph->has_failed, true);
        wake_lanes(lane->graph);
    }
    return status;
}

acn_status acn_lane_start(acn_lane *lane) {
    atomic_store(&lane->is_started, true);
    acn_task task = {
        .run = run_lane, .data = lane, .flags = ACN_TASK_CAN_BLOCK, .name = "replay of a model"};
    return acn_stream_submit(lane->helper, &task);
}

/* Waits for a lane's end; aborts it when |stream| is aborted. */
static acn_status join_lane(acn_lane *lane, acn_stream *stream) {
    if (!atomic_load(&lane->is_started)) return ACN_OK;
    uint64_t number = atomic_load(&lane->helper->submitted);
    acn_stream_await(lane->helper, lane->helper_serial, number, -1, stream);
    if (acn_stream_shall_give_up(stream)) acn_stream_abort(lane->helper, -1);
    return acn_stream_synchronize(lane->helper, -1);
}

static acn_status run_in_lanes(acn_graph *graph, acn_stream *stream) {
    acn_status status = ACN_OK;
    for (uint32_t i = 0; i < graph->lane_count; i++) {
        atomic_store(&graph->lanes[i]->reached, 0);
        atomic_store(&graph->lanes[i]->is_started, false);
    }
    for (uint32_t i = 1; i < graph->lane_count && status == ACN_OK; i++)
        if (graph->lanes[i]->starts) status = acn_lane_start(graph->lanes[i]);
    if (status == ACN_OK && graph->lanes[0]->starts) status = run_lane(graph->lanes[0]);
    char *text = status != ACN_OK ? acn_error_clone() : NULL;
    for (uint32_t i = 1; i < graph->lane_count; i++) {
        acn_status ended = join_lane(graph->lanes[i], stream);
        if (status != ACN_OK || ended == ACN_OK) continue;
        status = ended;
        text = acn_error_clone();
    }
    if (status != ACN_OK) acn_error_restore(status, text);
    free(text);
    return status;
}

acn_status acn_graph_run(acn_graph *graph, acn_stream *stream) {
    atomic_store_explicit(&graph->has_failed, false, memory_order_relaxed);
    acn_condition_reset_all(graph);
    if (graph->runs_in_lanes) return run_in_lanes(graph, stream);
    acn_walk walk = {
        .graph = graph, .stream = stream, .nodes = graph->steps, .count = graph->step_count};
    return run_walk(&walk);
}

/* Launching. */

/* One replay at a time, whichever streams they are on. False when |stream| is aborted. */
static bool enter(acn_graph *graph, acn_stream *stream) {
    uint32_t seen = 0;
    if (atomic_compare_exchange_strong(&graph->busy, &seen, 1)) return true;
    while (atomic_exchange(&graph->busy, 2) != 0) {
        if (acn_stream_shall_give_up(stream)) return false;
        acn_stream_sleep(stream, &graph->busy, 2, -1);
    }
    return true;
}

static void leave(acn_graph *graph) {
    if (atomic_exchange(&graph->busy, 0) == 2) acn_futex_wake(&graph->busy, INT_MAX);
}

static acn_status replay(void *argument) {
    acn_graph *graph = argument;
    acn_stream *stream = acn_stream_executing();
    if (!enter(graph, stream)) return ACN_OK;
    atomic_store(&graph->shall_stop, false);
    acn_status status = acn_graph_run(graph, stream);
    leave(graph);
    return status;
}

static void drop_replay(void *argument) {
    acn_graph *graph = argument;
    atomic_fetch_sub(&graph->queued, 1);
    acn_graph_release(graph);
}

acn_status acn_graph_launch(acn_graph *graph, acn_stream *stream) {
    if (atomic_load(&graph->context->serial) != graph->context_serial)
        return acn_fail(ACN_CONTEXT_NULL,
                        "the context that model %u was captured in is destroyed, and what the "
                        "model's tasks use with it; capture it again",
                        graph->id);
    if (acn_stream_context(stream) != graph->context)
        return acn_fail(ACN_STREAM_CONTEXT,
                        "model %u was captured on device %d in another context than stream %u's; "
                        "launch it on a stream of its own context",
                        graph->id, acn_context_device(graph->context), acn_stream_id(stream));
    pthread_mutex_lock(&acn_graph_mutex);
    bool is_filled = graph->capture != NULL;
    pthread_mutex_unlock(&acn_graph_mutex);
    if (is_filled)
        return acn_fail(ACN_MODEL_CAPTURED,
                        "model %u is being captured; end the capture before it is executed",
                        graph->id);
    acn_graph_hold(graph);
    bool may_wait = atomic_fetch_add(&graph->queued, 1) != 0;
    if (acn_check_streams() && !acn_stream_is_recorded(stream)) acn_check_replay(stream, graph);
    return acn_stream_submit(stream, &(acn_task){.run = replay,
                                                 .drop = drop_replay,
                                                 .data = graph,
                                                 .flags = ACN_TASK_IS_REPLAY | graph->task_flags |
                                                          (may_wait ? ACN_TASK_CAN_BLOCK : 0),
                                                 .cost_us = graph->cost_us,
                                                 .name = "replay of a model"});
}

acn_status acn_graph_execute(acn_graph *graph, int32_t timeout_ms) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&acn_graph_mutex);
    if (graph->own_stream == NULL) {
        status = acn_stream_create(graph->context, 0, 0, &graph->own_stream);
        if (status == ACN_OK) graph->own_serial = atomic_load(&graph->own_stream->serial);
    }
    pthread_mutex_unlock(&acn_graph_mutex);
    ACN_TRY(status);
    ACN_TRY(acn_graph_launch(graph, graph->own_stream));
    return acn_stream_synchronize(graph->own_stream, timeout_ms);
}

acn_status acn_graph_abort(acn_graph *graph) {
    atomic_store(&graph->shall_stop, true);
    wake_lanes(graph);
    return ACN_OK;
}

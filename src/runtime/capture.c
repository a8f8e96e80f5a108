/* capture.c - see capture.h. All of it is rare, so one mutex guards it: that of the graphs. */
#include "runtime/capture.h"

#include "runtime/context.h"
#include "runtime/event.h"
#include "runtime/graph_core.h"
#include "runtime/group.h"
#include <stdlib.h>
#include <string.h>

_Atomic uint32_t acn_captures_open;
static acn_capture *all;
static uint64_t last_id;
static _Thread_local acn_capture_mode thread_mode = ACN_CAPTURE_GLOBAL;
static _Thread_local acn_node *last_node; /* may be gone */

static void lock(void) { pthread_mutex_lock(&acn_graph_mutex); }
static void unlock(void) { pthread_mutex_unlock(&acn_graph_mutex); }

static acn_lane *lane_of(acn_stream *stream) {
    return atomic_load_explicit(&stream->recording, memory_order_relaxed);
}

static acn_capture *capture_of(acn_stream *stream) {
    acn_lane *lane = lane_of(stream);
    return lane != NULL ? lane->capture : NULL;
}

static acn_capture *find(uint64_t id) {
    acn_capture *capture = all;
    while (capture != NULL && capture->id != id)
        capture = capture->next;
    return capture;
}

/* Beginning and joining; with the mutex held. */

acn_status acn_capture_open(acn_graph *graph, bool is_build) {
    acn_capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to begin a capture");
    *capture = (acn_capture){.id = ++last_id,
                             .graph = graph,
                             .mode = ACN_CAPTURE_RELAXED,
                             .is_build = is_build,
                             .thread = (uint64_t)pthread_self(),
                             .first_lane = graph->lane_count,
                             .next = all};
    graph->capture = all = capture;
    atomic_fetch_add(&acn_captures_open, 1);
    return ACN_OK;
}

void acn_capture_close(acn_capture *capture) {
    capture->graph->capture = NULL;
    acn_capture **at = &all;
    while (*at != capture)
        at = &(*at)->next;
    *at = capture->next;
    atomic_fetch_sub(&acn_captures_open, 1);
    free(capture);
}

acn_status acn_capture_join(acn_capture *capture, acn_stream *stream, acn_lane **out_lane) {
    acn_lane *lane;
    ACN_TRY(acn_graph_add_lane(capture->graph, stream, &lane));
    lane->capture = capture;
    lane->is_bound = capture->is_build;
    atomic_store_explicit(&stream->recording, lane, memory_order_release);
    *out_lane = lane;
    return ACN_OK;
}

static acn_status begin(acn_stream *stream, acn_capture_mode mode, acn_graph *into) {
    acn_graph *graph = into;
    if (into == NULL) ACN_TRY(acn_graph_create(stream->context, &graph));
    acn_status status = acn_capture_open(graph, false);
    if (status == ACN_OK) {
        graph->capture->mode = mode;
        graph->capture->is_new = into == NULL;
        status = acn_capture_join(graph->capture, stream, &graph->capture->origin);
        if (status != ACN_OK) acn_capture_close(graph->capture);
    }
    if (status != ACN_OK && into == NULL) acn_graph_release(graph);
    return status;
}

acn_status acn_capture_begin(acn_stream *stream, acn_capture_mode mode, acn_graph *into) {
    if (stream->is_default)
        return acn_fail(ACN_CAPTURE_IMPLICIT,
                        "stream %u is the default one of its context, which cannot be captured; "
                        "create a stream for it",
                        stream->id);
    if (into != NULL && into->context != stream->context)
        return acn_fail(ACN_STREAM_CONTEXT, "model %u belongs to another context than stream %u",
                        into->id, stream->id);
    acn_status status;
    lock();
    if (lane_of(stream) != NULL)
        status = acn_fail(ACN_STREAM_CAPTURED,
                          "stream %u is being captured already; end that first", stream->id);
    else if (into != NULL && into->capture != NULL)
        status = acn_fail(ACN_MODEL_CAPTURED, "model %u is being captured already; end that first",
                          into->id);
    else if (into != NULL && atomic_load(&into->queued) != 0)
        status = acn_fail(ACN_MODEL_RUNNING, "model %u is running; synchronise first", into->id);
    else
        status = begin(stream, mode, into);
    unlock();
    return status;
}

/* Ending. */

/* Which nodes of which lanes come before the end of the origin: those that it waits for, and what
 * they wait for. Each lane is looked through once. */
static void reach(acn_lane *lane, uint32_t count) {
    if (count <= lane->joined) return;
    uint32_t from = lane->joined;
    lane->joined = count;
    for (uint32_t i = from; i < count; i++)
        if (lane->nodes[i]->kind == ACN_NODE_WAIT)
            reach(lane->nodes[i]->other, lane->nodes[i]->other_position);
}

static acn_status check_joined(const acn_capture *capture) {
    const acn_graph *graph = capture->graph;
    reach(capture->origin, capture->origin->count);
    for (uint32_t l = capture->first_lane; l < graph->lane_count; l++) {
        const acn_lane *lane = graph->lanes[l];
        for (uint32_t i = lane->joined; i < lane->count; i++)
            if (lane->nodes[i]->kind == ACN_NODE_TASK || lane->nodes[i]->kind == ACN_NODE_CONTROL)
                return acn_fail(ACN_STREAM_UNJOINED,
                                "stream %u was captured with stream %u, which never waits for its "
                                "task %s; record an event on it behind that and let stream %u wait "
                                "for the event before the capture ends",
                                lane->stream != NULL ? lane->stream->id : 0,
                                capture->origin->stream->id, lane->nodes[i]->task.name,
                                capture->origin->stream->id);
    }
    return ACN_OK;
}

static acn_status check_groups(const acn_capture *capture) {
    for (uint32_t l = capture->first_lane; l < capture->graph->lane_count; l++)
        if (capture->graph->lanes[l]->open_group != NULL)
            return acn_fail(ACN_TASK_GROUP_INTERRUPTED,
                            "a task group of stream %u has no end; call "
                            "aclmdlRICaptureTaskGrpEnd before the capture ends",
                            capture->graph->lanes[l]->stream->id);
    return ACN_OK;
}

static acn_status check_children(const acn_graph *graph) {
    for (const acn_graph *child = graph->children; child != NULL; child = child->sibling)
        if (child->capture != NULL)
            return acn_fail(ACN_SUBGRAPH_CAPTURED,
                            "model %u, the body of a conditional task, is being captured; end that "
                            "capture first",
                            child->id);
    return ACN_OK;
}

/* Takes the capture out of the world; its streams work as before. */
static void finish(acn_capture *capture) {
    acn_graph *graph = capture->graph;
    for (uint32_t l = capture->first_lane; l < graph->lane_count; l++) {
        acn_lane *lane = graph->lanes[l];
        if (lane->stream != NULL) atomic_store(&lane->stream->recording, NULL);
        lane->stream = NULL;
        lane->capture = NULL;
        lane->open_group = NULL;
    }
    acn_capture_close(capture);
}

static acn_status end(acn_capture *capture, acn_graph **out, acn_graph **out_unwanted) {
    acn_graph *graph = capture->graph;
    acn_status status = ACN_OK;
    if (capture->is_broken)
        status =
            acn_fail(ACN_CAPTURE_INVALIDATED,
                     "the capture was broken by an event that would tie it to work outside, or "
                     "by the end of one of its streams; see the error of that call");
    if (status == ACN_OK) status = check_groups(capture);
    if (status == ACN_OK) status = check_joined(capture);
    if (status == ACN_OK) status = acn_graph_seal(graph, false);
    if (status != ACN_OK && capture->is_new) *out_unwanted = graph;
    if (status == ACN_OK) *out = graph;
    finish(capture);
    return status;
}

acn_status acn_capture_end(acn_stream *stream, acn_graph **out) {
    acn_graph *unwanted = NULL;
    acn_status status;
    lock();
    acn_capture *capture = capture_of(stream);
    if (capture == NULL)
        status = acn_fail(ACN_STREAM_NOT_CAPTURED,
                          "stream %u is not being captured; call aclmdlRICaptureBegin first",
                          stream->id);
    else if (capture->is_build)
        status =
            acn_fail(ACN_CAPTURE_UNMATCHED,
                     "stream %u is bound to a model that is being built, not captured", stream->id);
    else if (capture->origin->stream != stream)
        status = acn_fail(ACN_CAPTURE_UNMATCHED,
                          "stream %u has joined a capture that began on stream %u; end it there",
                          stream->id, capture->origin->stream->id);
    else if (capture->mode != ACN_CAPTURE_RELAXED && capture->thread != (uint64_t)pthread_self())
        status = acn_fail(ACN_CAPTURE_WRONG_THREAD,
                          "the capture of stream %u began in another thread; end it there or begin "
                          "it with ACL_MODEL_RI_CAPTURE_MODE_RELAXED",
                          stream->id);
    else if ((status = check_children(capture->graph)) == ACN_OK)
        status = end(capture, out, &unwanted);
    unlock();
    if (unwanted != NULL) {
        atomic_store(&unwanted->is_alive, false);
        acn_graph_release(unwanted);
    }
    return status;
}

void acn_capture_abandon(acn_stream *stream) {
    if (!acn_stream_is_recorded(stream)) return;
    acn_graph *unwanted = NULL;
    lock();
    acn_lane *lane = lane_of(stream);
    acn_capture *capture = capture_of(stream);
    if (lane != NULL && lane->updates != NULL) acn_group_abandon(lane);
    atomic_store(&stream->recording, NULL);
    if (capture == NULL || capture->is_build) {
        if (lane != NULL && lane->is_bound) lane->stream = NULL;
    } else if (capture->origin == lane) {
        if (capture->is_new) unwanted = capture->graph;
        finish(capture);
    } else {
        lane->stream = NULL;
        capture->is_broken = true;
    }
    unlock();
    if (unwanted != NULL) {
        atomic_store(&unwanted->is_alive, false);
        acn_graph_release(unwanted);
    }
}

acn_capture_status acn_capture_status_of(acn_stream *stream, acn_graph **out_graph) {
    acn_capture_status status = ACN_CAPTURE_NONE;
    if (!acn_stream_is_recorded(stream)) return status;
    lock();
    acn_capture *capture = capture_of(stream);
    if (capture != NULL && !capture->is_build) {
        status = capture->is_broken ? ACN_CAPTURE_BROKEN : ACN_CAPTURE_ACTIVE;
        *out_graph = capture->graph;
    }
    unlock();
    return status;
}

/* Recording. */

static acn_status refuse_broken(const acn_capture *capture, const acn_stream *stream) {
    if (capture == NULL)
        return acn_fail(ACN_PARAM_INVALID,
                        "stream %u is bound to a model that is built; unbind it first", stream->id);
    if (!capture->is_broken) return ACN_OK;
    return acn_fail(ACN_CAPTURE_INVALIDATED,
                    "the capture of stream %u was broken by an earlier call; end it", stream->id);
}

bool acn_capture_submit(acn_stream *stream, const acn_task *task, acn_status *out_status) {
    lock();
    acn_lane *lane = lane_of(stream);
    if (lane == NULL) {
        unlock();
        return false;
    }
    acn_node like = {.task = *task, .kind = ACN_NODE_TASK, .group = lane->open_group};
    acn_status status = ACN_OK;
    if (lane->updates != NULL)
        status = acn_group_collect(lane, task);
    else if ((status = refuse_broken(lane->capture, stream)) == ACN_OK)
        status = acn_graph_add_node(lane, &like, &last_node);
    unlock();
    if (status != ACN_OK && task->drop != NULL) task->drop(task->data);
    *out_status = status;
    return true;
}

bool acn_capture_record(acn_stream *stream, acn_mark *mark, acn_status *out_status) {
    acn_node like = {.kind = ACN_NODE_RECORD, .task = {.name = "record event"}}, *node;
    like.task.flags = ACN_TASK_IS_EVENT_RECORD;
    lock();
    acn_lane *lane = lane_of(stream);
    if (lane == NULL || lane->updates != NULL) {
        unlock();
        return false;
    }
    *out_status = refuse_broken(lane->capture, stream);
    if (*out_status == ACN_OK) *out_status = acn_graph_add_node(lane, &like, &node);
    if (*out_status == ACN_OK) {
        mark->lane = lane;
        mark->position = node->position;
        atomic_store(&mark->recording, lane->capture->id);
    }
    unlock();
    return true;
}

/* |stream| waits for an event that stands in |source|, which is being recorded. */
static acn_status wait_inside(acn_stream *stream, acn_capture *source, const acn_mark *mark) {
    acn_lane *lane = lane_of(stream);
    acn_capture *own = capture_of(stream);
    ACN_TRY(refuse_broken(source, stream));
    if (own == NULL && source->is_build)
        return acn_fail(ACN_PARAM_INVALID,
                        "stream %u is not bound to the model that the event is recorded in",
                        stream->id);
    if (own == NULL && stream->is_default) {
        source->is_broken = true;
        return acn_fail(ACN_CAPTURE_IMPLICIT,
                        "stream %u is the default one of its context and cannot join the capture "
                        "that the event was recorded in; wait on a stream that you created",
                        stream->id);
    }
    if (own != NULL && own != source) {
        own->is_broken = source->is_broken = true;
        return acn_fail(ACN_CAPTURE_CONFLICT,
                        "stream %u is being captured into model %u, the event into model %u; two "
                        "captures cannot depend on each other",
                        stream->id, own->graph->id, source->graph->id);
    }
    if (stream->context != source->graph->context)
        return acn_fail(ACN_STREAM_CONTEXT,
                        "stream %u is of another context than the capture that it would join",
                        stream->id);
    if (own == NULL) ACN_TRY(acn_capture_join(source, stream, &lane));
    if (lane == mark->lane) return ACN_OK;
    acn_node like = {.kind = ACN_NODE_WAIT,
                     .task = {.name = "wait for event", .flags = ACN_TASK_IS_EVENT_WAIT},
                     .other = mark->lane,
                     .other_position = mark->position};
    return acn_graph_add_node(lane, &like, NULL);
}

bool acn_capture_wait(acn_stream *stream, const acn_mark *mark, bool is_external, bool is_recorded,
                      acn_status *out_status) {
    if (!acn_capture_any()) return false;
    bool done = true;
    lock();
    acn_lane *lane = lane_of(stream);
    acn_capture *own = capture_of(stream);
    uint64_t id = atomic_load(&mark->recording);
    acn_capture *source = id != 0 ? find(id) : NULL;
    if (source != NULL) {
        *out_status = wait_inside(stream, source, mark);
    } else if (own == NULL || lane->updates != NULL || is_external) {
        done = false;
    } else if (id != 0 || is_recorded) {
        own->is_broken = true;
        *out_status = acn_fail(ACN_CAPTURE_DEPENDENCY,
                               "stream %u is being captured and cannot wait for an event that was "
                               "recorded outside of the capture; record it inside, or create it "
                               "with ACL_EVENT_EXTERNAL",
                               stream->id);
    } else {
        *out_status = ACN_OK; /* never recorded: nothing to wait for */
    }
    unlock();
    return done;
}

acn_status acn_capture_attach(const void *info, size_t bytes) {
    void *copy = malloc(bytes);
    if (copy == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to keep %zu bytes", bytes);
    memcpy(copy, info, bytes);
    lock();
    acn_node *node = acn_node_find(last_node);
    if (node != NULL) {
        void *before = node->info;
        node->info = copy;
        node->info_bytes = bytes;
        copy = before;
    }
    unlock();
    free(copy);
    if (node != NULL) return ACN_OK;
    return acn_fail(ACN_STREAM_NOT_CAPTURED,
                    "this thread has captured no task that information could be kept with");
}

/* What is forbidden. */

acn_capture_mode acn_capture_exchange_mode(acn_capture_mode mode) {
    acn_capture_mode before = thread_mode;
    thread_mode = mode;
    return before;
}

/* Some capture does not want this thread to make unsafe calls; with the mutex held. */
static bool is_restricted(const acn_context *context) {
    if (thread_mode == ACN_CAPTURE_RELAXED) return false;
    for (const acn_capture *capture = all; capture != NULL; capture = capture->next) {
        if (capture->mode == ACN_CAPTURE_RELAXED) continue;
        if (capture->thread == (uint64_t)pthread_self()) return true;
        if (thread_mode == ACN_CAPTURE_GLOBAL && capture->mode == ACN_CAPTURE_GLOBAL &&
            capture->graph->context == context)
            return true;
    }
    return false;
}

static bool is_restricted_now(const acn_context *context) {
    if (!acn_capture_any()) return false;
    lock();
    bool restricted = is_restricted(context);
    unlock();
    return restricted;
}

static acn_status refuse_blocking(void) {
    return acn_fail(ACN_CAPTURE_BLOCKS,
                    "operation not permitted when a stream is capturing and the specified capture "
                    "mode is not relaxed; do it before or after the capture, or set "
                    "ACL_MODEL_RI_CAPTURE_MODE_RELAXED for this thread with "
                    "aclmdlRICaptureThreadExchangeMode");
}

/* Streams and events outside of a capture may be waited for in any mode, and being refused here
 * does not break the capture: torch_npu does the one, and its tests expect the other. */
acn_status acn_capture_check_stream(acn_stream *stream) {
    if (!acn_stream_is_recorded(stream)) return ACN_OK;
    lock();
    acn_capture *capture = capture_of(stream);
    bool is_captured = capture != NULL && !capture->is_build;
    unlock();
    if (!is_captured) return ACN_OK;
    return acn_fail(ACN_STREAM_CAPTURED,
                    "stream %u is being captured, so it runs nothing that could be waited for; end "
                    "the capture first",
                    stream->id);
}

acn_status acn_capture_check_event(const acn_mark *mark) {
    if (atomic_load_explicit(&mark->recording, memory_order_relaxed) == 0) return ACN_OK;
    return acn_fail(ACN_EVENT_CAPTURED,
                    "the event was last recorded on a stream that was being captured, so it is no "
                    "point in time; record it outside of the capture, or create it with "
                    "ACL_EVENT_EXTERNAL");
}

acn_status acn_capture_check_device(const acn_context *context) {
    if (!acn_capture_any()) return ACN_OK;
    bool captured = false;
    lock();
    bool restricted = is_restricted(context);
    for (acn_capture *capture = all; capture != NULL; capture = capture->next)
        captured |= !capture->is_build && capture->graph->context->device == context->device;
    unlock();
    if (restricted) return refuse_blocking();
    if (!captured) return ACN_OK;
    return acn_fail(ACN_STREAM_CAPTURED,
                    "a stream of device %d is being captured, so not all of the device's work can "
                    "be waited for; end the capture first",
                    context->device);
}

acn_status acn_capture_check_host_work(const acn_context *context) {
    if (!is_restricted_now(context)) return ACN_OK;
    return acn_fail(ACN_CAPTURE_MODE,
                    "the current capture mode does not support this operation, which is done when "
                    "it returns; use its asynchronous form, or set "
                    "ACL_MODEL_RI_CAPTURE_MODE_RELAXED for this thread with "
                    "aclmdlRICaptureThreadExchangeMode");
}

acn_status acn_capture_check_pageable(acn_stream *stream) {
    if (!is_restricted_now(stream->context)) return ACN_OK;
    return refuse_blocking();
}

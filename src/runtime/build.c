/* build.c - see build.h. */
#include "runtime/build.h"

#include "base/slab.h"
#include "runtime/graph_core.h"
#include "runtime/memory.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_LABELS = 1 << 16 };

struct acn_label {
    acn_lane *lane; /* NULL until it is set */
    uint32_t position;
};

struct acn_label_list {
    acn_label **labels;
    uint32_t count;
};

static acn_slab slab = ACN_SLAB("graph label", sizeof(acn_label), MAX_LABELS);
static acn_slab list_slab = ACN_SLAB("graph label list", sizeof(acn_label_list), MAX_LABELS);

static void lock(void) { pthread_mutex_lock(&acn_graph_mutex); }
static void unlock(void) { pthread_mutex_unlock(&acn_graph_mutex); }

/* Building; the inner functions with the mutex held. */

acn_status acn_build_begin(acn_graph **out) {
    acn_context *context;
    acn_graph *graph;
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_graph_create(context, &graph));
    lock();
    acn_status status = acn_capture_open(graph, true);
    unlock();
    if (status == ACN_OK)
        *out = graph;
    else
        acn_graph_release(graph);
    return status;
}

static acn_status check_open(const acn_graph *graph) {
    if (graph->capture != NULL && graph->capture->is_build) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "model %u is not being built; call aclmdlRIBuildBegin first",
                    graph->id);
}

static acn_status bind(acn_graph *graph, acn_stream *stream, bool is_head) {
    acn_lane *lane;
    ACN_TRY(check_open(graph));
    if (stream->context != graph->context)
        return acn_fail(ACN_STREAM_CONTEXT, "stream %u belongs to another context than model %u",
                        stream->id, graph->id);
    if (stream->is_default || acn_stream_is_recorded(stream))
        return acn_fail(ACN_PARAM_INVALID,
                        "stream %u is the default one, or is bound to a model or captured already",
                        stream->id);
    ACN_TRY(acn_capture_join(graph->capture, stream, &lane));
    lane->starts = is_head;
    return ACN_OK;
}

acn_status acn_build_bind(acn_graph *graph, acn_stream *stream, bool is_head) {
    lock();
    acn_status status = bind(graph, stream, is_head);
    unlock();
    return status;
}

static acn_status lane_in(const acn_graph *graph, const acn_stream *stream, acn_lane **out) {
    *out = atomic_load(&stream->recording);
    if (*out != NULL && (*out)->graph == graph && (*out)->is_bound) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "stream %u is not bound to model %u", stream->id, graph->id);
}

acn_status acn_build_unbind(acn_graph *graph, acn_stream *stream) {
    acn_lane *lane;
    lock();
    acn_status status = lane_in(graph, stream, &lane);
    if (status == ACN_OK) {
        atomic_store(&stream->recording, NULL);
        lane->stream = NULL;
    }
    unlock();
    return status;
}

static acn_status end(acn_graph *graph) {
    ACN_TRY(check_open(graph));
    uint32_t first = 0;
    while (first < graph->lane_count && !graph->lanes[first]->starts)
        first++;
    if (first == graph->lane_count)
        return acn_fail(ACN_PARAM_INVALID,
                        "model %u has no stream to begin with; bind one with "
                        "ACL_MODEL_STREAM_FLAG_HEAD",
                        graph->id);
    /* The launching stream runs the first lane. */
    acn_lane *head = graph->lanes[first];
    graph->lanes[first] = graph->lanes[0];
    graph->lanes[0] = head;
    ACN_TRY(acn_graph_seal(graph, true));
    for (uint32_t i = 0; i < graph->lane_count; i++)
        graph->lanes[i]->capture = NULL;
    acn_capture_close(graph->capture);
    return ACN_OK;
}

acn_status acn_build_end(acn_graph *graph) {
    lock();
    acn_status status = end(graph);
    unlock();
    return status;
}

/* Control tasks. */

static acn_status add(acn_stream *stream, acn_graph *graph,
                      acn_status (*step)(acn_walk *, acn_node *), const char *name, void *data) {
    acn_lane *lane = atomic_load(&stream->recording);
    if (lane == NULL || !lane->is_bound || lane->capture == NULL ||
        (graph != NULL && lane->graph != graph))
        return acn_fail(ACN_PARAM_INVALID,
                        "stream %u is not bound to a model that is being built; call "
                        "aclmdlRIBindStream first",
                        stream->id);
    acn_node like = {.kind = ACN_NODE_CONTROL,
                     .step = step,
                     .task = {.name = name, .data = data, .drop = data != NULL ? free : NULL}};
    return acn_graph_add_node(lane, &like, NULL);
}

static acn_status add_locked(acn_stream *stream, acn_graph *graph,
                             acn_status (*step)(acn_walk *, acn_node *), const char *name,
                             void *data) {
    lock();
    acn_status status = add(stream, graph, step, name, data);
    unlock();
    if (status != ACN_OK) free(data);
    return status;
}

static void go_on_at(acn_walk *walk, const acn_lane *lane, uint32_t position) {
    walk->nodes = lane->nodes;
    walk->count = lane->count;
    walk->at = position;
}

static acn_status end_walk(acn_walk *walk, acn_node *node) {
    walk->at = walk->count;
    return ACN_OK;
}

acn_status acn_build_end_stream(acn_graph *graph, acn_stream *stream) {
    return add_locked(stream, graph, end_walk, "end of model", NULL);
}

/* |stream|'s lane in the model that |beside| is bound to. */
static acn_status sibling(const acn_stream *stream, const acn_stream *beside, acn_lane **out) {
    lock();
    const acn_lane *lane = atomic_load(&beside->recording);
    acn_status status = ACN_OK;
    if (lane == NULL || !lane->is_bound)
        status = acn_fail(ACN_PARAM_INVALID, "stream %u is not bound to a model", beside->id);
    else
        status = lane_in(lane->graph, stream, out);
    unlock();
    return status;
}

static acn_status activate(acn_walk *walk, acn_node *node) {
    return acn_lane_start(*(acn_lane **)node->task.data);
}

acn_status acn_build_activate(acn_stream *target, acn_stream *stream) {
    acn_lane **data = malloc(sizeof(acn_lane *));
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    acn_status status = sibling(target, stream, data);
    if (status == ACN_OK && (*data)->starts)
        status = acn_fail(ACN_PARAM_INVALID,
                          "stream %u starts with the model and cannot be activated; bind it with "
                          "ACL_MODEL_STREAM_FLAG_DEFAULT",
                          target->id);
    if (status == ACN_OK) return add_locked(stream, NULL, activate, "activate stream", data);
    free(data);
    return status;
}

/* Jumps. */

typedef struct jump {
    acn_switch how;
    acn_lane *if_true, *if_false;
} jump;

static int64_t load(const void *address, bool is_int64) {
    const void *at = acn_memory_view(address);
    if (is_int64) return atomic_load((const _Atomic int64_t *)at);
    return atomic_load((const _Atomic int32_t *)at);
}

static bool is_met(const acn_switch *how) {
    int64_t left = load(how->left, how->is_int64), right = load(how->right, how->is_int64);
    switch (how->comparison) {
    case ACN_IF_EQUAL:
        return left == right;
    case ACN_IF_NOT_EQUAL:
        return left != right;
    case ACN_IF_GREATER:
        return left > right;
    case ACN_IF_GREATER_OR_EQUAL:
        return left >= right;
    case ACN_IF_LESS:
        return left < right;
    default:
        return left <= right;
    }
}

static acn_status switch_stream(acn_walk *walk, acn_node *node) {
    const jump *j = node->task.data;
    const acn_lane *to = is_met(&j->how) ? j->if_true : j->if_false;
    if (to != NULL) go_on_at(walk, to, 0);
    return ACN_OK;
}

static acn_status check_word(const void *address, size_t bytes) {
    if ((uintptr_t)address % bytes == 0 &&
        acn_memory_classify(address, NULL) != ACN_MEMORY_PAGEABLE)
        return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "%p is not an address in device memory, aligned to %zu bytes", address, bytes);
}

acn_status acn_build_switch(const acn_switch *how, acn_stream *stream) {
    size_t bytes = how->is_int64 ? 8 : 4;
    ACN_TRY(check_word(how->left, bytes));
    ACN_TRY(check_word(how->right, bytes));
    jump *data = calloc(1, sizeof *data);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    data->how = *how;
    acn_status status = ACN_OK;
    if (how->if_true != NULL) status = sibling(how->if_true, stream, &data->if_true);
    if (status == ACN_OK && how->if_false != NULL)
        status = sibling(how->if_false, stream, &data->if_false);
    if (status == ACN_OK) return add_locked(stream, NULL, switch_stream, "switch stream", data);
    free(data);
    return status;
}

/* Labels. */

acn_status acn_label_create(acn_label **out) {
    acn_label *label = acn_slab_alloc(&slab);
    if (label == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d labels exist, which is the most", MAX_LABELS);
    *label = (acn_label){0};
    *out = label;
    return ACN_OK;
}

acn_status acn_label_resolve(void *handle, acn_label **out) {
    *out = handle;
    if (acn_slab_is_live(&slab, handle)) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE, "label %p does not exist; expected one of aclrtCreateLabel",
                    handle);
}

acn_status acn_label_destroy(void *handle) {
    acn_label *label;
    ACN_TRY(acn_label_resolve(handle, &label));
    acn_slab_free(&slab, label);
    return ACN_OK;
}

acn_status acn_label_set(acn_label *label, acn_stream *stream) {
    acn_status status = ACN_OK;
    lock();
    acn_lane *lane = atomic_load(&stream->recording);
    if (lane == NULL || !lane->is_bound || lane->capture == NULL) {
        status = acn_fail(ACN_PARAM_INVALID,
                          "stream %u is not bound to a model that is being built", stream->id);
    } else if (label->lane != NULL) {
        status = acn_fail(ACN_PARAM_INVALID, "label %p is set already; create another one",
                          (void *)label);
    } else {
        label->lane = lane;
        label->position = lane->count;
    }
    unlock();
    return status;
}

/* Where the labels stood when the switch was added is not known yet: they may be set later. */
typedef struct label_switch {
    const void *index;
    uint32_t count;
    acn_label *labels[];
} label_switch;

static acn_status switch_label(acn_walk *walk, acn_node *node) {
    const label_switch *s = node->task.data;
    uint32_t index = (uint32_t)load(s->index, false);
    const acn_label *label = s->labels[index < s->count ? index : s->count - 1];
    if (!acn_slab_is_live(&slab, label) || label->lane == NULL || label->lane->graph != walk->graph)
        return acn_fail(ACN_PARAM_INVALID,
                        "label %u of the list is not set in this model, or was destroyed; labels "
                        "must outlive the models that use them",
                        index);
    go_on_at(walk, label->lane, label->position);
    return ACN_OK;
}

static acn_status resolve_list(void *handle, acn_label_list **out) {
    *out = handle;
    if (acn_slab_is_live(&list_slab, handle)) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE,
                    "labelList %p does not exist; expected one of aclrtCreateLabelList", handle);
}

acn_status acn_label_list_create(void *const *labels, size_t count, acn_label_list **out) {
    acn_label *ignored;
    if (count == 0 || count > MAX_LABELS)
        return acn_fail(ACN_PARAM_INVALID, "num is %zu; expected 1 to %d", count, MAX_LABELS);
    for (size_t i = 0; i < count; i++)
        ACN_TRY(acn_label_resolve(labels[i], &ignored));
    acn_label_list *list = acn_slab_alloc(&list_slab);
    acn_label **copy = malloc(count * sizeof(acn_label *));
    if (list == NULL || copy == NULL) {
        if (list != NULL) acn_slab_free(&list_slab, list);
        free(copy);
        return acn_fail(ACN_BAD_ALLOC, "no memory for a list of %zu labels", count);
    }
    memcpy(copy, labels, count * sizeof(acn_label *));
    *list = (acn_label_list){copy, (uint32_t)count};
    *out = list;
    return ACN_OK;
}

acn_status acn_label_list_destroy(void *handle) {
    acn_label_list *list;
    ACN_TRY(resolve_list(handle, &list));
    free(list->labels);
    acn_slab_free(&list_slab, list);
    return ACN_OK;
}

acn_status acn_label_switch(const void *index, uint32_t count, void *handle, acn_stream *stream) {
    acn_label_list *list;
    ACN_TRY(resolve_list(handle, &list));
    ACN_TRY(check_word(index, 4));
    if (count == 0 || count > list->count)
        return acn_fail(ACN_PARAM_INVALID, "maxValue is %u; expected 1 to %u, the list's length",
                        count, list->count);
    label_switch *data = malloc(sizeof *data + count * sizeof *data->labels);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = (label_switch){.index = index, .count = count};
    memcpy(data->labels, list->labels, count * sizeof *data->labels);
    return add_locked(stream, NULL, switch_label, "switch label", data);
}

/* check.c - see check.h. One mutex: who wants to find mistakes can wait for it. */
#include "runtime/check.h"

#include "base/env.h"
#include "base/report.h"
#include "runtime/graph_core.h"
#include "runtime/memory.h"
#include "runtime/shadow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 0, MAX_TOLD = 64, FIRST_INDICES = 64 };

/* How far each stream is known to be done. */
struct acn_clock {
    uint64_t *times;
    uint32_t count;
    bool is_blind; /* comes after everything: something that cannot be followed ordered it */
};

/* What a stream, or a lane of a graph in a replay, has here. */
typedef struct acn_checked {
    acn_clock clock;
    uint32_t index;        /* its own time on clocks */
    uint64_t host_version; /* of the host's clock that it knows */
} acn_checked;

bool acn_check_is_on;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acn_clock host;
static uint64_t host_version = 1;
static uint64_t *own_times; /* by index: how many accesses there were */
static uint32_t *free_indices;
static uint32_t index_count = 1, free_count, index_room;
static struct {
    const char *first, *second;
    bool was_write, is_write;
} told[MAX_TOLD];
static int told_count;
static acn_report_slot *counter;

/* Clocks. Out of memory makes a clock blind: it then orders more than it should. */

static uint64_t time_in(const acn_clock *clock, uint32_t index) {
    return index < clock->count ? clock->times[index] : 0;
}

static bool widen(acn_clock *clock, uint32_t count) {
    if (count <= clock->count) return true;
    uint64_t *times = realloc(clock->times, count * sizeof *times);
    if (times == NULL) {
        clock->is_blind = true;
        return false;
    }
    memset(times + clock->count, 0, (count - clock->count) * sizeof *times);
    clock->times = times;
    clock->count = count;
    return true;
}

static void join(acn_clock *clock, const acn_clock *other) {
    clock->is_blind |= other->is_blind;
    if (!widen(clock, other->count)) return;
    for (uint32_t i = 0; i < other->count; i++)
        if (other->times[i] > clock->times[i]) clock->times[i] = other->times[i];
}

static void set_time(acn_clock *clock, uint32_t index, uint64_t time) {
    if (widen(clock, index + 1)) clock->times[index] = time;
}

static void empty(acn_clock *clock) {
    free(clock->times);
    *clock = (acn_clock){0};
}

/* Streams. */

static bool grow_indices(uint32_t room) {
    uint64_t *times = realloc(own_times, room * sizeof *times);
    if (times != NULL) own_times = times;
    uint32_t *indices = realloc(free_indices, room * sizeof *indices);
    if (indices != NULL) free_indices = indices;
    if (times == NULL || indices == NULL) return false;
    memset(own_times + index_room, 0, (room - index_room) * sizeof *own_times);
    index_room = room;
    return true;
}

static bool take_index(uint32_t *out) {
    if (free_count > 0)
        *out = free_indices[--free_count];
    else if (index_count < index_room || grow_indices(2 * index_room))
        *out = index_count++;
    else
        return false;
    return true;
}

static acn_checked *make_checked(void) {
    acn_checked *made = calloc(1, sizeof *made);
    if (made != NULL && take_index(&made->index)) return made;
    free(made);
    return NULL;
}

static acn_checked *checked(acn_stream *stream) {
    if (stream->checked == NULL) stream->checked = make_checked();
    return stream->checked;
}

static void free_checked(acn_checked *c) {
    if (c == NULL) return;
    free_indices[free_count++] = c->index;
    empty(&c->clock);
    free(c);
}

/* What is given now comes after all that the host knows now. */
static void learn_from_host(acn_checked *c) {
    if (c->host_version == host_version) return;
    join(&c->clock, &host);
    c->host_version = host_version;
}

/* Findings. */

typedef struct question {
    const acn_clock *clock;
    acn_touch touch;
    bool is_counted; /* once, in however many pieces its memory is */
} question;

static bool comes_after(void *context, const acn_access *before) {
    const question *q = context;
    return before->index == q->touch.by.index || before->time <= time_in(q->clock, before->index);
}

static bool was_told(const acn_access *before, bool was_write, const acn_touch *touch) {
    for (int i = 0; i < told_count; i++)
        if (told[i].first == before->name && told[i].second == touch->by.name &&
            told[i].was_write == was_write && told[i].is_write == touch->is_write)
            return true;
    if (told_count == MAX_TOLD) return true;
    told[told_count].first = before->name;
    told[told_count].second = touch->by.name;
    told[told_count].was_write = was_write;
    told[told_count++].is_write = touch->is_write;
    return false;
}

static void name_access(char *to, size_t room, const acn_access *access, bool is_write) {
    const char *verb = is_write ? "writes" : "reads";
    if (access->index == HOST)
        snprintf(to, room, "%s, which the host runs at once, %s it", access->name, verb);
    else
        snprintf(to, room, "%s (stream %u, access %llu) %s it", access->name, access->stream,
                 (unsigned long long)access->time, verb);
}

static void name_memory(char *to, size_t room, const acn_touch *touch) {
    void *base;
    size_t bytes;
    int used = snprintf(to, room, "[%p, %p)", (void *)touch->begin, (void *)touch->end);
    if (acn_memory_find((void *)touch->begin, &base, &bytes))
        snprintf(to + used, room - (size_t)used, ", at byte %zu of the %zu bytes allocated at %p",
                 (size_t)(touch->begin - (uintptr_t)base), bytes, base);
}

static void tell(void *context, const acn_access *before, bool was_write) {
    question *q = context;
    char first[160], second[160], memory[160], wait[256];
    if (!q->is_counted) acn_report_count(counter, 0);
    q->is_counted = true;
    if (was_told(before, was_write, &q->touch)) return;
    name_access(first, sizeof first, before, was_write);
    name_access(second, sizeof second, &q->touch.by, q->touch.is_write);
    name_memory(memory, sizeof memory, &q->touch);
    if (q->touch.by.index == HOST)
        snprintf(wait, sizeof wait, "call aclrtSynchronizeStream for stream %u before %s",
                 before->stream, q->touch.by.name);
    else
        snprintf(wait, sizeof wait,
                 "record an event on stream %u after %s and call aclrtStreamWaitEvent on stream %u "
                 "before %s",
                 before->stream, before->name, q->touch.by.stream, q->touch.by.name);
    fprintf(stderr,
            "anycann: ANYCANN_CHECK=streams: nothing orders two accesses of the same memory\n"
            "    memory:  %s\n    first:   %s\n    then:    %s\n    missing: %s\n",
            memory, first, second, wait);
}

/* Tasks; with the mutex held. */

typedef struct toucher {
    acn_checked *who;
    const char *name;
    uint32_t stream;
    uint64_t time;
} toucher;

static bool is_of_interest(const void *address, size_t bytes) {
    return bytes != 0 && acn_memory_classify(address, NULL) != ACN_MEMORY_PAGEABLE;
}

static void touch_span(const toucher *t, const void *address, size_t bytes, bool is_write) {
    question q = {.clock = &t->who->clock,
                  .touch = {.begin = (uintptr_t)address,
                            .end = (uintptr_t)address + bytes,
                            .is_write = is_write,
                            .by = {t->name, t->time, t->who->index, t->stream},
                            .comes_after = comes_after,
                            .found = tell}};
    q.touch.context = &q;
    acn_shadow_touch(&q.touch);
}

static void touch(void *context, const void *address, size_t bytes, bool is_write) {
    if (is_of_interest(address, bytes)) touch_span(context, address, bytes, is_write);
}

static bool is_followed(const acn_task *task) {
    uint32_t type = task->flags & ACN_TASK_TYPE;
    return (task->flags & ACN_TASK_CAN_BLOCK) == 0 || task->touches != NULL ||
           type == ACN_TASK_IS_EVENT_WAIT || type == ACN_TASK_IS_REPLAY;
}

static bool begin_task(acn_checked *who, const acn_stream *stream, const acn_task *task,
                       toucher *out) {
    if (!is_followed(task)) who->clock.is_blind = true;
    if (who->clock.is_blind || task->touches == NULL) return false;
    *out = (toucher){who, task->name, stream->id, ++own_times[who->index]};
    set_time(&who->clock, who->index, out->time);
    return true;
}

static void check_task(acn_checked *who, const acn_stream *stream, const acn_task *task) {
    toucher t;
    if (begin_task(who, stream, task, &t)) task->touches(task->data, touch, &t);
}

void acn_check_task(acn_stream *stream, const acn_task *task) {
    pthread_mutex_lock(&mutex);
    acn_checked *who = checked(stream);
    if (who != NULL) {
        learn_from_host(who);
        check_task(who, stream, task);
    }
    pthread_mutex_unlock(&mutex);
}

/* What a task of a graph touches, asked for once: a task is replayed often. */
typedef struct acn_footprint {
    uint32_t count, room;
    struct span {
        const void *address;
        size_t bytes;
        bool is_write;
    } spans[];
} acn_footprint;

static void add_span(void *context, const void *address, size_t bytes, bool is_write) {
    acn_footprint **list = context, *old = *list;
    if (old == NULL || !is_of_interest(address, bytes)) return;
    if (old->count == old->room) {
        uint32_t room = 2 * old->room;
        acn_footprint *larger = realloc(old, sizeof *old + room * sizeof *old->spans);
        if (larger == NULL) free(old);
        *list = larger;
        if (larger == NULL) return;
        larger->room = room;
    }
    (*list)->spans[(*list)->count++] = (struct span){address, bytes, is_write};
}

static acn_footprint *footprint_of(const acn_task *task) {
    enum { FIRST_SPANS = 4 };
    acn_footprint *list = calloc(1, sizeof *list + FIRST_SPANS * sizeof *list->spans);
    if (list == NULL) return NULL;
    list->room = FIRST_SPANS;
    task->touches(task->data, add_span, &list);
    return list;
}

/* An update may replace the task of a node in a group. */
static void check_node(acn_checked *who, const acn_stream *stream, acn_node *node) {
    toucher t;
    if (!begin_task(who, stream, &node->task, &t)) return;
    bool stays = node->group == NULL && node->change == NULL;
    if (stays && node->footprint == NULL) node->footprint = footprint_of(&node->task);
    if (!stays || node->footprint == NULL) {
        node->task.touches(node->task.data, touch, &t);
        return;
    }
    for (uint32_t i = 0; i < node->footprint->count; i++) {
        const struct span *s = &node->footprint->spans[i];
        touch_span(&t, s->address, s->bytes, s->is_write);
    }
}

/* Replays: each lane is a stream of its own, which begins where the launching one stands. */

static void replay_node(acn_checked **lanes, acn_clock *records, const acn_stream *stream,
                        const acn_graph *graph, uint32_t at) {
    acn_node *node = graph->nodes[at];
    acn_checked *who = NULL;
    for (uint32_t l = 0; l < graph->lane_count; l++)
        if (graph->lanes[l] == node->lane) who = lanes[l];
    if (who == NULL || atomic_load(&node->is_disabled)) return;
    if (node->kind == ACN_NODE_TASK) check_node(who, stream, node);
    if (node->kind == ACN_NODE_CONTROL) who->clock.is_blind = true;
    if (node->kind == ACN_NODE_RECORD) join(&records[at], &who->clock);
    if (node->kind != ACN_NODE_WAIT) return;
    join(&who->clock, &records[node->other->nodes[node->other_position - 1]->order]);
}

void acn_check_replay(acn_stream *stream, acn_graph *graph) {
    acn_checked **lanes = calloc(graph->lane_count + 1, sizeof *lanes);
    acn_clock *records = calloc(graph->count + 1, sizeof *records);
    pthread_mutex_lock(&graph->group_mutex); /* an update may not take tasks away meanwhile */
    pthread_mutex_lock(&mutex);
    acn_checked *launching = checked(stream);
    bool ready = lanes != NULL && records != NULL && launching != NULL && graph->lane_count > 0;
    if (ready) learn_from_host(launching), lanes[0] = launching;
    if (ready && graph->clock != NULL) join(&launching->clock, graph->clock);
    for (uint32_t l = 1; ready && l < graph->lane_count; l++) {
        lanes[l] = make_checked();
        ready = lanes[l] != NULL;
        if (ready) join(&lanes[l]->clock, &launching->clock);
    }
    for (uint32_t i = 0; ready && i < graph->count; i++)
        replay_node(lanes, records, stream, graph, i);
    for (uint32_t l = 1; lanes != NULL && l < graph->lane_count; l++) {
        if (lanes[l] != NULL) join(&launching->clock, &lanes[l]->clock);
        free_checked(lanes[l]);
    }
    if (graph->clock == NULL) graph->clock = calloc(1, sizeof *graph->clock);
    if (ready && graph->clock != NULL) join(graph->clock, &launching->clock);
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&graph->group_mutex);
    for (uint32_t i = 0; records != NULL && i < graph->count; i++)
        empty(&records[i]);
    free(records);
    free(lanes);
}

/* Order. */

void acn_check_record(acn_stream *stream, acn_clock **event) {
    pthread_mutex_lock(&mutex);
    acn_checked *who = checked(stream);
    if (*event == NULL) *event = calloc(1, sizeof **event);
    if (*event != NULL && who != NULL) {
        learn_from_host(who);
        (*event)->is_blind = false;
        memset((*event)->times, 0, (*event)->count * sizeof *(*event)->times);
        join(*event, &who->clock);
    }
    pthread_mutex_unlock(&mutex);
}

void acn_check_wait(acn_stream *stream, acn_clock *const *event) {
    pthread_mutex_lock(&mutex);
    acn_checked *who = checked(stream);
    if (who != NULL && event != NULL && *event != NULL)
        join(&who->clock, *event);
    else if (who != NULL)
        who->clock.is_blind = true; /* what it will wait for is not known yet */
    pthread_mutex_unlock(&mutex);
}

/* What made a clock blind may have ordered it after anything that there is. */
static void host_knows(const acn_clock *clock) {
    for (uint32_t i = 0; clock->is_blind && i < index_count; i++)
        set_time(&host, i, own_times[i]);
    bool was_blind = host.is_blind;
    join(&host, clock);
    host.is_blind = was_blind;
    host_version++;
}

void acn_check_host_knows_stream(acn_stream *stream) {
    pthread_mutex_lock(&mutex);
    acn_checked *who = stream->checked;
    if (who != NULL) {
        host_knows(&who->clock);
        who->clock.is_blind = false; /* what ordered it is done */
    }
    pthread_mutex_unlock(&mutex);
}

void acn_check_host_knows_event(acn_clock *const *event) {
    const acn_clock anything = {.is_blind = true};
    pthread_mutex_lock(&mutex);
    if (event == NULL)
        host_knows(&anything);
    else if (*event != NULL)
        host_knows(*event);
    pthread_mutex_unlock(&mutex);
}

void acn_check_host_touches(const char *name, const void *address, size_t bytes, bool is_write) {
    pthread_mutex_lock(&mutex);
    acn_checked itself = {.clock = host, .index = HOST};
    toucher t = {&itself, name, 0, ++own_times[HOST]};
    touch(&t, address, bytes, is_write);
    set_time(&host, HOST, t.time);
    host_version++;
    pthread_mutex_unlock(&mutex);
}

/* Ends. */

void acn_check_forget(const void *address, size_t bytes) {
    pthread_mutex_lock(&mutex);
    acn_shadow_forget((uintptr_t)address, (uintptr_t)address + bytes);
    pthread_mutex_unlock(&mutex);
}

void acn_check_free_event(acn_clock **event) {
    pthread_mutex_lock(&mutex);
    if (*event != NULL) empty(*event);
    free(*event);
    *event = NULL;
    pthread_mutex_unlock(&mutex);
}

void acn_check_free_stream(acn_stream *stream) {
    pthread_mutex_lock(&mutex);
    acn_checked *who = stream->checked;
    stream->checked = NULL;
    if (who != NULL) host_knows(&who->clock);
    free_checked(who);
    pthread_mutex_unlock(&mutex);
}

/* Beginning. */

void acn_check_initialize(void) {
    bool is_wanted = strstr(acn_env_text(ACN_ENV_CHECK), "streams") != NULL;
    acn_check_is_on = is_wanted && grow_indices(FIRST_INDICES);
    if (acn_check_is_on) counter = acn_report_open("check", "streams without order");
}

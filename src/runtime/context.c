/* context.c - devices, contexts, and which of them a thread works in. One mutex: all of this is
 * rare except asking for the current context, which takes none. */
#include "base/log.h"
#include "base/slab.h"
#include "base/thread.h"
#include "device/device.h"
#include "runtime/capture.h"
#include "runtime/core.h"
#include "runtime/memory.h"
#include <stdlib.h>

enum { MAX_CONTEXTS = 4096 };

typedef struct device_state {
    atomic_int users;
    int contexts; /* made by clients */
    acn_context *primary;
} device_state;

static struct {
    pthread_mutex_t mutex;
    device_state devices[ACN_DEVICE_MAX];
    acn_stream *streams;
} runtime = {.mutex = PTHREAD_MUTEX_INITIALIZER};

typedef struct context_ref {
    acn_context *context;
    uint64_t serial;
} context_ref;

static acn_slab context_slab = ACN_SLAB("context", sizeof(acn_context), MAX_CONTEXTS);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t last_serial;
static atomic_int default_device = -1;
static atomic_bool was_opened, is_orphan;
static _Thread_local context_ref current;

static void on_fork_child(void) {
    pthread_mutex_init(&runtime.mutex, NULL);
    if (atomic_load(&was_opened)) atomic_store(&is_orphan, true);
    current = (context_ref){0};
}

static void initialize(void) { pthread_atfork(NULL, NULL, on_fork_child); }

bool acn_runtime_is_orphan(void) { return atomic_load_explicit(&is_orphan, memory_order_relaxed); }

static acn_status refuse_orphan(void) {
    if (!acn_runtime_is_orphan()) return ACN_OK;
    return acn_fail(ACN_CONTEXT_NULL,
                    "this process was made by fork after its parent had opened a device, which "
                    "cannot be used here; start it with spawn or forkserver, or fork first");
}

acn_status acn_device_check(int64_t device) {
    if (device >= 0 && device < acn_device_count()) return ACN_OK;
    return acn_fail(ACN_INVALID_DEVICE,
                    "device %lld does not exist; expected 0 to %d (ANYCANN_DEVICES and "
                    "ASCEND_RT_VISIBLE_DEVICES set how many there are)",
                    (long long)device, acn_device_count() - 1);
}

/* Streams. */

void acn_runtime_add_stream(acn_stream *stream) {
    pthread_mutex_lock(&runtime.mutex);
    stream->previous = NULL;
    stream->next = runtime.streams;
    if (runtime.streams != NULL) runtime.streams->previous = stream;
    runtime.streams = stream;
    pthread_mutex_unlock(&runtime.mutex);
}

void acn_runtime_remove_stream(acn_stream *stream) {
    pthread_mutex_lock(&runtime.mutex);
    if (stream->next != NULL) stream->next->previous = stream->previous;
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        runtime.streams = stream->next;
    pthread_mutex_unlock(&runtime.mutex);
}

void acn_runtime_each_stream(int id, void (*visit)(acn_stream *stream, void *data), void *data) {
    pthread_mutex_lock(&runtime.mutex);
    for (acn_stream *stream = runtime.streams; stream != NULL; stream = stream->next)
        if (id < 0 || stream->device == id) visit(stream, data);
    pthread_mutex_unlock(&runtime.mutex);
}

/* Contexts. */

static void bind(acn_context *context) {
    current.context = context;
    current.serial = atomic_load(&context->serial);
}

static acn_context *bound(void) {
    acn_context *context = current.context;
    if (context == NULL) return NULL;
    return atomic_load_explicit(&context->serial, memory_order_acquire) == current.serial ? context
                                                                                          : NULL;
}

static acn_status make_context(int id, bool is_primary, acn_context **out) {
    const acn_span *span;
    ACN_TRY(acn_window_span(id, &span)); /* a device that has no memory is no device */
    acn_context *context = acn_slab_alloc(&context_slab);
    if (context == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d contexts exist, which is the most; destroy some",
                        MAX_CONTEXTS);
    context->device = id;
    context->is_primary = is_primary;
    atomic_store(&context->stop_on_failure, false);
    for (int i = 0; i < ACN_CONTEXT_PARAMS; i++)
        atomic_store(&context->params[i], 0);
    acn_status status = acn_stream_create(context, 0, 0, &context->default_stream);
    if (status != ACN_OK) {
        acn_slab_free(&context_slab, context);
        return status;
    }
    context->default_stream->is_default = true;
    atomic_store(&context->serial, atomic_fetch_add(&last_serial, 1) + 1);
    atomic_store(&was_opened, true);
    *out = context;
    return ACN_OK;
}

static acn_stream *any_stream_of(const acn_context *context) {
    acn_stream *found = NULL;
    pthread_mutex_lock(&runtime.mutex);
    for (acn_stream *stream = runtime.streams; stream != NULL && found == NULL;
         stream = stream->next)
        if (stream->context == context) found = stream;
    pthread_mutex_unlock(&runtime.mutex);
    return found;
}

/* |context| is no longer reachable through its handle or device. */
static void destroy_context(acn_context *context) {
    for (acn_stream *stream; (stream = any_stream_of(context)) != NULL;)
        acn_stream_destroy(stream, true);
    acn_slab_free(&context_slab, context);
}

acn_status acn_context_create(int64_t id, acn_context **out) {
    pthread_once(&once, initialize);
    ACN_TRY(refuse_orphan());
    ACN_TRY(acn_device_check(id));
    ACN_TRY(make_context((int)id, false, out));
    pthread_mutex_lock(&runtime.mutex);
    runtime.devices[id].contexts++;
    pthread_mutex_unlock(&runtime.mutex);
    bind(*out);
    return ACN_OK;
}

static acn_status resolve(void *handle, acn_context **out) {
    pthread_once(&once, initialize);
    ACN_TRY(refuse_orphan());
    *out = handle;
    if (acn_slab_is_live(&context_slab, handle) && atomic_load(&(*out)->serial) != 0) return ACN_OK;
    return acn_fail(ACN_CONTEXT_NULL,
                    "context %p does not exist; expected one that is not destroyed", handle);
}

acn_status acn_context_destroy(void *handle) {
    acn_context *context;
    ACN_TRY(resolve(handle, &context));
    if (context->is_primary)
        return acn_fail(ACN_PARAM_INVALID,
                        "context %p is the default one of device %d; it ends with "
                        "aclrtResetDevice",
                        handle, context->device);
    if (acn_stream_executing() != NULL && acn_stream_executing()->context == context)
        return acn_fail(ACN_PARAM_INVALID, "a task cannot destroy the context it runs in");
    uint64_t serial = atomic_load(&context->serial);
    if (serial == 0 || !atomic_compare_exchange_strong(&context->serial, &serial, 0))
        return acn_fail(ACN_CONTEXT_NULL, "context %p is destroyed already", handle);
    pthread_mutex_lock(&runtime.mutex);
    runtime.devices[context->device].contexts--;
    pthread_mutex_unlock(&runtime.mutex);
    destroy_context(context);
    return ACN_OK;
}

acn_status acn_context_set_current(void *handle) {
    acn_context *context;
    ACN_TRY(resolve(handle, &context));
    bind(context);
    return ACN_OK;
}

acn_status acn_context_current(acn_context **out) {
    acn_context *context = bound();
    if (__builtin_expect(context == NULL, 0)) {
        ACN_TRY(refuse_orphan());
        int id = atomic_load_explicit(&default_device, memory_order_relaxed);
        if (id < 0)
            return acn_fail(ACN_CONTEXT_NULL, "this thread has no context; call aclrtSetDevice or "
                                              "aclrtSetCurrentContext in it first");
        ACN_TRY(acn_device_set(id));
        context = current.context;
    }
    *out = context;
    return ACN_OK;
}

int acn_context_device(const acn_context *context) { return context->device; }

acn_stream *acn_context_default_stream(const acn_context *context) {
    return context->default_stream;
}

int64_t acn_context_param(const acn_context *context, int key) {
    return atomic_load_explicit(&context->params[key], memory_order_relaxed);
}

void acn_context_set_param(acn_context *context, int key, int64_t value) {
    atomic_store_explicit(&context->params[key], value, memory_order_relaxed);
}

/* Devices. */

acn_status acn_device_set(int id) {
    pthread_once(&once, initialize);
    acn_context *context = bound();
    if (context != NULL && context->is_primary && context->device == id) {
        atomic_fetch_add_explicit(&runtime.devices[id].users, 1, memory_order_relaxed);
        return ACN_OK;
    }
    ACN_TRY(refuse_orphan());
    ACN_TRY(acn_device_check(id));
    acn_context *made = NULL;
    acn_status status = ACN_OK;
    pthread_mutex_lock(&runtime.mutex);
    context = runtime.devices[id].primary;
    if (context == NULL) {
        /* Making one takes the mutex for its stream; two threads may both make one. */
        pthread_mutex_unlock(&runtime.mutex);
        status = make_context(id, true, &made);
        pthread_mutex_lock(&runtime.mutex);
        context = runtime.devices[id].primary;
        if (context == NULL && status == ACN_OK) {
            context = runtime.devices[id].primary = made;
            made = NULL;
        }
    }
    if (context != NULL) {
        atomic_fetch_add(&runtime.devices[id].users, 1);
        bind(context);
    }
    pthread_mutex_unlock(&runtime.mutex);
    if (made != NULL) {
        atomic_store(&made->serial, 0);
        destroy_context(made);
    }
    return context != NULL ? ACN_OK : status;
}

acn_status acn_device_reset(int id, bool force) {
    pthread_once(&once, initialize);
    ACN_TRY(refuse_orphan());
    ACN_TRY(acn_device_check(id));
    acn_context *ended = NULL;
    bool is_last = false;
    pthread_mutex_lock(&runtime.mutex);
    device_state *d = &runtime.devices[id];
    int users = atomic_load(&d->users);
    if (users > 0) atomic_store(&d->users, force ? 0 : users - 1);
    if (d->primary != NULL && (force || users <= 1)) {
        ended = d->primary;
        d->primary = NULL;
        atomic_store(&ended->serial, 0);
        is_last = d->contexts == 0;
    }
    pthread_mutex_unlock(&runtime.mutex);
    if (ended != NULL) destroy_context(ended);
    if (is_last) acn_memory_clear(id);
    return ACN_OK;
}

acn_status acn_device_current(int *out_device) {
    acn_context *context = bound();
    if (context == NULL) {
        ACN_TRY(refuse_orphan());
        return acn_fail(ACN_CONTEXT_NULL, "this thread has no device; call aclrtSetDevice first");
    }
    *out_device = context->device;
    return ACN_OK;
}

bool acn_device_is_active(int id) {
    pthread_mutex_lock(&runtime.mutex);
    bool active = runtime.devices[id].primary != NULL;
    pthread_mutex_unlock(&runtime.mutex);
    return active;
}

void acn_device_set_default(int id) { atomic_store(&default_device, id); }

/* Synchronising a device: the streams there are now, each up to the task it has now. */

typedef struct stream_list {
    acn_stream **streams;
    uint64_t *serials;
    size_t count, room;
} stream_list;

static void add_to_list(acn_stream *stream, void *data) {
    stream_list *list = data;
    if (list->count < list->room) {
        list->streams[list->count] = stream;
        list->serials[list->count] = atomic_load(&stream->serial);
    }
    list->count++;
}

static acn_status list_streams(int id, stream_list *list) {
    do {
        list->room = list->count + 16;
        free(list->streams);
        free(list->serials);
        list->streams = malloc(list->room * sizeof *list->streams);
        list->serials = malloc(list->room * sizeof *list->serials);
        if (list->streams == NULL || list->serials == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory to list the device's streams");
        list->count = 0;
        acn_runtime_each_stream(id, add_to_list, list);
    } while (list->count > list->room);
    return ACN_OK;
}

acn_status acn_device_synchronize(int32_t timeout_ms) {
    acn_context *context;
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_capture_check_device(context));
    stream_list list = {0};
    int64_t deadline_ns = acn_deadline(timeout_ms, acn_clock_ns());
    acn_status status = list_streams(context->device, &list);
    for (size_t i = 0; i < list.count && i < list.room && status == ACN_OK; i++) {
        acn_stream *stream = list.streams[i];
        int32_t left_ms = -1;
        if (timeout_ms >= 0) {
            int64_t left_ns = deadline_ns - acn_clock_ns();
            left_ms = left_ns > 0 ? (int32_t)(left_ns / 1000000) : 0;
        }
        if (atomic_load(&stream->serial) == list.serials[i])
            status = acn_stream_synchronize(stream, left_ms);
    }
    free(list.streams);
    free(list.serials);
    return status;
}

acn_status acn_device_abort(int device, int64_t timeout_ms) {
    stream_list list = {0};
    int64_t deadline_ns = timeout_ms > 0 ? acn_clock_ns() + timeout_ms * 1000000 : -1;
    acn_status status = list_streams(device, &list), first = status;
    for (size_t i = 0; i < list.count && i < list.room && status == ACN_OK; i++) {
        int64_t left_ns = deadline_ns - acn_clock_ns();
        int64_t left_ms = deadline_ns < 0 ? -1 : left_ns > 0 ? left_ns / 1000000 : 0;
        if (atomic_load(&list.streams[i]->serial) != list.serials[i]) continue;
        /* All streams drop what they have, also when one of them is late. */
        acn_status one = acn_stream_abort(list.streams[i], left_ms);
        if (first == ACN_OK) first = one;
    }
    free(list.streams);
    free(list.serials);
    return first;
}

/* notify.c - see notify.h. The word lies in a cell of share.h from the start, so that one that is
 * exported is like any other. */
#include "runtime/notify.h"

#include "base/slab.h"
#include "base/thread.h"
#include "runtime/core.h"
#include <limits.h>

enum { MAX_NOTIFIES = 1 << 16, LOOK_UP_NS = 50000000 };

struct acn_notify {
    acn_share_cell *cell;
    acn_share_view view; /* of an import */
    bool is_import, is_counting;
    atomic_bool is_alive; /* the client's handle is valid */
    atomic_int users;     /* the handle and queued tasks */
    uint32_t id;
};

static acn_slab slab = ACN_SLAB("notify", sizeof(acn_notify), MAX_NOTIFIES);
static _Atomic uint32_t last_id;

static acn_status make(acn_notify **out) {
    acn_notify *notify = acn_slab_alloc(&slab);
    if (notify == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d notifies exist, which is the most; destroy some",
                        MAX_NOTIFIES);
    notify->is_import = notify->is_counting = false;
    notify->id = atomic_fetch_add(&last_id, 1);
    atomic_store(&notify->users, 1);
    *out = notify;
    return ACN_OK;
}

acn_status acn_notify_create(bool is_counting, acn_notify **out) {
    acn_notify *notify;
    ACN_TRY(make(&notify));
    acn_status status = acn_share_create(ACN_SHARE_NOTIFY, &notify->cell);
    if (status != ACN_OK) {
        acn_slab_free(&slab, notify);
        return status;
    }
    notify->is_counting = is_counting;
    atomic_store(&notify->is_alive, true);
    *out = notify;
    return ACN_OK;
}

acn_status acn_notify_import(const char *key, acn_notify **out) {
    acn_notify *notify;
    ACN_TRY(make(&notify));
    acn_status status = acn_share_open(key, ACN_SHARE_NOTIFY, &notify->view);
    if (status != ACN_OK) {
        acn_slab_free(&slab, notify);
        return status;
    }
    notify->cell = notify->view.cell;
    notify->is_import = true;
    atomic_store(&notify->is_alive, true);
    *out = notify;
    return ACN_OK;
}

acn_status acn_notify_resolve(void *handle, bool is_counting, acn_notify **out) {
    acn_notify *notify = handle;
    if (!acn_slab_is_live(&slab, notify) || !atomic_load(&notify->is_alive) ||
        notify->is_counting != is_counting)
        return acn_fail(ACN_INVALID_HANDLE,
                        "notify %p does not exist; expected one of %s that is not destroyed",
                        handle, is_counting ? "aclrtCntNotifyCreate" : "aclrtCreateNotify");
    if (acn_runtime_is_orphan())
        return acn_fail(ACN_CONTEXT_NULL, "notifies of the parent process cannot be used in a "
                                          "child of fork; start the child with spawn");
    *out = notify;
    return ACN_OK;
}

static void release(acn_notify *notify) {
    if (atomic_fetch_sub(&notify->users, 1) != 1) return;
    if (notify->is_import)
        acn_share_close(&notify->view);
    else
        acn_share_destroy(notify->cell);
    acn_slab_free(&slab, notify);
}

acn_status acn_notify_destroy(acn_notify *notify) {
    bool alive = true;
    if (!atomic_compare_exchange_strong(&notify->is_alive, &alive, false))
        return acn_fail(ACN_INVALID_HANDLE, "notify %p is destroyed already", (void *)notify);
    release(notify);
    return ACN_OK;
}

uint32_t acn_notify_id(const acn_notify *notify) { return notify->id; }

typedef struct notify_task {
    acn_notify *notify;
    acn_stream *stream;
    acn_notify_change change;
    uint32_t value;
    acn_notify_condition condition;
} notify_task;

static void drop(void *argument) {
    release(((notify_task *)argument)->notify);
    acn_task_free(argument);
}

static acn_status submit(const notify_task *arguments, acn_status (*run)(void *), uint32_t flags,
                         const char *name) {
    notify_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = *arguments;
    atomic_fetch_add(&data->notify->users, 1);
    acn_task task = {.run = run, .drop = drop, .data = data, .flags = flags, .name = name};
    return acn_stream_submit(arguments->stream, &task);
}

static void change_word(_Atomic uint32_t *word, acn_notify_change change, uint32_t value) {
    if (change == ACN_NOTIFY_SET) atomic_store(word, value);
    if (change == ACN_NOTIFY_ADD) atomic_fetch_add(word, value);
    if (change == ACN_NOTIFY_OR) atomic_fetch_or(word, value);
    if (change == ACN_NOTIFY_AND) atomic_fetch_and(word, value);
    acn_futex_wake_shared(word, INT_MAX);
}

static acn_status record(void *argument) {
    const notify_task *data = argument;
    change_word(&data->notify->cell->notify.value, data->change, data->value);
    return ACN_OK;
}

acn_status acn_notify_record(acn_notify *notify, acn_stream *stream, acn_notify_change change,
                             uint32_t value) {
    notify_task arguments = {.notify = notify, .stream = stream, .change = change, .value = value};
    return submit(&arguments, record, 0, "record notify");
}

void acn_notify_clear(acn_notify *notify) {
    change_word(&notify->cell->notify.value, ACN_NOTIFY_SET, 0);
}

static bool is_met(uint32_t word, const acn_notify_condition *condition) {
    switch (condition->compare) {
    case ACN_NOTIFY_LESS:
        return word < condition->value;
    case ACN_NOTIFY_EQUAL:
        return word == condition->value;
    case ACN_NOTIFY_GREATER:
        return word > condition->value;
    case ACN_NOTIFY_AT_LEAST:
        return word >= condition->value;
    default:
        return (word & condition->value) == condition->value;
    }
}

static acn_status wait(void *argument) {
    const notify_task *data = argument;
    const acn_notify_condition *condition = &data->condition;
    _Atomic uint32_t *word = &data->notify->cell->notify.value;
    int64_t deadline_ns = acn_deadline(condition->timeout_ms, acn_clock_ns());
    for (uint32_t seen = atomic_load(word);;) {
        if (is_met(seen, condition)) {
            if (!condition->clears || atomic_compare_exchange_strong(word, &seen, 0)) return ACN_OK;
            continue; /* somebody else took or changed it; |seen| is what it is now */
        }
        if (acn_stream_shall_give_up(acn_stream_executing())) return ACN_OK;
        int64_t now_ns = acn_clock_ns(), until_ns = now_ns + LOOK_UP_NS;
        if (deadline_ns >= 0 && now_ns >= deadline_ns)
            return acn_fail(ACN_WAIT_TIMEOUT,
                            "notify %u did not come within %lld ms; look for the stream that "
                            "records it, in whatever process",
                            data->notify->id, (long long)condition->timeout_ms);
        if (deadline_ns >= 0 && deadline_ns < until_ns) until_ns = deadline_ns;
        acn_futex_wait_shared(word, seen, until_ns);
        seen = atomic_load(word);
    }
}

acn_status acn_notify_wait(acn_notify *notify, acn_stream *stream,
                           const acn_notify_condition *condition) {
    notify_task arguments = {.notify = notify, .stream = stream, .condition = *condition};
    return submit(&arguments, wait, ACN_TASK_CAN_BLOCK, "wait for notify");
}

/* Other processes. */

acn_status acn_notify_export(acn_notify *notify, bool to_all, char key[ACN_SHARE_KEY_BYTES]) {
    if (notify->is_import)
        return acn_fail(ACN_PARAM_INVALID, "notify %u was imported; only its owner exports it",
                        notify->id);
    acn_share_export(notify->cell, to_all);
    acn_share_key(notify->cell, key);
    return ACN_OK;
}

acn_status acn_notify_allow(acn_notify *notify, const int32_t *pids, size_t count) {
    if (notify->is_import)
        return acn_fail(ACN_PARAM_INVALID, "notify %u was imported; only its owner names processes",
                        notify->id);
    return acn_share_allow(notify->cell, pids, count);
}

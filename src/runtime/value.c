/* value.c - see value.h. Anything may write the word, other processes and operators too, so a
 * waiting stream looks again from time to time; our own writes wake it at once. */
#include "runtime/value.h"

#include "base/thread.h"
#include "runtime/core.h"
#include "runtime/guard.h"
#include "runtime/memory.h"
#include <limits.h>

/* Soon at first; then, since waiting shall cost nothing, after an eighth of what it took so far. */
enum { LOOK_AGAIN_NS = 50000, LOOK_AGAIN_MOST_NS = 20000000 };

static _Atomic uint32_t writes; /* of all words; futex word of those who wait */

static _Atomic uint64_t *word_of(const acn_value_task *task) {
    return acn_memory_view(task->address);
}

static bool is_met(const acn_value_task *data) {
    uint64_t word = atomic_load(word_of(data));
    switch (data->condition) {
    case ACN_VALUE_AT_LEAST:
        return (int64_t)(word - data->value) >= 0;
    case ACN_VALUE_EQUAL:
        return word == data->value;
    case ACN_VALUE_ANY_BIT:
        return (word & data->value) != 0;
    default:
        return ~(word | data->value) != 0;
    }
}

static acn_status write_word(void *argument) {
    const acn_value_task *data = argument;
    atomic_store(word_of(data), data->value);
    atomic_fetch_add(&writes, 1);
    acn_futex_wake(&writes, INT_MAX);
    return ACN_OK;
}

static acn_status wait_for_word(void *argument) {
    const acn_value_task *data = argument;
    acn_stream *stream = acn_stream_executing(); /* a replay's need not be the one captured */
    int64_t start_ns = acn_clock_ns();
    for (;;) {
        uint32_t seen = atomic_load(&writes);
        if (is_met(data) || acn_stream_shall_give_up(stream)) return ACN_OK;
        int64_t now_ns = acn_clock_ns(), pause_ns = (now_ns - start_ns) / 8;
        if (pause_ns < LOOK_AGAIN_NS) pause_ns = LOOK_AGAIN_NS;
        if (pause_ns > LOOK_AGAIN_MOST_NS) pause_ns = LOOK_AGAIN_MOST_NS;
        acn_stream_sleep(stream, &writes, seen, now_ns + pause_ns);
    }
}

acn_status acn_value_check(const acn_value_task *task) {
    if ((uintptr_t)task->address % 8 == 0 &&
        acn_memory_classify(task->address, NULL) != ACN_MEMORY_PAGEABLE)
        return acn_guard_is_needed() ? acn_guard_range(task->address, 8, "a value", NULL) : ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "devAddr %p is not an 8-byte aligned address in device memory", task->address);
}

static acn_status submit(const acn_value_task *arguments, acn_stream *stream,
                         acn_status (*run)(void *), uint32_t flags, const char *name) {
    ACN_TRY(acn_value_check(arguments));
    acn_value_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = *arguments;
    acn_task task = {.run = run, .drop = acn_task_free, .data = data, .flags = flags, .name = name};
    return acn_stream_submit(stream, &task);
}

acn_value_task acn_value_of_task(const void *data) { return *(const acn_value_task *)data; }

void acn_value_set_task(void *data, const acn_value_task *to) { *(acn_value_task *)data = *to; }

acn_status acn_value_write(void *address, uint64_t value, acn_stream *stream) {
    acn_value_task arguments = {.address = address, .value = value};
    return submit(&arguments, stream, write_word, ACN_TASK_IS_VALUE_WRITE, "write value");
}

acn_status acn_value_wait(void *address, uint64_t value, acn_value_condition condition,
                          acn_stream *stream) {
    acn_value_task arguments = {address, value, condition};
    return submit(&arguments, stream, wait_for_word, ACN_TASK_CAN_BLOCK | ACN_TASK_IS_VALUE_WAIT,
                  "wait for value");
}

/* value.c - see value.h. Anything may write the word, other processes and operators too, so a
 * waiting stream looks again from time to time; our own writes wake it at once. */
#include "runtime/value.h"

#include "base/thread.h"
#include "runtime/core.h"
#include "runtime/memory.h"
#include <limits.h>

enum { LOOK_AGAIN_NS = 200000 };

typedef struct value_task {
    _Atomic uint64_t *word;
    uint64_t value;
    acn_value_condition condition;
    acn_stream *stream;
} value_task;

static _Atomic uint32_t writes; /* of all words; futex word of those who wait */

static bool is_met(const value_task *data) {
    uint64_t word = atomic_load(data->word);
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
    const value_task *data = argument;
    atomic_store(data->word, data->value);
    atomic_fetch_add(&writes, 1);
    acn_futex_wake(&writes, INT_MAX);
    return ACN_OK;
}

static acn_status wait_for_word(void *argument) {
    const value_task *data = argument;
    acn_stream *stream = acn_stream_executing(); /* a replay's need not be the one captured */
    for (;;) {
        uint32_t seen = atomic_load(&writes);
        if (is_met(data) || acn_stream_shall_give_up(stream)) return ACN_OK;
        acn_stream_sleep(stream, &writes, seen, acn_clock_ns() + LOOK_AGAIN_NS);
    }
}

static acn_status submit(const value_task *arguments, acn_status (*run)(void *), uint32_t flags,
                         const char *name) {
    if ((uintptr_t)arguments->word % 8 != 0 ||
        acn_memory_classify((const void *)arguments->word, NULL) == ACN_MEMORY_PAGEABLE)
        return acn_fail(ACN_PARAM_INVALID,
                        "devAddr %p is not an 8-byte aligned address in device memory",
                        (void *)arguments->word);
    value_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = *arguments;
    acn_task task = {.run = run, .drop = acn_task_free, .data = data, .flags = flags, .name = name};
    return acn_stream_submit(arguments->stream, &task);
}

acn_status acn_value_write(void *address, uint64_t value, acn_stream *stream) {
    value_task arguments = {.word = acn_memory_view(address), .value = value, .stream = stream};
    return submit(&arguments, write_word, ACN_TASK_IS_VALUE_WRITE, "write value");
}

acn_status acn_value_wait(void *address, uint64_t value, acn_value_condition condition,
                          acn_stream *stream) {
    value_task arguments = {acn_memory_view(address), value, condition, stream};
    return submit(&arguments, wait_for_word, ACN_TASK_CAN_BLOCK | ACN_TASK_IS_VALUE_WAIT,
                  "wait for value");
}

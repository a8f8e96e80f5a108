/* value.h - 64-bit words of device memory that streams write and wait for. */
#ifndef ACN_RUNTIME_VALUE_H
#define ACN_RUNTIME_VALUE_H

#include "base/status.h"
#include "runtime/stream.h"

/* The interface's conditions. */
typedef enum acn_value_condition {
    ACN_VALUE_AT_LEAST, /* as signed difference, so that counters may wrap */
    ACN_VALUE_EQUAL,
    ACN_VALUE_ANY_BIT,
    ACN_VALUE_NOT_ALL_BITS, /* of word and value together */
    ACN_VALUE_CONDITIONS
} acn_value_condition;

/* What a recorded task of this kind does. */
typedef struct acn_value_task {
    void *address;
    uint64_t value;
    acn_value_condition condition; /* of waiting */
} acn_value_task;

acn_status acn_value_write(void *address, uint64_t value, acn_stream *stream);
acn_status acn_value_wait(void *address, uint64_t value, acn_value_condition condition,
                          acn_stream *stream);
/* |data| is that of a task of ACN_TASK_IS_VALUE_WRITE or ACN_TASK_IS_VALUE_WAIT. */
acn_value_task acn_value_of_task(const void *data);
void acn_value_set_task(void *data, const acn_value_task *to);
/* Whether the address can be used. */
acn_status acn_value_check(const acn_value_task *task);

#endif

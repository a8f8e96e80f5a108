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

acn_status acn_value_write(void *address, uint64_t value, acn_stream *stream);
acn_status acn_value_wait(void *address, uint64_t value, acn_value_condition condition,
                          acn_stream *stream);

#endif

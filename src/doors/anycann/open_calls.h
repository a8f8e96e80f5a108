/* open_calls.h - FOLDER/PID.open of `anycann trace`: the calls that a process was in when it ended,
 * one for each thread. The tracer maps it, the command reads it. */
#ifndef ACN_DOORS_ANYCANN_OPEN_CALLS_H
#define ACN_DOORS_ANYCANN_OPEN_CALLS_H

#include <stdatomic.h>
#include <stdint.h>

enum { ACN_OPEN_CALLS = 256 };

typedef struct acn_open_call {
    _Atomic int32_t thread; /* 0: not in a call */
    char name[60];
} acn_open_call;

#endif

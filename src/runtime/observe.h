/* observe.h - tells one observer, if there is any, when each task of a stream ran. */
#ifndef ACN_RUNTIME_OBSERVE_H
#define ACN_RUNTIME_OBSERVE_H

#include "base/status.h"
#include <stdatomic.h>
#include <stdint.h>

typedef struct acn_task_record {
    const char *name; /* the task's; valid during the call */
    int device;
    uint32_t stream;           /* its number in the process */
    uint64_t number;           /* of the task on its stream */
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    acn_status status;
} acn_task_record;

/* Called on the thread that ran the task; may be called by several threads at once. */
typedef void acn_task_observer(const acn_task_record *record);

/* NULL, as long as nobody wants to know: then a task costs one load more. */
extern _Atomic(acn_task_observer *) acn_task_observed;

#endif

/* executor.h - what an aclOpExecutor is: a call between phase 1 and phase 2.
 *
 * Phase 2 ends it, whatever it answers; a repeatable one is ended by aclDestroyAclOpExecutor. One
 * whose phase 2 never comes lives until the process's last aclFinalize, which ends it and counts it
 * for `anycann report`: before that, nothing says that phase 2 will not come. */
#ifndef ACN_DOORS_NNOPBASE_EXECUTOR_H
#define ACN_DOORS_NNOPBASE_EXECUTOR_H

#include "base/report.h"
#include "ops/op.h"
#include "runtime/stream.h"
#include "runtime/workspace.h"
#include <stdatomic.h>

enum {
    ACN_EXECUTOR_PARAMETERS = ACN_MAX_INPUTS + ACN_MAX_OUTPUTS + 8, /* some are ignored */
    ACN_EXECUTOR_SCRATCH_BYTES = 256
};

typedef enum acn_executor_state {
    ACN_EXECUTOR_MADE,  /* being prepared, or dead */
    ACN_EXECUTOR_READY, /* between the phases: the client's */
    ACN_EXECUTOR_QUEUED /* the stream's: the handle is dead for the client */
} acn_executor_state;

typedef struct acn_executor {
    acn_call call;
    _Atomic(acn_executor_state) state;
    const void *entry; /* the public function that made it */
    acn_report_slot *counter;
    bool is_repeatable;
    bool holds_outputs;
    acn_workspace own_workspace; /* ends with the executor; none if the client gave it */
    /* The public call's tensor parameters in order, as indices into call.tensors: for the address
     * setters. A list is one parameter. Count 0: it was NULL. */
    int32_t parameter_count;
    struct {
        int32_t first, count;
        int32_t twin; /* an in-place parameter's output tensor; -1 otherwise */
        bool is_output;
    } parameter[ACN_EXECUTOR_PARAMETERS];
    size_t scratch_used;
    _Alignas(16) char scratch[ACN_EXECUTOR_SCRATCH_BYTES]; /* short copies of arrays */
} acn_executor;

/* NULL when there is no room; the call in it is not initialised. */
acn_executor *acn_executor_create(void);
void acn_executor_destroy(acn_executor *executor);
/* The executor behind a client's handle; fails if it is foreign, has ended or is queued. */
acn_status acn_executor_resolve(const void *handle, acn_executor **out_executor);
/* The call in it is prepared: from now on the handle is valid, and the client's tensors that a run
 * will tell their true shapes are kept until the executor ends. */
void acn_executor_publish(acn_executor *executor);
/* Ends those that nobody launched; not the repeatable ones, which the client owns. */
void acn_executor_end_abandoned(void);

/* Queues the executor's call. It is consumed whatever happens, unless it is repeatable. */
acn_status acn_executor_launch(acn_executor *executor, void *workspace, uint64_t workspace_bytes,
                               void *stream);

#endif

/* executor.c - executors' life, their launch on a stream, and the address setters of repeatable
 * ones. */
#include "doors/nnopbase/executor.h"
#include "acl/acl_base.h"
#include "aclnn/acl_meta.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/nnopbase/objects.h"
#include "runtime/memory.h"
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { MAX_EXECUTORS = 1 << 18 };

static acn_slab *slab;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create_slab(void) {
    slab = acn_slab_create("aclOpExecutor", sizeof(acn_executor), MAX_EXECUTORS);
}

acn_executor *acn_executor_create(void) {
    pthread_once(&once, create_slab);
    acn_executor *executor = slab ? acn_slab_alloc(slab) : NULL;
    if (!executor) return NULL;
    memset(&executor->entry, 0, offsetof(acn_executor, parameter) - offsetof(acn_executor, entry));
    executor->scratch_used = 0;
    return executor;
}

/* A call whose output reports its shape later holds the client's tensor until it has run. */
static void hold_outputs(const acn_call *c, void (*change)(acn_object_tensor *)) {
    if (!(c->op->flags & ACN_OP_DYNAMIC_OUT)) return;
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        for (int i = 0; i < c->out_count[s]; i++)
            if (acn_out_at(c, s, i)->object) change(acn_out_at(c, s, i)->object);
}

void acn_executor_destroy(acn_executor *executor) {
    acn_call_release(&executor->call);
    if (executor->own_workspace) acn_memory_free(executor->own_workspace);
    acn_slab_free(slab, executor);
}

bool acn_executor_is_live(const void *handle) { return slab && acn_slab_is_live(slab, handle); }

/* ---- launch ---------------------------------------------------------------------------------- */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static acn_status run_task(void *data) {
    acn_executor *executor = data;
    uint64_t start = now_ns();
    acn_status status = acn_call_run(&executor->call, executor->call.workspace);
    acn_report_count(executor->counter, now_ns() - start);
    return status;
}

static void drop_task(void *data) {
    acn_executor *executor = data;
    hold_outputs(&executor->call, acn_object_tensor_release);
    acn_executor_destroy(executor);
}

static acn_status check_launch(const acn_executor *executor, const void *workspace,
                               uint64_t workspace_bytes) {
    uint64_t needed = executor->call.plan->workspace_bytes;
    if (needed == 0) return ACN_OK;
    if (!workspace)
        return acn_fail(ACN_NULL_POINTER, "workspace is NULL; expected %llu bytes of device memory",
                        (unsigned long long)needed);
    if (workspace_bytes < needed)
        return acn_fail(ACN_INVALID_ARGUMENT, "workspaceSize is %llu; phase 1 asked for %llu",
                        (unsigned long long)workspace_bytes, (unsigned long long)needed);
    return ACN_OK;
}

/* What runs is a copy, so that the original may get new addresses at once. */
static acn_status copy_repeatable(const acn_executor *executor, acn_executor **out_copy) {
    acn_executor *copy = acn_executor_create();
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "too many executors are alive");
    acn_status status = acn_call_clone(&copy->call, &executor->call);
    if (status != ACN_OK) {
        acn_slab_free(slab, copy);
        return status;
    }
    copy->entry = executor->entry;
    copy->counter = executor->counter;
    *out_copy = copy;
    return ACN_OK;
}

acn_status acn_executor_launch(acn_executor *executor, void *workspace, uint64_t workspace_bytes,
                               void *stream_handle) {
    acn_stream *stream;
    acn_executor *task_data = executor;
    acn_status status = check_launch(executor, workspace, workspace_bytes);
    if (status == ACN_OK) status = acn_stream_resolve(stream_handle, &stream);
    if (status == ACN_OK && executor->is_repeatable) status = copy_repeatable(executor, &task_data);
    if (status != ACN_OK) {
        if (!executor->is_repeatable) acn_executor_destroy(executor);
        return status;
    }
    task_data->call.workspace = workspace;
    hold_outputs(&task_data->call, acn_object_tensor_retain);
    const acn_call *c = &task_data->call;
    return acn_stream_submit(
        stream, &(acn_task){.run = run_task,
                            .drop = drop_task,
                            .data = task_data,
                            .flags = c->op->flags & ACN_OP_CAN_BLOCK ? ACN_TASK_CAN_BLOCK : 0,
                            .cost_us = c->plan->cost_us,
                            .name = c->api});
}

/* ---- repeatable executors -------------------------------------------------------------------- */

static acn_status resolve(const void *handle, acn_executor **out) {
    if (!handle) return acn_fail(ACN_INVALID_HANDLE, "executor is NULL; expected one from phase 1");
    if (!acn_executor_is_live(handle))
        return acn_fail(ACN_INVALID_HANDLE,
                        "executor is %p, which is not alive; phase 2 ends an executor unless "
                        "aclSetAclOpExecutorRepeatable was called",
                        handle);
    *out = (acn_executor *)handle;
    return ACN_OK;
}

aclnnStatus aclSetAclOpExecutorRepeatable(aclOpExecutor *executor) {
    acn_executor *e = NULL;
    acn_status status = resolve(executor, &e);
    if (status != ACN_OK) return ACN_ACLNN(status);
    e->is_repeatable = true;
    return 0;
}

aclnnStatus aclDestroyAclOpExecutor(aclOpExecutor *executor) {
    acn_executor *e = NULL;
    if (!executor) return 0;
    acn_status status = resolve(executor, &e);
    if (status != ACN_OK) return ACN_ACLNN(status);
    acn_executor_destroy(e);
    return 0;
}

typedef enum which { INPUTS, OUTPUTS, ALL } which;

static acn_status set_address(aclOpExecutor *handle, which kind, size_t index, size_t member,
                              bool is_list, const void *object, void *address) {
    acn_executor *e = NULL;
    ACN_TRY(resolve(handle, &e));
    if (!object)
        return acn_fail(ACN_INVALID_HANDLE, "the tensor is NULL; expected the one of phase 1");
    size_t seen = 0;
    for (int p = 0; p < e->parameter_count; p++) {
        if (kind != ALL && e->parameter[p].is_output != (kind == OUTPUTS)) continue;
        if (seen++ != index) continue;
        if (e->parameter[p].count == 0)
            return acn_fail(ACN_INVALID_ARGUMENT, "index %zu was NULL in phase 1", index);
        if (member >= (size_t)e->parameter[p].count)
            return acn_fail(ACN_INVALID_ARGUMENT, "relativeIndex is %zu; the list has %d tensors",
                            member, e->parameter[p].count);
        acn_tensor *t = &e->call.tensors[e->parameter[p].first + (int)member];
        int64_t offset = 0;
        if (!is_list && acn_object_tensor_is_live(object))
            offset = ((const acn_object_tensor *)object)->offset;
        t->data = (char *)address + offset * (int64_t)acn_dtype_bytes(t->dtype);
        if (e->parameter[p].twin >= 0)
            e->call.tensors[e->parameter[p].twin + (int)member].data = t->data;
        return ACN_OK;
    }
    return acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; there are %zu such tensors", index, seen);
}

#define SETTERS(single, single_old, list, list_old, kind)                                          \
    aclnnStatus single(aclOpExecutor *executor, const size_t index, aclTensor *tensor,             \
                       void *addr) {                                                               \
        return ACN_ACLNN(set_address(executor, kind, index, 0, false, tensor, addr));              \
    }                                                                                              \
    aclnnStatus single_old(aclOpExecutor *executor, const size_t index, aclTensor *tensor,         \
                           void *addr) {                                                           \
        return ACN_ACLNN(set_address(executor, kind, index, 0, false, tensor, addr));              \
    }                                                                                              \
    aclnnStatus list(aclOpExecutor *executor, const size_t irIndex, const size_t relativeIndex,    \
                     aclTensorList *tensors, void *addr) {                                         \
        return ACN_ACLNN(                                                                          \
            set_address(executor, kind, irIndex, relativeIndex, true, tensors, addr));             \
    }                                                                                              \
    aclnnStatus list_old(aclOpExecutor *executor, const size_t irIndex,                            \
                         const size_t relativeIndex, aclTensorList *tensors, void *addr) {         \
        return ACN_ACLNN(                                                                          \
            set_address(executor, kind, irIndex, relativeIndex, true, tensors, addr));             \
    }

SETTERS(aclSetInputTensorAddr, AclSetInputTensorAddr, aclSetDynamicInputTensorAddr,
        AclSetDynamicInputTensorAddr, INPUTS)
SETTERS(aclSetOutputTensorAddr, AclSetOutputTensorAddr, aclSetDynamicOutputTensorAddr,
        AclSetDynamicOutputTensorAddr, OUTPUTS)
SETTERS(aclSetTensorAddr, AclSetTensorAddr, aclSetDynamicTensorAddr, AclSetDynamicTensorAddr, ALL)

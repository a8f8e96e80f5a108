/* executor.c - executors' life, their launch on a stream, and the address setters of repeatable
 * ones. */
#include "doors/nnopbase/executor.h"
#include "acl/acl_base.h"
#include "aclnn/acl_meta.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/nnopbase/objects.h"
#include "ops/touch.h"
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { MAX_EXECUTORS = 1 << 18 };

static acn_slab slab = ACN_SLAB("aclOpExecutor", sizeof(acn_executor), MAX_EXECUTORS);

acn_executor *acn_executor_create(void) {
    acn_executor *executor = acn_slab_alloc(&slab);
    if (!executor) return NULL;
    memset(&executor->entry, 0, offsetof(acn_executor, parameter) - offsetof(acn_executor, entry));
    executor->scratch_used = 0;
    return executor;
}

static void for_each_output(const acn_call *c, void (*change)(acn_object_tensor *)) {
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        for (int i = 0; i < c->out_count[s]; i++)
            if (acn_out_at(c, s, i)->object) change(acn_out_at(c, s, i)->object);
}

/* From phase 1 on: the client may destroy its tensors between the phases. */
static void hold_outputs(acn_executor *executor) {
    if (!(executor->call.op->flags & ACN_OP_DYNAMIC_OUT)) return;
    for_each_output(&executor->call, acn_object_tensor_retain);
    executor->holds_outputs = true;
}

void acn_executor_publish(acn_executor *executor) {
    hold_outputs(executor);
    atomic_store_explicit(&executor->state, ACN_EXECUTOR_READY, memory_order_release);
}

/* Of two threads that take one executor from its client, one wins. */
static bool take(acn_executor *executor) {
    acn_executor_state ready = ACN_EXECUTOR_READY;
    return atomic_compare_exchange_strong(&executor->state, &ready, ACN_EXECUTOR_QUEUED);
}

static void end_if_abandoned(void *object) {
    acn_executor *executor = object;
    if (executor->is_repeatable || !take(executor)) return;
    acn_report_count(acn_report_open("abandoned", executor->call.api), 0);
    acn_executor_destroy(executor);
}

void acn_executor_end_abandoned(void) { acn_slab_for_each(&slab, end_if_abandoned); }

void acn_executor_destroy(acn_executor *executor) {
    atomic_store_explicit(&executor->state, ACN_EXECUTOR_MADE, memory_order_relaxed);
    if (executor->holds_outputs) for_each_output(&executor->call, acn_object_tensor_release);
    acn_call_release(&executor->call);
    acn_workspace_give_back(&executor->own_workspace);
    acn_slab_free(&slab, executor);
}

acn_status acn_executor_resolve(const void *handle, acn_executor **out_executor) {
    acn_executor *executor = (acn_executor *)handle;
    if (!acn_slab_is_live(&slab, handle) ||
        atomic_load_explicit(&executor->state, memory_order_acquire) != ACN_EXECUTOR_READY)
        return acn_fail(ACN_INVALID_HANDLE,
                        "executor is %p, which is not alive; phase 2 ends an executor, so run "
                        "phase 1 again or call aclSetAclOpExecutorRepeatable first",
                        handle);
    *out_executor = executor;
    return ACN_OK;
}

/* ---- launch ---------------------------------------------------------------------------------- */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A run tells the outputs' true shapes by changing them; a captured call finds its room again. */
static acn_status run_and_restore(acn_call *c) {
    acn_tensor outputs[ACN_MAX_OUTPUTS];
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        if (c->out_count[s]) outputs[s] = *acn_out(c, s);
    acn_status status = acn_call_run(c, c->workspace);
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        if (c->out_count[s]) *acn_out(c, s) = outputs[s];
    return status;
}

static acn_status run_task(void *data) {
    acn_executor *executor = data;
    acn_call *c = &executor->call;
    uint64_t start = now_ns();
    acn_status status =
        c->op->flags & ACN_OP_DYNAMIC_OUT ? run_and_restore(c) : acn_call_run(c, c->workspace);
    acn_report_count(executor->counter, now_ns() - start);
    return status;
}

static void tell_touches(const void *data, acn_touch_fn touch, void *context) {
    const acn_executor *executor = data;
    if (!acn_call_touches(&executor->call, touch, context))
        acn_report_count(acn_report_open("api", "views in too many pieces for ANYCANN_CHECK"), 0);
}

static void drop_task(void *data) { acn_executor_destroy(data); }

static acn_status check_launch(const acn_executor *executor, const void *workspace,
                               uint64_t workspace_bytes) {
    uint64_t needed = executor->call.plan->workspace_bytes;
    if (needed == 0) return ACN_OK;
    if (!workspace)
        return acn_fail(ACN_NULL_POINTER, "workspace is NULL; expected %llu bytes of device memory",
                        (unsigned long long)needed);
    if (workspace_bytes < needed)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "workspaceSize is %llu; expected the %llu bytes that phase 1 asked for",
                        (unsigned long long)workspace_bytes, (unsigned long long)needed);
    return ACN_OK;
}

/* What runs is a copy, so that the original may get new addresses at once. */
static acn_status copy_repeatable(const acn_executor *executor, acn_executor **out_copy) {
    ACN_TRY(acn_call_check_overlap(&executor->call)); /* addresses may be new */
    acn_executor *copy = acn_executor_create();
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "too many executors are alive");
    acn_status status = acn_call_clone(&copy->call, &executor->call);
    if (status != ACN_OK) {
        acn_slab_free(&slab, copy);
        return status;
    }
    copy->entry = executor->entry;
    copy->counter = executor->counter;
    atomic_store_explicit(&copy->state, ACN_EXECUTOR_QUEUED, memory_order_relaxed);
    hold_outputs(copy);
    *out_copy = copy;
    return ACN_OK;
}

acn_status acn_executor_launch(acn_executor *executor, void *workspace, uint64_t workspace_bytes,
                               void *stream_handle) {
    acn_stream *stream;
    acn_executor *task_data = executor;
    if (!executor->is_repeatable && !take(executor))
        return acn_fail(ACN_INVALID_HANDLE, "executor is %p, which is queued already",
                        (void *)executor);
    acn_status status = check_launch(executor, workspace, workspace_bytes);
    if (status == ACN_OK) status = acn_stream_resolve(stream_handle, &stream);
    if (status == ACN_OK && executor->is_repeatable) status = copy_repeatable(executor, &task_data);
    if (status != ACN_OK) {
        if (!executor->is_repeatable) acn_executor_destroy(executor);
        return status;
    }
    task_data->call.workspace = workspace;
    const acn_call *c = &task_data->call;
    return acn_stream_submit(
        stream, &(acn_task){.run = run_task,
                            .drop = drop_task,
                            .data = task_data,
                            .flags = ACN_TASK_IS_KERNEL |
                                     (c->op->flags & ACN_OP_CAN_BLOCK ? ACN_TASK_CAN_BLOCK : 0),
                            .cost_us = c->plan->cost_us,
                            .name = c->api,
                            .touches = tell_touches});
}

/* ---- repeatable executors -------------------------------------------------------------------- */

static acn_status resolve(const void *handle, acn_executor **out) {
    if (!handle) return acn_fail(ACN_INVALID_HANDLE, "executor is NULL; expected one from phase 1");
    return acn_executor_resolve(handle, out);
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

/* |address| is a storage's base; where the view starts in it, the client's tensor knows. */
static acn_status view_offset(const void *object, size_t member, bool is_list, int64_t *out) {
    if (!object)
        return acn_fail(ACN_INVALID_HANDLE, "%s is NULL; expected the one of phase 1",
                        is_list ? "tensors" : "tensor");
    const acn_object_array *list = is_list ? acn_object_array_of(object, ACN_ARRAY_TENSORS) : NULL;
    const void *tensor = object;
    if (is_list)
        tensor = list && member < list->count ? ((void *const *)list->items)[member] : NULL;
    if (!acn_object_tensor_is_live(tensor))
        return acn_fail(ACN_INVALID_HANDLE,
                        "%s is %p, which holds no live aclTensor at %zu; it was destroyed or is "
                        "foreign, so make one like that of phase 1",
                        is_list ? "tensors" : "tensor", object, member);
    *out = ((const acn_object_tensor *)tensor)->offset;
    return ACN_OK;
}

static acn_status set_address(aclOpExecutor *handle, which kind, size_t index, size_t member,
                              bool is_list, const void *object, void *address) {
    acn_executor *e = NULL;
    int64_t offset = 0;
    ACN_TRY(resolve(handle, &e));
    ACN_TRY(view_offset(object, member, is_list, &offset));
    size_t seen = 0;
    for (int p = 0; p < e->parameter_count; p++) {
        if (kind != ALL && e->parameter[p].is_output != (kind == OUTPUTS)) continue;
        if (seen++ != index) continue;
        if (e->parameter[p].count == 0)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "index is %zu, which was NULL in phase 1; expected a tensor", index);
        if (member >= (size_t)e->parameter[p].count)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "relativeIndex is %zu; expected less than %d, the list's length",
                            member, e->parameter[p].count);
        acn_tensor *t = &e->call.tensors[e->parameter[p].first + (int)member];
        if (!address && acn_tensor_count(t) > 0)
            return acn_fail(ACN_NULL_POINTER, "addr is NULL; expected device memory");
        t->data = (char *)address + offset * (int64_t)acn_dtype_bytes(t->dtype);
        if (e->parameter[p].twin >= 0)
            e->call.tensors[e->parameter[p].twin + (int)member].data = t->data;
        return ACN_OK;
    }
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "index is %zu; expected less than %zu, the number of such parameters", index,
                    seen);
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

/* model_tasks.c - looking at the tasks of captured models, and changing some of them. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/capture.h"
#include "runtime/graph_tasks.h"
#include <string.h>

/* The interface's kinds are the runtime's, one for one. */
_Static_assert(ACL_MODEL_RI_TASK_KERNEL == ACN_TASK_IS_KERNEL >> 8, "kinds of tasks");
_Static_assert(ACL_MODEL_RI_TASK_VALUE_WAIT == ACN_TASK_IS_VALUE_WAIT >> 8, "kinds of tasks");

aclError aclmdlRIGetStreams(aclmdlRI modelRI, aclrtStream *streams, uint32_t *numStreams) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(numStreams);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_lanes(graph, (acn_lane **)streams, numStreams);
    return ACN_ACL(status);
}

aclError aclmdlRIGetTasksByStream(aclrtStream stream, aclmdlRITask *tasks, uint32_t *numTasks) {
    ACN_REQUIRE(stream);
    ACN_REQUIRE(numTasks);
    return ACN_ACL(acn_graph_lane_tasks(stream, (acn_node **)tasks, numTasks));
}

aclError aclmdlRITaskGetType(aclmdlRITask task, aclmdlRITaskType *type) {
    ACN_REQUIRE(task);
    ACN_REQUIRE(type);
    acn_node *node;
    acn_status status = acn_node_resolve(task, &node);
    if (status == ACN_OK) *type = (aclmdlRITaskType)(acn_node_type(node) >> 8);
    return ACN_ACL(status);
}

aclError aclmdlRITaskGetSeqId(aclmdlRITask task, uint32_t *id) {
    ACN_REQUIRE(task);
    ACN_REQUIRE(id);
    acn_node *node;
    acn_status status = acn_node_resolve(task, &node);
    if (status == ACN_OK) *id = acn_node_number(node);
    return ACN_ACL(status);
}

static void fill_event(const acn_node *node, aclrtEvent *event, uint32_t *flag) {
    *event = acn_node_event(node);
    *flag = *event != NULL ? acn_event_flags(*event) : ACL_EVENT_SYNC;
}

/* Kernels of operators are the library's own; they have no function handle or argument block. */
static acn_status get_params(aclmdlRITask task, aclmdlRITaskParams *params) {
    acn_node *node;
    ACN_TRY(acn_node_resolve(task, &node));
    memset(params, 0, sizeof *params);
    params->type = (aclmdlRITaskType)(acn_node_type(node) >> 8);
    params->taskGrp = acn_node_group(node);
    params->opInfoPtr = (void *)acn_node_info(node, &params->opInfoSize);
    acn_value_task value;
    switch (params->type) {
    case ACL_MODEL_RI_TASK_EVENT_RECORD:
        fill_event(node, &params->eventRecordTaskParams.event,
                   &params->eventRecordTaskParams.eventFlag);
        break;
    case ACL_MODEL_RI_TASK_EVENT_WAIT:
        fill_event(node, &params->eventWaitTaskParams.event,
                   &params->eventWaitTaskParams.eventFlag);
        break;
    case ACL_MODEL_RI_TASK_EVENT_RESET:
        fill_event(node, &params->eventResetTaskParams.event,
                   &params->eventResetTaskParams.eventFlag);
        break;
    case ACL_MODEL_RI_TASK_VALUE_WRITE:
        value = acn_node_value(node);
        params->valueWriteTaskParams.devAddr = value.address;
        params->valueWriteTaskParams.value = value.value;
        break;
    case ACL_MODEL_RI_TASK_VALUE_WAIT:
        value = acn_node_value(node);
        params->valueWaitTaskParams.devAddr = value.address;
        params->valueWaitTaskParams.value = value.value;
        params->valueWaitTaskParams.flag = (uint32_t)value.condition;
        break;
    default:
        break;
    }
    return ACN_OK;
}

aclError aclmdlRITaskGetParams(aclmdlRITask task, aclmdlRITaskParams *params) {
    ACN_REQUIRE(task);
    ACN_REQUIRE(params);
    return ACN_ACL(get_params(task, params));
}

static acn_status set_params(aclmdlRITask task, const aclmdlRITaskParams *params) {
    acn_node *node;
    ACN_TRY(acn_node_resolve(task, &node));
    if ((uint32_t)params->type != acn_node_type(node) >> 8)
        return acn_fail(ACN_PARAM_INVALID, "params->type is %d, the task's is %u",
                        (int)params->type, acn_node_type(node) >> 8);
    acn_value_task value;
    switch (params->type) {
    case ACL_MODEL_RI_TASK_VALUE_WRITE:
        value = (acn_value_task){.address = params->valueWriteTaskParams.devAddr,
                                 .value = params->valueWriteTaskParams.value};
        return acn_node_set_value(node, &value);
    case ACL_MODEL_RI_TASK_VALUE_WAIT:
        if (params->valueWaitTaskParams.flag >= ACN_VALUE_CONDITIONS)
            return acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0 to %d",
                            params->valueWaitTaskParams.flag, ACN_VALUE_CONDITIONS - 1);
        value =
            (acn_value_task){params->valueWaitTaskParams.devAddr, params->valueWaitTaskParams.value,
                             (acn_value_condition)params->valueWaitTaskParams.flag};
        return acn_node_set_value(node, &value);
    default:
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "parameters of tasks of type %d cannot be set; put the call into a task "
                        "group (aclmdlRICaptureTaskGrpBegin) and update that",
                        (int)params->type);
    }
}

aclError aclmdlRITaskSetParams(aclmdlRITask task, aclmdlRITaskParams *params) {
    ACN_REQUIRE(task);
    ACN_REQUIRE(params);
    return ACN_ACL(set_params(task, params));
}

aclError aclmdlRITaskDisable(aclmdlRITask task) {
    ACN_REQUIRE(task);
    acn_node *node;
    acn_status status = acn_node_resolve(task, &node);
    if (status == ACN_OK) status = acn_node_disable(node);
    return ACN_ACL(status);
}

aclError aclmdlRIUpdate(aclmdlRI modelRI) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_update(graph);
    return ACN_ACL(status);
}

aclError aclrtCacheLastTaskOpInfo(const void *const infoPtr, const size_t infoSize) {
    ACN_REQUIRE(infoPtr);
    if (infoSize == 0) return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT, "infoSize is 0"));
    return ACN_ACL(acn_capture_attach(infoPtr, infoSize));
}

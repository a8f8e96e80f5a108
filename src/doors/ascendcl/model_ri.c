/* model_ri.c - captured models: replaying, names, conditional tasks. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/condition.h"
#include "runtime/graph.h"
#include "runtime/graph_print.h"
#include "runtime/stream.h"
#include <string.h>

static acn_status execute_async(aclmdlRI model, aclrtStream handle) {
    acn_graph *graph;
    acn_stream *stream;
    ACN_TRY(acn_graph_resolve(model, &graph));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_graph_launch(graph, stream);
}

aclError aclmdlRIExecuteAsync(aclmdlRI modelRI, aclrtStream stream) {
    ACN_REQUIRE(modelRI);
    return ACN_ACL(execute_async(modelRI, stream));
}

aclError aclmdlRIExecute(aclmdlRI modelRI, int32_t timeout) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE_TIMEOUT(timeout);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_execute(graph, timeout);
    return ACN_ACL(status);
}

aclError aclmdlRIAbort(aclmdlRI modelRI) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_abort(graph);
    return ACN_ACL(status);
}

aclError aclmdlRIDestroy(aclmdlRI modelRI) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_destroy(graph);
    return ACN_ACL(status);
}

/* Properties. */

aclError aclmdlRIGetId(aclmdlRI modelRI, uint32_t *modelRIId) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(modelRIId);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) *modelRIId = acn_graph_id(graph);
    return ACN_ACL(status);
}

aclError aclmdlRISetName(aclmdlRI modelRI, const char *name) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(name);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_set_name(graph, name);
    return ACN_ACL(status);
}

static acn_status get_name(aclmdlRI model, uint32_t room, char *name) {
    acn_graph *graph;
    ACN_TRY(acn_graph_resolve(model, &graph));
    size_t length = strlen(acn_graph_name(graph));
    if (length >= room)
        return acn_fail(ACN_PARAM_INVALID, "maxLen is %u; expected %zu or more for this name", room,
                        length + 1);
    memcpy(name, acn_graph_name(graph), length + 1);
    return ACN_OK;
}

aclError aclmdlRIGetName(aclmdlRI modelRI, uint32_t maxLen, char *name) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(name);
    return ACN_ACL(get_name(modelRI, maxLen, name));
}

aclError aclmdlRIDestroyRegisterCallback(aclmdlRI modelRI, aclrtCallback func, void *userData) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(func);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_on_destroy(graph, func, userData);
    return ACN_ACL(status);
}

aclError aclmdlRIDestroyUnregisterCallback(aclmdlRI modelRI, aclrtCallback func) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(func);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_graph_forget_on_destroy(graph, func);
    return ACN_ACL(status);
}

aclError aclmdlRIDebugPrint(aclmdlRI modelRI) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) acn_graph_print(graph);
    return ACN_ACL(status);
}

static acn_status write_json(aclmdlRI model, const char *path, uint32_t flags) {
    acn_graph *graph;
    if (flags > ACL_MDLRI_DEBUG_JSON_PRINT_VERBOSE)
        return acn_fail(ACN_PARAM_INVALID, "flags is %u; expected 0 (summary) or 1 (verbose)",
                        flags);
    ACN_TRY(acn_graph_resolve(model, &graph));
    return acn_graph_write_json(graph, path, flags == ACL_MDLRI_DEBUG_JSON_PRINT_VERBOSE);
}

aclError aclmdlRIDebugJsonPrint(aclmdlRI modelRI, const char *path, uint32_t flags) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(path);
    return ACN_ACL(write_json(modelRI, path, flags));
}

/* Conditional tasks. */

static acn_status create_condition(aclmdlRI model, uint32_t value, aclmdlRICondHandleFlag flag,
                                   aclmdlRICondHandle *handle) {
    acn_graph *graph;
    acn_condition *condition;
    if ((unsigned)flag > ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT)
        return acn_fail(ACN_PARAM_INVALID,
                        "flag is %d; expected 0 or ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT (1)",
                        (int)flag);
    ACN_TRY(acn_graph_resolve(model, &graph));
    ACN_TRY(acn_condition_create(graph, value, flag == ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT,
                                 &condition));
    *handle = condition;
    return ACN_OK;
}

aclError aclmdlRICondHandleCreate(aclmdlRI modelRI, uint32_t defaultLaunchValue,
                                  aclmdlRICondHandleFlag flag, aclmdlRICondHandle *handle) {
    ACN_REQUIRE(modelRI);
    ACN_REQUIRE(handle);
    return ACN_ACL(create_condition(modelRI, defaultLaunchValue, flag, handle));
}

aclError aclmdlRICondHandleGetCondPtr(aclmdlRICondHandle handle, uint64_t **ptr) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(ptr);
    acn_condition *condition;
    acn_status status = acn_condition_resolve(handle, &condition);
    if (status == ACN_OK) *ptr = acn_condition_word(condition);
    return ACN_ACL(status);
}

static acn_status add_condition(const aclmdlRICondTaskParams *params, aclrtStream handle) {
    acn_condition *condition;
    acn_stream *stream;
    if ((unsigned)params->type >= ACN_CONDITION_KINDS)
        return acn_fail(ACN_PARAM_INVALID,
                        "params.type is %d; expected 0 (if), 1 (while) or 2 (switch)",
                        (int)params->type);
    if (params->handle == NULL || params->modelRIArray == NULL)
        return acn_fail(ACN_NULL_POINTER,
                        "params.handle is %p, params.modelRIArray %p; expected neither to be NULL",
                        params->handle, (void *)params->modelRIArray);
    ACN_TRY(acn_condition_resolve(params->handle, &condition));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_condition_add(condition, (acn_condition_kind)params->type, stream,
                             (acn_graph **)params->modelRIArray, params->size);
}

aclError aclmdlRIAddCondTask(aclmdlRICondTaskParams params, aclrtStream stream, uint32_t flags) {
    if (flags != 0) return ACN_ACL(acn_fail(ACN_PARAM_INVALID, "flags is %u; expected 0", flags));
    return ACN_ACL(add_condition(&params, stream));
}

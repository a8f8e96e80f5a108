/* capture.c - capturing streams, and groups of captured tasks that can be updated. */
#include "runtime/capture.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/group.h"
#include "runtime/stream.h"

static acn_status check_mode(aclmdlRICaptureMode mode) {
    if ((int)mode >= 0 && (int)mode < ACN_CAPTURE_MODES) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "mode is %d; expected 0 (global), 1 (thread local) or 2 (relaxed)", (int)mode);
}

static acn_status begin(aclrtStream handle, aclmdlRICaptureMode mode, acn_graph *into) {
    acn_stream *stream;
    ACN_TRY(check_mode(mode));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_capture_begin(stream, (acn_capture_mode)mode, into);
}

aclError aclmdlRICaptureBegin(aclrtStream stream, aclmdlRICaptureMode mode) {
    return ACN_ACL(begin(stream, mode, NULL));
}

static acn_status begin_into(aclrtStream stream, aclmdlRI handle, aclmdlRICaptureMode mode) {
    acn_graph *graph;
    ACN_TRY(acn_graph_resolve(handle, &graph));
    return begin(stream, mode, graph);
}

aclError aclmdlRICaptureToModelRIBegin(aclrtStream stream, aclmdlRI modelRI,
                                       aclmdlRICaptureMode mode) {
    ACN_REQUIRE(modelRI);
    return ACN_ACL(begin_into(stream, modelRI, mode));
}

aclError aclmdlRICaptureEnd(aclrtStream stream, aclmdlRI *modelRI) {
    ACN_REQUIRE(modelRI);
    acn_stream *resolved;
    acn_graph *graph;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_capture_end(resolved, &graph);
    if (status == ACN_OK) *modelRI = graph;
    return ACN_ACL(status);
}

aclError aclmdlRICaptureGetInfo(aclrtStream stream, aclmdlRICaptureStatus *status,
                                aclmdlRI *modelRI) {
    acn_stream *resolved;
    acn_graph *graph = NULL;
    acn_status result = acn_stream_resolve(stream, &resolved);
    if (result != ACN_OK) return ACN_ACL(result);
    acn_capture_status found = acn_capture_status_of(resolved, &graph);
    if (status != NULL) *status = (aclmdlRICaptureStatus)found;
    if (modelRI != NULL) *modelRI = graph;
    return ACL_SUCCESS;
}

aclError aclmdlRICaptureThreadExchangeMode(aclmdlRICaptureMode *mode) {
    ACN_REQUIRE(mode);
    acn_status status = check_mode(*mode);
    if (status == ACN_OK)
        *mode = (aclmdlRICaptureMode)acn_capture_exchange_mode((acn_capture_mode)*mode);
    return ACN_ACL(status);
}

/* Task groups. */

aclError aclmdlRICaptureTaskGrpBegin(aclrtStream stream) {
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_group_begin(resolved);
    return ACN_ACL(status);
}

aclError aclmdlRICaptureTaskGrpEnd(aclrtStream stream, aclrtTaskGrp *handle) {
    ACN_REQUIRE(handle);
    acn_stream *resolved;
    acn_group *group;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_group_end(resolved, &group);
    if (status == ACN_OK) *handle = group;
    return ACN_ACL(status);
}

aclError aclmdlRICaptureTaskUpdateBegin(aclrtStream stream, aclrtTaskGrp handle) {
    ACN_REQUIRE(handle);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_group_update_begin(resolved, handle);
    return ACN_ACL(status);
}

aclError aclmdlRICaptureTaskUpdateEnd(aclrtStream stream) {
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_group_update_end(resolved);
    return ACN_ACL(status);
}

/* stream.c - streams: making, ending, waiting, attributes. */
#include "runtime/stream.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/ascendcl/soc.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/named.h"
#include <stdlib.h>
#include <string.h>

static acn_named_callbacks state_callbacks;

typedef struct state_change {
    aclrtStream stream;
    aclrtStreamState state;
} state_change;

static void tell_one(void *function, void *user, void *data) {
    const state_change *change = data;
    ((aclrtStreamStateCallback)function)(change->stream, change->state, user);
}

aclError aclrtRegStreamStateCallback(const char *regName, aclrtStreamStateCallback callback,
                                     void *args) {
    ACN_REQUIRE(regName);
    return ACN_ACL(acn_named_set(&state_callbacks, regName, (void *)callback, args));
}

static acn_status create(aclrtStream *out, uint32_t priority, uint32_t flags) {
    acn_context *context;
    acn_stream *stream;
    if (priority > ACN_STREAM_LOWEST_PRIORITY)
        return acn_fail(ACN_PARAM_INVALID, "priority is %u; expected 0 (highest) to %d", priority,
                        ACN_STREAM_LOWEST_PRIORITY);
    if ((flags & ~(uint32_t)ACN_STREAM_ALL_FLAGS) != 0)
        return acn_fail(ACN_PARAM_INVALID, "flag is 0x%x; expected bits of 0x%x", flags,
                        ACN_STREAM_ALL_FLAGS);
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_stream_create(context, priority, flags, &stream));
    *out = stream;
    acn_named_call(&state_callbacks, tell_one,
                   &(state_change){stream, ACL_RT_STREAM_STATE_CREATE_POST});
    return ACN_OK;
}

static acn_status destroy(aclrtStream handle, bool force) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    if (acn_stream_is_default(stream))
        return acn_fail(ACN_PARAM_INVALID,
                        "stream %p is the default one of its context and ends with it", handle);
    acn_named_call(&state_callbacks, tell_one,
                   &(state_change){stream, ACL_RT_STREAM_STATE_DESTROY_PRE});
    return acn_stream_destroy(stream, force);
}

aclError aclrtCreateStream(aclrtStream *stream) {
    ACN_REQUIRE(stream);
    return ACN_ACL(create(stream, 0, 0));
}

aclError aclrtCreateStreamWithConfig(aclrtStream *stream, uint32_t priority, uint32_t flag) {
    ACN_REQUIRE(stream);
    return ACN_ACL(create(stream, priority, flag));
}

aclError aclrtDestroyStream(aclrtStream stream) {
    ACN_REQUIRE(stream);
    return ACN_ACL(destroy(stream, false));
}

aclError aclrtDestroyStreamForce(aclrtStream stream) {
    ACN_REQUIRE(stream);
    return ACN_ACL(destroy(stream, true));
}

/* The builder form. */

aclrtStreamConfigHandle *aclrtCreateStreamConfigHandle(void) {
    aclrtStreamConfigHandle *handle = calloc(1, sizeof *handle);
    if (handle == NULL) ACN_ACL(acn_fail(ACN_BAD_ALLOC, "no host memory for a configuration"));
    return handle;
}

aclError aclrtDestroyStreamConfigHandle(aclrtStreamConfigHandle *handle) {
    ACN_REQUIRE(handle);
    free(handle);
    return ACL_SUCCESS;
}

static acn_status set_option(aclrtStreamConfigHandle *handle, aclrtStreamConfigAttr attr,
                             const void *value, size_t bytes) {
    const struct {
        void *field;
        size_t bytes;
    } fields[] = {
        [ACL_RT_STREAM_WORK_ADDR_PTR] = {&handle->workptr, sizeof handle->workptr},
        [ACL_RT_STREAM_WORK_SIZE] = {&handle->workSize, sizeof handle->workSize},
        [ACL_RT_STREAM_FLAG] = {&handle->flag, sizeof handle->flag},
        [ACL_RT_STREAM_PRIORITY] = {&handle->priority, sizeof handle->priority},
    };
    if (attr < ACL_RT_STREAM_WORK_ADDR_PTR || attr > ACL_RT_STREAM_PRIORITY)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "attr is %d; expected a value of aclrtStreamConfigAttr (0 to 3)",
                        (int)attr);
    if (bytes != fields[attr].bytes)
        return acn_fail(ACN_INVALID_ARGUMENT, "valueSize is %zu; expected %zu for attr %d", bytes,
                        fields[attr].bytes, (int)attr);
    memcpy(fields[attr].field, value, bytes);
    return ACN_OK;
}

aclError aclrtSetStreamConfigOpt(aclrtStreamConfigHandle *handle, aclrtStreamConfigAttr attr,
                                 const void *attrValue, size_t valueSize) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(attrValue);
    return ACN_ACL(set_option(handle, attr, attrValue, valueSize));
}

aclError aclrtCreateStreamV2(aclrtStream *stream, const aclrtStreamConfigHandle *handle) {
    ACN_REQUIRE(stream);
    ACN_REQUIRE(handle);
    return ACN_ACL(create(stream, handle->priority, (uint32_t)handle->flag));
}

/* Waiting. */

static acn_status synchronize(aclrtStream handle, int32_t timeout_ms) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    ACN_TRY(acn_capture_check_stream(stream));
    return acn_stream_synchronize(stream, timeout_ms);
}

aclError aclrtSynchronizeStream(aclrtStream stream) { return ACN_ACL(synchronize(stream, -1)); }

aclError aclrtSynchronizeStreamWithTimeout(aclrtStream stream, int32_t timeout) {
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(synchronize(stream, timeout));
}

aclError aclrtStreamQuery(aclrtStream stream, aclrtStreamStatus *status) {
    ACN_REQUIRE(status);
    acn_stream *resolved;
    acn_status result = acn_stream_resolve(stream, &resolved);
    if (result == ACN_OK) result = acn_capture_check_stream(resolved);
    if (result == ACN_OK)
        *status =
            acn_stream_is_idle(resolved) ? ACL_STREAM_STATUS_COMPLETE : ACL_STREAM_STATUS_NOT_READY;
    return ACN_ACL(result);
}

static acn_status drop_tasks(aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_stream_abort(stream, -1);
}

aclError aclrtStreamAbort(aclrtStream stream) { return ACN_ACL(drop_tasks(stream)); }
aclError aclrtStreamStop(aclrtStream stream) { return ACN_ACL(drop_tasks(stream)); }
aclError aclrtPersistentTaskClean(aclrtStream stream) { return ACN_ACL(drop_tasks(stream)); }

/* Properties. */

aclError aclrtStreamGetId(aclrtStream stream, int32_t *streamId) {
    ACN_REQUIRE(streamId);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) *streamId = (int32_t)acn_stream_id(resolved);
    return ACN_ACL(status);
}

aclError aclrtStreamGetFlags(aclrtStream stream, uint32_t *flags) {
    ACN_REQUIRE(flags);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) *flags = acn_stream_flags(resolved);
    return ACN_ACL(status);
}

aclError aclrtStreamGetPriority(aclrtStream stream, uint32_t *priority) {
    ACN_REQUIRE(priority);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) *priority = acn_stream_priority(resolved);
    return ACN_ACL(status);
}

aclError aclrtGetStreamAvailableNum(uint32_t *streamCount) {
    ACN_REQUIRE(streamCount);
    *streamCount = acn_stream_available();
    return ACL_SUCCESS;
}

aclError aclrtGetThreadLastTaskId(uint32_t *taskId) {
    ACN_REQUIRE(taskId);
    *taskId = acn_stream_last_task();
    return ACL_SUCCESS;
}

static acn_status set_failure_mode(aclrtStream handle, uint64_t mode) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    if (mode > ACL_STOP_ON_FAILURE)
        return acn_fail(ACN_PARAM_INVALID, "mode is %llu; expected 0 (continue) or 1 (stop)",
                        (unsigned long long)mode);
    if (acn_stream_is_default(stream))
        return acn_fail(ACN_PARAM_INVALID, "the default stream has no failure mode");
    acn_stream_set_stop_on_failure(stream, mode == ACL_STOP_ON_FAILURE);
    return ACN_OK;
}

aclError aclrtSetStreamFailureMode(aclrtStream stream, uint64_t mode) {
    return ACN_ACL(set_failure_mode(stream, mode));
}

static acn_status set_attribute(aclrtStream handle, aclrtStreamAttr attr,
                                const aclrtStreamAttrValue *value) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    switch (attr) {
    case ACL_STREAM_ATTR_FAILURE_MODE:
        return set_failure_mode(handle, value->failureMode);
    case ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK:
        acn_stream_set_attribute(stream, ACN_STREAM_OVERFLOW_SWITCH, value->overflowSwitch);
        return ACN_OK;
    case ACL_STREAM_ATTR_USER_CUSTOM_TAG:
        acn_stream_set_attribute(stream, ACN_STREAM_USER_TAG, value->userCustomTag);
        return ACN_OK;
    case ACL_STREAM_ATTR_CACHE_OP_INFO:
        acn_stream_set_attribute(stream, ACN_STREAM_CACHE_OP_INFO, value->cacheOpInfoSwitch);
        return ACN_OK;
    default:
        return acn_fail(ACN_PARAM_INVALID,
                        "stmAttrType is %d; expected 1 to 4 (the priority is set at creation)",
                        (int)attr);
    }
}

static acn_status get_attribute(aclrtStream handle, aclrtStreamAttr attr,
                                aclrtStreamAttrValue *value) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    switch (attr) {
    case ACL_STREAM_ATTR_FAILURE_MODE:
        value->failureMode = acn_stream_stops_on_failure(stream);
        return ACN_OK;
    case ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK:
        value->overflowSwitch = acn_stream_get_attribute(stream, ACN_STREAM_OVERFLOW_SWITCH);
        return ACN_OK;
    case ACL_STREAM_ATTR_USER_CUSTOM_TAG:
        value->userCustomTag = acn_stream_get_attribute(stream, ACN_STREAM_USER_TAG);
        return ACN_OK;
    case ACL_STREAM_ATTR_CACHE_OP_INFO:
        value->cacheOpInfoSwitch = acn_stream_get_attribute(stream, ACN_STREAM_CACHE_OP_INFO);
        return ACN_OK;
    case ACL_STREAM_ATTR_PRIORITY:
        value->priority = acn_stream_priority(stream);
        return ACN_OK;
    default:
        return acn_fail(ACN_PARAM_INVALID, "stmAttrType is %d; expected 1 to 5", (int)attr);
    }
}

aclError aclrtSetStreamAttribute(aclrtStream stream, aclrtStreamAttr stmAttrType,
                                 aclrtStreamAttrValue *value) {
    ACN_REQUIRE(value);
    return ACN_ACL(set_attribute(stream, stmAttrType, value));
}

aclError aclrtGetStreamAttribute(aclrtStream stream, aclrtStreamAttr stmAttrType,
                                 aclrtStreamAttrValue *value) {
    ACN_REQUIRE(value);
    return ACN_ACL(get_attribute(stream, stmAttrType, value));
}

aclError aclrtSetStreamOverflowSwitch(aclrtStream stream, uint32_t flag) {
    aclrtStreamAttrValue value = {.overflowSwitch = flag};
    return ACN_ACL(set_attribute(stream, ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK, &value));
}

aclError aclrtGetStreamOverflowSwitch(aclrtStream stream, uint32_t *flag) {
    ACN_REQUIRE(flag);
    aclrtStreamAttrValue value;
    acn_status status = get_attribute(stream, ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK, &value);
    if (status == ACN_OK) *flag = value.overflowSwitch;
    return ACN_ACL(status);
}

/* Core limits: remembered for who asks. */

static _Thread_local uint32_t thread_limits[2]; /* 0: the device's */

static acn_status limit_of(aclrtStream handle, aclrtDevResLimitType type, acn_stream **stream) {
    ACN_TRY(acn_stream_resolve(handle, stream));
    if (type == ACL_RT_DEV_RES_CUBE_CORE || type == ACL_RT_DEV_RES_VECTOR_CORE) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "type is %d; expected 0 (cube) or 1 (vector)", (int)type);
}

aclError aclrtSetStreamResLimit(aclrtStream stream, aclrtDevResLimitType type, uint32_t value) {
    acn_stream *resolved;
    acn_status status = limit_of(stream, type, &resolved);
    if (status == ACN_OK)
        acn_stream_set_attribute(resolved, ACN_STREAM_CUBE_LIMIT + (int)type, value);
    return ACN_ACL(status);
}

aclError aclrtGetStreamResLimit(aclrtStream stream, aclrtDevResLimitType type, uint32_t *value) {
    ACN_REQUIRE(value);
    acn_stream *resolved;
    acn_status status = limit_of(stream, type, &resolved);
    if (status == ACN_OK) {
        uint32_t limit = acn_stream_get_attribute(resolved, ACN_STREAM_CUBE_LIMIT + (int)type);
        *value = limit != 0 ? limit : acn_soc_core_limit(acn_stream_device(resolved), (int)type);
    }
    return ACN_ACL(status);
}

aclError aclrtResetStreamResLimit(aclrtStream stream) {
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    for (int kind = 0; status == ACN_OK && kind < 2; kind++)
        acn_stream_set_attribute(resolved, ACN_STREAM_CUBE_LIMIT + kind, 0);
    return ACN_ACL(status);
}

aclError aclrtUseStreamResInCurrentThread(aclrtStream stream) {
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    for (int kind = 0; status == ACN_OK && kind < 2; kind++)
        thread_limits[kind] = acn_stream_get_attribute(resolved, ACN_STREAM_CUBE_LIMIT + kind);
    return ACN_ACL(status);
}

aclError aclrtUnuseStreamResInCurrentThread(aclrtStream stream) {
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) thread_limits[0] = thread_limits[1] = 0;
    return ACN_ACL(status);
}

aclError aclrtGetResInCurrentThread(aclrtDevResLimitType type, uint32_t *value) {
    ACN_REQUIRE(value);
    int device = 0;
    acn_stream *ignored;
    acn_status status = limit_of(NULL, type, &ignored);
    if (status == ACN_OK) status = acn_device_current(&device);
    if (status == ACN_OK)
        *value =
            thread_limits[type] != 0 ? thread_limits[type] : acn_soc_core_limit(device, (int)type);
    return ACN_ACL(status);
}

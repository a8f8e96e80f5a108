/* event.c - events. */
#include "runtime/event.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/ascendcl/keys.h"
#include "runtime/context.h"

static acn_status create(aclrtEvent *out, acn_event_model model, uint32_t flags) {
    acn_context *context;
    acn_event *event;
    if ((flags & ~(uint32_t)ACN_EVENT_ALL) != 0 || flags == 0)
        return acn_fail(ACN_PARAM_INVALID,
                        "flag is 0x%x; expected bits of 0x%x (ACL_EVENT_SYNC, "
                        "ACL_EVENT_TIME_LINE ...)",
                        flags, ACN_EVENT_ALL);
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_event_create(model, flags, &event));
    *out = event;
    return ACN_OK;
}

aclError aclrtCreateEvent(aclrtEvent *event) {
    ACN_REQUIRE(event);
    return ACN_ACL(create(event, ACN_EVENT_PLAIN, ACN_EVENT_SYNC | ACN_EVENT_TIME_LINE));
}

aclError aclrtCreateEventWithFlag(aclrtEvent *event, uint32_t flag) {
    ACN_REQUIRE(event);
    return ACN_ACL(create(event, ACN_EVENT_PLAIN, flag));
}

aclError aclrtCreateEventExWithFlag(aclrtEvent *event, uint32_t flag) {
    ACN_REQUIRE(event);
    return ACN_ACL(create(event, ACN_EVENT_CAPTURE, flag));
}

static acn_status destroy(aclrtEvent handle) {
    acn_event *event;
    ACN_TRY(acn_event_resolve(handle, &event));
    return acn_event_destroy(event);
}

aclError aclrtDestroyEvent(aclrtEvent event) {
    ACN_REQUIRE(event);
    return ACN_ACL(destroy(event));
}

static acn_status both(aclrtEvent event_handle, aclrtStream stream_handle, acn_event **event,
                       acn_stream **stream) {
    ACN_TRY(acn_event_resolve(event_handle, event));
    return acn_stream_resolve(stream_handle, stream);
}

static acn_status record(aclrtEvent event_handle, aclrtStream stream_handle, bool in_replay) {
    acn_event *event;
    acn_stream *stream;
    ACN_TRY(both(event_handle, stream_handle, &event, &stream));
    return acn_event_record(event, stream, in_replay);
}

aclError aclrtRecordEvent(aclrtEvent event, aclrtStream stream) {
    ACN_REQUIRE(event);
    return ACN_ACL(record(event, stream, false));
}

aclError aclrtRecordEventWithFlag(aclrtEvent event, aclrtStream stream, uint32_t flag) {
    ACN_REQUIRE(event);
    if (flag > ACL_EVENT_RECORD_EXTERNAL)
        return ACN_ACL(acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0 or 1", flag));
    return ACN_ACL(record(event, stream, flag == ACL_EVENT_RECORD_EXTERNAL));
}

static acn_status refuse_capture_model(const acn_event *event) {
    if (acn_event_model_of(event) == ACN_EVENT_PLAIN) return ACN_OK;
    return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                    "event %u was made by aclrtCreateEventExWithFlag, which needs no reset and "
                    "has no such state; leave the call out",
                    acn_event_id(event));
}

static acn_status reset(aclrtEvent event_handle, aclrtStream stream_handle) {
    acn_event *event;
    acn_stream *stream;
    ACN_TRY(both(event_handle, stream_handle, &event, &stream));
    ACN_TRY(refuse_capture_model(event));
    return acn_event_reset(event, stream);
}

aclError aclrtResetEvent(aclrtEvent event, aclrtStream stream) {
    ACN_REQUIRE(event);
    return ACN_ACL(reset(event, stream));
}

static acn_status wait(aclrtStream stream_handle, aclrtEvent event_handle, int64_t timeout_ms,
                       bool in_replay) {
    acn_event *event;
    acn_stream *stream;
    ACN_TRY(both(event_handle, stream_handle, &event, &stream));
    return acn_event_wait(event, stream, timeout_ms, in_replay);
}

aclError aclrtStreamWaitEvent(aclrtStream stream, aclrtEvent event) {
    ACN_REQUIRE(event);
    return ACN_ACL(wait(stream, event, 0, false));
}

aclError aclrtStreamWaitEventWithTimeout(aclrtStream stream, aclrtEvent event, int32_t timeout) {
    ACN_REQUIRE(event);
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(wait(stream, event, timeout, false));
}

aclError aclrtStreamWaitEventWithFlag(aclrtStream stream, aclrtEvent event, uint32_t timeout,
                                      uint32_t flag) {
    ACN_REQUIRE(event);
    if (flag > ACL_EVENT_WAIT_EXTERNAL)
        return ACN_ACL(acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0 or 1", flag));
    return ACN_ACL(wait(stream, event, timeout, flag == ACL_EVENT_WAIT_EXTERNAL));
}

static acn_status synchronize(aclrtEvent handle, int32_t timeout_ms) {
    acn_event *event;
    ACN_TRY(acn_event_resolve(handle, &event));
    return acn_event_synchronize(event, timeout_ms);
}

aclError aclrtSynchronizeEvent(aclrtEvent event) {
    ACN_REQUIRE(event);
    return ACN_ACL(synchronize(event, -1));
}

aclError aclrtSynchronizeEventWithTimeout(aclrtEvent event, int32_t timeout) {
    ACN_REQUIRE(event);
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(synchronize(event, timeout));
}

aclError aclrtQueryEventStatus(aclrtEvent event, aclrtEventRecordedStatus *status) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(status);
    acn_event *resolved;
    acn_status result = acn_event_resolve(event, &resolved);
    if (result == ACN_OK) result = acn_event_check(resolved);
    if (result == ACN_OK)
        *status = acn_event_is_complete(resolved) ? ACL_EVENT_RECORDED_STATUS_COMPLETE
                                                  : ACL_EVENT_RECORDED_STATUS_NOT_READY;
    return ACN_ACL(result);
}

aclError aclrtQueryEvent(aclrtEvent event, aclrtEventStatus *status) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(status);
    acn_event *resolved;
    acn_status result = acn_event_resolve(event, &resolved);
    if (result == ACN_OK) result = acn_event_check(resolved);
    if (result == ACN_OK) result = refuse_capture_model(resolved);
    if (result == ACN_OK)
        *status = acn_event_is_complete(resolved) ? ACL_EVENT_STATUS_COMPLETE
                                                  : ACL_EVENT_STATUS_NOT_READY;
    return ACN_ACL(result);
}

aclError aclrtQueryEventWaitStatus(aclrtEvent event, aclrtEventWaitStatus *status) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(status);
    acn_event *resolved;
    acn_status result = acn_event_resolve(event, &resolved);
    if (result == ACN_OK) result = acn_event_check(resolved);
    if (result == ACN_OK) result = refuse_capture_model(resolved);
    if (result == ACN_OK)
        *status = acn_event_waits_are_done(resolved) ? ACL_EVENT_WAIT_STATUS_COMPLETE
                                                     : ACL_EVENT_WAIT_STATUS_NOT_READY;
    return ACN_ACL(result);
}

static acn_status time_of(aclrtEvent handle, int64_t *out_ns) {
    acn_event *event;
    ACN_TRY(acn_event_resolve(handle, &event));
    return acn_event_time_ns(event, out_ns);
}

aclError aclrtEventElapsedTime(float *ms, aclrtEvent startEvent, aclrtEvent endEvent) {
    ACN_REQUIRE(ms);
    ACN_REQUIRE(startEvent);
    ACN_REQUIRE(endEvent);
    int64_t start_ns = 0, end_ns = 0;
    acn_status status = time_of(startEvent, &start_ns);
    if (status == ACN_OK) status = time_of(endEvent, &end_ns);
    if (status == ACN_OK) *ms = (float)((double)(end_ns - start_ns) * 1e-6);
    return ACN_ACL(status);
}

aclError aclrtEventGetTimestamp(aclrtEvent event, uint64_t *timestamp) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(timestamp);
    int64_t time_ns = 0;
    acn_status status = time_of(event, &time_ns);
    if (status == ACN_OK) *timestamp = (uint64_t)time_ns / 1000;
    return ACN_ACL(status);
}

aclError aclrtGetEventId(aclrtEvent event, uint32_t *eventId) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(eventId);
    acn_event *resolved;
    acn_status status = acn_event_resolve(event, &resolved);
    if (status == ACN_OK) *eventId = acn_event_id(resolved);
    return ACN_ACL(status);
}

aclError aclrtGetEventAvailNum(uint32_t *eventCount) {
    ACN_REQUIRE(eventCount);
    *eventCount = (uint32_t)acn_event_available();
    return ACL_SUCCESS;
}

/* Events of several processes. The key fills the handle, without a NUL. */

_Static_assert(sizeof(aclrtIpcEventHandle) == ACN_SHARE_KEY_BYTES, "a handle holds a key");

static acn_status export_event(aclrtEvent handle, char *key) {
    acn_event *event;
    ACN_TRY(acn_event_resolve(handle, &event));
    return acn_event_export(event, key);
}

aclError aclrtIpcGetEventHandle(aclrtEvent event, aclrtIpcEventHandle *handle) {
    ACN_REQUIRE(event);
    ACN_REQUIRE(handle);
    return ACN_ACL(export_event(event, handle->reserved));
}

static acn_status import_event(const char *key, aclrtEvent *out) {
    acn_context *context;
    acn_event *event;
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_event_import(key, &event));
    *out = event;
    return ACN_OK;
}

aclError aclrtIpcOpenEventHandle(aclrtIpcEventHandle handle, aclrtEvent *event) {
    ACN_REQUIRE(event);
    return ACN_ACL(import_event(handle.reserved, event));
}

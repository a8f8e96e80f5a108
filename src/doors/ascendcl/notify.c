/* notify.c - notifies and counting notifies. */
#include "runtime/notify.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/ascendcl/keys.h"
#include "runtime/context.h"

enum { NOTIFY_DEVICE_USE_ONLY = 1 };

static acn_status create(void **out, bool is_counting, uint64_t flags) {
    acn_context *context;
    acn_notify *notify;
    ACN_TRY(acn_door_check_flags(flags, NOTIFY_DEVICE_USE_ONLY));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_notify_create(is_counting, &notify));
    *out = notify;
    return ACN_OK;
}

static acn_status destroy(void *handle, bool is_counting) {
    acn_notify *notify;
    ACN_TRY(acn_notify_resolve(handle, is_counting, &notify));
    return acn_notify_destroy(notify);
}

static acn_status id_of(void *handle, bool is_counting, uint32_t *out) {
    acn_notify *notify;
    ACN_TRY(acn_notify_resolve(handle, is_counting, &notify));
    *out = acn_notify_id(notify);
    return ACN_OK;
}

static acn_status record(void *handle, bool is_counting, aclrtStream stream_handle,
                         acn_notify_change change, uint32_t value) {
    acn_notify *notify;
    acn_stream *stream;
    ACN_TRY(acn_notify_resolve(handle, is_counting, &notify));
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    return acn_notify_record(notify, stream, change, value);
}

static acn_status wait(void *handle, bool is_counting, aclrtStream stream_handle,
                       const acn_notify_condition *condition) {
    acn_notify *notify;
    acn_stream *stream;
    ACN_TRY(acn_notify_resolve(handle, is_counting, &notify));
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    return acn_notify_wait(notify, stream, condition);
}

/* Seconds, 0 for ever. */
static int64_t timeout_ms(uint32_t timeout) { return timeout == 0 ? -1 : (int64_t)timeout * 1000; }

aclError aclrtCreateNotify(aclrtNotify *notify, uint64_t flag) {
    ACN_REQUIRE(notify);
    return ACN_ACL(create(notify, false, flag));
}

aclError aclrtDestroyNotify(aclrtNotify notify) {
    ACN_REQUIRE(notify);
    return ACN_ACL(destroy(notify, false));
}

aclError aclrtGetNotifyId(aclrtNotify notify, uint32_t *notifyId) {
    ACN_REQUIRE(notify);
    ACN_REQUIRE(notifyId);
    return ACN_ACL(id_of(notify, false, notifyId));
}

aclError aclrtRecordNotify(aclrtNotify notify, aclrtStream stream) {
    ACN_REQUIRE(notify);
    return ACN_ACL(record(notify, false, stream, ACN_NOTIFY_SET, 1));
}

aclError aclrtWaitAndResetNotify(aclrtNotify notify, aclrtStream stream, uint32_t timeout) {
    ACN_REQUIRE(notify);
    acn_notify_condition condition = {ACN_NOTIFY_EQUAL, 1, true, timeout_ms(timeout)};
    return ACN_ACL(wait(notify, false, stream, &condition));
}

static acn_status clear_all(aclrtNotify *handles, size_t count) {
    acn_notify *notify;
    if (count == 0) return acn_fail(ACN_INVALID_ARGUMENT, "num is 0; expected 1 or more");
    for (size_t i = 0; i < count; i++)
        ACN_TRY(acn_notify_resolve(handles[i], false, &notify));
    for (size_t i = 0; i < count; i++)
        acn_notify_clear(handles[i]);
    return ACN_OK;
}

aclError aclrtNotifyBatchReset(aclrtNotify *notifies, size_t num) {
    ACN_REQUIRE(notifies);
    return ACN_ACL(clear_all(notifies, num));
}

/* Other processes. */

static acn_status export_notify(aclrtNotify handle, char *key, size_t room, uint64_t flags) {
    acn_notify *notify;
    char made[ACN_SHARE_KEY_BYTES];
    ACN_TRY(acn_door_check_key_room(room));
    ACN_TRY(acn_door_check_flags(flags, ACL_RT_NOTIFY_EXPORT_FLAG_DISABLE_PID_VALIDATION));
    ACN_TRY(acn_notify_resolve(handle, false, &notify));
    ACN_TRY(acn_notify_export(notify, flags != 0, made));
    acn_door_give_key(made, key);
    return ACN_OK;
}

aclError aclrtNotifyGetExportKey(aclrtNotify notify, char *key, size_t len, uint64_t flags) {
    ACN_REQUIRE(notify);
    ACN_REQUIRE(key);
    return ACN_ACL(export_notify(notify, key, len, flags));
}

static acn_status import_notify(aclrtNotify *out, const char *key, uint64_t flags) {
    acn_context *context;
    acn_notify *notify;
    ACN_TRY(acn_door_check_flags(flags, ACL_RT_NOTIFY_IMPORT_FLAG_ENABLE_PEER_ACCESS));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_notify_import(key, &notify));
    *out = notify;
    return ACN_OK;
}

aclError aclrtNotifyImportByKey(aclrtNotify *notify, const char *key, uint64_t flags) {
    ACN_REQUIRE(notify);
    ACN_REQUIRE(key);
    return ACN_ACL(import_notify(notify, key, flags));
}

static acn_status allow(aclrtNotify handle, const int32_t *pids, size_t count) {
    acn_notify *notify;
    ACN_TRY(acn_door_check_pids(pids, count));
    ACN_TRY(acn_notify_resolve(handle, false, &notify));
    return acn_notify_allow(notify, pids, count);
}

aclError aclrtNotifySetImportPid(aclrtNotify notify, int32_t *pid, size_t num) {
    ACN_REQUIRE(notify);
    ACN_REQUIRE(pid);
    return ACN_ACL(allow(notify, pid, num));
}

/* Counting ones. */

aclError aclrtCntNotifyCreate(aclrtCntNotify *cntNotify, uint64_t flag) {
    ACN_REQUIRE(cntNotify);
    return ACN_ACL(create(cntNotify, true, flag));
}

aclError aclrtCntNotifyDestroy(aclrtCntNotify cntNotify) {
    ACN_REQUIRE(cntNotify);
    return ACN_ACL(destroy(cntNotify, true));
}

aclError aclrtCntNotifyGetId(aclrtCntNotify cntNotify, uint32_t *notifyId) {
    ACN_REQUIRE(cntNotify);
    ACN_REQUIRE(notifyId);
    return ACN_ACL(id_of(cntNotify, true, notifyId));
}

aclError aclrtCntNotifyRecord(aclrtCntNotify cntNotify, aclrtStream stream,
                              aclrtCntNotifyRecordInfo *info) {
    ACN_REQUIRE(cntNotify);
    ACN_REQUIRE(info);
    if (info->mode != ACL_RT_CNT_NOTIFY_RECORD_SET_VALUE_MODE &&
        info->mode != ACL_RT_CNT_NOTIFY_RECORD_ADD_MODE &&
        info->mode != ACL_RT_CNT_NOTIFY_RECORD_BIT_OR_MODE &&
        info->mode != ACL_RT_CNT_NOTIFY_RECORD_BIT_AND_MODE)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT, "info->mode is %d; expected 0, 1, 2 or 4",
                                (int)info->mode));
    return ACN_ACL(record(cntNotify, true, stream, (acn_notify_change)info->mode, info->value));
}

aclError aclrtCntNotifyWaitWithTimeout(aclrtCntNotify cntNotify, aclrtStream stream,
                                       aclrtCntNotifyWaitInfo *info) {
    ACN_REQUIRE(cntNotify);
    ACN_REQUIRE(info);
    if (info->mode < ACL_RT_CNT_NOTIFY_WAIT_LESS_MODE ||
        info->mode > ACL_RT_CNT_NOTIFY_WAIT_EQUAL_WITH_BITMASK_MODE)
        return ACN_ACL(
            acn_fail(ACN_INVALID_ARGUMENT, "info->mode is %d; expected 0 to 4", (int)info->mode));
    acn_notify_condition condition = {(acn_notify_compare)info->mode, info->value,
                                      info->isClear != 0, timeout_ms(info->timeout)};
    return ACN_ACL(wait(cntNotify, true, stream, &condition));
}

aclError aclrtCntNotifyReset(aclrtCntNotify cntNotify, aclrtStream stream) {
    ACN_REQUIRE(cntNotify);
    return ACN_ACL(record(cntNotify, true, stream, ACN_NOTIFY_SET, 0));
}

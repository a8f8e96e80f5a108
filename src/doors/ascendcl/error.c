/* error.c - what clients ask after something failed. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/exception.h"
#include <string.h>

const char *aclGetRecentErrMsg(void) { return acn_error_take(); }

/* Only failures of queued tasks: mistakes in arguments are returned where they are made. */
aclError aclrtPeekAtLastError(aclrtLastErrLevel level) {
    (void)level;
    return acn_status_acl(acn_error_sticky());
}

aclError aclrtGetLastError(aclrtLastErrLevel level) {
    (void)level;
    int code = acn_status_acl(acn_error_sticky());
    acn_error_set_sticky(ACN_OK);
    return code;
}

/* Faults of hardware; there is none. */
aclError aclrtGetErrorVerbose(int32_t deviceId, aclrtErrorInfo *errorInfo) {
    ACN_REQUIRE(errorInfo);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) {
        memset(errorInfo, 0, sizeof *errorInfo);
        errorInfo->errorType = ACL_RT_NO_ERROR;
    }
    return ACN_ACL(status);
}

aclError aclrtRepairError(int32_t deviceId, const aclrtErrorInfo *errorInfo) {
    ACN_REQUIRE(errorInfo);
    return ACN_ACL(acn_device_check(deviceId));
}

aclError aclrtGetMemUceInfo(int32_t deviceId, aclrtMemUceInfo *memUceInfoArray, size_t arraySize,
                            size_t *retSize) {
    (void)arraySize;
    ACN_REQUIRE(memUceInfoArray);
    ACN_REQUIRE(retSize);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) *retSize = 0;
    return ACN_ACL(status);
}

aclError aclrtMemUceRepair(int32_t deviceId, aclrtMemUceInfo *memUceInfoArray, size_t arraySize) {
    (void)arraySize;
    ACN_REQUIRE(memUceInfoArray);
    return ACN_ACL(acn_device_check(deviceId));
}

/* The client's exception info is our acn_exception. */

aclError aclrtSetExceptionInfoCallback(aclrtExceptionInfoCallback callback) {
    acn_exception_set((acn_exception_fn)callback);
    return ACL_SUCCESS;
}

aclError aclrtExceptionInfoCallbackRegister(aclrtExceptionInfoCallback callback) {
    ACN_REQUIRE(callback);
    return ACN_ACL(acn_exception_add((acn_exception_fn)callback));
}

aclError aclrtExceptionInfoCallbackUnregister(aclrtExceptionInfoCallback callback) {
    ACN_REQUIRE(callback);
    return ACN_ACL(acn_exception_remove((acn_exception_fn)callback));
}

static const acn_exception *exception_of(const aclrtExceptionInfo *info) {
    static const acn_exception none = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, ACN_OK};
    return info != NULL ? (const acn_exception *)(const void *)info : &none;
}

uint32_t aclrtGetTaskIdFromExceptionInfo(const aclrtExceptionInfo *info) {
    return exception_of(info)->task;
}

uint32_t aclrtGetStreamIdFromExceptionInfo(const aclrtExceptionInfo *info) {
    return exception_of(info)->stream;
}

uint32_t aclrtGetThreadIdFromExceptionInfo(const aclrtExceptionInfo *info) {
    return exception_of(info)->thread;
}

uint32_t aclrtGetDeviceIdFromExceptionInfo(const aclrtExceptionInfo *info) {
    return exception_of(info)->device;
}

uint32_t aclrtGetErrorCodeFromExceptionInfo(const aclrtExceptionInfo *info) {
    return info != NULL ? (uint32_t)acn_status_acl(exception_of(info)->status) : UINT32_MAX;
}

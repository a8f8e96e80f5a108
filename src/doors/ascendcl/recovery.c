/* recovery.c - dropping all work of a device. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/named.h"

static acn_named_callbacks callbacks;

typedef struct stage {
    int32_t device;
    aclrtDeviceTaskAbortStage stage;
    uint32_t timeout;
} stage;

static void tell_one(void *function, void *user, void *data) {
    const stage *s = data;
    ((aclrtDeviceTaskAbortCallback)function)(s->device, s->stage, s->timeout, user);
}

aclError aclrtSetDeviceTaskAbortCallback(const char *regName, aclrtDeviceTaskAbortCallback callback,
                                         void *args) {
    ACN_REQUIRE(regName);
    return ACN_ACL(acn_named_set(&callbacks, regName, (void *)callback, args));
}

static acn_status abort_device(int32_t device, uint32_t timeout_ms) {
    ACN_TRY(acn_device_check(device));
    acn_named_call(&callbacks, tell_one,
                   &(stage){device, ACL_RT_DEVICE_TASK_ABORT_PRE, timeout_ms});
    ACN_TRY(acn_device_abort(device, timeout_ms));
    acn_named_call(&callbacks, tell_one,
                   &(stage){device, ACL_RT_DEVICE_TASK_ABORT_POST, timeout_ms});
    return ACN_OK;
}

/* 0 waits for as long as a running task takes. */
aclError aclrtDeviceTaskAbort(int32_t deviceId, uint32_t timeout) {
    return ACN_ACL(abort_device(deviceId, timeout));
}

/* ipc.c - device memory shared with other processes. */
#include "runtime/ipc.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/ascendcl/keys.h"
#include "runtime/context.h"
#include <string.h>

static acn_status export_memory(void *address, size_t bytes, char *key, size_t room,
                                uint64_t flags) {
    acn_context *context;
    char made[ACN_SHARE_KEY_BYTES];
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    ACN_TRY(acn_door_check_key_room(room));
    ACN_TRY(acn_door_check_flags(flags, ACL_RT_IPC_MEM_EXPORT_FLAG_DISABLE_PID_VALIDATION));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_ipc_export(address, bytes, flags != 0, made));
    acn_door_give_key(made, key);
    return ACN_OK;
}

aclError aclrtIpcMemGetExportKey(void *devPtr, size_t size, char *key, size_t len, uint64_t flags) {
    ACN_REQUIRE(devPtr);
    ACN_REQUIRE(key);
    return ACN_ACL(export_memory(devPtr, size, key, len, flags));
}

static acn_status import_memory(void **out, const char *key, uint64_t flags) {
    acn_context *context;
    ACN_TRY(acn_door_check_flags(flags, ACL_RT_IPC_MEM_IMPORT_FLAG_ENABLE_PEER_ACCESS));
    ACN_TRY(acn_context_current(&context));
    return acn_ipc_import(key, out);
}

aclError aclrtIpcMemImportByKey(void **devPtr, const char *key, uint64_t flags) {
    ACN_REQUIRE(devPtr);
    ACN_REQUIRE(key);
    return ACN_ACL(import_memory(devPtr, key, flags));
}

aclError aclrtIpcMemSetImportPid(const char *key, int32_t *pid, size_t num) {
    ACN_REQUIRE(key);
    ACN_REQUIRE(pid);
    acn_status status = acn_door_check_pids(pid, num);
    if (status == ACN_OK) status = acn_ipc_allow(key, pid, num);
    return ACN_ACL(status);
}

aclError aclrtIpcMemClose(const char *key) {
    ACN_REQUIRE(key);
    return ACN_ACL(acn_ipc_close(key));
}

/* Memory without an address. */

static acn_status export_physical(aclrtDrvMemHandle handle, uint64_t flags, acn_share_cell **cell) {
    acn_physical *physical;
    ACN_TRY(acn_door_check_flags(flags, ACL_RT_VMM_EXPORT_FLAG_DISABLE_PID_VALIDATION));
    ACN_TRY(acn_physical_resolve(handle, &physical));
    return acn_physical_export(physical, flags != 0, cell);
}

aclError aclrtMemExportToShareableHandle(aclrtDrvMemHandle handle, aclrtMemHandleType handleType,
                                         uint64_t flags, uint64_t *shareableHandle) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(shareableHandle);
    acn_share_cell *cell;
    if (handleType != ACL_MEM_HANDLE_TYPE_NONE)
        return ACN_ACL(acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                                "handleType is %d; expected ACL_MEM_HANDLE_TYPE_NONE (0)",
                                (int)handleType));
    acn_status status = export_physical(handle, flags, &cell);
    if (status == ACN_OK) *shareableHandle = acn_share_number(cell);
    return ACN_ACL(status);
}

/* A fabric handle is for other machines too, which have no way to this memory; between processes
 * of one machine it does as well as the other kind. */
static acn_status key_of(const void *handle, aclrtMemSharedHandleType type,
                         char key[ACN_SHARE_KEY_BYTES]) {
    uint64_t number;
    switch (type) {
    case ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT:
        memcpy(&number, handle, sizeof number);
        acn_share_key_of_number(number, key);
        return ACN_OK;
    case ACL_MEM_SHARE_HANDLE_TYPE_FABRIC:
        memcpy(key, ((const aclrtMemFabricHandle *)handle)->data, ACN_SHARE_KEY_BYTES);
        return ACN_OK;
    default:
        return acn_fail(ACN_INVALID_ARGUMENT, "shareType is %d; expected 1 (default) or 2 (fabric)",
                        (int)type);
    }
}

aclError aclrtMemExportToShareableHandleV2(aclrtDrvMemHandle handle, uint64_t flags,
                                           aclrtMemSharedHandleType shareType,
                                           void *shareableHandle) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(shareableHandle);
    acn_share_cell *cell;
    if (shareType != ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT &&
        shareType != ACL_MEM_SHARE_HANDLE_TYPE_FABRIC)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                                "shareType is %d; expected 1 (default) or 2 (fabric)",
                                (int)shareType));
    acn_status status = export_physical(handle, flags, &cell);
    if (status != ACN_OK) return ACN_ACL(status);
    if (shareType == ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT) {
        uint64_t number = acn_share_number(cell);
        memcpy(shareableHandle, &number, sizeof number);
    } else {
        char key[ACN_SHARE_KEY_BYTES];
        acn_share_key(cell, key);
        memset(shareableHandle, 0, sizeof(aclrtMemFabricHandle));
        memcpy(((aclrtMemFabricHandle *)shareableHandle)->data, key, sizeof key);
    }
    return ACL_SUCCESS;
}

static acn_status import_physical(const void *handle, aclrtMemSharedHandleType type,
                                  aclrtDrvMemHandle *out) {
    char key[ACN_SHARE_KEY_BYTES];
    acn_context *context;
    acn_physical *physical;
    ACN_TRY(key_of(handle, type, key));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_ipc_import_physical(key, &physical));
    *out = physical;
    return ACN_OK;
}

aclError aclrtMemImportFromShareableHandle(uint64_t shareableHandle, int32_t deviceId,
                                           aclrtDrvMemHandle *handle) {
    ACN_REQUIRE(handle);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK)
        status = import_physical(&shareableHandle, ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT, handle);
    return ACN_ACL(status);
}

aclError aclrtMemImportFromShareableHandleV2(void *shareableHandle,
                                             aclrtMemSharedHandleType shareType, uint64_t flags,
                                             aclrtDrvMemHandle *handle) {
    ACN_REQUIRE(shareableHandle);
    ACN_REQUIRE(handle);
    acn_status status = acn_door_check_flags(flags, 0);
    if (status == ACN_OK) status = import_physical(shareableHandle, shareType, handle);
    return ACN_ACL(status);
}

static acn_status allow_physical(const void *handle, aclrtMemSharedHandleType type,
                                 const int32_t *pids, size_t count) {
    char key[ACN_SHARE_KEY_BYTES];
    acn_share_cell *cell;
    ACN_TRY(acn_door_check_pids(pids, count));
    ACN_TRY(key_of(handle, type, key));
    ACN_TRY(acn_share_find(key, ACN_SHARE_PHYSICAL, &cell));
    return acn_share_allow(cell, pids, count);
}

aclError aclrtMemSetPidToShareableHandle(uint64_t shareableHandle, int32_t *pid, size_t pidNum) {
    ACN_REQUIRE(pid);
    return ACN_ACL(
        allow_physical(&shareableHandle, ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT, pid, pidNum));
}

aclError aclrtMemSetPidToShareableHandleV2(void *shareableHandle,
                                           aclrtMemSharedHandleType shareType, int32_t *pid,
                                           size_t pidNum) {
    ACN_REQUIRE(shareableHandle);
    ACN_REQUIRE(pid);
    return ACN_ACL(allow_physical(shareableHandle, shareType, pid, pidNum));
}

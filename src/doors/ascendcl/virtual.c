/* virtual.c - reserving addresses and putting memory behind them. */
#include "runtime/virtual.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/guard.h"

/* Addresses are the process's: torch_npu reserves some to see whether it can, before it has set a
 * device. */
static acn_status reserve(void **out, size_t bytes, size_t alignment, uint64_t flags) {
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    if (alignment != 0 || flags > 1)
        return acn_fail(ACN_PARAM_INVALID,
                        "alignment is %zu and flags %llu; expected 0, and 0 or 1 (large pages)",
                        alignment, (unsigned long long)flags);
    return acn_virtual_reserve(bytes, out);
}

aclError aclrtReserveMemAddress(void **virPtr, size_t size, size_t alignment, void *expectPtr,
                                uint64_t flags) {
    (void)expectPtr; /* a wish */
    ACN_REQUIRE(virPtr);
    return ACN_ACL(reserve(virPtr, size, alignment, flags));
}

aclError aclrtReserveMemAddressNoUCMemory(void **virPtr, size_t size, size_t alignment,
                                          void *expectPtr, uint64_t flags) {
    (void)expectPtr;
    ACN_REQUIRE(virPtr);
    return ACN_ACL(reserve(virPtr, size, alignment, flags));
}

aclError aclrtReleaseMemAddress(void *virPtr) {
    ACN_REQUIRE(virPtr);
    return ACN_ACL(acn_virtual_release(virPtr));
}

static acn_status create(aclrtDrvMemHandle *out, size_t bytes, const aclrtPhysicalMemProp *prop,
                         uint64_t flags) {
    acn_context *context;
    acn_physical *physical;
    if (bytes == 0 || bytes % ACN_VIRTUAL_UNIT_BYTES != 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "size is %zu; expected a multiple of 2 MiB", bytes);
    if (flags != 0)
        return acn_fail(ACN_PARAM_INVALID, "flags is %llu; expected 0", (unsigned long long)flags);
    if (prop->location.type != ACL_MEM_LOCATION_TYPE_DEVICE)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "prop->location.type is %d; expected ACL_MEM_LOCATION_TYPE_DEVICE (1)",
                        (int)prop->location.type);
    ACN_TRY(acn_device_check(prop->location.id));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_physical_create((int)prop->location.id, bytes, &physical));
    *out = physical;
    return ACN_OK;
}

aclError aclrtMallocPhysical(aclrtDrvMemHandle *handle, size_t size,
                             const aclrtPhysicalMemProp *prop, uint64_t flags) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(prop);
    acn_guard_enter(__func__);
    return ACN_ACL(create(handle, size, prop, flags));
}

aclError aclrtFreePhysical(aclrtDrvMemHandle handle) {
    ACN_REQUIRE(handle);
    acn_physical *physical;
    acn_status status = acn_physical_resolve(handle, &physical);
    if (status == ACN_OK) status = acn_physical_destroy(physical);
    return ACN_ACL(status);
}

static acn_status map(void *address, size_t bytes, size_t offset, aclrtDrvMemHandle handle,
                      uint64_t flags) {
    acn_physical *physical;
    if (offset != 0 || flags != 0)
        return acn_fail(ACN_PARAM_INVALID, "offset is %zu and flags %llu; expected 0", offset,
                        (unsigned long long)flags);
    ACN_TRY(acn_physical_resolve(handle, &physical));
    return acn_virtual_map(address, bytes, physical);
}

aclError aclrtMapMem(void *virPtr, size_t size, size_t offset, aclrtDrvMemHandle handle,
                     uint64_t flags) {
    ACN_REQUIRE(virPtr);
    ACN_REQUIRE(handle);
    return ACN_ACL(map(virPtr, size, offset, handle, flags));
}

aclError aclrtUnmapMem(void *virPtr) {
    ACN_REQUIRE(virPtr);
    return ACN_ACL(acn_virtual_unmap(virPtr));
}

aclError aclrtMemGetAllocationGranularity(aclrtPhysicalMemProp *prop,
                                          aclrtMemGranularityOptions option, size_t *granularity) {
    ACN_REQUIRE(prop);
    ACN_REQUIRE(granularity);
    if (option != ACL_RT_MEM_ALLOC_GRANULARITY_MINIMUM &&
        option != ACL_RT_MEM_ALLOC_GRANULARITY_RECOMMENDED)
        return ACN_ACL(
            acn_fail(ACN_INVALID_ARGUMENT, "option is %d; expected 0 or 1", (int)option));
    *granularity = ACN_VIRTUAL_UNIT_BYTES;
    return ACL_SUCCESS;
}

/* What stands behind an address. */

aclError aclrtMemRetainAllocationHandle(void *virPtr, aclrtDrvMemHandle *handle) {
    ACN_REQUIRE(virPtr);
    ACN_REQUIRE(handle);
    acn_physical *physical;
    acn_status status = acn_physical_retain(virPtr, &physical);
    if (status == ACN_OK) *handle = physical;
    return ACN_ACL(status);
}

aclError aclrtMemGetAllocationPropertiesFromHandle(aclrtDrvMemHandle handle,
                                                   aclrtPhysicalMemProp *prop) {
    ACN_REQUIRE(handle);
    ACN_REQUIRE(prop);
    acn_physical *physical;
    acn_status status = acn_physical_resolve(handle, &physical);
    if (status == ACN_OK)
        *prop = (aclrtPhysicalMemProp){
            .handleType = ACL_MEM_HANDLE_TYPE_NONE,
            .allocationType = ACL_MEM_ALLOCATION_TYPE_PINNED,
            .memAttr = ACL_HBM_MEM_HUGE,
            .location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE,
                         .id = (uint32_t)acn_physical_device(physical)},
        };
    return ACN_ACL(status);
}

/* All devices reach all memory, so what may be done with it does not depend on the location. */

static acn_status map_without_access(void *address, size_t bytes, size_t offset,
                                     aclrtDrvMemHandle handle, uint64_t flags) {
    ACN_TRY(map(address, bytes, offset, handle, flags));
    acn_status status = acn_virtual_set_access(address, bytes, ACN_VIRTUAL_NO_ACCESS);
    if (status != ACN_OK) acn_virtual_unmap(address);
    return status;
}

aclError aclrtMemMapNoAccess(void *virPtr, size_t size, size_t offset, aclrtDrvMemHandle handle,
                             uint64_t flags) {
    ACN_REQUIRE(virPtr);
    ACN_REQUIRE(handle);
    return ACN_ACL(map_without_access(virPtr, size, offset, handle, flags));
}

static acn_status set_access(void *address, size_t bytes, const aclrtMemAccessDesc *desc,
                             size_t count) {
    if (count == 0) return acn_fail(ACN_INVALID_ARGUMENT, "count is 0; expected 1 or more");
    for (size_t i = 0; i < count; i++) {
        if (desc[i].flags != ACL_RT_MEM_ACCESS_FLAGS_NONE &&
            desc[i].flags != ACL_RT_MEM_ACCESS_FLAGS_READ &&
            desc[i].flags != ACL_RT_MEM_ACCESS_FLAGS_READWRITE)
            return acn_fail(ACN_INVALID_ARGUMENT, "desc[%zu].flags is %d; expected 0, 1 or 3", i,
                            (int)desc[i].flags);
        if (desc[i].location.type == ACL_MEM_LOCATION_TYPE_DEVICE)
            ACN_TRY(acn_device_check(desc[i].location.id));
    }
    aclrtMemAccessFlags widest = ACL_RT_MEM_ACCESS_FLAGS_NONE;
    for (size_t i = 0; i < count; i++)
        if (desc[i].flags > widest) widest = desc[i].flags;
    return acn_virtual_set_access(address, bytes, (acn_virtual_access)widest);
}

aclError aclrtMemSetAccess(void *virPtr, size_t size, aclrtMemAccessDesc *desc, size_t count) {
    ACN_REQUIRE(virPtr);
    ACN_REQUIRE(desc);
    return ACN_ACL(set_access(virPtr, size, desc, count));
}

aclError aclrtMemGetAccess(void *virPtr, aclrtMemLocation *location, uint64_t *flag) {
    ACN_REQUIRE(virPtr);
    ACN_REQUIRE(location);
    ACN_REQUIRE(flag);
    acn_virtual_access access;
    acn_status status =
        location->type == ACL_MEM_LOCATION_TYPE_DEVICE ? acn_device_check(location->id) : ACN_OK;
    if (status == ACN_OK) status = acn_virtual_get_access(virPtr, &access);
    if (status == ACN_OK) *flag = (uint64_t)access;
    return ACN_ACL(status);
}

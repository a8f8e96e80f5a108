/* memory.c - device memory and page-locked host memory. */
#include "runtime/memory.h"

#include "acl/acl.h"
#include "device/device.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/guard.h"
#include "runtime/managed.h"
#include <string.h>

/* CANN's own operators may read and write up to 32 bytes past a block; clients count on the room.
 */
enum { PADDING_BYTES = 32 };

static acn_status allocate(void **out, size_t bytes, size_t padding) {
    acn_context *context;
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    ACN_TRY(acn_context_current(&context));
    size_t room = (bytes + padding + 31) & ~(size_t)31;
    return acn_memory_alloc(acn_context_device(context), room >= bytes ? room : bytes, out);
}

aclError aclrtMalloc(void **devPtr, size_t size, aclrtMemMallocPolicy policy) {
    (void)policy; /* pages are large where that pays */
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(allocate(devPtr, size, PADDING_BYTES));
}

aclError aclrtMallocAlign32(void **devPtr, size_t size, aclrtMemMallocPolicy policy) {
    (void)policy;
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(allocate(devPtr, size, 0));
}

/* Caches are coherent, so cached memory is as any other. */
aclError aclrtMallocCached(void **devPtr, size_t size, aclrtMemMallocPolicy policy) {
    (void)policy;
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(allocate(devPtr, size, PADDING_BYTES));
}

/* The attributes say who asks (module) and which device; the second must be the current one. */
static acn_status check_config(const aclrtMallocConfig *config) {
    int device;
    for (size_t i = 0; config != NULL && i < config->numAttrs; i++) {
        const aclrtMallocAttribute *attribute = &config->attrs[i];
        if (attribute->attr != ACL_RT_MEM_ATTR_DEVICE_ID) continue;
        ACN_TRY(acn_device_check(attribute->value.deviceId));
        ACN_TRY(acn_device_current(&device));
        if ((int)attribute->value.deviceId != device)
            return acn_fail(ACN_PARAM_INVALID,
                            "the attributes name device %u, the current one is %d; call "
                            "aclrtSetDevice first",
                            attribute->value.deviceId, device);
    }
    return ACN_OK;
}

static acn_status allocate_with(void **out, size_t bytes, const aclrtMallocConfig *config) {
    if (config != NULL && config->attrs == NULL && config->numAttrs != 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "cfg->attrs is NULL, but cfg->numAttrs is %zu",
                        config->numAttrs);
    ACN_TRY(check_config(config));
    return allocate(out, bytes, PADDING_BYTES);
}

aclError aclrtMallocWithCfg(void **devPtr, size_t size, aclrtMemMallocPolicy policy,
                            aclrtMallocConfig *cfg) {
    (void)policy;
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(allocate_with(devPtr, size, cfg));
}

aclError aclrtMallocForTaskScheduler(void **devPtr, size_t size, aclrtMemMallocPolicy policy,
                                     aclrtMallocConfig *cfg) {
    (void)policy;
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(allocate_with(devPtr, size, cfg));
}

static acn_status release(void *address) {
    return acn_managed_free(address) ? ACN_OK : acn_memory_free(address);
}

aclError aclrtFree(void *devPtr) {
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(release(devPtr));
}

static acn_status synchronize_and(acn_status (*free_it)(void *), void *address) {
    ACN_TRY(acn_device_synchronize(-1));
    return free_it(address);
}

aclError aclrtFreeWithDevSync(void *devPtr) {
    ACN_REQUIRE(devPtr);
    acn_guard_enter(__func__);
    return ACN_ACL(synchronize_and(release, devPtr));
}

/* Host memory. */

static acn_status allocate_host(void **out, size_t bytes) {
    acn_context *context;
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    ACN_TRY(acn_context_current(&context));
    return acn_memory_alloc_host(bytes, out);
}

aclError aclrtMallocHost(void **hostPtr, size_t size) {
    ACN_REQUIRE(hostPtr);
    return ACN_ACL(allocate_host(hostPtr, size));
}

aclError aclrtMallocHostWithCfg(void **ptr, uint64_t size, aclrtMallocConfig *cfg) {
    (void)cfg; /* only says which module asks */
    ACN_REQUIRE(ptr);
    return ACN_ACL(allocate_host(ptr, size));
}

aclError aclrtFreeHost(void *hostPtr) {
    ACN_REQUIRE(hostPtr);
    return ACN_ACL(acn_memory_free_host(hostPtr));
}

aclError aclrtFreeHostWithDevSync(void *hostPtr) {
    ACN_REQUIRE(hostPtr);
    return ACN_ACL(synchronize_and(acn_memory_free_host, hostPtr));
}

static acn_status register_host(void *address, uint64_t bytes) {
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    return acn_memory_register(address, bytes);
}

aclError aclrtHostRegister(void *ptr, uint64_t size, aclrtHostRegisterType type, void **devPtr) {
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(devPtr);
    if (type != ACL_HOST_REGISTER_MAPPED)
        return ACN_ACL(acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                                "type is %d; expected ACL_HOST_REGISTER_MAPPED (0)", (int)type));
    acn_status status = register_host(ptr, size);
    if (status == ACN_OK) *devPtr = ptr;
    return ACN_ACL(status);
}

aclError aclrtHostRegisterV2(void *ptr, uint64_t size, uint32_t flag) {
    ACN_REQUIRE(ptr);
    if ((flag & ~(uint32_t)(ACL_HOST_REG_MAPPED | ACL_HOST_REG_PINNED)) != 0)
        return ACN_ACL(acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                                "flag is 0x%x; expected ACL_HOST_REG_MAPPED or "
                                "ACL_HOST_REG_PINNED",
                                flag));
    return ACN_ACL(register_host(ptr, size));
}

aclError aclrtHostUnregister(void *ptr) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(acn_memory_unregister(ptr));
}

aclError aclrtHostGetDevicePointer(void *pHost, void **pDevice, uint32_t flag) {
    ACN_REQUIRE(pHost);
    ACN_REQUIRE(pDevice);
    if (flag != 0) return ACN_ACL(acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0", flag));
    if (acn_memory_classify(pHost, NULL) != ACN_MEMORY_PINNED)
        return ACN_ACL(acn_fail(ACN_PARAM_INVALID,
                                "%p is not page-locked host memory; register it first", pHost));
    *pDevice = pHost;
    return ACL_SUCCESS;
}

aclError aclrtHostMemMapCapabilities(uint32_t deviceId, aclrtHacType hacType,
                                     aclrtHostMemMapCapability *capabilities) {
    (void)hacType;
    ACN_REQUIRE(capabilities);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) *capabilities = ACL_RT_HOST_MEM_MAP_SUPPORTED;
    return ACN_ACL(status);
}

/* Questions. */

aclError aclrtPointerGetAttributes(const void *ptr, aclrtPtrAttributes *attributes) {
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(attributes);
    static const aclrtMemLocationType locations[] = {
        [ACN_MEMORY_PAGEABLE] = ACL_MEM_LOCATION_TYPE_UNREGISTERED,
        [ACN_MEMORY_PINNED] = ACL_MEM_LOCATION_TYPE_HOST,
        [ACN_MEMORY_DEVICE] = ACL_MEM_LOCATION_TYPE_DEVICE,
    };
    int device;
    acn_memory_kind kind = acn_memory_classify(ptr, &device);
    memset(attributes, 0, sizeof *attributes);
    attributes->location.type = locations[kind];
    attributes->location.id = kind == ACN_MEMORY_DEVICE ? (uint32_t)device : 0;
    if (kind == ACN_MEMORY_PINNED && acn_managed_contains(ptr))
        attributes->location.type = ACL_MEM_LOCATION_TYPE_MANAGED;
    attributes->pageSize = 4096;
    return ACL_SUCCESS;
}

static acn_status memory_info(aclrtMemAttr attr, acn_memory_state *state) {
    acn_context *context;
    if (attr < ACL_DDR_MEM || attr > ACL_MEM_P2P_HUGE1G)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "attr is %d; expected a value of aclrtMemAttr (0 to 17)", (int)attr);
    ACN_TRY(acn_context_current(&context));
    return acn_memory_get_state(acn_context_device(context), state);
}

aclError aclrtGetMemInfo(aclrtMemAttr attr, size_t *free, size_t *total) {
    ACN_REQUIRE(free);
    ACN_REQUIRE(total);
    acn_memory_state state;
    acn_status status = memory_info(attr, &state);
    if (status == ACN_OK) {
        *free = state.free_bytes;
        *total = state.total_bytes;
    }
    return ACN_ACL(status);
}

/* All of a device's memory is one module's: the client's. */
aclError aclrtGetMemUsageInfo(int32_t deviceId, aclrtMemUsageInfo *memUsageInfo, size_t inputNum,
                              size_t *outputNum) {
    ACN_REQUIRE(memUsageInfo);
    ACN_REQUIRE(outputNum);
    acn_memory_state state = {0};
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK && inputNum == 0)
        status = acn_fail(ACN_INVALID_ARGUMENT, "inputNum is 0; expected at least 1");
    if (status == ACN_OK) status = acn_memory_get_state(deviceId, &state);
    if (status == ACN_OK) {
        memset(memUsageInfo, 0, sizeof *memUsageInfo);
        strcpy(memUsageInfo->name, "APP");
        memUsageInfo->curMemSize = state.used_bytes;
        memUsageInfo->memPeakSize = state.peak_bytes;
        *outputNum = 1;
    }
    return ACN_ACL(status);
}

aclError aclrtMemGetAddressRange(void *ptr, void **pbase, size_t *psize) {
    ACN_REQUIRE(ptr);
    void *base;
    size_t bytes;
    if (!acn_memory_find(ptr, &base, &bytes))
        return ACN_ACL(acn_fail(ACN_PARAM_INVALID, "%p is not in memory of aclrtMalloc", ptr));
    if (pbase != NULL) *pbase = base;
    if (psize != NULL) *psize = bytes;
    return ACL_SUCCESS;
}

/* Each address must lie on the device, whichever of the device's memories is asked for. */
aclError aclrtCheckMemType(void **addrList, uint32_t size, uint32_t memType, uint32_t *checkResult,
                           uint32_t reserve) {
    (void)memType;
    (void)reserve;
    ACN_REQUIRE(addrList);
    ACN_REQUIRE(checkResult);
    *checkResult = 1;
    for (uint32_t i = 0; i < size; i++)
        if (acn_memory_classify(addrList[i], NULL) != ACN_MEMORY_DEVICE) *checkResult = 0;
    return ACL_SUCCESS;
}

/* Nothing to do where caches are coherent, but a wrong address is still a mistake. */

static acn_status check_device_range(const void *address, size_t bytes) {
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    if (acn_memory_classify(address, NULL) == ACN_MEMORY_DEVICE) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "%p is not device memory", address);
}

aclError aclrtMemFlush(void *devPtr, size_t size) {
    ACN_REQUIRE(devPtr);
    return ACN_ACL(check_device_range(devPtr, size));
}

aclError aclrtMemInvalidate(void *devPtr, size_t size) {
    ACN_REQUIRE(devPtr);
    return ACN_ACL(check_device_range(devPtr, size));
}

aclError aclrtCmoAsync(void *src, size_t size, aclrtCmoType cmoType, aclrtStream stream) {
    ACN_REQUIRE(src);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK && (cmoType < ACL_RT_CMO_TYPE_PREFETCH || cmoType > ACL_RT_CMO_TYPE_FLUSH))
        status = acn_fail(ACN_INVALID_ARGUMENT, "cmoType is %d; expected 0 to 3", (int)cmoType);
    if (status == ACN_OK) status = check_device_range(src, size);
    return ACN_ACL(status);
}

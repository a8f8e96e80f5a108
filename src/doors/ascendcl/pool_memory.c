/* pool_memory.c - memory pools in the order of streams. */
#include "runtime/pool_memory.h"

#include "acl/acl.h"
#include "acl/acl_rt_memory_soma.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include <string.h>

static acn_status create(const aclrtMemPoolProps *props, aclrtMemPool *out) {
    acn_context *context;
    acn_memory_pool *pool;
    if (props->location.type != ACL_MEM_LOCATION_TYPE_DEVICE)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "poolProps->location.type is %d; expected ACL_MEM_LOCATION_TYPE_DEVICE (1)",
                        (int)props->location.type);
    if (props->handleType != ACL_MEM_HANDLE_TYPE_NONE)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "poolProps->handleType is %d; expected ACL_MEM_HANDLE_TYPE_NONE (0): pools "
                        "are not shared with other processes",
                        (int)props->handleType);
    ACN_TRY(acn_device_check(props->location.id));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_memory_pool_create((int)props->location.id, props->maxSize, &pool));
    *out = pool;
    return ACN_OK;
}

aclError aclrtMemPoolCreate(aclrtMemPool *memPool, const aclrtMemPoolProps *poolProps) {
    ACN_REQUIRE(memPool);
    ACN_REQUIRE(poolProps);
    return ACN_ACL(create(poolProps, memPool));
}

static acn_status destroy(void *handle) {
    acn_memory_pool *pool;
    ACN_TRY(acn_memory_pool_resolve(handle, &pool));
    return acn_memory_pool_destroy(pool);
}

aclError aclrtMemPoolDestroy(const aclrtMemPool memPool) {
    ACN_REQUIRE(memPool);
    return ACN_ACL(destroy(memPool));
}

static acn_status allocate(void **out, size_t bytes, aclrtMemPool handle, aclrtStream stream) {
    acn_memory_pool *pool;
    acn_stream *resolved;
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    ACN_TRY(acn_memory_pool_resolve(handle, &pool));
    ACN_TRY(acn_stream_resolve(stream, &resolved));
    return acn_memory_pool_alloc(pool, bytes, out);
}

aclError aclrtMemPoolMallocAsync(void **ptr, size_t size, aclrtMemPool memPool,
                                 aclrtStream stream) {
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(memPool);
    return ACN_ACL(allocate(ptr, size, memPool, stream));
}

aclError aclrtMemPoolFreeAsync(void *ptr, aclrtStream stream) {
    ACN_REQUIRE(ptr);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_memory_pool_free(ptr, resolved);
    return ACN_ACL(status);
}

aclError aclrtMemPoolTrimTo(aclrtMemPool memPool, size_t minBytesToKeep) {
    ACN_REQUIRE(memPool);
    acn_memory_pool *pool;
    acn_status status = acn_memory_pool_resolve(memPool, &pool);
    if (status == ACN_OK) status = acn_memory_pool_trim(pool, minBytesToKeep);
    return ACN_ACL(status);
}

/* What may be used again when is decided by streams' order alone, so the switches for it are
 * always on. Their values are 32 bits, sizes have 64. */
static bool is_switch(aclrtMemPoolAttr attr) {
    return attr >= ACL_RT_MEM_POOL_REUSE_FOLLOW_EVENT_DEPENDENCIES &&
           attr <= ACL_RT_MEM_POOL_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
}

static acn_status get_attribute(aclrtMemPool handle, aclrtMemPoolAttr attr, void *value) {
    acn_memory_pool *pool;
    ACN_TRY(acn_memory_pool_resolve(handle, &pool));
    acn_memory_pool_state state = acn_memory_pool_get_state(pool);
    const uint64_t sizes[] = {
        [ACL_RT_MEM_POOL_ATTR_RELEASE_THRESHOLD] = acn_memory_pool_threshold(pool),
        [ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_CURRENT] = state.reserved_bytes,
        [ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_HIGH] = state.reserved_peak_bytes,
        [ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT] = state.used_bytes,
        [ACL_RT_MEM_POOL_ATTR_USED_MEM_HIGH] = state.used_peak_bytes,
    };
    if (is_switch(attr)) {
        memcpy(value, &(int32_t){1}, sizeof(int32_t));
    } else if (attr >= ACL_RT_MEM_POOL_ATTR_RELEASE_THRESHOLD &&
               attr <= ACL_RT_MEM_POOL_ATTR_USED_MEM_HIGH) {
        memcpy(value, &sizes[attr], sizeof sizes[attr]);
    } else {
        return acn_fail(ACN_INVALID_ARGUMENT, "attr is %d; expected 1 to 8", (int)attr);
    }
    return ACN_OK;
}

aclError aclrtMemPoolGetAttr(aclrtMemPool memPool, aclrtMemPoolAttr attr, void *value) {
    ACN_REQUIRE(memPool);
    ACN_REQUIRE(value);
    return ACN_ACL(get_attribute(memPool, attr, value));
}

static acn_status set_attribute(aclrtMemPool handle, aclrtMemPoolAttr attr, const void *value) {
    acn_memory_pool *pool;
    uint64_t bytes = 0;
    ACN_TRY(acn_memory_pool_resolve(handle, &pool));
    if (is_switch(attr)) return ACN_OK;
    memcpy(&bytes, value, sizeof bytes);
    if (attr == ACL_RT_MEM_POOL_ATTR_RELEASE_THRESHOLD)
        return acn_memory_pool_set_threshold(pool, bytes), ACN_OK;
    bool is_reserved = attr == ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_HIGH;
    if ((is_reserved || attr == ACL_RT_MEM_POOL_ATTR_USED_MEM_HIGH) && bytes == 0)
        return acn_memory_pool_reset_peaks(pool, is_reserved, !is_reserved), ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "attr is %d and its value %llu; expected a switch (1 to 3), the threshold (4), "
                    "or a peak (6, 8) set to 0",
                    (int)attr, (unsigned long long)bytes);
}

aclError aclrtMemPoolSetAttr(aclrtMemPool memPool, aclrtMemPoolAttr attr, void *value) {
    ACN_REQUIRE(memPool);
    ACN_REQUIRE(value);
    return ACN_ACL(set_attribute(memPool, attr, value));
}

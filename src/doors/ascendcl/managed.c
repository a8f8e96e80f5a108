/* managed.c - memory of host and devices at one address, and advice about it. */
#include "runtime/managed.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include <string.h>

enum { ATTACH_GLOBAL = 1 };

static acn_status allocate(void **out, uint64_t bytes, uint32_t flag) {
    acn_context *context;
    if (bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "size is 0; expected at least one byte");
    if (flag != ATTACH_GLOBAL)
        return acn_fail(ACN_INVALID_ARGUMENT, "flag is %u; expected ACL_RT_MEM_ATTACH_GLOBAL (1)",
                        flag);
    ACN_TRY(acn_context_current(&context));
    return acn_managed_alloc(bytes, out);
}

aclError aclrtMemAllocManaged(void **ptr, uint64_t size, uint32_t flag) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(allocate(ptr, size, flag));
}

static acn_status check_location(const aclrtMemManagedLocation *location) {
    if (location->type == ACL_MEM_LOCATIONTYPE_DEVICE) return acn_device_check(location->id);
    if (location->type > ACL_MEM_LOCATIONTYPE_INVALID &&
        location->type <= ACL_MEM_LOCATIONTYPE_HOST_NUMA_CURRENT)
        return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "location.type is %d; expected 1 (a device) or 2 to 4 (the host)",
                    (int)location->type);
}

typedef struct change {
    aclrtMemManagedAdviseType advise;
    acn_managed_location location;
} change;

static void advise_one(acn_managed_advice *advice, void *data) {
    const change *c = data;
    bool is_device = c->location.type == ACL_MEM_LOCATIONTYPE_DEVICE;
    uint64_t bit = is_device ? 1ull << c->location.id : 0;
    switch (c->advise) {
    case ACL_MEM_ADVISE_SET_READ_MOSTLY:
    case ACL_MEM_ADVISE_UNSET_READ_MOSTLY:
        advice->is_read_mostly = c->advise == ACL_MEM_ADVISE_SET_READ_MOSTLY;
        break;
    case ACL_MEM_ADVISE_SET_PREFERRED_LOCATION:
        advice->preferred = c->location;
        break;
    case ACL_MEM_ADVISE_UNSET_PREFERRED_LOCATION:
        advice->preferred = (acn_managed_location){0};
        break;
    case ACL_MEM_ADVISE_SET_ACCESSED_BY:
        advice->accessed_by |= bit;
        if (!is_device) advice->is_accessed_by_host = true;
        break;
    default:
        advice->accessed_by &= ~bit;
        if (!is_device) advice->is_accessed_by_host = false;
        break;
    }
}

static acn_status advise(const void *address, uint64_t bytes, aclrtMemManagedAdviseType type,
                         const aclrtMemManagedLocation *location) {
    if (type < ACL_MEM_ADVISE_SET_READ_MOSTLY || type > ACL_MEM_ADVISE_UNSET_ACCESSED_BY)
        return acn_fail(ACN_INVALID_ARGUMENT, "advise is %d; expected 0 to 5", (int)type);
    if (type >= ACL_MEM_ADVISE_SET_PREFERRED_LOCATION) ACN_TRY(check_location(location));
    change c = {type, {(int32_t)location->type, location->id}};
    return acn_managed_with(address, bytes, advise_one, &c);
}

aclError aclrtMemManagedAdvise(const void *const ptr, uint64_t size,
                               aclrtMemManagedAdviseType advise_type,
                               aclrtMemManagedLocation location) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(advise(ptr, size, advise_type, &location));
}

static void prefetch_one(acn_managed_advice *advice, void *data) {
    advice->prefetched = *(const acn_managed_location *)data;
}

/* All places are equally near here; only where the memory was sent last is kept. */
static acn_status prefetch(const void *address, size_t bytes,
                           const aclrtMemManagedLocation *location, uint64_t flags,
                           aclrtStream handle) {
    acn_stream *stream;
    if (flags != 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "flags is %llu; expected 0",
                        (unsigned long long)flags);
    ACN_TRY(check_location(location));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    acn_managed_location place = {(int32_t)location->type, location->id};
    return acn_managed_with(address, bytes, prefetch_one, &place);
}

aclError aclrtMemManagedPrefetchAsync(const void *ptr, size_t size,
                                      aclrtMemManagedLocation location, uint32_t flags,
                                      aclrtStream stream) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(prefetch(ptr, size, &location, flags, stream));
}

static acn_status prefetch_all(const void **ptrs, const size_t *sizes, size_t count,
                               const aclrtMemManagedLocation *locations, const size_t *first,
                               size_t location_count, uint64_t flags, aclrtStream stream) {
    if (count == 0 || location_count == 0 || location_count > count || first[0] != 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "count is %zu, numPrefetchLocs %zu and prefetchLocIdxs[0] must be 0; "
                        "expected ranges, and at most as many locations",
                        count, location_count);
    for (size_t i = 0, at = 0; i < count; i++) {
        while (at + 1 < location_count && first[at + 1] <= i)
            at++;
        ACN_TRY(prefetch(ptrs[i], sizes[i], &locations[at], flags, stream));
    }
    return ACN_OK;
}

aclError aclrtMemManagedPrefetchBatchAsync(const void **ptrs, size_t *sizes, size_t count,
                                           aclrtMemManagedLocation *prefetchLocs,
                                           size_t *prefetchLocIdxs, size_t numPrefetchLocs,
                                           uint64_t flags, aclrtStream stream) {
    ACN_REQUIRE(ptrs);
    ACN_REQUIRE(sizes);
    ACN_REQUIRE(prefetchLocs);
    ACN_REQUIRE(prefetchLocIdxs);
    return ACN_ACL(prefetch_all(ptrs, sizes, count, prefetchLocs, prefetchLocIdxs, numPrefetchLocs,
                                flags, stream));
}

static void copy_advice(acn_managed_advice *advice, void *data) {
    *(acn_managed_advice *)data = *advice;
}

/* As many devices as fit, and -2 behind them. */
static void list_devices(uint64_t devices, int32_t *out, size_t room) {
    for (size_t at = 0, device = 0; at < room; device++) {
        bool is_end = device == 64;
        if (is_end || (devices >> device & 1) != 0) out[at++] = is_end ? -2 : (int32_t)device;
        if (is_end) device--; /* to fill the rest */
    }
}

static acn_status read_attribute(aclrtMemManagedRangeAttribute attribute, const void *address,
                                 size_t bytes, void *data, size_t data_bytes) {
    acn_managed_advice advice;
    ACN_TRY(acn_managed_with(address, bytes, copy_advice, &advice));
    if (data_bytes == 0 || data_bytes % sizeof(int32_t) != 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "dataSize is %zu; expected a multiple of 4",
                        data_bytes);
    int32_t *out = data;
    switch (attribute) {
    case ACL_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
        return *out = advice.is_read_mostly, ACN_OK;
    case ACL_MEM_RANGE_ATTRIBUTE_ACCESSED_BY:
        list_devices(advice.accessed_by, out, data_bytes / sizeof *out);
        return ACN_OK;
    case ACL_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE:
        return *out = advice.preferred.type, ACN_OK;
    case ACL_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
    case ACL_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID:
        return *out = advice.preferred.id, ACN_OK;
    case ACL_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE:
        return *out = advice.prefetched.type, ACN_OK;
    case ACL_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
    case ACL_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID:
        return *out = advice.prefetched.id, ACN_OK;
    default:
        return acn_fail(ACN_INVALID_ARGUMENT, "attribute is %d; expected 1 to 8", (int)attribute);
    }
}

aclError aclrtMemManagedGetAttr(aclrtMemManagedRangeAttribute attribute, const void *ptr,
                                size_t size, void *data, size_t dataSize) {
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(data);
    return ACN_ACL(read_attribute(attribute, ptr, size, data, dataSize));
}

aclError aclrtMemManagedGetAttrs(aclrtMemManagedRangeAttribute *attributes, size_t numAttributes,
                                 const void *ptr, size_t size, void **data, size_t *dataSizes) {
    ACN_REQUIRE(attributes);
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(data);
    ACN_REQUIRE(dataSizes);
    acn_status status = ACN_OK;
    for (size_t i = 0; status == ACN_OK && i < numAttributes; i++)
        status = data[i] != NULL
                     ? read_attribute(attributes[i], ptr, size, data[i], dataSizes[i])
                     : acn_fail(ACN_NULL_POINTER, "data[%zu] is NULL; expected room", i);
    return ACN_ACL(status);
}

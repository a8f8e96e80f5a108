/* allocator.c - a program's own allocator for a stream's workspaces: its description, and which
 * stream has which. */
#include "runtime/workspace.h"

#include "acl/acl.h"
#include "acl/acl_rt_allocator.h"
#include "base/slab.h"
#include "doors/ascendcl/args.h"
#include "runtime/stream.h"

enum { MAX_DESCS = 1 << 12 };

static acn_slab slab = ACN_SLAB("aclrtAllocatorDesc", sizeof(acn_allocator), MAX_DESCS);

static acn_status resolve(aclrtAllocatorDesc handle, acn_allocator **out) {
    *out = handle;
    if (acn_slab_is_live(&slab, handle)) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "allocatorDesc %p does not exist; expected one of aclrtAllocatorCreateDesc "
                    "that is not destroyed",
                    handle);
}

aclrtAllocatorDesc aclrtAllocatorCreateDesc(void) {
    acn_allocator *desc = acn_slab_alloc(&slab);
    if (desc != NULL)
        *desc = (acn_allocator){0};
    else
        ACN_ACL(acn_fail(ACN_BAD_ALLOC, "%d descriptions of allocators exist, which is the most",
                         MAX_DESCS));
    return desc;
}

aclError aclrtAllocatorDestroyDesc(aclrtAllocatorDesc allocatorDesc) {
    ACN_REQUIRE(allocatorDesc);
    acn_allocator *desc;
    acn_status status = resolve(allocatorDesc, &desc);
    if (status == ACN_OK) acn_slab_free(&slab, desc);
    return ACN_ACL(status);
}

#define SETTER(function, parameter, type, field)                                                   \
    aclError function(aclrtAllocatorDesc allocatorDesc, type parameter) {                          \
        ACN_REQUIRE(allocatorDesc);                                                                \
        ACN_REQUIRE(parameter);                                                                    \
        acn_allocator *desc;                                                                       \
        acn_status status = resolve(allocatorDesc, &desc);                                         \
        if (status == ACN_OK) desc->field = parameter;                                             \
        return ACN_ACL(status);                                                                    \
    }

SETTER(aclrtAllocatorSetObjToDesc, allocator, aclrtAllocator, object)
SETTER(aclrtAllocatorSetAllocFuncToDesc, func, aclrtAllocatorAllocFunc, alloc)
SETTER(aclrtAllocatorSetFreeFuncToDesc, func, aclrtAllocatorFreeFunc, free)
SETTER(aclrtAllocatorSetAllocAdviseFuncToDesc, func, aclrtAllocatorAllocAdviseFunc, alloc_advise)
SETTER(aclrtAllocatorSetGetAddrFromBlockFuncToDesc, func, aclrtAllocatorGetAddrFromBlockFunc,
       address_of)

static acn_status set(aclrtStream handle, aclrtAllocatorDesc desc_handle) {
    acn_stream *stream;
    acn_allocator *desc;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    ACN_TRY(resolve(desc_handle, &desc));
    if (desc->object == NULL || desc->alloc == NULL || desc->free == NULL ||
        desc->address_of == NULL)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "allocatorDesc lacks its object or one of the functions that allocate, "
                        "free and give an address; set them first");
    desc->handle = desc;
    return acn_allocator_set(stream, desc);
}

aclError aclrtAllocatorRegister(aclrtStream stream, aclrtAllocatorDesc allocatorDesc) {
    ACN_REQUIRE(allocatorDesc);
    return ACN_ACL(set(stream, allocatorDesc));
}

static acn_status unset(aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_allocator_set(stream, NULL);
}

aclError aclrtAllocatorUnregister(aclrtStream stream) { return ACN_ACL(unset(stream)); }

static acn_status get(aclrtStream handle, acn_allocator *out) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    if (acn_allocator_get(stream, out)) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "stream %p has no allocator; call aclrtAllocatorRegister first", handle);
}

aclError aclrtAllocatorGetByStream(aclrtStream stream, aclrtAllocatorDesc *allocatorDesc,
                                   aclrtAllocator *allocator, aclrtAllocatorAllocFunc *allocFunc,
                                   aclrtAllocatorFreeFunc *freeFunc,
                                   aclrtAllocatorAllocAdviseFunc *allocAdviseFunc,
                                   aclrtAllocatorGetAddrFromBlockFunc *getAddrFromBlockFunc) {
    acn_allocator found;
    acn_status status = get(stream, &found);
    if (status != ACN_OK) return ACN_ACL(status);
    if (allocatorDesc != NULL) *allocatorDesc = found.handle;
    if (allocator != NULL) *allocator = found.object;
    if (allocFunc != NULL) *allocFunc = found.alloc;
    if (freeFunc != NULL) *freeFunc = found.free;
    if (allocAdviseFunc != NULL) *allocAdviseFunc = found.alloc_advise;
    if (getAddrFromBlockFunc != NULL) *getAddrFromBlockFunc = found.address_of;
    return ACL_SUCCESS;
}

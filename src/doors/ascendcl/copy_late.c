/* copy_late.c - copies that are described in device memory, or go through pointers there. */
#include "runtime/copy_late.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/memory.h"

static acn_status check_kind(aclrtMemcpyKind kind) {
    if (kind == ACL_MEMCPY_HOST_TO_DEVICE || kind == ACL_MEMCPY_DEVICE_TO_HOST ||
        kind == ACL_MEMCPY_DEVICE_TO_DEVICE || kind == ACL_MEMCPY_INNER_DEVICE_TO_DEVICE)
        return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "kind is %d; expected 1, 2, 3 or 6", (int)kind);
}

aclError aclrtGetMemcpyDescSize(aclrtMemcpyKind kind, size_t *descSize) {
    ACN_REQUIRE(descSize);
    acn_status status = check_kind(kind);
    if (status == ACN_OK) *descSize = sizeof(acn_copy_description);
    return ACN_ACL(status);
}

static acn_status check_description(const void *desc) {
    if (acn_memory_classify(desc, NULL) == ACN_MEMORY_DEVICE) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "desc %p is not device memory", desc);
}

static acn_status describe(void *desc, const acn_copy_description *d) {
    acn_context *context;
    ACN_TRY(check_kind((aclrtMemcpyKind)d->kind));
    ACN_TRY(check_description(desc));
    if (d->bytes == 0) return acn_fail(ACN_INVALID_ARGUMENT, "count is 0; expected at least 1");
    ACN_TRY(acn_context_current(&context));
    acn_copy copy = {.destination = desc,
                     .source = d,
                     .bytes = sizeof *d,
                     .rows = 1,
                     .kind = ACN_COPY_HOST_TO_DEVICE};
    return acn_copy_now(&copy);
}

aclError aclrtSetMemcpyDesc(void *desc, aclrtMemcpyKind kind, void *srcAddr, void *dstAddr,
                            size_t count, void *config) {
    ACN_REQUIRE(desc);
    ACN_REQUIRE(srcAddr);
    ACN_REQUIRE(dstAddr);
    if (config != NULL)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT, "config is %p; expected NULL", config));
    acn_copy_description d = {.destination = (uintptr_t)dstAddr,
                              .source = (uintptr_t)srcAddr,
                              .bytes = count,
                              .kind = (int32_t)kind,
                              .mark = ACN_COPY_DESCRIPTION_MARK};
    return ACN_ACL(describe(desc, &d));
}

static acn_status copy_described(const void *desc, aclrtMemcpyKind kind, aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(check_kind(kind));
    ACN_TRY(check_description(desc));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_copy_described(desc, (acn_copy_kind)kind, stream);
}

aclError aclrtMemcpyAsyncWithDesc(void *desc, aclrtMemcpyKind kind, aclrtStream stream) {
    ACN_REQUIRE(desc);
    return ACN_ACL(copy_described(desc, kind, stream));
}

static acn_status copy_indirectly(const acn_copy_indirect *copy, size_t room, aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(check_kind((aclrtMemcpyKind)copy->kind));
    if (copy->bytes == 0 || copy->bytes > room)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "count is %zu, destMax %zu; expected 1 or more that fit", copy->bytes,
                        room);
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_copy_indirectly(copy, stream);
}

aclError aclrtMemcpyAsyncWithOffset(void **dst, size_t destMax, size_t dstDataOffset,
                                    const void **src, size_t count, size_t srcDataOffset,
                                    aclrtMemcpyKind kind, aclrtStream stream) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    acn_copy_indirect copy = {dst, src, dstDataOffset, srcDataOffset, count, (acn_copy_kind)kind};
    return ACN_ACL(copy_indirectly(&copy, destMax, stream));
}

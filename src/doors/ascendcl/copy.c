/* copy.c - copying and filling memory. */
#include "runtime/copy.h"

#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/memory.h"

static acn_status check_size(size_t count, size_t room) {
    if (count == 0) return acn_fail(ACN_INVALID_ARGUMENT, "count is 0; expected at least one byte");
    if (count > room)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "count is %zu, more than destMax %zu; the destination is too small", count,
                        room);
    return ACN_OK;
}

static acn_status check_kind(aclrtMemcpyKind kind) {
    if ((int)kind >= 0 && (int)kind < ACN_COPY_KINDS) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "kind is %d; expected a value of aclrtMemcpyKind (0 to 7)", (int)kind);
}

static acn_copy flat(void *to, const void *from, size_t bytes, aclrtMemcpyKind kind) {
    return (acn_copy){.destination = to,
                      .source = from,
                      .bytes = bytes,
                      .rows = 1,
                      .destination_pitch = bytes,
                      .source_pitch = bytes,
                      .kind = (acn_copy_kind)kind};
}

static acn_status copy_now(const acn_copy *copy) {
    acn_context *context;
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_capture_check_host_work(context));
    return acn_copy_now(copy);
}

static acn_status copy_async(const acn_copy *copy, aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    if (copy->kind == ACN_COPY_HOST_TO_HOST)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "kind is ACL_MEMCPY_HOST_TO_HOST, which has no asynchronous form; use "
                        "aclrtMemcpy");
    return acn_copy_async(copy, stream);
}

aclError aclrtMemcpy(void *dst, size_t destMax, const void *src, size_t count,
                     aclrtMemcpyKind kind) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    acn_copy copy = flat(dst, src, count, kind);
    acn_status status = check_size(count, destMax);
    if (status == ACN_OK) status = check_kind(kind);
    if (status == ACN_OK) status = copy_now(&copy);
    return ACN_ACL(status);
}

static acn_status enqueue(void *dst, size_t room, const void *src, size_t count,
                          aclrtMemcpyKind kind, aclrtStream stream) {
    acn_copy copy = flat(dst, src, count, kind);
    ACN_TRY(check_size(count, room));
    ACN_TRY(check_kind(kind));
    return copy_async(&copy, stream);
}

aclError aclrtMemcpyAsync(void *dst, size_t destMax, const void *src, size_t count,
                          aclrtMemcpyKind kind, aclrtStream stream) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    return ACN_ACL(enqueue(dst, destMax, src, count, kind, stream));
}

aclError aclrtMemcpyAsyncWithCondition(void *dst, size_t destMax, const void *src, size_t count,
                                       aclrtMemcpyKind kind, aclrtStream stream) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    return ACN_ACL(enqueue(dst, destMax, src, count, kind, stream));
}

static acn_status check_2d(const acn_copy *copy) {
    if (copy->bytes == 0 || copy->rows == 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "width is %zu and height %zu; expected at least 1",
                        copy->bytes, copy->rows);
    if (copy->bytes > copy->destination_pitch || copy->bytes > copy->source_pitch)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "width is %zu, more than dpitch %zu or spitch %zu; rows would overlap",
                        copy->bytes, copy->destination_pitch, copy->source_pitch);
    if (copy->kind == ACN_COPY_HOST_TO_DEVICE || copy->kind == ACN_COPY_DEVICE_TO_HOST ||
        copy->kind == ACN_COPY_DEVICE_TO_DEVICE || copy->kind == ACN_COPY_DEFAULT)
        return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "kind is %d; expected 1 to 4", (int)copy->kind);
}

aclError aclrtMemcpy2d(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                       size_t height, aclrtMemcpyKind kind) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    acn_copy copy = {dst, src, width, height, dpitch, spitch, (acn_copy_kind)kind};
    acn_status status = check_2d(&copy);
    if (status == ACN_OK) status = copy_now(&copy);
    return ACN_ACL(status);
}

aclError aclrtMemcpy2dAsync(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                            size_t height, aclrtMemcpyKind kind, aclrtStream stream) {
    ACN_REQUIRE(dst);
    ACN_REQUIRE(src);
    acn_copy copy = {dst, src, width, height, dpitch, spitch, (acn_copy_kind)kind};
    acn_status status = check_2d(&copy);
    if (status == ACN_OK) status = copy_async(&copy, stream);
    return ACN_ACL(status);
}

/* Batches: the attributes only say where the addresses lie, which the addresses tell as well. */

typedef struct batch {
    void **dsts;
    size_t *dest_maxs;
    void **srcs;
    size_t *sizes;
    size_t count;
} batch;

static acn_status check_element(const batch *b, size_t i) {
    if (b->dsts[i] == NULL || b->srcs[i] == NULL)
        return acn_fail(ACN_NULL_POINTER, "dsts[%zu] is %p and srcs[%zu] is %p; expected addresses",
                        i, b->dsts[i], i, b->srcs[i]);
    return check_size(b->sizes[i], b->dest_maxs[i]);
}

static acn_status copy_batch(const batch *b, acn_stream *stream, size_t *fail_index) {
    *fail_index = SIZE_MAX;
    if (b->count == 0) return acn_fail(ACN_INVALID_ARGUMENT, "numBatches is 0; expected 1 or more");
    if (b->dsts == NULL || b->dest_maxs == NULL || b->srcs == NULL || b->sizes == NULL)
        return acn_fail(ACN_NULL_POINTER, "an array is NULL; expected numBatches elements");
    for (*fail_index = 0; *fail_index < b->count; ++*fail_index)
        ACN_TRY(check_element(b, *fail_index));
    for (*fail_index = 0; *fail_index < b->count; ++*fail_index) {
        size_t i = *fail_index;
        acn_copy copy = flat(b->dsts[i], b->srcs[i], b->sizes[i], ACL_MEMCPY_DEFAULT);
        ACN_TRY(stream != NULL ? acn_copy_async(&copy, stream) : copy_now(&copy));
    }
    *fail_index = SIZE_MAX;
    return ACN_OK;
}

static acn_status copy_batch_async(const batch *b, aclrtStream handle, size_t *fail_index) {
    acn_stream *stream;
    *fail_index = SIZE_MAX;
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return copy_batch(b, stream, fail_index);
}

aclError aclrtMemcpyBatch(void **dsts, size_t *destMaxs, void **srcs, size_t *sizes,
                          size_t numBatches, aclrtMemcpyBatchAttr *attrs, size_t *attrsIndexes,
                          size_t numAttrs, size_t *failIndex) {
    (void)attrs, (void)attrsIndexes, (void)numAttrs;
    ACN_REQUIRE(failIndex);
    batch b = {dsts, destMaxs, srcs, sizes, numBatches};
    return ACN_ACL(copy_batch(&b, NULL, failIndex));
}

aclError aclrtMemcpyBatchAsync(void **dsts, size_t *destMaxs, void **srcs, size_t *sizes,
                               size_t numBatches, aclrtMemcpyBatchAttr *attrs, size_t *attrsIndexes,
                               size_t numAttrs, size_t *failIndex, aclrtStream stream) {
    (void)attrs, (void)attrsIndexes, (void)numAttrs;
    ACN_REQUIRE(failIndex);
    batch b = {dsts, destMaxs, srcs, sizes, numBatches};
    return ACN_ACL(copy_batch_async(&b, stream, failIndex));
}

aclError aclrtMemcpyBatchV2(void **dsts, size_t *destMaxs, void **srcs, size_t *sizes,
                            size_t numBatches, aclrtMemcpyBatchAttr *attrs, size_t *attrsIndexes,
                            size_t numAttrs) {
    (void)attrs, (void)attrsIndexes, (void)numAttrs;
    size_t failed;
    batch b = {dsts, destMaxs, srcs, sizes, numBatches};
    return ACN_ACL(copy_batch(&b, NULL, &failed));
}

aclError aclrtMemcpyBatchAsyncV2(void **dsts, size_t *destMaxs, void **srcs, size_t *sizes,
                                 size_t numBatches, aclrtMemcpyBatchAttr *attrs,
                                 size_t *attrsIndexes, size_t numAttrs, aclrtStream stream) {
    (void)attrs, (void)attrsIndexes, (void)numAttrs;
    size_t failed;
    batch b = {dsts, destMaxs, srcs, sizes, numBatches};
    return ACN_ACL(copy_batch_async(&b, stream, &failed));
}

/* Filling. */

static acn_status fill(void *to, size_t room, int32_t value, size_t count) {
    acn_context *context;
    ACN_TRY(check_size(count, room));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_capture_check_host_work(context));
    return acn_fill_now(to, value, count);
}

aclError aclrtMemset(void *devPtr, size_t maxCount, int32_t value, size_t count) {
    ACN_REQUIRE(devPtr);
    return ACN_ACL(fill(devPtr, maxCount, value, count));
}

static acn_status fill_async(void *to, size_t room, int32_t value, size_t count,
                             aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(check_size(count, room));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_fill_async(to, value, count, stream);
}

aclError aclrtMemsetAsync(void *devPtr, size_t maxCount, int32_t value, size_t count,
                          aclrtStream stream) {
    ACN_REQUIRE(devPtr);
    return ACN_ACL(fill_async(devPtr, maxCount, value, count, stream));
}

static acn_status check_words(size_t words, size_t room) {
    if (words != 0 && words <= room / 4) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "N is %zu words of 4 bytes, memSize is %zu bytes; expected 1 word or more that "
                    "fit",
                    words, room);
}

static acn_status fill_words(void *to, size_t room, uint32_t value, size_t words) {
    acn_context *context;
    ACN_TRY(check_words(words, room));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_capture_check_host_work(context));
    return acn_fill_words_now(to, value, words);
}

aclError aclrtMemsetD32(void *ptr, size_t memSize, uint32_t value, size_t N) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(fill_words(ptr, memSize, value, N));
}

static acn_status fill_words_async(void *to, size_t room, uint32_t value, size_t words,
                                   aclrtStream handle) {
    acn_stream *stream;
    ACN_TRY(check_words(words, room));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_fill_words_async(to, value, words, stream);
}

aclError aclrtMemsetD32Async(void *ptr, size_t memSize, uint32_t value, size_t N,
                             aclrtStream stream) {
    ACN_REQUIRE(ptr);
    return ACN_ACL(fill_words_async(ptr, memSize, value, N, stream));
}

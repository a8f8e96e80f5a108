/* data_buffer.c - aclDataBuffer: an address and a size, which never own the memory; and the small
 * helpers that programs use to fill one. */
#include "acl/acl.h"
#include "base/half.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/opcompiler/desc.h"

enum { MAX_BUFFERS = 1 << 20 };

static acn_slab slab = ACN_SLAB("aclDataBuffer", sizeof(acn_data_buffer), MAX_BUFFERS);

acn_status acn_data_buffer_resolve(const char *argument, const void *handle,
                                   acn_data_buffer **out_buffer) {
    if (!handle)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected an aclDataBuffer", argument);
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s is %p, which is no live aclDataBuffer; it was destroyed or is foreign",
                        argument, handle);
    *out_buffer = (acn_data_buffer *)handle;
    return ACN_OK;
}

aclDataBuffer *aclCreateDataBuffer(void *data, size_t size) {
    acn_data_buffer *buffer = acn_slab_alloc(&slab);
    if (!buffer) {
        ACN_ACL(acn_fail(ACN_BAD_ALLOC, "too many aclDataBuffer are alive; destroy some"));
        return NULL;
    }
    buffer->data = data;
    buffer->bytes = size;
    return (aclDataBuffer *)buffer;
}

aclError aclDestroyDataBuffer(const aclDataBuffer *dataBuffer) {
    acn_data_buffer *b = NULL;
    acn_status status = acn_data_buffer_resolve("dataBuffer", dataBuffer, &b);
    if (status != ACN_OK) return ACN_ACL(status);
    acn_slab_free(&slab, b);
    return 0;
}

aclError aclUpdateDataBuffer(aclDataBuffer *dataBuffer, void *data, size_t size) {
    acn_data_buffer *b = NULL;
    acn_status status = acn_data_buffer_resolve("dataBuffer", dataBuffer, &b);
    if (status != ACN_OK) return ACN_ACL(status);
    b->data = data;
    b->bytes = size;
    return 0;
}

#define READ(type, function, value)                                                                \
    type function(const aclDataBuffer *dataBuffer) {                                               \
        acn_data_buffer *b = NULL;                                                                 \
        acn_status status = acn_data_buffer_resolve("dataBuffer", dataBuffer, &b);                 \
        if (status == ACN_OK) return (type)(value);                                                \
        ACN_ACL(status);                                                                           \
        return 0;                                                                                  \
    }

READ(void *, aclGetDataBufferAddr, b->data)
READ(uint32_t, aclGetDataBufferSize, b->bytes)
READ(size_t, aclGetDataBufferSizeV2, b->bytes)

size_t aclDataTypeSize(aclDataType dataType) { return acn_dtype_bytes((acn_dtype)dataType); }

float aclFloat16ToFloat(aclFloat16 value) { return acn_f16_to_f32(value); }

aclFloat16 aclFloatToFloat16(float value) { return acn_f32_to_f16(value); }

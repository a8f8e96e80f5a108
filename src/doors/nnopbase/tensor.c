/* tensor.c - aclTensor: creation, queries, destruction. */
#include "acl/acl_base.h"
#include "aclnn/acl_meta.h"
#include "doors/door.h"
#include "doors/nnopbase/objects.h"
#include <stdlib.h>
#include <string.h>

static acn_status check_dims(const char *name, const int64_t *dims, uint64_t count) {
    if (count > ACN_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %llu dimensions; at most %d are supported",
                        name, (unsigned long long)count, ACN_MAX_DIMS);
    if (count && !dims)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected %llu numbers", name,
                        (unsigned long long)count);
    int64_t product = 1;
    for (uint64_t d = 0; d < count; d++) {
        if (dims[d] < 0)
            return acn_fail(ACN_INVALID_ARGUMENT, "%s[%llu] is %lld; expected at least 0", name,
                            (unsigned long long)d, (long long)dims[d]);
        if (__builtin_mul_overflow(product, dims[d] ? dims[d] : 1, &product) ||
            product > INT64_MAX / 16)
            return acn_fail(ACN_INVALID_ARGUMENT, "%s overflows the address space", name);
    }
    return ACN_OK;
}

static acn_status check_strides(const int64_t *dims, const int64_t *strides, uint64_t count,
                                int64_t offset, int64_t *out_needed) {
    int64_t last = offset;
    bool is_empty = false;
    if (offset < 0 || offset > INT64_MAX / 16)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "offset is %lld; expected at least 0 and inside the storage",
                        (long long)offset);
    for (uint64_t d = 0; d < count; d++) {
        int64_t reach;
        is_empty |= dims[d] == 0;
        if (strides[d] < 0)
            return acn_fail(ACN_INVALID_ARGUMENT, "stride[%llu] is %lld; expected at least 0",
                            (unsigned long long)d, (long long)strides[d]);
        if (dims[d] > 0 && (__builtin_mul_overflow(dims[d] - 1, strides[d], &reach) ||
                            __builtin_add_overflow(last, reach, &last) || last > INT64_MAX / 16))
            return acn_fail(ACN_INVALID_ARGUMENT, "stride[%llu] is %lld; it overflows",
                            (unsigned long long)d, (long long)strides[d]);
    }
    *out_needed = is_empty ? 0 : last + 1;
    return ACN_OK;
}

static acn_status fill(acn_object_tensor *t, const int64_t *dims, uint64_t rank, int dtype,
                       const int64_t *strides, int64_t offset, int format,
                       const int64_t *storage_dims, uint64_t storage_rank, void *data) {
    size_t element_bytes = acn_dtype_bytes((acn_dtype)dtype);
    if (element_bytes == 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "dataType is %d; expected a type of whole bytes",
                        dtype);
    ACN_TRY(check_dims("viewDims", dims, rank));
    ACN_TRY(check_dims("storageDims", storage_dims, storage_rank));
    acn_tensor view;
    acn_tensor_init(&view, NULL, (acn_dtype)dtype, (int)rank, dims);
    if (strides && rank) memcpy(view.strides, strides, rank * sizeof *strides);
    int64_t needed = 0, stored = 1;
    ACN_TRY(check_strides(dims, view.strides, rank, offset, &needed));
    for (uint64_t d = 0; d < storage_rank; d++)
        stored *= storage_dims[d];
    if (storage_rank && needed > stored && !acn_format_is_private(format))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "the view reaches element %lld; storageDims hold only %lld elements",
                        (long long)(needed - 1), (long long)stored);
    view.data = data ? (char *)data + offset * (int64_t)element_bytes : NULL;
    view.format = format;
    view.object = t;
    t->view = view;
    t->offset = offset;
    t->storage_rank = (int32_t)storage_rank;
    if (storage_rank) memcpy(t->storage_dims, storage_dims, storage_rank * sizeof *storage_dims);
    return ACN_OK;
}

aclTensor *aclCreateTensor(const int64_t *viewDims, uint64_t viewDimsNum, aclDataType dataType,
                           const int64_t *stride, int64_t offset, aclFormat format,
                           const int64_t *storageDims, uint64_t storageDimsNum, void *tensorData) {
    acn_object_tensor *t = acn_object_tensor_create();
    if (!t) {
        ACN_ACLNN(acn_fail(ACN_BAD_ALLOC, "too many tensors are alive; destroy some"));
        return NULL;
    }
    acn_status status = fill(t, viewDims, viewDimsNum, dataType, stride, offset, format,
                             storageDims, storageDimsNum, tensorData);
    if (status == ACN_OK) return (aclTensor *)t;
    acn_object_tensor_release(t);
    ACN_ACLNN(status);
    return NULL;
}

static acn_status resolve(const void *handle, const acn_object_tensor **out) {
    if (!handle) return acn_fail(ACN_NULL_POINTER, "tensor is NULL; expected an aclTensor");
    if (!acn_object_tensor_is_live(handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "tensor is %p, which is no live aclTensor; it was destroyed or is foreign",
                        handle);
    *out = handle;
    return ACN_OK;
}

aclnnStatus aclInitTensor(aclTensor *tensor, const int64_t *viewDims, uint64_t viewDimsNum,
                          aclDataType dataType, const int64_t *stride, int64_t offset,
                          aclFormat format, const int64_t *storageDims, uint64_t storageDimsNum,
                          void *tensorDataAddr) {
    const acn_object_tensor *t = NULL;
    acn_status status = resolve(tensor, &t);
    if (status == ACN_OK)
        status = fill((acn_object_tensor *)t, viewDims, viewDimsNum, dataType, stride, offset,
                      format, storageDims, storageDimsNum, tensorDataAddr);
    return ACN_ACLNN(status);
}

aclnnStatus aclDestroyTensor(const aclTensor *tensor) {
    const acn_object_tensor *t = NULL;
    if (!tensor) return 0;
    acn_status status = resolve(tensor, &t);
    if (status != ACN_OK) return ACN_ACLNN(status);
    if (acn_object_tensor_disown((acn_object_tensor *)t)) return 0;
    return ACN_ACLNN(acn_fail(ACN_INVALID_ARGUMENT,
                              "tensor is %p, which another thread is destroying; destroy it once",
                              (const void *)tensor));
}

/* The array is the caller's, who frees it with C++ delete[], which is free() for plain numbers. */
static acn_status give_array(const int64_t *values, uint64_t count, int64_t **out,
                             uint64_t *out_count) {
    if (!out || !out_count)
        return acn_fail(ACN_NULL_POINTER, "an output pointer is NULL; expected two addresses");
    int64_t *copy = malloc((count ? count : 1) * sizeof *copy);
    if (!copy)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for %llu numbers",
                        (unsigned long long)count);
    memcpy(copy, values, count * sizeof *copy);
    *out = copy;
    *out_count = count;
    return ACN_OK;
}

#define ARRAY_GETTER(function, values, count, array, array_count)                                  \
    aclnnStatus function(const aclTensor *tensor, int64_t **array, uint64_t *array_count) {        \
        const acn_object_tensor *t = NULL;                                                         \
        acn_status status = resolve(tensor, &t);                                                   \
        if (status == ACN_OK) status = give_array(values, (uint64_t)(count), array, array_count);  \
        return ACN_ACLNN(status);                                                                  \
    }

ARRAY_GETTER(aclGetViewShape, t->view.dims, t->view.rank, viewDims, viewDimsNum)
ARRAY_GETTER(aclGetViewStrides, t->view.strides, t->view.rank, stridesValue, stridesNum)
ARRAY_GETTER(aclGetStorageShape, t->storage_dims, t->storage_rank, storageDims, storageDimsNum)

#define GETTER(function, type, parameter, value)                                                   \
    aclnnStatus function(const aclTensor *tensor, type *parameter) {                               \
        const acn_object_tensor *t = NULL;                                                         \
        acn_status status = resolve(tensor, &t);                                                   \
        if (status != ACN_OK) return ACN_ACLNN(status);                                            \
        if (!parameter) return ACN_ACLNN(acn_fail(ACN_NULL_POINTER, #parameter " is NULL"));       \
        *parameter = (type)(value);                                                                \
        return 0;                                                                                  \
    }

static void *storage_base(const acn_object_tensor *t) {
    if (!t->view.data) return NULL;
    return (char *)t->view.data - t->offset * (int64_t)acn_dtype_bytes(t->view.dtype);
}

GETTER(aclGetViewOffset, int64_t, offset, t->offset)
GETTER(aclGetFormat, aclFormat, format, t->view.format)
GETTER(aclGetDataType, aclDataType, dataType, t->view.dtype)

aclnnStatus aclGetRawTensorAddr(const aclTensor *tensor, void **addr) {
    const acn_object_tensor *t = NULL;
    acn_status status = resolve(tensor, &t);
    if (status != ACN_OK) return ACN_ACLNN(status);
    if (!addr) return ACN_ACLNN(acn_fail(ACN_NULL_POINTER, "addr is NULL"));
    *addr = storage_base(t);
    return 0;
}

aclnnStatus aclSetRawTensorAddr(aclTensor *tensor, void *addr) {
    const acn_object_tensor *t = NULL;
    acn_status status = resolve(tensor, &t);
    if (status != ACN_OK) return ACN_ACLNN(status);
    acn_object_tensor *target = (acn_object_tensor *)t;
    target->view.data =
        addr ? (char *)addr + t->offset * (int64_t)acn_dtype_bytes(t->view.dtype) : NULL;
    return 0;
}

/* tensor_desc.c - aclTensorDesc: what a tensor looks like, without its data. */
#include "acl/acl.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/opcompiler/desc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DESCS = 1 << 18 };

static acn_slab slab = ACN_SLAB("aclTensorDesc", sizeof(acn_tensor_desc), MAX_DESCS);

acn_status acn_tensor_desc_resolve(const char *argument, const void *handle,
                                   acn_tensor_desc **out_desc) {
    if (!handle)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected an aclTensorDesc", argument);
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s is %p, which is no live aclTensorDesc; it was destroyed or is foreign",
                        argument, handle);
    *out_desc = (acn_tensor_desc *)handle;
    return ACN_OK;
}

int64_t acn_tensor_desc_count(const acn_tensor_desc *desc) {
    int64_t count = 1;
    for (int d = 0; d < desc->shape.rank; d++) {
        if (desc->shape.dims[d] < 0) return -1;
        count *= desc->shape.dims[d];
    }
    return count;
}

/* Dimensions may be -1 (unknown), or the single -2 (unknown rank). */
static acn_status copy_shape(acn_desc_shape *shape, int rank, const int64_t *dims) {
    int64_t product = 1;
    if (rank < 0 || rank > ACN_DESC_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "numDims is %d; expected 0 to %d", rank,
                        ACN_DESC_MAX_DIMS);
    if (rank && !dims) return acn_fail(ACN_NULL_POINTER, "dims is NULL; expected %d numbers", rank);
    for (int d = 0; d < rank; d++) {
        if (dims[d] < -2)
            return acn_fail(ACN_INVALID_ARGUMENT, "dims[%d] is %lld; expected at least -2", d,
                            (long long)dims[d]);
        if (dims[d] > 0 &&
            (__builtin_mul_overflow(product, dims[d], &product) || product > INT64_MAX / 16))
            return acn_fail(ACN_INVALID_ARGUMENT, "dims overflow the address space");
    }
    shape->rank = rank;
    if (rank) memcpy(shape->dims, dims, (size_t)rank * sizeof *dims);
    return ACN_OK;
}

aclTensorDesc *aclCreateTensorDesc(aclDataType dataType, int numDims, const int64_t *dims,
                                   aclFormat format) {
    acn_desc_shape shape = {0};
    acn_status status = copy_shape(&shape, numDims, dims);
    acn_tensor_desc *desc = NULL;
    if (status == ACN_OK) {
        desc = acn_slab_alloc(&slab);
        if (!desc) status = acn_fail(ACN_BAD_ALLOC, "too many aclTensorDesc are alive");
    }
    if (status != ACN_OK) {
        ACN_ACL(status);
        return NULL;
    }
    memset(desc, 0, sizeof *desc);
    desc->dtype = dataType;
    desc->format = desc->storage_format = desc->origin_format = format;
    desc->shape = desc->storage_shape = desc->origin_shape = shape;
    return (aclTensorDesc *)desc;
}

void aclDestroyTensorDesc(const aclTensorDesc *desc) {
    acn_tensor_desc *d = NULL;
    if (!desc) return;
    acn_status status = acn_tensor_desc_resolve("desc", desc, &d);
    if (status != ACN_OK) {
        ACN_ACL(status);
        return;
    }
    free(d->constant);
    acn_slab_free(&slab, d);
}

acn_status acn_tensor_desc_copy(const aclTensorDesc *from, aclTensorDesc **out) {
    acn_tensor_desc *d = NULL, *copy = NULL;
    void *constant = NULL;
    ACN_TRY(acn_tensor_desc_resolve("desc", from, &d));
    if (d->constant) {
        if (!(constant = malloc(d->constant_bytes)))
            return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes", d->constant_bytes);
        memcpy(constant, d->constant, d->constant_bytes);
    }
    if (!(copy = acn_slab_alloc(&slab))) {
        free(constant);
        return acn_fail(ACN_BAD_ALLOC, "too many aclTensorDesc are alive");
    }
    *copy = *d;
    copy->constant = constant;
    *out = (aclTensorDesc *)copy;
    return ACN_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

#define READ(type, function, handle_type, fallback, value)                                         \
    type function(handle_type *desc) {                                                             \
        acn_tensor_desc *d = NULL;                                                                 \
        acn_status status = acn_tensor_desc_resolve("desc", desc, &d);                             \
        if (status == ACN_OK) return value;                                                        \
        ACN_ACL(status);                                                                           \
        return fallback;                                                                           \
    }

static size_t count_of(const acn_tensor_desc *d) {
    int64_t count = acn_tensor_desc_count(d);
    return count < 0 ? 0 : (size_t)count;
}

READ(aclDataType, aclGetTensorDescType, const aclTensorDesc, ACL_DT_UNDEFINED,
     (aclDataType)d->dtype)
READ(aclFormat, aclGetTensorDescFormat, const aclTensorDesc, ACL_FORMAT_UNDEFINED,
     (aclFormat)d->format)
READ(size_t, aclGetTensorDescSize, const aclTensorDesc, 0,
     count_of(d) * acn_dtype_bytes((acn_dtype)d->dtype))
READ(size_t, aclGetTensorDescElementCount, const aclTensorDesc, 0, count_of(d))
READ(size_t, aclGetTensorDescNumDims, const aclTensorDesc, 0, (size_t)d->shape.rank)
READ(const char *, aclGetTensorDescName, aclTensorDesc, "", d->name)

static acn_status read_dim(const aclTensorDesc *desc, size_t index, int64_t *out) {
    acn_tensor_desc *d = NULL;
    ACN_TRY(acn_tensor_desc_resolve("desc", desc, &d));
    if (index >= (size_t)d->shape.rank)
        return acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; the description has %d dimensions",
                        index, d->shape.rank);
    *out = d->shape.dims[index];
    return ACN_OK;
}

int64_t aclGetTensorDescDim(const aclTensorDesc *desc, size_t index) {
    int64_t size = -1;
    ACN_ACL(read_dim(desc, index, &size));
    return size;
}

aclError aclGetTensorDescDimV2(const aclTensorDesc *desc, size_t index, int64_t *dimSize) {
    if (!dimSize) return ACN_ACL_NULL("dimSize");
    return ACN_ACL(read_dim(desc, index, dimSize));
}

static acn_status read_range(const aclTensorDesc *desc, size_t index, size_t room, int64_t *out) {
    acn_tensor_desc *d = NULL;
    ACN_TRY(acn_tensor_desc_resolve("desc", desc, &d));
    if (!out) return acn_fail(ACN_NULL_POINTER, "dimRange is NULL; expected room for 2 numbers");
    if (index >= (size_t)d->range_count || room < 2)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "index is %zu, dimRangeNum %zu; %d ranges of 2 numbers are set", index,
                        room, d->range_count);
    memcpy(out, d->range[index], 2 * sizeof *out);
    return ACN_OK;
}

aclError aclGetTensorDescDimRange(const aclTensorDesc *desc, size_t index, size_t dimRangeNum,
                                  int64_t *dimRange) {
    return ACN_ACL(read_range(desc, index, dimRangeNum, dimRange));
}

/* ---- writing --------------------------------------------------------------------------------- */

#define WRITE(function, parameters, statement)                                                     \
    aclError function parameters {                                                                 \
        acn_tensor_desc *d = NULL;                                                                 \
        acn_status status = acn_tensor_desc_resolve("desc", desc, &d);                             \
        if (status == ACN_OK) status = statement;                                                  \
        return ACN_ACL(status);                                                                    \
    }

static acn_status set_int(int32_t *field, int value) {
    *field = value;
    return ACN_OK;
}

static acn_status set_name(char *field, const char *name) {
    if (!name) return acn_fail(ACN_NULL_POINTER, "the name is NULL; expected text");
    snprintf(field, ACN_DESC_NAME_BYTES, "%s", name);
    return ACN_OK;
}

static acn_status set_ranges(acn_tensor_desc *d, size_t count, int64_t ranges[][2]) {
    if (count > ACN_DESC_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "dimsCount is %zu; expected at most %d", count,
                        ACN_DESC_MAX_DIMS);
    if (count && !ranges) return acn_fail(ACN_NULL_POINTER, "dimsRange is NULL");
    d->range_count = (int32_t)count;
    if (count) memcpy(d->range, ranges, count * sizeof *ranges);
    return ACN_OK;
}

static acn_status set_constant(acn_tensor_desc *d, const void *data, size_t bytes) {
    if (!data || bytes == 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "dataBuffer or length is empty; expected a value");
    void *copy = malloc(bytes);
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes", bytes);
    memcpy(copy, data, bytes);
    free(d->constant);
    d->constant = copy;
    d->constant_bytes = bytes;
    return ACN_OK;
}

WRITE(aclSetTensorFormat, (aclTensorDesc * desc, aclFormat format),
      set_int(&d->storage_format, format))
WRITE(aclSetTensorStorageFormat, (aclTensorDesc * desc, aclFormat format),
      set_int(&d->storage_format, format))
WRITE(aclSetTensorOriginFormat, (aclTensorDesc * desc, aclFormat format),
      set_int(&d->origin_format, format))
WRITE(aclSetTensorShape, (aclTensorDesc * desc, int numDims, const int64_t *dims),
      copy_shape(&d->storage_shape, numDims, dims))
WRITE(aclSetTensorStorageShape, (aclTensorDesc * desc, int numDims, const int64_t *dims),
      copy_shape(&d->storage_shape, numDims, dims))
WRITE(aclSetTensorOriginShape, (aclTensorDesc * desc, int numDims, const int64_t *dims),
      copy_shape(&d->origin_shape, numDims, dims))
WRITE(aclSetTensorPlaceMent, (aclTensorDesc * desc, aclMemType memType),
      set_int(&d->placement, memType))
WRITE(aclSetTensorConst, (aclTensorDesc * desc, void *dataBuffer, size_t length),
      set_constant(d, dataBuffer, length))
WRITE(aclSetTensorDynamicInput, (aclTensorDesc * desc, const char *dynamicInputName),
      set_name(d->dynamic_input, dynamicInputName))
WRITE(aclSetTensorShapeRange, (aclTensorDesc * desc, size_t dimsCount, int64_t dimsRange[][2]),
      set_ranges(d, dimsCount, dimsRange))

void aclSetTensorDescName(aclTensorDesc *desc, const char *name) {
    acn_tensor_desc *d = NULL;
    acn_status status = acn_tensor_desc_resolve("desc", desc, &d);
    if (status == ACN_OK) status = set_name(d->name, name ? name : "");
    ACN_ACL(status);
}

static acn_status set_value_ranges(acn_tensor_desc *d, size_t count, int64_t ranges[][2]) {
    if (count > ACN_DESC_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "valueCount is %zu; expected at most %d", count,
                        ACN_DESC_MAX_DIMS);
    if (count && !ranges) return acn_fail(ACN_NULL_POINTER, "valueRange is NULL");
    d->value_count = (int32_t)count;
    if (count) memcpy(d->value_range, ranges, count * sizeof *ranges);
    return ACN_OK;
}

WRITE(aclSetTensorValueRange, (aclTensorDesc * desc, size_t valueCount, int64_t valueRange[][2]),
      set_value_ranges(d, valueCount, valueRange))

/* ---- parts and other forms ------------------------------------------------------------------- */

/* A description that a program makes has no address: the data buffer beside it has. */
void *aclGetTensorDescAddress(const aclTensorDesc *desc) {
    acn_tensor_desc *d = NULL;
    ACN_ACL(acn_tensor_desc_resolve("desc", desc, &d));
    return NULL;
}

aclTensorDesc *aclGetTensorDescByIndex(aclTensorDesc *desc, size_t index) {
    acn_tensor_desc *d = NULL;
    acn_status status = acn_tensor_desc_resolve("desc", desc, &d);
    if (status == ACN_OK && index != 0)
        status = acn_fail(ACN_INVALID_ARGUMENT,
                          "index is %zu; the description is one, not an array of them", index);
    ACN_ACL(status);
    return status == ACN_OK ? desc : NULL;
}

/* Where a dimension of NCHW stands in a format of the same four; NULL: another kind of format. */
static const int *order_of(int format) {
    static const int nchw[] = {0, 1, 2, 3}, nhwc[] = {0, 3, 1, 2}, hwcn[] = {3, 2, 0, 1};
    switch (format) {
    case ACL_FORMAT_NCHW:
        return nchw;
    case ACL_FORMAT_NHWC:
        return nhwc;
    case ACL_FORMAT_HWCN:
        return hwcn;
    default:
        return NULL;
    }
}

static acn_status change_format(const aclTensorDesc *from, int format, aclTensorDesc **out) {
    acn_tensor_desc *d = NULL;
    ACN_TRY(acn_tensor_desc_resolve("srcDesc", from, &d));
    const int *old = order_of(d->format), *new = order_of(format);
    bool is_same = d->format == format;
    if (!is_same && (!old || !new || d->shape.rank != 4))
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "format %d with %d dimensions cannot become format %d; expected 4 "
                        "dimensions of NCHW, NHWC or HWCN, which is how tensors lie here",
                        d->format, d->shape.rank, format);
    ACN_TRY(acn_tensor_desc_copy(from, out));
    acn_tensor_desc *made = (acn_tensor_desc *)*out;
    for (int i = 0; i < 4 && !is_same; i++)
        made->shape.dims[new[i]] = d->shape.dims[old[i]];
    made->format = made->storage_format = format;
    made->storage_shape = made->shape;
    return ACN_OK;
}

aclError aclTransTensorDescFormat(const aclTensorDesc *srcDesc, aclFormat dstFormat,
                                  aclTensorDesc **dstDesc) {
    if (!dstDesc) return ACN_ACL_NULL("dstDesc");
    return ACN_ACL(change_format(srcDesc, dstFormat, dstDesc));
}

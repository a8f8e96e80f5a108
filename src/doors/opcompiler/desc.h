/* desc.h - the objects of the aclop interface: tensor descriptions, data buffers, attributes. */
#ifndef ACN_DOORS_OPCOMPILER_DESC_H
#define ACN_DOORS_OPCOMPILER_DESC_H

#include "acl/acl_base.h"
#include "acl/acl_op.h"
#include "base/status.h"
#include "ops/signature.h"

enum { ACN_DESC_MAX_DIMS = 32, ACN_DESC_NAME_BYTES = 128 };

typedef struct acn_desc_shape {
    int32_t rank;
    int64_t dims[ACN_DESC_MAX_DIMS];
} acn_desc_shape;

typedef struct acn_tensor_desc {
    int32_t dtype, format, storage_format, origin_format, placement;
    acn_desc_shape shape, storage_shape, origin_shape;
    int32_t range_count; /* of range; 0 when none is set */
    int64_t range[ACN_DESC_MAX_DIMS][2];
    int32_t value_count; /* of value_range */
    int64_t value_range[ACN_DESC_MAX_DIMS][2];
    char name[ACN_DESC_NAME_BYTES], dynamic_input[ACN_DESC_NAME_BYTES];
    void *constant; /* own copy */
    size_t constant_bytes;
} acn_tensor_desc;

typedef struct acn_data_buffer {
    void *data;
    size_t bytes;
} acn_data_buffer;

typedef struct acn_op_attr {
    struct acn_op_attr *next;
    acn_given given; /* its items are owned */
    size_t bytes;    /* of items */
    char name[];
} acn_op_attr;

typedef struct acn_op_attrs {
    acn_op_attr *first;
} acn_op_attrs;

/* Live objects behind handles. A wrong handle fails, naming |argument|. */
acn_status acn_tensor_desc_resolve(const char *argument, const void *handle,
                                   acn_tensor_desc **out_desc);
acn_status acn_data_buffer_resolve(const char *argument, const void *handle,
                                   acn_data_buffer **out_buffer);
acn_status acn_op_attrs_resolve(const char *argument, const void *handle, acn_op_attrs **out_attrs);
/* Objects of their own with the same contents. */
acn_status acn_tensor_desc_copy(const aclTensorDesc *from, aclTensorDesc **out);
acn_status acn_op_attrs_copy(const aclopAttr *from, aclopAttr **out);
/* Elements; -1 if a dimension is unknown. */
int64_t acn_tensor_desc_count(const acn_tensor_desc *desc);

#endif

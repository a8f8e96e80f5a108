/* objects.h - scalars, arrays and lists behind aclnn handles (tensors: ops/object.h). */
#ifndef ACN_DOORS_NNOPBASE_OBJECTS_H
#define ACN_DOORS_NNOPBASE_OBJECTS_H

#include "acl/acl_base.h"
#include "ops/object.h"

typedef enum acn_array_kind {
    ACN_ARRAY_INT = 1,
    ACN_ARRAY_FLOAT,
    ACN_ARRAY_BOOL,
    ACN_ARRAY_TENSORS, /* owns its members */
    ACN_ARRAY_SCALARS, /* owns its members */
} acn_array_kind;

enum { ACN_ARRAY_INLINE = 8 };

typedef struct acn_object_array {
    acn_array_kind kind;
    uint64_t count;
    void *items; /* int64_t, float, bool, or handles */
    int64_t inline_items[ACN_ARRAY_INLINE];
} acn_object_array;

/* The object behind a handle, or NULL if the handle is not a live one of that kind. */
const acn_scalar *acn_object_scalar(const void *handle);
const acn_object_array *acn_object_array_of(const void *handle, acn_array_kind kind);

/* True for formats whose memory is not what shape and strides say. */
static inline bool acn_format_is_private(int format) {
    switch (format) {
    case ACL_FORMAT_UNDEFINED:
    case ACL_FORMAT_NCHW:
    case ACL_FORMAT_NHWC:
    case ACL_FORMAT_ND:
    case ACL_FORMAT_NDHWC:
    case ACL_FORMAT_NCDHW:
    case ACL_FORMAT_NCL:
        return false;
    default:
        return true;
    }
}

#endif

/* values.c - aclScalar, the arrays and the lists. */
#include "acl/acl_base.h"
#include "aclnn/acl_meta.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/nnopbase/objects.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_OBJECTS = 1 << 20 };

static acn_slab scalars = ACN_SLAB("aclScalar", sizeof(acn_scalar), MAX_OBJECTS);
static acn_slab arrays = ACN_SLAB("aclArray", sizeof(acn_object_array), MAX_OBJECTS);

const acn_scalar *acn_object_scalar(const void *handle) {
    return acn_slab_is_live(&scalars, handle) ? handle : NULL;
}

const acn_object_array *acn_object_array_of(const void *handle, acn_array_kind kind) {
    if (!acn_slab_is_live(&arrays, handle)) return NULL;
    const acn_object_array *array = handle;
    return array->kind == kind ? array : NULL;
}

/* ---- scalars --------------------------------------------------------------------------------- */

aclScalar *aclCreateScalar(void *value, aclDataType dataType) {
    acn_dtype dtype = (acn_dtype)dataType;
    if (!value || acn_dtype_bytes(dtype) == 0) {
        ACN_ACLNN(value ? acn_fail(ACN_INVALID_ARGUMENT, "dataType is %d; expected a number's type",
                                   (int)dataType)
                        : acn_fail(ACN_NULL_POINTER, "value is NULL; expected a number"));
        return NULL;
    }
    acn_scalar *s = acn_slab_alloc(&scalars);
    if (!s) {
        ACN_ACLNN(acn_fail(ACN_BAD_ALLOC, "too many scalars are alive; destroy some"));
        return NULL;
    }
    acn_value v = acn_load_value(value, dtype);
    *s = (acn_scalar){.dtype = dtype};
    switch (acn_dtype_category(dtype)) {
    case 2:
        s->f = v.f;
        break;
    case 3:
        s->c[0] = v.f;
        s->c[1] = v.im;
        break;
    default:
        s->i = v.i;
    }
    return (aclScalar *)s;
}

static acn_status not_live(const char *kind, const void *handle) {
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "the handle %p is no live %s; it was destroyed or is foreign", handle, kind);
}

aclnnStatus aclDestroyScalar(const aclScalar *scalar) {
    if (!scalar) return 0;
    if (!acn_object_scalar(scalar)) return ACN_ACLNN(not_live("aclScalar", scalar));
    acn_slab_free(&scalars, (void *)scalar);
    return 0;
}

/* ---- arrays and lists ------------------------------------------------------------------------ */

static void *create_array(acn_array_kind kind, const void *values, uint64_t count,
                          size_t item_bytes, acn_status *out_status) {
    if (count && !values) {
        *out_status = acn_fail(ACN_NULL_POINTER, "value is NULL; expected %llu items",
                               (unsigned long long)count);
        return NULL;
    }
    acn_object_array *array = acn_slab_alloc(&arrays);
    size_t bytes;
    bool fits = !__builtin_mul_overflow(count, item_bytes, &bytes);
    if (array) {
        array->items = array->inline_items;
        if (!fits)
            array->items = NULL;
        else if (bytes > sizeof array->inline_items)
            array->items = malloc(bytes);
    }
    if (!array || !array->items) {
        if (array) acn_slab_free(&arrays, array);
        *out_status =
            acn_fail(ACN_BAD_ALLOC, "no host memory for %llu items", (unsigned long long)count);
        return NULL;
    }
    array->kind = kind;
    array->count = count;
    if (bytes) memcpy(array->items, values, bytes);
    return array;
}

static void free_array(const acn_object_array *array) {
    if (array->items != array->inline_items) free(array->items);
    acn_slab_free(&arrays, (void *)array);
}

#define ARRAY(create, destroy, size_of, handle, item, kind)                                        \
    handle *create(const item *value, uint64_t size) {                                             \
        acn_status status = ACN_OK;                                                                \
        void *array = create_array(kind, value, size, sizeof(item), &status);                      \
        if (!array) ACN_ACLNN(status);                                                             \
        return array;                                                                              \
    }                                                                                              \
    aclnnStatus destroy(const handle *array) {                                                     \
        if (!array) return 0;                                                                      \
        const acn_object_array *object = acn_object_array_of(array, kind);                         \
        if (!object) return ACN_ACLNN(not_live(#handle, array));                                   \
        free_array(object);                                                                        \
        return 0;                                                                                  \
    }                                                                                              \
    aclnnStatus size_of(const handle *array, uint64_t *size) {                                     \
        const acn_object_array *object = acn_object_array_of(array, kind);                         \
        if (!object || !size)                                                                      \
            return ACN_ACLNN(array && size ? not_live(#handle, array)                              \
                                           : acn_fail(ACN_NULL_POINTER, "an argument is NULL"));   \
        *size = object->count;                                                                     \
        return 0;                                                                                  \
    }

ARRAY(aclCreateIntArray, aclDestroyIntArray, aclGetIntArraySize, aclIntArray, int64_t,
      ACN_ARRAY_INT)
ARRAY(aclCreateFloatArray, aclDestroyFloatArray, aclGetFloatArraySize, aclFloatArray, float,
      ACN_ARRAY_FLOAT)
ARRAY(aclCreateBoolArray, aclDestroyBoolArray, aclGetBoolArraySize, aclBoolArray, bool,
      ACN_ARRAY_BOOL)

/* A list owns its members: destroying it destroys them. Members may be NULL (absent). */
#define LIST(create, destroy, size_of, handle, item, kind, destroy_item)                           \
    handle *create(const item *const *value, uint64_t size) {                                      \
        acn_status status = ACN_OK;                                                                \
        void *list = create_array(kind, value, size, sizeof *value, &status);                      \
        if (!list) ACN_ACLNN(status);                                                              \
        return list;                                                                               \
    }                                                                                              \
    aclnnStatus destroy(const handle *list) {                                                      \
        if (!list) return 0;                                                                       \
        const acn_object_array *object = acn_object_array_of(list, kind);                          \
        if (!object) return ACN_ACLNN(not_live(#handle, list));                                    \
        aclnnStatus first = 0;                                                                     \
        for (uint64_t i = 0; i < object->count; i++) {                                             \
            aclnnStatus status = destroy_item(((item *const *)object->items)[i]);                  \
            if (first == 0) first = status;                                                        \
        }                                                                                          \
        free_array(object);                                                                        \
        return first;                                                                              \
    }                                                                                              \
    aclnnStatus size_of(const handle *list, uint64_t *size) {                                      \
        const acn_object_array *object = acn_object_array_of(list, kind);                          \
        if (!object || !size)                                                                      \
            return ACN_ACLNN(list && size ? not_live(#handle, list)                                \
                                          : acn_fail(ACN_NULL_POINTER, "an argument is NULL"));    \
        *size = object->count;                                                                     \
        return 0;                                                                                  \
    }

LIST(aclCreateTensorList, aclDestroyTensorList, aclGetTensorListSize, aclTensorList, aclTensor,
     ACN_ARRAY_TENSORS, aclDestroyTensor)
LIST(aclCreateScalarList, aclDestroyScalarList, aclGetScalarListSize, aclScalarList, aclScalar,
     ACN_ARRAY_SCALARS, aclDestroyScalar)

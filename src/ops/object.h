/* object.h - what a client's aclTensor handle points to: a view, and who still holds it. */
#ifndef ACN_OPS_OBJECT_H
#define ACN_OPS_OBJECT_H

#include "ops/tensor.h"
#include <stdatomic.h>

typedef struct acn_object_tensor {
    acn_tensor view; /* data already includes the offset */
    int64_t offset;  /* elements from the storage's base */
    int32_t storage_rank;
    int64_t storage_dims[ACN_MAX_DIMS];
    uint32_t references;  /* the client's, plus one for each call that will report a shape */
    atomic_bool is_owned; /* until the client destroys it; the memory may live on for calls */
} acn_object_tensor;

acn_object_tensor *acn_object_tensor_create(void);
void acn_object_tensor_retain(acn_object_tensor *tensor);
void acn_object_tensor_release(acn_object_tensor *tensor);
/* Ends the client's ownership and its reference; false if it has ended before. */
bool acn_object_tensor_disown(acn_object_tensor *tensor);
/* True if |handle| is an aclTensor that its client still owns; never faults. */
bool acn_object_tensor_is_live(const void *handle);

#endif

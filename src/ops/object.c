/* object.c - storage and life of tensor objects. */
#include "ops/object.h"
#include "base/slab.h"

enum { MAX_TENSORS = 1 << 20 };

static acn_slab slab = ACN_SLAB("aclTensor", sizeof(acn_object_tensor), MAX_TENSORS);

acn_object_tensor *acn_object_tensor_create(void) {
    acn_object_tensor *tensor = acn_slab_alloc(&slab);
    if (!tensor) return NULL;
    tensor->references = 1;
    atomic_store_explicit(&tensor->is_owned, true, memory_order_relaxed);
    return tensor;
}

void acn_object_tensor_retain(acn_object_tensor *tensor) {
    __atomic_add_fetch(&tensor->references, 1, __ATOMIC_RELAXED);
}

void acn_object_tensor_release(acn_object_tensor *tensor) {
    if (__atomic_sub_fetch(&tensor->references, 1, __ATOMIC_ACQ_REL) == 0)
        acn_slab_free(&slab, tensor);
}

bool acn_object_tensor_disown(acn_object_tensor *tensor) {
    if (!atomic_exchange_explicit(&tensor->is_owned, false, memory_order_acq_rel)) return false;
    acn_object_tensor_release(tensor);
    return true;
}

bool acn_object_tensor_is_live(const void *handle) {
    if (!acn_slab_is_live(&slab, handle)) return false;
    const acn_object_tensor *tensor = handle;
    return atomic_load_explicit(&tensor->is_owned, memory_order_relaxed);
}

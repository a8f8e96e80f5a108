/* op_handle.c - operators that are described once and run often: aclopHandle, and aclopCast. */
#include "acl/acl.h"
#include "acl/acl_op.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/opcompiler/desc.h"
#include "ops/signature.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_HANDLES = 1 << 16, MAX_DESCS = 1 << 15 };

/* Copies of all that the client described, since it may destroy its own. */
typedef struct op_handle {
    char *type;
    int input_count, output_count;
    aclTensorDesc **descs; /* of inputs, then of outputs */
    aclopAttr *attr;
} op_handle;

static acn_slab slab = ACN_SLAB("aclopHandle", sizeof(op_handle), MAX_HANDLES);

static void release(op_handle *handle) {
    for (int i = 0; handle->descs != NULL && i < handle->input_count + handle->output_count; i++)
        aclDestroyTensorDesc(handle->descs[i]);
    aclopDestroyAttr(handle->attr);
    free(handle->descs);
    free(handle->type);
    acn_slab_free(&slab, handle);
}

static acn_status copy_descs(op_handle *handle, int first, int count,
                             const aclTensorDesc *const *descs) {
    for (int i = 0; i < count; i++)
        if (descs[i] != NULL) ACN_TRY(acn_tensor_desc_copy(descs[i], &handle->descs[first + i]));
    return ACN_OK;
}

static acn_status fill(op_handle *handle, const char *type, int inputs,
                       const aclTensorDesc *const *input_descs, int outputs,
                       const aclTensorDesc *const *output_descs, const aclopAttr *attr) {
    handle->type = strdup(type);
    handle->descs = calloc((size_t)(inputs + outputs) + 1, sizeof *handle->descs);
    if (handle->type == NULL || handle->descs == NULL)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for an operator's handle");
    handle->input_count = inputs;
    handle->output_count = outputs;
    ACN_TRY(copy_descs(handle, 0, inputs, input_descs));
    ACN_TRY(copy_descs(handle, inputs, outputs, output_descs));
    return attr != NULL ? acn_op_attrs_copy(attr, &handle->attr) : ACN_OK;
}

static acn_status create(const char *type, int inputs, const aclTensorDesc *const *input_descs,
                         int outputs, const aclTensorDesc *const *output_descs,
                         const aclopAttr *attr, aclopHandle **out) {
    if (type == NULL) return acn_fail(ACN_NULL_POINTER, "opType is NULL; expected a name");
    if (inputs < 0 || outputs < 0 || inputs > MAX_DESCS || outputs > MAX_DESCS)
        return acn_fail(ACN_INVALID_ARGUMENT, "numInputs is %d, numOutputs %d; expected 0 to %d",
                        inputs, outputs, MAX_DESCS);
    if ((inputs > 0 && input_descs == NULL) || (outputs > 0 && output_descs == NULL))
        return acn_fail(ACN_NULL_POINTER, "inputDesc or outputDesc is NULL; expected arrays");
    acn_signature signature;
    ACN_TRY(acn_signature_find(type, &signature));
    op_handle *handle = acn_slab_alloc(&slab);
    if (handle == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d operators' handles exist, which is the most",
                        MAX_HANDLES);
    *handle = (op_handle){0};
    acn_status status = fill(handle, type, inputs, input_descs, outputs, output_descs, attr);
    if (status != ACN_OK)
        release(handle);
    else
        *out = (aclopHandle *)handle;
    return status;
}

aclError aclopCreateHandle(const char *opType, int numInputs,
                           const aclTensorDesc *const inputDesc[], int numOutputs,
                           const aclTensorDesc *const outputDesc[], const aclopAttr *opAttr,
                           aclopHandle **handle) {
    if (handle == NULL) return ACN_ACL_NULL("handle");
    return ACN_ACL(create(opType, numInputs, inputDesc, numOutputs, outputDesc, opAttr, handle));
}

static acn_status resolve(const aclopHandle *handle, op_handle **out) {
    *out = (op_handle *)handle;
    if (acn_slab_is_live(&slab, handle)) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "handle %p does not exist; expected one of aclopCreateHandle that is not "
                    "destroyed",
                    (const void *)handle);
}

void aclopDestroyHandle(aclopHandle *handle) {
    op_handle *found;
    if (handle == NULL) return;
    if (ACN_ACL(resolve(handle, &found)) == 0) release(found);
}

aclError aclopExecWithHandle(aclopHandle *handle, int numInputs,
                             const aclDataBuffer *const inputs[], int numOutputs,
                             aclDataBuffer *const outputs[], aclrtStream stream) {
    op_handle *h;
    if (handle == NULL) return ACN_ACL_NULL("handle");
    acn_status status = resolve(handle, &h);
    if (status == ACN_OK && (numInputs != h->input_count || numOutputs != h->output_count))
        status = acn_fail(ACN_INVALID_ARGUMENT,
                          "numInputs is %d and numOutputs %d; the handle was made for %d and %d",
                          numInputs, numOutputs, h->input_count, h->output_count);
    if (status != ACN_OK) return ACN_ACL(status);
    const aclTensorDesc *const *descs = (const aclTensorDesc *const *)h->descs;
    return aclopExecute(h->type, numInputs, descs, inputs, numOutputs, descs + numInputs, outputs,
                        h->attr, stream);
}

/* Casting. A truncating cast is what CANN's Cast does to integers in any case. */

static aclError cast_attr(const aclTensorDesc *to, aclopAttr **out) {
    aclopAttr *attr = aclopCreateAttr();
    if (attr == NULL) return acn_status_acl(ACN_BAD_ALLOC);
    aclError code = aclopSetAttrInt(attr, "dst_type", aclGetTensorDescType(to));
    if (code == ACL_SUCCESS)
        *out = attr;
    else
        aclopDestroyAttr(attr);
    return code;
}

aclError aclopCast(const aclTensorDesc *srcDesc, const aclDataBuffer *srcBuffer,
                   const aclTensorDesc *dstDesc, aclDataBuffer *dstBuffer, uint8_t truncate,
                   aclrtStream stream) {
    if (srcDesc == NULL) return ACN_ACL_NULL("srcDesc");
    if (dstDesc == NULL) return ACN_ACL_NULL("dstDesc");
    aclopAttr *attr;
    aclError code = cast_attr(dstDesc, &attr);
    if (code != ACL_SUCCESS) return code;
    code = aclopExecute("Cast", 1, &srcDesc, &srcBuffer, 1, &dstDesc, &dstBuffer, attr, stream);
    aclopDestroyAttr(attr);
    return code;
}

aclError aclopCreateHandleForCast(aclTensorDesc *srcDesc, aclTensorDesc *dstDesc, uint8_t truncate,
                                  aclopHandle **handle) {
    if (srcDesc == NULL) return ACN_ACL_NULL("srcDesc");
    if (dstDesc == NULL) return ACN_ACL_NULL("dstDesc");
    if (handle == NULL) return ACN_ACL_NULL("handle");
    aclopAttr *attr;
    aclError code = cast_attr(dstDesc, &attr);
    if (code != ACL_SUCCESS) return code;
    const aclTensorDesc *from = srcDesc, *to = dstDesc;
    acn_status status = create("Cast", 1, &from, 1, &to, attr, handle);
    aclopDestroyAttr(attr);
    return ACN_ACL(status);
}

/* Plans are kept by need, not by number; there is nothing to limit. */
aclError aclopSetMaxOpQueueNum(uint64_t maxOpNum) {
    if (maxOpNum == 0)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT, "maxOpNum is 0; expected 1 or more"));
    return ACL_SUCCESS;
}

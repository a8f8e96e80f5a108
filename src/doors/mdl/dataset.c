/* dataset.c - aclmdlDataset: a list of data buffers, each with a description if somebody set one.
 */
#include "acl/acl.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/mdl/mdl.h"
#include "doors/opcompiler/desc.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_DATASETS = 1 << 16 };

typedef struct item {
    aclDataBuffer *buffer;
    aclTensorDesc *desc; /* the dataset's own */
} item;

typedef struct dataset {
    item *items;
    size_t count, room;
} dataset;

static acn_slab slab = ACN_SLAB("aclmdlDataset", sizeof(dataset), MAX_DATASETS);

static acn_status resolve(const char *argument, const void *handle, dataset **out) {
    if (handle == NULL)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected an aclmdlDataset", argument);
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s is %p, which is no live aclmdlDataset; it was destroyed or is foreign",
                        argument, handle);
    *out = (dataset *)handle;
    return ACN_OK;
}

static acn_status resolve_item(const void *handle, size_t index, item **out) {
    dataset *d = NULL;
    ACN_TRY(resolve("dataset", handle, &d));
    if (index >= d->count)
        return acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; the dataset has %zu buffers", index,
                        d->count);
    *out = &d->items[index];
    return ACN_OK;
}

aclmdlDataset *aclmdlCreateDataset(void) {
    dataset *d = acn_slab_alloc(&slab);
    if (d == NULL) {
        ACN_ACL(acn_fail(ACN_BAD_ALLOC, "too many aclmdlDataset are alive; destroy some"));
        return NULL;
    }
    *d = (dataset){0};
    return (aclmdlDataset *)d;
}

aclError aclmdlDestroyDataset(const aclmdlDataset *handle) {
    dataset *d = NULL;
    acn_status status = resolve("dataset", handle, &d);
    if (status != ACN_OK) return ACN_ACL(status);
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].desc) aclDestroyTensorDesc(d->items[i].desc);
    free(d->items);
    acn_slab_free(&slab, d);
    return 0;
}

static acn_status add(dataset *d, aclDataBuffer *buffer) {
    acn_data_buffer *ignored = NULL;
    ACN_TRY(acn_data_buffer_resolve("dataBuffer", buffer, &ignored));
    if (d->count == d->room) {
        size_t room = d->room ? 2 * d->room : 8;
        item *items = realloc(d->items, room * sizeof *items);
        if (items == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a dataset");
        d->items = items;
        d->room = room;
    }
    d->items[d->count++] = (item){.buffer = buffer};
    return ACN_OK;
}

aclError aclmdlAddDatasetBuffer(aclmdlDataset *handle, aclDataBuffer *dataBuffer) {
    dataset *d = NULL;
    acn_status status = resolve("dataset", handle, &d);
    if (status == ACN_OK) status = add(d, dataBuffer);
    return ACN_ACL(status);
}

size_t aclmdlGetDatasetNumBuffers(const aclmdlDataset *handle) {
    dataset *d = NULL;
    acn_status status = resolve("dataset", handle, &d);
    if (status == ACN_OK) return d->count;
    ACN_ACL(status);
    return 0;
}

aclDataBuffer *aclmdlGetDatasetBuffer(const aclmdlDataset *handle, size_t index) {
    item *i = NULL;
    acn_status status = resolve_item(handle, index, &i);
    if (status == ACN_OK) return i->buffer;
    ACN_ACL(status);
    return NULL;
}

/* Whether the item's description is this one already, as it is from the second run on. */
static bool says(const item *i, aclDataType dtype, int rank, const int64_t *dims) {
    acn_tensor_desc *d = NULL;
    return i->desc && acn_tensor_desc_resolve("tensorDesc", i->desc, &d) == ACN_OK &&
           d->dtype == (int32_t)dtype && d->shape.rank == rank &&
           memcmp(d->shape.dims, dims, (size_t)rank * sizeof *dims) == 0;
}

static acn_status set_desc(item *i, aclDataType dtype, int rank, const int64_t *dims,
                           aclFormat format) {
    aclTensorDesc *copy = aclCreateTensorDesc(dtype, rank, dims, format);
    if (copy == NULL) return acn_fail(ACN_BAD_ALLOC, "the description cannot be copied");
    if (i->desc) aclDestroyTensorDesc(i->desc);
    i->desc = copy;
    return ACN_OK;
}

aclError aclmdlSetDatasetTensorDesc(aclmdlDataset *handle, aclTensorDesc *tensorDesc,
                                    size_t index) {
    item *i = NULL;
    acn_tensor_desc *desc = NULL;
    acn_status status = resolve_item(handle, index, &i);
    if (status == ACN_OK && tensorDesc == NULL) { /* takes it back */
        if (i->desc) aclDestroyTensorDesc(i->desc);
        i->desc = NULL;
        return 0;
    }
    if (status == ACN_OK) status = acn_tensor_desc_resolve("tensorDesc", tensorDesc, &desc);
    if (status == ACN_OK)
        status = set_desc(i, (aclDataType)desc->dtype, desc->shape.rank, desc->shape.dims,
                          (aclFormat)desc->format);
    return ACN_ACL(status);
}

aclTensorDesc *aclmdlGetDatasetTensorDesc(const aclmdlDataset *handle, size_t index) {
    item *i = NULL;
    acn_status status = resolve_item(handle, index, &i);
    if (status == ACN_OK) return i->desc;
    ACN_ACL(status);
    return NULL;
}

static acn_status read_item(const char *argument, const item *i, acn_model_buffer *out) {
    acn_data_buffer *buffer = NULL;
    acn_tensor_desc *desc = NULL;
    ACN_TRY(acn_data_buffer_resolve(argument, i->buffer, &buffer));
    *out = (acn_model_buffer){.data = buffer->data, .bytes = buffer->bytes};
    if (i->desc == NULL) return ACN_OK;
    ACN_TRY(acn_tensor_desc_resolve("tensorDesc", i->desc, &desc));
    if (desc->shape.rank > ACN_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s: a shape has %d dimensions; at most %d work",
                        argument, desc->shape.rank, ACN_MAX_DIMS);
    out->has_size = true;
    out->size.rank = desc->shape.rank;
    memcpy(out->size.dims, desc->shape.dims, (size_t)desc->shape.rank * sizeof *desc->shape.dims);
    return ACN_OK;
}

acn_status acn_dataset_buffers(const char *argument, const aclmdlDataset *handle,
                               acn_model_buffer **out, int *out_count) {
    dataset *d = NULL;
    ACN_TRY(resolve(argument, handle, &d));
    acn_model_buffer *buffers = malloc((d->count + 1) * sizeof *buffers);
    if (buffers == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a run");
    for (size_t i = 0; i < d->count; i++) {
        acn_status status = read_item(argument, &d->items[i], &buffers[i]);
        if (status != ACN_OK) {
            free(buffers);
            return status;
        }
    }
    *out = buffers;
    *out_count = (int)d->count;
    return ACN_OK;
}

void acn_dataset_release(acn_model_buffer *buffers) { free(buffers); }

acn_status acn_dataset_buffer(const aclmdlDataset *handle, size_t index, acn_model_buffer *out) {
    item *i = NULL;
    ACN_TRY(resolve_item(handle, index, &i));
    return read_item("dataset", i, out);
}

acn_status acn_dataset_describe(aclmdlDataset *handle, const acn_model_buffer *buffers,
                                const acn_model_port *ports, int count) {
    dataset *d = NULL;
    ACN_TRY(resolve("output", handle, &d));
    for (size_t i = 0; i < d->count && i < (size_t)count; i++) {
        const acn_model_buffer *b = &buffers[i];
        acn_data_buffer *buffer = NULL;
        ACN_TRY(acn_data_buffer_resolve("output", d->items[i].buffer, &buffer));
        if (buffer->data == NULL) *buffer = (acn_data_buffer){b->data, b->bytes};
        if (says(&d->items[i], (aclDataType)ports[i].dtype, b->size.rank, b->size.dims)) continue;
        ACN_TRY(set_desc(&d->items[i], (aclDataType)ports[i].dtype, b->size.rank, b->size.dims,
                         ACL_FORMAT_ND));
    }
    return ACN_OK;
}

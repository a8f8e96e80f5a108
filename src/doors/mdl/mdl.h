/* mdl.h - the objects of the model interface. */
#ifndef ACN_DOORS_MDL_MDL_H
#define ACN_DOORS_MDL_MDL_H

#include "acl/acl_mdl.h"
#include "graph/loaded.h"

acn_status acn_load_file(const char *path, const acn_load_memory *memory, uint32_t *out_id);
/* From memory that the client may free afterwards: the model gets its own copy of it. */
acn_status acn_load_memory_model(const void *bytes, size_t size, const acn_load_memory *memory,
                                 uint32_t *out_id);

/* An aclmdlExecConfigHandle. */
typedef struct acn_run_config {
    int32_t timeout_ms; /* -1: for ever */
} acn_run_config;

/* NULL is the usual one. */
acn_status acn_run_config_resolve(const void *handle, const acn_run_config **out);

/* The buffers of a dataset, and the shapes that were set; ownership stays with the clients' own
 * objects. */
acn_status acn_dataset_buffers(const char *argument, const aclmdlDataset *dataset,
                               acn_model_buffer **out, int *out_count);
/* Frees what the above made. */
void acn_dataset_release(acn_model_buffer *buffers);
/* One buffer. */
acn_status acn_dataset_buffer(const aclmdlDataset *dataset, size_t index, acn_model_buffer *out);
/* Writes what a run says of its outputs, memory that it gave included. */
acn_status acn_dataset_describe(aclmdlDataset *dataset, const acn_model_buffer *buffers,
                                const acn_model_port *ports, int count);

#endif

/* loaded.h - models that a process has loaded, by the numbers that clients know them by.
 *
 * A loaded model stays until it is unloaded and its last queued run is through. Its work memory is
 * the client's, or device memory of its own.
 */
#ifndef ACN_GRAPH_LOADED_H
#define ACN_GRAPH_LOADED_H

#include "graph/om/om.h"
#include "graph/on_demand.h"
#include "runtime/stream.h"

typedef struct acn_loaded acn_loaded;

/* Memory that the client gives; NULL: the model allocates it itself. */
typedef struct acn_load_memory {
    void *work, *weights;
    size_t work_bytes, weight_bytes;
} acn_load_memory;

/* Takes |om| over, also when it fails. */
acn_status acn_loaded_add(acn_om *om, const acn_load_memory *memory, uint32_t *out_id);
/* Other memory from the next run on; what is NULL stays as it is. Not for open sets. */
acn_status acn_loaded_use_memory(acn_loaded *loaded, const acn_load_memory *memory);
acn_status acn_loaded_remove(uint32_t id);
/* Stays valid until acn_loaded_release, also when another thread unloads it. */
acn_status acn_loaded_find(uint32_t id, acn_loaded **out);
const acn_model_set *acn_loaded_set(const acn_loaded *loaded);
void acn_loaded_release(acn_loaded *loaded);

/* The gear that the client chose last, as the number of its model. */
void acn_loaded_choose_gear(acn_loaded *loaded, int gear);
int acn_loaded_gear(const acn_loaded *loaded);

/* Memory that loading a file takes. */
acn_status acn_loaded_sizes(const acn_om *om, size_t *out_work_bytes, size_t *out_weight_bytes);

typedef struct acn_model_buffer {
    void *data;
    size_t bytes;
    /* Of an input of an open set: what the client says. Of an output: what is known of it. */
    bool has_size;
    acn_size size;
} acn_model_buffer;

typedef struct acn_model_buffers {
    acn_model_buffer *inputs, *outputs;
    int input_count, output_count;
} acn_model_buffers;

/* Queues a run on |stream|; NULL runs here and now. The list of buffers is copied, their memory
 * must stay. An output of an open set that has no memory gets some, which becomes the client's.
 * Where sizes follow from data it waits for them, that is for the stream. */
acn_status acn_loaded_execute(acn_loaded *loaded, acn_model_buffers *buffers, acn_stream *stream);

#endif

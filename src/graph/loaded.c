/* loaded.c - see loaded.h. */
#include "graph/loaded.h"

#include "runtime/context.h"
#include "runtime/memory.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_MODELS = 4096 };

struct acn_loaded {
    acn_om om;
    acn_model *model;
    char *work, *own_work; /* own_work: NULL when the client gave memory */
    int references;        /* one while it is in the table, one for each queued run */
};
typedef acn_loaded loaded;

static struct {
    pthread_mutex_t mutex;
    loaded *model[MAX_MODELS]; /* number i + 1 */
    uint32_t next;
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void destroy(loaded *l) {
    acn_model_destroy(l->model);
    if (l->own_work) acn_memory_free(l->own_work);
    acn_om_close(&l->om);
    free(l);
}

void acn_loaded_release(acn_loaded *l) {
    pthread_mutex_lock(&table.mutex);
    bool is_last = --l->references == 0;
    pthread_mutex_unlock(&table.mutex);
    if (is_last) destroy(l);
}

acn_status acn_loaded_find(uint32_t id, acn_loaded **out) {
    pthread_mutex_lock(&table.mutex);
    loaded *l = id >= 1 && id <= MAX_MODELS ? table.model[id - 1] : NULL;
    if (l) l->references++;
    pthread_mutex_unlock(&table.mutex);
    if (l == NULL)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "modelId is %u, which names no loaded model; load one, or use the number "
                        "that loading gave",
                        id);
    *out = l;
    return ACN_OK;
}

/* ---- loading --------------------------------------------------------------------------------- */

static acn_status take_work(loaded *l, const acn_load_memory *memory) {
    size_t bytes = l->model->work_bytes + l->model->scratch_bytes;
    if (memory->work) {
        if (memory->work_bytes < bytes)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "workSize is %zu; the model needs %zu (aclmdlQuerySize)",
                            memory->work_bytes, bytes);
        l->work = acn_memory_view(memory->work);
        return ACN_OK;
    }
    int device;
    ACN_TRY(acn_device_current(&device));
    void *work;
    ACN_TRY(acn_memory_alloc(device, bytes + 64, &work));
    l->own_work = work;
    l->work = acn_memory_view(work);
    return ACN_OK;
}

static acn_status take_weights(loaded *l, const acn_load_memory *memory) {
    size_t bytes = l->model->weight_bytes;
    if (memory->weights == NULL) return ACN_OK; /* they stay in the file */
    if (memory->weight_bytes < bytes)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "weightSize is %zu; the model needs %zu (aclmdlQuerySize)",
                        memory->weight_bytes, bytes);
    char *weights = acn_memory_view(memory->weights);
    memcpy(weights, l->model->weights, bytes);
    l->model->weights = weights;
    return ACN_OK;
}

static acn_status add_to_table(loaded *l, uint32_t *out_id) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&table.mutex);
    uint32_t tries = 0;
    while (tries < MAX_MODELS && table.model[table.next % MAX_MODELS])
        table.next++, tries++;
    if (tries == MAX_MODELS) {
        status = acn_fail(ACN_BAD_ALLOC, "%d models are loaded, which is the most; unload some",
                          MAX_MODELS);
    } else {
        uint32_t at = table.next++ % MAX_MODELS;
        table.model[at] = l;
        *out_id = at + 1;
    }
    pthread_mutex_unlock(&table.mutex);
    return status;
}

acn_status acn_loaded_add(acn_om *om, const acn_load_memory *memory, uint32_t *out_id) {
    acn_status status;
    loaded *l = calloc(1, sizeof *l);
    if (l == NULL) {
        acn_om_close(om);
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    }
    l->om = *om;
    l->references = 1;
    ACN_TRY_OR(destroy, acn_om_model(&l->om, &l->model));
    ACN_TRY_OR(destroy, acn_model_prepare(l->model));
    ACN_TRY_OR(destroy, take_work(l, memory));
    ACN_TRY_OR(destroy, take_weights(l, memory));
    ACN_TRY_OR(destroy, add_to_table(l, out_id));
    return ACN_OK;
destroy:
    destroy(l);
    return status;
}

acn_status acn_loaded_remove(uint32_t id) {
    loaded *l;
    ACN_TRY(acn_loaded_find(id, &l));
    pthread_mutex_lock(&table.mutex);
    if (table.model[id - 1] == l) { /* else another thread was faster */
        table.model[id - 1] = NULL;
        l->references--;
    }
    pthread_mutex_unlock(&table.mutex);
    acn_loaded_release(l);
    return ACN_OK;
}

const acn_model *acn_loaded_model(const acn_loaded *l) { return l->model; }

acn_status acn_loaded_sizes(const acn_om *om, size_t *out_work_bytes, size_t *out_weight_bytes) {
    acn_model *model;
    ACN_TRY(acn_om_model(om, &model));
    acn_status status = acn_model_prepare(model);
    if (status == ACN_OK) {
        *out_work_bytes = model->work_bytes + model->scratch_bytes;
        *out_weight_bytes = model->weight_bytes;
    }
    acn_model_destroy(model);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct run {
    loaded *model;
    void **outputs; /* behind the inputs */
    void *addresses[];
} run;

static acn_status run_model(void *data) {
    run *r = data;
    return acn_model_run(r->model->model, r->model->work, r->addresses, r->outputs);
}

static void drop_run(void *data) {
    run *r = data;
    acn_loaded_release(r->model);
    free(r);
}

static acn_status check_buffers(const char *what, const acn_model_port *ports, int count,
                                const acn_model_buffer *buffers, int buffer_count) {
    if (count != buffer_count)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %d buffers; the model has %d of them", what,
                        buffer_count, count);
    for (int i = 0; i < count; i++) {
        if (buffers[i].data == NULL && ports[i].bytes)
            return acn_fail(ACN_INVALID_ARGUMENT, "%s: buffer %d (%s) has no memory", what, i,
                            ports[i].name);
        if (buffers[i].bytes < ports[i].bytes)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "%s: buffer %d (%s) has %zu bytes; the model needs %llu "
                            "(aclmdlGet%sSizeByIndex)",
                            what, i, ports[i].name, buffers[i].bytes,
                            (unsigned long long)ports[i].bytes,
                            strcmp(what, "input") == 0 ? "Input" : "Output");
    }
    return ACN_OK;
}

static void retain(loaded *l) {
    pthread_mutex_lock(&table.mutex);
    l->references++;
    pthread_mutex_unlock(&table.mutex);
}

acn_status acn_loaded_execute(acn_loaded *l, const acn_model_buffer *inputs, int input_count,
                              const acn_model_buffer *outputs, int output_count,
                              acn_stream *stream) {
    const acn_model *m = l->model;
    ACN_TRY(check_buffers("input", m->inputs, m->input_count, inputs, input_count));
    ACN_TRY(check_buffers("output", m->outputs, m->output_count, outputs, output_count));
    run *r = malloc(sizeof *r + (size_t)(input_count + output_count + 1) * sizeof(void *));
    if (r == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a run");
    retain(l);
    r->model = l;
    r->outputs = r->addresses + input_count;
    for (int i = 0; i < input_count; i++)
        r->addresses[i] = acn_memory_view(inputs[i].data);
    for (int i = 0; i < output_count; i++)
        r->outputs[i] = acn_memory_view(outputs[i].data);
    if (stream == NULL) {
        acn_status status = run_model(r);
        drop_run(r);
        return status;
    }
    /* It waits for other runs of the same model. */
    acn_task task = {.run = run_model,
                     .drop = drop_run,
                     .data = r,
                     .flags = ACN_TASK_CAN_BLOCK,
                     .name = "model"};
    return acn_stream_submit(stream, &task);
}

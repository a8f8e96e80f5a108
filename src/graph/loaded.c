/* loaded.c - see loaded.h. */
#include "graph/loaded.h"

#include "runtime/context.h"
#include "runtime/memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MODELS = 4096 };

struct acn_loaded {
    acn_om om;
    acn_model_set *set;
    acn_on_demand *maker; /* of an open set */
    int device, gear;
    int references; /* one while it is in the table, one for each queued run */
    /* Held by a run: models share the work memory, and their calls hold addresses. */
    pthread_mutex_t running;
    char *work, *own_work; /* own_work: NULL when the client gave memory */
    size_t work_bytes;
};
typedef acn_loaded loaded;

static struct {
    pthread_mutex_t mutex;
    loaded *model[MAX_MODELS]; /* number i + 1 */
    uint32_t next;
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void destroy(loaded *l) {
    acn_on_demand_destroy(l->maker);
    acn_set_destroy(l->set);
    pthread_mutex_destroy(&l->running);
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

/* Work memory of the model's own, at least |bytes|. */
static acn_status grow_work(loaded *l, size_t bytes) {
    void *work;
    if (bytes <= l->work_bytes) return ACN_OK;
    ACN_TRY(acn_memory_alloc(l->device, bytes + 64, &work));
    if (l->own_work) acn_memory_free(l->own_work);
    l->own_work = work;
    l->work = acn_memory_view(work);
    l->work_bytes = bytes;
    return ACN_OK;
}

static acn_status take_work(loaded *l, const acn_load_memory *memory) {
    size_t bytes = acn_set_work_bytes(l->set);
    if (memory->work == NULL) return grow_work(l, bytes + 1);
    if (memory->work_bytes < bytes)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "workSize is %zu; the model needs %zu (aclmdlQuerySize)",
                        memory->work_bytes, bytes);
    l->work = acn_memory_view(memory->work);
    l->work_bytes = memory->work_bytes;
    return ACN_OK;
}

static acn_status take_weights(loaded *l, const acn_load_memory *memory) {
    size_t bytes = l->set->weight_bytes;
    if (memory->weights == NULL) return ACN_OK; /* they stay in the file */
    if (memory->weight_bytes < bytes)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "weightSize is %zu; the model needs %zu (aclmdlQuerySize)",
                        memory->weight_bytes, bytes);
    char *weights = acn_memory_view(memory->weights);
    memcpy(weights, l->set->weights, bytes);
    l->set->weights = weights;
    for (int i = 0; i < l->set->model_count; i++)
        l->set->models[i]->weights = weights;
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
    pthread_mutex_init(&l->running, NULL);
    ACN_TRY_OR(destroy, acn_device_current(&l->device));
    ACN_TRY_OR(destroy, acn_om_set(&l->om, &l->set));
    ACN_TRY_OR(destroy, acn_set_prepare(l->set));
    l->gear = acn_set_largest(l->set);
    ACN_TRY_OR(destroy, take_work(l, memory));
    ACN_TRY_OR(destroy, take_weights(l, memory));
    if (l->set->kind == ACN_SET_OPEN) ACN_TRY_OR(destroy, acn_on_demand_create(l->set, &l->maker));
    ACN_TRY_OR(destroy, add_to_table(l, out_id));
    return ACN_OK;
destroy:
    destroy(l);
    return status;
}

acn_status acn_loaded_use_memory(acn_loaded *l, const acn_load_memory *memory) {
    char *before = NULL;
    if (memory->work == NULL && memory->weights == NULL) return ACN_OK;
    if (l->maker)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "the model has open sizes: its memory depends on them, and is its own");
    pthread_mutex_lock(&l->running);
    acn_status status = memory->work ? take_work(l, memory) : ACN_OK;
    if (status == ACN_OK && memory->work) {
        before = l->own_work;
        l->own_work = NULL;
    }
    if (status == ACN_OK) status = take_weights(l, memory);
    pthread_mutex_unlock(&l->running);
    if (before) acn_memory_free(before);
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

const acn_model_set *acn_loaded_set(const acn_loaded *l) { return l->set; }

void acn_loaded_choose_gear(acn_loaded *l, int gear) {
    __atomic_store_n(&l->gear, gear, __ATOMIC_RELAXED);
}

int acn_loaded_gear(const acn_loaded *l) { return __atomic_load_n(&l->gear, __ATOMIC_RELAXED); }

acn_status acn_loaded_sizes(const acn_om *om, size_t *out_work_bytes, size_t *out_weight_bytes) {
    acn_model_set *set;
    ACN_TRY(acn_om_set(om, &set));
    acn_status status = acn_set_prepare(set);
    if (status == ACN_OK) {
        *out_work_bytes = acn_set_work_bytes(set);
        *out_weight_bytes = set->weight_bytes;
    }
    acn_set_destroy(set);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct run {
    loaded *loaded;
    acn_on_demand_made made;   /* empty: the last input says which model, when it runs */
    acn_model_buffer *results; /* of a run in stages: the client's outputs, while it waits */
    void **outputs;            /* behind the inputs */
    size_t *bytes;             /* of all buffers */
    void *addresses[];
} run;

static acn_status check_size(const char *what, int index, const acn_model_port *port,
                             const void *data, size_t bytes) {
    if (data == NULL && port->bytes)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s: buffer %d (%s) has no memory", what, index,
                        port->name);
    if (bytes >= port->bytes) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "%s: buffer %d (%s) has %zu bytes; the model needs %llu "
                    "(aclmdlGet%sSizeByIndex)",
                    what, index, port->name, bytes, (unsigned long long)port->bytes,
                    strcmp(what, "input") == 0 ? "Input" : "Output");
}

/* Those of a run in stages, whose sizes the client has said. */
static acn_status check_inputs(const run *r, const acn_model_buffers *b) {
    for (int i = 0; i < b->input_count; i++) {
        acn_model_port port = r->loaded->set->inputs[i];
        const acn_size *size = &b->inputs[i].size;
        port.bytes = acn_dtype_bytes(port.dtype);
        for (int d = 0; d < port.rank; d++)
            port.bytes *= (uint64_t)(b->inputs[i].has_size ? size->dims[d] : port.dims[d]);
        ACN_TRY(check_size("input", i, &port, r->addresses[i], r->bytes[i]));
    }
    return ACN_OK;
}

static acn_status check_run(const run *r, const acn_model *model) {
    for (int i = 0; i < model->input_count; i++)
        ACN_TRY(check_size("input", i, &model->inputs[i], r->addresses[i], r->bytes[i]));
    const size_t *bytes = r->bytes + r->loaded->set->input_count;
    for (int i = 0; i < model->output_count; i++)
        ACN_TRY(check_size("output", i, &model->outputs[i], r->outputs[i], bytes[i]));
    return ACN_OK;
}

/* What the last input says: numbers of 64 bits when it has room for such, otherwise of 32. Memory
 * that nobody wrote to names no gear: then it is the largest. */
static int read_gear(const run *r) {
    const acn_model_set *set = r->loaded->set;
    int64_t gear[ACN_MAX_GEAR_LENGTH];
    size_t length = (size_t)set->gear_length, bytes = r->bytes[set->input_count - 1];
    const char *data = r->addresses[set->input_count - 1];
    if (bytes >= length * sizeof(int64_t)) {
        memcpy(gear, data, length * sizeof *gear);
    } else if (bytes >= length * sizeof(int32_t)) {
        for (size_t i = 0; i < length; i++) {
            int32_t number;
            memcpy(&number, data + i * sizeof number, sizeof number);
            gear[i] = number;
        }
    } else {
        return acn_set_largest(set);
    }
    int found = acn_set_find_gear(set, gear);
    return found >= 0 ? found : acn_set_largest(set);
}

/* An output whose size is known by now. */
static acn_status place_output(void *context, int index, const acn_model_port *port, void **out) {
    const run *r = context;
    acn_model_buffer *b = &r->results[index];
    if (index >= r->loaded->set->output_count)
        return acn_fail(ACN_PARSE_FILE, "the model's source has other outputs than its plan");
    b->has_size = true;
    b->size.rank = port->rank;
    memcpy(b->size.dims, port->dims, sizeof port->dims);
    if (b->data == NULL) {
        b->bytes = port->bytes;
        ACN_TRY(acn_memory_alloc(r->loaded->device, b->bytes ? b->bytes : 1, &b->data));
    }
    *out = acn_memory_view(b->data);
    return check_size("output", index, port, *out, b->bytes);
}

static acn_status run_late(run *r) {
    pthread_mutex_lock(&r->loaded->running);
    acn_status status = acn_late_run(r->made.late, r->addresses, place_output, r);
    pthread_mutex_unlock(&r->loaded->running);
    return status;
}

static acn_status run_model(void *data) {
    run *r = data;
    loaded *l = r->loaded;
    acn_model *model = r->made.model;
    acn_status status = ACN_OK;
    if (r->made.late) return run_late(r);
    if (model == NULL) {
        model = l->set->models[read_gear(r)];
        ACN_TRY(check_run(r, model));
    }
    pthread_mutex_lock(&l->running);
    if (l->maker) status = grow_work(l, model->work_bytes + model->scratch_bytes);
    if (status == ACN_OK) status = acn_model_run(model, l->work, r->addresses, r->outputs);
    pthread_mutex_unlock(&l->running);
    return status;
}

static void drop_run(void *data) {
    run *r = data;
    if (r->loaded->maker) acn_on_demand_drop(r->loaded->maker, &r->made);
    acn_loaded_release(r->loaded);
    free(r);
}

static void retain(loaded *l) {
    pthread_mutex_lock(&table.mutex);
    l->references++;
    pthread_mutex_unlock(&table.mutex);
}

/* Without a word of the client's, an input has the sizes that the model was made for. */
static acn_status make_model(loaded *l, const acn_model_buffers *b, acn_on_demand_made *out) {
    const acn_model_set *set = l->set;
    acn_size *sizes = calloc((size_t)set->input_count + 1, sizeof *sizes);
    if (sizes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a run");
    acn_status status = ACN_OK;
    for (int i = 0; i < set->input_count && status == ACN_OK; i++) {
        const acn_model_port *port = &set->inputs[i];
        sizes[i].rank = port->rank;
        memcpy(sizes[i].dims, port->dims, sizeof port->dims);
        if (b->inputs[i].has_size) sizes[i] = b->inputs[i].size;
        for (int d = 0; d < sizes[i].rank && status == ACN_OK; d++)
            if (sizes[i].dims[d] < 0)
                status = acn_fail(ACN_INVALID_ARGUMENT,
                                  "input %d (%s) has open dimensions; say which shape this run has "
                                  "(aclmdlSetDatasetTensorDesc)",
                                  i, port->name);
    }
    if (status == ACN_OK) status = acn_on_demand_get(l->maker, sizes, out);
    free(sizes);
    return status;
}

/* Outputs that the client left to us. */
static acn_status give_outputs(int device, const acn_model *model, acn_model_buffers *b) {
    for (int i = 0; i < model->output_count; i++) {
        acn_model_buffer *buffer = &b->outputs[i];
        if (buffer->data) continue;
        buffer->bytes = model->outputs[i].bytes;
        ACN_TRY(acn_memory_alloc(device, buffer->bytes ? buffer->bytes : 1, &buffer->data));
    }
    return ACN_OK;
}

static void tell_sizes(const acn_model *model, acn_model_buffers *b) {
    for (int i = 0; i < model->output_count; i++) {
        acn_size *size = &b->outputs[i].size;
        b->outputs[i].has_size = true;
        size->rank = model->outputs[i].rank;
        memcpy(size->dims, model->outputs[i].dims, sizeof size->dims);
    }
}

static acn_status check_counts(const acn_model_set *set, const acn_model_buffers *b) {
    if (b->input_count != set->input_count)
        return acn_fail(ACN_INVALID_ARGUMENT, "input has %d buffers; the model has %d of them",
                        b->input_count, set->input_count);
    if (b->output_count != set->output_count)
        return acn_fail(ACN_INVALID_ARGUMENT, "output has %d buffers; the model has %d of them",
                        b->output_count, set->output_count);
    return ACN_OK;
}

static run *new_run(loaded *l, const acn_model_buffers *b) {
    size_t count = (size_t)(b->input_count + b->output_count) + 1;
    run *r = calloc(1, sizeof *r + count * (sizeof(void *) + sizeof(size_t)));
    if (r == NULL) return NULL;
    retain(l);
    r->loaded = l;
    r->outputs = r->addresses + b->input_count;
    r->bytes = (size_t *)(void *)(r->addresses + count);
    return r;
}

static void fill_run(run *r, const acn_model_buffers *b) {
    for (int i = 0; i < b->input_count; i++) {
        r->addresses[i] = acn_memory_view(b->inputs[i].data);
        r->bytes[i] = b->inputs[i].bytes;
    }
    for (int i = 0; i < b->output_count; i++) {
        r->outputs[i] = acn_memory_view(b->outputs[i].data);
        r->bytes[b->input_count + i] = b->outputs[i].bytes;
    }
}

/* Which model, and whether the buffers are as it needs them, as far as is known before what
 * |stream| still has to do. */
static acn_status prepare_run(run *r, acn_model_buffers *b, const acn_stream *stream) {
    const acn_model_set *set = r->loaded->set;
    if (set->kind == ACN_SET_FIXED) r->made.model = set->models[0];
    if (set->kind == ACN_SET_OPEN) {
        ACN_TRY(make_model(r->loaded, b, &r->made));
        if (r->made.model) ACN_TRY(give_outputs(r->loaded->device, r->made.model, b));
        r->results = b->outputs;
    }
    fill_run(r, b);
    if (acn_set_has_gears(set)) {
        int last = set->input_count - 1;
        ACN_TRY(check_size("input", last, &set->inputs[last], r->addresses[last], r->bytes[last]));
        if (stream) return ACN_OK;
        r->made.model = set->models[read_gear(r)];
    }
    return r->made.late ? check_inputs(r, b) : check_run(r, r->made.model);
}

acn_status acn_loaded_execute(acn_loaded *l, acn_model_buffers *b, acn_stream *stream) {
    ACN_TRY(check_counts(l->set, b));
    run *r = new_run(l, b);
    if (r == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a run");
    acn_status status = prepare_run(r, b, stream);
    bool is_late = r->made.late != NULL;
    if (status == ACN_OK && !is_late)
        tell_sizes(r->made.model ? r->made.model : l->set->models[acn_loaded_gear(l)], b);
    if (status == ACN_OK && stream) {
        /* It waits for other runs of the same model. */
        acn_task task = {.run = run_model,
                         .drop = drop_run,
                         .data = r,
                         .flags = ACN_TASK_CAN_BLOCK,
                         .name = "model"};
        status = acn_stream_submit(stream, &task);
        /* Sizes that follow from data are told when they are known. */
        return status == ACN_OK && is_late ? acn_stream_synchronize(stream, -1) : status;
    }
    if (status == ACN_OK) status = run_model(r);
    drop_run(r);
    return status;
}

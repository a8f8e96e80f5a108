/* run.c - compiled graphs that run in the process that made them: what is behind ge::Session. */
#include "doors/ge/status.h"
#include "graph/loaded.h"
#include "runtime/context.h"
#include "runtime/memory.h"

#include <stdlib.h>
#include <string.h>

struct acn_ge_program {
    uint32_t id;
    acn_loaded *loaded; /* held */
};

/* ---- loading --------------------------------------------------------------------------------- */

static acn_status load(int device, const void *bytes, size_t size, acn_ge_program *p) {
    acn_om om;
    int current;
    if (acn_device_current(&current) != ACN_OK) { /* a thread of the engine's own, as CANN has */
        acn_error_clear();
        ACN_TRY(acn_device_set(device));
    }
    ACN_TRY(acn_om_read_copy("the compiled graph", bytes, size, &om));
    ACN_TRY(acn_loaded_add(&om, &(acn_load_memory){0}, &p->id));
    return acn_loaded_find(p->id, &p->loaded);
}

uint32_t acn_ge_load(const char *api, int device, const void *bytes, size_t size,
                     acn_ge_program **out, acn_ge_facts *out_facts) {
    acn_ge_program *p = calloc(1, sizeof *p);
    if (p == NULL) return acn_ge_answer(api, acn_fail(ACN_BAD_ALLOC, "no host memory for a graph"));
    acn_status status = load(device, bytes, size, p);
    if (status != ACN_OK) {
        free(p);
        return acn_ge_answer(api, status);
    }
    const acn_model_set *set = acn_loaded_set(p->loaded);
    *out_facts = (acn_ge_facts){.is_static = set->kind == ACN_SET_FIXED,
                                .input_count = (size_t)set->input_count,
                                .output_count = (size_t)set->output_count,
                                .work_bytes = acn_set_work_bytes(set),
                                .weight_bytes = set->weight_bytes};
    *out = p;
    return 0;
}

void acn_ge_unload(acn_ge_program *p) {
    if (p == NULL) return;
    acn_loaded_remove(p->id);
    acn_loaded_release(p->loaded);
    free(p);
}

void acn_ge_output_shape(const acn_ge_program *p, size_t index, acn_ge_shape *out) {
    const acn_model_port *port = &acn_loaded_set(p->loaded)->outputs[index];
    *out = (acn_ge_shape){.dtype = port->dtype, .rank = port->rank};
    memcpy(out->dims, port->dims, sizeof out->dims);
}

size_t acn_ge_shape_bytes(const acn_ge_shape *shape) {
    size_t bytes = acn_dtype_bytes((acn_dtype)shape->dtype);
    for (int d = 0; d < shape->rank; d++)
        bytes = shape->dims[d] < 0 ? 0 : bytes * (size_t)shape->dims[d];
    return bytes;
}

uint32_t acn_ge_use_memory(const char *api, acn_ge_program *p, void *work, size_t work_bytes,
                           void *weights, size_t weight_bytes) {
    const acn_load_memory memory = {work, weights, work_bytes, weight_bytes};
    return acn_ge_answer(api, acn_loaded_use_memory(p->loaded, &memory));
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct run {
    acn_ge_program *program;
    acn_ge_buffer *outputs;
    size_t input_count, output_count;
    acn_model_buffers buffers;
    bool is_async;
    bool *is_own; /* outputs whose memory is made here */
} run;

static acn_status take_input(const acn_model_port *port, size_t index, const acn_ge_buffer *from,
                             acn_model_buffer *to) {
    bool is_same = from->shape.rank == port->rank && from->shape.dtype == (int)port->dtype;
    for (int d = 0; d < port->rank && is_same; d++)
        is_same = port->dims[d] < 0 || port->dims[d] == from->shape.dims[d];
    if (!is_same) {
        acn_tensor given;
        char text[160];
        acn_tensor_init(&given, NULL, (acn_dtype)from->shape.dtype, from->shape.rank,
                        from->shape.dims);
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "input %zu (%s) is %s, which is not what the graph was compiled for", index,
                        port->name, acn_tensor_describe(&given, text, sizeof text));
    }
    *to = (acn_model_buffer){.data = from->data, .bytes = from->bytes, .has_size = true};
    to->size.rank = from->shape.rank;
    memcpy(to->size.dims, from->shape.dims, sizeof to->size.dims);
    return ACN_OK;
}

static acn_status device_memory(size_t bytes, void **out) {
    int device;
    ACN_TRY(acn_device_current(&device));
    return acn_memory_alloc(device, bytes ? bytes : 1, out);
}

/* Of a fixed model; those of an open one are made when its sizes are known. */
static acn_status make_output(run *r, size_t i, const acn_model_port *port) {
    acn_model_buffer *b = &r->buffers.outputs[i];
    size_t bytes = port->bytes ? port->bytes : 1;
    if (acn_loaded_set(r->program->loaded)->kind == ACN_SET_OPEN) return ACN_OK;
    if (r->is_async)
        ACN_TRY(device_memory(bytes, &b->data));
    else
        b->data = malloc(bytes);
    if (b->data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for outputs");
    b->bytes = port->bytes;
    return ACN_OK;
}

static acn_status take_buffers(run *r, const acn_ge_buffer *inputs) {
    const acn_model_set *set = acn_loaded_set(r->program->loaded);
    if (r->input_count != (size_t)set->input_count || r->output_count != (size_t)set->output_count)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%zu inputs and %zu outputs are given; the graph has %d and %d",
                        r->input_count, r->output_count, set->input_count, set->output_count);
    for (size_t i = 0; i < r->input_count; i++)
        ACN_TRY(take_input(&set->inputs[i], i, &inputs[i], &r->buffers.inputs[i]));
    for (size_t i = 0; i < r->output_count; i++) {
        r->buffers.outputs[i].data = r->outputs[i].data;
        r->buffers.outputs[i].bytes = r->outputs[i].bytes;
        r->is_own[i] = r->outputs[i].data == NULL;
        if (r->is_own[i]) ACN_TRY(make_output(r, i, &set->outputs[i]));
    }
    return ACN_OK;
}

/* Device memory, which an open model's run has made, as host memory. */
static acn_status to_host(acn_model_buffer *b) {
    void *host = malloc(b->bytes ? b->bytes : 1);
    if (host) memcpy(host, acn_memory_view(b->data), b->bytes);
    acn_memory_free(b->data);
    b->data = host;
    return host ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for outputs");
}

static acn_status give_outputs(run *r) {
    const acn_model_set *set = acn_loaded_set(r->program->loaded);
    for (size_t i = 0; i < r->output_count; i++) {
        acn_model_buffer *b = &r->buffers.outputs[i];
        bool is_device = r->is_own[i] && set->kind == ACN_SET_OPEN;
        if (is_device && !r->is_async) ACN_TRY(to_host(b));
        r->outputs[i].data = b->data;
        r->outputs[i].bytes = b->bytes;
        r->outputs[i].shape = (acn_ge_shape){.dtype = set->outputs[i].dtype, .rank = b->size.rank};
        memcpy(r->outputs[i].shape.dims, b->size.dims, sizeof b->size.dims);
    }
    return ACN_OK;
}

static void drop_outputs(run *r) {
    bool is_open = acn_loaded_set(r->program->loaded)->kind == ACN_SET_OPEN;
    for (size_t i = 0; i < r->output_count; i++) {
        void *data = r->buffers.outputs[i].data;
        if (!r->is_own[i] || data == NULL) continue;
        if (is_open || r->is_async)
            acn_memory_free(data);
        else
            free(data);
    }
}

static acn_status run_program(run *r, const acn_ge_buffer *inputs, void *handle) {
    acn_stream *stream = NULL;
    acn_status status = r->is_async ? acn_stream_resolve(handle, &stream) : ACN_OK;
    if (status == ACN_OK) status = take_buffers(r, inputs);
    if (status == ACN_OK) status = acn_loaded_execute(r->program->loaded, &r->buffers, stream);
    if (status != ACN_OK) {
        drop_outputs(r);
        return status;
    }
    return give_outputs(r);
}

uint32_t acn_ge_run(const char *api, acn_ge_program *program, acn_ge_buffer *inputs,
                    size_t input_count, acn_ge_buffer *outputs, size_t output_count, int is_async,
                    void *stream) {
    run r = {.program = program,
             .outputs = outputs,
             .input_count = input_count,
             .output_count = output_count,
             .is_async = is_async};
    r.buffers.inputs = calloc(input_count + 1, sizeof *r.buffers.inputs);
    r.buffers.outputs = calloc(output_count + 1, sizeof *r.buffers.outputs);
    r.buffers.input_count = (int)input_count;
    r.buffers.output_count = (int)output_count;
    r.is_own = calloc(output_count + 1, sizeof *r.is_own);
    acn_status status = r.buffers.inputs && r.buffers.outputs && r.is_own
                            ? run_program(&r, inputs, stream)
                            : acn_fail(ACN_BAD_ALLOC, "no host memory for a run");
    free(r.is_own);
    free(r.buffers.outputs);
    free(r.buffers.inputs);
    return acn_ge_answer(api, status);
}

/* ---- memory ---------------------------------------------------------------------------------- */

uint32_t acn_ge_alloc_device(const char *api, size_t bytes, void **out) {
    return acn_ge_answer(api, device_memory(bytes, out));
}

void acn_ge_free_device(void *data) { acn_memory_free(data); }

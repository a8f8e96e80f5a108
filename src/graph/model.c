/* model.c - see model.h. */
#include "graph/model.h"

#include <string.h>
#include <time.h>

acn_status acn_model_create(acn_model **out) {
    acn_arena arena = {0};
    acn_model *model = acn_arena_alloc(&arena, sizeof *model);
    if (model == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    model->arena = arena;
    *out = model;
    return ACN_OK;
}

acn_model_port acn_port_of(const char *name, const acn_tensor *t) {
    acn_model_port port = {.name = name, .dtype = t->dtype, .rank = t->rank};
    for (int d = 0; d < t->rank; d++)
        port.dims[d] = port.range[d][0] = port.range[d][1] = t->dims[d];
    port.bytes = (uint64_t)acn_tensor_count(t) * acn_dtype_bytes(t->dtype);
    return port;
}

static void set_addresses(acn_model_step *step, char *const *bases, void *const *inputs,
                          void *const *outputs) {
    for (int t = 0; t < step->call.tensor_count; t++) {
        const acn_place *p = &step->place[t];
        char *base = p->kind == ACN_IN_INPUT    ? inputs[p->index]
                     : p->kind == ACN_IN_OUTPUT ? outputs[p->index]
                                                : bases[p->kind];
        step->call.tensors[t].data = base + p->offset_bytes;
    }
}

/* Plans are made before there is memory. Calls are checked for overlap all the same, so tensors get
 * addresses that lie to each other as the later ones will; nobody follows them. */
static void invent_addresses(const acn_model *model, char **bases, void **inputs, void **outputs) {
    uintptr_t next = (uintptr_t)1 << 40;
    const uintptr_t gap = 1 << 20;
    bases[ACN_IN_WORK] = (char *)next;
    bases[ACN_IN_WEIGHTS] = (char *)(next += model->work_bytes / gap * gap + gap);
    next += model->weight_bytes / gap * gap + gap;
    for (int i = 0; i < model->input_count; i++) {
        inputs[i] = (void *)next;
        next += model->inputs[i].bytes / gap * gap + gap;
    }
    for (int i = 0; i < model->output_count; i++) {
        outputs[i] = (void *)next;
        next += model->outputs[i].bytes / gap * gap + gap;
    }
}

acn_status acn_model_prepare(acn_model *model) {
    char *bases[ACN_PLACES];
    size_t ports = (size_t)(model->input_count + model->output_count) + 1;
    void **inputs = acn_arena_alloc(&model->arena, ports * sizeof *inputs);
    if (inputs == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a model");
    void **outputs = inputs + model->input_count;
    invent_addresses(model, bases, inputs, outputs);
    for (int i = 0; i < model->step_count; i++) {
        acn_model_step *step = &model->steps[i];
        set_addresses(step, bases, inputs, outputs);
        ACN_TRY(acn_call_prepare(&step->call));
        uint64_t bytes = step->call.plan->workspace_bytes;
        if (bytes > model->scratch_bytes) model->scratch_bytes = bytes;
    }
    return ACN_OK;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A step whose outputs' sizes follow from data: they are told as the model's, and the step stays as
 * it was planned. */
static acn_status run_late(acn_model *model, acn_model_step *step, char *scratch) {
    acn_call *c = &step->call;
    acn_tensor planned[ACN_MAX_OUTPUTS];
    int first = c->out_first[0], count = c->tensor_count - first;
    memcpy(planned, c->tensors + first, (size_t)count * sizeof *planned);
    acn_status status = acn_call_run(c, scratch);
    for (int i = 0; i < count; i++) {
        const acn_tensor *made = &c->tensors[first + i];
        const acn_place *place = &step->place[first + i];
        if (status == ACN_OK && place->kind == ACN_IN_OUTPUT) {
            model->outputs[place->index].rank = made->rank;
            memcpy(model->outputs[place->index].dims, made->dims, sizeof made->dims);
        }
        c->tensors[first + i] = planned[i];
    }
    return status;
}

static acn_status run_step(acn_model *model, acn_model_step *step, char *scratch) {
    bool is_late = step->call.op->flags & ACN_OP_DYNAMIC_OUT;
    return is_late ? run_late(model, step, scratch) : acn_call_run(&step->call, scratch);
}

acn_status acn_model_run_timed(acn_model *model, char *work, void *const *inputs,
                               void *const *outputs, uint64_t *step_ns) {
    char *bases[ACN_PLACES] = {
        [ACN_IN_WORK] = work, [ACN_IN_WEIGHTS] = (char *)(uintptr_t)model->weights};
    char *scratch = work + model->work_bytes;
    uint64_t begun = step_ns ? now_ns() : 0;
    for (int i = 0; i < model->step_count; i++) {
        acn_model_step *step = &model->steps[i];
        set_addresses(step, bases, inputs, outputs);
        ACN_TRY(run_step(model, step, scratch));
        if (step_ns == NULL) continue;
        uint64_t ended = now_ns();
        step_ns[i] += ended - begun;
        begun = ended;
    }
    return ACN_OK;
}

acn_status acn_model_run(acn_model *model, char *work, void *const *inputs, void *const *outputs) {
    return acn_model_run_timed(model, work, inputs, outputs, NULL);
}

void acn_model_destroy(acn_model *model) {
    if (model == NULL) return;
    for (int i = 0; i < model->step_count; i++)
        acn_call_release(&model->steps[i].call);
    acn_arena arena = model->arena;
    acn_arena_release(&arena);
}

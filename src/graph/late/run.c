/* run.c - see late.h: the stages of a graph, one after the other. */
#include "graph/late/run.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NESTED = 64, ALIGNMENT = 64 };

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory to run a model in stages");
}

acn_status acn_late_create(const acn_onnx_model *model, const acn_onnx_options *options,
                           const acn_pass_switches *switches, acn_late **out) {
    acn_late *late = calloc(1, sizeof *late);
    size_t count = (size_t)options->shape_count;
    if (late) late->shapes = calloc(count + 1, sizeof *late->shapes);
    if (!late || !late->shapes) {
        free(late);
        return no_memory();
    }
    if (count) memcpy(late->shapes, options->shapes, count * sizeof *late->shapes);
    late->model = model;
    late->options = *options;
    late->options.shapes = late->shapes;
    late->options.can_wait = true;
    late->switches = *switches;
    *out = late;
    return ACN_OK;
}

void acn_late_destroy(acn_late *late) {
    if (late == NULL) return;
    acn_sites_destroy(late);
    acn_names_free(&late->names);
    free(late->held);
    free(late->work);
    free(late->shapes);
    free(late);
}

/* ---- names ----------------------------------------------------------------------------------- */

acn_status acn_late_bind(acn_late *late, const char *name, acn_held *held) {
    if (late->held_count == late->held_room) {
        size_t room = late->held_room ? 2 * late->held_room : 64;
        acn_held **more = realloc(late->held, room * sizeof(acn_held *));
        if (more == NULL) {
            acn_held_release(held);
            return no_memory();
        }
        late->held = more;
        late->held_room = room;
    }
    late->held[late->held_count++] = held;
    return name[0] ? acn_names_bind(&late->names, name, held) : ACN_OK;
}

acn_late_mark acn_late_here(const acn_late *late) {
    return (acn_late_mark){late->names.bound_count, late->held_count};
}

void acn_late_return(acn_late *late, acn_late_mark mark) {
    acn_names_return(&late->names, mark.names);
    while (late->held_count > mark.held)
        acn_held_release(late->held[--late->held_count]);
}

/* ---- one stage ------------------------------------------------------------------------------- */

/* What the stage's net reads: of the given, in the order of the site's names, what is not known. */
typedef struct stage_inputs {
    acn_held **held;
    void **addresses;
    int count;
} stage_inputs;

static void take_input(stage_inputs *in, acn_held *h, bool is_needed) {
    if (h->constant || is_needed) return;
    in->held[in->count] = h;
    in->addresses[in->count++] = h->tensor.data;
}

static acn_status take_inputs(const acn_late *late, const acn_site *site, acn_arena *arena,
                              stage_inputs *in) {
    size_t most = 1;
    for (int i = 0; i < site->name_count; i++) {
        const acn_held *h = acn_names_find(&late->names, site->names[i]);
        most += h == NULL ? 0 : h->is_list ? (size_t)h->count : 1;
    }
    in->held = acn_arena_alloc(arena, most * sizeof *in->held);
    in->addresses = acn_arena_alloc(arena, most * sizeof *in->addresses);
    in->count = 0;
    if (!in->held || !in->addresses) return no_memory();
    for (int i = 0; i < site->name_count; i++) {
        acn_held *h = acn_names_find(&late->names, site->names[i]);
        if (h == NULL) continue;
        for (int j = 0; j < h->count && h->is_list; j++)
            take_input(in, h->items[j], site->needed[i]);
        if (!h->is_list) take_input(in, h, site->needed[i]);
    }
    return ACN_OK;
}

/* The first stage's inputs are the client's. */
static acn_status take_client_inputs(const acn_late *late, const acn_model *model, acn_arena *arena,
                                     stage_inputs *in) {
    size_t room = (size_t)model->input_count + 1;
    in->held = acn_arena_alloc(arena, room * sizeof *in->held);
    in->addresses = acn_arena_alloc(arena, room * sizeof *in->addresses);
    in->count = 0;
    if (!in->held || !in->addresses) return no_memory();
    for (; in->count < model->input_count; in->count++)
        in->addresses[in->count] = late->inputs[in->count];
    return ACN_OK;
}

static acn_status grow_work(acn_late *late, const acn_model *model) {
    size_t bytes = (size_t)(model->work_bytes + model->scratch_bytes) + ALIGNMENT;
    if (bytes <= late->work_bytes) return ACN_OK;
    free(late->work);
    late->work_bytes = 0;
    late->work = aligned_alloc(ALIGNMENT, bytes / ALIGNMENT * ALIGNMENT + ALIGNMENT);
    if (late->work == NULL) return no_memory();
    late->work_bytes = bytes;
    return ACN_OK;
}

/* Places for the outputs: the client's, or our own. */
static acn_status make_outputs(acn_late *late, const acn_made_stage *made, acn_held **held,
                               void **addresses) {
    const acn_model *model = made->model;
    for (int i = 0; i < model->output_count; i++) {
        const acn_model_port *port = &model->outputs[i];
        if (made->stage.has_outputs) {
            ACN_TRY(late->place(late->context, i, port, &addresses[i]));
            continue;
        }
        int64_t bytes = (int64_t)port->bytes; /* the most that it may be */
        ACN_TRY(acn_held_new(ACN_U8, 1, &bytes, NULL, &held[i]));
        addresses[i] = held[i]->tensor.data;
    }
    return ACN_OK;
}

/* Now the true sizes are known. */
static void name_outputs(const acn_model *model, acn_held **held) {
    for (int i = 0; i < model->output_count && held[i]; i++) {
        const acn_model_port *port = &model->outputs[i];
        acn_tensor_init(&held[i]->tensor, held[i]->memory, port->dtype, port->rank, port->dims);
    }
}

static acn_status find_part(const acn_made_stage *made, const stage_inputs *in, acn_held **held,
                            const acn_stage_part *part, uint64_t number, acn_held **out) {
    if (part->source == ACN_STAGE_CONSTANT) {
        const acn_tensor *t = part->constant;
        ACN_TRY(acn_held_new(t->dtype, t->rank, t->dims, t->data, out));
        (*out)->constant = number;
        return ACN_OK;
    }
    acn_held *h = part->source == ACN_STAGE_RUN ? held[part->index] : in->held[part->index];
    if (h) {
        *out = acn_held_retain(h);
        return ACN_OK;
    }
    const acn_model_port *port = &made->model->inputs[part->index]; /* the client's */
    return acn_held_new(port->dtype, port->rank, port->dims, in->addresses[part->index], out);
}

static acn_status bind_result(acn_late *late, const acn_made_stage *made, const stage_inputs *in,
                              acn_held **held, const acn_stage_result *result, uint64_t number) {
    acn_held *list, *one = NULL, **items = calloc((size_t)result->count + 1, sizeof(acn_held *));
    if (items == NULL) return no_memory();
    acn_status status = ACN_OK;
    for (int i = 0; i < result->count && status == ACN_OK; i++)
        status = find_part(made, in, held, &result->parts[i], number + (uint64_t)i, &items[i]);
    if (status == ACN_OK && result->is_list) {
        status = acn_held_list(items, result->count, &list);
        if (status == ACN_OK) status = acn_late_bind(late, result->name, list);
    } else if (status == ACN_OK) {
        one = items[0];
        items[0] = NULL;
        status = acn_late_bind(late, result->name, one);
    }
    for (int i = 0; i < result->count; i++)
        acn_held_release(items[i]);
    free(items);
    return status;
}

static acn_status bind_results(acn_late *late, const acn_made_stage *made, const stage_inputs *in,
                               acn_held **held) {
    uint64_t number = made->constants;
    for (int i = 0; i < made->stage.result_count; i++) {
        ACN_TRY(bind_result(late, made, in, held, &made->stage.results[i], number));
        number += (uint64_t)made->stage.results[i].count;
    }
    return ACN_OK;
}

static acn_status run_stage(acn_late *late, const acn_site *site, const acn_made_stage *made,
                            acn_arena *arena) {
    acn_model *model = made->model;
    size_t outputs = (size_t)model->output_count + 1;
    stage_inputs in;
    if (site->first == ACN_STAGE_INPUTS)
        ACN_TRY(take_client_inputs(late, model, arena, &in));
    else
        ACN_TRY(take_inputs(late, site, arena, &in));
    acn_held **held = acn_arena_alloc(arena, outputs * sizeof *held);
    void **addresses = acn_arena_alloc(arena, outputs * sizeof *addresses);
    if (!held || !addresses) return no_memory();
    acn_status status = grow_work(late, model);
    if (status == ACN_OK) status = make_outputs(late, made, held, addresses);
    if (status == ACN_OK) status = acn_model_run(model, late->work, in.addresses, addresses);
    if (status == ACN_OK) name_outputs(model, held);
    if (status == ACN_OK) status = bind_results(late, made, &in, held);
    for (int i = 0; i < model->output_count; i++)
        acn_held_release(held[i]);
    return status;
}

/* ---- a graph --------------------------------------------------------------------------------- */

/* From |*first| to where the next begins. */
static acn_status run_from(acn_late *late, const acn_onnx_graph *graph, int *first, bool *is_done) {
    acn_site *site;
    acn_made_stage *made = NULL;
    ACN_TRY(acn_site_find(late, graph, *first, &site));
    if (!site->is_control) ACN_TRY(acn_site_stage(late, site, &made));
    if (site->is_control) return acn_late_control(late, &graph->nodes[(*first)++]);
    acn_arena arena = {0};
    acn_status status = run_stage(late, site, made, &arena);
    acn_arena_release(&arena);
    *first = made->stage.end;
    *is_done = made->stage.has_outputs;
    return status;
}

static acn_status run_nodes(acn_late *late, const acn_onnx_graph *graph) {
    bool is_main = graph == &late->model->graph, is_done = false;
    int first = ACN_STAGE_INPUTS;
    while (!is_done && (is_main || first < graph->node_count))
        ACN_TRY(run_from(late, graph, &first, &is_done));
    return ACN_OK;
}

acn_status acn_late_graph(acn_late *late, const acn_onnx_graph *graph, acn_held **out) {
    if (late->nesting == MOST_NESTED)
        return acn_fail(ACN_OP_NOT_FOUND, "graphs are nested deeper than %d", MOST_NESTED);
    late->nesting++;
    acn_status status = run_nodes(late, graph);
    late->nesting--;
    int count = 0;
    for (; status == ACN_OK && out && count < graph->output_count; count++) {
        acn_held *h = acn_names_find(&late->names, graph->outputs[count].name);
        if (h == NULL)
            status = acn_fail(ACN_PARSE_FILE, "graph %s: no node makes output \"%s\"", graph->name,
                              graph->outputs[count].name);
        else
            out[count] = acn_held_retain(h);
    }
    for (int i = 0; i < count && status != ACN_OK; i++) {
        acn_held_release(out[i]);
        out[i] = NULL;
    }
    return status;
}

acn_status acn_late_run(acn_late *late, void *const *inputs, acn_late_place *place, void *context) {
    late->inputs = inputs;
    late->place = place;
    late->context = context;
    acn_sites_limit(late);
    acn_late_mark mark = acn_late_here(late);
    acn_status status = acn_late_graph(late, &late->model->graph, NULL);
    acn_late_return(late, mark);
    return status;
}

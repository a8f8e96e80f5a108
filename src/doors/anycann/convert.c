/* convert.c - see convert.h. A conversion with gears imports and compiles the model once for each;
 * an open one imports it twice, to see what depends on the open sizes. */
#include "doors/anycann/convert.h"

#include "base/env.h"
#include "doors/anycann/fusion.h"
#include "doors/anycann/ge_error.h"
#include "doors/anycann/request.h"
#include "graph/dump/dump.h"
#include "graph/import/source.h"
#include "graph/om/om.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- conversion --------------------------------------------------------------------------------
 */

/* Everything that lives until the file is written. */
typedef struct conversion {
    const acn_request *request;
    const acn_tool_conversion *options;
    acn_source source;
    uint64_t *external; /* where in the weights what it has in other files lies */
    int external_count;
    acn_onnx_shape *shapes;
    acn_net *nets[ACN_MAX_GEARS];
    acn_compiled compiled[ACN_MAX_GEARS];
    int count;
    bool is_open; /* the file holds the source, and models are made when they are used */
    bool is_late; /* something follows from data: the network ends there */
    acn_weights weights;
    acn_model_set *set;
    acn_pass_switches switches;
    acn_fusion_result *fusion;
} conversion;

static void show_pass(void *context, const acn_net *net, const char *pass) {
    const int *graph = context;
    char stage[128];
    snprintf(stage, sizeof stage, "After_%s", pass);
    acn_graph_dump(net, *graph, ACN_DUMP_PASS, stage);
}

static acn_status know_constant(void *context, const void *data, size_t bytes) {
    conversion *c = context;
    return acn_weights_know(&c->weights, data, bytes);
}

static acn_status place_external(void *context, acn_onnx_tensor *t) {
    conversion *c = context;
    uint64_t *offset = &c->external[c->external_count++];
    return acn_weights_place(&c->weights, t->data, t->bytes, offset);
}

static acn_status count_external(void *context, acn_onnx_tensor *t) {
    ++*(int *)context;
    return ACN_OK;
}

/* The source goes into the file of an open model, and what it has in other files behind it. Its
 * weights are used where they lie there. */
static acn_status take_source(conversion *c) {
    int count = 0;
    acn_weights_init(&c->weights, c->source.bytes, c->source.size);
    ACN_TRY(acn_source_constants(&c->source, know_constant, c));
    if (c->source.onnx == NULL) return ACN_OK;
    ACN_TRY(acn_onnx_each_external(c->source.onnx, count_external, &count));
    c->external = calloc((size_t)count + 1, sizeof *c->external);
    if (c->external == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a conversion");
    return acn_onnx_each_external(c->source.onnx, place_external, c);
}

static acn_status import(conversion *c, const acn_request *r, const int64_t *gear) {
    acn_request_shapes(r, gear, c->shapes);
    const acn_onnx_options options = {
        .shapes = c->shapes,
        .shape_count = r->shape_count,
        .source = r->source,
        .can_wait = c->request->kind == ACN_SET_FIXED || c->is_open,
    };
    acn_net *net;
    ACN_TRY(acn_source_import(&c->source, &options, &net));
    c->is_late = net->awaited != NULL;
    net->can_wait = false;
    if (c->is_late && !c->is_open) { /* once more, with the source's weights where they lie */
        acn_net_destroy(net);
        c->is_open = true;
        ACN_TRY(take_source(c));
        return import(c, r, gear);
    }
    acn_graph_dump(net, c->count, ACN_DUMP_FIRST, "PreRunBegin");
    /* Networks of open sizes are made again for each size that comes, when packing would not pay.
     */
    acn_pass_count counts[ACN_MAX_PASSES];
    acn_status status = ACN_OK;
    if (!c->is_open) {
        const acn_pass_watcher watcher = {show_pass, &c->count};
        status = acn_passes_run(net, &c->switches, &watcher, counts);
        if (status == ACN_OK) status = acn_fusion_note(&c->fusion, counts);
        acn_graph_dump(net, c->count, ACN_DUMP_STAGE, "RunCustomPassAfterBuiltinFusionPass");
    }
    if (status == ACN_OK) status = acn_compile(net, &c->weights, &c->compiled[c->count]);
    if (status == ACN_OK) acn_graph_dump(net, c->count, ACN_DUMP_LAST, "PreRunAfterBuild");
    if (status != ACN_OK) {
        acn_net_destroy(net);
        return status;
    }
    c->nets[c->count++] = net;
    return ACN_OK;
}

static const acn_request_shape *given_shape(const acn_request *r, const char *name) {
    for (int i = 0; i < r->shape_count; i++)
        if (strcmp(r->shapes[i].name, name) == 0) return &r->shapes[i];
    return NULL;
}

/* What the networks have in common: -1 where they differ, and the most bytes. */
static void widen(acn_model_port *port, const acn_tensor *other) {
    acn_model_port p = acn_port_of(port->name, other);
    if (p.bytes > port->bytes) port->bytes = p.bytes;
    for (int d = 0; d < port->rank && p.rank == port->rank; d++) {
        if (p.dims[d] == port->dims[d]) continue;
        if (p.range[d][0] < port->range[d][0]) port->range[d][0] = p.range[d][0];
        if (p.range[d][1] > port->range[d][1]) port->range[d][1] = p.range[d][1];
        port->dims[d] = -1;
    }
}

/* Open dimensions of inputs are what the user says, even where all gears agree. */
static void open_input(const acn_request *r, acn_model_port *port) {
    const acn_request_shape *shape = given_shape(r, port->name);
    bool is_bounded = true;
    for (int d = 0; shape && d < port->rank && d < shape->rank; d++) {
        if (shape->dims[d] >= 0) continue;
        port->dims[d] = -1;
        if (r->kind != ACN_SET_OPEN) continue;
        memcpy(port->range[d], shape->range[d], sizeof port->range[d]);
        is_bounded = false;
    }
    if (!is_bounded) port->bytes = 0;
}

/* Nothing bounds what depends on an open size. */
static void open_output(const acn_request *r, acn_model_port *port) {
    for (int d = 0; d < port->rank && r->kind == ACN_SET_OPEN; d++)
        if (port->dims[d] < 0) {
            port->range[d][0] = 0;
            port->range[d][1] = -1;
            port->bytes = 0;
        }
}

/* An input that an Aipp node reads takes images. */
static void describe_images(const acn_net *net, int index, acn_model_port *port) {
    for (const acn_net_node *n = net->nodes; n; n = n->next) {
        if (strcmp(n->call.op->name, "Aipp") != 0 || n->value[0] != net->inputs[index]) continue;
        const acn_tensor *seen = &n->call.tensors[n->call.out_first[0]];
        port->images = n->call.in_count[1] ? ACN_IMAGES_GIVEN : ACN_IMAGES_FIXED;
        for (int i = 0; i < net->input_count; i++)
            if (n->call.in_count[1] && n->value[1] == net->inputs[i]) port->images_params = i;
        port->seen_rank = seen->rank;
        memcpy(port->seen_dims, seen->dims, sizeof port->seen_dims);
    }
}

/* An output of a network that ends before it: as the model declares it. */
static acn_status describe_late_output(void *context, const char *tensor) {
    conversion *c = context;
    acn_model_set *set = c->set;
    acn_onnx_value v;
    ACN_TRY(acn_onnx_declared_output(&c->source.onnx->graph, &c->request->source, tensor,
                                     &set->arena, &v));
    size_t count = (size_t)set->output_count;
    if ((count & (count - 1)) == 0) {
        acn_model_port *more = acn_arena_alloc(&set->arena, (2 * count + 1) * sizeof *more);
        if (more == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory");
        if (count) memcpy(more, set->outputs, count * sizeof *more);
        set->outputs = more;
    }
    acn_model_port *port = &set->outputs[set->output_count++];
    bool is_known = v.rank >= 0;
    *port = (acn_model_port){.name = v.name, .dtype = v.dtype, .rank = is_known ? v.rank : 1};
    if (!is_known) port->dims[0] = -2; /* not even how many dimensions there are */
    port->bytes = acn_dtype_bytes(v.dtype);
    for (int d = 0; d < v.rank; d++) {
        int64_t n = v.dims[d];
        port->dims[d] = n;
        port->range[d][0] = n < 0 ? 0 : n;
        port->range[d][1] = n;
        is_known &= n >= 0;
        if (is_known) port->bytes *= (uint64_t)n;
    }
    if (!is_known) port->bytes = 0;
    return ACN_OK;
}

static acn_status describe_late_outputs(conversion *c) {
    return acn_onnx_each_output(&c->source.onnx->graph, &c->request->source, describe_late_output,
                                c);
}

static acn_status describe_ports(conversion *c) {
    acn_model_set *set = c->set;
    const acn_net *first = c->nets[0];
    size_t in = (size_t)first->input_count + 1, out = (size_t)first->output_count + 1;
    set->inputs = acn_arena_alloc(&set->arena, in * sizeof *set->inputs);
    set->outputs = acn_arena_alloc(&set->arena, out * sizeof *set->outputs);
    if (!set->inputs || !set->outputs) return acn_fail(ACN_BAD_ALLOC, "no host memory");
    for (int i = 0; i < first->input_count; i++) {
        acn_model_port *port = &set->inputs[set->input_count++];
        *port = acn_port_of(first->inputs[i]->name, &first->inputs[i]->tensor);
        for (int n = 1; n < c->count; n++)
            widen(port, &c->nets[n]->inputs[i]->tensor);
        open_input(c->request, port);
        describe_images(first, i, port);
    }
    if (c->is_late) return describe_late_outputs(c);
    for (int i = 0; i < first->output_count; i++) {
        acn_model_port *port = &set->outputs[set->output_count++];
        *port = acn_port_of(first->output_names[i], &first->outputs[i]->tensor);
        for (int n = 1; n < c->count; n++)
            widen(port, &c->nets[n]->outputs[i]->tensor);
        open_output(c->request, port);
    }
    return ACN_OK;
}

/* The input that chooses a gear. */
static void add_gear_input(acn_model_set *set) {
    const int64_t length = set->gear_length;
    acn_tensor t;
    acn_tensor_init(&t, NULL, ACN_I32, 1, &length);
    set->inputs[set->input_count++] = acn_port_of(ACN_GEAR_INPUT, &t);
}

static acn_status describe(conversion *c) {
    const acn_request *r = c->request;
    acn_model_set *set = c->set;
    set->kind = c->is_open ? ACN_SET_OPEN : r->kind;
    set->name = c->nets[0]->name;
    set->source_options = r->source;
    ACN_TRY(describe_ports(c));
    if (!acn_set_has_gears(set)) return ACN_OK;
    set->gears = r->gears;
    set->gear_length = r->gear_length;
    add_gear_input(set);
    return ACN_OK;
}

enum { MAX_OPEN = 256 };

/* Sizes to look at, near |wanted| and inside the ranges; where |other| is given, each is another
 * than there if the range has a second one. */
static acn_status probe(const acn_request *r, int64_t wanted, const int64_t *other,
                        int64_t *sizes) {
    int at = 0;
    for (int i = 0; i < r->shape_count; i++)
        for (int d = 0; d < r->shapes[i].rank; d++) {
            const int64_t *range = r->shapes[i].range[d];
            if (r->shapes[i].dims[d] >= 0) continue;
            if (at == MAX_OPEN)
                return acn_ge_fail("E10002", "More than %d dimensions are open.", MAX_OPEN);
            int64_t n = wanted < range[0] ? range[0] : wanted;
            if (range[1] >= 0 && n > range[1]) n = range[1];
            if (other && n == other[at]) n += n > range[0] ? -1 : 1;
            sizes[at++] = n;
        }
    return ACN_OK;
}

/* Imports the network with two sizes for each open dimension. The first success tells that the
 * model works at all; which outputs depend on the sizes shows when there is a second. */
static acn_status import_open(conversion *c) {
    static const int64_t tries[] = {32, 64, 224, 7, 2, 1, 3, 128, 512};
    acn_request dims = *c->request;
    int64_t sizes[MAX_OPEN] = {0}, first[MAX_OPEN];
    acn_status status = ACN_OK, last;
    dims.kind = ACN_SET_DIMS; /* a size for each open dimension */
    for (size_t i = 0; i < sizeof tries / sizeof *tries && c->count < 2 && !c->is_late; i++) {
        ACN_TRY(probe(&dims, tries[i], c->count ? first : NULL, sizes));
        last = import(c, &dims, sizes);
        if (c->count == 0) status = last;
        if (c->count == 1) memcpy(first, sizes, sizeof sizes);
    }
    return c->count ? ACN_OK : status;
}

static acn_tool_row progress; /* of the program's only thread */

void acn_tool_show_progress(acn_tool_row row) { progress = row; }

static void tell(const char *what, int done, int all) {
    char text[64];
    snprintf(text, sizeof text, all ? "%s %d of %d" : "%s", what, done, all);
    if (progress) progress(NULL, (const char *[]){text});
}

static acn_status import_all(conversion *c) {
    const acn_request *r = c->request;
    tell("planning", 0, 0);
    if (r->kind == ACN_SET_FIXED) return import(c, r, NULL);
    if (r->kind == ACN_SET_OPEN) return import_open(c);
    for (int i = 0; i < r->gear_count; i++) {
        tell("planning gear", i + 1, r->gear_count);
        ACN_TRY(import(c, r, r->gears + (size_t)i * (size_t)r->gear_length));
    }
    return ACN_OK;
}

/* With what it has in files beside it. */
static acn_status open_source(conversion *c) {
    const acn_tool_conversion *options = c->options;
    const acn_request *r = c->request;
    char folder[4096];
    const char *slash = strrchr(r->model, '/');
    acn_source_kind kind = r->framework == ACN_FRAMEWORK_ONNX ? ACN_SOURCE_ONNX : ACN_SOURCE_GE;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - r->model) : 1,
             slash ? r->model : ".");
    if (options->source)
        ACN_TRY(acn_source_read("the model in memory", options->source, options->source_bytes,
                                &c->source));
    else
        ACN_TRY(acn_source_open(r->model, kind, &c->source));
    return acn_source_load_external(&c->source, slash == r->model ? "/" : folder);
}

/* |image| NULL: into the file that the request names. */
static acn_status convert(conversion *c, void **image, size_t *image_bytes) {
    const acn_request *r = c->request;
    char path[4096 + 8];
    tell("reading", 0, 0);
    ACN_TRY(acn_pass_read_switches("--fusion_switch_file", r->source.switches,
                                   strlen(r->source.switches), &c->switches));
    ACN_TRY(open_source(c));
    c->is_open = r->kind == ACN_SET_OPEN;
    acn_weights_init(&c->weights, NULL, 0);
    if (c->is_open) ACN_TRY(take_source(c));
    c->shapes = calloc((size_t)r->shape_count + 1, sizeof *c->shapes);
    if (c->shapes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for shapes");
    ACN_TRY(import_all(c));
    ACN_TRY(acn_set_create(&c->set));
    ACN_TRY(describe(c));
    if (c->is_open) c->set->source_bytes = c->source.size;
    c->set->external = c->external;
    c->set->external_count = c->external_count;
    const acn_om_contents contents = {
        .compiled = c->compiled,
        .count = c->count,
        .weights = &c->weights,
        .set = c->set,
        .facts = {.command = c->options->command,
                  .soc = r->soc,
                  .cann_version = acn_env_text(ACN_ENV_CANN_VERSION),
                  .framework = r->framework},
    };
    if (image) return acn_om_encode(&contents, image, image_bytes);
    snprintf(path, sizeof path, "%s.om", r->output);
    tell("writing", 0, 0);
    return acn_om_write(path, &contents);
}

static acn_status run_conversion(const acn_request *request, const acn_tool_conversion *options,
                                 void **image, size_t *image_bytes) {
    conversion *c = calloc(1, sizeof *c);
    if (c == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a conversion");
    c->request = request;
    c->options = options;
    acn_status status = convert(c, image, image_bytes);
    acn_fusion_write(c->fusion, status == ACN_OK && image == NULL && request->has_fusion_result);
    acn_set_destroy(c->set);
    acn_weights_release(&c->weights);
    for (int i = 0; i < c->count; i++)
        acn_net_destroy(c->nets[i]);
    acn_source_close(&c->source);
    free(c->shapes);
    free(c->external);
    free(c);
    return status;
}

acn_status acn_convert(const acn_tool_conversion *options, void **image, size_t *image_bytes) {
    acn_request request;
    acn_status status = acn_request_read(options, &request);
    if (status == ACN_OK) status = run_conversion(&request, options, image, image_bytes);
    acn_request_release(&request);
    return status;
}

int acn_tool_convert(const acn_tool_conversion *options) {
    acn_ge_begin();
    return acn_ge_finish(acn_convert(options, NULL, NULL));
}

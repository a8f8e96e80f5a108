/* convert.c - see convert.h. */
#include "doors/anycann/convert.h"

#include "base/env.h"
#include "doors/door.h"
#include "graph/import/onnx.h"
#include "graph/om/om.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ONNX = 5 };

static acn_status import(const acn_tool_conversion *conversion, const acn_onnx_model *model,
                         acn_net **out) {
    char folder[4096];
    const char *slash = strrchr(conversion->model, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - conversion->model) : 1,
             slash ? conversion->model : ".");
    acn_onnx_shape *shapes = calloc((size_t)conversion->shape_count + 1, sizeof *shapes);
    if (shapes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for shapes");
    for (int i = 0; i < conversion->shape_count; i++) {
        const acn_tool_shape *given = &conversion->shapes[i];
        shapes[i].name = given->name;
        shapes[i].rank = given->rank;
        for (int d = 0; d < given->rank; d++)
            shapes[i].dims[d] = given->dims[d];
    }
    const acn_onnx_options options = {
        .folder = slash == conversion->model ? "/" : folder,
        .shapes = shapes,
        .shape_count = conversion->shape_count,
    };
    acn_status status = acn_onnx_import(model, &options, out);
    free(shapes);
    return status;
}

static acn_status convert(const acn_tool_conversion *conversion) {
    acn_onnx_model *model = NULL;
    acn_net *net = NULL;
    acn_compiled compiled;
    acn_status status;
    const acn_om_facts facts = {.command = conversion->command,
                                .soc = conversion->soc,
                                .cann_version = acn_env_text(ACN_ENV_CANN_VERSION),
                                .framework = ONNX};
    ACN_TRY_OR(close, acn_onnx_open(conversion->model, &model));
    ACN_TRY_OR(close, import(conversion, model, &net));
    ACN_TRY_OR(close, acn_compile(net, &compiled));
    status = acn_om_write(conversion->output, &compiled, &facts);
close:
    acn_net_destroy(net);
    acn_onnx_close(model);
    return status;
}

int acn_tool_convert(const acn_tool_conversion *conversion) {
    return acn_door_acl("atc", convert(conversion));
}

const char *acn_tool_error(void) { return acn_error_take(); }

typedef struct visitor {
    acn_tool_row row;
    void *context;
} visitor;

static void visit_use(void *context, const acn_onnx_use *use) {
    const visitor *v = context;
    char name[256], count[32];
    snprintf(name, sizeof name, "%s%s%s", use->domain, use->domain[0] ? "." : "", use->type);
    snprintf(count, sizeof count, "%d", use->count);
    v->row(v->context,
           (const char *[]){name, count, use->first_node, use->is_supported ? "yes" : "missing"});
}

int acn_tool_model_ops(const char *path, acn_tool_row row, void *context) {
    acn_onnx_model *model;
    visitor v = {row, context};
    acn_status status = acn_onnx_open(path, &model);
    if (status == ACN_OK) {
        status = acn_onnx_uses(model, visit_use, &v);
        acn_onnx_close(model);
    }
    return acn_door_acl("anycann ops", status);
}

static void tell_number(visitor *v, const char *key, uint64_t value) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    v->row(v->context, (const char *[]){key, number});
}

static acn_status om_info(const char *path, visitor *v) {
    acn_om om;
    acn_model *model;
    ACN_TRY(acn_om_open(path, &om));
    acn_status status = acn_om_model(&om, &model);
    if (status == ACN_OK) {
        tell_number(v, "memory_size", model->work_bytes);
        tell_number(v, "weight_size", model->weight_bytes);
        tell_number(v, "modeldef_size", om.partition[ACN_OM_MODEL_DEF].size);
        tell_number(v, "weight_data_size", om.partition[ACN_OM_WEIGHTS].size);
        tell_number(v, "tbe_kernels_size", om.partition[ACN_OM_PLAN].size);
        tell_number(v, "task_info_size", om.partition[ACN_OM_TASKS].size);
        acn_model_destroy(model);
    }
    acn_om_close(&om);
    return status;
}

int acn_tool_om_info(const char *path, acn_tool_row row, void *context) {
    visitor v = {row, context};
    return acn_door_acl("atc", om_info(path, &v));
}

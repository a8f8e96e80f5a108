/* build.c - models of the graph engine's C++ interface: from a source to a file's contents. */
#include "base/env.h"
#include "doors/anycann/request.h"
#include "doors/ge/status.h"
#include "graph/import/source.h"
#include "graph/om/om.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void acn_ge_unsupported(const char *declaration) { acn_door_unsupported(declaration, NULL); }

uint32_t acn_ge_refuse(const char *api, const char *text) {
    return acn_ge_answer(api, acn_fail(ACN_INVALID_ARGUMENT, "%s", text));
}

const char *acn_ge_error(void) {
    const char *text = acn_error_take();
    return text ? text : "";
}

/* ---- building ----------------------------------------------------------------------------------
 */

/* Options of programs, by the name that atc has for them. */
static const struct {
    const char *key, *name;
} names[] = {
    {"input_shape", "input_shape"},
    {"ge.inputShape", "input_shape"},
    {"input_format", "input_format"},
    {"ge.socVersion", "soc_version"},
    {"ge.outputNodeName", "out_nodes"},
    {"out_nodes", "out_nodes"},
    {"ge.outputDatatype", "output_type"},
    {"ge.INPUT_NODES_SET_FP16", "input_fp16_nodes"},
    {"input_fp16_nodes", "input_fp16_nodes"},
    {"ge.insertOpFile", "insert_op_conf"},
    {"ge.dynamicBatchSize", "dynamic_batch_size"},
    {"ge.dynamicImageSize", "dynamic_image_size"},
    {"ge.dynamicDims", "dynamic_dims"},
};

static const char *name_of(const char *key) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].key, key) == 0) return names[i].name;
    return NULL;
}

static acn_status build_model(const void *bytes, size_t size, const char *folder,
                              const acn_ge_option *options, size_t count, acn_ge_image *out) {
    char model[4096];
    acn_tool_option *list = calloc(count + 3, sizeof *list);
    if (list == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for options");
    snprintf(model, sizeof model, "%s/model", folder ? folder : ".");
    acn_tool_conversion conversion = {
        .options = list, .command = "aclgrphBuildModel", .source = bytes, .source_bytes = size};
    list[conversion.option_count++] = (acn_tool_option){"framework", "5"};
    list[conversion.option_count++] = (acn_tool_option){"model", model};
    list[conversion.option_count++] =
        (acn_tool_option){"soc_version", acn_env_text(ACN_ENV_SOC)}; /* unless one follows */
    for (size_t i = 0; i < count; i++) {
        const char *name = name_of(options[i].key);
        if (name) list[conversion.option_count++] = (acn_tool_option){name, options[i].value};
    }
    acn_status status = acn_convert(&conversion, &out->bytes, &out->size);
    free(list);
    return status;
}

uint32_t acn_ge_build_model(const char *api, const void *bytes, size_t size, const char *folder,
                            const acn_ge_option *options, size_t count, acn_ge_image *out) {
    return acn_ge_answer(api, build_model(bytes, size, folder, options, count, out));
}

int acn_ge_is_graph(const void *bytes, size_t size) { return acn_source_is_ge(bytes, size); }

uint32_t acn_ge_check_model(const char *api, const void *bytes, size_t size) {
    acn_source source;
    acn_status status = acn_source_read("the model in memory", bytes, size, &source);
    if (status == ACN_OK) status = acn_source_check(&source);
    acn_source_close(&source);
    return acn_ge_answer(api, status);
}

static acn_status infer(const void *bytes, size_t size, acn_ge_shape *outputs, size_t room,
                        size_t *out_count) {
    static const acn_onnx_options options = {0};
    acn_source source;
    acn_net *net = NULL;
    acn_status status = acn_source_read("the graph", bytes, size, &source);
    if (status == ACN_OK) status = acn_source_import(&source, &options, &net);
    for (int i = 0; status == ACN_OK && i < net->output_count && (size_t)i < room; i++) {
        const acn_tensor *t = &net->outputs[i]->tensor;
        outputs[i] = (acn_ge_shape){.dtype = t->dtype, .rank = t->rank};
        memcpy(outputs[i].dims, t->dims, sizeof outputs[i].dims);
    }
    if (status == ACN_OK) *out_count = (size_t)net->output_count;
    acn_net_destroy(net);
    acn_source_close(&source);
    return status;
}

_Static_assert((int)ACN_GE_MAX_RANK == (int)ACN_MAX_DIMS, "shapes are copied whole");

uint32_t acn_ge_infer(const char *api, const void *bytes, size_t size, acn_ge_shape *outputs,
                      size_t room, size_t *out_count) {
    return acn_ge_answer(api, infer(bytes, size, outputs, room, out_count));
}

void acn_ge_release(acn_ge_image *image) {
    free(image->bytes);
    *image = (acn_ge_image){0};
}

/* ---- files --------------------------------------------------------------------------------------
 */

static acn_status save(const char *path, const void *bytes, size_t size) {
    char whole[4096];
    size_t n = strlen(path);
    bool is_named = n >= 3 && strcmp(path + n - 3, ".om") == 0;
    if (snprintf(whole, sizeof whole, "%s%s", path, is_named ? "" : ".om") >= (int)sizeof whole)
        return acn_fail(ACN_INVALID_ARGUMENT, "the path %.64s... is too long", path);
    return acn_om_copy(whole, bytes, size);
}

uint32_t acn_ge_save(const char *api, const char *path, const void *bytes, size_t size) {
    return acn_ge_answer(api, save(path, bytes, size));
}

uint32_t acn_ge_write_file(const char *api, const char *path, const void *bytes, size_t size) {
    return acn_ge_answer(api, acn_om_write_bytes(path, bytes, size));
}

static acn_status read_file(const char *path, acn_ge_image *out) {
    FILE *file = fopen(path, "re");
    char *bytes = NULL;
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (size >= 0 && fseek(file, 0, SEEK_SET) == 0) bytes = malloc((size_t)size + 1);
    bool is_read = bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size;
    if (file) fclose(file);
    if (!is_read) {
        free(bytes);
        return acn_fail(ACN_INVALID_FILE, "%s cannot be read; give a readable file", path);
    }
    *out = (acn_ge_image){bytes, (size_t)size};
    return ACN_OK;
}

uint32_t acn_ge_read_file(const char *api, const char *path, acn_ge_image *out) {
    return acn_ge_answer(api, read_file(path, out));
}

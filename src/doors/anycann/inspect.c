/* inspect.c - what models say of themselves: operators, sizes, JSON, a report. */
#include "doors/anycann/convert.h"

#include "base/file.h"
#include "doors/anycann/ge_error.h"
#include "graph/import/onnx.h"
#include "graph/json/proto_json.h"
#include "graph/om/om.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- looking at files --------------------------------------------------------------------------
 */

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
    acn_ge_begin();
    acn_status status = acn_onnx_open(path, &model);
    if (status == ACN_OK) {
        status = acn_onnx_uses(model, visit_use, &v);
        acn_onnx_close(model);
    }
    return acn_ge_finish(status);
}

static void tell_number(visitor *v, const char *key, uint64_t value) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    v->row(v->context, (const char *[]){key, number});
}

/* Attributes of ge.proto.ModelDef that mode 6 shows. */
static void tell_attribute(visitor *v, acn_wire entry) {
    enum { KEY = 1, VALUE = 2, TEXT = 2, INT = 3 };
    char key[64] = "", text[4096];
    acn_wire_field f, inner;
    acn_wire value = {0};
    while (acn_wire_next(&entry, &f)) {
        if (f.number == KEY) snprintf(key, sizeof key, "%.*s", (int)f.size, (const char *)f.bytes);
        if (f.number == VALUE) value = acn_wire_inside(&f);
    }
    while (acn_wire_next(&value, &inner)) {
        if (inner.number == INT) snprintf(text, sizeof text, "%lld", (long long)inner.value);
        if (inner.number == TEXT)
            snprintf(text, sizeof text, "%.*s", (int)inner.size, (const char *)inner.bytes);
        if (inner.number == INT || inner.number == TEXT)
            v->row(v->context, (const char *[]){key, text});
    }
}

static void tell_attributes(visitor *v, const acn_om *om) {
    enum { ATTR = 11 };
    acn_wire_field f;
    acn_wire wire =
        acn_wire_open(om->partition[ACN_OM_MODEL_DEF].bytes, om->partition[ACN_OM_MODEL_DEF].size);
    while (acn_wire_next(&wire, &f))
        if (f.number == ATTR) tell_attribute(v, acn_wire_inside(&f));
}

static acn_status om_info(const char *path, visitor *v) {
    acn_om om;
    acn_model_set *set;
    ACN_TRY(acn_om_open(path, &om));
    acn_status status = acn_om_set(&om, &set);
    if (status == ACN_OK) {
        tell_number(v, "memory_size", acn_set_work_bytes(set));
        tell_number(v, "weight_size", set->weight_bytes);
        tell_number(v, "modeldef_size", om.partition[ACN_OM_MODEL_DEF].size);
        tell_number(v, "weight_data_size", om.partition[ACN_OM_WEIGHTS].size);
        tell_number(v, "tbe_kernels_size", om.partition[ACN_OM_PLAN].size);
        tell_number(v, "task_info_size", om.partition[ACN_OM_TASKS].size);
        tell_attributes(v, &om);
        acn_set_destroy(set);
    }
    acn_om_close(&om);
    return status;
}

int acn_tool_om_info(const char *path, acn_tool_row row, void *context) {
    visitor v = {row, context};
    acn_ge_begin();
    return acn_ge_finish(om_info(path, &v));
}

/* ---- files that are written whole or not at all ------------------------------------------------
 */

typedef struct whole_file {
    FILE *out;
    const char *path;
    char temporary[4096];
} whole_file;

static acn_status failed_write(const char *path) {
    return acn_ge_fail("E13004", "File [%s] cannot be written (%s).", path, strerror(errno));
}

static acn_status file_begin(const char *path, whole_file *file) {
    file->path = path;
    if (snprintf(file->temporary, sizeof file->temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof file->temporary)
        return acn_ge_fail("E10021", "The path %.64s... is too long.", path);
    file->out = fopen(file->temporary, "we");
    return file->out ? ACN_OK : failed_write(path);
}

static acn_status file_end(whole_file *file, acn_status status) {
    bool is_good = !ferror(file->out);
    is_good &= fclose(file->out) == 0;
    if (status == ACN_OK && (!is_good || rename(file->temporary, file->path) != 0))
        status = failed_write(file->path);
    if (status != ACN_OK) unlink(file->temporary);
    return status;
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

static acn_status write_json(const char *json, const acn_proto_field *schema, const void *bytes,
                             size_t size) {
    whole_file file;
    ACN_TRY(file_begin(json, &file));
    return file_end(&file, acn_proto_print_json(file.out, schema, acn_wire_open(bytes, size)));
}

static acn_status om_json(const char *path, const char *json) {
    acn_om om;
    ACN_TRY(acn_om_open(path, &om));
    acn_status status = write_json(json, acn_proto_model_def, om.partition[ACN_OM_MODEL_DEF].bytes,
                                   om.partition[ACN_OM_MODEL_DEF].size);
    acn_om_close(&om);
    return status;
}

static acn_status onnx_json(const char *path, const char *json) {
    acn_onnx_model *model;
    ACN_TRY(acn_onnx_open(path, &model));
    acn_status status = write_json(json, acn_proto_onnx, model->mapping, model->mapping_bytes);
    acn_onnx_close(model);
    return status;
}

static acn_status dump_json(const char *path, const char *json) {
    void *text;
    size_t size;
    acn_wire_out def = {0};
    ACN_TRY(acn_file_map(path, "a graph that DUMP_GE_GRAPH wrote", &text, &size));
    acn_status status = acn_proto_parse_text(path, text, size, acn_proto_model_def, &def);
    munmap(text, size);
    if (status == ACN_OK) status = write_json(json, acn_proto_model_def, def.bytes, def.size);
    acn_wire_release(&def);
    return status;
}

int acn_tool_json(const char *path, acn_tool_source source, const char *json) {
    static acn_status (*const write[])(const char *, const char *) = {
        [ACN_TOOL_OM] = om_json, [ACN_TOOL_ONNX] = onnx_json, [ACN_TOOL_DUMP] = dump_json};
    acn_ge_begin();
    return acn_ge_finish(write[source](path, json));
}

/* ---- the report of mode 3 ----------------------------------------------------------------------
 */

static void put_text(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
    fputc('"', out);
}

static void put_node(FILE *out, const acn_onnx_node *node) {
    bool is_good = acn_onnx_is_supported(node);
    fputs("{\"name\": ", out);
    put_text(out, node->name);
    fputs(", \"type\": ", out);
    put_text(out, node->type);
    fprintf(out, ", \"result\": \"%s\"", is_good ? "success" : "failed");
    if (!is_good)
        fputs(", \"cause\": [{\"code\": \"E10501\", \"message\": \"this operator is not "
              "supported\"}]",
              out);
    fputc('}', out);
}

static acn_status put_report(FILE *out, const acn_onnx_graph *graph) {
    int missing = 0;
    for (int i = 0; i < graph->node_count; i++)
        missing += !acn_onnx_is_supported(&graph->nodes[i]);
    fputs("{\"name\": ", out);
    put_text(out, graph->name);
    fprintf(out, ",\n \"result\": \"%s\",\n \"total\": %d,\n \"pass\": %d,\n \"fail\": %d,\n",
            missing ? "failed" : "success", graph->node_count, graph->node_count - missing,
            missing);
    fputs(" \"op\": [", out);
    for (int i = 0; i < graph->node_count; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        put_node(out, &graph->nodes[i]);
    }
    fputs("\n ]\n}\n", out);
    return ACN_OK;
}

static acn_status check(const char *path, const char *report) {
    acn_onnx_model *model;
    whole_file file;
    ACN_TRY(acn_onnx_open(path, &model));
    acn_status status = file_begin(report, &file);
    if (status == ACN_OK) status = file_end(&file, put_report(file.out, &model->graph));
    acn_onnx_close(model);
    return status;
}

int acn_tool_check(const char *path, const char *report) {
    acn_ge_begin();
    return acn_ge_finish(check(path, report));
}

/* singleop.c - `atc --singleop`: operators that a JSON file describes, each a model of its own. An
 * operator becomes a graph of the graph engine with one node, which is converted like any other. */
#include "base/json.h"
#include "base/wire.h"
#include "doors/anycann/convert.h"
#include "doors/anycann/ge_error.h"
#include "doors/anycann/request.h"
#include "graph/ge_proto.h"
#include "graph/om/om.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_TENSORS = 64, MOST_PATH = 4096 };

/* CANN's words, with their numbers in the names of files. */
static const struct {
    const char *word;
    acn_dtype dtype;
} types[] = {
    {"float", ACN_F32},       {"float32", ACN_F32},         {"float16", ACN_F16},
    {"bfloat16", ACN_BF16},   {"double", ACN_F64},          {"int8", ACN_I8},
    {"int16", ACN_I16},       {"int32", ACN_I32},           {"int64", ACN_I64},
    {"uint8", ACN_U8},        {"uint16", ACN_U16},          {"uint32", ACN_U32},
    {"uint64", ACN_U64},      {"bool", ACN_BOOL},           {"complex64", ACN_C64},
    {"complex128", ACN_C128}, {"undefined", ACN_UNDEFINED},
};
static const struct {
    const char *word;
    int number;
} formats[] = {{"NCHW", 0},   {"NHWC", 1}, {"ND", 2},   {"HWCN", 16},    {"NDHWC", 27},
               {"NCDHW", 30}, {"NC", 35},  {"NCL", 47}, {"RESERVED", -1}};

typedef struct described {
    const acn_json *json;
    acn_dtype dtype; /* ACN_UNDEFINED: an optional input that is absent */
    const char *format;
    int format_number, rank;
    int64_t dims[ACN_MAX_DIMS];
    bool is_constant;
} described;

typedef struct single {
    const char *file, *type;
    int index;
    described in[MOST_TENSORS], out[MOST_TENSORS];
    int in_count, out_count;
} single;

static acn_status wrong(const single *s, const char *what, const char *expected) {
    return acn_ge_fail(
        "E10001",
        "Value [%s] for parameter [--singleop] is invalid. Reason: operator %d (%s): "
        "%s; expected %s.",
        s->file, s->index, s->type ? s->type : "?", what, expected);
}

static const char *text_of(const acn_json *object, const char *key) {
    const acn_json *value = acn_json_get(object, key);
    return value && value->kind == ACN_JSON_TEXT ? value->text : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static acn_status read_dims(const single *s, const acn_json *shape, described *out) {
    if (shape == NULL || shape->kind != ACN_JSON_ARRAY)
        return wrong(s, "a tensor has no shape", "a list of numbers");
    for (const acn_json *d = shape->child; d; d = d->next) {
        if (d->kind != ACN_JSON_NUMBER || d->number < 0 || d->number != (double)(int64_t)d->number)
            return wrong(s, "a dimension is no number of elements",
                         "0 or more; give each shape an operator of its own");
        if (out->rank == ACN_MAX_DIMS) return wrong(s, "too many dimensions", "at most 8");
        out->dims[out->rank++] = (int64_t)d->number;
    }
    return ACN_OK;
}

static acn_status read_tensor(const single *s, const acn_json *json, described *out) {
    const char *type = text_of(json, "type"), *format = text_of(json, "format");
    const acn_json *constant = acn_json_get(json, "is_const");
    size_t t = 0, f = 0;
    *out = (described){.json = json};
    while (type && t < sizeof types / sizeof *types && strcasecmp(type, types[t].word) != 0)
        t++;
    if (type == NULL || t == sizeof types / sizeof *types)
        return wrong(s, type ? type : "a tensor has no type", "a type such as float or int32");
    while (format && f < sizeof formats / sizeof *formats &&
           strcasecmp(format, formats[f].word) != 0)
        f++;
    if (format == NULL || f == sizeof formats / sizeof *formats)
        return wrong(s, format ? format : "a tensor has no format", "a format such as ND or NCHW");
    out->dtype = types[t].dtype;
    out->format = formats[f].word;
    out->format_number = formats[f].number;
    out->is_constant = constant && constant->number != 0;
    if (out->dtype == ACN_UNDEFINED) return ACN_OK;
    return read_dims(s, acn_json_get(json, "shape"), out);
}

static acn_status read_tensors(const single *s, const char *key, const acn_json *op, described *out,
                               int *count) {
    const acn_json *list = acn_json_get(op, key);
    if (list == NULL || list->kind != ACN_JSON_ARRAY) return wrong(s, key, "a list of tensors");
    for (const acn_json *t = list->child; t; t = t->next) {
        if (*count == MOST_TENSORS) return wrong(s, key, "at most 64 tensors");
        ACN_TRY(read_tensor(s, t, &out[(*count)++]));
    }
    return ACN_OK;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static void put_desc(acn_wire_out *out, uint32_t field, const char *name, const described *t) {
    size_t desc = acn_wire_begin(out, field);
    acn_wire_put_text(out, DESC_NAME, name);
    acn_wire_put_number(out, DESC_DTYPE, acn_ge_proto_of(t->dtype));
    size_t shape = acn_wire_begin(out, DESC_SHAPE);
    acn_wire_put_numbers(out, SHAPE_DIM, t->dims, (size_t)t->rank);
    acn_wire_end(out, shape);
    acn_wire_put_text(out, DESC_LAYOUT, t->format);
    acn_wire_end(out, desc);
}

/* Numbers of a list, or one, as elements of |dtype|. */
static acn_status constant_bytes(const single *s, const described *t, char **out, size_t *size) {
    const acn_json *value = acn_json_get(t->json, "const_value");
    size_t each = (size_t)acn_dtype_bytes(t->dtype), room = 1, count = 0;
    bool is_list = value && value->kind == ACN_JSON_ARRAY;
    for (int d = 0; d < t->rank; d++)
        room *= (size_t)t->dims[d];
    char *bytes = calloc(room + 1, each);
    if (bytes == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    for (const acn_json *v = is_list ? value->child : value; v && count < room; v = v->next) {
        acn_value number = {.f = v->number, .i = (int64_t)v->number};
        acn_store_value(bytes + count++ * each, t->dtype, number);
        if (!is_list) break;
    }
    *out = bytes;
    *size = room * each;
    return count == room ? ACN_OK
                         : wrong(s, "const_value does not fill a constant's shape",
                                 "a number for each element");
}

static acn_status put_constant(acn_wire_out *out, const single *s, const char *name,
                               const described *t) {
    char *bytes = NULL;
    size_t size = 0;
    acn_status status = constant_bytes(s, t, &bytes, &size);
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, name);
    acn_wire_put_text(out, OP_TYPE, "Const");
    size_t attr = acn_wire_begin(out, OP_ATTR);
    acn_wire_put_text(out, KEY, "value");
    size_t value = acn_wire_begin(out, VALUE), tensor = acn_wire_begin(out, ATTR_TENSOR);
    put_desc(out, TENSOR_DESC, "", t);
    if (status == ACN_OK) acn_wire_put_bytes(out, TENSOR_DATA, bytes, size);
    acn_wire_end(out, tensor);
    acn_wire_end(out, value);
    acn_wire_end(out, attr);
    put_desc(out, OP_OUTPUT_DESC, "y", t);
    acn_wire_end(out, op);
    free(bytes);
    return status;
}

static void put_data(acn_wire_out *out, const char *name, int index, const described *t) {
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, name);
    acn_wire_put_text(out, OP_TYPE, "Data");
    size_t attr = acn_wire_begin(out, OP_ATTR);
    acn_wire_put_text(out, KEY, "index");
    size_t value = acn_wire_begin(out, VALUE);
    acn_wire_put_number(out, ATTR_INT, (uint64_t)index);
    acn_wire_end(out, value);
    acn_wire_end(out, attr);
    put_desc(out, OP_INPUT_DESC, "x", t);
    put_desc(out, OP_OUTPUT_DESC, "y", t);
    acn_wire_end(out, op);
}

/* Kinds of attributes: the field of one value, that in a list, and what such a list says it is of.
 */
static const struct attr_kind {
    const char *word;
    uint32_t field, list, kind;
} attr_kinds[] = {
    {"bool", ATTR_BOOL, LIST_BOOL, KIND_BOOLS},
    {"int", ATTR_INT, LIST_INT, KIND_INTS},
    {"float", ATTR_FLOAT, LIST_FLOAT, KIND_FLOATS},
    {"string", ATTR_TEXT, LIST_TEXT, KIND_TEXTS},
    {"data_type", ATTR_DTYPE, LIST_DTYPE, KIND_DTYPES},
};

static acn_status put_value(acn_wire_out *out, const single *s, const struct attr_kind *kind,
                            uint32_t field, const acn_json *v) {
    bool is_text = v->kind == ACN_JSON_TEXT;
    if (kind->field == ATTR_TEXT) {
        if (!is_text) return wrong(s, "an attribute of type string has another value", "a text");
        acn_wire_put_text(out, field, v->text);
    } else if (kind->field == ATTR_DTYPE && is_text) {
        size_t t = 0;
        while (t < sizeof types / sizeof *types && strcasecmp(v->text, types[t].word) != 0)
            t++;
        if (t == sizeof types / sizeof *types) return wrong(s, v->text, "a type such as float");
        acn_wire_put_number(out, field, acn_ge_proto_of(types[t].dtype));
    } else if (v->kind != ACN_JSON_NUMBER && v->kind != ACN_JSON_BOOL)
        return wrong(s, "an attribute's value is no number", "one of its type");
    else if (kind->field == ATTR_FLOAT)
        acn_wire_put_f32(out, field, (float)v->number);
    else
        acn_wire_put_number(out, field, (uint64_t)(int64_t)v->number);
    return ACN_OK;
}

static acn_status put_list(acn_wire_out *out, const single *s, const struct attr_kind *kind,
                           const acn_json *list) {
    acn_status status = ACN_OK;
    if (list->kind != ACN_JSON_ARRAY) return wrong(s, "an attribute's value is no list", "a list");
    size_t begun = acn_wire_begin(out, ATTR_LIST);
    for (const acn_json *v = list->child; v && status == ACN_OK; v = v->next)
        status = put_value(out, s, kind, kind->list, v);
    acn_wire_put_number(out, LIST_KIND, kind->kind);
    acn_wire_end(out, begun);
    return status;
}

static acn_status put_int_lists(acn_wire_out *out, const single *s, const acn_json *lists) {
    acn_status status = ACN_OK;
    if (lists->kind != ACN_JSON_ARRAY) return wrong(s, "an attribute's value is no list", "a list");
    size_t begun = acn_wire_begin(out, ATTR_INT_LISTS);
    for (const acn_json *l = lists->child; l && status == ACN_OK; l = l->next) {
        size_t one = acn_wire_begin(out, LISTS_ONE);
        for (const acn_json *v = l->child; v && status == ACN_OK; v = v->next)
            status = put_value(out, s, &attr_kinds[1], ONE_INT, v);
        acn_wire_end(out, one);
    }
    acn_wire_end(out, begun);
    return status;
}

static acn_status put_attr(acn_wire_out *out, const single *s, const acn_json *attr) {
    const char *name = text_of(attr, "name"), *type = text_of(attr, "type");
    const acn_json *v = acn_json_get(attr, "value");
    if (!name || !type || !v) return wrong(s, "an attribute lacks", "name, type and value");
    bool is_list = strncmp(type, "list_", 5) == 0;
    const char *word = is_list ? type + 5 : type;
    size_t k = 0;
    while (k < sizeof attr_kinds / sizeof *attr_kinds && strcmp(word, attr_kinds[k].word) != 0)
        k++;
    bool are_lists = strcmp(type, "list_list_int") == 0;
    if (k == sizeof attr_kinds / sizeof *attr_kinds && !are_lists)
        return wrong(s, type, "bool, int, float, string, data_type, a list of them, list_list_int");
    size_t entry = acn_wire_begin(out, OP_ATTR);
    acn_wire_put_text(out, KEY, name);
    size_t value = acn_wire_begin(out, VALUE);
    acn_status status = are_lists ? put_int_lists(out, s, v)
                        : is_list ? put_list(out, s, &attr_kinds[k], v)
                                  : put_value(out, s, &attr_kinds[k], attr_kinds[k].field, v);
    acn_wire_end(out, value);
    acn_wire_end(out, entry);
    return status;
}

static acn_status put_op(acn_wire_out *out, const single *s, const acn_json *json,
                         const char *name) {
    const acn_json *attrs = acn_json_get(json, "attr");
    acn_status status = ACN_OK;
    char edge[64];
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, name);
    acn_wire_put_text(out, OP_TYPE, s->type);
    for (int i = 0; i < s->in_count; i++) {
        snprintf(edge, sizeof edge, "in_%d:0", i);
        acn_wire_put_text(out, OP_INPUT, s->in[i].dtype == ACN_UNDEFINED ? "" : edge);
    }
    for (const acn_json *a = attrs ? attrs->child : NULL; a && status == ACN_OK; a = a->next)
        status = put_attr(out, s, a);
    for (int i = 0; i < s->in_count; i++) {
        const char *given = text_of(s->in[i].json, "name");
        put_desc(out, OP_INPUT_DESC, given ? given : "", &s->in[i]);
    }
    for (int i = 0; i < s->out_count; i++) {
        const char *given = text_of(s->out[i].json, "name");
        put_desc(out, OP_OUTPUT_DESC, given ? given : "", &s->out[i]);
    }
    acn_wire_end(out, op);
    return status;
}

static acn_status put_graph(acn_wire_out *out, const single *s, const acn_json *json,
                            const char *name) {
    acn_status status = ACN_OK;
    char part[64];
    acn_wire_put_text(out, MODEL_NAME, name);
    size_t graph = acn_wire_begin(out, MODEL_GRAPH);
    acn_wire_put_text(out, GRAPH_NAME, name);
    for (int i = 0, index = 0; i < s->in_count && status == ACN_OK; i++) {
        snprintf(part, sizeof part, "in_%d", i);
        if (s->in[i].dtype == ACN_UNDEFINED) continue;
        if (s->in[i].is_constant)
            status = put_constant(out, s, part, &s->in[i]);
        else
            put_data(out, part, index++, &s->in[i]);
    }
    if (status == ACN_OK) status = put_op(out, s, json, name);
    size_t end = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, "Node_Output");
    acn_wire_put_text(out, OP_TYPE, "NetOutput");
    for (int i = 0; i < s->out_count; i++) {
        char edge[600];
        snprintf(edge, sizeof edge, "%s:%d", name, i);
        acn_wire_put_text(out, OP_INPUT, edge);
    }
    acn_wire_end(out, end);
    acn_wire_end(out, graph);
    if (status == ACN_OK && out->has_failed)
        status = acn_fail(ACN_BAD_ALLOC, "no host memory for a graph");
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The type's number, the format's, and the dimensions of each tensor: CANN's way of naming. */
static void name_file(const single *s, const acn_json *json, char *out, size_t bytes) {
    const char *given = text_of(json, "name");
    size_t at = given ? (size_t)snprintf(out, bytes, "%s", given)
                      : (size_t)snprintf(out, bytes, "%d_%s", s->index, s->type);
    for (int i = 0; !given && i < s->in_count + s->out_count; i++) {
        const described *t = i < s->in_count ? &s->in[i] : &s->out[i - s->in_count];
        if (at < bytes)
            at += (size_t)snprintf(out + at, bytes - at, "_%d_%d", (int)t->dtype, t->format_number);
        for (int d = 0; d < t->rank && at < bytes; d++)
            at += (size_t)snprintf(out + at, bytes - at, "_%lld", (long long)t->dims[d]);
    }
}

static acn_status convert_op(const acn_tool_single *request, single *s, const acn_json *json) {
    acn_wire_out graph = {0};
    char name[512], path[MOST_PATH];
    void *image = NULL;
    size_t image_bytes;
    s->type = text_of(json, "op");
    if (s->type == NULL) return wrong(s, "it has no \"op\"", "the type of an operator");
    ACN_TRY(read_tensors(s, "input_desc", json, s->in, &s->in_count));
    ACN_TRY(read_tensors(s, "output_desc", json, s->out, &s->out_count));
    name_file(s, json, name, sizeof name);
    acn_status status = put_graph(&graph, s, json, name);
    const acn_tool_option options[] = {
        {"model", name}, {"framework", "1"}, {"soc_version", request->soc}};
    const acn_tool_conversion conversion = {.options = options,
                                            .option_count = sizeof options / sizeof *options,
                                            .command = request->command,
                                            .source = graph.bytes,
                                            .source_bytes = graph.size};
    if (status == ACN_OK) status = acn_convert(&conversion, &image, &image_bytes);
    if (snprintf(path, sizeof path, "%s/%s.om", request->folder, name) >= (int)sizeof path &&
        status == ACN_OK)
        status = acn_ge_fail("E10021", "The path %.64s... is too long.", path);
    if (status == ACN_OK) status = acn_om_copy(path, image, image_bytes);
    free(image);
    acn_wire_release(&graph);
    return status;
}

static acn_status convert_all(const acn_tool_single *request, const acn_json *list) {
    if (list->kind != ACN_JSON_ARRAY)
        return acn_ge_fail("E10001",
                           "Value [%s] for parameter [--singleop] is invalid. Reason: it holds no "
                           "list; expected [{\"op\": ...}, ...].",
                           request->path);
    if (mkdir(request->folder, 0750) != 0 && errno != EEXIST)
        return acn_ge_fail("E13004", "Folder [%s] cannot be made (%s).", request->folder,
                           strerror(errno));
    single *s = malloc(sizeof *s);
    acn_status status = s ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for an operator");
    int index = 0;
    for (const acn_json *op = list->child; op && status == ACN_OK; op = op->next) {
        *s = (single){.file = request->path, .index = index++};
        status = convert_op(request, s, op);
    }
    free(s);
    return status;
}

int acn_tool_single_ops(const acn_tool_single *request) {
    acn_arena arena = {0};
    acn_json *list;
    acn_ge_begin();
    acn_status status = acn_json_parse_file(&arena, request->path, &list);
    if (status == ACN_OK) status = convert_all(request, list);
    acn_arena_release(&arena);
    return acn_ge_finish(status);
}

/* onnx_model.c - see onnx_model.h. Field numbers are those of onnx.proto, whose later versions only
 * add fields. */
#include "graph/import/onnx_model.h"

#include "base/file.h"
#include "base/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_NESTING = 32 }; /* graphs in attributes of nodes of graphs ... */

typedef struct reader {
    acn_onnx_model *model;
    const char *file; /* for error texts */
    int nesting;
} reader;

static acn_status broken(const reader *r, const char *what) {
    return acn_fail(ACN_PARSE_FILE,
                    "%s: %s is not as ONNX has it; the file is damaged or no ONNX model", r->file,
                    what);
}

static acn_status no_memory(const reader *r) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", r->file);
}

static void *room(reader *r, size_t count, size_t bytes) {
    return count <= SIZE_MAX / 64 / bytes ? acn_arena_alloc(&r->model->arena, count * bytes) : NULL;
}

static acn_status read_text(reader *r, const acn_wire_field *f, const char **out) {
    if (f->kind != ACN_WIRE_BYTES || memchr(f->bytes, '\0', f->size)) return broken(r, "a text");
    char *text = room(r, f->size + 1, 1);
    if (text == NULL) return no_memory(r);
    if (f->size) memcpy(text, f->bytes, f->size);
    *out = text;
    return ACN_OK;
}

/* Room for all items of a repeated field. */
#define ROOM_FOR(r, wire, number, array)                                                           \
    do {                                                                                           \
        int room_count_ = acn_wire_count(wire, number);                                            \
        (array) = room(r, (size_t)room_count_ + 1, sizeof *(array));                               \
        if ((array) == NULL) return no_memory(r);                                                  \
    } while (0)

static acn_status read_names(reader *r, acn_wire wire, uint32_t number, acn_onnx_names *out) {
    acn_wire_field f;
    ROOM_FOR(r, wire, number, out->items);
    while (acn_wire_next(&wire, &f))
        if (f.number == number) ACN_TRY(read_text(r, &f, &out->items[out->count++]));
    return ACN_OK;
}

/* ---- lists of numbers ------------------------------------------------------------------------ */

typedef struct number_list {
    void *items;
    int bytes; /* of an item */
    size_t count, most;
    bool is_f64;
} number_list;

static bool add_number(void *context, uint64_t bits) {
    number_list *list = context;
    if (list->count == list->most) return false;
    char *at = (char *)list->items + list->count++ * (size_t)list->bytes;
    memcpy(at, &bits, (size_t)list->bytes); /* the low bytes: little endian */
    return true;
}

static bool count_number(void *context, uint64_t bits) {
    ++*(size_t *)context;
    return true;
}

/* All numbers of field |number|, |bytes| each. |width| as acn_wire_numbers has it. */
static acn_status read_numbers(reader *r, acn_wire wire, uint32_t number, int width, int bytes,
                               const char *what, void **out, size_t *out_count) {
    acn_wire_field f;
    size_t count = 0;
    for (acn_wire w = wire; acn_wire_next(&w, &f);)
        if (f.number == number && !acn_wire_numbers(&f, width, count_number, &count))
            return broken(r, what);
    number_list list = {.bytes = bytes, .most = count};
    list.items = room(r, count + 1, (size_t)bytes);
    if (list.items == NULL) return no_memory(r);
    while (acn_wire_next(&wire, &f))
        if (f.number == number && !acn_wire_numbers(&f, width, add_number, &list))
            return broken(r, what);
    *out = list.items;
    *out_count = count;
    return ACN_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

acn_dtype acn_onnx_dtype(int type) {
    static const acn_dtype dtypes[] = {
        ACN_UNDEFINED, ACN_F32,       ACN_U8,   ACN_I8,   ACN_U16,       ACN_I16,  ACN_I32,
        ACN_I64,       ACN_UNDEFINED, ACN_BOOL, ACN_F16,  ACN_F64,       ACN_U32,  ACN_U64,
        ACN_C64,       ACN_C128,      ACN_BF16, ACN_E4M3, ACN_UNDEFINED, ACN_E5M2,
    };
    return type >= 0 && type < (int)(sizeof dtypes / sizeof *dtypes) ? dtypes[type] : ACN_UNDEFINED;
}

/* The field in which numbers of a type stand when they are not raw, and how. */
static acn_status read_typed_data(reader *r, acn_wire wire, acn_onnx_tensor *t) {
    size_t element = acn_dtype_bytes(t->dtype), count;
    uint32_t field = 5; /* int32_data: everything small, f16 and bf16 by their bits */
    int width = 0, bytes = (int)element;
    if (t->dtype == ACN_F32 || t->dtype == ACN_C64) field = 4, width = 4, bytes = 4;
    if (t->dtype == ACN_F64 || t->dtype == ACN_C128) field = 10, width = 8, bytes = 8;
    if (t->dtype == ACN_I64) field = 7;
    if (t->dtype == ACN_U32 || t->dtype == ACN_U64) field = 11;
    void *items;
    ACN_TRY(read_numbers(r, wire, field, width, bytes, "a tensor's data", &items, &count));
    if (count) t->data = items;
    t->bytes = count * (size_t)bytes;
    return ACN_OK;
}

static acn_status read_external(reader *r, const acn_wire_field *entry, acn_onnx_tensor *t) {
    acn_wire wire = acn_wire_inside(entry);
    acn_wire_field f;
    const char *key = "", *value = "";
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) ACN_TRY(read_text(r, &f, &key));
        if (f.number == 2) ACN_TRY(read_text(r, &f, &value));
    }
    if (wire.is_bad) return broken(r, "external data");
    if (strcmp(key, "location") == 0) t->location = value;
    if (strcmp(key, "offset") == 0) t->location_offset = strtoll(value, NULL, 10);
    if (strcmp(key, "length") == 0) t->location_bytes = strtoll(value, NULL, 10);
    return ACN_OK;
}

/* The elements that the dims ask for, or -1 when there are too many to count. */
static int64_t element_count(const acn_onnx_tensor *t) {
    int64_t count = 1;
    for (int d = 0; d < t->rank; d++)
        if (t->dims[d] < 0 || __builtin_mul_overflow(count, t->dims[d], &count)) return -1;
    return count;
}

static acn_status check_size(const reader *r, const acn_onnx_tensor *t) {
    int64_t count = element_count(t), bytes;
    if (count < 0 || __builtin_mul_overflow(count, (int64_t)acn_dtype_bytes(t->dtype), &bytes))
        return broken(r, "a tensor's shape");
    if (t->dtype == ACN_UNDEFINED || t->location) return ACN_OK;
    if ((uint64_t)bytes != t->bytes)
        return acn_fail(ACN_PARSE_FILE,
                        "%s: tensor \"%s\" has %zu bytes of data, its shape and type ask for "
                        "%lld x %zu; the file is damaged",
                        r->file, t->name, t->bytes, (long long)count, acn_dtype_bytes(t->dtype));
    return ACN_OK;
}

static acn_status read_tensor(reader *r, acn_wire wire, acn_onnx_tensor *t) {
    *t = (acn_onnx_tensor){.name = "", .dtype = ACN_UNDEFINED, .location_bytes = -1};
    acn_wire_field f;
    int64_t *dims;
    size_t rank;
    bool is_raw = false;
    for (acn_wire w = wire; acn_wire_next(&w, &f);) {
        if (f.number == 2) t->type = (int)f.value;
        if (f.number == 8) ACN_TRY(read_text(r, &f, &t->name));
        if (f.number == 13) ACN_TRY(read_external(r, &f, t));
        if (f.number == 9) {
            if (f.kind != ACN_WIRE_BYTES) return broken(r, "a tensor's data");
            is_raw = true;
            t->data = f.size ? f.bytes : NULL;
            t->bytes = f.size;
        }
        if (w.is_bad) return broken(r, "a tensor");
    }
    t->dtype = acn_onnx_dtype(t->type);
    ACN_TRY(read_numbers(r, wire, 1, 0, 8, "a tensor's shape", (void **)&dims, &rank));
    if (rank > ACN_MAX_DIMS)
        return acn_fail(ACN_PARSE_FILE, "%s: tensor \"%s\" has %zu dimensions; at most %d work",
                        r->file, t->name, rank, ACN_MAX_DIMS);
    t->rank = (int)rank;
    memcpy(t->dims, dims, rank * sizeof *dims);
    if (!is_raw && t->dtype != ACN_UNDEFINED) ACN_TRY(read_typed_data(r, wire, t));
    return check_size(r, t);
}

/* ---- what a graph says of its tensors -------------------------------------------------------- */

static acn_status read_dim(reader *r, const acn_wire_field *field, acn_onnx_value *v) {
    if (v->rank == ACN_MAX_DIMS)
        return acn_fail(ACN_PARSE_FILE, "%s: \"%s\" has more than %d dimensions", r->file, v->name,
                        ACN_MAX_DIMS);
    acn_wire wire = acn_wire_inside(field);
    acn_wire_field f;
    int d = v->rank++;
    v->dims[d] = -1;
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) v->dims[d] = (int64_t)f.value;
        if (f.number == 2) ACN_TRY(read_text(r, &f, &v->symbols[d]));
    }
    return wire.is_bad ? broken(r, "a dimension") : ACN_OK;
}

static acn_status read_tensor_type(reader *r, acn_wire wire, acn_onnx_value *v) {
    acn_wire_field f, dim;
    v->is_tensor = true;
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) v->dtype = acn_onnx_dtype((int)f.value);
        if (f.number != 2) continue;
        acn_wire shape = acn_wire_inside(&f);
        v->rank = 0;
        while (acn_wire_next(&shape, &dim))
            if (dim.number == 1) ACN_TRY(read_dim(r, &dim, v));
        if (shape.is_bad) return broken(r, "a shape");
    }
    return wire.is_bad ? broken(r, "a type") : ACN_OK;
}

static acn_status read_value(reader *r, acn_wire wire, acn_onnx_value *v) {
    *v = (acn_onnx_value){.name = "", .dtype = ACN_UNDEFINED, .rank = -1};
    acn_wire_field f, inner;
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) ACN_TRY(read_text(r, &f, &v->name));
        if (f.number != 2) continue;
        acn_wire type = acn_wire_inside(&f);
        while (acn_wire_next(&type, &inner))
            if (inner.number == 1) ACN_TRY(read_tensor_type(r, acn_wire_inside(&inner), v));
        if (type.is_bad) return broken(r, "a type");
    }
    return wire.is_bad ? broken(r, "a value") : ACN_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static acn_status read_graph(reader *r, acn_wire wire, acn_onnx_graph *g);

static acn_status read_attr_lists(reader *r, acn_wire wire, acn_onnx_attr *a) {
    size_t count;
    if (a->kind == ACN_ONNX_FLOATS) {
        ACN_TRY(read_numbers(r, wire, 7, 4, 4, "an attribute", (void **)&a->floats, &count));
        a->count = (int)count;
    } else if (a->kind == ACN_ONNX_INTS) {
        ACN_TRY(read_numbers(r, wire, 8, 0, 8, "an attribute", (void **)&a->ints, &count));
        a->count = (int)count;
    } else if (a->kind == ACN_ONNX_STRINGS) {
        ACN_TRY(read_names(r, wire, 9, &a->texts));
    }
    return ACN_OK;
}

static acn_status read_attr(reader *r, acn_wire wire, acn_onnx_attr *a) {
    acn_wire_field f;
    a->name = a->text = "";
    for (acn_wire w = wire; acn_wire_next(&w, &f);) {
        switch (f.number) {
        case 1:
            ACN_TRY(read_text(r, &f, &a->name));
            break;
        case 2:
            a->f = acn_wire_f32(f.value);
            break;
        case 3:
            a->i = (int64_t)f.value;
            break;
        case 4:
            ACN_TRY(read_text(r, &f, &a->text));
            break;
        case 5:
            if ((a->tensor = room(r, 1, sizeof *a->tensor)) == NULL) return no_memory(r);
            ACN_TRY(read_tensor(r, acn_wire_inside(&f), a->tensor));
            break;
        case 6:
            if ((a->graph = room(r, 1, sizeof *a->graph)) == NULL) return no_memory(r);
            ACN_TRY(read_graph(r, acn_wire_inside(&f), a->graph));
            break;
        case 20:
            a->kind = (int)f.value;
            break;
        case 21:
            ACN_TRY(read_text(r, &f, &a->reference));
            break;
        default: /* documentation, and kinds that no operator here has */
            break;
        }
        if (w.is_bad) return broken(r, "an attribute");
    }
    return read_attr_lists(r, wire, a);
}

static acn_status read_node(reader *r, acn_wire wire, acn_onnx_node *n) {
    acn_wire_field f;
    n->name = n->type = n->domain = "";
    ROOM_FOR(r, wire, 5, n->attrs);
    ACN_TRY(read_names(r, wire, 1, &n->inputs));
    ACN_TRY(read_names(r, wire, 2, &n->outputs));
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 3) ACN_TRY(read_text(r, &f, &n->name));
        if (f.number == 4) ACN_TRY(read_text(r, &f, &n->type));
        if (f.number == 7) ACN_TRY(read_text(r, &f, &n->domain));
        if (f.number == 5) ACN_TRY(read_attr(r, acn_wire_inside(&f), &n->attrs[n->attr_count++]));
    }
    if (strcmp(n->domain, "ai.onnx") == 0) n->domain = "";
    return wire.is_bad ? broken(r, "a node") : ACN_OK;
}

static acn_status read_graph_items(reader *r, acn_wire wire, acn_onnx_graph *g) {
    acn_wire_field f;
    while (acn_wire_next(&wire, &f)) {
        acn_wire inside = acn_wire_inside(&f);
        if (f.number == 1) ACN_TRY(read_node(r, inside, &g->nodes[g->node_count++]));
        if (f.number == 2) ACN_TRY(read_text(r, &f, &g->name));
        if (f.number == 5)
            ACN_TRY(read_tensor(r, inside, &g->initializers[g->initializer_count++]));
        if (f.number == 11) ACN_TRY(read_value(r, inside, &g->inputs[g->input_count++]));
        if (f.number == 12) ACN_TRY(read_value(r, inside, &g->outputs[g->output_count++]));
        if (f.number == 13) ACN_TRY(read_value(r, inside, &g->values[g->value_count++]));
    }
    return wire.is_bad ? broken(r, "a graph") : ACN_OK;
}

static acn_status read_graph(reader *r, acn_wire wire, acn_onnx_graph *g) {
    if (r->nesting == MAX_NESTING)
        return acn_fail(ACN_PARSE_FILE, "%s: graphs stand in graphs more than %d deep", r->file,
                        MAX_NESTING);
    g->name = "";
    ROOM_FOR(r, wire, 1, g->nodes);
    ROOM_FOR(r, wire, 5, g->initializers);
    ROOM_FOR(r, wire, 11, g->inputs);
    ROOM_FOR(r, wire, 12, g->outputs);
    ROOM_FOR(r, wire, 13, g->values);
    r->nesting++;
    acn_status status = read_graph_items(r, wire, g);
    r->nesting--;
    return status;
}

/* ---- the model ------------------------------------------------------------------------------- */

static acn_status read_opset(reader *r, acn_wire wire, acn_onnx_opset *opset) {
    acn_wire_field f;
    opset->domain = "";
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) ACN_TRY(read_text(r, &f, &opset->domain));
        if (f.number == 2) opset->version = (int64_t)f.value;
    }
    if (strcmp(opset->domain, "ai.onnx") == 0) opset->domain = "";
    return wire.is_bad ? broken(r, "an opset") : ACN_OK;
}

static acn_status read_function(reader *r, acn_wire wire, acn_onnx_function *function) {
    acn_wire_field f;
    function->name = function->domain = "";
    ROOM_FOR(r, wire, 7, function->nodes);
    ROOM_FOR(r, wire, 9, function->opsets);
    ROOM_FOR(r, wire, 11, function->defaults);
    ACN_TRY(read_names(r, wire, 4, &function->inputs));
    ACN_TRY(read_names(r, wire, 5, &function->outputs));
    ACN_TRY(read_names(r, wire, 6, &function->attrs));
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) ACN_TRY(read_text(r, &f, &function->name));
        if (f.number == 10) ACN_TRY(read_text(r, &f, &function->domain));
        acn_wire inside = acn_wire_inside(&f);
        if (f.number == 7) ACN_TRY(read_node(r, inside, &function->nodes[function->node_count++]));
        if (f.number == 9)
            ACN_TRY(read_opset(r, inside, &function->opsets[function->opset_count++]));
        if (f.number == 11)
            ACN_TRY(read_attr(r, inside, &function->defaults[function->default_count++]));
    }
    return wire.is_bad ? broken(r, "a function") : ACN_OK;
}

static acn_status read_model(reader *r, acn_wire wire) {
    acn_onnx_model *m = r->model;
    acn_wire_field f;
    bool has_graph = false;
    ROOM_FOR(r, wire, 8, m->opsets);
    ROOM_FOR(r, wire, 25, m->functions);
    while (acn_wire_next(&wire, &f)) {
        acn_wire inside = acn_wire_inside(&f);
        if (f.number == 1) m->ir_version = (int64_t)f.value;
        if (f.number == 2) ACN_TRY(read_text(r, &f, &m->producer));
        if (f.number == 3) ACN_TRY(read_text(r, &f, &m->producer_version));
        if (f.number == 8) ACN_TRY(read_opset(r, inside, &m->opsets[m->opset_count++]));
        if (f.number == 25) ACN_TRY(read_function(r, inside, &m->functions[m->function_count++]));
        if (f.number != 7) continue;
        if (has_graph) return broken(r, "a second graph");
        has_graph = true;
        ACN_TRY(read_graph(r, inside, &m->graph));
    }
    if (wire.is_bad) return broken(r, "the file");
    if (!has_graph || m->ir_version == 0) return broken(r, "the file, which has no graph,");
    return ACN_OK;
}

static acn_status new_model(const char *name, acn_onnx_model **out) {
    acn_arena arena = {0}; /* the model lies in its own arena */
    acn_onnx_model *model = acn_arena_alloc(&arena, sizeof *model);
    if (model == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", name);
    model->arena = arena;
    model->producer = model->producer_version = "";
    *out = model;
    return ACN_OK;
}

acn_status acn_onnx_read(const char *name, const void *bytes, size_t size, acn_onnx_model **out) {
    acn_onnx_model *model = NULL;
    ACN_TRY(new_model(name, &model));
    reader r = {.model = model, .file = name};
    acn_status status = read_model(&r, acn_wire_open(bytes, size));
    if (status != ACN_OK) {
        acn_onnx_close(model);
        return status;
    }
    *out = model;
    return ACN_OK;
}

acn_status acn_onnx_open(const char *path, acn_onnx_model **out) {
    void *bytes;
    size_t size;
    ACN_TRY(acn_file_map(path, "a readable .onnx file", &bytes, &size));
    acn_status status = acn_onnx_read(path, bytes, size, out);
    if (status != ACN_OK) {
        munmap(bytes, size);
        return status;
    }
    (*out)->mapping = bytes;
    (*out)->mapping_bytes = size;
    return ACN_OK;
}

void acn_onnx_close(acn_onnx_model *model) {
    if (model == NULL) return;
    if (model->mapping != NULL) munmap(model->mapping, model->mapping_bytes);
    acn_arena arena = model->arena;
    acn_arena_release(&arena);
}

acn_status acn_onnx_align(acn_onnx_model *model) {
    for (int i = 0; i < model->graph.initializer_count; i++) {
        acn_onnx_tensor *t = &model->graph.initializers[i];
        size_t element = t->dtype == ACN_UNDEFINED ? 1 : acn_dtype_bytes(t->dtype);
        if (t->data == NULL || (uintptr_t)t->data % element == 0) continue;
        t->data = acn_arena_copy(&model->arena, t->data, t->bytes);
        if (t->data == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes", t->bytes);
    }
    return ACN_OK;
}

const acn_onnx_function *acn_onnx_function_find(const acn_onnx_model *model, const char *name,
                                                const char *domain) {
    for (int i = 0; i < model->function_count; i++)
        if (strcmp(model->functions[i].name, name) == 0 &&
            strcmp(model->functions[i].domain, domain) == 0)
            return &model->functions[i];
    return NULL;
}

int64_t acn_onnx_version(const acn_onnx_model *model, const char *domain) {
    for (int i = 0; i < model->opset_count; i++)
        if (strcmp(model->opsets[i].domain, domain) == 0) return model->opsets[i].version;
    return 0;
}

const acn_onnx_attr *acn_onnx_attr_find(const acn_onnx_node *node, const char *name) {
    for (int i = 0; i < node->attr_count; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

/* ge_model.c - see ge_model.h. */
#include "graph/import/ge_model.h"

#include "base/wire.h"
#include "graph/ge_proto.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *file;
    acn_ge_model *model;
} reader;

static acn_status no_memory(void) { return acn_fail(ACN_BAD_ALLOC, "no host memory for a model"); }

static acn_status malformed(const reader *r, const char *what) {
    return acn_fail(ACN_PARSE_FILE,
                    "%s is no graph of the graph engine: %s is malformed; give a .air file or what "
                    "ge::Graph wrote",
                    r->file, what);
}

static void *room(reader *r, int count, size_t bytes) {
    return acn_arena_alloc(&r->model->arena, ((size_t)count + 1) * bytes);
}

static acn_status read_text(reader *r, const acn_wire_field *f, const char **out) {
    if (f->kind != ACN_WIRE_BYTES || (f->size && memchr(f->bytes, 0, f->size)))
        return malformed(r, "a name");
    char *text = acn_arena_alloc(&r->model->arena, f->size + 1);
    if (text == NULL) return no_memory();
    if (f->size) memcpy(text, f->bytes, f->size);
    *out = text;
    return ACN_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static bool add_dim(void *context, uint64_t bits) {
    acn_ge_desc *desc = context;
    int64_t dim = (int64_t)bits;
    if (dim == -2) { /* any rank */
        desc->rank = ACN_GE_ANY_RANK;
        return true;
    }
    if (desc->rank < 0 || desc->rank >= ACN_MAX_DIMS) return false;
    desc->dims[desc->rank++] = dim;
    return true;
}

static acn_status read_desc(reader *r, acn_wire wire, acn_ge_desc *out) {
    acn_wire_field f, inner;
    *out = (acn_ge_desc){.name = "", .layout = "", .dtype = ACN_UNDEFINED};
    while (acn_wire_next(&wire, &f)) {
        if (f.number == DESC_NAME) ACN_TRY(read_text(r, &f, &out->name));
        if (f.number == DESC_LAYOUT) ACN_TRY(read_text(r, &f, &out->layout));
        if (f.number == DESC_DTYPE) out->dtype = acn_ge_proto_dtype(f.value);
        if (f.number != DESC_SHAPE) continue;
        acn_wire shape = acn_wire_inside(&f);
        while (acn_wire_next(&shape, &inner))
            if (inner.number == SHAPE_DIM && !acn_wire_numbers(&inner, 0, add_dim, out))
                return malformed(r, "a shape (at most 8 dimensions work)");
        if (shape.is_bad) return malformed(r, "a shape");
    }
    return wire.is_bad ? malformed(r, "a tensor's description") : ACN_OK;
}

static acn_status read_tensor(reader *r, acn_wire wire, acn_ge_tensor *out) {
    acn_wire_field f;
    *out = (acn_ge_tensor){.desc = {.name = "", .layout = "", .dtype = ACN_UNDEFINED}};
    while (acn_wire_next(&wire, &f)) {
        if (f.number == TENSOR_DESC) ACN_TRY(read_desc(r, acn_wire_inside(&f), &out->desc));
        if (f.number != TENSOR_DATA) continue;
        if (f.kind != ACN_WIRE_BYTES) return malformed(r, "a tensor");
        out->data = f.bytes;
        out->bytes = f.size;
    }
    return wire.is_bad ? malformed(r, "a tensor") : ACN_OK;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool add_int(void *context, uint64_t bits) {
    acn_given *g = context;
    ((int64_t *)g->items)[g->count++] = (int64_t)bits;
    return true;
}

static bool add_float(void *context, uint64_t bits) {
    acn_given *g = context;
    ((float *)g->items)[g->count++] = acn_wire_f32(bits);
    return true;
}

static bool add_bool(void *context, uint64_t bits) {
    acn_given *g = context;
    ((uint8_t *)g->items)[g->count++] = bits != 0;
    return true;
}

/* Texts one behind the other. */
static acn_status read_texts(reader *r, acn_wire wire, size_t most, acn_given *out) {
    acn_wire_field f;
    char *at = acn_arena_alloc(&r->model->arena, most + 1);
    if (at == NULL) return no_memory();
    out->kind = ACN_GIVEN_TEXTS;
    out->items = at;
    while (acn_wire_next(&wire, &f)) {
        if (f.number != LIST_TEXT || f.kind != ACN_WIRE_BYTES) continue;
        if (f.size) memcpy(at, f.bytes, f.size);
        at += f.size;
        *at++ = '\0';
        out->count++;
    }
    return ACN_OK;
}

static acn_status read_list(reader *r, const acn_wire_field *list, acn_ge_attr *out) {
    static const struct {
        uint32_t field;
        acn_given_kind kind;
        size_t bytes;
        int width;
        bool (*add)(void *context, uint64_t bits);
    } lists[] = {{LIST_INT, ACN_GIVEN_INTS, sizeof(int64_t), 0, add_int},
                 {LIST_DTYPE, ACN_GIVEN_INTS, sizeof(int64_t), 0, add_int},
                 {LIST_FLOAT, ACN_GIVEN_FLOATS, sizeof(float), 4, add_float},
                 {LIST_BOOL, ACN_GIVEN_BOOLS, 1, 0, add_bool}};
    acn_wire wire = acn_wire_inside(list);
    acn_wire_field f;
    acn_given *g = &out->given;
    g->kind = ACN_GIVEN_INTS;
    g->items = acn_arena_alloc(&r->model->arena, (list->size + 1) * sizeof(int64_t));
    if (g->items == NULL) return no_memory();
    while (acn_wire_next(&wire, &f)) {
        if (f.number == LIST_KIND && f.value == KIND_FLOATS) g->kind = ACN_GIVEN_FLOATS;
        if (f.number == LIST_KIND && f.value == KIND_BOOLS) g->kind = ACN_GIVEN_BOOLS;
        if (f.number == LIST_TEXT) return read_texts(r, acn_wire_inside(list), list->size + 1, g);
        bool is_known = f.number == LIST_KIND;
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            if (f.number != lists[i].field) continue;
            is_known = true;
            g->kind = lists[i].kind;
            if (!acn_wire_numbers(&f, lists[i].width, lists[i].add, g))
                return malformed(r, "a list");
        }
        out->is_other |= !is_known;
    }
    return wire.is_bad ? malformed(r, "a list") : ACN_OK;
}

static acn_status read_value(reader *r, acn_wire wire, acn_ge_attr *out) {
    acn_wire_field f;
    acn_given *g = &out->given;
    const char *text;
    out->is_other = true;
    while (acn_wire_next(&wire, &f)) {
        out->is_other = false;
        switch (f.number) {
        case ATTR_TEXT:
            if (read_text(r, &f, &text) != ACN_OK) { /* bytes, not a text */
                acn_error_clear();
                out->is_other = true;
                break;
            }
            g->kind = ACN_GIVEN_TEXT;
            g->items = (void *)(uintptr_t)text;
            break;
        case ATTR_INT:
        case ATTR_BOOL:
        case ATTR_DTYPE:
            g->kind = ACN_GIVEN_INT;
            g->i = (int64_t)f.value;
            g->f = (double)g->i;
            break;
        case ATTR_FLOAT:
            g->kind = ACN_GIVEN_FLOAT;
            g->f = (double)acn_wire_f32(f.value);
            break;
        case ATTR_LIST:
            ACN_TRY(read_list(r, &f, out));
            break;
        case ATTR_TENSOR:
            out->tensor = room(r, 1, sizeof *out->tensor);
            if (out->tensor == NULL) return no_memory();
            ACN_TRY(read_tensor(r, acn_wire_inside(&f), out->tensor));
            break;
        default:
            out->is_other = true;
        }
    }
    return wire.is_bad ? malformed(r, "an attribute") : ACN_OK;
}

static acn_status read_attr(reader *r, acn_wire wire, acn_ge_attr *out) {
    acn_wire_field f;
    out->given.name = "";
    while (acn_wire_next(&wire, &f)) {
        if (f.number == KEY) ACN_TRY(read_text(r, &f, &out->given.name));
        if (f.number == VALUE) ACN_TRY(read_value(r, acn_wire_inside(&f), out));
    }
    return wire.is_bad ? malformed(r, "an attribute") : ACN_OK;
}

const acn_ge_attr *acn_ge_attr_find(const acn_ge_node *node, const char *name) {
    for (int i = 0; i < node->attr_count; i++)
        if (strcmp(node->attrs[i].given.name, name) == 0) return &node->attrs[i];
    return NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* "node:index"; the name itself may have colons. */
static acn_status read_edge(reader *r, const acn_wire_field *f, acn_ge_edge *out) {
    const char *text;
    char *end;
    *out = (acn_ge_edge){0};
    if (f->kind == ACN_WIRE_BYTES && f->size == 0) return ACN_OK;
    ACN_TRY(read_text(r, f, &text));
    char *colon = strrchr(text, ':');
    long index = colon ? strtol(colon + 1, &end, 10) : 0;
    if (colon == NULL || end == colon + 1 || *end || index < -1 || index > INT_MAX)
        return malformed(r, "an edge");
    *colon = '\0';
    *out = (acn_ge_edge){text, (int)index};
    return ACN_OK;
}

static acn_status reserve_node(reader *r, acn_wire wire, acn_ge_node *out) {
    *out = (acn_ge_node){.name = "", .type = ""};
    out->inputs = room(r, acn_wire_count(wire, OP_INPUT), sizeof *out->inputs);
    out->attrs = room(r, acn_wire_count(wire, OP_ATTR), sizeof *out->attrs);
    out->input_descs = room(r, acn_wire_count(wire, OP_INPUT_DESC), sizeof *out->input_descs);
    out->output_descs = room(r, acn_wire_count(wire, OP_OUTPUT_DESC), sizeof *out->output_descs);
    bool is_there = out->inputs && out->attrs && out->input_descs && out->output_descs;
    return is_there ? ACN_OK : no_memory();
}

static acn_status read_field(reader *r, const acn_wire_field *f, acn_ge_node *out) {
    switch (f->number) {
    case OP_NAME:
        return read_text(r, f, &out->name);
    case OP_TYPE:
        return read_text(r, f, &out->type);
    case OP_ATTR:
        return read_attr(r, acn_wire_inside(f), &out->attrs[out->attr_count++]);
    case OP_INPUT_DESC:
        return read_desc(r, acn_wire_inside(f), &out->input_descs[out->input_desc_count++]);
    case OP_OUTPUT_DESC:
        return read_desc(r, acn_wire_inside(f), &out->output_descs[out->output_desc_count++]);
    case OP_SUBGRAPH:
        return acn_fail(ACN_OP_NOT_FOUND,
                        "%s: node \"%s\" has graphs inside, which work in ONNX models only",
                        r->file, out->name);
    default:
        return ACN_OK;
    }
}

static acn_status read_node(reader *r, acn_wire wire, acn_ge_node *out) {
    acn_wire_field f;
    ACN_TRY(reserve_node(r, wire, out));
    acn_wire second = wire;
    while (acn_wire_next(&wire, &f)) {
        ACN_TRY(read_field(r, &f, out));
        if (f.number != OP_INPUT) continue;
        ACN_TRY(read_edge(r, &f, &out->inputs[out->input_count]));
        if (out->inputs[out->input_count].node == NULL || out->inputs[out->input_count].index >= 0)
            out->input_count++;
    }
    while (acn_wire_next(&second, &f)) { /* and behind them the orders */
        acn_ge_edge *edge = &out->inputs[out->input_count + out->control_count];
        if (f.number != OP_INPUT) continue;
        ACN_TRY(read_edge(r, &f, edge));
        if (edge->node && edge->index < 0) out->control_count++;
    }
    return wire.is_bad ? malformed(r, "an operator") : ACN_OK;
}

static acn_status read_graph(reader *r, acn_wire wire) {
    acn_ge_model *m = r->model;
    acn_wire_field f;
    m->nodes = room(r, acn_wire_count(wire, GRAPH_OP), sizeof *m->nodes);
    m->outputs = room(r, acn_wire_count(wire, GRAPH_OUTPUT), sizeof *m->outputs);
    if (m->nodes == NULL || m->outputs == NULL) return no_memory();
    while (acn_wire_next(&wire, &f)) {
        if (f.number == GRAPH_NAME) ACN_TRY(read_text(r, &f, &m->name));
        if (f.number == GRAPH_OP)
            ACN_TRY(read_node(r, acn_wire_inside(&f), &m->nodes[m->node_count++]));
        if (f.number == GRAPH_OUTPUT) ACN_TRY(read_edge(r, &f, &m->outputs[m->output_count++]));
    }
    return wire.is_bad ? malformed(r, "the graph") : ACN_OK;
}

static acn_status read_model(reader *r, acn_wire wire) {
    acn_wire_field f;
    bool has_graph = false;
    while (acn_wire_next(&wire, &f)) {
        if (f.number != MODEL_GRAPH || has_graph) continue; /* further ones lie inside of nodes */
        has_graph = true;
        ACN_TRY(read_graph(r, acn_wire_inside(&f)));
    }
    if (wire.is_bad || !has_graph) return malformed(r, "the model");
    return ACN_OK;
}

acn_status acn_ge_read(const char *name, const void *bytes, size_t size, acn_ge_model **out) {
    acn_ge_model *model = calloc(1, sizeof *model);
    if (model == NULL) return no_memory();
    model->name = "graph";
    reader r = {name, model};
    acn_status status = read_model(&r, acn_wire_open(bytes, size));
    if (status != ACN_OK) {
        acn_ge_close(model);
        return status;
    }
    *out = model;
    return ACN_OK;
}

void acn_ge_close(acn_ge_model *model) {
    if (model == NULL) return;
    acn_arena_release(&model->arena);
    free(model);
}

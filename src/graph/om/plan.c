/* plan.c - one model of our plan inside a .om: the steps, their tensors and attributes, in
 * protobuf's wire format. set.c has what is around it. */
#include "graph/om/om.h"

#include <stdio.h>
#include <string.h>

static const uint64_t MAX_WORK_BYTES = (uint64_t)1 << 48; /* an address has no more bits */

enum plan_field { PLAN_WORK = 1, PLAN_IN, PLAN_OUT, PLAN_STEP };
enum port_field {
    PORT_NAME = 1,
    PORT_DTYPE,
    PORT_DIMS,
    PORT_RANGE,
    PORT_BYTES,
    PORT_IMAGES,
    PORT_IMAGES_PARAMS,
    PORT_SEEN_DIMS
};
enum step_field { STEP_NAME = 1, STEP_OP, STEP_INPUTS, STEP_OUTPUTS, STEP_TENSOR, STEP_ATTR };
enum tensor_field {
    TENSOR_DTYPE = 1,
    TENSOR_DIMS,
    TENSOR_STRIDES,
    TENSOR_KIND,
    TENSOR_INDEX,
    TENSOR_OFFSET
};
enum attr_field {
    ATTR_SLOT = 1,
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_TEXT,
    ATTR_INTS,
    ATTR_DTYPE,
    ATTR_FLOATS
};

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void put_attr(acn_wire_out *out, const acn_op *op, int slot, const acn_attr_value *v) {
    size_t begun = acn_wire_begin(out, STEP_ATTR);
    acn_wire_put_number(out, ATTR_SLOT, (uint64_t)slot);
    switch (op->attr[slot].kind) {
    case ACN_ATTR_FLOAT:
        acn_wire_put_number(out, ATTR_FLOAT, bits_of(v->f));
        break;
    case ACN_ATTR_STRING:
        acn_wire_put_text(out, ATTR_TEXT, v->text);
        break;
    case ACN_ATTR_INTS:
        acn_wire_put_numbers(out, ATTR_INTS, v->items, (size_t)v->count);
        break;
    case ACN_ATTR_FLOATS:
        for (int64_t i = 0; i < v->count; i++)
            acn_wire_put_number(out, ATTR_FLOATS, bits_of((double)((const float *)v->items)[i]));
        break;
    case ACN_ATTR_SCALAR:
        acn_wire_put_number(out, ATTR_DTYPE, (uint64_t)v->scalar.dtype);
        acn_wire_put_number(out, ATTR_INT, v->scalar.u);
        break;
    default:
        acn_wire_put_number(out, ATTR_INT, (uint64_t)v->i);
    }
    acn_wire_end(out, begun);
}

static void put_tensor(acn_wire_out *out, const acn_compiled *compiled, const acn_net_value *v) {
    acn_place place = acn_compiled_place(compiled, v);
    size_t begun = acn_wire_begin(out, STEP_TENSOR);
    acn_wire_put_number(out, TENSOR_DTYPE, (uint64_t)v->tensor.dtype);
    acn_wire_put_numbers(out, TENSOR_DIMS, v->tensor.dims, (size_t)v->tensor.rank);
    acn_wire_put_numbers(out, TENSOR_STRIDES, v->tensor.strides, (size_t)v->tensor.rank);
    acn_wire_put_number(out, TENSOR_KIND, place.kind);
    acn_wire_put_number(out, TENSOR_INDEX, (uint64_t)place.index);
    acn_wire_put_number(out, TENSOR_OFFSET, (uint64_t)place.offset_bytes);
    acn_wire_end(out, begun);
}

static void put_step(acn_wire_out *out, const acn_compiled *compiled, const acn_net_node *n) {
    const acn_call *c = &n->call;
    int64_t inputs[ACN_MAX_INPUTS], outputs[ACN_MAX_OUTPUTS];
    for (int s = 0; s < ACN_MAX_INPUTS; s++)
        inputs[s] = c->in_count[s];
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        outputs[s] = c->out_count[s];
    size_t begun = acn_wire_begin(out, PLAN_STEP);
    acn_wire_put_text(out, STEP_NAME, n->name);
    acn_wire_put_text(out, STEP_OP, c->op->name);
    acn_wire_put_numbers(out, STEP_INPUTS, inputs, ACN_MAX_INPUTS);
    acn_wire_put_numbers(out, STEP_OUTPUTS, outputs, ACN_MAX_OUTPUTS);
    for (int i = 0; i < c->tensor_count; i++)
        put_tensor(out, compiled, n->value[i]);
    for (int s = 0; s < ACN_MAX_ATTRS && c->op->attr[s].name; s++)
        if (c->attr[s].is_present) put_attr(out, c->op, s, &c->attr[s]);
    acn_wire_end(out, begun);
}

void acn_om_put_port(acn_wire_out *out, uint32_t field, const acn_model_port *port) {
    size_t begun = acn_wire_begin(out, field);
    acn_wire_put_text(out, PORT_NAME, port->name);
    acn_wire_put_number(out, PORT_DTYPE, (uint64_t)port->dtype);
    acn_wire_put_numbers(out, PORT_DIMS, port->dims, (size_t)port->rank);
    acn_wire_put_numbers(out, PORT_RANGE, port->range[0], 2 * (size_t)port->rank);
    acn_wire_put_number(out, PORT_BYTES, port->bytes);
    if (port->images) {
        acn_wire_put_number(out, PORT_IMAGES, port->images);
        acn_wire_put_number(out, PORT_IMAGES_PARAMS, (uint64_t)port->images_params);
        acn_wire_put_numbers(out, PORT_SEEN_DIMS, port->seen_dims, (size_t)port->seen_rank);
    }
    acn_wire_end(out, begun);
}

static void put_net_port(acn_wire_out *out, uint32_t field, const char *name, const acn_tensor *t) {
    acn_model_port port = acn_port_of(name, t);
    acn_om_put_port(out, field, &port);
}

void acn_om_put_plan(acn_wire_out *out, const acn_compiled *compiled) {
    const acn_net *net = compiled->net;
    acn_wire_put_number(out, PLAN_WORK, compiled->work_bytes);
    for (int i = 0; i < net->input_count; i++)
        put_net_port(out, PLAN_IN, net->inputs[i]->name, &net->inputs[i]->tensor);
    for (int i = 0; i < net->output_count; i++)
        put_net_port(out, PLAN_OUT, net->output_names[i], &net->outputs[i]->tensor);
    for (const acn_net_node *n = net->nodes; n; n = n->next)
        put_step(out, compiled, n);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct plan_reader {
    const char *file;
    acn_model *model;
    acn_arena *arena;
} plan_reader;

static acn_status broken(const plan_reader *r, const char *what) {
    return acn_fail(ACN_PARSE_FILE, "%s: %s of its plan is damaged; convert the model again",
                    r->file, what);
}

static acn_status no_memory(const plan_reader *r) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", r->file);
}

static acn_status read_text(plan_reader *r, const acn_wire_field *f, const char **out) {
    if (f->kind != ACN_WIRE_BYTES || f->size >= 1 << 20 || memchr(f->bytes, 0, f->size))
        return broken(r, "a name");
    char *text = acn_arena_alloc(r->arena, f->size + 1);
    if (text == NULL) return no_memory(r);
    memcpy(text, f->bytes, f->size);
    *out = text;
    return ACN_OK;
}

typedef struct ints {
    int64_t *items;
    int count, most;
} ints;

static bool take_int(void *context, uint64_t bits) {
    ints *list = context;
    if (list->count == list->most) return false;
    list->items[list->count++] = (int64_t)bits;
    return true;
}

static bool read_ints(const acn_wire_field *f, int64_t *items, int most, int *out_count) {
    ints list = {items, 0, most};
    bool is_good = acn_wire_numbers(f, 0, take_int, &list);
    *out_count = list.count;
    return is_good;
}

static acn_status read_port(plan_reader *r, acn_wire wire, acn_model_port *p) {
    acn_wire_field f;
    int64_t dtype = -1;
    int count = 0;
    *p = (acn_model_port){0};
    while (acn_wire_next(&wire, &f)) {
        if (f.number == PORT_NAME) ACN_TRY(read_text(r, &f, &p->name));
        if (f.number == PORT_DTYPE) dtype = (int64_t)f.value;
        if (f.number == PORT_BYTES) p->bytes = f.value;
        if (f.number == PORT_IMAGES && f.value <= ACN_IMAGES_GIVEN)
            p->images = (acn_port_images)f.value;
        if (f.number == PORT_IMAGES_PARAMS) p->images_params = (int)f.value;
        if (f.number == PORT_SEEN_DIMS && !read_ints(&f, p->seen_dims, ACN_MAX_DIMS, &p->seen_rank))
            return broken(r, "a shape");
        if (f.number == PORT_DIMS && !read_ints(&f, p->dims, ACN_MAX_DIMS, &p->rank))
            return broken(r, "a shape");
        if (f.number == PORT_RANGE && !read_ints(&f, p->range[0], 2 * ACN_MAX_DIMS, &count))
            return broken(r, "a range");
    }
    p->dtype = (acn_dtype)dtype;
    if (wire.is_bad || dtype < 0 || dtype >= ACN_DTYPE_COUNT || !acn_dtype_bytes(p->dtype) ||
        !p->name)
        return broken(r, "an input or output");
    return ACN_OK;
}

acn_status acn_om_read_port(const char *file, acn_arena *arena, acn_wire wire,
                            acn_model_port *out) {
    plan_reader r = {file, NULL, arena};
    return read_port(&r, wire, out);
}

/* A port of a model, whose sizes are all known. */
static acn_status read_fixed_port(plan_reader *r, acn_wire wire, acn_model_port *p) {
    ACN_TRY(read_port(r, wire, p));
    p->bytes = acn_dtype_bytes(p->dtype);
    for (int d = 0; d < p->rank; d++)
        if (p->dims[d] < 0 || __builtin_mul_overflow(p->bytes, (uint64_t)p->dims[d], &p->bytes))
            return broken(r, "a shape");
    return ACN_OK;
}

static bool exists(const acn_model *m, const acn_place *p) {
    int count = p->kind == ACN_IN_INPUT ? m->input_count : m->output_count;
    if (p->kind == ACN_IN_INPUT || p->kind == ACN_IN_OUTPUT)
        return p->index >= 0 && p->index < count;
    return p->kind == ACN_IN_WORK || p->kind == ACN_IN_WEIGHTS;
}

/* Where a place's memory ends, so that no offset leads out of it. */
static uint64_t place_bytes(const acn_model *m, const acn_place *p) {
    switch (p->kind) {
    case ACN_IN_WORK:
        return m->work_bytes;
    case ACN_IN_WEIGHTS:
        return m->weight_bytes;
    case ACN_IN_INPUT:
        return m->inputs[p->index].bytes;
    case ACN_IN_OUTPUT:
        return m->outputs[p->index].bytes;
    default:
        return 0;
    }
}

static acn_status check_tensor(const plan_reader *r, const acn_tensor *t, const acn_place *p) {
    uint64_t element = acn_dtype_bytes(t->dtype), last = 0, reach;
    bool is_empty = false;
    if (!exists(r->model, p)) return broken(r, "a tensor's place"); /* empty ones have one, too */
    for (int d = 0; d < t->rank; d++) {
        if (t->dims[d] < 0 || t->strides[d] < 0) return broken(r, "a tensor");
        is_empty |= t->dims[d] == 0;
        if (t->dims[d] &&
            __builtin_mul_overflow((uint64_t)t->dims[d] - 1, (uint64_t)t->strides[d], &reach))
            return broken(r, "a tensor");
        if (t->dims[d] && __builtin_add_overflow(last, reach, &last)) return broken(r, "a tensor");
    }
    if (is_empty) return ACN_OK;
    if (__builtin_mul_overflow(last + 1, element, &last) || p->offset_bytes < 0 ||
        __builtin_add_overflow(last, (uint64_t)p->offset_bytes, &last) ||
        last > place_bytes(r->model, p))
        return broken(r, "a tensor's place");
    return ACN_OK;
}

static acn_status read_tensor(plan_reader *r, acn_wire wire, acn_tensor *t, acn_place *p) {
    acn_wire_field f;
    int64_t dims[ACN_MAX_DIMS], strides[ACN_MAX_DIMS], dtype = -1;
    int rank = 0, stride_count = 0;
    *p = (acn_place){.kind = ACN_PLACES};
    while (acn_wire_next(&wire, &f)) {
        if (f.number == TENSOR_DTYPE) dtype = (int64_t)f.value;
        if (f.number == TENSOR_KIND && f.value < ACN_PLACES) p->kind = (uint8_t)f.value;
        if (f.number == TENSOR_INDEX) p->index = (int32_t)f.value;
        if (f.number == TENSOR_OFFSET) p->offset_bytes = (int64_t)f.value;
        if (f.number == TENSOR_DIMS && !read_ints(&f, dims, ACN_MAX_DIMS, &rank))
            return broken(r, "a tensor");
        if (f.number == TENSOR_STRIDES && !read_ints(&f, strides, ACN_MAX_DIMS, &stride_count))
            return broken(r, "a tensor");
    }
    if (wire.is_bad || rank != stride_count || dtype < 0 || dtype >= ACN_DTYPE_COUNT ||
        acn_dtype_bytes((acn_dtype)dtype) == 0)
        return broken(r, "a tensor");
    acn_tensor_init(t, NULL, (acn_dtype)dtype, rank, dims);
    memcpy(t->strides, strides, sizeof t->strides);
    return check_tensor(r, t, p);
}

static acn_status read_attr(plan_reader *r, acn_wire wire, acn_call *c) {
    acn_wire_field f;
    uint64_t slot = ACN_MAX_ATTRS;
    acn_attr_value v = {.is_present = true};
    for (acn_wire w = wire; acn_wire_next(&w, &f);)
        if (f.number == ATTR_SLOT) slot = f.value;
    if (slot >= ACN_MAX_ATTRS || !c->op->attr[slot].name) return broken(r, "an attribute");
    acn_attr_kind kind = c->op->attr[slot].kind;
    bool is_number = kind == ACN_ATTR_INT || kind == ACN_ATTR_BOOL || kind == ACN_ATTR_DTYPE;
    if (kind == ACN_ATTR_STRING) v.text = "";
    float *floats = NULL;
    if (kind == ACN_ATTR_FLOATS) {
        size_t most = (size_t)acn_wire_count(wire, ATTR_FLOATS) + 1;
        v.items = floats = acn_arena_alloc(&r->model->arena, most * sizeof *floats);
        v.count = 0;
        if (floats == NULL) return no_memory(r);
    }
    while (acn_wire_next(&wire, &f)) {
        if (f.number == ATTR_INT && is_number) v.i = (int64_t)f.value;
        if (f.number == ATTR_INT && kind == ACN_ATTR_SCALAR) v.scalar.u = f.value;
        if (f.number == ATTR_DTYPE && kind == ACN_ATTR_SCALAR) {
            if (f.value >= ACN_DTYPE_COUNT) return broken(r, "an attribute");
            v.scalar.dtype = (acn_dtype)f.value;
        }
        if (f.number == ATTR_FLOAT && kind == ACN_ATTR_FLOAT) v.f = acn_wire_f64(f.value);
        if (f.number == ATTR_FLOATS && floats) floats[v.count++] = (float)acn_wire_f64(f.value);
        if (f.number == ATTR_TEXT && kind == ACN_ATTR_STRING) ACN_TRY(read_text(r, &f, &v.text));
        if (f.number != ATTR_INTS || kind != ACN_ATTR_INTS) continue;
        int count;
        int64_t *items = acn_arena_alloc(r->arena, f.size * sizeof *items + 16);
        if (items == NULL) return no_memory(r);
        if (!read_ints(&f, items, (int)f.size, &count)) return broken(r, "an attribute");
        v.items = items;
        v.count = count;
    }
    if (wire.is_bad) return broken(r, "an attribute");
    c->attr[slot] = v;
    return ACN_OK;
}

/* Slots of the call, from how many tensors each has. */
static bool set_slots(acn_call *c, const int64_t *inputs, const int64_t *outputs, int count) {
    int at = 0;
    for (int s = 0; s < ACN_MAX_INPUTS; s++) {
        if (inputs[s] < 0 || inputs[s] > count - at || (inputs[s] && !c->op->in[s].name))
            return false;
        c->in_first[s] = at;
        c->in_count[s] = (int)inputs[s];
        at += (int)inputs[s];
    }
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++) {
        if (outputs[s] < 0 || outputs[s] > count - at || (outputs[s] && !c->op->out[s].name))
            return false;
        c->out_first[s] = at;
        c->out_count[s] = (int)outputs[s];
        at += (int)outputs[s];
    }
    return at == count;
}

static acn_status read_step(plan_reader *r, acn_wire wire, acn_model_step *step) {
    acn_wire_field f;
    int64_t inputs[ACN_MAX_INPUTS] = {0}, outputs[ACN_MAX_OUTPUTS] = {0};
    const char *op = "";
    int count = acn_wire_count(wire, STEP_TENSOR), n = 0;
    bool is_good = true;
    step->name = "";
    for (acn_wire w = wire; acn_wire_next(&w, &f);) {
        if (f.number == STEP_NAME) ACN_TRY(read_text(r, &f, &step->name));
        if (f.number == STEP_OP) ACN_TRY(read_text(r, &f, &op));
        if (f.number == STEP_INPUTS) is_good &= read_ints(&f, inputs, ACN_MAX_INPUTS, &n);
        if (f.number == STEP_OUTPUTS) is_good &= read_ints(&f, outputs, ACN_MAX_OUTPUTS, &n);
    }
    const acn_op *definition = acn_op_find(op);
    if (definition == NULL)
        return acn_fail(ACN_OP_NOT_FOUND, "%s: operator %s is unknown to this version", r->file,
                        op);
    acn_call_init(&step->call, definition);
    step->call.api = definition->name;
    r->model->step_count++; /* from here on the call is the model's to release */
    if (!is_good || !set_slots(&step->call, inputs, outputs, count)) return broken(r, "a step");
    step->place = acn_arena_alloc(r->arena, ((size_t)count + 1) * sizeof *step->place);
    if (step->place == NULL) return no_memory(r);
    ACN_TRY(acn_call_reserve(&step->call, count));
    int t = 0;
    while (acn_wire_next(&wire, &f)) {
        acn_wire inside = acn_wire_inside(&f);
        if (f.number == STEP_TENSOR) {
            ACN_TRY(read_tensor(r, inside, &step->call.tensors[t], &step->place[t]));
            t++;
        }
        if (f.number == STEP_ATTR) ACN_TRY(read_attr(r, inside, &step->call));
    }
    return wire.is_bad ? broken(r, "a step") : ACN_OK;
}

static acn_status make_room(plan_reader *r, acn_wire wire) {
    acn_model *m = r->model;
    size_t in = (size_t)acn_wire_count(wire, PLAN_IN) + 1,
           out = (size_t)acn_wire_count(wire, PLAN_OUT) + 1;
    size_t steps = (size_t)acn_wire_count(wire, PLAN_STEP) + 1;
    m->inputs = acn_arena_alloc(&m->arena, in * sizeof *m->inputs);
    m->outputs = acn_arena_alloc(&m->arena, out * sizeof *m->outputs);
    m->steps = acn_arena_alloc(&m->arena, steps * sizeof *m->steps);
    return m->inputs && m->outputs && m->steps ? ACN_OK : no_memory(r);
}

static acn_status read_plan(plan_reader *r, acn_wire wire) {
    acn_model *m = r->model;
    acn_wire_field f;
    ACN_TRY(make_room(r, wire));
    for (acn_wire w = wire; acn_wire_next(&w, &f);) {
        if (f.number == PLAN_WORK) m->work_bytes = f.value;
        if (f.number == PLAN_IN)
            ACN_TRY(read_fixed_port(r, acn_wire_inside(&f), &m->inputs[m->input_count++]));
        if (f.number == PLAN_OUT)
            ACN_TRY(read_fixed_port(r, acn_wire_inside(&f), &m->outputs[m->output_count++]));
    }
    if (m->work_bytes > MAX_WORK_BYTES) return broken(r, "the work memory's size");
    while (acn_wire_next(&wire, &f))
        if (f.number == PLAN_STEP)
            ACN_TRY(read_step(r, acn_wire_inside(&f), &m->steps[m->step_count]));
    return wire.is_bad ? broken(r, "the end") : ACN_OK;
}

acn_status acn_om_read_plan(const char *file, acn_wire wire, acn_model *model) {
    plan_reader r = {file, model, &model->arena};
    return read_plan(&r, wire);
}

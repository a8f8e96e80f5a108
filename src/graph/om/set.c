/* set.c - the head of our plan inside a .om: checksums, what the model is to its clients, and then
 * the plans (plan.c), in protobuf's wire format. A reader skips fields that it does not know;
 * VERSION changes when that is not enough. */
#include "graph/om/om.h"

#include <string.h>

enum { VERSION = 2, HEAD_BYTES = 24 };
/* Then two checksums, of the plan and of the weights. */
static const char magic[HEAD_BYTES] = "ACNPLAN\1";

enum set_field {
    SET_VERSION = 1,
    SET_NAME,
    SET_WEIGHTS,
    SET_KIND,
    SET_GEAR_LENGTH,
    SET_GEARS,
    SET_IN,
    SET_OUT,
    SET_MODEL,
    SET_SOURCE_BYTES,
    SET_OUT_NODES,
    SET_OUTPUT_TYPE,
    SET_INPUT_FP16_NODES,
    SET_AIPP,
    SET_SWITCHES,
    SET_EXTERNAL
};

/* ---- writing --------------------------------------------------------------------------------- */

static void put_source(acn_wire_out *out, const acn_model_set *set) {
    acn_wire_put_number(out, SET_SOURCE_BYTES, set->source_bytes);
    acn_wire_put_text(out, SET_OUT_NODES, set->source_options.out_nodes);
    acn_wire_put_text(out, SET_OUTPUT_TYPE, set->source_options.output_type);
    acn_wire_put_text(out, SET_INPUT_FP16_NODES, set->source_options.input_fp16_nodes);
    acn_wire_put_text(out, SET_AIPP, set->source_options.aipp);
    acn_wire_put_text(out, SET_SWITCHES, set->source_options.switches);
    for (int i = 0; i < set->external_count; i++)
        acn_wire_put_number(out, SET_EXTERNAL, set->external[i]);
}

void acn_om_put_set(acn_wire_out *out, const acn_om_contents *contents, const char *weights) {
    const acn_model_set *set = contents->set;
    acn_wire_put_raw(out, magic, HEAD_BYTES);
    acn_wire_put_number(out, SET_VERSION, VERSION);
    acn_wire_put_text(out, SET_NAME, set->name);
    acn_wire_put_number(out, SET_WEIGHTS, contents->weights->bytes);
    acn_wire_put_number(out, SET_KIND, (uint64_t)set->kind);
    acn_wire_put_number(out, SET_GEAR_LENGTH, (uint64_t)set->gear_length);
    acn_wire_put_numbers(out, SET_GEARS, set->gears,
                         (size_t)contents->count * (size_t)set->gear_length);
    for (int i = 0; i < set->input_count; i++)
        acn_om_put_port(out, SET_IN, &set->inputs[i]);
    for (int i = 0; i < set->output_count; i++)
        acn_om_put_port(out, SET_OUT, &set->outputs[i]);
    if (set->kind == ACN_SET_OPEN) put_source(out, set);
    for (int i = 0; i < contents->count && set->kind != ACN_SET_OPEN; i++) {
        size_t begun = acn_wire_begin(out, SET_MODEL);
        acn_om_put_plan(out, &contents->compiled[i]);
        acn_wire_end(out, begun);
    }
    if (out->has_failed) return;
    const uint64_t sums[2] = {acn_checksum(out->bytes + HEAD_BYTES, out->size - HEAD_BYTES),
                              acn_checksum(weights, contents->weights->bytes)};
    memcpy(out->bytes + 8, sums, sizeof sums);
}

/* ---- reading --------------------------------------------------------------------------------- */

static acn_status broken(const acn_om *om, const char *what) {
    return acn_fail(ACN_PARSE_FILE, "%s: %s of its plan is damaged; convert the model again",
                    om->name, what);
}

static acn_status read_text(const acn_om *om, acn_arena *arena, const acn_wire_field *f,
                            const char **out) {
    if (f->kind != ACN_WIRE_BYTES || f->size >= 1 << 20 || memchr(f->bytes, 0, f->size))
        return broken(om, "a name");
    char *text = acn_arena_alloc(arena, f->size + 1);
    if (text == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", om->name);
    memcpy(text, f->bytes, f->size);
    *out = text;
    return ACN_OK;
}

static bool take_gear(void *context, uint64_t bits) {
    acn_model_set *set = context;
    set->gears[set->gear_numbers++] = (int64_t)bits;
    return true;
}

static acn_status read_gears(const acn_om *om, const acn_wire_field *f, acn_model_set *set) {
    set->gear_numbers = 0;
    set->gears = acn_arena_alloc(&set->arena, (f->size + 1) * sizeof *set->gears);
    if (set->gears == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", om->name);
    return acn_wire_numbers(f, 0, take_gear, set) ? ACN_OK : broken(om, "a gear");
}

static acn_status read_number(const acn_om *om, const acn_wire_field *f, acn_model_set *set) {
    switch (f->number) {
    case SET_WEIGHTS:
        set->weight_bytes = f->value;
        return ACN_OK;
    case SET_KIND:
        set->kind = (acn_set_kind)f->value;
        return f->value < ACN_SET_KINDS ? ACN_OK : broken(om, "the kind");
    case SET_GEAR_LENGTH:
        set->gear_length = (int)f->value;
        return f->value <= ACN_MAX_GEAR_LENGTH ? ACN_OK : broken(om, "a gear");
    case SET_EXTERNAL:
        set->external[set->external_count++] = f->value;
        return ACN_OK;
    case SET_SOURCE_BYTES:
        set->source_bytes = f->value;
        return ACN_OK;
    default:
        return ACN_OK;
    }
}

static acn_status read_head(const acn_om *om, const acn_wire_field *f, acn_model_set *set) {
    acn_arena *arena = &set->arena;
    switch (f->number) {
    case SET_NAME:
        return read_text(om, arena, f, &set->name);
    case SET_OUT_NODES:
        return read_text(om, arena, f, &set->source_options.out_nodes);
    case SET_OUTPUT_TYPE:
        return read_text(om, arena, f, &set->source_options.output_type);
    case SET_INPUT_FP16_NODES:
        return read_text(om, arena, f, &set->source_options.input_fp16_nodes);
    case SET_AIPP:
        return read_text(om, arena, f, &set->source_options.aipp);
    case SET_SWITCHES:
        return read_text(om, arena, f, &set->source_options.switches);
    case SET_GEARS:
        return read_gears(om, f, set);
    case SET_IN:
        return acn_om_read_port(om->name, arena, acn_wire_inside(f),
                                &set->inputs[set->input_count++]);
    case SET_OUT:
        return acn_om_read_port(om->name, arena, acn_wire_inside(f),
                                &set->outputs[set->output_count++]);
    default:
        return read_number(om, f, set);
    }
}

static acn_status make_room(const acn_om *om, acn_wire wire, acn_model_set *set) {
    size_t in = (size_t)acn_wire_count(wire, SET_IN) + 1,
           out = (size_t)acn_wire_count(wire, SET_OUT) + 1,
           models = (size_t)acn_wire_count(wire, SET_MODEL) + 1,
           external = (size_t)acn_wire_count(wire, SET_EXTERNAL) + 1;
    set->name = set->source_options.out_nodes = set->source_options.output_type =
        set->source_options.input_fp16_nodes = set->source_options.aipp =
            set->source_options.switches = "";
    set->inputs = acn_arena_alloc(&set->arena, in * sizeof *set->inputs);
    set->outputs = acn_arena_alloc(&set->arena, out * sizeof *set->outputs);
    set->models = acn_arena_alloc(&set->arena, models * sizeof(void *));
    set->external = acn_arena_alloc(&set->arena, external * sizeof *set->external);
    if (set->inputs && set->outputs && set->models && set->external) return ACN_OK;
    return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", om->name);
}

static acn_status read_model(const acn_om *om, acn_wire wire, acn_model_set *set) {
    acn_model *model;
    ACN_TRY(acn_model_create(&model));
    set->models[set->model_count++] = model;
    model->name = set->name;
    model->weights = set->weights;
    model->weight_bytes = set->weight_bytes;
    return acn_om_read_plan(om->name, wire, model);
}

/* What the clients see and what the models are must be the same. */
static acn_status check_set(const acn_om *om, const acn_model_set *set) {
    bool has_gears = acn_set_has_gears(set);
    for (int i = 0; i < set->input_count; i++)
        if (set->inputs[i].images_params < 0 || set->inputs[i].images_params >= set->input_count)
            return broken(om, "an input of images");
    if (set->kind == ACN_SET_OPEN) {
        bool is_good = set->model_count == 0 && set->source_bytes <= set->weight_bytes;
        return is_good ? ACN_OK : broken(om, "the source");
    }
    if (set->model_count == 0 || (!has_gears && set->model_count != 1))
        return broken(om, "the number of models");
    if (has_gears && (set->gear_length == 0 || set->input_count == 0 ||
                      set->gear_numbers != set->gear_length * set->model_count))
        return broken(om, "a gear");
    for (int i = 0; i < set->model_count; i++) {
        const acn_model *m = set->models[i];
        if (m->input_count + has_gears != set->input_count || m->output_count != set->output_count)
            return broken(om, "an input or output");
        for (int p = 0; p < m->input_count; p++)
            if (m->inputs[p].bytes > set->inputs[p].bytes) return broken(om, "an input");
        for (int p = 0; p < m->output_count; p++)
            if (m->outputs[p].bytes > set->outputs[p].bytes) return broken(om, "an output");
    }
    return ACN_OK;
}

static acn_status read_set(const acn_om *om, acn_wire wire, acn_model_set *set) {
    acn_wire_field f;
    uint64_t version = 0;
    ACN_TRY(make_room(om, wire, set));
    for (acn_wire w = wire; acn_wire_next(&w, &f);)
        if (f.number == SET_VERSION) version = f.value;
    if (version != VERSION)
        return acn_fail(ACN_PARSE_FILE,
                        "%s was made by version %llu of the converter, this one reads %d; convert "
                        "the model again",
                        om->name, (unsigned long long)version, VERSION);
    for (acn_wire w = wire; acn_wire_next(&w, &f);)
        ACN_TRY(read_head(om, &f, set));
    if (set->weight_bytes > om->partition[ACN_OM_WEIGHTS].size)
        return broken(om, "the weights' size");
    while (acn_wire_next(&wire, &f))
        if (f.number == SET_MODEL) ACN_TRY(read_model(om, acn_wire_inside(&f), set));
    if (wire.is_bad) return broken(om, "the end");
    return check_set(om, set);
}

/* The partition: magic, checksums of plan and weights, plan. */
static acn_status open_plan(const acn_om *om, acn_wire *out) {
    const uint8_t *bytes = om->partition[ACN_OM_PLAN].bytes;
    uint64_t size = om->partition[ACN_OM_PLAN].size, sums[2];
    if (size < HEAD_BYTES || memcmp(bytes, magic, 8) != 0)
        return acn_fail(ACN_PARSE_FILE,
                        "%s was compiled for an NPU and holds no plan for this device; convert the "
                        "source model with this toolkit's atc",
                        om->name);
    memcpy(sums, bytes + 8, sizeof sums);
    if (sums[0] != acn_checksum(bytes + HEAD_BYTES, size - HEAD_BYTES) ||
        sums[1] !=
            acn_checksum(om->partition[ACN_OM_WEIGHTS].bytes, om->partition[ACN_OM_WEIGHTS].size))
        return acn_fail(ACN_PARSE_FILE, "%s: its checksum is wrong; the file is damaged", om->name);
    *out = acn_wire_open(bytes + HEAD_BYTES, size - HEAD_BYTES);
    return ACN_OK;
}

acn_status acn_om_set(const acn_om *om, acn_model_set **out) {
    acn_wire wire;
    acn_model_set *set;
    ACN_TRY(open_plan(om, &wire));
    ACN_TRY(acn_set_create(&set));
    set->weights = (const char *)om->partition[ACN_OM_WEIGHTS].bytes;
    acn_status status = read_set(om, wire, set);
    if (status == ACN_OK)
        *out = set;
    else
        acn_set_destroy(set);
    return status;
}

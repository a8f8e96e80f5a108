/* ports.c - the part of a .om that lists its inputs and outputs: {type, length, value}. */
#include "graph/om/om.h"

#include <string.h>

enum { FORMAT_ND = 2 };

static void put_little(acn_wire_out *out, uint64_t value, int bytes) {
    uint8_t raw[8];
    for (int i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    acn_wire_put_raw(out, raw, (size_t)bytes);
}

static void put_port(acn_wire_out *out, const acn_model_port *p) {
    bool is_open = false;
    for (int d = 0; d < p->rank; d++)
        is_open |= p->dims[d] < 0;
    put_little(out, p->bytes, 8);
    put_little(out, FORMAT_ND, 4);
    put_little(out, (uint64_t)p->dtype, 4);
    put_little(out, strlen(p->name), 4);
    put_little(out, (uint64_t)p->rank * 8, 4);
    put_little(out, (uint64_t)p->rank * 8, 4);
    put_little(out, is_open ? (uint64_t)p->rank * 16 : 0, 4);
    acn_wire_put_raw(out, p->name, strlen(p->name));
    for (int twice = 0; twice < 2; twice++)
        for (int d = 0; d < p->rank; d++)
            put_little(out, (uint64_t)p->dims[d], 8);
    for (int d = 0; d < p->rank && is_open; d++) {
        put_little(out, (uint64_t)p->range[d][0], 8);
        put_little(out, (uint64_t)p->range[d][1], 8);
    }
}

static void put_block(acn_wire_out *out, uint32_t type, const acn_wire_out *value) {
    put_little(out, type, 4);
    put_little(out, value->size, 4);
    acn_wire_put_raw(out, value->bytes, value->size);
    out->has_failed |= value->has_failed;
}

enum { BLOCK_INPUTS, BLOCK_OUTPUTS, BLOCK_BATCH, BLOCK_IMAGE, BLOCK_DIMS };

/* Batch sizes are a plain list; the other kinds are rows, their lengths first. */
static void put_gears(acn_wire_out *out, const acn_model_set *set, int count) {
    static const uint32_t types[ACN_SET_KINDS] = {
        [ACN_SET_BATCH] = BLOCK_BATCH, [ACN_SET_IMAGE] = BLOCK_IMAGE, [ACN_SET_DIMS] = BLOCK_DIMS};
    acn_wire_out block = {0};
    put_little(&block, (uint64_t)count, 4);
    for (int i = 0; i < count && set->kind != ACN_SET_BATCH; i++)
        put_little(&block, (uint64_t)set->gear_length, 4);
    for (int i = 0; i < count * set->gear_length; i++)
        put_little(&block, (uint64_t)set->gears[i], 8);
    put_block(out, types[set->kind], &block);
    acn_wire_release(&block);
}

void acn_om_put_ports(acn_wire_out *out, const acn_om_contents *contents) {
    const acn_model_set *set = contents->set;
    acn_wire_out inputs = {0}, outputs = {0};
    put_little(&inputs, (uint64_t)set->input_count, 4);
    for (int i = 0; i < set->input_count; i++)
        put_port(&inputs, &set->inputs[i]);
    put_little(&outputs, (uint64_t)set->output_count, 4);
    for (int i = 0; i < set->output_count; i++)
        put_port(&outputs, &set->outputs[i]);
    put_block(out, BLOCK_INPUTS, &inputs);
    put_block(out, BLOCK_OUTPUTS, &outputs);
    if (acn_set_has_gears(set)) put_gears(out, set, contents->count);
    acn_wire_release(&inputs);
    acn_wire_release(&outputs);
}

/* program.c - building tile programs. Mistakes of a body (too long, a class without the micro-op)
 * are remembered in the program and reported once, by acn_tile_bind. */
#include "ops/tile.h"

static acn_reg new_register(acn_program *p, acn_class k) {
    if (p->register_count == ACN_TILE_REGISTERS) {
        p->is_broken = true;
        return 0;
    }
    p->register_class[p->register_count] = (uint8_t)k;
    return (acn_reg)p->register_count++;
}

static acn_reg add_load(acn_program *p, acn_tile_load load) {
    if (p->load_count == ACN_PROGRAM_LOADS) {
        p->is_broken = true;
        return 0;
    }
    load.reg = new_register(p, (acn_class)load.klass);
    p->load[p->load_count++] = load;
    return load.reg;
}

acn_reg acn_p_input_through(acn_program *p, int operand, acn_class k, acn_dtype dtype) {
    for (int i = 0; i < p->load_count; i++) /* loaded before: use it again */
        if (p->load[i].source == ACN_FROM_TENSOR && p->load[i].index == operand &&
            p->load[i].klass == k && p->load[i].through == dtype)
            return p->load[i].reg;
    return add_load(p, (acn_tile_load){.source = ACN_FROM_TENSOR,
                                       .klass = (uint8_t)k,
                                       .index = (uint8_t)operand,
                                       .through = (int8_t)dtype});
}

acn_reg acn_p_input(acn_program *p, int operand, acn_class k) {
    return acn_p_input_through(p, operand, k, ACN_UNDEFINED);
}

acn_reg acn_p_attr_item(acn_program *p, int attr_slot, int item, acn_class k) {
    return add_load(p, (acn_tile_load){.source = ACN_FROM_ATTR,
                                       .klass = (uint8_t)k,
                                       .index = (uint8_t)attr_slot,
                                       .through = ACN_UNDEFINED,
                                       .item = item});
}

acn_reg acn_p_attr(acn_program *p, int attr_slot, acn_class k) {
    return acn_p_attr_item(p, attr_slot, -1, k);
}

acn_reg acn_p_const(acn_program *p, double value, acn_class k) {
    for (int i = 0; i < p->load_count; i++)
        if (p->load[i].source == ACN_FROM_CONST && p->load[i].klass == k &&
            p->load[i].constant == value)
            return p->load[i].reg;
    return add_load(p, (acn_tile_load){.source = ACN_FROM_CONST,
                                       .klass = (uint8_t)k,
                                       .through = ACN_UNDEFINED,
                                       .constant = value});
}

static bool gives_bool(acn_micro_code code) {
    switch (code) {
    case ACN_U_EQ:
    case ACN_U_NE:
    case ACN_U_LT:
    case ACN_U_LE:
    case ACN_U_GT:
    case ACN_U_GE:
    case ACN_U_IS_FINITE:
    case ACN_U_IS_NAN:
        return true;
    default:
        return false;
    }
}

/* What arithmetic means on truth values; comparisons go through integers. */
static bool bool_code(acn_micro_code code, acn_micro_code *out_code) {
    switch (code) {
    case ACN_U_ADD:
    case ACN_U_MAX:
        *out_code = ACN_U_OR;
        return true;
    case ACN_U_MUL:
    case ACN_U_MIN:
        *out_code = ACN_U_AND;
        return true;
    default:
        return false;
    }
}

acn_reg acn_p3(acn_program *p, acn_micro_code code, acn_reg a, acn_reg b, acn_reg c) {
    acn_class k = (acn_class)p->register_class[a];
    const acn_kernels *kernels = acn_kernels_get();
    if (!kernels->micro[code][k] && k == ACN_K_B8) {
        if (!bool_code(code, &code)) {
            acn_reg wide_a = acn_p_cast(p, a, ACN_K_I32);
            acn_reg wide_b = b == a ? wide_a : acn_p_cast(p, b, ACN_K_I32);
            return acn_p3(p, code, wide_a, wide_b, wide_a);
        }
    }
    if (!kernels->micro[code][k] || p->micro_count == ACN_PROGRAM_MICROS) {
        p->is_broken = true;
        return a;
    }
    acn_reg d = new_register(p, gives_bool(code) ? ACN_K_B8 : k);
    p->micro[p->micro_count++] =
        (acn_micro){.code = (uint8_t)code, .klass = (uint8_t)k, .d = d, .a = a, .b = b, .c = c};
    return d;
}

static acn_reg convert(acn_program *p, uint8_t code, acn_reg a, int to, acn_class result,
                       bool is_possible) {
    if (!is_possible || p->micro_count == ACN_PROGRAM_MICROS) {
        p->is_broken = true;
        return a;
    }
    acn_reg d = new_register(p, result);
    p->micro[p->micro_count++] =
        (acn_micro){.code = code, .klass = p->register_class[a], .to = (uint8_t)to, .d = d, .a = a};
    return d;
}

acn_reg acn_p_cast(acn_program *p, acn_reg a, acn_class to) {
    acn_class from = (acn_class)p->register_class[a];
    if (from == to) return a;
    return convert(p, ACN_MICRO_CAST, a, to, to, acn_kernels_get()->cast[from][to]);
}

acn_reg acn_p_narrow(acn_program *p, acn_reg a, acn_dtype dtype) {
    acn_class k = (acn_class)p->register_class[a];
    if (acn_dtype_is_class(dtype, k)) return a;
    return convert(p, ACN_MICRO_NARROW, a, dtype, k, acn_class_of(dtype) == k);
}

void acn_p_store(acn_program *p, acn_reg reg) {
    if (p->store_count == ACN_MAX_OUTPUTS) {
        p->is_broken = true;
        return;
    }
    p->store[p->store_count++] = (acn_tile_store){.reg = reg, .klass = p->register_class[reg]};
}

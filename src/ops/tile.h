/* tile.h - the tile machine: a short program of vector micro-ops, run on tiles in L1.
 *
 * One program serves a single operator (1-3 micro-ops), a fused graph region, or an epilogue. The
 * iterator collapses, broadcasts and splits the operands once, at plan time; a run only adds
 * addresses. Contiguous operands of the class's own type are used in place.
 */
#ifndef ACN_OPS_TILE_H
#define ACN_OPS_TILE_H

#include "ops/kernels/kernels.h"
#include "ops/op.h"

enum { ACN_TILE = 512, ACN_TILE_REGISTERS = 16, ACN_PROGRAM_MICROS = 48, ACN_TILE_OPERANDS = 12 };

typedef uint8_t acn_reg;

typedef struct acn_micro {
    uint8_t code, klass; /* klass: class of operand a */
    acn_reg d, a, b, c;
    uint8_t to; /* class, for casts (code == ACN_MICRO_COUNT) */
} acn_micro;

typedef enum acn_source { ACN_FROM_TENSOR, ACN_FROM_ATTR, ACN_FROM_CONST } acn_source;

typedef struct acn_tile_load {
    uint8_t source, klass;
    acn_reg reg;
    uint8_t index; /* operand number or attr slot */
    double constant[2];
} acn_tile_load;

typedef struct acn_program {
    int load_count, micro_count, store_count;
    acn_tile_load load[ACN_TILE_OPERANDS];
    acn_micro micro[ACN_PROGRAM_MICROS];
    struct {
        acn_reg reg;
        uint8_t klass, index;
    } store[ACN_MAX_OUTPUTS];
    int next_reg;
    uint8_t reg_class[ACN_TILE_REGISTERS];
} acn_program;

/* Building, in plan. A register has a class; operands of different classes must be cast first. */
acn_reg acn_p_input(acn_program *p, int operand, acn_class k);  /* tensor operand, loaded as k */
acn_reg acn_p_attr(acn_program *p, int attr_slot, acn_class k); /* scalar attribute, at run time */
acn_reg acn_p_const(acn_program *p, double value, acn_class k);
acn_reg acn_p(acn_program *p, acn_micro_code code, acn_reg a, acn_reg b, acn_reg c);
acn_reg acn_p_cast(acn_program *p, acn_reg a, acn_class to);
void acn_p_store(acn_program *p, acn_reg reg, int output);
static inline acn_reg acn_p1(acn_program *p, acn_micro_code code, acn_reg a) {
    return acn_p(p, code, a, 0, 0);
}
static inline acn_reg acn_p2(acn_program *p, acn_micro_code code, acn_reg a, acn_reg b) {
    return acn_p(p, code, a, b, 0);
}

#endif

/* tile.h - the tile machine: a short program of vector micro-ops, run on tiles in L1.
 *
 * One program serves a single operator (1-3 micro-ops), a fused graph region, or an epilogue. The
 * iterator collapses, broadcasts and splits the operands once, at plan time; a run only adds
 * addresses. Contiguous operands of the class's own type are used in place.
 */
#ifndef ACN_OPS_TILE_H
#define ACN_OPS_TILE_H

#include "ops/iterator.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"

enum {
    ACN_TILE = 1024,
    ACN_TILE_REGISTERS = 32,
    ACN_PROGRAM_MICROS = 32,
    ACN_PROGRAM_LOADS = 10,
};

typedef uint8_t acn_reg;

/* What a micro does besides the kernels' micro-ops. */
enum {
    ACN_MICRO_CAST = ACN_MICRO_COUNT, /* to class |to| */
    ACN_MICRO_NARROW,                 /* to what dtype |to| can hold; the class stays */
};

typedef struct acn_micro {
    uint8_t code;  /* acn_micro_code or one of the above */
    uint8_t klass; /* of operand a */
    uint8_t to;
    acn_reg d, a, b, c;
} acn_micro;

typedef enum acn_source { ACN_FROM_TENSOR, ACN_FROM_ATTR, ACN_FROM_CONST } acn_source;

typedef struct acn_tile_load {
    uint8_t source, klass;
    acn_reg reg;
    uint8_t index;  /* tensor operand, or attribute slot */
    int8_t through; /* a dtype that the value passes through; -1: none */
    int32_t item;   /* of a list attribute; -1 for a single one */
    double constant;
} acn_tile_load;

typedef struct acn_tile_store {
    acn_reg reg;
    uint8_t klass;
} acn_tile_store;

typedef struct acn_program {
    int load_count, micro_count, store_count, register_count;
    bool is_broken; /* too long, or a class lacks a micro-op: acn_tile_bind fails */
    acn_tile_load load[ACN_PROGRAM_LOADS];
    acn_micro micro[ACN_PROGRAM_MICROS];
    acn_tile_store store[ACN_MAX_OUTPUTS];
    uint8_t register_class[ACN_TILE_REGISTERS];
} acn_program;

/* Building, in plan, on a zeroed program. Operand numbers are the program's own: acn_tile_bind says
 * which tensors they are. A register keeps its class; operands of one micro-op must share it. */
acn_reg acn_p_input(acn_program *p, int operand, acn_class k);
/* An operand of one element that counts as one of |dtype|: a weak scalar beside tensors. */
acn_reg acn_p_input_through(acn_program *p, int operand, acn_class k, acn_dtype dtype);
acn_reg acn_p_attr(acn_program *p, int attr_slot, acn_class k); /* scalar, read at run time */
acn_reg acn_p_attr_item(acn_program *p, int attr_slot, int item, acn_class k);
acn_reg acn_p_const(acn_program *p, double value, acn_class k);
acn_reg acn_p3(acn_program *p, acn_micro_code code, acn_reg a, acn_reg b, acn_reg c);
acn_reg acn_p_cast(acn_program *p, acn_reg a, acn_class to);
/* What a tensor of |dtype|, whose class |a| has, would hold: rounds or wraps. A result passes
 * through it on its way into an output or a next operator of a wider type. */
acn_reg acn_p_narrow(acn_program *p, acn_reg a, acn_dtype dtype);
/* Stores to the program's next output. */
void acn_p_store(acn_program *p, acn_reg reg);

static inline acn_reg acn_p2(acn_program *p, acn_micro_code code, acn_reg a, acn_reg b) {
    return acn_p3(p, code, a, b, a);
}
static inline acn_reg acn_p1(acn_program *p, acn_micro_code code, acn_reg a) {
    return acn_p3(p, code, a, a, a);
}

/* Is |dtype| stored as class |k| computes? Then in-place use is possible, and nothing narrows. */
static inline bool acn_dtype_is_class(acn_dtype dtype, acn_class k) {
    return acn_class_of(dtype) == k && acn_dtype_bytes(dtype) == acn_class_bytes(k);
}

typedef struct acn_tile_plan acn_tile_plan;

/* Binds operands to tensors of the call (indices into call->tensors): outputs[i] takes the i-th
 * store, inputs[i] is operand i. All outputs have one shape; inputs broadcast onto it. Memory comes
 * from the plan. Adds the estimated time to call->plan->cost_us. */
acn_status acn_tile_bind(acn_call *c, const acn_program *p, const int *outputs, const int *inputs,
                         int input_count, acn_tile_plan **out_plan);
/* Runs on the pool when it is worth it. Scalars and addresses are the call's. */
void acn_tile_run(const acn_tile_plan *plan, const acn_call *c);

#endif

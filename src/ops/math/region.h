/* region.h - several elementwise operators as one tile program.
 *
 * A formula is a list of steps with '/' between them, each an operator and its inputs in order with
 * ':' before each: "Mul:x0:x1/Sigmoid:s0/Add:s1:#0x1p+1". x2 is input 2, s1 what step 1 gives, # a
 * number; "alpha~0x1p+1" gives an attribute. The last step's result is the output. All of it is
 * f32, and has the values that the operators one by one would give.
 */
#ifndef ACN_OPS_MATH_REGION_H
#define ACN_OPS_MATH_REGION_H

#include "ops/elementwise.h"

enum { ACN_REGION_STEPS = 16, ACN_REGION_OPERANDS = 4, ACN_REGION_INPUTS = 8 };

typedef enum acn_region_source {
    ACN_REGION_INPUT,
    ACN_REGION_STEP,
    ACN_REGION_NUMBER
} acn_region_source;

typedef struct acn_region_operand {
    acn_region_source source;
    int index;
    double number;
} acn_region_operand;

typedef struct acn_region_step {
    const acn_op *op;
    acn_region_operand operand[ACN_REGION_OPERANDS];
    int operand_count;
    acn_attr_value attr[ACN_MAX_ATTRS];
} acn_region_step;

typedef struct acn_region {
    acn_region_step step[ACN_REGION_STEPS];
    int step_count, input_count; /* one more than the highest that is read */
} acn_region;

/* False: it is no formula. */
bool acn_region_parse(const char *formula, acn_region *out);
/* False: it is longer than |room|. */
bool acn_region_write(const acn_region *region, char *text, size_t room);
/* Whether an operator may write its result over an input of the same layout and type. */
bool acn_op_works_in_place(const acn_op *op);
/* Whether an operator can be a step: elementwise on f32, with numbers as attributes. */
bool acn_region_takes(const acn_op *op);
/* Whether one tile program holds it. */
bool acn_region_fits(const acn_region *region);

#endif

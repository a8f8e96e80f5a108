/* cases.h - the little language in which operators list their test cases (acn_op.cases).
 *
 *   cases     words apart by white space; a word is a case or a setting
 *   setting   tolerance=elementwise | compound | reduction | contraction   for the cases that
 * follow elementwise: a few units in the last place of the result; compound: of the operands, for
 * formulas of several roundings whose terms may cancel; reduction, contraction: errors may add up
 * with the number of terms. Integers and bool are always exact. case
 * operand,operand...[->operand,operand...][|attribute=value...] inputs in order of their slots;
 * outputs only where infer cannot know their shape operand   [types][dims][:layout][@low..high] a
 * tensor: "f32+i64[2,3]", "[]" (0-d) {operand,operand...}                  a list of tensors 2,
 * 0.5, -1, true                      a scalar argument (aclScalar)
 *             -                                     absent
 *   types     f32 f16 bf16 f64 i8 ... joined by +. The first tensor's types say for which the case
 *             is run (all of its slot's when it has none); others follow where their slot lets
 * them. layout    strided (transposed, step 2) or broadcast (stride 0); every small case is run in
 * all three layouts anyway
 *   @         values are drawn from this range; class indices, probabilities
 *   value     a number, a type's name, text, or [a,b,...] for lists; several attributes are
 *             separated by "," or "|"
 */
#ifndef ACN_TESTS_OPS_CASES_H
#define ACN_TESTS_OPS_CASES_H

#include "ops/op.h"

enum { MAX_OPERANDS = 24, MAX_MEMBERS = 6, MAX_LIST = 16, MAX_TEXT = 64 };

typedef enum tolerance { ELEMENTWISE, RELATIVE, COMPOUND, REDUCTION, CONTRACTION } tolerance;

typedef struct shape {
    acn_dtypes types; /* 0: not said */
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    bool has_range;
    double low, high;
} shape;

typedef enum operand_kind { ABSENT, TENSORS, SCALAR } operand_kind;

typedef struct operand {
    operand_kind kind;
    bool is_list;
    int count;
    shape member[MAX_MEMBERS];
    acn_scalar scalar;
} operand;

typedef struct attribute {
    char name[MAX_TEXT], text[MAX_TEXT];
    bool is_list;
    int count;
    char item[MAX_LIST][24];
} attribute;

typedef struct test_case {
    tolerance tolerance;
    char text[160]; /* as written, for messages */
    int in_count, out_count, attr_count;
    operand in[MAX_OPERANDS], out[MAX_OPERANDS];
    attribute attr[ACN_MAX_ATTRS];
} test_case;

/* Reads the next case from *cursor; settings carry over in |c|. 1: a case, 0: no more, -1: wrong,
 * with the reason in |c|->text. Zero |c| before the first. */
int next_case(const char **cursor, test_case *c);

#endif

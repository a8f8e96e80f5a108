/* subject.h - a call of one operator on test data: tensors in guarded memory, in a chosen layout.
 */
#ifndef ACN_TESTS_OPS_SUBJECT_H
#define ACN_TESTS_OPS_SUBJECT_H

#include "cases.h"

typedef enum layout { CONTIGUOUS, STRIDED, REPEATED, LAYOUT_COUNT } layout;
typedef enum values { PLAIN, SPECIAL, VALUES_COUNT } values;

enum { MAX_TENSORS = 64, GUARD_BYTES = 64 };

/* Memory of one tensor; everything outside the view's elements must keep its pattern. */
typedef struct block {
    char *memory; /* guard, |bytes|, guard */
    size_t bytes;
    char *before; /* the content when the run began */
} block;

/* A list attribute's items, in each way that an operator may ask for them. */
typedef struct list_values {
    acn_scalar scalars[MAX_LIST];
    int64_t ints[MAX_LIST];
    float floats[MAX_LIST];
    uint8_t bools[MAX_LIST];
} list_values;

typedef struct subject {
    const acn_op *op;
    acn_call call;
    char names[ACN_MAX_ATTRS][MAX_TEXT];
    list_values lists[ACN_MAX_ATTRS];
    block block[MAX_TENSORS];
    char *workspace;
    size_t workspace_bytes;
    char problem[512]; /* why the last step failed */
} subject;

/* Which way a subject is built. */
typedef struct variant {
    acn_dtype dtype; /* of the first tensor operand */
    layout in, out;
    values values;
    bool in_place; /* output 0 is input 0 */
} variant;

/* Fills inputs with values that depend only on the case and the variant's dtype and values, so that
 * layouts can be compared with one another. False, with |problem|, when the operator refuses. */
bool subject_build(subject *s, const acn_op *op, const test_case *c, const variant *v);
/* Runs phase 1 and 2, or level 0. */
bool subject_run(subject *s);
bool subject_run0(subject *s);
/* Guards, gaps between elements, and inputs that are not outputs are as they were. */
bool subject_is_clean(subject *s);
void subject_release(subject *s);

/* Types of the first tensor operand for which |c| is meant. */
acn_dtypes case_types(const acn_op *op, const test_case *c);
int64_t case_elements(const test_case *c); /* of its largest tensor */

#endif

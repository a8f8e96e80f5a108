/* signature.h - operators as GE's callers see them: by type, with positional inputs and named
 * attributes (aclop, and graphs).
 *
 * GE hands many numbers over as constant tensors (axes, perm, shape, k) that are attributes here,
 * and has several types for what is one operator (ReduceSum and ReduceSumD, Pad and PadV3). The
 * rows of api/ge.tsv say how such a type maps onto its operator; a type without a row has the
 * operator's own signature. What is known of a constant when a call is made goes into it through
 * acn_call_set_constant.
 */
#ifndef ACN_OPS_SIGNATURE_H
#define ACN_OPS_SIGNATURE_H

#include "ops/op.h"

enum { ACN_SIGNATURE_INPUTS = ACN_MAX_INPUTS + 4, ACN_SIGNATURE_NAME_BYTES = 48 };

typedef enum acn_signature_target {
    ACN_TO_INPUT,
    ACN_TO_ATTR,    /* the tensor is a constant */
    ACN_TO_NOTHING, /* says what other things say as well */
    ACN_TO_REFUSAL, /* not supported: must be absent, or have the one value */
} acn_signature_target;

/* How GE's value of an attribute becomes ours. */
typedef enum acn_signature_form {
    ACN_FORM_SAME,
    ACN_FORM_SPACE, /* a list without what it says of batch and channels, which is 1 */
    ACN_FORM_NOT,   /* a truth value's opposite */
    ACN_FORM_SIDES, /* says by being there that our list has all first sides, then all last ones */
} acn_signature_form;

typedef struct acn_signature_slot {
    char name[ACN_SIGNATURE_NAME_BYTES]; /* GE's */
    acn_signature_target target;
    int slot; /* of a supported value of ACN_TO_REFUSAL: -1 if the operator has no use for it */
    acn_signature_form form;
    char
        value[ACN_SIGNATURE_NAME_BYTES]; /* of ACN_TO_REFUSAL, some with "/" between; empty: none */
} acn_signature_slot;

typedef struct acn_signature {
    const acn_op *op;
    int input_count;
    acn_signature_slot input[ACN_SIGNATURE_INPUTS];
    const char *attr_words; /* the row's last column */
} acn_signature;

/* Fails when there is no operator for |type|. */
acn_status acn_signature_find(const char *type, acn_signature *out);
/* Where GE's attribute |name| goes; fails when the operator does not have it. */
acn_status acn_signature_attr(const acn_signature *signature, const char *name,
                              acn_signature_slot *out);

/* Attribute |slot->slot| of |c|, which has GE's value, takes the slot's form. */
acn_status acn_signature_form_attr(acn_call *c, const acn_signature_slot *slot);

/* An attribute as a caller gives it. */
typedef enum acn_given_kind {
    ACN_GIVEN_INT,
    ACN_GIVEN_FLOAT,
    ACN_GIVEN_TEXT,
    ACN_GIVEN_INTS,
    ACN_GIVEN_FLOATS,
    ACN_GIVEN_BOOLS,
    ACN_GIVEN_INT_LISTS, /* one behind the other, each led by its length */
    ACN_GIVEN_TEXTS,     /* one behind the other, each with its NUL */
} acn_given_kind;

typedef struct acn_given {
    const char *name;
    acn_given_kind kind;
    int64_t i;
    double f; /* of an integer: the same number */
    int64_t count;
    void *items; /* int64_t, float, uint8_t, or text */
} acn_given;

/* |given| becomes what |slot| says, for a slot that is no input; its items are copied. |type| is
 * GE's, for error texts. */
acn_status acn_signature_give(const char *type, const acn_signature_slot *slot, acn_call *c,
                              const acn_given *given);
/* Whether the operator is for images whose channels come before their space, and no others. */
bool acn_signature_wants_nchw(const acn_signature *signature);

/* Attribute |slot| of |c| becomes what |constant|, in host memory, holds. */
acn_status acn_call_set_constant(acn_call *c, int slot, const acn_tensor *constant);

/* Every row fits its operator; fails naming the first that does not. For tests. */
acn_status acn_signature_check_rows(void);

/* Generated from api/ge.tsv, sorted by type. */
typedef struct acn_signature_row {
    const char *type, *op, *inputs, *attrs;
} acn_signature_row;

extern const acn_signature_row acn_signature_rows[];
extern const int acn_signature_row_count;

#endif

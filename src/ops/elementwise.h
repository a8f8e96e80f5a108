/* elementwise.h - what all elementwise operators share: broadcasting, promotion, the tile program
 * of a definition's formula, and level 0 from its scalar reference.
 *
 * A definition says how a result element follows from the input elements twice: as micro-ops for
 * the tile machine (|body|, or |micro| when it is a single one) and as plain scalar C (|ref|),
 * which is the oracle.
 */
#ifndef ACN_OPS_ELEMENTWISE_H
#define ACN_OPS_ELEMENTWISE_H

#include "ops/op.h"
#include "ops/tile.h"
#include <math.h>

typedef enum acn_compute {
    ACN_COMPUTE_PROMOTED, /* the inputs' promoted type */
    ACN_COMPUTE_FLOAT,    /* the same, but integers and bool become f32 */
} acn_compute;

/* Emits the formula: |in| are the inputs in class |k|; returns the result's register. */
typedef acn_reg (*acn_body)(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k);

/* One element in class |k|: floats in .f (double), integers and bool in .i, complex in .f and .im.
 * |attr| are the scalar attributes, by slot. */
typedef acn_value (*acn_ref)(acn_class k, const acn_value *in, const acn_value *attr);

typedef struct acn_elementwise {
    acn_compute compute;
    uint8_t conditions; /* bit per input slot: a truth value, no part of the promotion */
    bool gives_bool;
    /* The formula compares: elements of u64, which are carried in i64, come with their first bit
     * turned round, which keeps their order, and so does the result. */
    bool compares;
    /* A scalar beside f16 or i8 tensors keeps the class's precision (PyTorch's products and
     * quotients); otherwise it counts as an element of the inputs' type: x == 0.1 holds for an f16
     * 0.1. */
    bool has_exact_scalars;
    bool has_element_attrs; /* scalar attributes count so as well (alpha of Add) */
    bool gives_real;        /* of complex inputs, the result is the real part of the formula's */
    acn_micro_code micro;   /* used when body is NULL; operands are the inputs in order */
    acn_body body;
    /* Shorter formulas that give the same where scalars, which only a run knows, have certain
     * values (alpha = 1 of Add, a square). |form| says which one a run takes: 0 is the formula
     * itself, i is forms[i - 1]. */
    const acn_body *forms;
    int form_count;
    int (*form)(const acn_call *c);
    acn_ref ref;
    const acn_value *absent; /* what |ref| gets for absent optional inputs; NULL: zeros */
} acn_elementwise;

acn_status acn_elementwise_infer(acn_call *c);
acn_status acn_elementwise_plan(acn_call *c);
acn_status acn_elementwise_run(acn_call *c);
acn_status acn_elementwise_run0(acn_call *c);

/* The type in which the call's inputs meet: PyTorch's promotion; weak scalars only raise the
 * category. */
acn_dtype acn_promote_inputs(const acn_call *c);
/* Can a result of type |from| be stored as |to|? Up the categories bool, integer, float, complex.
 */
bool acn_can_cast(acn_dtype from, acn_dtype to);

enum { ACN_MAX_FORMS = 8 };

/* The value of a weak scalar input, for forms; NaN when it is none, or not a real number. */
double acn_weak_value(const acn_call *c, int slot);

/* Members of an ACN_OP that is elementwise over |definition|. */
#define ACN_ELEMENTWISE(definition)                                                                \
    .infer = acn_elementwise_infer, .plan = acn_elementwise_plan, .run = acn_elementwise_run,      \
    .run0 = acn_elementwise_run0, .family = &(definition)

static inline bool acn_is_float_class(acn_class k) { return k == ACN_K_F32 || k == ACN_K_F64; }
static inline acn_value acn_value_f(double f) { return (acn_value){.f = f}; }
static inline acn_value acn_value_i(int64_t i) { return (acn_value){.i = i}; }
static inline acn_value acn_value_c(double re, double im) { return (acn_value){.f = re, .im = im}; }
/* Integer arithmetic of references wraps, as the device's does. */
static inline int64_t acn_wrap_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t acn_wrap_mul(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

#endif

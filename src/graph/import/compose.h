/* compose.h - ONNX operators as formulas of ours. Each function adds one node, or a view, and gives
 * its value. The first failure is kept and told by acn_f_end; the calls after it do nothing and
 * give NULL, so that a formula needs no checks in between.
 */
#ifndef ACN_GRAPH_IMPORT_COMPOSE_H
#define ACN_GRAPH_IMPORT_COMPOSE_H

#include "graph/import/importer.h"

typedef struct acn_formula {
    acn_onnx_call *c;
    acn_status status;
} acn_formula;

/* |y| becomes *out, unless something failed. */
acn_status acn_f_end(const acn_formula *f, acn_net_value *y, acn_net_value **out);

/* An operator of one, two or three inputs (its first slots) and one output of the first's type. */
acn_net_value *acn_f1(acn_formula *f, const char *op, acn_net_value *x);
acn_net_value *acn_f2(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b);
acn_net_value *acn_f3(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b,
                      acn_net_value *d);
/* The same with an attribute. */
acn_net_value *acn_f1_int(acn_formula *f, const char *op, acn_net_value *x, const char *attr,
                          int64_t value);
acn_net_value *acn_f1_float(acn_formula *f, const char *op, acn_net_value *x, const char *attr,
                            double value);
/* A comparison: gives truth values. */
acn_net_value *acn_f_truth(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b);
/* condition ? a : b, of a's type. */
acn_net_value *acn_f_select(acn_formula *f, acn_net_value *condition, acn_net_value *a,
                            acn_net_value *b);
acn_net_value *acn_f_cast(acn_formula *f, acn_net_value *x, acn_dtype to);
/* |op| of x and a number of its type. */
acn_net_value *acn_f_with(acn_formula *f, const char *op, acn_net_value *x, double number);
acn_net_value *acn_f_number(acn_formula *f, double value, acn_dtype dtype);
/* 0, 1 ... n - 1 as i64 [n]. */
acn_net_value *acn_f_count_up(acn_formula *f, int64_t n);
/* |count| numbers as i64 [count]. */
acn_net_value *acn_f_ints(acn_formula *f, const int64_t *numbers, int64_t count);
/* |op| reduces |axes|; of no axes it reduces nothing and gives x. */
acn_net_value *acn_f_reduce(acn_formula *f, const char *op, acn_net_value *x, const int64_t *axes,
                            int count, bool keeps_dims);
/* The slices of x along |axis| that |indices| (i32 or i64) name. */
acn_net_value *acn_f_gather(acn_formula *f, acn_net_value *x, int axis, acn_net_value *indices);
acn_net_value *acn_f_concat(acn_formula *f, acn_net_value **values, int count, int axis);
acn_net_value *acn_f_reverse(acn_formula *f, acn_net_value *x, int axis);

/* Fails unless input |input| is a constant: the shape of the result depends on its values. */
void acn_f_want_constant(acn_formula *f, int input);

/* ---- views ----------------------------------------------------------------------------------- */

acn_net_value *acn_f_view(acn_formula *f, acn_net_value *x, const acn_tensor *shape);
acn_net_value *acn_f_reshape(acn_formula *f, acn_net_value *x, int rank, const int64_t *dims);
/* Dimension i of the result is x's dimension perm[i]. */
acn_net_value *acn_f_permute(acn_formula *f, acn_net_value *x, const int *perm);
/* x repeated to |dims|, by strides of 0. */
acn_net_value *acn_f_broadcast(acn_formula *f, acn_net_value *x, int rank, const int64_t *dims);
/* x[begin : begin + count] along |axis|. */
acn_net_value *acn_f_part(acn_formula *f, acn_net_value *x, int axis, int64_t begin, int64_t count);
/* A new dimension of 1 before |axis|. */
acn_net_value *acn_f_unsqueeze(acn_formula *f, acn_net_value *x, int axis);

#endif

/* lp_norm.h - the p-norm of numbers that come in tiles: its order is any double, with 0 (how many
 * are not 0) and the infinities (largest, smallest) as their own cases. */
#ifndef ACN_OPS_NORM_LP_NORM_H
#define ACN_OPS_NORM_LP_NORM_H

#include "ops/norm/rows.h"

/* What no numbers give, before anything is combined with it. */
double acn_norm_neutral(double order);
/* The part that |n| elements of a tile give: a sum of powers, or an extreme. Complex numbers (class
 * C64) count by their lengths. */
double acn_norm_part(double order, acn_class c, const void *x, int64_t n);
double acn_norm_combine(double order, double a, double b);
/* From the combined parts to the norm. */
double acn_norm_finish(double order, double total);

#endif

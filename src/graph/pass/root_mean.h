/* root_mean.h - what LayerNorm and RmsNorm, written as many operators, have in common. */
#ifndef ACN_GRAPH_PASS_ROOT_MEAN_H
#define ACN_GRAPH_PASS_ROOT_MEAN_H

#include "graph/pass/rewrite.h"

/* v / sqrt(mean(v^2) + epsilon) over the last |dims| dimensions. */
typedef struct acn_root_mean {
    acn_net_value *v;
    int dims;
    double epsilon;
} acn_root_mean;

/* Whether |n|'s result is that: a quotient by the root, or a product with its reciprocal. */
bool acn_match_root_mean(const acn_net_node *n, acn_root_mean *out);
/* Whether |v| is |x|'s mean over the last dimensions, which are kept with 1; how many. */
bool acn_match_mean(const acn_net_value *v, const acn_net_value *x, int *out_dims);
/* The only reader of |y|, if it is an |op| of it and a value of exactly the last |dims| dimensions
 * of its shape, which is *out; otherwise NULL. */
acn_net_node *acn_match_parameter(const acn_net *net, acn_net_value *y, const char *op, int dims,
                                  acn_net_value **out);

#endif

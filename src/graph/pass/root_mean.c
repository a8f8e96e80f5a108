/* root_mean.c - see root_mean.h. */
#include "graph/pass/root_mean.h"

#include <string.h>

bool acn_match_mean(const acn_net_value *v, const acn_net_value *x, int *out_dims) {
    const acn_net_node *n = acn_maker(v, "ReduceMean");
    if (n == NULL || acn_node_in(n, 0) != x) return false;
    const acn_attr_value *axes = &n->call.attr[acn_node_attr_slot(n, "axes")];
    const acn_attr_value *kept = &n->call.attr[acn_node_attr_slot(n, "keep_dims")];
    int rank = x->tensor.rank;
    uint32_t mask = 0;
    if (!axes->is_present || axes->count < 1 || axes->count > rank || !kept->is_present || !kept->i)
        return false;
    for (int64_t i = 0; i < axes->count; i++) {
        int64_t axis = ((const int64_t *)axes->items)[i];
        mask |= 1u << (axis < 0 ? axis + rank : axis);
    }
    *out_dims = (int)axes->count;
    return mask == ((1u << *out_dims) - 1) << (rank - *out_dims);
}

static acn_net_value *square_of(const acn_net_value *v) {
    double two;
    acn_net_value *x;
    const acn_net_node *n = acn_maker(v, "Mul");
    if (n) return acn_node_in(n, 0) == acn_node_in(n, 1) ? acn_node_in(n, 0) : NULL;
    n = acn_maker(v, "Pow");
    return n && acn_number_operand(n, "Pow", &x, &two) && two == 2 ? x : NULL;
}

/* |v| is the root; |wanted| what it is the root of. */
static bool is_root(const acn_net_value *v, const char *op, const acn_net_value *wanted,
                    acn_root_mean *out) {
    acn_net_value *mean;
    const acn_net_node *root = acn_maker(v, op);
    const acn_net_node *sum = root ? acn_maker(acn_node_in(root, 0), "Add") : NULL;
    if (sum == NULL || !acn_number_operand(sum, "Add", &mean, &out->epsilon)) return false;
    const acn_net_node *reduced = acn_maker(mean, "ReduceMean");
    if (reduced == NULL || square_of(acn_node_in(reduced, 0)) != wanted) return false;
    out->v = (acn_net_value *)(uintptr_t)wanted;
    return acn_match_mean(mean, acn_node_in(reduced, 0), &out->dims);
}

static bool is_reciprocal_root(const acn_net_value *v, const acn_net_value *wanted,
                               acn_root_mean *out) {
    acn_net_value *one, *root;
    double number;
    if (is_root(v, "Rsqrt", wanted, out)) return true;
    const acn_net_node *n = acn_maker(v, "Reciprocal");
    if (n) return is_root(acn_node_in(n, 0), "Sqrt", wanted, out);
    n = acn_maker(v, "RealDiv");
    if (n == NULL) return false;
    one = acn_node_in(n, 0), root = acn_node_in(n, 1);
    return acn_value_number(one, &number) && number == 1 && is_root(root, "Sqrt", wanted, out);
}

bool acn_match_root_mean(const acn_net_node *n, acn_root_mean *out) {
    if (acn_node_is(n, "RealDiv"))
        return is_root(acn_node_in(n, 1), "Sqrt", acn_node_in(n, 0), out);
    if (!acn_node_is(n, "Mul")) return false;
    const acn_net_value *a = acn_node_in(n, 0), *b = acn_node_in(n, 1);
    return is_reciprocal_root(b, a, out) || is_reciprocal_root(a, b, out);
}

acn_net_node *acn_match_parameter(const acn_net *net, acn_net_value *y, const char *op, int dims,
                                  acn_net_value **out) {
    acn_net_node *n = acn_only_reader(net, y);
    if (!acn_node_is(n, op) || !acn_node_has_plain(n, "alpha", 1)) return NULL;
    acn_net_value *other = acn_other_input(n, y);
    const acn_tensor *t = &y->tensor;
    if (other == NULL || other->tensor.rank != dims || other->tensor.dtype != t->dtype ||
        memcmp(other->tensor.dims, t->dims + t->rank - dims, (size_t)dims * sizeof *t->dims) != 0)
        return NULL;
    *out = other;
    return n;
}

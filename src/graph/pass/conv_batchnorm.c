/* conv_batchnorm.c - a convolution and a factor and term for each channel: both become a part of
 * the filter and the bias. A batch norm of a trained network has come as such a pair.
 *
 *     y = Convolution(x, w, b); z = y * k; r = z + t      ->      r = Convolution(x, w k, b k + t)
 */
#include "graph/pass/rewrite.h"

#include <string.h>

typedef struct affine {
    const float *numbers;
    int64_t step;
    bool is_factor;
} affine;

static bool is_plain(const acn_net_node *n, int64_t *out_channels) {
    if (!acn_node_is(n, "Convolution") || !acn_node_has_plain(n, "transposed", 0)) return false;
    const acn_net_value *w = acn_node_in(n, 1), *b = acn_node_in(n, 2), *y = acn_node_out(n, 0);
    *out_channels = y->tensor.dims[1];
    return acn_net_is_constant(w) && w->tensor.dtype == ACN_F32 &&
           acn_tensor_is_contiguous(&w->tensor) && y->tensor.dtype == ACN_F32 &&
           (!b || (acn_net_is_constant(b) && acn_tensor_is_contiguous(&b->tensor)));
}

/* What the only reader of |y| does, if it is that. */
static acn_net_node *follow(const acn_net *net, acn_net_value *y, affine *out) {
    acn_net_node *n = acn_only_reader(net, y);
    out->is_factor = acn_node_is(n, "Mul");
    if (!out->is_factor && !(acn_node_is(n, "Add") && acn_node_has_plain(n, "alpha", 1)))
        return NULL;
    const acn_net_value *other = acn_other_input(n, y);
    if (other == NULL || !acn_tensor_same_shape(&acn_node_out(n, 0)->tensor, &y->tensor))
        return NULL;
    return acn_value_by_dim(other, y->tensor.rank - 1, y->tensor.dims[1], &out->numbers, &out->step)
               ? n
               : NULL;
}

static acn_status scale(acn_net *net, const acn_net_value *v, int64_t channels, const affine *a,
                        acn_net_value **out) {
    int64_t count = acn_tensor_count(&v->tensor), each = count / channels;
    float *data = acn_arena_alloc(&net->arena, (size_t)count * sizeof *data + 64);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a filter");
    const float *from = v->tensor.data;
    for (int64_t i = 0; i < count; i++)
        data[i] = from[i] * a->numbers[i / each * a->step];
    return acn_net_constant(net, v->name, ACN_F32, v->tensor.rank, v->tensor.dims, data, out);
}

static acn_status add(acn_net *net, const acn_net_value *bias, int64_t channels, const affine *a,
                      acn_net_value **out) {
    float *data = acn_arena_alloc(&net->arena, (size_t)channels * sizeof *data + 64);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a bias");
    for (int64_t i = 0; i < channels; i++)
        data[i] = (bias ? ((const float *)bias->tensor.data)[i] : 0) + a->numbers[i * a->step];
    return acn_net_constant(net, bias ? bias->name : "bias", ACN_F32, 1, &channels, data, out);
}

static acn_status set(acn_net *net, acn_net_node *n, int slot, acn_net_value *value) {
    if (!n->call.in_count[slot]) return acn_set_input(net, n, slot, value);
    acn_change_input(n, slot, value);
    return ACN_OK;
}

static acn_status fold(acn_net *net, acn_net_node *n, int64_t channels, const affine *a) {
    acn_net_value *w = acn_node_in(n, 1), *b = acn_node_in(n, 2);
    if (!a->is_factor) {
        ACN_TRY(add(net, b, channels, a, &b));
        return set(net, n, 2, b);
    }
    ACN_TRY(scale(net, w, channels, a, &w));
    ACN_TRY(set(net, n, 1, w));
    if (b == NULL) return ACN_OK;
    ACN_TRY(scale(net, b, channels, a, &b));
    return set(net, n, 2, b);
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        int64_t channels;
        affine a;
        if (!is_plain(n, &channels) || channels == 0) continue;
        for (acn_net_node *next; (next = follow(net, acn_node_out(n, 0), &a)) != NULL;) {
            count->matched++;
            ACN_TRY(fold(net, n, channels, &a));
            acn_take_output(net, n, 0, acn_node_out(next, 0));
            count->effective++;
        }
    }
    return ACN_OK;
}

ACN_PASS(conv_batchnorm) = {
    .name = "ConvBatchnormFusionPass",
    .doc = "Factors and terms of channels become a part of the convolution before them",
    .stage = ACN_PASS_FOLD,
    .run = run,
};

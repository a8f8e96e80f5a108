/* conv_pack.c - convolutions with constant filters become convolutions of channels-last images with
 * packed ones, whose epilogue later passes fill. */
#include "graph/pass/rewrite.h"
#include "ops/conv/channels_last.h"

#include <string.h>

static bool fits(const acn_net_node *n) {
    if (!acn_node_is(n, "Convolution") || !acn_node_has_plain(n, "transposed", 0)) return false;
    const acn_net_value *x = acn_node_in(n, 0), *w = acn_node_in(n, 1), *b = acn_node_in(n, 2);
    const acn_net_value *y = acn_node_out(n, 0);
    return x->tensor.rank == 4 && x->tensor.dtype == ACN_F32 && y->tensor.dtype == ACN_F32 &&
           w->tensor.dtype == ACN_F32 && acn_net_is_constant(w) &&
           acn_tensor_count(&w->tensor) > 0 && (!b || b->tensor.dtype == ACN_F32);
}

/* [co, ci, h, w] seen as [groups,] h, w, ci, co of a group. */
static acn_status pack(acn_net *net, acn_net_node *n, int64_t groups, acn_net_value **out) {
    acn_net_value *w = acn_node_in(n, 1), *seen;
    const acn_tensor *t = &w->tensor;
    int64_t columns = t->dims[0] / groups;
    const int64_t dims[] = {groups, t->dims[2], t->dims[3], t->dims[1], columns};
    const int64_t strides[] = {columns * t->strides[0], t->strides[2], t->strides[3], t->strides[1],
                               t->strides[0]};
    acn_tensor view;
    acn_tensor_init(&view, NULL, ACN_F32, 5, dims);
    memcpy(view.strides, strides, sizeof strides);
    ACN_TRY(acn_net_view(net, w->name, w, &view, &seen));
    acn_node_builder b;
    acn_node_begin(&b, net, "PackPanels", w->name);
    acn_node_input(&b, "x", seen);
    acn_node_int(&b, "has_groups", 1);
    acn_node_output(&b, "y", ACN_F32, NULL);
    return acn_node_end(&b, out);
}

/* Depthwise filters are [taps, channels]. */
static acn_status pack_stencil(acn_net *net, acn_net_node *n, acn_net_value **out) {
    acn_net_value *w = acn_node_in(n, 1), *seen;
    const acn_tensor *t = &w->tensor;
    acn_tensor view;
    acn_tensor_init(&view, NULL, ACN_F32, 3, (int64_t[]){t->dims[2], t->dims[3], t->dims[0]});
    view.strides[0] = t->strides[2], view.strides[1] = t->strides[3];
    view.strides[2] = t->strides[0];
    ACN_TRY(acn_net_view(net, w->name, w, &view, &seen));
    acn_node_builder b;
    acn_node_begin(&b, net, "TensorMove", w->name);
    acn_node_input(&b, "x", seen);
    acn_node_output(&b, "y", ACN_F32, &view);
    return acn_node_end(&b, out);
}

/* Whether Winograd pays, in multiplications for each pair of channels: those of the products, a
 * weight's way from memory, and the transforms of pixels and sums. The result's size of a square,
 * or 0. */
static int winograd_tile(const acn_net_node *n, int64_t groups) {
    const acn_tensor *w = &acn_node_in(n, 1)->tensor, *y = &acn_node_out(n, 0)->tensor;
    const double ci = (double)w->dims[1], co = (double)w->dims[0], of_weight = 18;
    if (groups != 1 || w->dims[2] != 3 || w->dims[3] != 3 || w->dims[0] % ACN_PANEL ||
        w->dims[1] % ACN_PANEL)
        return 0;
    for (int a = 0; a < 2; a++) {
        const char *const names[] = {"strides", "dilations"};
        const acn_attr_value *v = &n->call.attr[acn_node_attr_slot(n, names[a])];
        for (int64_t i = 0; v->is_present && i < v->count; i++)
            if (((const int64_t *)v->items)[i] != 1) return 0;
    }
    double least = 0.85 * 9 * ((double)(y->dims[0] * y->dims[2] * y->dims[3]) + of_weight);
    int best = 0;
    for (int tile = 2; tile <= 4; tile += 2) {
        double down = (double)((y->dims[2] + tile - 1) / tile);
        double across = (double)((y->dims[3] + tile - 1) / tile);
        double squares = (double)y->dims[0] * down * across, numbers = (tile + 2) * (tile + 2);
        double cost =
            numbers * (1.1 * squares + of_weight) + squares * numbers * 14 * (1 / ci + 1 / co);
        if (cost < least) least = cost, best = tile;
    }
    return best;
}

static acn_status pack_winograd(acn_net *net, acn_net_node *n, int tile, acn_net_value **out) {
    acn_node_builder b;
    acn_node_begin(&b, net, "PackWinograd", acn_node_in(n, 1)->name);
    acn_node_input(&b, "filter", acn_node_in(n, 1));
    acn_node_int(&b, "tile", tile);
    acn_node_output(&b, "y", ACN_F32, NULL);
    return acn_node_end(&b, out);
}

static void copy_ints(acn_node_builder *b, const acn_net_node *n, const char *attr) {
    const acn_attr_value *v = &n->call.attr[acn_node_attr_slot(n, attr)];
    if (v->is_present) acn_node_ints(b, attr, v->items, (int)v->count);
}

static acn_status rewrite(acn_net *net, acn_net_node *n) {
    acn_net_value *y = acn_node_out(n, 0), *w = acn_node_in(n, 1), *packed, *made;
    int64_t groups = acn_attr_int(&n->call, acn_node_attr_slot(n, "groups"));
    if (groups == 0) groups = acn_node_in(n, 0)->tensor.dims[1];
    acn_node_builder b;
    bool is_stencil = w->tensor.dims[1] == 1 && w->tensor.dims[0] == groups && groups > 1 &&
                      w->tensor.dims[2] * w->tensor.dims[3] <= ACN_CL_MOST_STENCIL_TAPS;
    int tile = winograd_tile(n, groups);
    net->before = n;
    ACN_TRY(is_stencil ? pack_stencil(net, n, &packed)
            : tile     ? pack_winograd(net, n, tile, &packed)
                       : pack(net, n, groups, &packed));
    acn_node_begin(&b, net,
                   is_stencil ? "ConvolutionStencil"
                   : tile     ? "ConvolutionWinograd"
                              : "ConvolutionPanels",
                   n->name);
    acn_node_input(&b, "x", acn_node_in(n, 0));
    acn_node_input(&b, "filter", packed);
    acn_node_input(&b, "bias", acn_node_in(n, 2));
    copy_ints(&b, n, "strides");
    copy_ints(&b, n, "pads");
    copy_ints(&b, n, "dilations");
    acn_node_int(&b, "groups", groups);
    acn_node_int(&b, "channels", w->tensor.dims[0]);
    acn_node_ints(&b, "kernel", w->tensor.dims + 2, 2);
    acn_node_output(&b, "y", ACN_F32, NULL);
    ACN_TRY(acn_node_end(&b, &made));
    if (made->producer) acn_take_output(net, made->producer, 0, y);
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    return acn_rewrite_each(net, count, fits, rewrite);
}

ACN_PASS(conv_pack) = {
    .name = "ConvWeightPackFusionPass",
    .doc = "Constant filters of convolutions are packed; their images become channels-last",
    .stage = ACN_PASS_PACK,
    .run = run,
};

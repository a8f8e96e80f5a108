/* pack_panels.c - PackPanels: matrices in the layout of panels.h. All dimensions but the last are
 * the depth, after the groups if there are any; the last one is the columns. It runs when a model
 * is compiled, so it is simple rather than fast. */
#include "ops/panels.h"

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    bool has_groups = acn_attr_int(c, 0);
    if (x->rank < 2 + has_groups)
        return acn_bad_input(c, 0, "expected at least %d dimensions", 2 + has_groups);
    int64_t groups = has_groups ? x->dims[0] : 1, cols = x->dims[x->rank - 1], depth = 1;
    for (int d = has_groups; d < x->rank - 1; d++)
        depth *= x->dims[d];
    acn_out_is(c, 0, ACN_F32, 3,
               (int64_t[]){groups * ((cols + ACN_PANEL - 1) / ACN_PANEL), depth, ACN_PANEL});
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t cols = x->dims[x->rank - 1], depth = y->dims[1], stride = x->strides[x->rank - 1];
    int64_t panels = (cols + ACN_PANEL - 1) / ACN_PANEL;
    for (int64_t row = 0; panels && row < y->dims[0] / panels * depth; row++) {
        const float *from = (const float *)(void *)acn_tensor_at(x, row * cols);
        for (int64_t col = 0; col < panels * ACN_PANEL; col++) {
            int64_t panel = row / depth * panels + col / ACN_PANEL;
            float value = col < cols ? from[col * stride] : 0;
            int64_t at = panel * y->strides[0] + row % depth * y->strides[1] +
                         col % ACN_PANEL * y->strides[2];
            ((float *)y->data)[at] = value;
        }
    }
    return ACN_OK;
}

ACN_OP(PackPanels) = {
    .name = "PackPanels",
    .doc = "A matrix in panels of 16 columns",
    .in = {{"x", ACN_T(ACN_F32), ACN_UNALIASED}},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {{"has_groups", ACN_ATTR_BOOL}},
    .infer = infer,
    .run = run,
    .run0 = run,
    .cases = "[5,20] [3,2,7,16] [3,2,7,5]|has_groups=1 [0,4]",
};

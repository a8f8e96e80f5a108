/* pack_panels.c - PackPanels: matrices in the layout of panels.h. All dimensions but the last are
 * the depth, after the groups if there are any; the last one is the columns. It runs when a model
 * is compiled, so it is simple rather than fast. */
#include "ops/panels.h"

#include <string.h>

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
    int64_t cols = x->dims[x->rank - 1], depth = y->dims[1];
    int64_t panels = (cols + ACN_PANEL - 1) / ACN_PANEL, col_stride = x->strides[x->rank - 1];
    for (int64_t i = 0; i < y->dims[0] * depth; i++) {
        int64_t panel = i / depth, step = i % depth, group = panel / panels;
        int64_t first = panel % panels * ACN_PANEL, at = (group * depth + step) * cols;
        char *from = cols ? acn_tensor_at(x, at) : NULL;
        for (int64_t j = 0; j < ACN_PANEL; j++) {
            const char *number = from + (first + j) * col_stride * (int64_t)sizeof(float);
            float value = 0;
            if (first + j < cols) memcpy(&value, number, sizeof value);
            memcpy(acn_tensor_at(y, i * ACN_PANEL + j), &value, sizeof value);
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

/* pack_winograd.c - PackWinograd: 3x3 filters as the numbers of Winograd's products, each number a
 * packed matrix. It runs when a model is compiled, in double precision. */
#include "ops/conv/winograd_square.h"
#include "ops/panels.h"

static acn_status infer(acn_call *c) {
    const acn_tensor *w = acn_in(c, 0);
    int64_t tile = acn_attr_int(c, 0);
    if (tile != 2 && tile != 4)
        return acn_bad_attr(c, 0, "is %lld; expected 2 or 4", (long long)tile);
    if (w->rank != 4 || w->dims[2] != 3 || w->dims[3] != 3)
        return acn_bad_input(c, 0, "expected [columns, channels, 3, 3]");
    acn_out_is(c, 0, ACN_F32, 4,
               (int64_t[]){(tile + 2) * (tile + 2), (w->dims[0] + ACN_PANEL - 1) / ACN_PANEL,
                           w->dims[1], ACN_PANEL});
    return ACN_OK;
}

static double number(const acn_tensor *w, int64_t column, int64_t channel, const double (*g)[3],
                     int64_t at, int size) {
    double sum = 0;
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
            int64_t linear = ((column * w->dims[1] + channel) * 3 + y) * 3 + x;
            sum += g[at / size][y] * g[at % size][x] *
                   acn_load_value(acn_tensor_at(w, linear), ACN_F32).f;
        }
    return sum;
}

static acn_status run(acn_call *c) {
    const acn_tensor *w = acn_in(c, 0), *y = acn_out(c, 0);
    int size = (int)acn_attr_int(c, 0) + 2;
    const double(*g)[3] = size == 4 ? acn_winograd_filter_4 : acn_winograd_filter_6;
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t lane = i % ACN_PANEL, channel = i / ACN_PANEL % y->dims[2];
        int64_t panel = i / ACN_PANEL / y->dims[2] % y->dims[1];
        int64_t at = i / ACN_PANEL / y->dims[2] / y->dims[1], column = panel * ACN_PANEL + lane;
        double value = column < w->dims[0] ? number(w, column, channel, g, at, size) : 0;
        acn_store_value(acn_tensor_at(y, i), ACN_F32, (acn_value){.f = value});
    }
    return ACN_OK;
}

ACN_OP(PackWinograd) = {
    .name = "PackWinograd",
    .doc = "3x3 filters transformed for Winograd's F(tile x tile, 3x3), in panels of 16 columns",
    .in = {{"filter", ACN_T(ACN_F32), ACN_UNALIASED}},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {{"tile", ACN_ATTR_INT, .is_required = true}},
    .infer = infer,
    .run = run,
    .run0 = run,
    .cases = "[20,3,3,3]|tile=2 [16,2,3,3]|tile=4",
};

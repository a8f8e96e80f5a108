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

/* All numbers of one column's filter for one channel: G w G^T. Columns that are missing are 0. */
static void transform(const acn_tensor *w, const acn_tensor *y, int64_t column, int64_t channel,
                      int size) {
    const double(*g)[3] = size == 4 ? acn_winograd_filter_4 : acn_winograd_filter_6;
    double taps[3][3] = {{0}}, half[6][3];
    for (int t = 0; column < w->dims[0] && t < 9; t++)
        taps[t / 3][t % 3] =
            acn_load_value(acn_tensor_at(w, (column * w->dims[1] + channel) * 9 + t), ACN_F32).f;
    for (int i = 0; i < size; i++)
        for (int x = 0; x < 3; x++)
            half[i][x] = g[i][0] * taps[0][x] + g[i][1] * taps[1][x] + g[i][2] * taps[2][x];
    for (int i = 0; i < size * size; i++) {
        const double *row = half[i / size], *by = g[i % size];
        int64_t at = i * y->strides[0] + column / ACN_PANEL * y->strides[1] +
                     channel * y->strides[2] + column % ACN_PANEL * y->strides[3];
        ((float *)y->data)[at] = (float)(row[0] * by[0] + row[1] * by[1] + row[2] * by[2]);
    }
}

static acn_status run(acn_call *c) {
    const acn_tensor *w = acn_in(c, 0), *y = acn_out(c, 0);
    int size = (int)acn_attr_int(c, 0) + 2;
    for (int64_t column = 0; column < y->dims[1] * ACN_PANEL; column++)
        for (int64_t channel = 0; channel < y->dims[2]; channel++)
            transform(w, y, column, channel, size);
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

/* draw.c - see draw.h. */
#include "ops/random/draw.h"
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"
#include <string.h>

enum { CHUNK = 16 * ACN_ROW_TILE };

static bool given(const acn_call *call, const char *name, uint64_t *value) {
    for (int s = 0; s < ACN_MAX_INPUTS && call->op->in[s].name; s++) {
        if (strcmp(call->op->in[s].name, name) != 0) continue;
        const acn_tensor *t = acn_in(call, s);
        if (!t || acn_tensor_count(t) == 0) return false;
        *value = (uint64_t)acn_load_value(t->data, t->dtype).i;
        return true;
    }
    return false;
}

acn_philox acn_draw_seed(const acn_call *call) {
    acn_philox p = {(uint64_t)acn_attr_int(call, ACN_DRAW_SEED), 0};
    (void)given(call, "seed_tensor", &p.seed);
    (void)given(call, "offset_tensor", &p.offset);
    p.offset += (uint64_t)acn_attr_int(call, ACN_DRAW_OFFSET);
    return p;
}

static acn_tensor real_view(const acn_tensor *y) {
    if (!acn_dtype_is_complex(y->dtype)) return *y;
    acn_tensor parts = acn_part_of(y, 0);
    parts.dims[parts.rank] = 2;
    parts.strides[parts.rank++] = 1;
    return parts;
}

acn_draw acn_draw_begin(const acn_call *call) {
    acn_draw draw = {.call = call, .y = real_view(acn_out(call, 0)), .random = acn_draw_seed(call)};
    draw.klass = draw.y.dtype == ACN_F64            ? ACN_K_F64
                 : acn_dtype_is_float(draw.y.dtype) ? ACN_K_F32
                                                    : ACN_K_I64;
    return draw;
}

acn_status acn_draw_infer(acn_call *call) {
    return acn_out_is_attr(call, 0, ACN_UNDEFINED, ACN_DRAW_SHAPE);
}

acn_status acn_draw_plan(acn_call *call) {
    int64_t us = acn_tensor_count(acn_out(call, 0)) / 150;
    call->plan->cost_us = us < 1000000000 ? (uint32_t)us : 1000000000u;
    return ACN_OK;
}

uint32_t acn_draw_word(const acn_draw *draw, int64_t i) {
    uint32_t words[4];
    acn_philox_block(&draw->random, (uint64_t)i / 4, words);
    return words[i % 4];
}

typedef struct draw_job {
    const acn_draw *draw;
    acn_draw_fn fill;
    acn_rows rows;
    acn_row_side side;
} draw_job;

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const draw_job *j = context;
    int64_t end = (chunk + 1) * CHUNK < j->rows.length ? (chunk + 1) * CHUNK : j->rows.length;
    acn_draw_tile tile;
    for (int64_t at = chunk * CHUNK; at < end; at += ACN_ROW_TILE) {
        int64_t n = end - at < ACN_ROW_TILE ? end - at : ACN_ROW_TILE;
        j->fill(j->draw, at, n, &tile);
        acn_row_store(&j->rows, &j->side, j->draw->y.data, at, n, &tile);
    }
}

void acn_draw_run(acn_draw *draw, acn_draw_fn fill) {
    draw_job j = {.draw = draw, .fill = fill};
    acn_rows_make(&j.rows, &draw->y, 0xff); /* one row: all elements */
    acn_row_side_make(&j.side, &j.rows, &draw->y, draw->klass);
    acn_pool_run((j.rows.length + CHUNK - 1) / CHUNK, run_chunk, &j);
}

void acn_draw_run0(const acn_draw *draw, acn_value (*element)(const acn_draw *draw, int64_t i)) {
    for (int64_t i = 0; i < acn_tensor_count(&draw->y); i++)
        acn_store_value(acn_tensor_at(&draw->y, i), draw->y.dtype, element(draw, i));
}

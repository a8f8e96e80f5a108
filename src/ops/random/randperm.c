/* randperm.c - StatelessRandperm: the numbers 0 ... n - 1 in random order (Fisher and Yates).
 *
 * One swap depends on all before it, so this runs on one thread; the draws do not need a table, the
 * order does. */
#include "ops/random/draw.h"
#include <string.h>

enum { ATTR_N = ACN_DRAW_OWN };

static acn_status infer(acn_call *call) {
    int64_t n = acn_attr_int(call, ATTR_N);
    if (n < 0) return acn_bad_attr(call, ATTR_N, "is %lld; expected at least 0", (long long)n);
    const acn_tensor *y = acn_out(call, 0);
    acn_out_is(call, 0, y ? ACN_UNDEFINED : ACN_I64, 1, &n);
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    int64_t n = acn_attr_int(call, ATTR_N);
    call->plan->workspace_bytes = (uint64_t)n * sizeof(int64_t);
    call->plan->cost_us = n < 50000000 ? (uint32_t)(n / 50) : 1000000u;
    return ACN_OK;
}

static void shuffle(const acn_draw *draw, int64_t *order, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)i / 2, words);
        uint64_t word = (uint64_t)words[i % 2 * 2] << 32 | words[i % 2 * 2 + 1];
        int64_t with = (int64_t)((__extension__(unsigned __int128) word * ((uint64_t)i + 1)) >> 64);
        int64_t moved = order[i];
        order[i] = order[with];
        order[with] = moved;
    }
}

static void fill(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    memcpy(tile->i, (const int64_t *)draw->call->workspace + first, (size_t)n * sizeof(int64_t));
}

static acn_status run(acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    draw.klass = ACN_K_I64;
    shuffle(&draw, call->workspace, acn_tensor_count(&draw.y));
    acn_draw_run(&draw, fill);
    return ACN_OK;
}

/* Word by word, and the product's upper half by halves. */
static acn_status run0(acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    const acn_tensor *y = &draw.y;
    int64_t n = acn_tensor_count(y), *order = acn_arena_alloc(&call->arena, (size_t)n * 8 + 8);
    if (!order) return acn_fail(ACN_BAD_ALLOC, "no host memory for a permutation");
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint64_t high = acn_draw_word(&draw, 2 * i), low = acn_draw_word(&draw, 2 * i + 1);
        uint64_t range = (uint64_t)i + 1; /* the upper half of a 64 x 64 bit product, by halves */
        uint64_t middle = high * (range & UINT32_MAX) + (low * (range & UINT32_MAX) >> 32);
        int64_t with = (int64_t)(middle >> 32);
        int64_t moved = order[i];
        order[i] = order[with];
        order[with] = moved;
    }
    for (int64_t i = 0; i < n; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = (double)order[i], .i = order[i]});
    return ACN_OK;
}

ACN_OP(StatelessRandperm) = {
    .name = "StatelessRandperm",
    .doc = "The numbers 0 ... n - 1 in random order; Philox4x32-10 of seed and offset.",
    .out = {{"y", ACN_REALS}},
    .attr = {ACN_DRAW_ATTRS, {.name = "n", .kind = ACN_ATTR_INT, .is_required = true}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "|n=10,seed=1 |n=100,seed=5,offset=4 |n=0 |n=1 ->i64+i32[3000]|n=3000,seed=9",
};

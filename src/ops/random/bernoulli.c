/* bernoulli.c - StatelessBernoulli: 1 with the given probability, else 0; the probability is one
 * number or a tensor that broadcasts. */
#include "ops/random/draw.h"

static double probability_at(const acn_draw *draw, int64_t i) {
    const acn_tensor *t = acn_in(draw->call, 0), *y = &draw->y;
    int64_t at = 0;
    for (int d = y->rank - 1, own = t->rank - 1; own >= 0; d--, own--) {
        if (t->dims[own] != 1) at += i % y->dims[d] * t->strides[own];
        i /= y->dims[d];
    }
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype), t->dtype)
        .f;
}

static bool is_hit(uint32_t word, double probability) {
    return (double)word * 0x1p-32 < probability;
}

static void fill(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    bool is_one = acn_in(draw->call, 0)->rank == 0;
    double probability = is_one ? probability_at(draw, 0) : 0;
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)(first + i) / 4, words);
        for (int k = 0; k < 4 && i + k < n; k++)
            tile->i[i + k] =
                is_hit(words[k], is_one ? probability : probability_at(draw, first + i + k));
    }
}

static acn_value element(const acn_draw *draw, int64_t i) {
    int64_t hit = is_hit(acn_draw_word(draw, i), probability_at(draw, i));
    return (acn_value){.f = (double)hit, .i = hit};
}

/* The client's output decides the shape; the probability must broadcast to it. */
static acn_status infer(acn_call *call) {
    const acn_tensor *p = acn_in(call, 0), *y = acn_out(call, 0);
    int rank = 0;
    int64_t dims[ACN_MAX_DIMS];
    if (y) (void)acn_shape_broadcast(&rank, dims, y->rank, y->dims);
    if (!acn_shape_broadcast(&rank, dims, p->rank, p->dims) || (y && rank != y->rank))
        return acn_bad_input(call, 0, "it must broadcast to the output's shape");
    acn_out_is(call, 0, ACN_UNDEFINED, rank, dims);
    return ACN_OK;
}

/* A tensor's probabilities are not known in phase 1. */
static acn_status check(const acn_call *call) {
    if (!acn_is_weak(call, 0)) return ACN_OK;
    double p = acn_load_value(acn_in(call, 0)->data, acn_in(call, 0)->dtype).f;
    if (p >= 0 && p <= 1) return ACN_OK;
    return acn_bad_input(call, 0, "it is %g; expected a probability of 0 to 1", p);
}

static acn_status run(acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    draw.klass = ACN_K_I64;
    acn_draw_run(&draw, fill);
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    acn_draw_run0(&draw, element);
    return ACN_OK;
}

ACN_OP(StatelessBernoulli) = {
    .name = "StatelessBernoulli",
    .doc = "1 with probability prob, else 0; Philox4x32-10 of seed and offset.",
    .in = {{"prob", ACN_FLOATS, ACN_SCALARISH | ACN_UNALIASED}, ACN_DRAW_INPUTS},
    .out = {{"y", ACN_REALS | ACN_BOOLS}},
    .attr = {ACN_DRAW_ATTRS},
    .infer = infer,
    .check = check,
    .plan = acn_draw_plan,
    .run = run,
    .run0 = run0,
    .cases = "0.25->[5,7]|seed=1 0.5->[3,1000]|seed=7,offset=12 1.0->[20] 0.0->[20] 0.5->[0] "
             "f32+f16[5,1]@0..1->f32+bool+i64[5,7]|seed=2",
};

/* exponential.c - StatelessExponential: waiting times of rate lambda, above 0. */
#include "ops/random/draw.h"
#include <math.h>

enum { LAMBDA = ACN_DRAW_OWN };

static double waiting(const acn_draw *draw, uint32_t word) {
    return -log(((double)word + 0.5) * 0x1p-32) / draw->a;
}

static void fill(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)(first + i) / 4, words);
        for (int k = 0; k < 4 && i + k < n; k++) {
            double v = waiting(draw, words[k]);
            if (draw->klass == ACN_K_F64)
                tile->d[i + k] = v;
            else
                tile->f[i + k] = (float)v;
        }
    }
}

static acn_value element(const acn_draw *draw, int64_t i) {
    return (acn_value){.f = waiting(draw, acn_draw_word(draw, i))};
}

static acn_status check(const acn_call *c) {
    double lambda = acn_attr_float(c, LAMBDA);
    if (lambda > 0) return ACN_OK;
    return acn_bad_attr(c, LAMBDA, "is %g; expected a rate above 0", lambda);
}

static acn_status infer(acn_call *c) {
    ACN_TRY(check(c));
    return acn_draw_infer(c);
}

static acn_draw begin(const acn_call *c) {
    acn_draw draw = acn_draw_begin(c);
    draw.a = acn_attr_float(c, LAMBDA);
    return draw;
}

static acn_status run(acn_call *c) {
    ACN_TRY(check(c)); /* its value is no part of the plan */
    acn_draw draw = begin(c);
    acn_draw_run(&draw, fill);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_draw draw = begin(c);
    acn_draw_run0(&draw, element);
    return ACN_OK;
}

ACN_OP(StatelessExponential) = {
    .name = "StatelessExponential",
    .doc = "Waiting times of rate lambda; Philox4x32-10 of seed and offset.",
    .in = {ACN_DRAW_INPUTS},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_DRAW_ATTRS,
             {.name = "lambda", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true}},
    .infer = infer,
    .plan = acn_draw_plan,
    .run = run,
    .run0 = run0,
    .cases = "->[5,7]|seed=1 ->[3,1000]|seed=7,offset=12,lambda=2.5 ->f32[40000]|seed=3 ->[0]",
};

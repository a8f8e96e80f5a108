/* rrelu.c - RReluWithNoise: x where it is positive, else x times a slope, which is drawn for each
 * element in training (noise keeps it: 1 where x is positive) and the middle of its range
 * otherwise (noise then stays as it is). Philox4x32-10 of seed and offset. */
#include "base/pool.h"
#include "ops/random/draw.h"

enum { Y, NOISE };
enum { ATTR_LOWER = ACN_DRAW_OWN, ATTR_UPPER, ATTR_TRAINING, CHUNK = 16 * ACN_ROW_TILE };

typedef struct rrelu_plan {
    acn_rows rows; /* one row: all elements */
    acn_row_side x, y, noise;
    bool is_training;
} rrelu_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    acn_out_like(c, Y, acn_out(c, Y) ? ACN_UNDEFINED : x->dtype, x);
    acn_out_like(c, NOISE, acn_out(c, NOISE) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static acn_status check(const acn_call *c) {
    double lower = acn_attr_float(c, ATTR_LOWER), upper = acn_attr_float(c, ATTR_UPPER);
    if (lower <= upper) return ACN_OK;
    return acn_bad_attr(c, ATTR_UPPER, "is %g, below the lower bound %g", upper, lower);
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, Y), *noise = acn_out(c, NOISE);
    rrelu_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_class k = acn_rows_class(x, y);
    acn_rows_make(&p->rows, x, 0xff);
    acn_row_side_make(&p->x, &p->rows, x, k);
    acn_row_side_make(&p->y, &p->rows, y, k);
    acn_row_side_make(&p->noise, &p->rows, noise, k);
    p->is_training = acn_attr_int(c, ATTR_TRAINING);
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(p->rows.length / 150 & 0x7fffffff);
    return ACN_OK;
}

typedef struct rrelu_job {
    const rrelu_plan *plan;
    const acn_tensor *x, *y, *noise;
    acn_philox random;
    double lower, span;
} rrelu_job;

static rrelu_job job_of(const acn_call *c, const rrelu_plan *plan) {
    double lower = acn_attr_float(c, ATTR_LOWER);
    return (rrelu_job){plan,
                       acn_in(c, 0),
                       acn_out(c, Y),
                       acn_out(c, NOISE),
                       acn_draw_seed(c),
                       lower,
                       acn_attr_float(c, ATTR_UPPER) - lower};
}

static double slope_of(const rrelu_job *j, uint32_t word) {
    return j->lower + j->span * acn_unit32(word, 24);
}

/* The slopes of elements [from, from + n), or 1, rounded as noise keeps them. */
static void draw_slopes(const rrelu_job *j, int64_t from, int64_t n, const void *x,
                        acn_row_tile *slopes) {
    const rrelu_plan *p = j->plan;
    bool is_double = p->x.klass == ACN_K_F64;
    uint32_t words[4];
    for (int64_t i = 0; i < n; i++) {
        if (i % 4 == 0) acn_philox_block(&j->random, (uint64_t)(from + i) / 4, words);
        bool is_kept = is_double ? !(((const double *)x)[i] <= 0) : !(((const float *)x)[i] <= 0);
        double slope = is_kept ? 1 : slope_of(j, words[i % 4]);
        if (is_double)
            slopes->d[i] = slope;
        else
            slopes->f[i] = (float)slope;
    }
    acn_row_store(&p->rows, &p->noise, j->noise->data, from, n, slopes);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const rrelu_job *j = context;
    const rrelu_plan *p = j->plan;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_class k = p->x.klass;
    int64_t end = (chunk + 1) * CHUNK < p->rows.length ? (chunk + 1) * CHUNK : p->rows.length;
    acn_row_tile x_tile, y_tile, slopes, rounded;
    acn_row_splat(k, &slopes, j->lower + j->span / 2, ACN_ROW_TILE);
    for (int64_t from = chunk * CHUNK; from < end; from += ACN_ROW_TILE) {
        int64_t n = end - from < ACN_ROW_TILE ? end - from : ACN_ROW_TILE;
        const void *x = acn_row_load(&p->rows, &p->x, j->x->data, from, n, &x_tile);
        const void *slope = &slopes;
        void *y = acn_row_target(&p->y, j->y->data, from, &y_tile);
        if (p->is_training) {
            draw_slopes(j, from, n, x, &slopes);
            slope = acn_row_load(&p->rows, &p->noise, j->noise->data, from, n, &rounded);
        }
        micro[p->is_training ? ACN_U_MUL : ACN_U_LEAKY_RELU][k](y, x, slope, NULL, n);
        acn_row_store(&p->rows, &p->y, j->y->data, from, n, y);
    }
}

static acn_status run(acn_call *c) {
    rrelu_job j = job_of(c, c->plan->data);
    acn_pool_run((j.plan->rows.length + CHUNK - 1) / CHUNK, run_chunk, &j);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    rrelu_job j = job_of(c, NULL);
    bool is_training = acn_attr_int(c, ATTR_TRAINING);
    for (int64_t i = 0; i < acn_tensor_count(j.x); i++) {
        uint32_t words[4];
        double x = acn_load_value(acn_tensor_at(j.x, i), j.x->dtype).f, slope = 1;
        acn_philox_block(&j.random, (uint64_t)i / 4, words);
        if (x <= 0) slope = is_training ? slope_of(&j, words[i % 4]) : j.lower + j.span / 2;
        if (is_training) {
            char *noise = acn_tensor_at(j.noise, i);
            acn_store_value(noise, j.noise->dtype, (acn_value){.f = slope});
            slope = acn_load_value(noise, j.noise->dtype).f;
        }
        acn_store_value(acn_tensor_at(j.y, i), j.y->dtype, (acn_value){.f = x * slope});
    }
    return ACN_OK;
}

#define BOUND(attr_name)                                                                           \
    { .name = attr_name, .kind = ACN_ATTR_FLOAT, .is_required = true, .is_value = true }

ACN_OP(RReluWithNoise) = {
    .name = "RReluWithNoise",
    .doc = "x > 0 ? x : slope * x, with slopes drawn in training, else the middle of their range.",
    .in = {{"x", ACN_FLOATS, 0}, ACN_DRAW_INPUTS},
    .out = {{"y", ACN_FLOATS}, {"noise", ACN_FLOATS}},
    .attr = {ACN_DRAW_ATTRS,
             BOUND("lower"),
             BOUND("upper"),
             {.name = "training", .kind = ACN_ATTR_BOOL}},
    .infer = infer,
    .check = check,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[5,7]|lower=0.125,upper=0.5,training=1,seed=3,offset=8 [5,7]|lower=0.25,upper=0.5 "
             "f32[20000]|lower=-1,upper=2,training=1,seed=5 [0]|lower=0,upper=1,training=1 "
             "[]|lower=0.5,upper=0.5,training=1",
};

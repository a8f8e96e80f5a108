/* average.c - AveragePooling and its gradient: the mean of each window, regular or adaptive.
 *
 * The divisor counts padding or not (count_include_pad), or is given. The gradient spreads each
 * output's over its window. */
#include "base/pool.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/pool.h"
#include "ops/pool/channels_last.h"
#include "ops/pool/window.h"
#include <string.h>

enum { COUNTS_PADDING = ACN_POOL_OWN, DIVISOR, DILATION };
/* Inputs of the gradient. */
enum { DY, X };

typedef struct average_plan {
    acn_pool pool;
    acn_stage from, to;
    bool has_pixels, counts_padding;
    acn_pool_pixels pixels; /* does it instead when |has_pixels| */
    int64_t divisor;        /* 0: the window's size */
    uint64_t room, worker;  /* in the workspace: factors of a row, for each worker */
} average_plan;

/* |x|: the input's slot. An adaptive gradient has its output's size from the output's gradient. */
static acn_status read_pool(const acn_call *c, int x, acn_pool *p) {
    ACN_TRY(acn_pool_read(c, x, DILATION, p));
    const acn_tensor *dy = acn_in(c, DY);
    for (int d = 0; x == X && p->is_adaptive && dy->rank == acn_in(c, X)->rank && d < p->spatial;
         d++)
        p->out[3 - p->spatial + d] = dy->dims[dy->rank - p->spatial + d];
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_pool p;
    ACN_TRY(read_pool(c, 0, &p));
    acn_pool_result(c, 0, &p, acn_in(c, 0));
    bool is_whole = acn_dtype_is_integer(acn_in(c, 0)->dtype);
    if (acn_out(c, 0) && acn_dtype_is_integer(acn_out(c, 0)->dtype) != is_whole)
        return acn_bad_output(c, 0, "expected %s, as the input has",
                              is_whole ? "integers" : "floats");
    return ACN_OK;
}

static acn_status infer_grad(acn_call *c) {
    acn_pool p;
    ACN_TRY(read_pool(c, X, &p));
    const acn_tensor *x = acn_in(c, X), *dy = acn_in(c, DY);
    acn_tensor expected = *x;
    for (int d = 0; d < p.spatial; d++)
        expected.dims[x->rank - p.spatial + d] = p.out[3 - p.spatial + d];
    char text[160];
    if (!acn_tensor_same_shape(dy, &expected))
        return acn_bad_input(c, DY, "expected %s, the pooling's shape",
                             acn_tensor_describe(&expected, text, sizeof text));
    acn_out_like(c, 0, ACN_UNDEFINED, x);
    return ACN_OK;
}

static acn_status run0(acn_call *c);

static acn_status make_plan(acn_call *c, int x, int from) {
    average_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
    if (acn_dtype_is_integer(acn_in(c, 0)->dtype)) { /* the definition is their only level */
        c->plan->run = run0;
        c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, 0)) & 0x7fffffff);
        return ACN_OK;
    }
    ACN_TRY(read_pool(c, x, &p->pool));
    ACN_TRY(acn_pool_plan(c, &p->pool));
    p->counts_padding = acn_attr_int(c, COUNTS_PADDING) != 0;
    p->divisor = acn_attr_int(c, DIVISOR);
    c->plan->cost_us = acn_pool_cost_us(&p->pool);
    c->plan->data = p;
    p->has_pixels =
        x != X && acn_pool_pixels_plan(&p->pixels, &p->pool, acn_in(c, 0), acn_out(c, 0));
    p->pixels.counts_padding = p->counts_padding;
    p->pixels.divisor = p->divisor;
    if (p->has_pixels) return ACN_OK;
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&p->from, acn_in(c, from), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->to, acn_out(c, 0), ACN_F32, true, &bytes));
    p->room = bytes;
    p->worker = (uint64_t)(p->pool.out[2] + p->pool.in[2] + 16) * sizeof(float);
    c->plan->workspace_bytes = bytes + p->worker * (uint64_t)acn_pool_size();
    return ACN_OK;
}

static acn_status plan(acn_call *c) { return make_plan(c, 0, 0); }
static acn_status plan_grad(acn_call *c) { return make_plan(c, X, DY); }

static int64_t size_of(const acn_window *w, bool counts_padding) {
    return counts_padding ? w->size : w->count;
}

typedef struct job {
    const average_plan *p;
    const float *from;
    float *to;
    char *room;
    int64_t planes_a_chunk;
    bool spreads;
} job;

/* For each window of an output row its divisor, or what the gradient is multiplied by. */
static void fill_factors(const job *j, const acn_window *z, const acn_window *y, float *factor) {
    const average_plan *p = j->p;
    int64_t outer = size_of(z, p->counts_padding) * size_of(y, p->counts_padding);
    for (int64_t i = 0; i < p->pool.out[2]; i++) {
        int64_t divisor = outer * size_of(&p->pool.window[2][i], p->counts_padding);
        if (p->divisor) divisor = p->divisor;
        if (divisor == 0) divisor = 1; /* an empty window's mean is 0 */
        factor[i] = j->spreads ? 1.0f / (float)divisor : (float)divisor;
    }
}

/* One row of the input and the windows of an output row, tap by tap. */
static void regular_row(const acn_pool *p, const acn_pool_kernels *kernels, float *large,
                        float *small, const float *factor, bool spreads) {
    for (int64_t k = 0; k < p->kernel[2]; k++) {
        int64_t start = k * p->dilation[2] - p->padding[2], step = p->stride[2];
        int64_t first = start < 0 ? (-start + step - 1) / step : 0;
        int64_t last = start < p->in[2] ? (p->in[2] - 1 - start) / step + 1 : 0;
        if (last > p->out[2]) last = p->out[2];
        if (first >= last) continue;
        float *x = large + start + first * step;
        if (spreads)
            kernels->spread_tap(x, step, small + first, factor + first, last - first);
        else
            kernels->add_tap(small + first, x, step, last - first);
    }
}

static void spread_adaptive(const acn_pool *p, float *large, const float *small,
                            const float *factor) {
    for (int64_t i = 0; i < p->out[2]; i++) {
        const acn_window *w = &p->window[2][i];
        for (int32_t k = w->start; k < w->start + w->count; k++)
            large[k] += small[i] * factor[i];
    }
}

/* Sums of adaptive windows: first down the rows, as vectors, into |line|. */
static void add_adaptive(const acn_pool *p, const float *plane, const acn_window *z,
                         const acn_window *y, float *small, float *line) {
    acn_micro_fn add = acn_kernels_get()->micro[ACN_U_ADD][ACN_K_F32];
    memset(line, 0, sizeof(float) * (size_t)p->in[2]);
    for (int32_t a = 0; a < z->count; a++)
        for (int32_t b = 0; b < y->count; b++) {
            int64_t row = (z->start + a) * p->in[1] + y->start + b;
            add(line, line, plane + row * p->in[2], NULL, p->in[2]);
        }
    for (int64_t i = 0; i < p->out[2]; i++) {
        const acn_window *w = &p->window[2][i];
        small[i] = 0;
        for (int32_t k = w->start; k < w->start + w->count; k++)
            small[i] += line[k];
    }
}

static void run_row(const job *j, float *large, float *small, int64_t row, float *factor) {
    const acn_pool *p = &j->p->pool;
    const acn_pool_kernels *kernels = acn_kernels_get()->pool;
    const acn_window *z = &p->window[0][row / p->out[1]], *y = &p->window[1][row % p->out[1]];
    fill_factors(j, z, y, factor);
    if (!j->spreads) memset(small, 0, sizeof(float) * (size_t)p->out[2]);
    bool adds_lines = p->is_adaptive && !j->spreads;
    if (adds_lines) add_adaptive(p, large, z, y, small, factor + p->out[2]);
    for (int32_t a = 0; a < z->count && !adds_lines; a++)
        for (int32_t b = 0; b < y->count; b++) {
            int64_t from_z = z->start + a * p->dilation[0], from_y = y->start + b * p->dilation[1];
            float *x = large + (from_z * p->in[1] + from_y) * p->in[2];
            if (p->is_adaptive)
                spread_adaptive(p, x, small, factor);
            else
                regular_row(p, kernels, x, small, factor, j->spreads);
        }
    for (int64_t i = 0; !j->spreads && i < p->out[2]; i++)
        small[i] /= factor[i];
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_pool *p = &j->p->pool;
    float *factor = (float *)(j->room + (uint64_t)worker * j->p->worker);
    int64_t in = acn_pool_in(p), out = acn_pool_out(p);
    int64_t first = chunk * j->planes_a_chunk, last = first + j->planes_a_chunk;
    for (int64_t plane = first; plane < last && plane < p->planes; plane++) {
        float *large = (j->spreads ? j->to : (float *)j->from) + plane * in;
        float *small = (j->spreads ? (float *)j->from : j->to) + plane * out;
        if (j->spreads) memset(large, 0, sizeof(float) * (size_t)in);
        for (int64_t row = 0; row < p->out[0] * p->out[1]; row++)
            run_row(j, large, small + row * p->out[2], row, factor);
    }
}

static acn_status run_either(acn_call *c, int from, bool spreads) {
    const average_plan *p = c->plan->data;
    char *w = c->workspace;
    job j = {.p = p,
             .from = acn_stage_in(&p->from, acn_in(c, from), w),
             .to = acn_stage_room(&p->to, acn_out(c, 0), w),
             .room = w + p->room,
             .planes_a_chunk = acn_pool_planes_a_chunk(acn_pool_in(&p->pool)),
             .spreads = spreads};
    acn_pool_run((p->pool.planes + j.planes_a_chunk - 1) / j.planes_a_chunk, run_chunk, &j);
    acn_stage_out(&p->to, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const average_plan *p = c->plan->data;
    if (!p->has_pixels) return run_either(c, 0, false);
    acn_pool_pixels_run(&p->pixels, acn_out(c, 0)->data, acn_in(c, 0)->data);
    return ACN_OK;
}
static acn_status run_grad(acn_call *c) { return run_either(c, DY, true); }

/* ---- level 0 --------------------------------------------------------------------------------- */

static double divisor_of(const acn_call *c, const acn_pool *p, const int64_t *at) {
    if (acn_attr_int(c, DIVISOR)) return (double)acn_attr_int(c, DIVISOR);
    double divisor = 1;
    for (int d = 0; d < 3; d++) {
        acn_window w = acn_pool_window(p, d, at[d]);
        divisor *= (double)size_of(&w, acn_attr_int(c, COUNTS_PADDING) != 0);
    }
    return divisor;
}

static bool looks_at(const acn_pool *p, const int64_t *at, const int64_t *element) {
    for (int d = 0; d < 3; d++) {
        acn_window w = acn_pool_window(p, d, at[d]);
        int64_t distance = element[d] - w.start;
        if (distance < 0 || distance % p->dilation[d] || distance / p->dilation[d] >= w.count)
            return false;
    }
    return true;
}

static acn_status run0_either(acn_call *c, int x, bool spreads) {
    acn_pool p;
    ACN_TRY(read_pool(c, x, &p));
    const acn_tensor *from = acn_in(c, 0), *to = acn_out(c, 0);
    int64_t in = acn_pool_in(&p), out = acn_pool_out(&p);
    int64_t inner = spreads ? in : out, outer = spreads ? out : in;
    for (int64_t i = 0; i < p.planes * inner; i++) {
        double total = 0, divisor = 1;
        int64_t whole = 0;
        for (int64_t k = 0; k < outer; k++) {
            int64_t large = spreads ? i % inner : k, at[3];
            const int64_t element[3] = {large / p.in[2] / p.in[1], large / p.in[2] % p.in[1],
                                        large % p.in[2]};
            acn_pool_at(&p, spreads ? k : i % inner, at);
            divisor = divisor_of(c, &p, at);
            if (!looks_at(&p, at, element)) continue;
            acn_value v = acn_load_value(acn_tensor_at(from, i / inner * outer + k), from->dtype);
            total += spreads ? v.f / divisor : v.f;
            whole += v.i;
        }
        acn_value mean = {.f = spreads || divisor == 0 ? total : total / divisor};
        mean.i = divisor == 0 ? whole : whole / (int64_t)divisor; /* towards 0 */
        acn_store_value(acn_tensor_at(to, i), to->dtype, mean);
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) { return run0_either(c, 0, false); }
static acn_status run0_grad(acn_call *c) { return run0_either(c, X, true); }

/* clang-format off */
#define AVERAGE_ATTRS                                                                              \
    ACN_POOL_ATTRS, {"count_include_pad", ACN_ATTR_BOOL}, {"divisor_override", ACN_ATTR_INT}, \
    {"dilations", ACN_ATTR_INTS}
/* clang-format on */

ACN_OP(AveragePooling) = {
    .name = "AveragePooling",
    .doc = "Mean of each window, regular or adaptive",
    .in = {{"x", ACN_POOL_TYPES | ACN_T(ACN_I64), ACN_UNALIASED}},
    .out = {{"y", ACN_POOL_TYPES | ACN_T(ACN_I64)}},
    .attr = {AVERAGE_ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,3,7,9]|ksize=[3,2],strides=[2,1],pads=[1,1] "
             "[2,3,7,9]|ksize=[3,2],strides=[2,1],pads=[1,1],count_include_pad=1 "
             "[3,8,9]|ksize=[2,2],divisor_override=3 "
             "f32+f16[2,2,5,6,7]|spatial=3,ksize=[2,3,2],strides=[2,1,2],ceil_mode=1 "
             "[2,3,7,10]|output_size=[3,4] f32[2,3,6,5,7]|spatial=3,output_size=[2,-1,3] "
             "f32[2,3,40,70]|ksize=[3,3],strides=[3,3],ceil_mode=1,pads=[1,1],count_include_pad=1 "
             "f32[2,70,7,7]|output_size=[1,1] f32[0,3,4,4]|ksize=[2,2] "
             "f32[2,3,9,11]|ksize=[3,2],strides=[2,1],pads=[1,3,0,2],dilations=[2,3] "
             "f32[2,3,9,11]|ksize=[3,2],pads=[3,1,2,0],dilations=[1,2],count_include_pad=1,"
             "ceil_mode=1 f32[2,3,12]|spatial=1,ksize=[3],strides=[1],pads=[2,0]",
};

ACN_OP(AveragePoolingGrad) = {
    .name = "AveragePoolingGrad",
    .doc = "Gradient of AveragePooling",
    .in = {{"grad", ACN_POOL_TYPES, ACN_UNALIASED}, {"x", ACN_POOL_TYPES}},
    .out = {{"y", ACN_POOL_TYPES}},
    .attr = {AVERAGE_ATTRS},
    .infer = infer_grad,
    .plan = plan_grad,
    .run = run_grad,
    .run0 = run0_grad,
    .cases = "tolerance=reduction [2,3,4,10],[2,3,7,9]|ksize=[3,2],strides=[2,1],pads=[1,1] "
             "[3,4,4],[3,8,9]|ksize=[2,2],divisor_override=3 "
             "f32+f16[2,2,3,4,4],[2,2,5,6,7]|spatial=3,ksize=[2,3,2],strides=[2,1,2],ceil_mode=1 "
             "f32[2,3,4,10],[2,3,7,9]|ksize=[3,2],strides=[2,1],pads=[1,1],count_include_pad=1 "
             "[2,3,3,4],[2,3,7,10]|spatial=2 f32[2,9,1,1],[2,9,7,7]|spatial=2 "
             "f32[2,3,5,13],[2,3,9,11]|ksize=[3,2],strides=[2,1],pads=[1,3,3,2],dilations=[2,3]",
};

/* convolution_winograd.c - ConvolutionWinograd: 3x3 convolutions of stride 1 of channels-last
 * images with a transformed filter. Squares of pixels become numbers, each number of all squares is
 * multiplied with a matrix over the channels, and the products become pixels.
 *
 * All is f32. The additions cost some units in the last place of the largest term: about 1e-6 of
 * it for 2x2, some 1e-6 more for 4x4. A number that is not finite spreads over its squares. */
#include "base/pool.h"
#include "ops/conv/channels_last.h"
#include "ops/conv/winograd_square.h"

enum {
    MOST_NUMBERS = 36,
    NUMBERS_BYTES = 3 << 17, /* of a chunk's squares: within an L2 of 512 KiB */
    SUMS_BYTES = 1 << 17,
    LEAST_SQUARES = 12,
    MOST_SQUARES = 48,
    CHUNKS_PER_WORKER = 3,
    PAD = 16, /* so that rows do not share a cache's sets */
};

const double acn_winograd_filter_4[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
const double acn_winograd_filter_6[6][3] = {{1. / 4, 0, 0},
                                            {-1. / 6, -1. / 6, -1. / 6},
                                            {-1. / 6, 1. / 6, -1. / 6},
                                            {1. / 24, 1. / 12, 1. / 6},
                                            {1. / 24, -1. / 12, 1. / 6},
                                            {0, 0, 1}};
const double acn_winograd_in_4[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
const double acn_winograd_in_6[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0},
                                        {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0},
                                        {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
const double acn_winograd_out_4[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
const double acn_winograd_out_6[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

typedef struct convolution {
    acn_conv conv;
    acn_cl_operands of;
    float *zeros;
    int size, made, numbers;
    int64_t across, down, squares; /* squares in a row, rows of them in an image, all of them */
    int64_t panels, block_squares, blocks, part_panels, parts, group_panels;
    int64_t pitch, sums_pitch;
    size_t sums_offset, worker_bytes;
    int workers;
} convolution;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

static acn_status infer(acn_call *c) {
    acn_conv v;
    ACN_TRY(acn_cl_infer(c, &v));
    const acn_tensor *w = acn_in(c, ACN_CL_FILTER);
    bool is_plain = v.kernel[1] == 3 && v.kernel[2] == 3 && v.stride[1] == 1 && v.stride[2] == 1 &&
                    v.dilation[1] == 1 && v.dilation[2] == 1 && v.groups == 1;
    if (!is_plain)
        return acn_bad_attr(c, ACN_CL_KERNEL, "expected 3x3, and strides, dilations, groups of 1");
    if (v.ci % ACN_PANEL || v.co % ACN_PANEL)
        return acn_bad_input(c, ACN_CL_X, "expected multiples of %d channels, in and out",
                             ACN_PANEL);
    if (w->rank != 4 || (w->dims[0] != 16 && w->dims[0] != 36) || w->dims[1] * ACN_PANEL != v.co ||
        w->dims[2] != v.ci || w->dims[3] != ACN_PANEL)
        return acn_bad_input(c, ACN_CL_FILTER, "expected 16 or 36 packed matrices of [%lld, %lld]",
                             (long long)v.ci, (long long)v.co);
    return ACN_OK;
}

static void cut(convolution *p) {
    int64_t item = (int64_t)sizeof(float), most_rows = acn_kernels_get()->panel->most_rows;
    p->pitch = p->conv.ci + PAD;
    p->block_squares = NUMBERS_BYTES / item / p->numbers / p->pitch;
    p->block_squares = min(MOST_SQUARES, p->block_squares / most_rows * most_rows);
    if (p->block_squares < LEAST_SQUARES) p->block_squares = LEAST_SQUARES;
    p->blocks = ceil_div(p->squares, p->block_squares);
    if (p->squares) p->block_squares = ceil_div(p->squares, p->blocks);
    p->parts = 1;
    if (p->workers > 1 && p->blocks < CHUNKS_PER_WORKER * p->workers && p->blocks)
        p->parts = min(ceil_div(CHUNKS_PER_WORKER * p->workers, p->blocks), ceil_div(p->panels, 4));
    p->part_panels = ceil_div(p->panels, p->parts);
    p->parts = ceil_div(p->panels, p->part_panels);
    p->group_panels = SUMS_BYTES / item / p->numbers / (p->block_squares + 1) / ACN_PANEL;
    p->group_panels = p->group_panels / 2 * 2; /* tiles may be two panels wide */
    if (p->group_panels < 2) p->group_panels = 2;
    p->group_panels = min(p->group_panels, p->part_panels);
    p->sums_pitch = p->group_panels * ACN_PANEL;
    p->sums_offset = (size_t)(p->numbers * p->block_squares * p->pitch * item);
    p->worker_bytes =
        p->sums_offset + (size_t)(p->numbers * p->block_squares * p->sums_pitch * item);
}

static acn_status plan(acn_call *c) {
    convolution *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    ACN_TRY(acn_cl_read(c, &p->conv));
    ACN_TRY(acn_cl_operands_plan(&p->of, c, NULL, NULL, false));
    p->zeros = acn_plan_alloc(c, sizeof(float) * (size_t)p->conv.ci);
    if (!p->zeros) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    p->workers = acn_pool_size();
    p->numbers = (int)acn_in(c, ACN_CL_FILTER)->dims[0];
    p->size = p->numbers == 16 ? 4 : 6;
    p->made = p->size - 2;
    p->across = ceil_div(p->conv.out[2], p->made);
    p->down = ceil_div(p->conv.out[1], p->made);
    p->squares = p->conv.n * p->down * p->across;
    p->panels = p->conv.co / ACN_PANEL;
    cut(p);
    c->plan->workspace_bytes = p->of.staged_bytes + p->worker_bytes * (uint64_t)p->workers;
    c->plan->cost_us = acn_conv_cost_us(&p->conv) / 2;
    c->plan->data = p;
    return ACN_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const convolution *p;
    acn_cl_numbers of;
    acn_panels_finish finish;
    char *workers;
} job;

typedef struct chunk {
    int64_t square, squares, panel, panels;
    float *numbers, *sums;
} chunk;

static void square_at(const convolution *p, int64_t square, int64_t *image, int64_t *y,
                      int64_t *x) {
    *x = square % p->across * p->made;
    *y = square / p->across % p->down * p->made;
    *image = square / p->across / p->down;
}

static void transform(const job *j, const chunk *k) {
    const convolution *p = j->p;
    const acn_conv *v = &p->conv;
    const float *pixels[MOST_NUMBERS];
    for (int64_t i = 0; i < k->squares; i++) {
        int64_t image, y, x;
        square_at(p, k->square + i, &image, &y, &x);
        for (int at = 0; at < p->numbers; at++) {
            int64_t sy = y + at / p->size - v->before[1], sx = x + at % p->size - v->before[2];
            bool is_inside = sy >= 0 && sy < v->in[1] && sx >= 0 && sx < v->in[2];
            pixels[at] =
                is_inside ? j->of.x + image * p->of.x.image + sy * p->of.x.row + sx * p->of.x.pixel
                          : p->zeros;
        }
        acn_kernels_get()->panel->square_in(k->numbers + i * p->pitch, k->squares * p->pitch,
                                            pixels, p->size, v->ci);
    }
}

/* All numbers of all squares times some panels. */
static void multiply(const job *j, const chunk *k, int64_t panel, int64_t panels) {
    const convolution *p = j->p;
    const acn_panel_kernels *kernels = acn_kernels_get()->panel;
    const int64_t depth = p->conv.ci * ACN_PANEL, tiles = ceil_div(k->squares, kernels->most_rows);
    const float *rows[ACN_PANEL_MOST_ROWS];
    acn_panel_tile t = {.rows = rows,
                        .segments = 1,
                        .steps = p->conv.ci,
                        .panel_step = depth,
                        .c_row = p->sums_pitch};
    for (int64_t number = 0; number < p->numbers; number++)
        for (int64_t i = 0; i < panels; i += kernels->most_panels) {
            t.b = j->of.filter + (number * p->panels + panel + i) * depth;
            t.cols = (int)min(kernels->most_panels, panels - i) * ACN_PANEL;
            for (int64_t tile = 0; tile < tiles; tile++) {
                int64_t first = k->squares * tile / tiles;
                t.row_count = (int)(k->squares * (tile + 1) / tiles - first);
                for (int r = 0; r < t.row_count; r++)
                    rows[r] = k->numbers + (number * k->squares + first + r) * p->pitch;
                t.c = k->sums + (number * k->squares + first) * p->sums_pitch + i * ACN_PANEL;
                kernels->tile(&t);
            }
        }
}

static void finish(const job *j, const chunk *k, int64_t panel, int64_t panels) {
    const convolution *p = j->p;
    const acn_conv *v = &p->conv;
    const int64_t channel = panel * ACN_PANEL;
    float *to[16];
    const float *from[16];
    acn_panel_square t = {.size = p->size,
                          .step = k->squares * p->sums_pitch,
                          .channels = panels * ACN_PANEL,
                          .bias = j->of.bias ? j->of.bias + channel : NULL,
                          .addend = j->of.addend ? from : NULL,
                          .c = to,
                          .clamps = j->finish.clamps,
                          .low = j->finish.low,
                          .high = j->finish.high};
    for (int64_t i = 0; i < k->squares; i++) {
        int64_t image, y, x;
        square_at(p, k->square + i, &image, &y, &x);
        for (int at = 0; at < p->made * p->made; at++) {
            int64_t oy = y + at / p->made, ox = x + at % p->made;
            bool is_inside = oy < v->out[1] && ox < v->out[2];
            to[at] = is_inside ? j->of.y + image * p->of.y.image + oy * p->of.y.row +
                                     ox * p->of.y.pixel + channel
                               : NULL;
            if (is_inside && j->of.addend)
                from[at] = j->of.addend + image * p->of.addend.image + oy * p->of.addend.row +
                           ox * p->of.addend.pixel + channel;
        }
        t.sums = k->sums + i * p->sums_pitch;
        acn_kernels_get()->panel->square_out(&t);
        for (int at = 0; j->finish.activation && at < p->made * p->made; at++)
            if (to[at]) j->finish.activation(to[at], to[at], NULL, NULL, t.channels);
    }
}

static void run_chunk(void *context, int64_t index, int worker) {
    const job *j = context;
    const convolution *p = j->p;
    char *memory = j->workers + (size_t)worker * p->worker_bytes;
    chunk k = {.square = index / p->parts * p->block_squares,
               .panel = index % p->parts * p->part_panels,
               .numbers = (float *)(void *)memory,
               .sums = (float *)(void *)(memory + p->sums_offset)};
    k.squares = min(p->block_squares, p->squares - k.square);
    k.panels = min(p->part_panels, p->panels - k.panel);
    if (k.squares <= 0 || k.panels <= 0) return;
    transform(j, &k);
    for (int64_t i = 0; i < k.panels; i += p->group_panels) {
        int64_t panels = min(p->group_panels, k.panels - i);
        multiply(j, &k, k.panel + i, panels);
        finish(j, &k, k.panel + i, panels);
    }
}

static acn_status run(acn_call *c) {
    const convolution *p = c->plan->data;
    job j = {.p = p,
             .of = acn_cl_operands_in(&p->of, c),
             .workers = (char *)c->workspace + p->of.staged_bytes};
    ACN_TRY(acn_panels_read_finish(c, ACN_CL_FINISH, &j.finish));
    acn_pool_run(p->blocks * p->parts, run_chunk, &j);
    acn_cl_operands_out(&p->of, c);
    return ACN_OK;
}

/* ---- level 0: the transforms as matrices, in double precision -------------------------------- */

static double pixel(const acn_tensor *x, int64_t n, int64_t channel, int64_t y, int64_t at) {
    if (y < 0 || y >= x->dims[2] || at < 0 || at >= x->dims[3]) return 0;
    int64_t linear = ((n * x->dims[1] + channel) * x->dims[2] + y) * x->dims[3] + at;
    return acn_load_value(acn_tensor_at(x, linear), ACN_F32).f;
}

/* Number (a, b) of the square at (y, x). */
static double number_of(const acn_call *c, const acn_conv *v, int size, const double *in, int64_t n,
                        int64_t channel, int64_t y, int64_t x, int a, int b) {
    double sum = 0;
    for (int i = 0; i < size; i++)
        for (int k = 0; k < size; k++)
            sum +=
                in[a * size + i] * in[b * size + k] *
                pixel(acn_in(c, ACN_CL_X), n, channel, y + i - v->before[1], x + k - v->before[2]);
    return sum;
}

static double element(const acn_call *c, const acn_conv *v, int64_t n, int64_t column, int64_t oy,
                      int64_t ox) {
    const acn_tensor *w = acn_in(c, ACN_CL_FILTER);
    int size = w->dims[0] == 16 ? 4 : 6, made = size - 2;
    const double *in = size == 4 ? acn_winograd_in_4[0] : acn_winograd_in_6[0];
    const double *out = size == 4 ? acn_winograd_out_4[0] : acn_winograd_out_6[0];
    double sum = 0;
    for (int at = 0; at < size * size; at++) {
        double part = out[oy % made * size + at / size] * out[ox % made * size + at % size];
        for (int64_t channel = 0; part != 0 && channel < v->ci; channel++) {
            int64_t linear =
                ((at * w->dims[1] + column / ACN_PANEL) * v->ci + channel) * ACN_PANEL +
                column % ACN_PANEL;
            sum += part * acn_load_value(acn_tensor_at(w, linear), ACN_F32).f *
                   number_of(c, v, size, in, n, channel, oy / made * made, ox / made * made,
                             at / size, at % size);
        }
    }
    return sum;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0), *bias = acn_in(c, ACN_CL_BIAS);
    const acn_tensor *addend = acn_in(c, ACN_CL_ADDEND);
    acn_conv v;
    ACN_TRY(acn_cl_read(c, &v));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t ox = i % v.out[2], oy = i / v.out[2] % v.out[1];
        int64_t column = i / v.out[2] / v.out[1] % v.co, n = i / v.out[2] / v.out[1] / v.co;
        double sum = element(c, &v, n, column, oy, ox);
        if (bias) sum += acn_load_value(acn_tensor_at(bias, column), ACN_F32).f;
        if (addend) sum += acn_load_value(acn_tensor_at(addend, i), ACN_F32).f;
        acn_store_value(acn_tensor_at(y, i), ACN_F32,
                        (acn_value){.f = acn_panels_naive_finish(c, ACN_CL_FINISH, sum)});
    }
    return ACN_OK;
}

ACN_OP(ConvolutionWinograd) = {
    .name = "ConvolutionWinograd",
    .doc = "3x3 convolution of channels-last images by Winograd, with a filter of PackWinograd",
    .in = {ACN_CL_INPUTS},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {ACN_CL_ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=contraction "
             "[1,16,5,7],[16,2,16,16],[32]|channels=32,kernel=[3,3],pads=[1,1],low=0 "
             "[2,32,6,9],[16,1,32,16],[16],[2,16,6,9]|channels=16,kernel=[3,3],pads=[1,1] "
             "[1,16,9,7],[16,3,16,16]|channels=48,kernel=[3,3],activation=silu "
             /* random numbers are no transformed filter: squares of 6 enlarge them */
             "[1,16,9,7]@-0.1..0.1,[36,3,16,16]@-0.1..0.1|channels=48,kernel=[3,3]",
};

/* filter_grad.c - w's gradient: a sum over all positions, with y's channels as rows and (tap, x's
 * channel) as lanes.
 *
 * Some images of x at a time are laid out with channels last in a frame of zeros; a position then
 * is one step, and a panel's lanes are runs of it. Where each position has only itself behind it,
 * panels are packed from x itself. Every thread owns a part of the result and goes
 * over all positions, so the order of additions never depends on threads. */
#include "base/pool.h"
#include "ops/conv/depthwise.h"
#include "ops/kernels/conv.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/gemm_kernels.h"
#include "ops/layout/copy.h"
#include <string.h>

enum {
    STAGED_BYTES = 1 << 22, /* of images laid out at a time, if more than one fits */
    PANELS_BYTES = 1 << 19,
    MOST_PANELS = 48,
    CHUNKS_PER_WORKER = 4,
    ALIGNMENT = 64,
};

struct acn_conv_filter_grad {
    acn_conv conv;
    acn_conv_depthwise *depthwise; /* does it instead */
    const acn_gemm_class *kernels;
    bool is_plain;                    /* nothing is laid out */
    int64_t taps, panels, width;      /* lanes of a group: taps * ci, in panels; width of a row */
    int64_t frame[3], image_elements; /* a staged image, with its channels */
    int64_t group_images, image_groups;
    acn_copy stage, stage_rest; /* |group_images| images, and those of the last group */
    int64_t *first;             /* [panels + 1] */
    acn_conv_run *runs;         /* of panels, from a position's first element */
    int64_t block_panels, block_rows, panel_blocks, row_blocks;
    size_t result_bytes, staged_bytes, room_bytes, worker_bytes;
    int workers;
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t tap_offset(const acn_conv_filter_grad *p, int64_t tap) {
    const acn_conv *c = &p->conv;
    int64_t x = tap % c->kernel[2], y = tap / c->kernel[2] % c->kernel[1];
    int64_t z = tap / c->kernel[2] / c->kernel[1];
    int64_t at = (z * c->dilation[0] * p->frame[1] + y * c->dilation[1]) * p->frame[2];
    return (at + x * c->dilation[2]) * c->groups * c->ci;
}

static acn_status make_runs(acn_call *c, acn_conv_filter_grad *p) {
    int64_t ci = p->conv.ci, nr = p->kernels->nr, lanes = p->taps * ci, used = 0;
    p->first = acn_plan_alloc(c, sizeof(int64_t) * (size_t)(p->panels + 1));
    /* A panel's run ends with a tap or with the panel. */
    p->runs = acn_plan_alloc(c, sizeof(acn_conv_run) * (size_t)(p->panels + p->taps + 1));
    if (!p->first || !p->runs) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    for (int64_t panel = 0; panel < p->panels; panel++) {
        p->first[panel] = used;
        for (int64_t lane = 0; lane < nr && panel * nr + lane < lanes;) {
            int64_t at = panel * nr + lane, channel = at % ci;
            int64_t count = min(ci - channel, nr - lane);
            acn_conv_run run = {.offset = tap_offset(p, at / ci) + channel - lane,
                                .mask = (uint32_t)((((uint64_t)1 << count) - 1) << lane)};
            if (used > p->first[panel] && p->runs[used - 1].offset == run.offset)
                p->runs[used - 1].mask |= run.mask;
            else
                p->runs[used++] = run;
            lane += count;
        }
    }
    p->first[p->panels] = used;
    return ACN_OK;
}

/* x's images into the frames' inner parts. */
static acn_status plan_stage(const acn_conv_filter_grad *p, int64_t images, acn_copy *out) {
    const acn_conv *c = &p->conv;
    int64_t channels = c->groups * c->ci;
    int64_t dims[5] = {images, channels, c->in[0], c->in[1], c->in[2]};
    acn_tensor from, to;
    acn_tensor_init(&from, NULL, ACN_F32, 5, dims);
    for (int d = 0; d < 3; d++) /* what no tap reads may lie outside the frame, or all */
        dims[2 + d] = max(0, min(c->in[d], p->frame[d] - c->before[d]));
    to = from;
    for (int d = 0; d < 3; d++)
        from.dims[2 + d] = to.dims[2 + d] = dims[2 + d];
    to.strides[4] = channels;
    to.strides[3] = to.strides[4] * p->frame[2];
    to.strides[2] = to.strides[3] * p->frame[1];
    to.strides[1] = 1;
    to.strides[0] = p->image_elements;
    return acn_copy_plan(out, &to, &from);
}

static void cut(acn_conv_filter_grad *p) {
    const acn_gemm_class *k = p->kernels;
    int64_t most = max(1, min(MOST_PANELS, PANELS_BYTES / 4 / k->nr / k->kc));
    p->block_panels = ceil_div(p->panels, max(1, ceil_div(p->panels, most)));
    p->block_rows = round_up(p->conv.co, k->mr);
    for (;;) {
        p->panel_blocks = ceil_div(p->panels, max(1, p->block_panels));
        p->row_blocks = ceil_div(p->conv.co, max(1, p->block_rows));
        int64_t chunks = p->panel_blocks * p->row_blocks * p->conv.groups;
        if (p->workers == 1 || chunks >= CHUNKS_PER_WORKER * p->workers) return;
        if (p->block_panels > 4)
            p->block_panels = ceil_div(p->block_panels, 2);
        else if (p->block_rows > 2 * k->mr)
            p->block_rows = round_up(ceil_div(p->block_rows, 2), k->mr);
        else if (p->block_panels > 1)
            p->block_panels = ceil_div(p->block_panels, 2);
        else
            return;
    }
}

acn_status acn_conv_filter_grad_plan(acn_call *c, const acn_conv *conv,
                                     acn_conv_filter_grad **out) {
    acn_conv_filter_grad *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    p->conv = acn_conv_flattened(conv);
    p->kernels = acn_kernels_get()->gemm->by_class[ACN_K_F32];
    p->workers = acn_pool_size();
    p->taps = acn_conv_volume(conv->kernel);
    *out = p;
    if (acn_conv_is_depthwise(conv)) {
        p->width = p->taps;
        p->result_bytes = (size_t)round_up(conv->groups * conv->co * p->width * 4, ALIGNMENT);
        return acn_conv_depthwise_plan(c, conv, ACN_CONV_Y, &p->depthwise);
    }
    conv = &p->conv;
    p->is_plain = acn_conv_is_flat(conv);
    p->panels = ceil_div(p->taps * conv->ci, p->kernels->nr);
    p->width = p->panels * p->kernels->nr;
    for (int d = 0; d < 3; d++)
        p->frame[d] = max(0, (conv->out[d] - 1) * conv->stride[d] +
                                 (conv->kernel[d] - 1) * conv->dilation[d] + 1);
    p->image_elements = acn_conv_volume(p->frame) * conv->groups * conv->ci;
    int64_t fit = STAGED_BYTES / 4 / max(1, p->image_elements);
    p->group_images = max(1, p->is_plain ? conv->n : min(conv->n, fit));
    p->image_groups = ceil_div(conv->n, p->group_images);
    int64_t rest = conv->n - (p->image_groups - 1) * p->group_images;
    ACN_TRY(plan_stage(p, p->group_images, &p->stage));
    ACN_TRY(plan_stage(p, max(0, rest), &p->stage_rest));
    ACN_TRY(make_runs(c, p));
    cut(p);
    const acn_gemm_class *k = p->kernels;
    p->result_bytes = (size_t)round_up(conv->groups * conv->co * p->width * 4, ALIGNMENT);
    if (!p->is_plain)
        p->staged_bytes = (size_t)round_up(p->group_images * p->image_elements * 4, ALIGNMENT);
    p->room_bytes = (size_t)round_up(p->block_panels * k->nr * k->kc * 4, ALIGNMENT);
    p->worker_bytes = p->room_bytes + (size_t)round_up(k->kc * k->a_width * 4, ALIGNMENT);
    return ACN_OK;
}

uint64_t acn_conv_filter_grad_workspace_bytes(const acn_conv_filter_grad *p) {
    if (p->depthwise) return p->result_bytes + acn_conv_depthwise_workspace_bytes(p->depthwise);
    return p->result_bytes + p->staged_bytes + p->worker_bytes * (uint64_t)p->workers;
}

acn_tensor acn_conv_filter_grad_view(const acn_conv_filter_grad *p, void *memory) {
    const acn_conv *c = &p->conv;
    int64_t dims[5] = {c->groups * c->co, c->ci};
    int first = 3 - c->spatial;
    for (int d = first; d < 3; d++)
        dims[2 + d - first] = c->kernel[d];
    acn_tensor t;
    acn_tensor_init(&t, memory, ACN_F32, 2 + c->spatial, dims);
    int64_t step = c->ci;
    for (int d = t.rank - 1; d >= 2; d--) {
        t.strides[d] = step;
        step *= t.dims[d];
    }
    t.strides[1] = 1;
    t.strides[0] = p->width;
    return t;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const acn_conv_filter_grad *p;
    const float *dy, *x; /* of the group's first image */
    const float *staged;
    int64_t images;
    float *result;
    char *workers;
    bool is_first;
} job;

/* A stretch of positions in one row of y. */
typedef struct stretch {
    int64_t position, count; /* within y's image */
    int64_t image, source;   /* offset of the first position's first element in a staged image */
} stretch;

typedef struct chunk {
    int64_t group, row, rows, panel, panels;
    float *room, *packed;
} chunk;

/* Stretches of a pass of up to kc positions from |*at| on. */
static int next_pass(const job *j, int64_t *at, int64_t *out_steps, stretch *out, int most) {
    const acn_conv *c = &j->p->conv;
    int64_t volume = acn_conv_volume(c->out), total = j->images * volume, steps = 0;
    int64_t channels = c->groups * c->ci;
    int count = 0;
    while (*at < total && steps < j->p->kernels->kc && count < most) {
        int64_t x = *at % c->out[2], row = *at / c->out[2];
        int64_t y = row % c->out[1], z = row / c->out[1] % c->out[0];
        stretch *s = &out[count++];
        s->image = *at / volume;
        s->position = *at % volume;
        s->count = min(c->out[2] - x, j->p->kernels->kc - steps);
        s->source = s->image * j->p->image_elements +
                    ((z * c->stride[0] * j->p->frame[1] + y * c->stride[1]) * j->p->frame[2] +
                     x * c->stride[2]) *
                        channels;
        steps += s->count;
        *at += s->count;
    }
    *out_steps = steps;
    return count;
}

static void pack_plain(const job *j, const chunk *x, const stretch *s, int count, int64_t steps) {
    const acn_conv *c = &j->p->conv;
    const acn_gemm_class *k = j->p->kernels;
    const int64_t volume = acn_conv_volume(c->in), nr = k->nr;
    for (int64_t i = 0, done = 0; i < count; done += s[i++].count)
        for (int64_t panel = 0; panel < x->panels; panel++) {
            int64_t channel = (x->panel + panel) * nr;
            const float *from =
                j->x + ((s[i].image * c->groups + x->group) * c->ci + channel) * volume;
            k->pack[ACN_F32](x->room + (panel * steps + done) * nr, k->nr, from + s[i].position, 1,
                             volume, s[i].count, min(nr, c->ci - channel));
        }
}

static void gather(const job *j, const chunk *x, const stretch *s, int count, int64_t steps) {
    const acn_conv_filter_grad *p = j->p;
    const int64_t nr = p->kernels->nr, channels = p->conv.groups * p->conv.ci;
    const acn_conv_kernels *kernels = acn_kernels_get()->conv;
    acn_conv_gather g = {.panel_step = nr,
                         .source_step = p->conv.stride[2] * channels,
                         .lane_step = 1,
                         .width = (int)nr};
    for (int64_t i = 0, done = 0; i < count; done += s[i++].count)
        for (int64_t panel = 0; panel < x->panels; panel++) {
            const int64_t *first = p->first + x->panel + panel;
            g.panel = x->room + (panel * steps + done) * nr;
            g.source = j->staged + s[i].source + x->group * p->conv.ci;
            g.steps = s[i].count;
            g.runs = p->runs + first[0];
            g.run_count = first[1] - first[0];
            kernels->gather(&g);
        }
}

/* Rows of dy with positions as steps; neighbouring stretches of an image are one. Rows below the
 * tile's fill up the panel where there are any: full vectors are faster. */
static void pack_rows(const job *j, const chunk *x, int64_t row, const stretch *s, int count) {
    const acn_conv *c = &j->p->conv;
    const acn_gemm_class *k = j->p->kernels;
    int64_t volume = acn_conv_volume(c->out), rows = min(k->a_width, c->co - row);
    float *panel = x->packed;
    for (int i = 0; i < count;) {
        int64_t steps = s[i].count;
        int next = i + 1;
        while (next < count && s[next].image == s[i].image)
            steps += s[next++].count;
        const float *dy =
            j->dy + ((s[i].image * c->groups + x->group) * c->co + row) * volume + s[i].position;
        k->pack[ACN_F32](panel, k->a_width, dy, 1, volume, steps, rows);
        panel += steps * k->a_width;
        i = next;
    }
}

static void run_chunk(void *context, int64_t index, int worker) {
    static const float one = 1, zero = 0;
    enum { MOST_STRETCHES = 512 };
    const job *j = context;
    const acn_conv_filter_grad *p = j->p;
    const acn_gemm_class *k = p->kernels;
    char *memory = j->workers + (size_t)worker * p->worker_bytes;
    chunk x = {.room = (float *)memory, .packed = (float *)(memory + p->room_bytes)};
    x.group = index % p->conv.groups;
    x.row = index / p->conv.groups % p->row_blocks * p->block_rows;
    x.rows = min(p->block_rows, p->conv.co - x.row);
    x.panel = index / p->conv.groups / p->row_blocks * p->block_panels;
    x.panels = min(p->block_panels, p->panels - x.panel);
    stretch s[MOST_STRETCHES];
    int64_t at = 0, steps;
    bool is_first = j->is_first;
    int count;
    while ((count = next_pass(j, &at, &steps, s, MOST_STRETCHES)) > 0) {
        if (p->is_plain)
            pack_plain(j, &x, s, count, steps);
        else
            gather(j, &x, s, count, steps);
        for (int64_t row = x.row; row < x.row + x.rows; row += k->mr) {
            acn_gemm_tile t = {.k = steps,
                               .a = x.packed,
                               .a_row = 1,
                               .a_col = k->a_width,
                               .b_row = k->nr,
                               .c_row = p->width,
                               .rows = (int)min(k->mr, x.row + x.rows - row),
                               .cols = k->nr,
                               .alpha = &one,
                               .beta = is_first ? &zero : &one,
                               .is_beta_zero = is_first,
                               .is_beta_one = !is_first};
            pack_rows(j, &x, row, s, count);
            float *c = j->result + (x.group * p->conv.co + row) * p->width + x.panel * k->nr;
            for (int64_t panel = 0; panel < x.panels; panel++) {
                t.b = x.room + panel * steps * k->nr;
                t.c = c + panel * k->nr;
                k->tile(&t);
            }
        }
        is_first = false;
    }
}

/* Rows of x with channels last: whole vectors of channels are transposed by the packing kernel. */
typedef struct staging {
    const acn_conv_filter_grad *p;
    const float *x; /* of the group's first image */
    float *inner;   /* the first image's inner part */
} staging;

static void stage_row(void *context, int64_t row, int worker) {
    const staging *s = context;
    const acn_conv_filter_grad *p = s->p;
    const acn_conv *c = &p->conv;
    int64_t channels = c->groups * c->ci, volume = acn_conv_volume(c->in);
    int64_t y = row % c->in[1], z = row / c->in[1] % c->in[0], image = row / c->in[1] / c->in[0];
    int64_t count = min(c->in[2], p->frame[2] - c->before[2]);
    if (z + c->before[0] >= p->frame[0] || y + c->before[1] >= p->frame[1] || count <= 0) return;
    p->kernels->pack[ACN_F32](
        s->inner + image * p->image_elements + (z * p->frame[1] + y) * p->frame[2] * channels,
        (int)channels, s->x + image * channels * volume + (z * c->in[1] + y) * c->in[2], 1, volume,
        count, channels);
}

static void stage_images(const acn_conv_filter_grad *p, const float *x, float *inner,
                         int64_t images) {
    const acn_conv *c = &p->conv;
    int64_t channels = c->groups * c->ci;
    staging s = {p, x, inner};
    bool is_whole = channels % 16 == 0 && channels < INT32_MAX && acn_conv_volume(c->in) > 1;
    if (is_whole)
        acn_pool_run(images * c->in[0] * c->in[1], stage_row, &s);
    else
        acn_copy_run(images == p->group_images ? &p->stage : &p->stage_rest, inner, x);
}

void acn_conv_filter_grad_run(const acn_conv_filter_grad *p, const float *x, const float *dy,
                              char *workspace) {
    const acn_conv *c = &p->conv;
    if (p->depthwise) {
        acn_conv_depthwise_filter_grad(p->depthwise, (float *)workspace, x, dy,
                                       workspace + p->result_bytes);
        return;
    }
    char *staged = workspace + p->result_bytes;
    int64_t dy_image = c->groups * c->co * acn_conv_volume(c->out);
    int64_t x_image = c->groups * c->ci * acn_conv_volume(c->in);
    int64_t chunks = p->panel_blocks * p->row_blocks * c->groups;
    if (c->n == 0 || dy_image == 0 || chunks == 0) {
        memset(workspace, 0, p->result_bytes);
        return;
    }
    memset(staged, 0, p->staged_bytes);
    int64_t inner = ((c->before[0] * p->frame[1] + c->before[1]) * p->frame[2] + c->before[2]) *
                    c->groups * c->ci;
    for (int64_t g = 0; g < p->image_groups; g++) {
        int64_t image = g * p->group_images;
        int64_t images = min(p->group_images, c->n - image);
        if (!p->is_plain) stage_images(p, x + image * x_image, (float *)staged + inner, images);
        job j = {.p = p,
                 .dy = dy + image * dy_image,
                 .x = x + image * x_image,
                 .staged = (const float *)staged,
                 .images = images,
                 .result = (float *)workspace,
                 .workers = staged + p->staged_bytes,
                 .is_first = g == 0};
        acn_pool_run(chunks, run_chunk, &j);
    }
}

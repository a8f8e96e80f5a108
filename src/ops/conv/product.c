/* product.c - y from x and w, or x from y and w, as products of matrices whose right side is
 * gathered from the image panel by panel; the unfolded image never exists.
 *
 * The filter is packed once for all threads; then each chunk gathers panels of some positions for a
 * pass of channels into the L2 cache and runs down the rows. A bias is one more channel of ones. */
#include "base/pool.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/lattice.h"
#include "ops/conv/winograd.h"
#include "ops/kernels/conv.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/gemm_kernels.h"
#include <string.h>

enum {
    MOST_UNSWAPPED_STEPS = 128, /* shorter sums do not pay for transposing results */
    PANELS_BYTES = 1 << 19,     /* gathered panels of a pass: half of a usual L2 */
    SUMS_BYTES = 1 << 19,
    TABLE_BYTES = 1 << 20,
    MOST_PANELS = 48,
    CHUNKS_PER_WORKER = 4,
    GATHER_STEPS = 8, /* channels that are gathered for one panel before the next one's turn */
    ALIGNMENT = 64,
};

typedef struct lattice {
    acn_conv_lattice map;
    int64_t steps; /* channels * taps, and the bias */
    /* Positions are the tile's rows and the result's channels its columns: for small images, whose
     * positions fill more of the rows. */
    bool is_swapped;
    int64_t unit, width;               /* positions and lanes of a gathered panel */
    int64_t filter_unit, filter_width; /* the result's channels, and lanes, of a filter's panel */
    int64_t tiles;                     /* of the filter, in a group */
    bool is_whole;                     /* positions are the result's, in its order */
    int64_t image_panels, panels;      /* image_panels: when panels begin anew in each image */
    int64_t block_panels, blocks;      /* of a chunk */
    int64_t loose_panels;              /* of those, at most: not one run of the result */
    bool packs_late;                   /* each tile of the filter is used by one chunk only */
    int64_t block_rows, row_blocks;    /* multiples of the tile's rows */
    int64_t pass_channels, pass_steps;
    int64_t most_rows; /* of positions that one panel can touch */
} lattice;

struct acn_conv_product {
    acn_conv_depthwise *depthwise; /* either does it instead */
    acn_conv_winograd *winograd;
    const acn_gemm_class *kernels;
    int64_t n, groups, rows, channels; /* rows: of the result, in a group */
    int64_t source[3], result[3], source_volume, result_volume;
    int64_t row_step, channel_step; /* in w */
    bool has_bias;
    int64_t lattices;
    lattice *lattice;
    size_t filter_bytes, table_offset, sums_offset, late_offset, worker_bytes;
    int workers;
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- planning -------------------------------------------------------------------------------- */

/* Which way fewer lanes of tiles are wasted. */
static void orient(const acn_conv_product *p, lattice *l) {
    const acn_gemm_class *k = p->kernels;
    int64_t positions = acn_conv_volume(l->map.dims);
    double plain = (double)round_up(p->n * positions, k->nr) * (double)p->rows;
    double swapped = (double)(p->n * positions) * (double)round_up(p->rows, k->nr);
    l->is_swapped = l->steps >= MOST_UNSWAPPED_STEPS && swapped * 1.03 < plain;
    l->unit = l->is_swapped ? k->mr : k->nr;
    l->width = l->is_swapped ? k->a_width : k->nr;
    l->filter_unit = l->is_swapped ? k->nr : k->mr;
    l->filter_width = l->is_swapped ? k->nr : k->a_width;
    l->tiles = ceil_div(p->rows, l->filter_unit);
}

/* Passes of channels that are about as long as the kernels like. */
static void cut_steps(const acn_conv_product *p, lattice *l) {
    int64_t kc = p->kernels->kc, steps = p->channels * l->map.taps;
    int64_t passes = steps <= kc + kc / 3 ? 1 : ceil_div(steps, kc);
    l->pass_channels = max(1, ceil_div(p->channels, passes));
    if (l->pass_channels * l->map.taps > kc + kc / 3) l->pass_channels = max(1, kc / l->map.taps);
    l->pass_steps = l->pass_channels * l->map.taps + p->has_bias;
}

/* Chunks that keep their panels and sums in the L2 cache. */
static void cut(const acn_conv_product *p, lattice *l) {
    int64_t positions = acn_conv_volume(l->map.dims);
    const int64_t floats = sizeof(float);
    l->steps = p->channels * l->map.taps + p->has_bias;
    orient(p, l);
    cut_steps(p, l);
    bool is_whole = l->map.out_step[0] == 1 && l->map.out_step[1] == 1 && l->map.out_step[2] == 1;
    l->is_whole = !l->is_swapped && is_whole;
    bool by_image =
        l->is_whole && (p->n == 1 || positions % l->unit == 0 || positions >= 16 * l->unit);
    l->image_panels = by_image ? ceil_div(positions, l->unit) : 0;
    l->panels = by_image ? p->n * l->image_panels : ceil_div(p->n * positions, l->unit);
    l->most_rows = min(l->unit, l->unit / max(1, l->map.dims[2]) + 2);

    int64_t table = l->most_rows * (int64_t)sizeof(acn_conv_run) * max(1, l->map.taps);
    int64_t most = min(PANELS_BYTES / floats / l->width / max(1, l->pass_steps),
                       min(MOST_PANELS, TABLE_BYTES / table));
    int64_t all = by_image ? l->image_panels : l->panels;
    l->block_panels = ceil_div(all, max(1, ceil_div(all, max(1, most))));
    l->block_rows = max(1, l->tiles) * l->filter_unit; /* there may be no channels */
    l->loose_panels = by_image ? 0 : l->block_panels;
    if (l->is_whole && !by_image) /* only those where images meet */
        l->loose_panels = min(l->block_panels, l->block_panels * l->unit / max(1, positions) + 1);
    if (l->loose_panels) {
        int64_t rows = SUMS_BYTES / floats / (l->loose_panels * l->unit);
        if (l->is_swapped) rows = min(rows, PANELS_BYTES / floats / max(1, l->pass_steps));
        l->block_rows = min(l->block_rows, max(1, rows / l->filter_unit) * l->filter_unit);
    }
    for (;;) {
        l->blocks = ceil_div(all, max(1, l->block_panels)) * (by_image ? p->n : 1);
        l->row_blocks = ceil_div(p->rows, l->block_rows);
        int64_t chunks = l->blocks * l->row_blocks * p->groups;
        if (p->workers == 1 || chunks >= CHUNKS_PER_WORKER * p->workers) break;
        if (l->block_panels > 4)
            l->block_panels = ceil_div(l->block_panels, 2);
        else if (l->block_rows > 4 * l->filter_unit)
            l->block_rows = round_up(ceil_div(l->block_rows, 2), l->filter_unit);
        else
            break;
    }
    l->packs_late = l->blocks == 1;
}

static void size_workspace(acn_conv_product *p) {
    size_t panels = 0, table = 0, sums = 0, late = 0;
    for (int64_t i = 0; i < p->lattices; i++) {
        const lattice *l = &p->lattice[i];
        size_t filter = sizeof(float) * (size_t)(p->groups * l->tiles * l->steps * l->filter_width);
        size_t tile = sizeof(float) * (size_t)(l->pass_steps * l->filter_width);
        if (l->packs_late && tile > late) late = tile;
        if (l->packs_late) filter = 0;
        size_t run = sizeof(acn_conv_run) * (size_t)(l->most_rows * max(1, l->map.taps));
        size_t one = (size_t)l->block_panels * (run + (size_t)(l->map.taps + 1) * sizeof(int64_t));
        size_t room = sizeof(float) * (size_t)(l->block_panels * l->width * l->pass_steps);
        size_t sum = sizeof(float) * (size_t)(l->block_rows * l->loose_panels * l->unit);
        if (filter > p->filter_bytes) p->filter_bytes = filter;
        if (one > table) table = one;
        if (room > panels) panels = room;
        if (sum > sums) sums = sum;
    }
    p->filter_bytes = (size_t)round_up((int64_t)p->filter_bytes, ALIGNMENT);
    p->table_offset = (size_t)round_up((int64_t)panels, ALIGNMENT);
    p->sums_offset = p->table_offset + (size_t)round_up((int64_t)table, ALIGNMENT);
    p->late_offset = p->sums_offset + (size_t)round_up((int64_t)sums, ALIGNMENT);
    p->worker_bytes = p->late_offset + (size_t)round_up((int64_t)late, ALIGNMENT);
}

acn_status acn_conv_product_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                 bool has_bias, acn_conv_product **out) {
    acn_conv flat = acn_conv_flattened(conv);
    acn_conv_product *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    *out = p;
    if (acn_conv_is_depthwise(conv)) return acn_conv_depthwise_plan(c, conv, side, &p->depthwise);
    ACN_TRY(acn_conv_winograd_plan(c, conv, side, &p->winograd));
    if (p->winograd) return ACN_OK;
    bool gives_y = side == ACN_CONV_Y;
    int64_t taps = acn_conv_volume(conv->kernel);
    conv = &flat;
    p->kernels = acn_kernels_get()->gemm->by_class[ACN_K_F32];
    p->workers = acn_pool_size();
    p->n = conv->n;
    p->groups = conv->groups;
    p->rows = gives_y ? conv->co : conv->ci;
    p->channels = gives_y ? conv->ci : conv->co;
    p->row_step = gives_y ? conv->ci * taps : taps;
    p->channel_step = gives_y ? taps : conv->ci * taps;
    p->has_bias = has_bias;
    memcpy(p->source, gives_y ? conv->in : conv->out, sizeof p->source);
    memcpy(p->result, gives_y ? conv->out : conv->in, sizeof p->result);
    p->source_volume = acn_conv_volume(p->source);
    p->result_volume = acn_conv_volume(p->result);
    p->lattices = acn_conv_lattices(conv, side);
    p->lattice = acn_plan_alloc(c, sizeof(lattice) * (size_t)p->lattices);
    if (!p->lattice) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    for (int64_t i = 0; i < p->lattices; i++) {
        ACN_TRY(acn_conv_lattice_make(c, conv, side, i, &p->lattice[i].map));
        cut(p, &p->lattice[i]);
    }
    size_workspace(p);
    return ACN_OK;
}

uint64_t acn_conv_product_workspace_bytes(const acn_conv_product *p) {
    if (p->depthwise) return acn_conv_depthwise_workspace_bytes(p->depthwise);
    if (p->winograd) return acn_conv_winograd_workspace_bytes(p->winograd);
    return p->filter_bytes + p->worker_bytes * (uint64_t)p->workers;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const acn_conv_product *p;
    const lattice *l;
    float *result;
    const float *source, *w, *bias;
    float *filter; /* packed */
    char *workers;
} job;

/* Some of a row of positions: lanes of one panel. */
typedef struct stretch {
    int64_t lane, count, image, q[3];
} stretch;

/* Where a panel's sums of the chunk's first row go, and the distance of rows. */
typedef struct place {
    float *at;
    const float *source; /* not NULL: the panel is a stretch of each channel, from here on; the
                            first row of tiles reads it and packs it on the way */
    int64_t row_step;
    int count; /* of positions that it writes */
    bool is_loose;
} place;

typedef struct chunk {
    int64_t group, row, rows, panel, panels;
    place place[MOST_PANELS];
    float *room, *sums, *filter;
    int64_t *first; /* [panels][taps + 1]: runs of a panel by tap */
    acn_conv_run *runs;
} chunk;

/* A tile of the filter for the channels [channel, channel + count). */
static void pack_channels(const job *j, int64_t index, int64_t channel, int64_t count, bool is_last,
                          float *panel) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    const acn_gemm_class *k = p->kernels;
    int64_t group = index / l->tiles, row = index % l->tiles * l->filter_unit;
    int width = (int)l->filter_width, lanes = (int)min(l->filter_unit, p->rows - row);
    int64_t per_group =
        p->row_step > p->channel_step ? p->rows * p->row_step : p->channels * p->channel_step;
    const float *w = j->w + group * per_group + row * p->row_step + channel * p->channel_step;
    bool is_plain = p->channel_step == l->map.taps && l->map.taps > 0;
    if (is_plain) /* rows below the tile's fill up the panel: full vectors are faster */
        k->pack[ACN_F32](panel, width, w, 1, p->row_step, count * l->map.taps,
                         min(width, p->rows - row));
    else
        acn_kernels_get()->conv->pack_filter(panel, width, w, p->row_step, lanes, p->channel_step,
                                             l->map.filter_tap, l->map.taps, count);
    if (!p->has_bias || !is_last) return;
    float *last = panel + count * l->map.taps * width;
    for (int i = 0; i < width; i++)
        last[i] = j->bias && i < lanes ? j->bias[group * p->rows + row + i] : 0;
}

static void pack_tile(void *context, int64_t index, int worker) {
    (void)worker;
    const job *j = context;
    const lattice *l = j->l;
    pack_channels(j, index, 0, j->p->channels, true,
                  j->filter + index * l->steps * l->filter_width);
}

/* Steps of a pass: some channels' taps, and the bias behind the last ones'. */
typedef struct pass {
    int64_t channel, count, step, steps;
    bool is_last;
} pass;

/* A tile of the filter for a pass: packed before, or now if no other chunk needs it. */
static const float *filter_of(const job *j, const chunk *x, int64_t row, const pass *now) {
    const lattice *l = j->l;
    int64_t index = x->group * l->tiles + row / l->filter_unit;
    if (!l->packs_late) return j->filter + (index * l->steps + now->step) * l->filter_width;
    pack_channels(j, index, now->channel, now->count, now->is_last, x->filter);
    return x->filter;
}

/* A panel's positions, numbered through all images; returns the end. */
static int64_t range_of(const lattice *l, int64_t n, int64_t panel, int64_t *out_begin) {
    int64_t positions = acn_conv_volume(l->map.dims), in_image = l->image_panels;
    int64_t at = panel * l->unit, end = n * positions;
    if (in_image) {
        at = panel / in_image * positions + panel % in_image * l->unit;
        end = (panel / in_image + 1) * positions;
    }
    *out_begin = at;
    return min(end, at + l->unit);
}

/* Cuts a panel's positions where a row of the lattice ends. */
static int cut_panel(const job *j, int64_t panel, stretch *out) {
    const lattice *l = j->l;
    int64_t at, end = range_of(l, j->p->n, panel, &at);
    int count = 0;
    for (int64_t lane = 0; at < end; count++) {
        int64_t x = at % l->map.dims[2], row = at / l->map.dims[2];
        stretch *s = &out[count];
        s->lane = lane;
        s->count = min(l->map.dims[2] - x, end - at);
        s->q[2] = x;
        s->q[1] = row % l->map.dims[1];
        s->q[0] = row / l->map.dims[1] % l->map.dims[0];
        s->image = row / l->map.dims[1] / l->map.dims[0];
        lane += s->count;
        at += s->count;
    }
    return count;
}

/* The lanes of a stretch that tap |offset| reads inside the image, as a run. */
static bool make_run(const job *j, const stretch *s, const int64_t *offset, acn_conv_run *out) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    int64_t at[3];
    for (int d = 0; d < 3; d++)
        at[d] = s->q[d] * l->map.step[d] + offset[d];
    if (at[0] < 0 || at[0] >= p->source[0] || at[1] < 0 || at[1] >= p->source[1]) return false;
    int64_t step = l->map.step[2], size = p->source[2];
    int64_t first = at[2] < 0 ? (-at[2] + step - 1) / step : 0;
    int64_t last = at[2] < size ? min(s->count, (size - 1 - at[2]) / step + 1) : 0;
    if (first >= last) return false;
    int64_t image = s->image * p->groups * p->channels * p->source_volume;
    out->offset = image + (at[0] * p->source[1] + at[1]) * size + at[2] - s->lane * step;
    out->mask = (uint32_t)(((uint64_t)1 << (last - first)) - 1) << (s->lane + first);
    return true;
}

static void make_runs(const job *j, chunk *x) {
    const lattice *l = j->l;
    stretch stretches[32];
    int64_t used = 0;
    for (int64_t i = 0; i < x->panels; i++) {
        int count = cut_panel(j, x->panel + i, stretches);
        int64_t *first = x->first + i * (l->map.taps + 1);
        for (int64_t t = 0; t < l->map.taps; t++) {
            first[t] = used;
            for (int s = 0; s < count; s++) {
                if (!make_run(j, &stretches[s], l->map.offset + 3 * t, &x->runs[used])) continue;
                if (used > first[t] && x->runs[used - 1].offset == x->runs[used].offset)
                    x->runs[used - 1].mask |= x->runs[used].mask;
                else
                    used++;
            }
        }
        first[l->map.taps] = used;
    }
}

/* Panels of the channels [channel, channel + count). */
static void gather(const job *j, const chunk *x, int64_t channel, int64_t count, bool is_last) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    const int64_t width = l->width, steps = count * l->map.taps + (is_last && p->has_bias);
    const acn_conv_kernels *kernels = acn_kernels_get()->conv;
    acn_conv_gather g = {.panel_step = l->map.taps * width,
                         .source_step = p->source_volume,
                         .lane_step = l->map.step[2],
                         .width = (int)width};
    const float *source = j->source + (x->group * p->channels + channel) * p->source_volume;
    for (int64_t done = 0; done < count; done += GATHER_STEPS) {
        g.steps = min(GATHER_STEPS, count - done);
        g.source = source + done * p->source_volume;
        for (int64_t i = 0; i < x->panels; i++) {
            const int64_t *first = x->first + i * (l->map.taps + 1);
            float *panel = x->room + (i * steps + done * l->map.taps) * width;
            if (x->place[i].source) continue;
            for (int64_t t = 0; t < l->map.taps; t++) {
                g.panel = panel + t * width;
                g.runs = x->runs + first[t];
                g.run_count = first[t + 1] - first[t];
                kernels->gather(&g);
            }
        }
    }
    if (!is_last || !p->has_bias) return;
    for (int64_t i = 0; i < x->panels; i++)
        for (int64_t lane = 0; lane < width; lane++)
            x->room[((i + 1) * steps - 1) * width + lane] = 1;
}

/* A panel that is a stretch of each channel in the image needs no gathering. */
static const float *find_source(const job *j, const chunk *x, int64_t panel) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    if (l->map.taps != 1 || l->is_swapped || p->has_bias || l->map.step[2] != 1) return NULL;
    const int64_t *first = x->first + panel * 2;
    if (x->rows < p->kernels->mr || first[1] - first[0] != 1) return NULL;
    const acn_conv_run *run = &x->runs[first[0]];
    if (run->mask != UINT32_MAX >> (32 - p->kernels->nr)) return NULL;
    return j->source + x->group * p->channels * p->source_volume + run->offset;
}

/* Sums that are one run of the result are made there, others in the chunk's room. */
static void find_places(const job *j, chunk *x) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    int64_t positions = acn_conv_volume(l->map.dims), loose = 0;
    for (int64_t i = 0; i < x->panels; i++) {
        int64_t at, end = range_of(l, p->n, x->panel + i, &at), image = at / positions;
        place *to = &x->place[i];
        if (l->is_whole && (end - 1) / positions == image) {
            int64_t row = (image * p->groups + x->group) * p->rows + x->row;
            *to = (place){.at = j->result + row * p->result_volume + at % positions,
                          .row_step = p->result_volume,
                          .count = (int)(end - at)};
        } else {
            *to = (place){.at = x->sums + loose++ * l->block_rows * l->unit,
                          .row_step = l->unit,
                          .count = (int)l->unit,
                          .is_loose = true};
        }
        to->source = find_source(j, x, i);
    }
}

static const float one = 1, zero = 0;

static acn_gemm_tile tile_of(const acn_gemm_class *k, const pass *now) {
    bool is_first = now->step == 0;
    return (acn_gemm_tile){.k = now->steps,
                           .a_row = 1,
                           .a_col = k->a_width,
                           .b_row = k->nr,
                           .alpha = &one,
                           .beta = is_first ? &zero : &one,
                           .is_beta_zero = is_first,
                           .is_beta_one = !is_first};
}

static void multiply(const job *j, const chunk *x, const pass *now) {
    const acn_gemm_class *k = j->p->kernels;
    acn_gemm_tile t = tile_of(k, now);
    for (int64_t row = x->row; row < x->row + x->rows; row += k->mr) {
        t.a = filter_of(j, x, row, now);
        t.rows = (int)min(k->mr, x->row + x->rows - row);
        for (int64_t i = 0; i < x->panels; i++) {
            t.b = x->room + i * now->steps * k->nr;
            t.c_row = x->place[i].row_step;
            t.c = x->place[i].at + (row - x->row) * t.c_row;
            t.cols = x->place[i].count;
            t.b_row = k->nr;
            t.b_copy = NULL;
            if (x->place[i].source && row == x->row) {
                t.b_copy = x->room + i * now->steps * k->nr;
                t.b = x->place[i].source + now->channel * j->p->source_volume;
                t.b_row = j->p->source_volume;
            }
            k->tile(&t);
        }
    }
}

/* Sums are [position][channel]. */
static void multiply_swapped(const job *j, const chunk *x, const pass *now) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    const acn_gemm_class *k = p->kernels;
    int64_t positions = p->n * acn_conv_volume(l->map.dims);
    acn_gemm_tile t = tile_of(k, now);
    t.c_row = l->block_rows;
    t.cols = k->nr;
    for (int64_t row = x->row; row < x->row + x->rows; row += k->nr) {
        t.b = filter_of(j, x, row, now);
        for (int64_t i = 0; i < x->panels; i++) {
            t.a = x->room + i * now->steps * k->a_width;
            t.rows = (int)min(k->mr, positions - (x->panel + i) * k->mr);
            t.c = x->sums + i * k->mr * l->block_rows + row - x->row;
            k->tile(&t);
        }
    }
}

/* From loose sums to their places in the result: sum[row * row_step + position * step]. */
static void scatter(const job *j, const chunk *x) {
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    stretch stretches[32];
    const int64_t sum_step = l->is_swapped ? l->block_rows : 1;
    const int64_t row_step = l->is_swapped ? 1 : l->unit;
    for (int64_t i = 0; i < x->panels; i++) {
        if (!x->place[i].is_loose) continue;
        const float *sums = l->is_swapped ? x->sums + i * l->unit * sum_step : x->place[i].at;
        int count = cut_panel(j, x->panel + i, stretches);
        for (int s = 0; s < count; s++) {
            const stretch *from = &stretches[s];
            int64_t at[3], step = l->map.out_step[2];
            for (int d = 0; d < 3; d++)
                at[d] = from->q[d] * l->map.out_step[d] + l->map.out_start[d];
            float *d =
                j->result +
                ((from->image * p->groups + x->group) * p->rows + x->row) * p->result_volume +
                (at[0] * p->result[1] + at[1]) * p->result[2] + at[2];
            const float *sum = sums + from->lane * sum_step;
            for (int64_t row = 0; row < x->rows; row++, d += p->result_volume, sum += row_step)
                for (int64_t e = 0; e < from->count; e++)
                    d[e * step] = sum[e * sum_step];
        }
    }
}

static void run_chunk(void *context, int64_t index, int worker) {
    const job *j = context;
    const acn_conv_product *p = j->p;
    const lattice *l = j->l;
    char *memory = j->workers + (size_t)worker * p->worker_bytes;
    chunk x = {.room = (float *)memory,
               .first = (int64_t *)(memory + p->table_offset),
               .sums = (float *)(memory + p->sums_offset),
               .filter = (float *)(memory + p->late_offset)};
    x.runs = (acn_conv_run *)(x.first + l->block_panels * (l->map.taps + 1));
    x.group = index % p->groups;
    x.row = index / p->groups % l->row_blocks * l->block_rows;
    x.rows = min(l->block_rows, p->rows - x.row);
    int64_t block = index / p->groups / l->row_blocks;
    if (l->image_panels) {
        int64_t in_image = l->blocks / p->n, first = block % in_image * l->block_panels;
        x.panel = block / in_image * l->image_panels + first;
        x.panels = min(l->block_panels, l->image_panels - first);
    } else {
        x.panel = block * l->block_panels;
        x.panels = min(l->block_panels, l->panels - x.panel);
    }
    make_runs(j, &x);
    find_places(j, &x);
    pass now = {.channel = 0};
    do {
        now.count = l->map.taps ? min(l->pass_channels, p->channels - now.channel) : p->channels;
        now.is_last = now.channel + now.count >= p->channels;
        now.step = now.channel * l->map.taps;
        now.steps = now.count * l->map.taps + (now.is_last && p->has_bias);
        gather(j, &x, now.channel, l->map.taps ? now.count : 0, now.is_last);
        if (l->is_swapped)
            multiply_swapped(j, &x, &now);
        else
            multiply(j, &x, &now);
        now.channel += now.count;
    } while (now.channel < p->channels);
    if (l->loose_panels) scatter(j, &x);
}

void acn_conv_product_run(const acn_conv_product *p, float *result, const float *source,
                          const float *w, const float *bias, char *workspace) {
    if (p->depthwise) {
        acn_conv_depthwise_run(p->depthwise, result, source, w, bias, workspace);
        return;
    }
    if (p->winograd) {
        acn_conv_winograd_run(p->winograd, result, source, w, bias, workspace);
        return;
    }
    for (int64_t i = 0; i < p->lattices; i++) {
        const lattice *l = &p->lattice[i];
        job j = {.p = p,
                 .l = l,
                 .result = result,
                 .source = source,
                 .w = w,
                 .bias = bias,
                 .filter = (float *)workspace,
                 .workers = workspace + p->filter_bytes};
        int64_t chunks = l->blocks * l->row_blocks * p->groups;
        if (chunks == 0 || p->rows == 0) continue;
        if (!l->packs_late) acn_pool_run(p->groups * l->tiles, pack_tile, &j);
        acn_pool_run(chunks, run_chunk, &j);
    }
}

/* winograd.c - 3x3 convolutions of stride 1 by Winograd's F(2x2, 3x3): 16 multiplications where the
 * definition has 36, as 16 products of matrices over the channels.
 *
 * The result is cut into tiles of 2x2 elements, numbered through rows and images. A chunk takes
 * some rows of tiles: it transforms the 4x4 elements behind each of them into panels, multiplies,
 * and transforms back. All is f32; the additions of the transforms add a few units in the last
 * place of the largest term. A number that is not finite spreads over the tiles that it touches. */
#include "ops/conv/winograd.h"
#include "base/pool.h"
#include "ops/kernels/conv.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/gemm_kernels.h"
#include <string.h>

enum {
    NUMBERS = 16,
    LEAST_CHANNELS = 16,
    MOST_TILES = 256,       /* of a chunk */
    PANELS_BYTES = 1 << 19, /* of a chunk, all numbers: the L2 cache of some processors */
    SUMS_BYTES = 1 << 18,
    FILTER_MACS = 400, /* what a filter's transform costs beyond packing, in multiply-adds */
    CHUNKS_PER_WORKER = 2,
    SLACK = 64,
};

struct acn_conv_winograd {
    const acn_gemm_class *kernels;
    int64_t n, rows, channels, size[2], out[2]; /* sizes of the source's and the result's planes */
    int64_t low[2];                             /* source position of the first tap */
    int64_t tap[9], row_step, channel_step;     /* in w */
    int64_t tiles[2], tile_rows;                /* of a plane; rows of tiles in all images */
    int64_t chunk_rows, chunk_tiles, panels;    /* of a chunk: rows of tiles, tiles, panels */
    int64_t filter_tiles;
    int64_t block_rows;       /* of the result, whose sums are kept at a time */
    int64_t part_rows, parts; /* a multiple of blocks; a chunk's share, for more threads */
    int64_t pitch, phase;     /* of the phases of a plane */
    size_t filter_bytes, room, flat, sums, lines, worker_bytes; /* offsets in a worker's part */
    int workers;
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static size_t align(int64_t floats) { return ((size_t)floats * sizeof(float) + 63) / 64 * 64; }

/* Taps in the order of their offsets, which must be 3x3 neighbours. */
static bool order_taps(const acn_conv_lattice *l, acn_conv_winograd *p) {
    if (l->taps != 9) return false;
    for (int d = 0; d < 2; d++) {
        p->low[d] = l->offset[1 + d];
        for (int t = 0; t < 9; t++)
            if (l->offset[3 * t + 1 + d] < p->low[d]) p->low[d] = l->offset[3 * t + 1 + d];
    }
    for (int t = 0; t < 9; t++) {
        int64_t y = l->offset[3 * t + 1] - p->low[0], x = l->offset[3 * t + 2] - p->low[1];
        if (y > 2 || x > 2) return false;
        p->tap[3 * y + x] = l->filter_tap[t];
    }
    return true;
}

/* Rows of tiles of a chunk that fill panels best; returns the panels of all chunks. */
static int64_t choose_rows(acn_conv_winograd *p) {
    int64_t best = 0, nr = p->kernels->nr;
    int64_t most = PANELS_BYTES / (int64_t)sizeof(float) / NUMBERS / p->channels;
    if (most > MOST_TILES) most = MOST_TILES;
    if (most < 2 * nr) most = 2 * nr;
    for (int64_t rows = 1; rows <= p->tile_rows; rows++) {
        int64_t tiles = rows * p->tiles[1];
        if (tiles > most && rows > 1) break;
        int64_t panels = p->tile_rows / rows * ceil_div(tiles, nr) +
                         ceil_div(p->tile_rows % rows * p->tiles[1], nr);
        if (best && panels > best + best / 64) continue;
        best = panels;
        p->chunk_rows = rows;
    }
    p->chunk_tiles = p->chunk_rows * p->tiles[1];
    p->panels = ceil_div(p->chunk_tiles, nr);
    return best;
}

/* The definition needs 9 multiplications at each position, and its filter only to be packed. */
static bool is_worth_it(const acn_conv_winograd *p, int64_t panels) {
    int64_t positions = p->n * p->out[0] * p->out[1], lanes = panels * p->kernels->nr;
    return (double)positions >= 0.7 * 4 * (double)lanes &&
           NUMBERS * lanes + FILTER_MACS <= 9 * positions;
}

static void size_workspace(acn_conv_winograd *p) {
    const acn_gemm_class *k = p->kernels;
    int64_t nr = k->nr;
    p->filter_tiles = ceil_div(p->rows, k->mr);
    int64_t most = SUMS_BYTES / (int64_t)sizeof(float) / NUMBERS / (p->panels * nr) / k->mr;
    int64_t block = most < 1 ? 1 : most;
    if (block > p->filter_tiles) block = p->filter_tiles;
    p->block_rows = block * k->mr;
    int64_t chunks = ceil_div(p->tile_rows, p->chunk_rows),
            blocks = ceil_div(p->rows, p->block_rows);
    p->parts = 1;
    if (p->workers > 1 && chunks < CHUNKS_PER_WORKER * p->workers)
        p->parts = ceil_div(CHUNKS_PER_WORKER * p->workers, chunks);
    p->part_rows = ceil_div(blocks, p->parts) * p->block_rows;
    p->parts = ceil_div(p->rows, p->part_rows);
    p->pitch = p->tiles[1] + 1;
    p->phase = (p->chunk_rows + 1) * p->pitch + SLACK;
    p->filter_bytes = align(NUMBERS * p->filter_tiles * (p->channels + 1) * k->a_width);
    p->room = align(4 * p->phase);
    p->flat = p->room + align(NUMBERS * p->panels * p->channels * nr);
    p->sums = p->flat + align(NUMBERS * p->phase);
    p->lines = p->sums + align(NUMBERS * p->block_rows * p->panels * nr);
    p->worker_bytes = p->lines + align(4 * p->panels * nr);
}

acn_status acn_conv_winograd_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                  acn_conv_winograd **out) {
    *out = NULL;
    bool is_plain = conv->groups == 1 && conv->kernel[0] == 1 && conv->kernel[1] == 3 &&
                    conv->kernel[2] == 3 && acn_conv_volume(conv->stride) == 1 &&
                    acn_conv_volume(conv->dilation) == 1 && conv->in[0] == 1 && conv->out[0] == 1;
    if (!is_plain || conv->ci < LEAST_CHANNELS || conv->co < LEAST_CHANNELS || conv->n < 1)
        return ACN_OK;
    acn_conv_winograd *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    acn_conv_lattice lattice;
    ACN_TRY(acn_conv_lattice_make(c, conv, side, 0, &lattice));
    if (!order_taps(&lattice, p)) return ACN_OK;
    bool gives_y = side == ACN_CONV_Y;
    p->kernels = acn_kernels_get()->gemm->by_class[ACN_K_F32];
    p->workers = acn_pool_size();
    p->n = conv->n;
    p->rows = gives_y ? conv->co : conv->ci;
    p->channels = gives_y ? conv->ci : conv->co;
    p->row_step = gives_y ? conv->ci * 9 : 9;
    p->channel_step = gives_y ? 9 : conv->ci * 9;
    for (int d = 0; d < 2; d++) {
        p->size[d] = (gives_y ? conv->in : conv->out)[1 + d];
        p->out[d] = (gives_y ? conv->out : conv->in)[1 + d];
        p->tiles[d] = ceil_div(p->out[d], 2);
    }
    p->tile_rows = p->n * p->tiles[0];
    if (p->tiles[1] > MOST_TILES || !is_worth_it(p, choose_rows(p))) return ACN_OK;
    size_workspace(p);
    *out = p;
    return ACN_OK;
}

uint64_t acn_conv_winograd_workspace_bytes(const acn_conv_winograd *p) {
    return p->filter_bytes + p->worker_bytes * (uint64_t)p->workers;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const acn_conv_winograd *p;
    float *result;
    const float *source, *w, *bias;
    float *filter;
    char *workers;
} job;

/* Distance of the numbers of a tile of filters; odd, so that they do not share a cache's sets. */
static int64_t number_step(const acn_conv_winograd *p) {
    return (p->channels + 1) * p->kernels->a_width;
}

/* All numbers of some rows of filters: [tile][number][channel][lane]. Rows below the tile's fill up
 * the panel where there are any: full vectors are faster. */
static void transform_filter(void *context, int64_t tile, int worker) {
    (void)worker;
    enum { STEPS = 144, MOST_WIDTH = 32, AHEAD = 8 };
    const job *j = context;
    const acn_conv_winograd *p = j->p;
    const acn_gemm_class *k = p->kernels;
    _Alignas(64) float taps[STEPS * MOST_WIDTH];
    int64_t lanes = p->rows - tile * k->mr < k->a_width ? p->rows - tile * k->mr : k->a_width;
    const float *w = j->w + tile * k->mr * p->row_step;
    float *panel = j->filter + tile * NUMBERS * number_step(p);
    int64_t at_once = p->channel_step == 9 ? STEPS / 9 : 1; /* channels that are one run */
    for (int64_t first = 0; first < p->channels; first += at_once) {
        int64_t count = p->channels - first < at_once ? p->channels - first : at_once;
        const float *next = w + (first + AHEAD) * p->channel_step;
        for (int64_t i = 0; i < 9 * lanes && at_once == 1; i += 16)
            __builtin_prefetch(next + i);
        k->pack[ACN_F32](taps, k->a_width, w + first * p->channel_step, 1, p->row_step, 9 * count,
                         lanes);
        for (int64_t i = 0; i < count; i++)
            acn_kernels_get()->conv->winograd_filter(panel + (first + i) * k->a_width,
                                                     number_step(p), taps + 9 * i * k->a_width,
                                                     k->a_width, p->tap);
    }
}

/* A row of the source, or zeros, into its even and odd positions from |low| on. */
static void split_row(const acn_conv_winograd *p, const float *plane, int64_t y, float *even,
                      float *odd) {
    float *phase[2] = {even, odd};
    bool is_inside = y >= 0 && y < p->size[0];
    for (int o = 0; o < 2; o++) {
        int64_t from = p->low[1] + o, size = is_inside ? p->size[1] : 0;
        int64_t first = from < 0 ? (-from + 1) / 2 : 0;
        int64_t last = from < size ? (size - 1 - from) / 2 + 1 : 0;
        if (last > p->pitch) last = p->pitch;
        if (first > last) first = last;
        memset(phase[o], 0, sizeof(float) * (size_t)first);
        if (first < last)
            acn_kernels_get()->conv->take(
                phase[o] + first, plane + y * p->size[1] + from + 2 * first, 2, last - first);
        memset(phase[o] + last, 0, sizeof(float) * (size_t)(p->pitch - last));
    }
}

/* Rows of tiles [first, first + rows) of one image, the chunk's tiles from |at| on. */
static void transform_rows(const job *j, int64_t image, int64_t first, int64_t rows, int64_t at,
                           char *memory) {
    const acn_conv_winograd *p = j->p;
    const acn_conv_kernels *kernels = acn_kernels_get()->conv;
    const int64_t nr = p->kernels->nr, tiles = p->tiles[1];
    float *phases = (float *)memory, *room = (float *)(memory + p->room);
    float *flat = (float *)(memory + p->flat);
    for (int64_t channel = 0; channel < p->channels; channel++) {
        const float *plane = j->source + (image * p->channels + channel) * p->size[0] * p->size[1];
        for (int64_t row = 0; row < 2 * (rows + 1); row++) {
            float *even = phases + row % 2 * 2 * p->phase + row / 2 * p->pitch;
            split_row(p, plane, 2 * first + p->low[0] + row, even, even + p->phase);
        }
        kernels->winograd_in(flat, p->phase, phases, p->phase, p->pitch, rows * p->pitch);
        for (int64_t number = 0; number < NUMBERS; number++) {
            float *panels = room + number * p->panels * p->channels * nr;
            const float *from = flat + number * p->phase;
            for (int64_t row = 0; row < rows; row++)
                for (int64_t x = 0; x < tiles;) {
                    int64_t tile = at + row * tiles + x, lane = tile % nr;
                    int64_t count = nr - lane < tiles - x ? nr - lane : tiles - x;
                    memcpy(panels + (tile / nr * p->channels + channel) * nr + lane,
                           from + row * p->pitch + x, sizeof(float) * (size_t)count);
                    x += count;
                }
        }
    }
}

static void multiply(const job *j, int64_t row, int64_t rows, char *memory) {
    static const float one = 1, zero = 0;
    const acn_conv_winograd *p = j->p;
    const acn_gemm_class *k = p->kernels;
    float *room = (float *)(memory + p->room), *sums = (float *)(memory + p->sums);
    acn_gemm_tile t = {.k = p->channels,
                       .a_row = 1,
                       .a_col = k->a_width,
                       .b_row = k->nr,
                       .c_row = p->panels * k->nr,
                       .cols = k->nr,
                       .alpha = &one,
                       .beta = &zero,
                       .is_beta_zero = true};
    for (int64_t number = 0; number < NUMBERS; number++)
        for (int64_t i = 0; i < rows; i += k->mr) {
            t.a = j->filter + ((row + i) / k->mr * NUMBERS + number) * number_step(p);
            t.rows = (int)(rows - i < k->mr ? rows - i : k->mr);
            for (int64_t panel = 0; panel < p->panels; panel++) {
                t.b = room + (number * p->panels + panel) * p->channels * k->nr;
                t.c = sums + ((number * p->block_rows + i) * p->panels + panel) * k->nr;
                k->tile(&t);
            }
        }
}

/* One channel of the result: all tiles of the chunk. */
static void put_channel(const job *j, int64_t channel, const float *sums, int64_t first,
                        int64_t rows, char *memory) {
    const acn_conv_winograd *p = j->p;
    int64_t lanes = p->panels * p->kernels->nr, tiles = p->tiles[1];
    float *top = (float *)(memory + p->lines), *bottom = top + 2 * lanes;
    acn_kernels_get()->conv->winograd_out(top, bottom, sums, p->block_rows * lanes, rows * tiles,
                                          j->bias ? j->bias[channel] : 0);
    size_t bytes = sizeof(float) * (size_t)p->out[1];
    for (int64_t row = 0; row < rows; row++) {
        int64_t image = (first + row) / p->tiles[0], y = (first + row) % p->tiles[0] * 2;
        float *to = j->result + ((image * p->rows + channel) * p->out[0] + y) * p->out[1];
        memcpy(to, top + 2 * row * tiles, bytes);
        if (y + 1 < p->out[0]) memcpy(to + p->out[1], bottom + 2 * row * tiles, bytes);
    }
}

static void run_chunk(void *context, int64_t index, int worker) {
    const job *j = context;
    const acn_conv_winograd *p = j->p;
    char *memory = j->workers + (size_t)worker * p->worker_bytes;
    const float *sums = (const float *)(memory + p->sums);
    int64_t lanes = p->panels * p->kernels->nr;
    int64_t part = index % p->parts * p->part_rows, first = index / p->parts * p->chunk_rows;
    int64_t end = p->rows - part < p->part_rows ? p->rows : part + p->part_rows;
    int64_t left = p->tile_rows - first < p->chunk_rows ? p->tile_rows - first : p->chunk_rows;
    for (int64_t done = 0; done < left;) {
        int64_t image = (first + done) / p->tiles[0], at = (first + done) % p->tiles[0];
        int64_t count = p->tiles[0] - at < left - done ? p->tiles[0] - at : left - done;
        transform_rows(j, image, at, count, done * p->tiles[1], memory);
        done += count;
    }
    for (int64_t row = part; row < end; row += p->block_rows) {
        int64_t rows = end - row < p->block_rows ? end - row : p->block_rows;
        multiply(j, row, rows, memory);
        for (int64_t i = 0; i < rows; i++)
            put_channel(j, row + i, sums + i * lanes, first, left, memory);
    }
}

void acn_conv_winograd_run(const acn_conv_winograd *p, float *result, const float *source,
                           const float *w, const float *bias, char *workspace) {
    job j = {.p = p,
             .result = result,
             .source = source,
             .w = w,
             .bias = bias,
             .filter = (float *)workspace,
             .workers = workspace + p->filter_bytes};
    acn_pool_run(p->filter_tiles, transform_filter, &j);
    acn_pool_run(ceil_div(p->tile_rows, p->chunk_rows) * p->parts, run_chunk, &j);
}

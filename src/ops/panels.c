/* panels.c - see panels.h.
 *
 * A chunk is some rows times some panels. For each pass of steps, whose part of a panel stays in
 * the L1 cache, it goes panel by panel down its rows, which stay in the L2 cache; sums of earlier
 * passes are in the result. */
#include "ops/panels.h"
#include "base/pool.h"
#include "ops/activation/formulas.h"
#include <math.h>
#include <string.h>

enum {
    PASS_STEPS = 256,
    ROWS_BYTES = 1 << 18, /* rows of a pass: half of an L2 of 512 KiB, beside panels and sums */
    MOST_BLOCK_ROWS = 240,
    CHUNKS_PER_WORKER = 4,
    LEAST_PANELS = 4,
    ALIGNMENT = 64,
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t acn_panels_packed_count(int64_t groups, int64_t cols, int64_t depth) {
    return groups * ceil_div(cols, ACN_PANEL) * depth * ACN_PANEL;
}

static void cut_steps(acn_panels *p) {
    p->pass_segments = p->segments;
    p->pass_steps = p->steps;
    if (p->segments * p->steps <= PASS_STEPS + PASS_STEPS / 3) return;
    if (p->steps <= PASS_STEPS) {
        p->pass_segments = PASS_STEPS / p->steps;
        p->pass_segments = ceil_div(p->segments, ceil_div(p->segments, p->pass_segments));
        return;
    }
    p->pass_segments = 1;
    p->pass_steps = ceil_div(p->steps, ceil_div(p->steps, PASS_STEPS));
}

void acn_panels_plan(acn_panels *p) {
    const acn_panel_kernels *k = acn_kernels_get()->panel;
    p->workers = acn_pool_size();
    p->panels = ceil_div(p->cols, ACN_PANEL);
    cut_steps(p);
    int64_t depth = p->pass_segments * p->pass_steps;
    int64_t most = min(MOST_BLOCK_ROWS, ROWS_BYTES / (int64_t)sizeof(float) / (depth + 1));
    if (most < 4 * k->most_rows) most = 4 * k->most_rows;
    p->row_blocks = ceil_div(p->rows, most);
    p->block_panels = p->panels;
    p->panel_blocks = 1;
    int64_t wanted = p->workers == 1 ? 1 : CHUNKS_PER_WORKER * p->workers;
    if (p->rows > 0 && p->row_blocks * p->groups < wanted) {
        int64_t parts = ceil_div(wanted, p->row_blocks * p->groups);
        p->block_panels = ceil_div(p->panels, parts);
        if (p->block_panels < LEAST_PANELS) p->block_panels = min(LEAST_PANELS, p->panels);
        p->block_panels = ceil_div(p->block_panels, k->most_panels) * k->most_panels;
        p->panel_blocks = ceil_div(p->panels, p->block_panels);
        if (p->row_blocks * p->groups * p->panel_blocks < wanted) /* few columns: fewer rows */
            p->row_blocks = min(ceil_div(p->rows, 2 * k->most_rows),
                                ceil_div(wanted, p->groups * p->panel_blocks));
    }
    p->block_rows = p->rows ? ceil_div(p->rows, p->row_blocks) : 0;
    size_t tiles = (size_t)ceil_div(p->block_rows, k->most_rows);
    size_t bytes = tiles * (size_t)(p->segments * k->most_rows) * sizeof(float *);
    p->worker_bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

uint64_t acn_panels_workspace_bytes(const acn_panels *p) {
    return p->worker_bytes * (uint64_t)p->workers;
}

uint32_t acn_panels_cost_us(const acn_panels *p) {
    double us = (double)p->groups * (double)p->rows * (double)p->cols * (double)p->segments *
                (double)p->steps / 45000;
    return us < 1e9 ? (uint32_t)us : 1000000000u;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct job {
    const acn_panels *p;
    const acn_panels_operands *o;
    const acn_panel_kernels *kernels;
    char *workspace;
} job;

typedef struct chunk {
    int64_t group, row, rows, panel, panels, tiles;
    const float **pointers; /* [tile][segment][most_rows] */
} chunk;

/* Tiles of as equal a height as can be: 49 rows are seven sevenths, not eight sixes and a one. */
static int64_t tile_begin(const chunk *x, int64_t tile) { return x->rows * tile / x->tiles; }

typedef struct pass {
    int64_t segment, segments, step, steps;
    bool is_first, is_last;
} pass;

/* A tile's share of the part of a panel that is wanted next, which comes from memory while others
 * are computed. */
static void fetch(const float *b, int64_t floats, int64_t tile, int64_t tiles) {
    const int64_t line = 64 / sizeof(float), lines = floats / line;
    for (int64_t i = lines * tile / tiles; i < lines * (tile + 1) / tiles; i++)
        __builtin_prefetch(b + i * line, 0, 2);
}

static void run_pass(const job *j, const chunk *x, const pass *s) {
    const acn_panels *p = j->p;
    const acn_panels_operands *o = j->o;
    const int64_t depth = p->segments * p->steps, most = j->kernels->most_rows;
    const int64_t width = (int64_t)j->kernels->most_panels * ACN_PANEL;
    acn_panel_tile t = {.segments = s->segments,
                        .steps = s->steps,
                        .offset = s->step,
                        .segment_step = p->steps * ACN_PANEL,
                        .panel_step = depth * ACN_PANEL,
                        .c_row = o->c_row,
                        .addend_row = s->is_first ? o->addend_row : o->c_row,
                        .clamps = s->is_last && o->finish.clamps,
                        .low = o->finish.low,
                        .high = o->finish.high};
    for (int64_t panel = x->panel; panel < x->panel + x->panels; panel += j->kernels->most_panels) {
        int64_t col = panel * ACN_PANEL, at = x->group * p->cols + col;
        t.cols = (int)min(width, p->cols - col);
        t.b = o->b + ((x->group * p->panels + panel) * depth + s->segment * p->steps + s->step) *
                         ACN_PANEL;
        t.bias = s->is_first && o->bias ? o->bias + at : NULL;
        for (int64_t i = 0; i < x->tiles; i++) {
            int64_t begin = tile_begin(x, i), row = x->row + begin;
            t.row_count = (int)(tile_begin(x, i + 1) - begin);
            t.rows = x->pointers + (i * p->segments + s->segment) * most;
            t.c = o->c + row * o->c_row + at;
            t.addend = s->is_first ? o->addend ? o->addend + row * o->addend_row + at : NULL : t.c;
            if (panel + width / ACN_PANEL < x->panel + x->panels)
                fetch(t.b + width / ACN_PANEL * t.panel_step, s->segments * s->steps * ACN_PANEL, i,
                      x->tiles);
            j->kernels->tile(&t);
        }
    }
}

static void activate(const job *j, const chunk *x) {
    const acn_panels *p = j->p;
    int64_t col = x->panel * ACN_PANEL, count = min(x->panels * ACN_PANEL, p->cols - col);
    float *c = j->o->c + x->row * j->o->c_row + x->group * p->cols + col;
    if (j->o->c_row == count) {
        j->o->finish.activation(c, c, NULL, NULL, count * x->rows);
        return;
    }
    for (int64_t i = 0; i < x->rows; i++, c += j->o->c_row)
        j->o->finish.activation(c, c, NULL, NULL, count);
}

static void run_chunk(void *context, int64_t index, int worker) {
    const job *j = context;
    const acn_panels *p = j->p;
    const acn_panels_operands *o = j->o;
    int64_t most = j->kernels->most_rows;
    chunk x = {.pointers =
                   (const float **)(void *)(j->workspace + (size_t)worker * p->worker_bytes)};
    x.panel = index % p->panel_blocks * p->block_panels;
    x.panels = min(p->block_panels, p->panels - x.panel);
    x.row = index / p->panel_blocks % p->row_blocks * p->block_rows;
    x.rows = min(p->block_rows, p->rows - x.row);
    x.group = index / p->panel_blocks / p->row_blocks;
    if (x.rows <= 0 || x.panels <= 0) return;
    x.tiles = ceil_div(x.rows, most);
    for (int64_t i = 0; i < x.tiles; i++) {
        int64_t begin = tile_begin(&x, i);
        o->point(o->context, x.group, x.row + begin, (int)(tile_begin(&x, i + 1) - begin),
                 (int)most, x.pointers + i * p->segments * most);
    }
    for (int64_t segment = 0; segment < p->segments; segment += p->pass_segments)
        for (int64_t step = 0; step < p->steps || step == 0; step += p->pass_steps) {
            pass s = {.segment = segment,
                      .segments = min(p->pass_segments, p->segments - segment),
                      .step = step,
                      .steps = min(p->pass_steps, p->steps - step),
                      .is_first = segment == 0 && step == 0};
            s.is_last = segment + s.segments == p->segments && step + s.steps == p->steps;
            run_pass(j, &x, &s);
            if (p->steps == 0) break;
        }
    if (o->finish.activation) activate(j, &x);
}

void acn_panels_run(const acn_panels *p, const acn_panels_operands *o, char *workspace) {
    job j = {p, o, acn_kernels_get()->panel, workspace};
    if (p->rows > 0 && p->cols > 0)
        acn_pool_run(p->groups * p->row_blocks * p->panel_blocks, run_chunk, &j);
}

/* ---- what finishes a row --------------------------------------------------------------------- */

typedef struct activation {
    const char *name;
    acn_micro_code micro;
    double (*naive)(double x);
} activation;

static double gelu(double x) { return acn_gelu(x, false); }
static double gelu_tanh(double x) { return acn_gelu(x, true); }
static double hard_swish(double x) { return x * fmin(fmax(x + 3, 0), 6) / 6; }

static const activation activations[] = {
    {"gelu", ACN_U_GELU, gelu},     {"gelu_tanh", ACN_U_GELU_TANH, gelu_tanh},
    {"silu", ACN_U_SILU, acn_silu}, {"sigmoid", ACN_U_SIGMOID, acn_sigmoid},
    {"tanh", ACN_U_TANH, tanh},     {"hard_swish", ACN_U_HARD_SWISH, hard_swish},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

static const activation *find(const acn_call *c, int slot) {
    if (!c->attr[slot].is_present) return NULL;
    for (int i = 0; i < ACTIVATIONS; i++)
        if (strcmp(activations[i].name, c->attr[slot].text) == 0) return &activations[i];
    return NULL;
}

acn_status acn_panels_read_finish(const acn_call *c, int first, acn_panels_finish *out) {
    const activation *a = find(c, first);
    bool has_low = c->attr[first + 1].is_present, has_high = c->attr[first + 2].is_present;
    if (c->attr[first].is_present && a == NULL)
        return acn_bad_attr(c, first,
                            "is \"%s\"; expected gelu, gelu_tanh, silu, sigmoid, tanh or "
                            "hard_swish",
                            c->attr[first].text);
    *out = (acn_panels_finish){
        .clamps = has_low || has_high,
        .low = has_low ? (float)c->attr[first + 1].f : -INFINITY,
        .high = has_high ? (float)c->attr[first + 2].f : INFINITY,
        .activation = a ? acn_kernels_get()->micro[a->micro][ACN_K_F32] : NULL,
    };
    return ACN_OK;
}

double acn_panels_naive_finish(const acn_call *c, int first, double x) {
    const activation *a = find(c, first);
    if (c->attr[first + 1].is_present && x <= c->attr[first + 1].f) x = c->attr[first + 1].f;
    if (c->attr[first + 2].is_present && x > c->attr[first + 2].f) x = c->attr[first + 2].f;
    return a ? a->naive(x) : x;
}

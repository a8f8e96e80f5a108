/* channels.c - see channels.h. */
#include "ops/norm/channels.h"
#include "base/pool.h"
#include "ops/kernels/norm.h"
#include <math.h>
#include <string.h>

enum {
    PART_ELEMENTS = 32768, /* fewer are not worth a part of their own */
    MAX_PARTS = 32,
    STEPS = 64,     /* rows that are summed in the class's type before double takes over */
    COLUMNS = 1024, /* = ACN_ROW_TILE: channels of one tile */
};

void acn_channels_make(acn_channels *ch, const acn_tensor *x, bool per_sample, acn_class klass) {
    *ch = (acn_channels){.channels = x->dims[1], .klass = klass};
    int64_t positions = 1;
    for (int d = 2; d < x->rank; d++)
        positions *= x->dims[d];
    ch->is_last = (x->strides[1] == 1 || positions == 1) && x->dims[1] > 1;
    ch->samples = per_sample ? x->dims[0] : 1;
    ch->lanes = ch->samples * ch->channels;
    ch->size = ch->lanes ? acn_tensor_count(x) / ch->lanes : 0;
    uint32_t inner = 2;
    if (!ch->is_last) {
        inner = 0;
        for (int d = 2; d < x->rank; d++)
            inner |= 1u << d;
    }
    acn_rows_make(&ch->rows, x, inner);
    /* What a part is cut from: is_last: the rows of one sample; else: the rows of one lane. */
    int64_t whole = ch->is_last ? ch->samples : ch->lanes;
    int64_t rows = whole ? ch->rows.count / whole : 0;
    int64_t wanted = rows * ch->rows.length / PART_ELEMENTS;
    if (wanted > MAX_PARTS) wanted = MAX_PARTS;
    if (wanted > rows) wanted = rows;
    if (wanted < 1) wanted = 1;
    ch->rows_per_part = (rows + wanted - 1) / wanted;
    if (ch->is_last) ch->rows_per_part = (ch->rows_per_part + STEPS - 1) / STEPS * STEPS;
    ch->parts = ch->rows_per_part ? (rows + ch->rows_per_part - 1) / ch->rows_per_part : 1;
}

acn_channel_side acn_channel_side_make(const acn_channels *ch, const acn_tensor *t) {
    acn_channel_side s = {.data = t->data};
    acn_row_side_make(&s.side, &ch->rows, t, ch->klass);
    return s;
}

static const acn_norm_kernels *kernels(const acn_channels *ch) {
    return &acn_kernels_get()->norm[ch->klass];
}

uint64_t acn_channels_workspace_bytes(const acn_channels *ch) {
    int64_t sums = 2 * ch->parts * ch->lanes, coefficients = 4 * ch->lanes;
    return (uint64_t)(sums > coefficients ? sums : coefficients) * sizeof(double);
}

/* ---- sums ------------------------------------------------------------------------------------ */

typedef struct sums_job {
    const acn_channels *ch;
    const acn_channel_side *x, *dy; /* dy NULL: moments */
    const double *mean;             /* of products */
    double *first, *second;         /* [parts][lanes] */
} sums_job;

/* Two sets of moments as one: Chan, Golub, LeVeque. */
static void merge(double *mean, double *square, double count, double more_mean, double more_square,
                  double more) {
    double delta = more_mean - *mean, total = count + more;
    *square += more_square + delta * delta * count * more / total;
    *mean += delta * more / total;
}

/* One row (of one lane) into mean and square, or sums. */
static void add_row(const sums_job *j, int64_t row, double mean, double out[2], int64_t *count) {
    const acn_rows *rows = &j->ch->rows;
    const char *x_row = acn_row_at(rows, &j->x->side, j->x->data, row);
    const char *dy_row = j->dy ? acn_row_at(rows, &j->dy->side, j->dy->data, row) : NULL;
    acn_row_tile x_tile, dy_tile;
    for (int64_t from = 0; from < rows->length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(rows, from);
        const void *x = acn_row_load(rows, &j->x->side, x_row, from, n, &x_tile);
        if (j->dy) {
            const void *dy = acn_row_load(rows, &j->dy->side, dy_row, from, n, &dy_tile);
            kernels(j->ch)->products(out, dy, x, mean, n);
        } else {
            double tile[2];
            kernels(j->ch)->moments(tile, x, n);
            merge(&out[0], &out[1], (double)*count, tile[0], tile[1], (double)n);
        }
        *count += n;
    }
}

static void sum_lane(void *context, int64_t chunk, int worker) {
    (void)worker;
    const sums_job *j = context;
    const acn_channels *ch = j->ch;
    int64_t lane = chunk % ch->lanes, part = chunk / ch->lanes, count = 0;
    int64_t rows = ch->rows.count / ch->lanes, first = part * ch->rows_per_part;
    int64_t end = first + ch->rows_per_part < rows ? first + ch->rows_per_part : rows;
    double out[2] = {0, 0};
    for (int64_t i = first; i < end; i++)
        add_row(j, i * ch->lanes + lane, j->mean ? j->mean[lane] : 0, out, &count);
    j->first[chunk] = out[0];
    j->second[chunk] = out[1];
}

/* ---- sums of columns ------------------------------------------------------------------------- */

typedef struct column_tiles {
    acn_row_tile x, dy, from, a, b;
} column_tiles;

static double tile_at(const acn_channels *ch, const acn_row_tile *tile, int64_t i) {
    return ch->klass == ACN_K_F64 ? tile->d[i] : (double)tile->f[i];
}

static void tile_set(const acn_channels *ch, acn_row_tile *tile, const double *values, int64_t n) {
    if (ch->klass == ACN_K_F64)
        memcpy(tile->d, values, (size_t)n * sizeof *values);
    else
        for (int64_t i = 0; i < n; i++)
            tile->f[i] = (float)values[i];
}

/* Differences are taken to the first row, which is near the mean; infinity would make NaN of all.
 */
static void start_from(const acn_channels *ch, acn_row_tile *from, const acn_row_tile *x,
                       int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (ch->klass == ACN_K_F64)
            from->d[i] = isfinite(x->d[i]) ? x->d[i] : 0;
        else
            from->f[i] = isfinite(x->f[i]) ? x->f[i] : 0;
    }
}

/* At most STEPS rows, from |row| on, of columns [column, column + n), into t->a and t->b. */
static void add_steps(const sums_job *j, int64_t row, int64_t steps, int64_t column, int64_t n,
                      column_tiles *t) {
    const acn_rows *rows = &j->ch->rows;
    size_t bytes = (size_t)n * acn_class_bytes(j->ch->klass);
    memset(&t->a, 0, bytes);
    memset(&t->b, 0, bytes);
    for (int64_t i = 0; i < steps; i++) {
        const char *x_row = acn_row_at(rows, &j->x->side, j->x->data, row + i);
        const void *x = acn_row_load(rows, &j->x->side, x_row, column, n, &t->x);
        if (j->dy) {
            const char *dy_row = acn_row_at(rows, &j->dy->side, j->dy->data, row + i);
            const void *dy = acn_row_load(rows, &j->dy->side, dy_row, column, n, &t->dy);
            kernels(j->ch)->column_products(&t->a, &t->b, dy, x, &t->from, n);
        } else {
            if (i == 0) start_from(j->ch, &t->from, x, n);
            kernels(j->ch)->column_moments(&t->a, &t->b, x, &t->from, n);
        }
    }
}

/* Moments of |steps| rows from sums of differences to the first row. */
static void merge_steps(const sums_job *j, const column_tiles *t, int64_t before, int64_t steps,
                        int64_t n, double *mean, double *square) {
    for (int64_t i = 0; i < n; i++) {
        double sum = tile_at(j->ch, &t->a, i), more = (double)steps;
        double own = tile_at(j->ch, &t->from, i) + sum / more;
        double squares = tile_at(j->ch, &t->b, i) - sum * sum / more;
        merge(&mean[i], &square[i], (double)before, own, squares > 0 ? squares : 0 * squares, more);
    }
}

static void sum_columns(void *context, int64_t chunk, int worker) {
    (void)worker;
    const sums_job *j = context;
    const acn_channels *ch = j->ch;
    int64_t sample = chunk % ch->samples, part = chunk / ch->samples;
    int64_t rows = ch->rows.count / ch->samples, first = part * ch->rows_per_part;
    int64_t end = first + ch->rows_per_part < rows ? first + ch->rows_per_part : rows;
    column_tiles t;
    for (int64_t column = 0; column < ch->channels; column += COLUMNS) {
        int64_t n = ch->channels - column < COLUMNS ? ch->channels - column : COLUMNS;
        int64_t lane = sample * ch->channels + column;
        double *a = j->first + part * ch->lanes + lane, *b = j->second + part * ch->lanes + lane;
        memset(a, 0, (size_t)n * sizeof *a);
        memset(b, 0, (size_t)n * sizeof *b);
        if (j->dy) tile_set(ch, &t.from, j->mean + lane, n);
        for (int64_t row = first; row < end; row += STEPS) {
            int64_t steps = end - row < STEPS ? end - row : STEPS;
            add_steps(j, sample * rows + row, steps, column, n, &t);
            if (!j->dy) {
                merge_steps(j, &t, row - first, steps, n, a, b);
                continue;
            }
            for (int64_t i = 0; i < n; i++) {
                a[i] += tile_at(ch, &t.a, i);
                b[i] += tile_at(ch, &t.b, i);
            }
        }
    }
}

static void run_sums(sums_job *j, void *workspace) {
    const acn_channels *ch = j->ch;
    j->first = workspace;
    j->second = j->first + ch->parts * ch->lanes;
    if (!ch->size) memset(workspace, 0, (size_t)(2 * ch->parts * ch->lanes) * sizeof(double));
    if (!ch->size || !ch->lanes) return;
    if (ch->is_last)
        acn_pool_run(ch->samples * ch->parts, sum_columns, j);
    else
        acn_pool_run(ch->lanes * ch->parts, sum_lane, j);
}

/* Elements of a lane in part |part|. */
static int64_t part_count(const acn_channels *ch, int64_t part) {
    int64_t rows = ch->rows.count / (ch->is_last ? ch->samples : ch->lanes);
    int64_t left = rows - part * ch->rows_per_part;
    if (left > ch->rows_per_part) left = ch->rows_per_part;
    return left * (ch->is_last ? 1 : ch->rows.length);
}

void acn_channels_moments(const acn_channels *ch, const acn_channel_side *x, double *mean,
                          double *square, void *workspace) {
    sums_job j = {.ch = ch, .x = x};
    run_sums(&j, workspace);
    for (int64_t lane = 0; lane < ch->lanes; lane++) {
        double count = 0;
        mean[lane] = square[lane] = 0;
        for (int64_t part = 0; part < ch->parts && ch->size; part++) {
            double more = (double)part_count(ch, part);
            merge(&mean[lane], &square[lane], count, j.first[part * ch->lanes + lane],
                  j.second[part * ch->lanes + lane], more);
            count += more;
        }
    }
}

void acn_channels_products(const acn_channels *ch, const acn_channel_side *dy,
                           const acn_channel_side *x, const double *mean, double *sum,
                           double *product, void *workspace) {
    sums_job j = {.ch = ch, .x = x, .dy = dy, .mean = mean};
    run_sums(&j, workspace);
    for (int64_t lane = 0; lane < ch->lanes; lane++) {
        sum[lane] = product[lane] = 0;
        for (int64_t part = 0; part < ch->parts; part++) {
            sum[lane] += j.first[part * ch->lanes + lane];
            product[lane] += j.second[part * ch->lanes + lane];
        }
    }
}

/* ---- element by element ---------------------------------------------------------------------- */

typedef struct apply_job {
    const acn_channels *ch;
    const acn_channel_side *y, *x, *dy; /* dy NULL: affine */
    const double *mean, *a, *b, *c;     /* by lane */
    const char *columns[4];             /* the same in the class's type; is_last only */
    acn_channel_finish finish;
    const void *context;
} apply_job;

static void apply_tile(const apply_job *j, void *y, const void *dy, const void *x, int64_t lane,
                       int64_t n) {
    const acn_norm_kernels *k = kernels(j->ch);
    int64_t at = lane * (int64_t)acn_class_bytes(j->ch->klass);
    const char *const *own = j->columns;
    if (j->ch->is_last && j->dy)
        k->column_blend(y, dy, x, own[0] + at, own[1] + at, own[2] + at, own[3] + at, n);
    else if (j->ch->is_last)
        k->column_affine(y, x, own[0] + at, own[1] + at, own[2] + at, n);
    else if (j->dy)
        k->blend(y, dy, x, j->mean[lane], j->a[lane], j->b[lane], j->c[lane], n);
    else
        k->affine(y, x, j->mean[lane], j->a[lane], j->b[lane], n);
    if (j->finish) j->finish(j->context, j->ch->klass, y, n);
}

static void apply_row(const void *context, int64_t row) {
    const apply_job *j = context;
    const acn_channels *ch = j->ch;
    const acn_rows *rows = &ch->rows;
    const char *x_row = acn_row_at(rows, &j->x->side, j->x->data, row);
    const char *dy_row = j->dy ? acn_row_at(rows, &j->dy->side, j->dy->data, row) : NULL;
    char *y_row = acn_row_at(rows, &j->y->side, j->y->data, row);
    int64_t lane = ch->is_last ? row / (rows->count / ch->samples) * ch->channels : row % ch->lanes;
    acn_row_tile x_tile, dy_tile, y_tile;
    for (int64_t from = 0; from < rows->length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(rows, from);
        const void *dy = NULL, *x = acn_row_load(rows, &j->x->side, x_row, from, n, &x_tile);
        if (j->dy) dy = acn_row_load(rows, &j->dy->side, dy_row, from, n, &dy_tile);
        void *y = acn_row_target(&j->y->side, y_row, from, &y_tile);
        apply_tile(j, y, dy, x, ch->is_last ? lane + from : lane, n);
        acn_row_store(rows, &j->y->side, y_row, from, n, y);
    }
}

static void run_apply(apply_job *j, void *workspace) {
    const acn_channels *ch = j->ch;
    const double *by_lane[4] = {j->mean, j->a, j->b, j->c};
    char *at = workspace;
    for (int i = 0; i < 4 && ch->is_last; i++) {
        if (!by_lane[i]) continue;
        j->columns[i] = at;
        for (int64_t lane = 0; lane < ch->lanes; lane++) {
            if (ch->klass == ACN_K_F64)
                ((double *)at)[lane] = by_lane[i][lane];
            else
                ((float *)at)[lane] = (float)by_lane[i][lane];
        }
        at += ch->lanes * (int64_t)sizeof(double);
    }
    acn_rows_run(&ch->rows, apply_row, j);
}

void acn_channels_affine(const acn_channels *ch, const acn_channel_side *y,
                         const acn_channel_side *x, const double *mean, const double *scale,
                         const double *shift, acn_channel_finish finish, const void *context,
                         void *workspace) {
    apply_job j = {.ch = ch,
                   .y = y,
                   .x = x,
                   .mean = mean,
                   .a = scale,
                   .b = shift,
                   .finish = finish,
                   .context = context};
    run_apply(&j, workspace);
}

void acn_channels_blend(const acn_channels *ch, const acn_channel_side *dx,
                        const acn_channel_side *dy, const acn_channel_side *x, const double *mean,
                        const double *a, const double *b, const double *c, void *workspace) {
    apply_job j = {.ch = ch, .y = dx, .x = x, .dy = dy, .mean = mean, .a = a, .b = b, .c = c};
    run_apply(&j, workspace);
}

int64_t acn_channel_of(const acn_tensor *x, int64_t linear, bool per_sample) {
    for (int d = x->rank - 1; d > 1; d--)
        linear /= x->dims[d];
    int64_t lanes = x->dims[1] * (per_sample ? x->dims[0] : 1);
    return linear % lanes;
}

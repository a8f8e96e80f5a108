/* reduce.c - see reduce.h. */
#include "ops/reduce/reduce.h"
#include "base/pool.h"
#include <math.h>
#include <string.h>

enum {
    LANES = ACN_READ_TILE,
    PART_ELEMENTS = 1 << 16, /* of work for one claim from the pool */
    MAX_PARTS = 256,
    SHORT_ROW = 16,
    BLOCK_ROWS = 64 /* columns: sums are blocked, so that errors grow slower than with every row */
};

/* ---- planning ------------------------------------------------------------------------------ */

acn_status acn_reduced_dims(const acn_call *c, int attr, const int64_t *dims, int64_t count,
                            uint32_t *out_mask) {
    const acn_tensor *x = acn_in(c, 0);
    uint32_t mask = count ? 0 : (1u << x->rank) - 1;
    for (int64_t i = 0; i < count; i++) {
        int dim;
        ACN_TRY(acn_wrap_dim(c, attr, dims[i], x->rank, &dim));
        if (mask & 1u << dim)
            return acn_bad_attr(c, attr, "dimension %d comes twice; expected each at most once",
                                dim);
        mask |= 1u << dim;
    }
    *out_mask = mask;
    return ACN_OK;
}

void acn_reduced_out(acn_call *c, int slot, acn_dtype dtype, const acn_tensor *x, uint32_t mask,
                     bool keeps_dims) {
    int64_t dims[ACN_MAX_DIMS];
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (!(mask & 1u << d))
            dims[rank++] = x->dims[d];
        else if (keeps_dims)
            dims[rank++] = 1;
    acn_out_is(c, slot, dtype, rank, dims);
}

void acn_reduced_walks(const acn_tensor *y, const acn_tensor *x, uint32_t mask, acn_walk *kept,
                       acn_walk *reduced) {
    int64_t x_bytes = (int64_t)acn_dtype_bytes(x->dtype);
    int64_t y_bytes = y ? (int64_t)acn_dtype_bytes(y->dtype) : 0;
    bool keeps_dims = y && y->rank == x->rank;
    acn_walk_init(kept, 2, 0, NULL);
    acn_walk_init(reduced, 1, 0, NULL);
    for (int d = 0, out = 0; d < x->rank; d++) {
        int64_t stride = x->strides[d] * x_bytes;
        bool is_reduced = mask >> d & 1;
        if (is_reduced)
            acn_walk_push(reduced, x->dims[d], &stride);
        else
            acn_walk_push(kept, x->dims[d], (int64_t[]){y ? y->strides[out] * y_bytes : 0, stride});
        if (!is_reduced || keeps_dims) out++;
    }
    acn_walk_sort(kept, 1);
    acn_walk_merge(kept);
    acn_walk_sort(reduced, 0);
    acn_walk_merge(reduced);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static acn_dtype dtype_of(acn_class klass) {
    static const acn_dtype own[ACN_CLASS_COUNT] = {
        [ACN_K_F32] = ACN_F32, [ACN_K_F64] = ACN_F64, [ACN_K_I32] = ACN_I32,
        [ACN_K_I64] = ACN_I64, [ACN_K_C64] = ACN_C64, [ACN_K_B8] = ACN_BOOL};
    return own[klass];
}

bool acn_reader_find(acn_reader *reader, acn_class klass, acn_dtype from) {
    const acn_kernels *k = acn_kernels_get();
    *reader = (acn_reader){.bytes = (int64_t)acn_dtype_bytes(from)};
    if (from == dtype_of(klass)) return true;
    reader->load = k->load[from][klass];
    if (reader->load) return true;
    acn_class own = acn_class_of(from);
    reader->load = k->load[from][own];
    reader->cast = k->cast[own][klass];
    return reader->load && reader->cast;
}

static void gather(char *to, const char *from, int64_t bytes, int64_t stride, int64_t n) {
    ACN_BY_BYTES(bytes, T, {
        for (int64_t i = 0; i < n; i++)
            ((T *)to)[i] = *(const T *)(from + i * stride);
    });
}

const void *acn_reader_get(const acn_reader *reader, const char *from, int64_t stride, int64_t n,
                           void *room) {
    _Alignas(64) char raw[LANES * 8], own[LANES * 8];
    if (!reader->load) {
        if (stride == reader->bytes) return from;
        gather(room, from, reader->bytes, stride, n);
        return room;
    }
    if (stride != reader->bytes) {
        gather(raw, from, reader->bytes, stride, n);
        from = raw;
    }
    reader->load(reader->cast ? own : room, from, n);
    if (reader->cast) reader->cast(room, own, n);
    return room;
}

/* Columns also serve short rows, which are not worth a call each. */
static bool runs_along_kept(const acn_reduction *r) {
    if (r->length > 1 && r->length <= SHORT_ROW && r->kept.dims[r->kept.rank - 1] >= SHORT_ROW)
        return true;
    int64_t kept = r->kept.strides[1][r->kept.rank - 1];
    int64_t reduced = r->reduced.strides[0][r->reduced.rank - 1];
    return r->kept.dims[r->kept.rank - 1] >= 4 && kept != 0 && r->length > 1 &&
           (kept < reduced || reduced == 0);
}

static void choose_tiles(acn_reduction *r) {
    int64_t outer = 1, lanes = r->kept.dims[r->kept.rank - 1];
    for (int d = 0; d < r->kept.rank - 1; d++)
        outer *= r->kept.dims[d];
    r->is_columns = runs_along_kept(r);
    r->fold = 1;
    if (r->is_columns) {
        r->width = least(lanes, LANES);
        int64_t row = lanes * (int64_t)acn_dtype_bytes(r->from);
        bool rows_touch =
            r->kept.strides[1][r->kept.rank - 1] == (int64_t)acn_dtype_bytes(r->from) &&
            r->reduced.strides[0][r->reduced.rank - 1] == row;
        if (rows_touch && lanes <= LANES / 4) r->fold = LANES / lanes;
    } else {
        r->width = PART_ELEMENTS / (r->length > 0 ? r->length : 1);
        if (r->width > LANES) r->width = LANES;
        if (r->width > lanes) r->width = lanes;
        if (r->width < 1) r->width = 1;
    }
    r->tiles_a_run = ceil_div(lanes, r->width);
    r->tiles = outer * r->tiles_a_run;
}

static void choose_parts(acn_reduction *r) {
    int64_t work = r->width * r->length;
    r->parts = 1;
    if (r->tiles < MAX_PARTS / 4 && work > PART_ELEMENTS)
        r->parts = least(ceil_div(work, PART_ELEMENTS), MAX_PARTS / r->tiles);
    r->part_length = ceil_div(r->length, r->parts);
    if (r->part_length > 0) r->parts = ceil_div(r->length, r->part_length);
    r->tiles_a_chunk = work > 0 ? PART_ELEMENTS / work : r->tiles;
    if (r->tiles_a_chunk < 1) r->tiles_a_chunk = 1;
}

acn_status acn_reduction_plan(acn_reduction *r, const acn_tensor *y, const acn_tensor *x,
                              uint32_t mask, acn_reduce_code code, acn_dtype compute) {
    *r = (acn_reduction){
        .from = x->dtype, .to = y->dtype, .code = code, .klass = acn_class_of(compute)};
    if (r->klass == ACN_K_B8 && code != ACN_R_ANY && code != ACN_R_ALL)
        r->code = code == ACN_R_SUM || code == ACN_R_MAX ? ACN_R_ANY : ACN_R_ALL;
    r->as = dtype_of(r->klass);
    acn_reduced_walks(y, x, mask, &r->kept, &r->reduced);
    r->length = acn_walk_count(&r->reduced);
    if (acn_walk_count(&r->kept) == 0) return ACN_OK;
    acn_reader reader;
    acn_route route;
    if (!acn_reader_find(&reader, r->klass, r->from) || !acn_route_find(&route, r->to, r->as) ||
        !acn_kernels_get()->reduce[r->code][r->klass])
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no reduction from %s to %s",
                        acn_dtype_name(r->from), acn_dtype_name(r->to));
    choose_tiles(r);
    choose_parts(r);
    return ACN_OK;
}

uint64_t acn_reduction_workspace_bytes(const acn_reduction *r) {
    if (r->parts <= 1) return 0;
    return (uint64_t)(r->tiles * r->parts * r->width) * acn_class_bytes(r->klass);
}

uint32_t acn_reduction_cost_us(const acn_reduction *r) {
    return (uint32_t)(acn_walk_count(&r->kept) * r->length / 24576);
}

/* ---- running ------------------------------------------------------------------------------- */

typedef struct task {
    const acn_reduction *r;
    char *y;
    const char *x;
    char *partial; /* [tile][part][width] */
    acn_reader reader;
    acn_route finish;
    acn_micro_fn combine;
    acn_reduce_fn reduce;
    int64_t class_bytes;
    union { /* the operation's neutral element, in the class */
        float f32;
        double f64;
        int32_t i32;
        int64_t i64;
        float c64[2];
        uint8_t b8;
    } identity;
} task;

static acn_micro_code micro_of(acn_reduce_code code) {
    static const acn_micro_code micro[ACN_REDUCE_COUNT] = {
        [ACN_R_SUM] = ACN_U_ADD, [ACN_R_PROD] = ACN_U_MUL, [ACN_R_MAX] = ACN_U_MAX,
        [ACN_R_MIN] = ACN_U_MIN, [ACN_R_ANY] = ACN_U_OR,   [ACN_R_ALL] = ACN_U_AND};
    return micro[code];
}

static void set_identity(task *t) {
    acn_reduce_code code = t->r->code;
    bool is_max = code == ACN_R_MAX, is_bound = is_max || code == ACN_R_MIN;
    int one = code == ACN_R_PROD || code == ACN_R_ALL;
    switch (t->r->klass) {
    case ACN_K_F32:
        t->identity.f32 = is_bound ? is_max ? -INFINITY : INFINITY : (float)one;
        break;
    case ACN_K_F64:
        t->identity.f64 = is_bound ? is_max ? -INFINITY : INFINITY : one;
        break;
    case ACN_K_I32:
        t->identity.i32 = is_bound ? is_max ? INT32_MIN : INT32_MAX : one;
        break;
    case ACN_K_I64:
        t->identity.i64 = is_bound ? is_max ? INT64_MIN : INT64_MAX : one;
        break;
    case ACN_K_C64:
        t->identity.c64[0] = (float)one;
        break;
    default:
        t->identity.b8 = (uint8_t)one;
        break;
    }
}

static void reset(const task *t, void *lanes, int64_t n) {
    acn_kernels_get()->fill(lanes, &t->identity, (size_t)t->class_bytes, (size_t)n);
}

/* Folds elements [low, high) of the reduced nest at |x| into one accumulator. */
static void fold_row(const task *t, const char *x, int64_t low, int64_t high, void *accumulator) {
    if (low >= high) return;
    const acn_walk *w = &t->r->reduced;
    int levels = w->rank - 1;
    int64_t inner = w->dims[levels], stride = w->strides[0][levels];
    bool is_direct = stride == t->reader.bytes && !t->reader.load;
    if (is_direct && levels == 0) {
        t->reduce(accumulator, x + low * stride, high - low);
        return;
    }
    int64_t start = low % inner;
    _Alignas(64) char room[LANES * 8];
    acn_walk_at at;
    acn_walk_seek(w, levels, low / inner, &at);
    while (low < high) {
        int64_t run = least(inner - start, high - low);
        const char *p = x + at.offset[0] + start * stride;
        if (is_direct) {
            t->reduce(accumulator, p, run);
        } else {
            for (int64_t i = 0; i < run; i += LANES) {
                int64_t n = least(run - i, LANES);
                t->reduce(accumulator, acn_reader_get(&t->reader, p + i * stride, stride, n, room),
                          n);
            }
        }
        low += run;
        start = 0;
        acn_walk_next(w, levels, &at);
    }
}

/* Folds rows [low, high) of |width| columns at |x| into as many accumulators. */
static void fold_columns(const task *t, const char *x, int64_t width, int64_t low, int64_t high,
                         char *lanes) {
    const acn_reduction *r = t->r;
    const acn_walk *w = &r->reduced;
    int levels = w->rank - 1;
    int64_t stride = r->kept.strides[1][r->kept.rank - 1];
    int64_t inner = w->dims[levels], row = w->strides[0][levels], start = low % inner;
    _Alignas(64) char room[LANES * 8], block[LANES * 8];
    int64_t block_width = width * r->fold, rows_in_block = 0;
    reset(t, block, block_width);
    acn_walk_at at;
    acn_walk_seek(w, levels, low / inner, &at);
    while (low < high) {
        int64_t run = least(inner - start, high - low);
        const char *p = x + at.offset[0] + start * row;
        for (int64_t i = 0; i < run;) {
            int64_t rows = run - i >= r->fold ? r->fold : 1;
            const void *v = acn_reader_get(&t->reader, p + i * row, stride, width * rows, room);
            t->combine(block, block, v, NULL, width * rows);
            i += rows;
            if (++rows_in_block < BLOCK_ROWS || r->fold > 1) continue;
            t->combine(lanes, lanes, block, NULL, width);
            reset(t, block, width);
            rows_in_block = 0;
        }
        low += run;
        start = 0;
        acn_walk_next(w, levels, &at);
    }
    for (int64_t i = 0; i < r->fold; i++)
        t->combine(lanes, lanes, block + i * width * t->class_bytes, NULL, width);
}

static void divide(const task *t, void *lanes, int64_t n) {
    double by = t->r->divisor;
    switch (t->r->klass) {
    case ACN_K_F32:
        for (int64_t i = 0; i < n; i++)
            ((float *)lanes)[i] = ((float *)lanes)[i] / (float)by;
        break;
    case ACN_K_F64:
        for (int64_t i = 0; i < n; i++)
            ((double *)lanes)[i] /= by;
        break;
    case ACN_K_C64:
        for (int64_t i = 0; i < 2 * n; i++)
            ((float *)lanes)[i] = ((float *)lanes)[i] / (float)by;
        break;
    case ACN_K_I32:
        for (int64_t i = 0; i < n; i++)
            ((int32_t *)lanes)[i] /= by >= 1 ? (int32_t)by : 1;
        break;
    case ACN_K_I64:
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)lanes)[i] /= by >= 1 ? (int64_t)by : 1;
        break;
    default:
        break;
    }
}

typedef struct tile {
    int64_t width, y_offset, x_offset;
} tile;

static tile tile_at(const acn_reduction *r, int64_t number) {
    int last = r->kept.rank - 1;
    int64_t lane = number % r->tiles_a_run * r->width;
    acn_walk_at at;
    acn_walk_seek(&r->kept, last, number / r->tiles_a_run, &at);
    return (tile){.width = least(r->width, r->kept.dims[last] - lane),
                  .y_offset = at.offset[0] + lane * r->kept.strides[0][last],
                  .x_offset = at.offset[1] + lane * r->kept.strides[1][last]};
}

static void finish_tile(const task *t, const tile *at, void *lanes) {
    const acn_reduction *r = t->r;
    int64_t stride = r->kept.strides[0][r->kept.rank - 1], bytes = t->finish.to_bytes;
    char *y = t->y + at->y_offset;
    if (r->divisor != 0) divide(t, lanes, at->width);
    if (stride == bytes || at->width == 1) {
        acn_route_run(&t->finish, y, lanes, at->width);
        return;
    }
    _Alignas(64) char result[LANES * 8];
    acn_route_run(&t->finish, result, lanes, at->width);
    for (int64_t i = 0; i < at->width; i++)
        memcpy(y + i * stride, result + i * bytes, (size_t)bytes);
}

static void fold_tile(const task *t, const tile *at, int64_t low, int64_t high, char *lanes) {
    const acn_reduction *r = t->r;
    const char *x = t->x + at->x_offset;
    int64_t stride = r->kept.strides[1][r->kept.rank - 1];
    reset(t, lanes, at->width);
    if (r->is_columns) {
        fold_columns(t, x, at->width, low, high, lanes);
        return;
    }
    for (int64_t i = 0; i < at->width; i++)
        fold_row(t, x + i * stride, low, high, lanes + i * t->class_bytes);
}

static void run_tiles(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_reduction *r = t->r;
    int64_t end = least((chunk + 1) * r->tiles_a_chunk, r->tiles);
    _Alignas(64) char lanes[LANES * 8];
    for (int64_t i = chunk * r->tiles_a_chunk; i < end; i++) {
        tile at = tile_at(r, i);
        fold_tile(t, &at, 0, r->length, lanes);
        finish_tile(t, &at, lanes);
    }
}

static void run_part(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_reduction *r = t->r;
    int64_t low = chunk % r->parts * r->part_length;
    tile at = tile_at(r, chunk / r->parts);
    fold_tile(t, &at, low, least(low + r->part_length, r->length),
              t->partial + chunk * r->width * t->class_bytes);
}

static void combine_parts(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_reduction *r = t->r;
    char *first = t->partial + chunk * r->parts * r->width * t->class_bytes;
    tile at = tile_at(r, chunk);
    for (int64_t i = 1; i < r->parts; i++)
        t->combine(first, first, first + i * r->width * t->class_bytes, NULL, at.width);
    finish_tile(t, &at, first);
}

void acn_reduction_run(const acn_reduction *r, void *y, const void *x, void *workspace) {
    if (r->tiles == 0) return;
    const acn_kernels *k = acn_kernels_get();
    task t = {.r = r,
              .y = y,
              .x = x,
              .partial = workspace,
              .combine = k->micro[micro_of(r->code)][r->klass],
              .reduce = k->reduce[r->code][r->klass],
              .class_bytes = (int64_t)acn_class_bytes(r->klass)};
    acn_reader_find(&t.reader, r->klass, r->from);
    acn_route_find(&t.finish, r->to, r->as);
    set_identity(&t);
    if (r->parts > 1) {
        acn_pool_run(r->tiles * r->parts, run_part, &t);
        acn_pool_run(r->tiles, combine_parts, &t);
    } else {
        acn_pool_run(ceil_div(r->tiles, r->tiles_a_chunk), run_tiles, &t);
    }
}

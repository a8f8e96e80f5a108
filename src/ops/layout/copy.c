/* copy.c - see copy.h. */
#include "ops/layout/copy.h"
#include "base/pool.h"
#include <math.h>
#include <string.h>

enum {
    CHUNK_BYTES = 256 << 10, /* of work for one claim from the pool */
    STREAM_BYTES = 16 << 20, /* more than a core's share of the last cache level */
    TILE = 512,              /* elements of a conversion at a time */
    LINE_BYTES = 64,
    STRIP = 64 /* rows of a transpose for one unit of work */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- planning ------------------------------------------------------------------------------ */

/* Whether elements are stored as their class computes. A bool may hold other bytes than 0 and 1. */
static bool is_native(acn_dtype dtype) {
    return dtype != ACN_BOOL && acn_dtype_bytes(dtype) == acn_class_bytes(acn_class_of(dtype));
}

static bool add_step(acn_route *route, acn_convert_fn step) {
    if (step) route->step[route->steps++] = step;
    return step != NULL;
}

/* Doubles as numbers without an imaginary part, and back without one. */
static void widen(void *to, const void *from, int64_t n) {
    double *z = to;
    for (int64_t i = 0; i < n; i++)
        z[2 * i] = ((const double *)from)[i], z[2 * i + 1] = 0;
}

static void keep_real(void *to, const void *from, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        ((double *)to)[i] = ((const double *)from)[2 * i];
}

/* No class computes in c128, and none but f64 holds its parts. */
static bool find_wide_complex(acn_route *route, acn_dtype to, acn_dtype from) {
    const acn_kernels *k = acn_kernels_get();
    if (to == ACN_C128) {
        if (from == ACN_C64) return add_step(route, k->store[ACN_C128][ACN_K_C64]);
        if (from != ACN_F64 && !acn_route_find(route, ACN_F64, from)) return false;
        route->to_bytes = (int64_t)acn_dtype_bytes(to);
        return add_step(route, widen);
    }
    if (to == ACN_C64) return add_step(route, k->load[ACN_C128][ACN_K_C64]);
    add_step(route, keep_real);
    if (to == ACN_F64) return true;
    acn_route rest;
    if (to == ACN_BOOL || !acn_route_find(&rest, to, ACN_F64)) return false;
    for (int i = 0; i < rest.steps; i++)
        add_step(route, rest.step[i]);
    return true;
}

bool acn_route_find(acn_route *route, acn_dtype to, acn_dtype from) {
    *route = (acn_route){.to_bytes = (int64_t)acn_dtype_bytes(to),
                         .from_bytes = (int64_t)acn_dtype_bytes(from)};
    if (to != from && (to == ACN_C128 || from == ACN_C128))
        return find_wide_complex(route, to, from);
    const acn_dtypes known = ACN_ALL | ACN_UNSIGNED | ACN_FLOATS8;
    if (!ACN_HAS(known, to) || !ACN_HAS(known, from)) return false;
    const acn_kernels *k = acn_kernels_get();
    acn_class from_class = acn_class_of(from), to_class = acn_class_of(to);
    bool loads_directly = from_class != to_class && k->load[from][to_class];
    bool stores_directly = from_class != to_class && to != ACN_BOOL && k->store[to][from_class];
    if (loads_directly) { /* to bool, this is the test against zero */
        add_step(route, k->load[from][to_class]);
    } else {
        if (!is_native(from) && !add_step(route, k->load[from][from_class])) return false;
        if (stores_directly) return add_step(route, k->store[to][from_class]);
        if (from_class != to_class && !add_step(route, k->cast[from_class][to_class])) return false;
    }
    return is_native(to) || add_step(route, k->store[to][to_class]);
}

void acn_route_run(const acn_route *route, void *to, const void *from, int64_t n) {
    if (route->steps == 0) memcpy(to, from, (size_t)(n * route->to_bytes));
    if (route->steps == 1) route->step[0](to, from, n);
    if (route->steps < 2) return;
    _Alignas(64) char room[3][TILE * 8];
    for (int64_t i = 0; i < n; i += TILE) {
        int64_t m = least(n - i, TILE);
        const void *source = (const char *)from + i * route->from_bytes;
        for (int s = 0; s < route->steps; s++) {
            bool is_last = s == route->steps - 1;
            void *target = is_last ? (char *)to + i * route->to_bytes : room[s];
            route->step[s](target, source, m);
            source = target;
        }
    }
}

/* The dimension along which the source runs contiguously, when the innermost does not. */
static int transposed_dim(const acn_copy *copy) {
    const acn_walk *w = &copy->walk;
    int last = w->rank - 1;
    if (w->strides[0][last] != copy->to_bytes || w->dims[last] < 4) return -1;
    for (int d = 0; d < last; d++)
        if (w->strides[1][d] == copy->from_bytes && w->dims[d] >= 4) return d;
    return -1;
}

static void rotate_to_second(acn_walk *w, int d) {
    int64_t dim = w->dims[d], stride[2] = {w->strides[0][d], w->strides[1][d]};
    int second = w->rank - 2;
    for (; d < second; d++) {
        w->dims[d] = w->dims[d + 1];
        for (int k = 0; k < 2; k++)
            w->strides[k][d] = w->strides[k][d + 1];
    }
    w->dims[second] = dim;
    for (int k = 0; k < 2; k++)
        w->strides[k][second] = stride[k];
}

/* Borders of chunks depend on the shape alone. */
static void split(acn_copy *copy) {
    const acn_walk *w = &copy->walk;
    int last = w->rank - 1;
    int64_t wide = copy->to_bytes > copy->from_bytes ? copy->to_bytes : copy->from_bytes;
    int64_t unit_bytes, units = 1;
    if (copy->mode == ACN_COPY_TRANSPOSE) {
        copy->levels = w->rank - 2;
        copy->segment = STRIP;
        copy->segments = (w->dims[last - 1] + copy->segment - 1) / copy->segment;
        unit_bytes = copy->segment * w->dims[last] * wide;
    } else {
        copy->levels = last;
        copy->segment = CHUNK_BYTES / wide;
        if (copy->segment > w->dims[last]) copy->segment = w->dims[last];
        copy->segments = (w->dims[last] + copy->segment - 1) / copy->segment;
        unit_bytes = copy->segment * wide;
    }
    for (int d = 0; d < copy->levels; d++)
        units *= w->dims[d];
    units *= copy->segments;
    copy->units_per_chunk = CHUNK_BYTES / unit_bytes > 1 ? CHUNK_BYTES / unit_bytes : 1;
    copy->chunks = (units + copy->units_per_chunk - 1) / copy->units_per_chunk;
}

acn_status acn_copy_plan_walk(acn_copy *copy, const acn_walk *walk, acn_dtype to, acn_dtype from) {
    *copy = (acn_copy){.walk = *walk, .to = to, .from = from};
    copy->to_bytes = (int64_t)acn_dtype_bytes(to);
    copy->from_bytes = (int64_t)acn_dtype_bytes(from);
    acn_route route;
    if (to != from && !acn_route_find(&route, to, from))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no conversion from %s to %s",
                        acn_dtype_name(from), acn_dtype_name(to));
    if (acn_walk_count(walk) == 0) return ACN_OK;
    acn_walk *w = &copy->walk;
    acn_walk_sort(w, 0);
    acn_walk_merge(w);
    int last = w->rank - 1, other;
    if (to != from) {
        copy->mode = ACN_COPY_CONVERT;
    } else if (w->strides[0][last] == copy->to_bytes && w->strides[1][last] == copy->to_bytes) {
        copy->mode = ACN_COPY_RUNS;
        copy->streams = acn_walk_count(w) * copy->to_bytes >= STREAM_BYTES;
    } else if (w->strides[0][last] == copy->to_bytes && w->strides[1][last] == 0) {
        copy->mode = ACN_COPY_FILL;
    } else if ((other = transposed_dim(copy)) >= 0) {
        copy->mode = ACN_COPY_TRANSPOSE;
        rotate_to_second(w, other);
    } else {
        copy->mode = ACN_COPY_STRIDED;
    }
    split(copy);
    return ACN_OK;
}

acn_status acn_copy_plan(acn_copy *copy, const acn_tensor *to, const acn_tensor *from) {
    acn_walk walk;
    acn_walk_init(&walk, 2, to->rank, to->dims);
    acn_walk_set(&walk, 0, to);
    acn_walk_set(&walk, 1, from);
    return acn_copy_plan_walk(copy, &walk, to->dtype, from->dtype);
}

uint32_t acn_copy_cost_us(const acn_copy *copy) {
    if (copy->mode == ACN_COPY_NOTHING) return 0;
    int64_t bytes = acn_walk_count(&copy->walk) * copy->to_bytes;
    int64_t bytes_per_us = copy->mode == ACN_COPY_RUNS ? 8192 : 2048;
    return (uint32_t)(bytes / bytes_per_us);
}

/* ---- running ------------------------------------------------------------------------------- */

typedef struct task {
    const acn_copy *copy;
    char *to;
    const char *from;
    const acn_kernels *kernels;
    acn_route route;
} task;

static void copy_strided(char *to, const char *from, int64_t bytes, int64_t to_stride,
                         int64_t from_stride, int64_t n) {
    ACN_BY_BYTES(bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(to + i * to_stride) = *(const T *)(from + i * from_stride);
    });
}

/* to[r][c] = from[r][c]; columns of |from| and rows of |to| are contiguous. Whole cache lines are
 * read into a block, because lines of a power-of-two stride would push each other out. */
static void transpose(char *to, const char *from, int64_t bytes, int64_t rows, int64_t cols,
                      int64_t to_row, int64_t from_col) {
    ACN_BY_BYTES(bytes, T, {
        enum { B = sizeof(T) < 8 ? LINE_BYTES / sizeof(T) : 8 };
        T block[B][B];
        for (int64_t r0 = 0; r0 < rows; r0 += B)
            for (int64_t c0 = 0; c0 < cols; c0 += B) {
                int64_t height = least(rows - r0, B), width = least(cols - c0, B);
                const char *source = from + c0 * from_col + r0 * (int64_t)sizeof(T);
                char *target = to + r0 * to_row + c0 * (int64_t)sizeof(T);
                if (height < B || width < B) {
                    for (int64_t r = 0; r < height; r++)
                        copy_strided(target + r * to_row, source + r * (int64_t)sizeof(T),
                                     (int64_t)sizeof(T), (int64_t)sizeof(T), from_col, width);
                    continue;
                }
                for (int64_t c = 0; c < B; c++)
                    memcpy(block[c], source + c * from_col, sizeof block[c]);
                for (int64_t r = 0; r < B; r++, target += to_row)
                    for (int64_t c = 0; c < B; c++)
                        ((T *)target)[c] = block[c][r];
            }
    });
}

static void convert_run(const task *t, char *to, const char *from, int64_t n) {
    const acn_copy *copy = t->copy;
    int last = copy->walk.rank - 1;
    int64_t to_stride = copy->walk.strides[0][last], from_stride = copy->walk.strides[1][last];
    bool to_direct = to_stride == copy->to_bytes, from_direct = from_stride == copy->from_bytes;
    if (to_direct && from_direct) {
        acn_route_run(&t->route, to, from, n);
        return;
    }
    _Alignas(64) char gathered[TILE * 16], result[TILE * 16]; /* of the widest, c128 */
    for (int64_t i = 0; i < n; i += TILE) {
        int64_t m = n - i < TILE ? n - i : TILE;
        const char *source = from + i * from_stride;
        char *target = to + i * to_stride;
        if (!from_direct)
            copy_strided(gathered, source, copy->from_bytes, copy->from_bytes, from_stride, m);
        acn_route_run(&t->route, to_direct ? target : result, from_direct ? source : gathered, m);
        if (!to_direct) copy_strided(target, result, copy->to_bytes, to_stride, copy->to_bytes, m);
    }
}

static void run_unit(const task *t, char *to, const char *from, int64_t start) {
    const acn_copy *copy = t->copy;
    const acn_walk *w = &copy->walk;
    int split_dim = copy->mode == ACN_COPY_TRANSPOSE ? w->rank - 2 : w->rank - 1;
    int64_t n =
        w->dims[split_dim] - start < copy->segment ? w->dims[split_dim] - start : copy->segment;
    to += start * w->strides[0][split_dim];
    from += start * w->strides[1][split_dim];
    switch (copy->mode) {
    case ACN_COPY_RUNS:
        if (copy->streams && n * copy->to_bytes >= CHUNK_BYTES / 4)
            t->kernels->copy_stream(to, from, (size_t)(n * copy->to_bytes));
        else
            memcpy(to, from, (size_t)(n * copy->to_bytes));
        break;
    case ACN_COPY_FILL:
        t->kernels->fill(to, from, (size_t)copy->to_bytes, (size_t)n);
        break;
    case ACN_COPY_TRANSPOSE:
        transpose(to, from, copy->to_bytes, n, w->dims[w->rank - 1], w->strides[0][split_dim],
                  w->strides[1][w->rank - 1]);
        break;
    case ACN_COPY_STRIDED:
        copy_strided(to, from, copy->to_bytes, w->strides[0][split_dim], w->strides[1][split_dim],
                     n);
        break;
    case ACN_COPY_CONVERT:
        convert_run(t, to, from, n);
        break;
    case ACN_COPY_NOTHING:
        break;
    }
}

/* Short runs in tight rows: a unit each would cost more than the run. */
static void copy_rows(const task *t, int64_t row, int64_t end) {
    const acn_walk *w = &t->copy->walk;
    int last = w->rank - 1, d = last - 1;
    size_t bytes = (size_t)(w->dims[last] * t->copy->to_bytes);
    while (row < end) {
        acn_walk_at at;
        acn_walk_seek(w, last, row, &at);
        int64_t n = least(w->dims[d] - at.index[d], end - row);
        char *to = t->to + at.offset[0];
        const char *from = t->from + at.offset[1];
        for (int64_t i = 0; i < n; i++, to += w->strides[0][d], from += w->strides[1][d])
            memcpy(to, from, bytes);
        row += n;
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_copy *copy = t->copy;
    acn_walk_at at;
    int64_t unit = chunk * copy->units_per_chunk, end = unit + copy->units_per_chunk;
    int64_t units = copy->segments;
    for (int d = 0; d < copy->levels; d++)
        units *= copy->walk.dims[d];
    if (end > units) end = units;
    if (copy->mode == ACN_COPY_RUNS && copy->segments == 1 && copy->levels > 0) {
        copy_rows(t, unit, end);
        return;
    }
    acn_walk_seek(&copy->walk, copy->levels, unit / copy->segments, &at);
    int64_t piece = unit % copy->segments;
    for (; unit < end; unit++) {
        run_unit(t, t->to + at.offset[0], t->from + at.offset[1], piece * copy->segment);
        if (++piece < copy->segments) continue;
        piece = 0;
        acn_walk_next(&copy->walk, copy->levels, &at);
    }
}

void acn_copy_run(const acn_copy *copy, void *to, const void *from) {
    if (copy->mode == ACN_COPY_NOTHING) return;
    task t = {.copy = copy, .to = to, .from = from, .kernels = acn_kernels_get()};
    if (copy->mode == ACN_COPY_CONVERT) acn_route_find(&t.route, copy->to, copy->from);
    if (copy->chunks == 1)
        run_chunk(&t, 0, 0);
    else
        acn_pool_run(copy->chunks, run_chunk, &t);
}

/* ---- single elements and views -------------------------------------------------------------- */

void acn_convert_element(void *to, acn_dtype to_dtype, const void *from, acn_dtype from_dtype) {
    if (to_dtype == from_dtype) {
        memcpy(to, from, acn_dtype_bytes(to_dtype));
        return;
    }
    acn_value value = acn_load_value(from, from_dtype);
    bool is_whole = acn_dtype_is_integer(from_dtype) || from_dtype == ACN_BOOL;
    bool is_half = to_dtype == ACN_F16 || to_dtype == ACN_BF16;
    if (is_half) value.f = (float)value.f; /* the classes' way, and PyTorch's */
    if (to_dtype == ACN_BOOL)
        value.i = is_whole ? value.i != 0 : value.f != 0 || value.im != 0;
    else if (!is_whole && acn_class_of(to_dtype) == ACN_K_I32) /* as kernels: saturates, NaN is 0 */
        value.i = value.i > INT32_MAX ? INT32_MAX : value.i < INT32_MIN ? INT32_MIN : value.i;
    acn_store_value(to, to_dtype, value);
}

void acn_copy_naive(const acn_tensor *to, const acn_tensor *from) {
    acn_tensor source = acn_tensor_broadcast(from, to->rank, to->dims);
    int64_t n = acn_tensor_count(to);
    for (int64_t i = 0; i < n; i++)
        acn_convert_element(acn_tensor_at(to, i), to->dtype, acn_tensor_at(&source, i),
                            from->dtype);
}

acn_tensor acn_tensor_slice(const acn_tensor *t, int dim, int64_t start, int64_t count) {
    acn_tensor view = *t;
    view.dims[dim] = count;
    view.data = (char *)t->data + start * t->strides[dim] * (int64_t)acn_dtype_bytes(t->dtype);
    return view;
}

acn_tensor acn_tensor_broadcast(const acn_tensor *t, int rank, const int64_t *dims) {
    acn_tensor view = *t;
    int lead = rank - t->rank;
    view.rank = rank;
    for (int d = rank - 1; d >= 0; d--) {
        bool repeats = d < lead || (t->dims[d - lead] == 1 && dims[d] != 1);
        view.strides[d] = repeats ? 0 : t->strides[d - lead];
        view.dims[d] = dims[d];
    }
    return view;
}

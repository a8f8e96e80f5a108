/* histogram.c - how many elements fall where: Bincount (of whole numbers, which may have weights)
 * and Histogram (of equal intervals).
 *
 * Counts are whole, so pieces of the input are counted side by side and added up; weights are added
 * in the order of the input, by one thread. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <math.h>
#include <string.h>

enum { TILE = ACN_READ_TILE, MAX_PARTS = 16, PART_ELEMENTS = 1 << 15, MAX_ROOM = 1 << 20 };

typedef struct histogram_plan {
    acn_walk walk; /* operand 0: x in row-major order */
    acn_reader reader;
    acn_class klass;
    int64_t count, bins, parts;
} histogram_plan;

static acn_status plan_of(acn_call *c, acn_class klass, int64_t bins, bool is_ordered) {
    const acn_tensor *x = acn_in(c, 0);
    histogram_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_walk_init(&p->walk, 1, x->rank, x->dims);
    acn_walk_set(&p->walk, 0, x);
    acn_walk_merge(&p->walk);
    p->klass = klass;
    p->count = acn_tensor_count(x);
    p->bins = bins;
    p->parts = is_ordered || bins > MAX_ROOM / MAX_PARTS ? 1 : p->count / PART_ELEMENTS + 1;
    if (p->parts > MAX_PARTS) p->parts = MAX_PARTS;
    if (!acn_reader_find(&p->reader, klass, x->dtype))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no histogram of %s", acn_dtype_name(x->dtype));
    c->plan->data = p;
    c->plan->workspace_bytes = (uint64_t)(p->parts * bins) * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(p->count / 500 & 0x7fffffff);
    return ACN_OK;
}

typedef struct task {
    const acn_call *call;
    const histogram_plan *plan;
    acn_status (*take)(const struct task *t, int64_t *counts, const void *x, int64_t first,
                       int64_t n);
    double low, high; /* Histogram's ends */
    acn_status status[MAX_PARTS];
} task;

static acn_status take_range(const task *t, int64_t *counts, int64_t from, int64_t end) {
    const acn_walk *w = &t->plan->walk;
    int last = w->rank - 1;
    int64_t inner = w->dims[last], step = w->strides[0][last], i = inner ? from % inner : 0;
    _Alignas(64) char room[TILE * 8];
    acn_walk_at at;
    if (from < end) acn_walk_seek(w, last, from / inner, &at);
    while (from < end) {
        int64_t n = inner - i < end - from ? inner - i : end - from;
        if (n > TILE) n = TILE;
        const char *x = (const char *)acn_in(t->call, 0)->data + at.offset[0] + i * step;
        ACN_TRY(t->take(t, counts, acn_reader_get(&t->plan->reader, x, step, n, room), from, n));
        from += n;
        i += n;
        if (i < inner) continue;
        i = 0;
        acn_walk_next(w, last, &at);
    }
    return ACN_OK;
}

static void run_part(void *context, int64_t part, int worker) {
    (void)worker;
    task *t = context;
    const histogram_plan *p = t->plan;
    int64_t *counts = (int64_t *)t->call->workspace + part * p->bins;
    memset(counts, 0, (size_t)p->bins * sizeof *counts);
    t->status[part] =
        take_range(t, counts, p->count * part / p->parts, p->count * (part + 1) / p->parts);
}

/* Leaves the counts of all parts in the first one's. */
static acn_status count_all(task *t) {
    const histogram_plan *p = t->plan;
    int64_t *counts = t->call->workspace;
    acn_pool_run(p->parts, run_part, t);
    for (int64_t part = 0; part < p->parts; part++) {
        ACN_TRY(t->status[part]);
        for (int64_t i = 0; part > 0 && i < p->bins; i++)
            counts[i] += counts[part * p->bins + i];
    }
    return ACN_OK;
}

static void give(const acn_call *c, int64_t bins, const int64_t *counts) {
    const acn_tensor *y = acn_out(c, 0);
    for (int64_t i = 0; i < bins; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = (double)counts[i], .i = counts[i]});
}

/* ---- Bincount -------------------------------------------------------------------------------- */

enum { ARRAY, WEIGHTS, MINLENGTH = 0 };

static acn_status bincount_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, ARRAY), *weights = acn_in(c, WEIGHTS), *y = acn_out(c, 0);
    int64_t least = acn_attr_int(c, MINLENGTH);
    if (x->rank != 1) return acn_bad_input(c, ARRAY, "expected one dimension");
    if (weights && !acn_tensor_same_shape(x, weights))
        return acn_bad_input(c, WEIGHTS, "expected one weight for each element");
    if (least < 0) return acn_bad_attr(c, MINLENGTH, "expected at least 0");
    acn_dtype dtype = !weights ? ACN_I64 : weights->dtype == ACN_F32 ? ACN_F32 : ACN_F64;
    if (y && y->rank == 1 && y->dims[0] >= least) least = y->dims[0];
    acn_out_is(c, 0, y ? ACN_UNDEFINED : dtype, 1, &least);
    return ACN_OK;
}

static acn_status bad_number(int64_t value, int64_t bins) {
    return acn_fail(ACN_EXECUTION, "number %lld is out of range; expected 0 to %lld",
                    (long long)value, (long long)(bins - 1));
}

static acn_status take_whole(const task *t, int64_t *counts, const void *x, int64_t first,
                             int64_t n) {
    (void)first;
    const int64_t *value = x;
    for (int64_t i = 0; i < n; i++) {
        if ((uint64_t)value[i] >= (uint64_t)t->plan->bins)
            return bad_number(value[i], t->plan->bins);
        counts[value[i]]++;
    }
    return ACN_OK;
}

/* The room holds doubles here. */
static acn_status take_weighted(const task *t, int64_t *counts, const void *x, int64_t first,
                                int64_t n) {
    const acn_tensor *weights = acn_in(t->call, WEIGHTS);
    double *sums = (double *)counts;
    const int64_t *value = x;
    for (int64_t i = 0; i < n; i++) {
        if ((uint64_t)value[i] >= (uint64_t)t->plan->bins)
            return bad_number(value[i], t->plan->bins);
        acn_value w = acn_load_value(acn_tensor_at(weights, first + i), weights->dtype);
        sums[value[i]] += acn_dtype_is_float(weights->dtype) ? w.f : (double)w.i;
    }
    return ACN_OK;
}

static acn_status bincount_plan(acn_call *c) {
    return plan_of(c, ACN_K_I64, acn_tensor_count(acn_out(c, 0)), acn_in(c, WEIGHTS) != NULL);
}

static acn_status bincount_run(acn_call *c) {
    bool has_weights = acn_in(c, WEIGHTS) != NULL;
    task t = {.call = c, .plan = c->plan->data, .take = has_weights ? take_weighted : take_whole};
    ACN_TRY(count_all(&t));
    if (!has_weights) {
        give(c, t.plan->bins, c->workspace);
        return ACN_OK;
    }
    const acn_tensor *y = acn_out(c, 0);
    for (int64_t i = 0; i < t.plan->bins; i++) {
        double sum = ((const double *)c->workspace)[i];
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = sum, .i = (int64_t)sum});
    }
    return ACN_OK;
}

static acn_status bincount_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, ARRAY), *weights = acn_in(c, WEIGHTS), *y = acn_out(c, 0);
    for (int64_t bin = 0; bin < y->dims[0]; bin++) {
        acn_value sum = {0};
        for (int64_t i = 0; i < x->dims[0]; i++) {
            int64_t value = acn_load_value(acn_tensor_at(x, i), x->dtype).i;
            if (value < 0 || value >= y->dims[0]) return bad_number(value, y->dims[0]);
            if (value != bin) continue;
            acn_value w = {.f = 1, .i = 1};
            if (weights) w = acn_load_value(acn_tensor_at(weights, i), weights->dtype);
            sum.f += !weights || acn_dtype_is_float(weights->dtype) ? w.f : (double)w.i;
        }
        sum.i = (int64_t)sum.f;
        acn_store_value(acn_tensor_at(y, bin), y->dtype, sum);
    }
    return ACN_OK;
}

ACN_OP(Bincount) = {
    .name = "Bincount",
    .doc = "bins[i] = how many elements are i, or the sum of their weights",
    .in = {{"array", ACN_INTS, ACN_UNALIASED},
           {"weights", ACN_REALS | ACN_BOOLS, ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {{"bins", ACN_INTS | ACN_FLOATS}},
    .attr = {{"minlength", ACN_ATTR_INT}},
    .infer = bincount_infer,
    .plan = bincount_plan,
    .run = bincount_run,
    .run0 = bincount_run0,
    .cases = "tolerance=reduction [9]@0..4->i64[5] [300]@0..9,f64[300]->f64[12] "
             "i32+i64[70000]@0..99->i64[100] i64[300]@0..9,f32[300]->f32[10] "
             "i64[0]->i64[4]|minlength=4",
};

/* ---- Histogram ------------------------------------------------------------------------------- */

enum { BINS, MIN, MAX };

static acn_status histogram_infer(acn_call *c) {
    int64_t bins = acn_attr_int(c, BINS);
    if (bins <= 0) return acn_bad_attr(c, BINS, "is %lld; expected at least 1", (long long)bins);
    acn_out_is(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, 0)->dtype, 1, &bins);
    return ACN_OK;
}

static acn_status histogram_plan_of(acn_call *c) {
    acn_class k = acn_in(c, 0)->dtype == ACN_F64 || acn_dtype_is_integer(acn_in(c, 0)->dtype)
                      ? ACN_K_F64
                      : ACN_K_F32;
    return plan_of(c, k, acn_attr_int(c, BINS), false);
}

/* In the class's own arithmetic, which decides where borders lie. */
#define TAKE_INTERVALS(T)                                                                          \
    do {                                                                                           \
        const T *value = x;                                                                        \
        T low = (T)t->low, high = (T)t->high, bins = (T)t->plan->bins;                             \
        for (int64_t i = 0; i < n; i++) {                                                          \
            if (!(value[i] >= low && value[i] <= high)) continue;                                  \
            T place = (value[i] - low) * bins / (high - low);                                      \
            counts[place < bins ? (int64_t)place : t->plan->bins - 1]++; /* also what overflows */ \
        }                                                                                          \
    } while (0)

static acn_status take_intervals(const task *t, int64_t *counts, const void *x, int64_t first,
                                 int64_t n) {
    (void)first;
    if (t->plan->klass == ACN_K_F32)
        TAKE_INTERVALS(float);
    else
        TAKE_INTERVALS(double);
    return ACN_OK;
}

static void extremes(const acn_tensor *x, double *least, double *most) {
    *least = INFINITY, *most = -INFINITY;
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
        double value = acn_dtype_is_integer(x->dtype) ? (double)v.i : v.f;
        *least = value < *least || isnan(value) ? value : *least;
        *most = value > *most || isnan(value) ? value : *most;
    }
}

/* min = max stands for the input's own extremes, one to either side where they are equal. */
static acn_status find_ends(const acn_call *c, double *low, double *high) {
    acn_scalar min = acn_attr_scalar(c, MIN), max = acn_attr_scalar(c, MAX);
    *low = acn_scalar_f64(&min), *high = acn_scalar_f64(&max);
    if (*low == *high && acn_tensor_count(acn_in(c, 0)) > 0) extremes(acn_in(c, 0), low, high);
    if (!isfinite(*low) || !isfinite(*high))
        return acn_fail(ACN_EXECUTION, "the range [%g, %g] is not finite", *low, *high);
    if (*low > *high) return acn_fail(ACN_EXECUTION, "min %g is above max %g", *low, *high);
    if (*low == *high) *low -= 1, *high += 1;
    return ACN_OK;
}

static acn_status histogram_run(acn_call *c) {
    task t = {.call = c, .plan = c->plan->data, .take = take_intervals};
    ACN_TRY(find_ends(c, &t.low, &t.high));
    ACN_TRY(count_all(&t));
    give(c, t.plan->bins, c->workspace);
    return ACN_OK;
}

static acn_status histogram_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    double low, high;
    bool is_narrow = acn_dtype_is_float(x->dtype) && x->dtype != ACN_F64;
    ACN_TRY(find_ends(c, &low, &high));
    if (is_narrow) low = (float)low, high = (float)high;
    for (int64_t bin = 0; bin < y->dims[0]; bin++) {
        int64_t count = 0;
        for (int64_t i = 0; i < acn_tensor_count(x); i++) {
            acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
            double value = acn_dtype_is_integer(x->dtype) ? (double)v.i : v.f;
            if (!(value >= low && value <= high)) continue;
            double place = (value - low) * (double)y->dims[0] / (high - low);
            if (is_narrow)
                place =
                    ((float)value - (float)low) * (float)y->dims[0] / ((float)high - (float)low);
            count += (place < (double)y->dims[0] ? (int64_t)place : y->dims[0] - 1) == bin;
        }
        acn_store_value(acn_tensor_at(y, bin), y->dtype,
                        (acn_value){.f = (double)count, .i = count});
    }
    return ACN_OK;
}

ACN_OP(Histogram) = {
    .name = "Histogram",
    .doc = "y[i] = how many elements of x fall into the i-th of equal intervals from min to max",
    .in = {{"x", ACN_REALS, ACN_UNALIASED}},
    .out = {{"y", ACN_REALS}},
    .attr = {{.name = "bins", .kind = ACN_ATTR_INT, .fallback = 100},
             {.name = "min", .kind = ACN_ATTR_SCALAR},
             {.name = "max", .kind = ACN_ATTR_SCALAR}},
    .infer = histogram_infer,
    .plan = histogram_plan_of,
    .run = histogram_run,
    .run0 = histogram_run0,
    .cases = "f32+f64+f16+i32[9]|bins=4,min=-2,max=2 f32+f64+i64+u8[5,70]|bins=10,min=-1.5,max=3 "
             "f32[70000]|bins=7,min=-1,max=1 f32[0]|bins=3,min=0,max=1 "
             "f32[9]|bins=4,min=-3e38,max=3e38",
};

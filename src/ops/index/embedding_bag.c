/* embedding_bag.c - EmbeddingBag: the sum, mean or largest of the rows of a table that each bag of
 * indices names. Bag b is indices[offsets[b]] up to the next offset, or to the end; indices equal
 * to padding_idx do not count. Rows are added in order, f16 and bf16 in f32, rounded once. */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/norm/rows.h"
#include <math.h>
#include <string.h>

enum { WEIGHT, INDICES, OFFSETS, FACTORS }; /* inputs */
enum { Y, BAG_OF, BAG_SIZE, WHERE };        /* outputs */
enum { MODE_TEXT, MODE, LAST, PADDING };    /* attributes, as far as they are read */
typedef enum mode { SUM, MEAN, MAX } bag_mode;

static int64_t load_index(const acn_tensor *t, int64_t i) {
    return acn_load_value((const char *)t->data +
                              i * t->strides[0] * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype)
        .i;
}

static acn_status mode_of(const acn_call *c, bag_mode *out) {
    static const char *const names[] = {"sum", "mean", "max"};
    *out = MEAN;
    if (c->attr[MODE].is_present) {
        int64_t mode = acn_attr_int(c, MODE);
        if (mode < SUM || mode > MAX)
            return acn_bad_attr(c, MODE, "is %lld; expected 0 (sum), 1 (mean) or 2 (max)",
                                (long long)mode);
        *out = (bag_mode)mode;
        return ACN_OK;
    }
    if (!c->attr[MODE_TEXT].is_present) return ACN_OK;
    for (int i = SUM; i <= MAX; i++)
        if (strcmp(c->attr[MODE_TEXT].text, names[i]) == 0) {
            *out = (bag_mode)i;
            return ACN_OK;
        }
    return acn_bad_attr(c, MODE_TEXT, "is \"%s\"; expected \"sum\", \"mean\" or \"max\"",
                        c->attr[MODE_TEXT].text);
}

static int64_t bags_of(const acn_call *c) {
    int64_t offsets = acn_in(c, OFFSETS)->dims[0];
    return acn_attr_int(c, LAST) ? offsets - 1 : offsets;
}

/* The first index of bag |b|; of the bag behind the last one: where that ends. */
static int64_t offset_at(const acn_call *c, int64_t b) {
    const acn_tensor *offsets = acn_in(c, OFFSETS);
    return b < offsets->dims[0] ? load_index(offsets, b) : acn_in(c, INDICES)->dims[0];
}

static acn_status check_inputs(const acn_call *c, bag_mode mode) {
    const acn_tensor *indices = acn_in(c, INDICES), *factors = acn_in(c, FACTORS);
    if (acn_in(c, WEIGHT)->rank != 2)
        return acn_bad_input(c, WEIGHT, "expected a table of two dimensions");
    if (indices->rank != 1) return acn_bad_input(c, INDICES, "expected one dimension");
    if (acn_in(c, OFFSETS)->rank != 1) return acn_bad_input(c, OFFSETS, "expected one dimension");
    if (bags_of(c) < 0) return acn_bad_input(c, OFFSETS, "expected at least the last offset");
    if (!factors) return ACN_OK;
    if (mode != SUM) return acn_bad_input(c, FACTORS, "factors are for sums; expected none");
    if (factors->rank != 1 || factors->dims[0] != indices->dims[0])
        return acn_bad_input(c, FACTORS, "expected one for each index");
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    bag_mode mode;
    ACN_TRY(mode_of(c, &mode));
    ACN_TRY(check_inputs(c, mode));
    const acn_tensor *weight = acn_in(c, WEIGHT), *indices = acn_in(c, INDICES);
    const acn_tensor *bag_of = acn_out(c, BAG_OF);
    int64_t dims[] = {bags_of(c), weight->dims[1]}, count = indices->dims[0], none = 0;
    bool is_unwanted = bag_of && acn_tensor_count(bag_of) == 0; /* as sums without padding do */
    acn_out_is(c, Y, weight->dtype, 2, dims);
    acn_out_is(c, BAG_OF, bag_of ? ACN_UNDEFINED : indices->dtype, 1, is_unwanted ? &none : &count);
    acn_out_is(c, BAG_SIZE, acn_out(c, BAG_SIZE) ? ACN_UNDEFINED : indices->dtype, 1, dims);
    acn_out_is(c, WHERE, acn_out(c, WHERE) ? ACN_UNDEFINED : indices->dtype, mode == MAX ? 2 : 1,
               dims);
    return ACN_OK;
}

typedef struct bag_plan {
    acn_rows table, bags;
    acn_row_side weight, y;
    bag_mode mode;
} bag_plan;

static acn_status plan(acn_call *c) {
    const acn_tensor *weight = acn_in(c, WEIGHT), *y = acn_out(c, Y);
    bag_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(mode_of(c, &p->mode));
    acn_rows_make(&p->table, weight, 2);
    acn_rows_make(&p->bags, y, 2);
    acn_row_side_make(&p->weight, &p->table, weight, acn_rows_class(weight, y));
    acn_row_side_make(&p->y, &p->bags, y, acn_rows_class(weight, y));
    c->plan->data = p;
    c->plan->cost_us =
        (uint32_t)(acn_in(c, INDICES)->dims[0] * weight->dims[1] / 2000 & 0x7fffffff);
    return ACN_OK;
}

static acn_status check_values(const acn_call *c) {
    ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(acn_in(c, WEIGHT)->dims[0], false)));
    return acn_bounds_check(c, OFFSETS, 0, acn_bounds_of(acn_in(c, INDICES)->dims[0] + 1, false));
}

static void store_index(const acn_tensor *t, int64_t at, int64_t value) {
    if (t)
        acn_store_value(acn_tensor_at(t, at), t->dtype,
                        (acn_value){.f = (double)value, .i = value});
}

/* All outputs but y and, where it is MAX, the rows that had the largest. An index in no bag is in
 * the one behind the last. */
static void tell_all(const acn_call *c, bag_mode mode) {
    const acn_tensor *indices = acn_in(c, INDICES), *bag_of = acn_out(c, BAG_OF);
    int64_t bags = bags_of(c), padding = acn_attr_int(c, PADDING);
    if (bag_of && bag_of->dims[0] == 0) bag_of = NULL;
    for (int64_t i = 0; bag_of && i < indices->dims[0]; i++)
        store_index(bag_of, i, bags);
    for (int64_t bag = 0; bag < bags; bag++) {
        int64_t end = offset_at(c, bag + 1), size = 0;
        for (int64_t i = offset_at(c, bag); i < end; i++) {
            size += load_index(indices, i) != padding;
            if (bag_of) store_index(bag_of, i, bag);
        }
        store_index(acn_out(c, BAG_SIZE), bag, size);
        if (mode != MAX) store_index(acn_out(c, WHERE), bag, 0);
    }
}

/* The elements of one tile that are larger than so far, or the first, and which row had them. */
static void take_larger(acn_class k, acn_row_tile *sum, const void *row, int64_t *where,
                        int64_t index, bool is_first, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double v = k == ACN_K_F32 ? (double)((const float *)row)[i] : ((const double *)row)[i];
        double best = k == ACN_K_F32 ? (double)sum->f[i] : sum->d[i];
        if (!is_first && !(v > best)) continue;
        if (k == ACN_K_F32)
            sum->f[i] = (float)v;
        else
            sum->d[i] = v;
        where[i] = index;
    }
}

static void run_tile(const acn_call *c, int64_t bag, int64_t from, int64_t n) {
    const bag_plan *p = c->plan->data;
    const acn_tensor *factors = acn_in(c, FACTORS), *where_out = acn_out(c, WHERE);
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_class k = p->weight.klass;
    acn_row_tile sum, scratch, factor;
    int64_t where[ACN_ROW_TILE] = {0}, size = 0, end = offset_at(c, bag + 1);
    acn_row_splat(k, &sum, 0, n);
    for (int64_t i = offset_at(c, bag); i < end; i++) {
        int64_t index = load_index(acn_in(c, INDICES), i);
        if (index == acn_attr_int(c, PADDING)) continue;
        const char *row = acn_row_at(&p->table, &p->weight, acn_in(c, WEIGHT)->data, index);
        const void *tile = acn_row_load(&p->table, &p->weight, row, from, n, &scratch);
        if (p->mode == MAX) {
            take_larger(k, &sum, tile, where, index, size == 0, n);
        } else if (factors) {
            acn_row_splat(k, &factor, acn_load_value(acn_tensor_at(factors, i), factors->dtype).f,
                          n);
            micro[ACN_U_FMA][k](&sum, tile, &factor, &sum, n);
        } else {
            micro[ACN_U_ADD][k](&sum, &sum, tile, NULL, n);
        }
        size++;
    }
    if (p->mode == MEAN && size) {
        acn_row_splat(k, &factor, (double)size, n);
        micro[ACN_U_DIV][k](&sum, &sum, &factor, NULL, n);
    }
    for (int64_t i = 0; i < n && p->mode == MAX; i++)
        store_index(where_out, bag * p->bags.length + from + i, where[i]);
    char *y = acn_row_at(&p->bags, &p->y, acn_out(c, Y)->data, bag);
    void *to = acn_row_target(&p->y, y, from, &scratch);
    memcpy(to, &sum, (size_t)n * acn_class_bytes(k));
    acn_row_store(&p->bags, &p->y, y, from, n, to);
}

static void run_bag(const void *job, int64_t bag) {
    const acn_call *c = job;
    const bag_plan *p = c->plan->data;
    for (int64_t from = 0; from < p->bags.length; from += ACN_ROW_TILE)
        run_tile(c, bag, from, acn_row_tile_count(&p->bags, from));
}

static acn_status run(acn_call *c) {
    const bag_plan *p = c->plan->data;
    ACN_TRY(check_values(c));
    tell_all(c, p->mode);
    acn_rows_run(&p->bags, run_bag, c);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double load(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}

static void element0(const acn_call *c, bag_mode mode, int64_t bag, int64_t column) {
    const acn_tensor *weight = acn_in(c, WEIGHT), *y = acn_out(c, Y);
    int64_t width = weight->dims[1], size = 0, where = 0, end = offset_at(c, bag + 1);
    double result = 0;
    for (int64_t i = offset_at(c, bag); i < end; i++) {
        int64_t index = load_index(acn_in(c, INDICES), i);
        if (index == acn_attr_int(c, PADDING)) continue;
        double v = load(weight, index * width + column);
        if (acn_in(c, FACTORS)) v *= load(acn_in(c, FACTORS), i);
        if (mode != MAX) {
            result += v;
        } else if (size == 0 || v > result) {
            result = v;
            where = index;
        }
        size++;
    }
    if (mode == MEAN && size) result /= (double)size;
    acn_store_value(acn_tensor_at(y, bag * width + column), y->dtype, (acn_value){.f = result});
    if (mode == MAX) store_index(acn_out(c, WHERE), bag * width + column, where);
}

static acn_status run0(acn_call *c) {
    bag_mode mode;
    ACN_TRY(mode_of(c, &mode));
    ACN_TRY(check_values(c));
    tell_all(c, mode);
    for (int64_t b = 0; b < bags_of(c); b++)
        for (int64_t column = 0; column < acn_in(c, WEIGHT)->dims[1]; column++)
            element0(c, mode, b, column);
    return ACN_OK;
}

ACN_OP(EmbeddingBag) = {
    .name = "EmbeddingBag",
    .doc = "The sum, mean or largest of the rows of weight that each bag of indices names.",
    .in = {{"weight", ACN_FLOATS, ACN_UNALIASED},
           {"indices", ACN_INDEX_TYPES, ACN_UNALIASED},
           {"offsets", ACN_INDEX_TYPES, ACN_UNALIASED},
           {"per_sample_weights", ACN_FLOATS, ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS},
            {"offset2bag", ACN_INDEX_TYPES},
            {"bag_size", ACN_INDEX_TYPES},
            {"max_indices", ACN_INDEX_TYPES}},
    .attr = {{.name = "mode", .kind = ACN_ATTR_STRING},
             {.name = "mode_number", .kind = ACN_ATTR_INT},
             {.name = "include_last_offset", .kind = ACN_ATTR_BOOL},
             {.name = "padding_idx", .kind = ACN_ATTR_INT, .fallback = -1},
             {.name = "scale_grad_by_freq", .kind = ACN_ATTR_BOOL}, /* the gradient's */
             {.name = "sparse", .kind = ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [6,5],i64[8]@0..5,i64[3]@0..7,- "
             "[6,5],i32[8]@0..5,i32[3]@0..7,[8]|mode_number=0 "
             "[6,5],i64[8]@0..5,i64[3]@0..7,-|mode=max,padding_idx=2 "
             "[6,5],i64[8]@0..5,i64[4]@0..7,-|include_last_offset=1,padding_idx=0 "
             "f32[3,2000],i64[9]@0..2,i64[2]@0..0,-|mode=sum [6,5],i64[0],i64[2]@0..0,-",
};

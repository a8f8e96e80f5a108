/* search.c - SearchSorted and Bucketize: where numbers would be inserted into sorted rows. And
 * IsIn, which asks whether they are there at all. */
#include "base/pool.h"
#include "ops/elementwise.h"
#include "ops/layout/copy.h"

enum { SORTED, X, SORTER, RIGHT = 0, CHUNK = 4096 };

/* Numbers are compared as integers when all are, else as doubles. */
static inline bool stays_left(bool is_whole, bool is_right, acn_value there, acn_value x) {
    if (is_whole) return is_right ? there.i <= x.i : there.i < x.i;
    /* PyTorch's: what is not "greater" (or "greater or equal") is passed, so NaN goes to the end */
    return is_right ? !(there.f > x.f) : !(there.f >= x.f);
}

static bool is_whole(const acn_call *c) {
    return !acn_dtype_is_float(acn_in(c, SORTED)->dtype) &&
           !acn_dtype_is_float(acn_in(c, X)->dtype);
}

static acn_status infer_search(acn_call *c) {
    const acn_tensor *sorted = acn_in(c, SORTED), *x = acn_in(c, X);
    const acn_tensor *sorter = acn_in(c, SORTER), *y = acn_out(c, 0);
    if (sorted->rank < 1) return acn_bad_input(c, SORTED, "expected at least one dimension");
    bool fits = sorted->rank == 1 || sorted->rank == x->rank;
    for (int d = 0; sorted->rank > 1 && fits && d < x->rank - 1; d++)
        fits = sorted->dims[d] == x->dims[d];
    if (!fits)
        return acn_bad_input(c, X,
                             "expected one sorted row, or one for each row: equal dimensions but "
                             "the last");
    if (sorter && !acn_tensor_same_shape(sorted, sorter))
        return acn_bad_input(c, SORTER, "expected the shape of the sorted rows");
    acn_out_like(c, 0, y ? y->dtype : ACN_I64, x);
    return ACN_OK;
}

static acn_value value_of(const void *p, acn_dtype dtype) {
    acn_value v = acn_load_value(p, dtype);
    if (!acn_dtype_is_float(dtype)) v.f = (double)v.i;
    return v;
}

typedef struct row {
    const char *data, *order; /* |order|: of the sorter, or NULL */
    int64_t step, order_step, length;
    acn_dtype dtype;
} row;

static row row_of(const acn_call *c, int64_t number) {
    const acn_tensor *sorted = acn_in(c, SORTED), *sorter = acn_in(c, SORTER);
    int last = sorted->rank - 1;
    row r = {.step = sorted->strides[last] * (int64_t)acn_dtype_bytes(sorted->dtype),
             .length = sorted->dims[last],
             .dtype = sorted->dtype};
    int64_t first = sorted->rank == 1 ? 0 : number * r.length;
    if (r.length == 0) return r;
    r.data = acn_tensor_at(sorted, first);
    if (!sorter) return r;
    r.order = acn_tensor_at(sorter, first);
    r.order_step = sorter->strides[last] * (int64_t)sizeof(int64_t);
    return r;
}

static inline acn_value at_row(const row *r, int64_t i) {
    if (r->order) i = *(const int64_t *)(r->order + i * r->order_step);
    return value_of(r->data + i * r->step, r->dtype);
}

/* The commonest rows, without a call for each step. */
#define BISECT(T, there_right, there_left)                                                         \
    do {                                                                                           \
        const T *there = (const T *)r->data;                                                       \
        while (low < high) {                                                                       \
            int64_t middle = (low + high) / 2;                                                     \
            T v = there[middle];                                                                   \
            if (is_right ? (there_right) : (there_left))                                           \
                low = middle + 1;                                                                  \
            else                                                                                   \
                high = middle;                                                                     \
        }                                                                                          \
    } while (0)

static int64_t find(const row *r, acn_value x, bool whole, bool is_right) {
    int64_t low = 0, high = r->length;
    bool is_plain = !r->order && r->step == (int64_t)acn_dtype_bytes(r->dtype);
    if (is_plain && r->dtype == ACN_F32 && !whole) {
        BISECT(float, !((double)v > x.f), !((double)v >= x.f));
        return low;
    }
    if (is_plain && r->dtype == ACN_I64 && whole) {
        BISECT(int64_t, v <= x.i, v < x.i);
        return low;
    }
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (stays_left(whole, is_right, at_row(r, middle), x))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void search_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int64_t count = acn_tensor_count(x), per_row = x->rank ? x->dims[x->rank - 1] : 1;
    int64_t i = chunk * CHUNK, end = i + CHUNK < count ? i + CHUNK : count;
    bool is_right = acn_attr_int(c, RIGHT), whole = is_whole(c);
    bool x_line = acn_tensor_is_contiguous(x), y_line = acn_tensor_is_contiguous(y);
    int64_t x_bytes = (int64_t)acn_dtype_bytes(x->dtype);
    row r = row_of(c, i / per_row);
    for (int64_t seen = i / per_row; i < end; i++) {
        if (i / per_row != seen) r = row_of(c, seen = i / per_row);
        const char *from = x_line ? (const char *)x->data + i * x_bytes : acn_tensor_at(x, i);
        int64_t place = find(&r, value_of(from, x->dtype), whole, is_right);
        if (y->dtype == ACN_I64)
            *(int64_t *)(y_line ? (char *)y->data + i * 8 : acn_tensor_at(y, i)) = place;
        else
            *(int32_t *)(y_line ? (char *)y->data + i * 4 : acn_tensor_at(y, i)) = (int32_t)place;
    }
}

static acn_status plan_search(acn_call *c) {
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, X)) / 32 & 0x7fffffff);
    return ACN_OK;
}

/* A sorter's numbers are addresses: they are checked first. */
static acn_status check_sorter(const acn_call *c) {
    const acn_tensor *sorter = acn_in(c, SORTER);
    for (int64_t i = 0; sorter && i < acn_tensor_count(sorter); i++) {
        int64_t value = *(const int64_t *)acn_tensor_at(sorter, i);
        if (value < 0 || value >= sorter->dims[sorter->rank - 1])
            return acn_fail(ACN_EXECUTION, "sorter has %lld; expected 0 to %lld", (long long)value,
                            (long long)sorter->dims[sorter->rank - 1] - 1);
    }
    return ACN_OK;
}

static acn_status run_search(acn_call *c) {
    ACN_TRY(check_sorter(c));
    acn_pool_run((acn_tensor_count(acn_in(c, X)) + CHUNK - 1) / CHUNK, search_chunk, c);
    return ACN_OK;
}

/* Level 0 counts from the front. */
static acn_status run0_search(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    ACN_TRY(check_sorter(c));
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        row r = row_of(c, x->rank ? i / x->dims[x->rank - 1] : 0);
        acn_value v = value_of(acn_tensor_at(x, i), x->dtype);
        int64_t low = 0, high = r.length; /* as PyTorch's search, for rows that are not sorted */
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            bool stays = stays_left(is_whole(c), acn_attr_int(c, RIGHT), at_row(&r, middle), v);
            *(stays ? &low : &high) = stays ? middle + 1 : middle;
        }
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = (double)low, .i = low});
    }
    return ACN_OK;
}

#define SEARCH(id, about, sorter)                                                                  \
    ACN_OP(id) = {                                                                                 \
        .name = #id,                                                                               \
        .doc = about,                                                                              \
        .in = {{"sorted_sequence", ACN_REALS, ACN_UNALIASED},                                      \
               {"values", ACN_REALS | ACN_BOOLS, ACN_SCALARISH | ACN_UNALIASED},                   \
               sorter},                                                                            \
        .out = {{"out", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},                                         \
        .attr = {{"right", ACN_ATTR_BOOL}},                                                        \
        .infer = infer_search,                                                                     \
        .plan = plan_search,                                                                       \
        .run = run_search,                                                                         \
        .run0 = run0_search,                                                                       \
        .cases =                                                                                   \
            "[9],[7] [9],[3,4]|right=1 f32[5,9],[5,3] i64[40],i64[50]|right=1 [9],[0] [0],[4] "    \
            "f32[9],2 i32[9],f32[20]"}
#define NO_SORTER                                                                                  \
    { NULL }
#define OPTIONAL_SORTER                                                                            \
    { "sorter", ACN_T(ACN_I64), ACN_OPTIONAL | ACN_UNALIASED }
SEARCH(SearchSorted, "out = where values would be inserted into sorted rows", OPTIONAL_SORTER);
SEARCH(Bucketize, "out = the interval between boundaries that values fall into", NO_SORTER);

/* ---- IsIn ------------------------------------------------------------------------------------ */

/* Elements against one number: an equality. */
static acn_value equal_ref(acn_class k, const acn_value *in, const acn_value *attr) {
    bool same = acn_is_float_class(k) ? in[0].f == in[1].f : in[0].i == in[1].i;
    return acn_value_i(same != (attr[0].i != 0));
}
static acn_reg equal_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    (void)k;
    return acn_p2(p, acn_attr_int(c, 0) ? ACN_U_NE : ACN_U_EQ, in[0], in[1]);
}
static const acn_elementwise equal_definition = {
    .gives_bool = true, .body = equal_body, .ref = equal_ref};
ACN_OP(is_in_one) = {
    .name = "IsInTensorScalar",
    .doc = "y = element is the number test_element (invert: is not)",
    .in = {{"element", ACN_REALS | ACN_BOOLS},
           {"test_element", ACN_REALS | ACN_BOOLS, ACN_SCALARISH}},
    .out = {{"y", ACN_BOOLS}},
    .attr = {{"invert", ACN_ATTR_BOOL}},
    ACN_ELEMENTWISE(equal_definition),
    .cases = "[2,3],2 [5,7],1|invert=1 [],0 [0,3],1 [1030],3",
};

/* One number against elements. */
static acn_status infer_one(acn_call *c) {
    if (acn_tensor_count(acn_in(c, 0)) != 1) return acn_bad_input(c, 0, "expected one element");
    acn_out_is(c, 0, ACN_BOOL, 0, NULL);
    return ACN_OK;
}

static acn_status run_one(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *t = acn_in(c, 1);
    bool whole = !acn_dtype_is_float(x->dtype) && !acn_dtype_is_float(t->dtype), found = false;
    acn_value v = value_of(x->data, x->dtype);
    for (int64_t i = 0, n = acn_tensor_count(t); i < n && !found; i++) {
        acn_value u = value_of(acn_tensor_at(t, i), t->dtype);
        found = whole ? u.i == v.i : u.f == v.f;
    }
    *(uint8_t *)acn_out(c, 0)->data = found != (acn_attr_int(c, 0) != 0);
    return ACN_OK;
}

ACN_OP(is_in_many) = {
    .name = "IsInScalarTensor",
    .doc = "y = the number element is one of test_elements (invert: is none)",
    .in = {{"element", ACN_REALS | ACN_BOOLS, ACN_SCALARISH | ACN_UNALIASED},
           {"test_elements", ACN_REALS | ACN_BOOLS, ACN_UNALIASED}},
    .out = {{"y", ACN_BOOLS}},
    .attr = {{"invert", ACN_ATTR_BOOL}},
    .infer = infer_one,
    .run = run_one,
    .run0 = run_one,
    .cases = "f32+i32+i64[1],[40] f32[],[5,7]|invert=1 f32[1],[0]",
};

/* kth.c - the element that stands at a place of the order: Kthvalue, and Median and NanMedian along
 * a dimension or of all elements (the lower one of two). */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/sort/nth.h"
#include <math.h>
#include <string.h>

enum { DIM, KEEP_DIMS, K, MAX_CHUNKS = 64 };

typedef enum kth_kind { KTH, MEDIAN, NAN_MEDIAN } kth_kind;
static kth_kind kind_of(const acn_call *c) { return *(const kth_kind *)c->op->family; }

typedef struct kth_plan {
    acn_walk kept; /* operand 0: values, 1: indices, 2: x */
    acn_walk row;  /* operand 0: x, in order of the indices */
    acn_sorter sorter;
    int64_t length, rows, chunks;
} kth_plan;

/* Without a dimension all elements are one row. */
static acn_status mask_of(const acn_call *c, uint32_t *mask) {
    const acn_tensor *x = acn_in(c, 0);
    int dim;
    *mask = (1u << x->rank) - 1;
    if (!c->attr[DIM].is_present) return ACN_OK;
    ACN_TRY(acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), x->rank, &dim));
    *mask = x->rank ? 1u << dim : 0;
    return ACN_OK;
}

static int64_t length_of(const acn_tensor *x, uint32_t mask) {
    int64_t n = 1;
    for (int d = 0; d < x->rank; d++)
        if (mask >> d & 1) n *= x->dims[d];
    return n;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *indices = acn_out(c, 1);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    int64_t n = length_of(x, mask), k = acn_attr_int(c, K), dims[ACN_MAX_DIMS];
    if (n == 0 && c->attr[DIM].is_present)
        return acn_bad_input(c, 0, "expected at least one element to choose from");
    if (kind_of(c) == KTH && (k < 1 || k > n))
        return acn_bad_attr(c, K, "is %lld; expected 1 to %lld, the dimension's size", (long long)k,
                            (long long)n);
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (!(mask >> d & 1))
            dims[rank++] = x->dims[d];
        else if (acn_attr_int(c, KEEP_DIMS))
            dims[rank++] = 1;
    acn_out_is(c, 0, x->dtype, rank, dims);
    acn_out_is(c, 1, indices ? indices->dtype : ACN_I64, rank, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y[2] = {acn_out(c, 0), acn_out(c, 1)};
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    kth_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_walk_init(&p->kept, 3, 0, NULL);
    acn_walk_init(&p->row, 1, 0, NULL);
    for (int d = 0, without = 0; d < x->rank; d++) {
        int64_t step = x->strides[d] * (int64_t)acn_dtype_bytes(x->dtype);
        if (mask >> d & 1) {
            acn_walk_push(&p->row, x->dims[d], &step);
            continue;
        }
        int64_t steps[3] = {0, 0, step};
        for (int i = 0; i < 2; i++)
            if (y[i])
                steps[i] = y[i]->strides[y[i]->rank == x->rank ? d : without] *
                           (int64_t)acn_dtype_bytes(y[i]->dtype);
        acn_walk_push(&p->kept, x->dims[d], steps);
        without++;
    }
    acn_walk_merge(&p->kept);
    acn_walk_merge(&p->row);
    p->length = length_of(x, mask);
    p->rows = acn_walk_count(&p->kept);
    p->sorter = acn_sorter_of(x->dtype, false);
    if (!p->sorter.is_wide && p->length > UINT32_MAX)
        return acn_bad_input(c, 0, "expected fewer than 2^32 elements in a row");
    p->chunks = p->rows < MAX_CHUNKS ? p->rows : MAX_CHUNKS;
    c->plan->data = p;
    c->plan->workspace_bytes = (uint64_t)(p->chunks * 2 * p->length * p->sorter.entry_bytes);
    c->plan->cost_us = (uint32_t)(p->rows * p->length / 128 & 0x7fffffff);
    return ACN_OK;
}

static void load_row(const kth_plan *p, const char *x, char *entries) {
    int last = p->row.rank - 1;
    int64_t inner = p->row.dims[last], step = p->row.strides[0][last];
    acn_walk_at at = {0};
    for (int64_t i = 0; i < p->length; i += inner, acn_walk_next(&p->row, last, &at))
        acn_sorter_load(&p->sorter, entries + i * p->sorter.entry_bytes, x + at.offset[0], step,
                        inner, i);
}

/* The place that is asked for; a NaN is every row's median that has one. */
static int64_t place_in(const acn_call *c, int64_t n, int64_t nans) {
    if (kind_of(c) == KTH) return acn_attr_int(c, K) - 1;
    if (kind_of(c) == MEDIAN && nans > 0) return n - nans;
    return n > nans ? (n - nans - 1) / 2 : 0;
}

static void give(const acn_call *c, const acn_walk_at *at, const char *element, int64_t index) {
    const acn_tensor *values = acn_out(c, 0), *indices = acn_out(c, 1);
    memcpy((char *)values->data + at->offset[0], element, acn_dtype_bytes(values->dtype));
    if (indices)
        acn_store_value((char *)indices->data + at->offset[1], indices->dtype,
                        (acn_value){.f = (double)index, .i = index});
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const acn_call *c = context;
    const kth_plan *p = c->plan->data;
    int64_t bytes = p->length * p->sorter.entry_bytes;
    char *entries = (char *)c->workspace + chunk * 2 * bytes, *room = entries + bytes;
    int64_t row = p->rows * chunk / p->chunks, end = p->rows * (chunk + 1) / p->chunks;
    acn_walk_at at, in;
    acn_walk_seek(&p->kept, p->kept.rank, row, &at);
    for (; row < end; row++, acn_walk_next(&p->kept, p->kept.rank, &at)) {
        const char *x = (const char *)acn_in(c, 0)->data + at.offset[2];
        load_row(p, x, entries);
        int64_t nans = kind_of(c) == KTH ? 0 : acn_sorter_nan_count(&p->sorter, entries, p->length);
        int64_t index =
            acn_sorter_nth(&p->sorter, entries, room, p->length, place_in(c, p->length, nans));
        acn_walk_seek(&p->row, p->row.rank, index, &in);
        give(c, &at, x + in.offset[0], index);
    }
}

/* Of nothing: PyTorch's median of an empty tensor, NaN, and what that becomes as an integer. */
static acn_status give_nan(const acn_call *c) {
    acn_value nan = {.f = NAN, .i = acn_out(c, 0)->dtype == ACN_I64 ? INT64_MIN : INT32_MIN};
    acn_store_value(acn_out(c, 0)->data, acn_out(c, 0)->dtype, nan);
    if (acn_out(c, 1)) acn_store_value(acn_out(c, 1)->data, acn_out(c, 1)->dtype, (acn_value){0});
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const kth_plan *p = c->plan->data;
    if (p->length == 0) return p->rows ? give_nan(c) : ACN_OK;
    acn_pool_run(p->chunks, run_chunk, c);
    return ACN_OK;
}

/* ---- level 0: the one that so many stand before ---------------------------------------------- */

static bool is_before(acn_dtype dtype, acn_value a, acn_value b) {
    if (!acn_dtype_is_float(dtype)) return a.i < b.i;
    return isnan(b.f) ? !isnan(a.f) : a.f < b.f;
}

static acn_value element(const acn_tensor *x, uint32_t mask, int64_t kept, int64_t i) {
    int64_t index[ACN_MAX_DIMS];
    for (int d = x->rank - 1; d >= 0; d--) {
        int64_t *linear = mask >> d & 1 ? &i : &kept;
        index[d] = *linear % x->dims[d];
        *linear /= x->dims[d];
    }
    return acn_load_value(acn_tensor_at_index(x, index), x->dtype);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *values = acn_out(c, 0), *indices = acn_out(c, 1);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    int64_t n = length_of(x, mask), outputs = acn_tensor_count(values);
    if (n == 0) return outputs ? give_nan(c) : ACN_OK;
    for (int64_t o = 0; o < outputs; o++) {
        int64_t nans = 0;
        for (int64_t i = 0; i < n; i++)
            nans += acn_dtype_is_float(x->dtype) && isnan(element(x, mask, o, i).f);
        int64_t wanted = place_in(c, n, nans);
        for (int64_t i = 0; i < n; i++) {
            acn_value v = element(x, mask, o, i);
            int64_t place = 0;
            for (int64_t j = 0; j < n; j++) {
                acn_value u = element(x, mask, o, j);
                bool is_tie = !is_before(x->dtype, u, v) && !is_before(x->dtype, v, u);
                place += is_before(x->dtype, u, v) || (is_tie && j < i);
            }
            if (place != wanted) continue;
            acn_store_value(acn_tensor_at(values, o), values->dtype, v);
            if (indices)
                acn_store_value(acn_tensor_at(indices, o), indices->dtype,
                                (acn_value){.f = (double)i, .i = i});
        }
    }
    return ACN_OK;
}

#define KTH_OP(id, kind, about, cases_text)                                                        \
    static const kth_kind kind_##id = kind;                                                        \
    ACN_OP(id) = {.name = #id,                                                                     \
                  .doc = about,                                                                    \
                  .in = {{"x", ACN_SORTABLE, ACN_UNALIASED}},                                      \
                  .out = {{"values", ACN_SORTABLE},                                                \
                          {"indices", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL}},             \
                  .attr = {{"dim", ACN_ATTR_INT},                                                  \
                           {"keepdim", ACN_ATTR_BOOL},                                             \
                           {"k", ACN_ATTR_INT, .fallback = 1}},                                    \
                  .infer = infer,                                                                  \
                  .plan = plan,                                                                    \
                  .run = run,                                                                      \
                  .run0 = run0,                                                                    \
                  .family = &kind_##id,                                                            \
                  .cases = cases_text}
#define MEDIAN_CASES                                                                               \
    "[7]|dim=0 [5,70]|dim=1 [70,5]|dim=0|keepdim=1 [2,3,4]|dim=1 [2,3,4] [] [0,3]|dim=1 [9,90]"
KTH_OP(Kthvalue, KTH, "values = the k-th smallest of x along dim, and where it stands",
       "[7]|dim=0,k=3 [5,700]|dim=1,k=9 [70,5]|dim=0,k=70|keepdim=1 []|dim=0,k=1 [2,3]|dim=-1,k=2");
KTH_OP(Median, MEDIAN,
       "values = the median of x along dim (none given: of all), the lower one of two",
       MEDIAN_CASES);
KTH_OP(NanMedian, NAN_MEDIAN, "values = the median of what is not NaN", MEDIAN_CASES);

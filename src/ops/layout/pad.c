/* pad.c - PadV3: a frame of one value around x; negative widths cut. */
#include "ops/layout/copy.h"

typedef struct pad_plan {
    acn_copy frame, inner;
    int64_t to_offset, from_offset;
} pad_plan;

enum { PAD, PADDINGS };

/* Widths come in pairs: PAD's with the last dimension first, as in aclnnConstantPadNd; PADDINGS'
 * are one for each dimension in order, as GE has them. */
static void widths(const acn_call *c, int dim, int64_t *before, int64_t *after) {
    int64_t count;
    bool is_ge = c->attr[PADDINGS].is_present;
    const int64_t *pad = acn_attr_ints(c, is_ge ? PADDINGS : PAD, &count);
    int64_t pair = is_ge ? dim : acn_in(c, 0)->rank - 1 - dim;
    *before = 2 * pair + 1 < count ? pad[2 * pair] : 0;
    *after = 2 * pair + 1 < count ? pad[2 * pair + 1] : 0;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count, dims[ACN_MAX_DIMS];
    int given = c->attr[PADDINGS].is_present ? PADDINGS : PAD;
    if (!c->attr[given].is_present)
        return acn_fail(ACN_NULL_POINTER, "pad is missing; expected pairs of widths");
    acn_attr_ints(c, given, &count);
    if (count % 2 != 0 || count > 2 * x->rank || (given == PADDINGS && count != 2 * x->rank))
        return acn_bad_attr(c, given, "has %lld numbers; expected pairs for %d dimensions",
                            (long long)count, x->rank);
    if (acn_in(c, 1) && acn_tensor_count(acn_in(c, 1)) != 1)
        return acn_bad_input(c, 1, "expected one element");
    for (int d = 0; d < x->rank; d++) {
        int64_t before, after;
        widths(c, d, &before, &after);
        dims[d] = x->dims[d] + before + after;
        if (dims[d] < 0)
            return acn_bad_attr(c, given, "cuts more than the %lld elements of dimension %d",
                                (long long)x->dims[d], d);
    }
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_tensor inner = *acn_out(c, 0), source = *acn_in(c, 0), element;
    for (int d = 0; d < source.rank; d++) {
        int64_t before, after;
        widths(c, d, &before, &after);
        int64_t start = before < 0 ? -before : 0;
        int64_t size = source.dims[d] - start + (after < 0 ? after : 0);
        if (size < 0) size = 0;
        source = acn_tensor_slice(&source, d, size ? start : 0, size);
        inner = acn_tensor_slice(&inner, d, size && before > 0 ? before : 0, size);
    }
    pad_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    acn_tensor_init(&element, NULL, inner.dtype, 0, NULL);
    ACN_TRY(acn_copy_plan(&p->frame, acn_out(c, 0), &element));
    ACN_TRY(acn_copy_plan(&p->inner, &inner, &source));
    p->to_offset = (char *)inner.data - (char *)acn_out(c, 0)->data;
    p->from_offset = (char *)source.data - (char *)acn_in(c, 0)->data;
    c->plan->data = p;
    c->plan->cost_us = acn_copy_cost_us(&p->frame) + acn_copy_cost_us(&p->inner);
    return ACN_OK;
}

static void pad_value(const acn_call *c, void *element) {
    acn_dtype dtype = acn_out(c, 0)->dtype;
    if (acn_in(c, 1))
        acn_convert_element(element, dtype, acn_in(c, 1)->data, acn_in(c, 1)->dtype);
    else
        acn_store_value(element, dtype, (acn_value){0});
}

static acn_status run(acn_call *c) {
    const pad_plan *p = c->plan->data;
    _Alignas(16) char element[16];
    pad_value(c, element);
    acn_copy_run(&p->frame, acn_out(c, 0)->data, element);
    acn_copy_run(&p->inner, (char *)acn_out(c, 0)->data + p->to_offset,
                 (const char *)acn_in(c, 0)->data + p->from_offset);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t n = acn_tensor_count(y), index[ACN_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(y, i, index);
        char *to = acn_tensor_at_index(y, index);
        bool is_inside = true;
        for (int d = 0; d < x->rank; d++) {
            int64_t before, after;
            widths(c, d, &before, &after);
            index[d] -= before;
            is_inside = is_inside && index[d] >= 0 && index[d] < x->dims[d];
        }
        if (is_inside)
            acn_convert_element(to, y->dtype, acn_tensor_at_index(x, index), x->dtype);
        else
            pad_value(c, to);
    }
    return ACN_OK;
}

ACN_OP(PadV3) = {
    .name = "PadV3",
    .doc =
        "y = x in a frame of constant_values (0); pad has pairs of widths, last dimension first, "
        "paddings in order",
    .in = {{"x", ACN_ALL, ACN_UNALIASED},
           {"constant_values", ACN_ALL | ACN_T(ACN_C128), ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"pad", ACN_ATTR_INTS}, {"paddings", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3]|pad=[1,2] [4,5]|pad=[1,-2,0,3] [3]|pad=[-1,-1] [2,0]|pad=[1,1] "
             "[4,5]|paddings=[0,3,1,-2]",
};

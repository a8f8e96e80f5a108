/* strided_slice.c - StridedSlice: x[begin:end:stride] in each dimension, with TensorFlow's masks:
 * ends that do not count, an ellipsis, new dimensions, dimensions that go away. One copy. */
#include "ops/layout/copy.h"

enum { BEGIN, END, STRIDES, BEGIN_MASK, END_MASK, ELLIPSIS_MASK, NEW_AXIS_MASK, SHRINK_MASK };

/* The result's dimensions as steps through x. */
typedef struct slices {
    int rank;
    int64_t dims[ACN_MAX_DIMS], start[ACN_MAX_DIMS], step[ACN_MAX_DIMS];
    int source[ACN_MAX_DIMS];    /* x's dimension; -1: new */
    int64_t first[ACN_MAX_DIMS]; /* of each dimension of x */
} slices;

static bool has_bit(const acn_call *c, int attr, int64_t i) {
    return acn_attr_int(c, attr) >> i & 1;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

/* One entry of the lists, for x's dimension |d|. */
static acn_status read_entry(const acn_call *c, int64_t i, int d, slices *s) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count, size = x->dims[d];
    int64_t begin = acn_attr_ints(c, BEGIN, &count)[i], end = acn_attr_ints(c, END, &count)[i];
    int64_t stride = c->attr[STRIDES].is_present ? acn_attr_ints(c, STRIDES, &count)[i] : 1;
    if (stride == 0) return acn_bad_attr(c, STRIDES, "expected other strides than 0");
    stride = clamp(stride, -size - 1, size + 1); /* beyond the end is beyond the end */
    if (has_bit(c, SHRINK_MASK, i)) {
        int64_t at = begin < 0 ? begin + size : begin;
        if (at < 0 || at >= size)
            return acn_bad_attr(c, BEGIN, "has %lld for a dimension of size %lld that goes away",
                                (long long)begin, (long long)size);
        s->first[d] = at;
        return ACN_OK;
    }
    int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
    begin = clamp(begin < 0 ? begin + size : begin, low, high);
    end = clamp(end < 0 ? end + size : end, low, high);
    if (has_bit(c, BEGIN_MASK, i)) begin = stride > 0 ? 0 : size - 1;
    if (has_bit(c, END_MASK, i)) end = stride > 0 ? size : -1;
    int64_t span = stride > 0 ? end - begin : begin - end, each = stride > 0 ? stride : -stride;
    s->first[d] = span > 0 ? begin : 0;
    s->source[s->rank] = d;
    s->step[s->rank] = stride;
    s->dims[s->rank++] = span > 0 ? (span + each - 1) / each : 0;
    return ACN_OK;
}

static acn_status check_room(const acn_call *c, const slices *s) {
    if (s->rank < ACN_MAX_DIMS) return ACN_OK;
    return acn_bad_attr(c, BEGIN, "gives more than %d dimensions", ACN_MAX_DIMS);
}

static acn_status keep_whole(const acn_call *c, int d, slices *s) {
    ACN_TRY(check_room(c, s));
    s->source[s->rank] = d;
    s->step[s->rank] = 1;
    s->dims[s->rank++] = acn_in(c, 0)->dims[d];
    return ACN_OK;
}

static acn_status read_slices(const acn_call *c, slices *s) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t count, ends, strides, used = 0, ellipses = 0;
    acn_attr_ints(c, BEGIN, &count);
    acn_attr_ints(c, END, &ends);
    strides = count;
    if (c->attr[STRIDES].is_present) acn_attr_ints(c, STRIDES, &strides);
    if (ends != count || strides != count || count > 2 * ACN_MAX_DIMS)
        return acn_bad_attr(c, END, "expected lists of one length");
    *s = (slices){0};
    for (int64_t i = 0; i < count; i++) {
        ellipses += has_bit(c, ELLIPSIS_MASK, i);
        used += !has_bit(c, NEW_AXIS_MASK, i) && !has_bit(c, ELLIPSIS_MASK, i);
    }
    if (ellipses > 1) return acn_bad_attr(c, ELLIPSIS_MASK, "expected one ellipsis at most");
    if (used > x->rank)
        return acn_bad_attr(c, BEGIN, "has entries for %lld dimensions; the input has %d",
                            (long long)used, x->rank);
    int d = 0;
    for (int64_t i = 0; i < count; i++) {
        if (has_bit(c, ELLIPSIS_MASK, i)) {
            for (int64_t rest = x->rank - used; rest > 0; rest--)
                ACN_TRY(keep_whole(c, d++, s));
        } else if (has_bit(c, NEW_AXIS_MASK, i)) {
            ACN_TRY(check_room(c, s));
            s->source[s->rank] = -1;
            s->dims[s->rank++] = 1;
        } else {
            ACN_TRY(check_room(c, s));
            ACN_TRY(read_entry(c, i, d++, s));
        }
    }
    while (d < x->rank)
        ACN_TRY(keep_whole(c, d++, s));
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    slices s;
    ACN_TRY(read_slices(c, &s));
    acn_out_is(c, 0, acn_in(c, 0)->dtype, s.rank, s.dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t bytes = (int64_t)acn_dtype_bytes(x->dtype), offset = 0;
    slices s;
    ACN_TRY(read_slices(c, &s));
    for (int d = 0; d < x->rank; d++)
        offset += s.first[d] * x->strides[d] * bytes;
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    for (int d = 0; d < s.rank; d++)
        acn_walk_push(
            &walk, s.dims[d],
            (int64_t[]){y->strides[d] * bytes,
                        s.source[d] < 0 ? 0 : x->strides[s.source[d]] * s.step[d] * bytes});
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    return acn_moves_add_walk(c, c->out_first[0], c->in_first[0], offset, &walk);
}

static const acn_tensor *origin(const acn_call *c, int output, const int64_t *index,
                                int64_t *from) {
    const acn_tensor *x = acn_in(c, 0);
    slices s;
    (void)output;
    (void)read_slices(c, &s);
    for (int d = 0; d < x->rank; d++)
        from[d] = s.first[d];
    for (int d = 0; d < s.rank; d++)
        if (s.source[d] >= 0) from[s.source[d]] += index[d] * s.step[d];
    return x;
}

static acn_status run0(acn_call *c) { return acn_moves_run0(c, origin); }

ACN_OP(StridedSlice) = {
    .name = "StridedSlice",
    .doc = "y = x[begin:end:strides] in each dimension; masks as TensorFlow has them",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"begin", ACN_ATTR_INTS, .is_required = true},
             {"end", ACN_ATTR_INTS, .is_required = true},
             {"strides", ACN_ATTR_INTS},
             {"begin_mask", ACN_ATTR_INT},
             {"end_mask", ACN_ATTR_INT},
             {"ellipsis_mask", ACN_ATTR_INT},
             {"new_axis_mask", ACN_ATTR_INT},
             {"shrink_axis_mask", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases =
        "[9]|begin=[1],end=[8],strides=[3] [5,7]|begin=[0,-1],end=[5,-8],strides=[2,-2] "
        "[5,7]|begin=[1],end=[-1] [5,7]|begin=[2,1],end=[3,6],shrink_axis_mask=1 "
        "[5,7,3]|begin=[0,1],end=[0,3],ellipsis_mask=1 [4]|begin=[0,1],end=[0,3],new_axis_mask=1 "
        "[5,7]|begin=[3,3],end=[1,1],begin_mask=1,end_mask=2 [5]|begin=[4],end=[2]",
};

/* ge_layout.c - types of the graph engine that only say where elements are: views wherever strides
 * can say it, and what is known of shapes, as constants. */
#include "graph/import/ge.h"

#include <string.h>

static acn_status as_is(acn_ge_call *c) {
    for (int i = 0; i < c->in_count; i++)
        c->out[i] = c->in[i];
    return ACN_OK;
}
ACN_GE_OP(identity) = {.type = "Identity", .import = as_is};
ACN_GE_OP(identity_n) = {.type = "IdentityN", .import = as_is};
ACN_GE_OP(stop_gradient) = {.type = "StopGradient", .import = as_is};
ACN_GE_OP(prevent_gradient) = {.type = "PreventGradient", .import = as_is};

static acn_status reshape_to(acn_ge_call *c, int rank, const int64_t *dims) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        if (dims[d] < 0 || __builtin_mul_overflow(count, dims[d], &count))
            return acn_ge_bad(c, "dimension %d of its shape is %lld", d, (long long)dims[d]);
    if (count != acn_tensor_count(x))
        return acn_ge_bad(c, "%lld elements do not fit a shape of %lld",
                          (long long)acn_tensor_count(x), (long long)count);
    return acn_net_reshape(c->net, c->node->name, c->in[0], rank, dims, &c->out[0]);
}

/* 0 keeps a dimension, -1 is what is left; axis and num_axes choose the dimensions to replace. */
static acn_status reshape(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t given[ACN_MAX_DIMS], dims[3 * ACN_MAX_DIMS], known = 1;
    int count, axis, rank = 0, open = -1;
    int64_t axes = acn_ge_int(c, "num_axes", -1), first = acn_ge_int(c, "axis", 0);
    ACN_TRY(acn_ge_ints(c, 1, "shape", ACN_MAX_DIMS, given, &count));
    if (count < 0) return acn_ge_bad(c, "input shape is missing; connect it");
    axis = (int)(first < 0 ? first + x->rank + 1 : first);
    int last = axes < 0 ? x->rank : axis + (int)axes;
    if (axis < 0 || axis > x->rank || last > x->rank || last < axis)
        return acn_ge_bad(c, "axis %lld and num_axes %lld do not fit %d dimensions",
                          (long long)first, (long long)axes, x->rank);
    for (int d = 0; d < axis; d++)
        dims[rank++] = x->dims[d];
    for (int i = 0; i < count; i++) {
        if (given[i] == -1 && open < 0) open = rank;
        bool keeps = given[i] == 0 && axis + i < x->rank;
        dims[rank++] = keeps ? x->dims[axis + i] : given[i];
    }
    for (int d = last; d < x->rank; d++)
        dims[rank++] = x->dims[d];
    if (rank > ACN_MAX_DIMS) return acn_ge_bad(c, "it makes %d dimensions", rank);
    for (int d = 0; d < rank; d++)
        if (d != open) known *= dims[d];
    if (open >= 0) dims[open] = known ? acn_tensor_count(x) / known : 0;
    return reshape_to(c, rank, dims);
}
ACN_GE_OP(reshape) = {.type = "Reshape", .import = reshape};

static acn_status squeeze(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t axes[ACN_MAX_DIMS];
    int count, rank = 0;
    bool goes[ACN_MAX_DIMS] = {false};
    acn_tensor shape = *x;
    const char *attr = strcmp(c->node->type, "SqueezeV3") == 0 ? NULL : "axis";
    ACN_TRY(acn_ge_ints(c, attr ? -1 : 1, attr, ACN_MAX_DIMS, axes, &count));
    for (int i = 0, at; i < count; i++) {
        ACN_TRY(acn_ge_axis(c, axes[i], x->rank, &at));
        if (x->dims[at] != 1)
            return acn_ge_bad(c, "dimension %d is %lld, not 1", at, (long long)x->dims[at]);
        goes[at] = true;
    }
    for (int d = 0; d < x->rank; d++) {
        if (goes[d] || (count <= 0 && x->dims[d] == 1)) continue;
        shape.dims[rank] = x->dims[d];
        shape.strides[rank++] = x->strides[d];
    }
    shape.rank = rank;
    shape.data = NULL;
    return acn_net_view(c->net, c->node->name, c->in[0], &shape, &c->out[0]);
}
ACN_GE_OP(squeeze) = {.type = "Squeeze", .import = squeeze};
ACN_GE_OP(squeeze_v2) = {.type = "SqueezeV2", .import = squeeze};
ACN_GE_OP(squeeze_v3) = {.type = "SqueezeV3", .import = squeeze};

static acn_status insert_axes(acn_ge_call *c, const int64_t *axes, int count) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_tensor shape = *x;
    bool is_new[2 * ACN_MAX_DIMS] = {false};
    int from = 0;
    shape.data = NULL;
    shape.rank = x->rank + count;
    if (shape.rank > ACN_MAX_DIMS) return acn_ge_bad(c, "it makes %d dimensions", shape.rank);
    for (int i = 0, at; i < count; i++) {
        ACN_TRY(acn_ge_axis(c, axes[i], shape.rank, &at));
        if (is_new[at]) return acn_ge_bad(c, "axis %d occurs twice", at);
        is_new[at] = true;
    }
    for (int d = 0; d < shape.rank; d++) {
        shape.dims[d] = is_new[d] ? 1 : x->dims[from];
        shape.strides[d] = is_new[d] ? 1 : x->strides[from];
        from += !is_new[d];
    }
    return acn_net_view(c->net, c->node->name, c->in[0], &shape, &c->out[0]);
}

static acn_status unsqueeze(acn_ge_call *c) {
    int64_t axes[ACN_MAX_DIMS];
    int count;
    const char *attr = strcmp(c->node->type, "Unsqueeze") == 0 ? "axes" : "axis";
    ACN_TRY(acn_ge_ints(c, 1, attr, ACN_MAX_DIMS, axes, &count));
    if (count <= 0) return acn_ge_bad(c, "it has no axes");
    return insert_axes(c, axes, count);
}
ACN_GE_OP(unsqueeze) = {.type = "Unsqueeze", .import = unsqueeze};
ACN_GE_OP(unsqueeze_v2) = {.type = "UnsqueezeV2", .import = unsqueeze};
ACN_GE_OP(unsqueeze_v3) = {.type = "UnsqueezeV3", .import = unsqueeze};
ACN_GE_OP(expand_dims) = {.type = "ExpandDims", .import = unsqueeze};

static acn_status flatten(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t axis = acn_ge_int(c, "axis", 1), dims[2] = {1, 1};
    if (axis < 0) axis += x->rank;
    for (int d = 0; d < x->rank; d++)
        dims[d >= axis] *= x->dims[d];
    return reshape_to(c, 2, dims);
}
ACN_GE_OP(flatten) = {.type = "Flatten", .import = flatten};

static acn_status flatten_range(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t dims[ACN_MAX_DIMS] = {1};
    int first, last, rank = 0;
    ACN_TRY(acn_ge_axis(c, acn_ge_int(c, "axis", 1), x->rank, &first));
    ACN_TRY(acn_ge_axis(c, acn_ge_int(c, "end_axis", -1), x->rank, &last));
    if (first > last) return acn_ge_bad(c, "axis %d comes after end_axis %d", first, last);
    for (int d = 0; d < x->rank; d++) {
        if (d > first && d <= last)
            dims[rank - 1] *= x->dims[d];
        else
            dims[rank++] = x->dims[d];
    }
    return reshape_to(c, rank ? rank : 1, dims);
}
ACN_GE_OP(flatten_v2) = {.type = "FlattenV2", .import = flatten_range};

static acn_status transpose(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_tensor shape = *x;
    int64_t perm[ACN_MAX_DIMS];
    int count, from;
    bool is_used[ACN_MAX_DIMS] = {false};
    ACN_TRY(acn_ge_ints(c, 1, "perm", ACN_MAX_DIMS, perm, &count));
    if (count != x->rank)
        return acn_ge_bad(c, "perm has %d numbers, x %d dimensions", count, x->rank);
    shape.data = NULL;
    for (int d = 0; d < x->rank; d++) {
        ACN_TRY(acn_ge_axis(c, perm[d], x->rank, &from));
        if (is_used[from]) return acn_ge_bad(c, "perm names dimension %d twice", from);
        is_used[from] = true;
        shape.dims[d] = x->dims[from];
        shape.strides[d] = x->strides[from];
    }
    return acn_net_view(c->net, c->node->name, c->in[0], &shape, &c->out[0]);
}
ACN_GE_OP(transpose) = {.type = "Transpose", .import = transpose};
ACN_GE_OP(transpose_d) = {.type = "TransposeD", .import = transpose};

/* ---- parts ----------------------------------------------------------------------------------- */

static acn_status part(acn_ge_call *c, acn_net_value *x, int axis, int64_t begin, int64_t size,
                       acn_net_value **out) {
    acn_tensor shape = x->tensor;
    int64_t distance = begin * x->tensor.strides[axis] * (int64_t)acn_dtype_bytes(shape.dtype);
    if (begin < 0 || size < 0 || begin + size > shape.dims[axis])
        return acn_ge_bad(c, "%lld to %lld is outside of dimension %d, which is %lld",
                          (long long)begin, (long long)(begin + size), axis,
                          (long long)shape.dims[axis]);
    shape.dims[axis] = size;
    shape.data = (void *)(intptr_t)distance;
    return acn_net_view(c->net, c->node->name, x, &shape, out);
}

/* Parts of |sizes| along |axis|; a size of -1 is what is left. */
static acn_status split_into(acn_ge_call *c, acn_net_value *x, int64_t axis_given, int64_t *sizes,
                             int count) {
    int axis, open = -1;
    int64_t begin = 0, rest;
    if (x == NULL) return acn_ge_bad(c, "input x is missing; connect it");
    ACN_TRY(acn_ge_axis(c, axis_given, x->tensor.rank, &axis));
    if (x->tensor.rank == 0) return acn_ge_bad(c, "x has no dimensions");
    rest = x->tensor.dims[axis];
    for (int i = 0; i < count; i++) {
        if (sizes[i] == -1 && open < 0) open = i;
        rest -= i == open ? 0 : sizes[i];
    }
    if (open >= 0) sizes[open] = rest;
    if (open < 0 && rest != 0)
        return acn_ge_bad(c, "its parts are %lld elements off dimension %d, which is %lld",
                          (long long)rest, axis, (long long)x->tensor.dims[axis]);
    for (int i = 0; i < count; begin += sizes[i++])
        ACN_TRY(part(c, x, axis, begin, sizes[i], &c->out[i]));
    return ACN_OK;
}

static acn_status split_evenly(acn_ge_call *c, acn_net_value *x, int64_t axis) {
    int64_t sizes[ACN_GE_MAX_TENSORS], count = acn_ge_int(c, "num_split", c->out_count);
    int at;
    if (x == NULL) return acn_ge_bad(c, "input x is missing; connect it");
    ACN_TRY(acn_ge_axis(c, axis, x->tensor.rank, &at));
    int64_t size = x->tensor.rank ? x->tensor.dims[at] : 0;
    if (count < 1 || count > ACN_GE_MAX_TENSORS || size % count)
        return acn_ge_bad(c, "%lld elements do not make %lld equal parts", (long long)size,
                          (long long)count);
    for (int i = 0; i < count; i++)
        sizes[i] = size / count;
    return split_into(c, x, axis, sizes, (int)count);
}

static acn_status split_d(acn_ge_call *c) {
    return split_evenly(c, c->in[0], acn_ge_int(c, "split_dim", 0));
}
ACN_GE_OP(split_d) = {.type = "SplitD", .import = split_d};

static acn_status split(acn_ge_call *c) {
    int64_t axis = 0;
    int count;
    ACN_TRY(acn_ge_ints(c, 0, NULL, 1, &axis, &count));
    return split_evenly(c, c->in[1], axis);
}
ACN_GE_OP(split) = {.type = "Split", .import = split};

static acn_status split_v(acn_ge_call *c) {
    int64_t sizes[ACN_GE_MAX_TENSORS], axis = 0;
    int count, axes;
    ACN_TRY(acn_ge_ints(c, 1, "size_splits", ACN_GE_MAX_TENSORS, sizes, &count));
    ACN_TRY(acn_ge_ints(c, 2, "split_dim", 1, &axis, &axes));
    if (count < 0) return acn_ge_bad(c, "it has no sizes of parts");
    return split_into(c, c->in[0], axis, sizes, count);
}
ACN_GE_OP(split_v) = {.type = "SplitV", .import = split_v};
ACN_GE_OP(split_v_d) = {.type = "SplitVD", .import = split_v};

static acn_status unpack(acn_ge_call *c) {
    acn_net_value *x = c->in[0], *slice;
    int axis;
    ACN_TRY(acn_ge_axis(c, acn_ge_int(c, "axis", 0), x->tensor.rank, &axis));
    int64_t count = x->tensor.rank ? x->tensor.dims[axis] : 0;
    if (count > ACN_GE_MAX_TENSORS || acn_ge_int(c, "num", count) != count)
        return acn_ge_bad(c, "dimension %d is %lld, num another number or more than %d", axis,
                          (long long)count, ACN_GE_MAX_TENSORS);
    for (int i = 0; i < count; i++) {
        ACN_TRY(part(c, x, axis, i, 1, &slice));
        acn_tensor shape = slice->tensor;
        shape.data = NULL;
        shape.rank--;
        for (int d = axis; d < shape.rank; d++) {
            shape.dims[d] = shape.dims[d + 1];
            shape.strides[d] = shape.strides[d + 1];
        }
        ACN_TRY(acn_net_view(c->net, c->node->name, slice, &shape, &c->out[i]));
    }
    return ACN_OK;
}
ACN_GE_OP(unpack) = {.type = "Unpack", .import = unpack};

/* A size of -1 is all that is left. */
static acn_status slice(acn_ge_call *c) {
    acn_net_value *x = c->in[0];
    int64_t begin[ACN_MAX_DIMS], size[ACN_MAX_DIMS];
    int begins, sizes;
    ACN_TRY(acn_ge_ints(c, 1, "offsets", ACN_MAX_DIMS, begin, &begins));
    ACN_TRY(acn_ge_ints(c, 2, "size", ACN_MAX_DIMS, size, &sizes));
    if (begins != x->tensor.rank || sizes != x->tensor.rank)
        return acn_ge_bad(c, "it has %d offsets and %d sizes for %d dimensions", begins, sizes,
                          x->tensor.rank);
    for (int d = 0; d < begins; d++) {
        int64_t n = size[d] == -1 ? x->tensor.dims[d] - begin[d] : size[d];
        ACN_TRY(part(c, x, d, begin[d], n, &x));
    }
    c->out[0] = x;
    return ACN_OK;
}
ACN_GE_OP(slice) = {.type = "Slice", .import = slice};
ACN_GE_OP(slice_d) = {.type = "SliceD", .import = slice};

/* Along some axes, with negative numbers from the end, clamped: as Python has it. */
static acn_status strided_slice(acn_ge_call *c) {
    acn_net_value *x = c->in[0];
    int64_t begin[ACN_MAX_DIMS], end[ACN_MAX_DIMS], axes[ACN_MAX_DIMS], steps[ACN_MAX_DIMS];
    int begins, ends, axis_count, step_count;
    int64_t begin_mask = acn_ge_int(c, "begin_mask", 0), end_mask = acn_ge_int(c, "end_mask", 0);
    ACN_TRY(acn_ge_ints(c, 1, NULL, ACN_MAX_DIMS, begin, &begins));
    ACN_TRY(acn_ge_ints(c, 2, NULL, ACN_MAX_DIMS, end, &ends));
    ACN_TRY(acn_ge_ints(c, 3, NULL, ACN_MAX_DIMS, axes, &axis_count));
    ACN_TRY(acn_ge_ints(c, 4, NULL, ACN_MAX_DIMS, steps, &step_count));
    if (acn_ge_int(c, "ellipsis_mask", 0) || acn_ge_int(c, "new_axis_mask", 0) ||
        acn_ge_int(c, "shrink_axis_mask", 0))
        return acn_ge_bad(c, "its masks for ellipses and axes are only supported as 0");
    if (ends != begins || (axis_count >= 0 && axis_count != begins) ||
        (step_count >= 0 && step_count != begins))
        return acn_ge_bad(c, "begin, end, axes and strides differ in their number");
    for (int i = 0, axis; i < begins; i++) {
        ACN_TRY(acn_ge_axis(c, axis_count >= 0 ? axes[i] : i, x->tensor.rank, &axis));
        int64_t n = x->tensor.dims[axis], step = step_count >= 0 ? steps[i] : 1;
        int64_t from = begin[i] < 0 ? begin[i] + n : begin[i],
                to = end[i] < 0 ? end[i] + n : end[i];
        if (step <= 0) return acn_ge_bad(c, "stride %d is %lld, not positive", i, (long long)step);
        if (begin_mask >> i & 1) from = 0;
        if (end_mask >> i & 1) to = n;
        from = from < 0 ? 0 : from > n ? n : from;
        to = to < from ? from : to > n ? n : to;
        ACN_TRY(part(c, x, axis, from, to - from, &x));
        if (step == 1) continue;
        acn_tensor shape = x->tensor;
        shape.data = NULL;
        shape.dims[axis] = (to - from + step - 1) / step;
        shape.strides[axis] *= step;
        ACN_TRY(acn_net_view(c->net, c->node->name, x, &shape, &x));
    }
    c->out[0] = x;
    return ACN_OK;
}
ACN_GE_OP(strided_slice_v2) = {.type = "StridedSliceV2", .import = strided_slice};

/* ---- what is known of shapes ------------------------------------------------------------------
 */

/* Integers as a constant of the type that attribute dtype says. */
static acn_status numbers(acn_ge_call *c, int rank, int64_t count, const int64_t *values) {
    acn_dtype dtype = (acn_dtype)acn_ge_int(c, "dtype", ACN_I32);
    if (dtype != ACN_I32 && dtype != ACN_I64)
        return acn_ge_bad(c, "attribute dtype is %d; expected DT_INT32 or DT_INT64", dtype);
    size_t bytes = acn_dtype_bytes(dtype);
    char *data = acn_arena_alloc(&c->net->arena, ((size_t)count + 1) * bytes);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    for (int64_t i = 0; i < count; i++)
        acn_store_value(data + (size_t)i * bytes, dtype, (acn_value){.i = values[i]});
    return acn_net_constant(c->net, c->node->name, dtype, rank, &count, data, &c->out[0]);
}

static acn_status shape_of(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    return numbers(c, 1, x->rank, x->dims);
}
ACN_GE_OP(shape) = {.type = "Shape", .import = shape_of};

static acn_status size_of(acn_ge_call *c) {
    const int64_t count = acn_tensor_count(&c->in[0]->tensor);
    return numbers(c, 0, 1, &count);
}
ACN_GE_OP(size) = {.type = "Size", .import = size_of};

static acn_status rank_of(acn_ge_call *c) {
    const int64_t rank = c->in[0]->tensor.rank;
    return numbers(c, 0, 1, &rank);
}
ACN_GE_OP(rank) = {.type = "Rank", .import = rank_of};

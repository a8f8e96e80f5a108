/* op_shape.c - operators that only say where elements are: views wherever strides can say it. */
#include "graph/import/importer.h"

#include <string.h>

static acn_status view_as_is(acn_onnx_call *c) {
    c->out[0] = c->in[0];
    return ACN_OK;
}
ACN_ONNX(identity) = {.type = "Identity", .import = view_as_is, .takes_lists = true};

/* One number everywhere: a view with strides of 0. */
static acn_status filled(acn_onnx_call *c, const void *element, acn_dtype dtype, int rank,
                         const int64_t *dims, acn_net_value **out) {
    acn_net_value *value;
    acn_tensor shape = {.dtype = dtype, .rank = rank};
    memcpy(shape.dims, dims, (size_t)rank * sizeof *dims);
    ACN_TRY(acn_net_constant(c->net, c->node->name, dtype, 0, NULL, element, &value));
    return acn_net_view(c->net, c->node->name, value, &shape, out);
}

static acn_status reshape(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t dims[ACN_MAX_DIMS], known = 1;
    int rank, open = -1;
    bool keeps_zero = acn_onnx_int(c, "allowzero", 0) == 0;
    ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, dims, &rank));
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 0 && keeps_zero && d < x->rank) dims[d] = x->dims[d];
        if (dims[d] == -1 && open < 0)
            open = d;
        else if (dims[d] < 0)
            return acn_onnx_bad(c, "dimension %d of its shape is %lld", d, (long long)dims[d]);
        else if (__builtin_mul_overflow(known, dims[d], &known))
            return acn_onnx_bad(c, "its shape has more elements than can be counted");
    }
    if (open >= 0) dims[open] = known ? acn_tensor_count(x) / known : 0;
    return acn_onnx_reshape(c, c->in[0], rank, dims, &c->out[0]);
}
ACN_ONNX(reshape) = {.type = "Reshape", .import = reshape};

static acn_status flatten(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t axis = acn_onnx_int(c, "axis", 1), dims[2] = {1, 1};
    if (axis < 0) axis += x->rank;
    for (int d = 0; d < x->rank; d++)
        dims[d >= axis] *= x->dims[d];
    return acn_onnx_reshape(c, c->in[0], 2, dims, &c->out[0]);
}
ACN_ONNX(flatten) = {.type = "Flatten", .import = flatten};

static acn_status squeeze(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_tensor shape = *x;
    int axes[ACN_MAX_DIMS], count;
    ACN_TRY(acn_onnx_axes(c, 1, x->rank, axes, &count));
    shape.data = NULL;
    shape.rank = 0;
    for (int d = 0; d < x->rank; d++) {
        bool goes = count == 0 && x->dims[d] == 1;
        for (int i = 0; i < count; i++)
            goes |= axes[i] == d;
        if (goes && x->dims[d] != 1)
            return acn_onnx_bad(c, "dimension %d is %lld, not 1", d, (long long)x->dims[d]);
        if (goes) continue;
        shape.dims[shape.rank] = x->dims[d];
        shape.strides[shape.rank++] = x->strides[d];
    }
    return acn_net_view(c->net, c->node->outputs.items[0], c->in[0], &shape, &c->out[0]);
}
ACN_ONNX(squeeze) = {.type = "Squeeze", .import = squeeze};

static acn_status unsqueeze(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_tensor shape = *x;
    int64_t given[ACN_MAX_DIMS];
    int axes[ACN_MAX_DIMS], count, attr_count, from = 0;
    const int64_t *attr = acn_onnx_ints(c, "axes", &attr_count);
    if (attr == NULL) ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, given, &count));
    if (attr != NULL) {
        if (attr_count > ACN_MAX_DIMS) return acn_onnx_bad(c, "there are %d axes", attr_count);
        memcpy(given, attr, (size_t)attr_count * sizeof *attr);
        count = attr_count;
    }
    shape.data = NULL;
    shape.rank = x->rank + count;
    if (shape.rank > ACN_MAX_DIMS) return acn_onnx_bad(c, "it makes %d dimensions", shape.rank);
    for (int i = 0; i < count; i++)
        ACN_TRY(acn_onnx_axis(c, given[i], shape.rank, &axes[i]));
    for (int d = 0; d < shape.rank; d++) {
        bool is_new = false;
        for (int i = 0; i < count; i++)
            is_new |= axes[i] == d;
        if (!is_new && from == x->rank) return acn_onnx_bad(c, "an axis occurs twice");
        shape.dims[d] = is_new ? 1 : x->dims[from];
        shape.strides[d] = is_new ? 1 : x->strides[from++];
    }
    return acn_net_view(c->net, c->node->outputs.items[0], c->in[0], &shape, &c->out[0]);
}
ACN_ONNX(unsqueeze) = {.type = "Unsqueeze", .import = unsqueeze};

static acn_status transpose(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_tensor shape = *x;
    int count;
    const int64_t *perm = acn_onnx_ints(c, "perm", &count);
    if (perm && count != x->rank)
        return acn_onnx_bad(c, "perm has %d numbers for %d dimensions", count, x->rank);
    shape.data = NULL;
    for (int d = 0; d < x->rank; d++) {
        int from = x->rank - 1 - d;
        if (perm) ACN_TRY(acn_onnx_axis(c, perm[d], x->rank, &from));
        shape.dims[d] = x->dims[from];
        shape.strides[d] = x->strides[from];
    }
    return acn_net_view(c->net, c->node->outputs.items[0], c->in[0], &shape, &c->out[0]);
}
ACN_ONNX(transpose) = {.type = "Transpose", .import = transpose};

static acn_status shape_of(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t start = acn_onnx_int(c, "start", 0), end = acn_onnx_int(c, "end", x->rank);
    start = start < 0 ? start + x->rank : start;
    end = end < 0 ? end + x->rank : end;
    start = start < 0 ? 0 : start > x->rank ? x->rank : start;
    end = end > x->rank ? x->rank : end < start ? start : end;
    return acn_net_constant_ints(c->net, c->node->outputs.items[0], end - start, x->dims + start,
                                 &c->out[0]);
}
ACN_ONNX(shape) = {.type = "Shape", .import = shape_of};

static acn_status size_of(acn_onnx_call *c) {
    int64_t *count = acn_arena_alloc(&c->net->arena, sizeof *count);
    if (count == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    *count = acn_tensor_count(&c->in[0]->tensor);
    return acn_net_constant(c->net, c->node->outputs.items[0], ACN_I64, 0, NULL, count, &c->out[0]);
}
ACN_ONNX(size) = {.type = "Size", .import = size_of};

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* One dimension of a slice with a positive step, as a view; a negative one reads the elements from
 * the other end, which the caller turns round first. */
static void slice_dim(acn_tensor *shape, int d, int64_t start, int64_t end, int64_t step) {
    int64_t size = shape->dims[d];
    start = clamp(start < 0 ? start + size : start, 0, size);
    end = clamp(end < 0 ? end + size : end, 0, size);
    int64_t count = end > start ? (end - start - 1) / step + 1 : 0;
    size_t bytes = acn_dtype_bytes(shape->dtype);
    if (count) shape->data = (char *)shape->data + start * shape->strides[d] * (int64_t)bytes;
    shape->dims[d] = count;
    shape->strides[d] *= step;
}

static acn_status turn_round(acn_onnx_call *c, acn_net_value *x, int axis, acn_net_value **out) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "ReverseV2");
    acn_node_input(&b, "x", x);
    acn_node_ints(&b, "axis", &(int64_t){axis}, 1);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

typedef struct slice_list {
    int64_t starts[ACN_MAX_DIMS], ends[ACN_MAX_DIMS], axes[ACN_MAX_DIMS], steps[ACN_MAX_DIMS];
    int count;
} slice_list;

static acn_status read_slices(acn_onnx_call *c, slice_list *s) {
    int counts[4] = {0};
    int64_t *lists[4] = {s->starts, s->ends, s->axes, s->steps};
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    for (int i = 0; i < 4; i++) {
        int attr_count;
        const int64_t *attr = acn_onnx_ints(c, names[i], &attr_count);
        if (attr == NULL) {
            ACN_TRY(acn_onnx_constant_ints(c, i + 1, ACN_MAX_DIMS, lists[i], &counts[i]));
        } else {
            if (attr_count > ACN_MAX_DIMS) return acn_onnx_bad(c, "%d slices", attr_count);
            memcpy(lists[i], attr, (size_t)attr_count * sizeof *attr);
            counts[i] = attr_count;
        }
    }
    s->count = counts[0];
    if (counts[1] != s->count || (counts[2] && counts[2] != s->count) ||
        (counts[3] && counts[3] != s->count))
        return acn_onnx_bad(c, "starts, ends, axes and steps differ in length");
    for (int i = 0; i < s->count; i++) {
        if (!counts[2]) s->axes[i] = i;
        if (!counts[3]) s->steps[i] = 1;
    }
    return ACN_OK;
}

static acn_status slice(acn_onnx_call *c) {
    slice_list s;
    acn_net_value *x = c->in[0];
    ACN_TRY(read_slices(c, &s));
    for (int i = 0; i < s.count; i++) {
        int axis;
        ACN_TRY(acn_onnx_axis(c, s.axes[i], x->tensor.rank, &axis));
        int64_t size = x->tensor.dims[axis], start = s.starts[i], end = s.ends[i];
        if (s.steps[i] == 0) return acn_onnx_bad(c, "step %d is 0", i);
        if (s.steps[i] < 0) { /* from the end: positions p become size - 1 - p */
            start = size - 1 - clamp(start < 0 ? start + size : start, 0, size - 1);
            end = size - 1 - clamp(end < 0 ? end + size : end, -1, size - 1);
            ACN_TRY(turn_round(c, x, axis, &x));
            s.steps[i] = -s.steps[i];
        }
        acn_tensor shape = x->tensor;
        shape.data = NULL;
        slice_dim(&shape, axis, start, end, s.steps[i]);
        ACN_TRY(acn_net_view(c->net, c->node->outputs.items[0], x, &shape, &x));
    }
    c->out[0] = x;
    return ACN_OK;
}
ACN_ONNX(slice) = {.type = "Slice", .import = slice};

static acn_status split(acn_onnx_call *c) {
    acn_net_value *x = c->in[0];
    int64_t sizes[ACN_ONNX_MAX_TENSORS], begin = 0;
    int axis, count;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &axis));
    const int64_t *attr = acn_onnx_ints(c, "split", &count);
    if (attr == NULL) ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_ONNX_MAX_TENSORS, sizes, &count));
    if (attr != NULL && count <= ACN_ONNX_MAX_TENSORS)
        memcpy(sizes, attr, (size_t)count * sizeof *attr);
    int64_t size = x->tensor.dims[axis], part = (size + c->out_count - 1) / c->out_count;
    if (count == 0)
        for (int i = 0; i < c->out_count; i++)
            sizes[count++] = clamp(size - i * part, 0, part);
    if (count != c->out_count) return acn_onnx_bad(c, "%d sizes, %d outputs", count, c->out_count);
    for (int i = 0; i < count; begin += sizes[i++]) {
        acn_tensor shape = x->tensor;
        shape.data = NULL;
        if (sizes[i] < 0 || begin + sizes[i] > size)
            return acn_onnx_bad(c, "its parts are larger than dimension %d", axis);
        slice_dim(&shape, axis, begin, begin + sizes[i], 1);
        ACN_TRY(acn_net_view(c->net, c->node->outputs.items[i], x, &shape, &c->out[i]));
    }
    return ACN_OK;
}
ACN_ONNX(split) = {.type = "Split", .import = split};

static acn_status concat(acn_onnx_call *c) {
    acn_node_builder b;
    int axis;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), c->in[0]->tensor.rank, &axis));
    acn_onnx_begin(c, &b, "ConcatD");
    acn_node_inputs(&b, "x", c->in, c->in_count);
    acn_node_int(&b, "concat_dim", axis);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(concat) = {.type = "Concat", .import = concat};

/* Broadcasting is strides of 0; operators that need elements of their own make them. */
static acn_status expand(acn_onnx_call *c) {
    acn_tensor *x = &c->in[0]->tensor, shape = *x;
    int64_t dims[ACN_MAX_DIMS];
    int rank;
    ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, dims, &rank));
    if (!acn_shape_broadcast(&rank, dims, x->rank, x->dims))
        return acn_onnx_bad(c, "its input does not broadcast to the shape");
    shape.data = NULL;
    shape.rank = rank;
    for (int d = rank - 1, from = x->rank - 1; d >= 0; d--, from--) {
        bool repeats = from < 0 || (x->dims[from] == 1 && dims[d] != 1);
        shape.strides[d] = repeats ? 0 : x->strides[from];
        shape.dims[d] = dims[d];
    }
    return acn_net_view(c->net, c->node->outputs.items[0], c->in[0], &shape, &c->out[0]);
}
ACN_ONNX(expand) = {.type = "Expand", .import = expand};

static acn_status tile(acn_onnx_call *c) {
    acn_node_builder b;
    int64_t repeats[ACN_MAX_DIMS];
    int count;
    ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, repeats, &count));
    acn_onnx_begin(c, &b, "Tile");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_ints(&b, "multiples", repeats, count);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(tile) = {.type = "Tile", .import = tile};

static acn_status constant_of_shape(acn_onnx_call *c) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, "value");
    acn_dtype dtype = a && a->tensor ? a->tensor->dtype : ACN_F32;
    int64_t dims[ACN_MAX_DIMS];
    int rank;
    ACN_TRY(acn_onnx_constant_ints(c, 0, ACN_MAX_DIMS, dims, &rank));
    size_t bytes = acn_dtype_bytes(dtype);
    void *one = acn_arena_alloc(&c->net->arena, 16);
    if (one == NULL || bytes == 0) return acn_onnx_bad(c, "its value has a type no device has");
    if (a && a->tensor && a->tensor->data) memcpy(one, a->tensor->data, bytes);
    return filled(c, one, dtype, rank, dims, &c->out[0]);
}
ACN_ONNX(constant_of_shape) = {.type = "ConstantOfShape", .import = constant_of_shape};

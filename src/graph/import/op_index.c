/* op_index.c - reading and writing where indices say. */
#include "graph/import/compose.h"

#include <string.h>

/* ---- gathering ------------------------------------------------------------------------------- */

static int64_t product(const int64_t *dims, int count) {
    int64_t n = 1;
    for (int d = 0; d < count; d++)
        n *= dims[d];
    return n;
}

/* What each number along the last dimension of |indices| says, as index tensors [batches, places],
 * after one that names the batch. */
static int index_list(acn_formula *f, acn_net_value *indices, int64_t batches,
                      acn_net_value **list) {
    if (f->status != ACN_OK) return 0;
    int last = indices->tensor.rank - 1, depth = (int)indices->tensor.dims[last];
    int64_t each = acn_tensor_count(&indices->tensor) / depth / (batches ? batches : 1);
    int64_t shape[] = {batches, each};
    list[0] = acn_f_unsqueeze(f, acn_f_count_up(f, batches), 1);
    for (int k = 0; k < depth; k++)
        list[1 + k] = acn_f_reshape(f, acn_f_part(f, indices, last, k, 1), 2, shape);
    return 1 + depth;
}

/* data as [batches, the dimensions that indices name, rest] */
static acn_net_value *by_batch(acn_formula *f, acn_net_value *data, int batch, int depth) {
    int64_t dims[2 + ACN_MAX_DIMS];
    if (f->status != ACN_OK) return NULL;
    dims[0] = product(data->tensor.dims, batch);
    memcpy(dims + 1, data->tensor.dims + batch, (size_t)depth * sizeof *dims);
    dims[1 + depth] = product(data->tensor.dims + batch + depth, data->tensor.rank - batch - depth);
    if (2 + depth > ACN_MAX_DIMS) {
        f->status = acn_onnx_bad(f->c, "its indices name %d dimensions; at most %d work", depth,
                                 ACN_MAX_DIMS - 2);
        return NULL;
    }
    return acn_f_reshape(f, data, 2 + depth, dims);
}

static acn_status gather_nd(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor data = c->in[0]->tensor, indices = c->in[1]->tensor;
    int64_t batch_rank = acn_onnx_int(c, "batch_dims", 0), dims[2 * ACN_MAX_DIMS];
    int last = indices.rank - 1, depth = last < 0 ? 0 : (int)indices.dims[last];
    if (depth < 1 || batch_rank < 0 || batch_rank > last || batch_rank + depth > data.rank)
        return acn_onnx_bad(c, "indices of %d dimensions name %d of %d, after batch_dims %lld",
                            indices.rank, depth, data.rank, (long long)batch_rank);
    int batch = (int)batch_rank, rest = data.rank - batch - depth;
    acn_net_value *list[1 + ACN_MAX_DIMS], *x = by_batch(&f, c->in[0], batch, depth), *y;
    int count = index_list(&f, c->in[1], product(data.dims, batch), list);
    if (last + rest > ACN_MAX_DIMS) return acn_onnx_bad(c, "it makes %d dimensions", last + rest);
    if (f.status != ACN_OK) return f.status;
    acn_node_builder b;
    acn_onnx_begin(c, &b, "Index");
    acn_node_input(&b, "x", x);
    acn_node_inputs(&b, "indices", list, count);
    acn_node_output(&b, "y", data.dtype, NULL);
    ACN_TRY(acn_node_end(&b, &y));
    memcpy(dims, indices.dims, (size_t)last * sizeof *dims);
    memcpy(dims + last, data.dims + batch + depth, (size_t)rest * sizeof *dims);
    return acn_f_end(&f, acn_f_reshape(&f, y, last + rest, dims), c->out);
}
ACN_ONNX(gather_nd) = {.type = "GatherND", .required = 2, .import = gather_nd};

/* ---- scattering ------------------------------------------------------------------------------ */

static acn_status reduction_of(const acn_onnx_call *c, int64_t *out) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *name = acn_onnx_text(c, "reduction", "none");
    for (int i = 0; i < 5; i++)
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return ACN_OK;
        }
    return acn_onnx_bad(c, "reduction is \"%s\"; expected none, add, mul, max or min", name);
}

static acn_net_value *scattered(acn_formula *f, acn_net_value *data, acn_net_value *indices,
                                acn_net_value *updates, int axis, int64_t reduction) {
    acn_node_builder b;
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "ScatterElements");
    acn_node_input(&b, "data", data);
    acn_node_input(&b, "indices", indices);
    acn_node_input(&b, "updates", updates);
    acn_node_int(&b, "axis", axis);
    acn_node_int(&b, "reduction", reduction);
    acn_node_output(&b, "y", data->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

static acn_status scatter_elements(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    int axis, rank = c->in[0]->tensor.rank;
    int64_t reduction;
    ACN_TRY(reduction_of(c, &reduction));
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), rank, &axis));
    return acn_f_end(&f, scattered(&f, c->in[0], c->in[1], c->in[2], axis, reduction), c->out);
}
ACN_ONNX(scatter_elements) = {.type = "ScatterElements", .required = 3, .import = scatter_elements};
ACN_ONNX(scatter) = {.type = "Scatter", .required = 3, .import = scatter_elements};

/* The places within |rank| dimensions that the last dimension of |indices| names, as one index
 * each: [all but the last dimension, as one]. Negative indices count from the end, and those beyond
 * a dimension modulo it. */
static acn_net_value *flat_places(acn_formula *f, acn_net_value *indices, const int64_t *dims,
                                  int rank) {
    int last = indices->tensor.rank - 1;
    acn_net_value *sum = NULL;
    indices = acn_f_cast(f, indices, ACN_I64);
    for (int k = 0; k < rank && f->status == ACN_OK; k++) {
        acn_net_value *place = acn_f_part(f, indices, last, k, 1);
        place = acn_f_with(f, "FloorMod", place, (double)(dims[k] ? dims[k] : 1));
        if (sum) sum = acn_f_with(f, "Mul", sum, (double)dims[k]);
        sum = sum ? acn_f2(f, "Add", sum, place) : place;
    }
    if (f->status != ACN_OK) return NULL;
    return sum ? acn_f_reshape(f, sum, 1, &(int64_t){acn_tensor_count(&sum->tensor)}) : NULL;
}

/* Setting and adding, by the operator that checks each index. */
static acn_net_value *put(acn_formula *f, acn_net_value *x, acn_net_value *indices,
                          acn_net_value *updates, bool adds) {
    acn_net_value *list[1 + ACN_MAX_DIMS], *y = NULL;
    int count = index_list(f, indices, 1, list);
    if (f->status != ACN_OK) return NULL;
    acn_node_builder b;
    acn_onnx_begin(f->c, &b, "IndexPutV2");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "value", updates);
    acn_node_inputs(&b, "indices", list, count);
    acn_node_int(&b, "accumulate", adds);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

/* data as [indexed, rest], updates as [n, rest]. */
static acn_status scatter_nd(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor data = c->in[0]->tensor, indices = c->in[1]->tensor;
    int last = indices.rank - 1, depth = last < 0 ? 0 : (int)indices.dims[last];
    int64_t reduction;
    ACN_TRY(reduction_of(c, &reduction));
    if (depth < 1 || depth > data.rank)
        return acn_onnx_bad(c, "its indices name %d of %d dimensions", depth, data.rank);
    int64_t rest = product(data.dims + depth, data.rank - depth);
    if (reduction < 2) {
        int64_t parts[3] = {1, product(indices.dims, last), rest};
        acn_net_value *x = by_batch(&f, c->in[0], 0, depth);
        acn_net_value *values = acn_f_reshape(&f, c->in[2], 3, parts);
        x = put(&f, x, c->in[1], values, reduction == 1);
        return acn_f_end(&f, acn_f_reshape(&f, x, data.rank, data.dims), c->out);
    }
    int64_t rows[2] = {product(data.dims, depth), rest};
    int64_t places[2] = {product(indices.dims, last), rest};
    acn_net_value *at = flat_places(&f, c->in[1], data.dims, depth);
    at = acn_f_reshape(&f, at, 2, (int64_t[]){places[0], 1});
    at = acn_f_broadcast(&f, at, 2, places);
    acn_net_value *y = acn_f_reshape(&f, c->in[0], 2, rows);
    acn_net_value *updates = acn_f_reshape(&f, c->in[2], 2, places);
    y = scattered(&f, y, at, updates, 0, reduction);
    return acn_f_end(&f, acn_f_reshape(&f, y, data.rank, data.dims), c->out);
}
ACN_ONNX(scatter_nd) = {.type = "ScatterND", .required = 3, .import = scatter_nd};

/* The update of each sample goes to the places from its write index on. */
static acn_status tensor_scatter(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor *update = &c->in[1]->tensor;
    int axis, rank = c->in[0]->tensor.rank;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -2), rank, &axis));
    if (axis == 0 || update->rank != rank)
        return acn_onnx_bad(c, "its axis is the batch, or its update has other dimensions");
    int64_t samples = update->dims[0], length = update->dims[axis];
    acn_net_value *at = acn_f_count_up(&f, length);
    if (c->in_count > 2) {
        acn_net_value *first = acn_f_cast(&f, c->in[2], ACN_I64);
        first = acn_f_reshape(&f, first, 2, (int64_t[]){samples, 1});
        at = acn_f2(&f, "Add", first, at);
    } else {
        at = acn_f_broadcast(&f, at, 2, (int64_t[]){samples, length});
    }
    if (strcmp(acn_onnx_text(c, "mode", "linear"), "circular") == 0)
        at = acn_f_with(&f, "FloorMod", at, (double)c->in[0]->tensor.dims[axis]);
    if (f.status != ACN_OK) return f.status;
    acn_tensor shape = *update;
    shape.data = NULL;
    for (int d = 0; d < rank; d++)
        shape.strides[d] = d == 0 ? at->tensor.strides[0] : d == axis ? at->tensor.strides[1] : 0;
    at = acn_f_view(&f, at, &shape);
    return acn_f_end(&f, scattered(&f, c->in[0], at, c->in[1], axis, 0), c->out);
}
ACN_ONNX(tensor_scatter) = {.type = "TensorScatter", .required = 2, .import = tensor_scatter};

static acn_status one_hot(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0], *values = c->in[2], *y;
    int axis;
    double depth;
    ACN_TRY(acn_onnx_constant_float(c, 1, 0, &depth));
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), x->tensor.rank + 1, &axis));
    if (!(depth >= 0 && depth <= INT32_MAX)) return acn_onnx_bad(c, "its depth is %g", depth);
    if (acn_tensor_count(&values->tensor) != 2 || values->tensor.rank != 1)
        return acn_onnx_bad(c, "its values are no two numbers, off and on");
    x = acn_f_cast(&f, x, ACN_I64);
    acn_net_value *is_negative = acn_f_truth(&f, "Less", x, acn_f_number(&f, 0, ACN_I64));
    x = acn_f_select(&f, is_negative, acn_f_with(&f, "Add", x, depth), x);
    acn_net_value *off = acn_f_part(&f, values, 0, 0, 1), *on = acn_f_part(&f, values, 0, 1, 1);
    if (f.status != ACN_OK) return f.status;
    acn_node_builder b;
    acn_onnx_begin(c, &b, "OneHot");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "on_value", on);
    acn_node_input(&b, "off_value", off);
    acn_node_int(&b, "depth", (int64_t)depth);
    acn_node_int(&b, "axis", axis);
    acn_node_output(&b, "y", values->tensor.dtype, NULL);
    f.status = acn_node_end(&b, &y);
    return acn_f_end(&f, y, c->out);
}
ACN_ONNX(one_hot) = {.type = "OneHot", .required = 3, .import = one_hot};

/* Step t of a sample comes from step length - 1 - t, as long as there is one. */
static acn_status reverse_sequence(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor x = c->in[0]->tensor;
    int64_t batch_axis = acn_onnx_int(c, "batch_axis", 1), time = acn_onnx_int(c, "time_axis", 0);
    if (x.rank < 2 || batch_axis + time != 1 || batch_axis < 0 || time < 0)
        return acn_onnx_bad(c, "batch_axis is %lld, time_axis %lld; expected 0 and 1",
                            (long long)batch_axis, (long long)time);
    int64_t steps = x.dims[time], samples = x.dims[batch_axis];
    acn_net_value *t = acn_f_count_up(&f, steps), *length = acn_f_cast(&f, c->in[1], ACN_I64);
    if (time == 0)
        t = acn_f_reshape(&f, t, 2, (int64_t[]){steps, 1});
    else
        length = acn_f_reshape(&f, length, 2, (int64_t[]){samples, 1});
    acn_net_value *from = acn_f2(&f, "Sub", acn_f_with(&f, "Sub", length, 1), t);
    from = acn_f_select(&f, acn_f_truth(&f, "Less", t, length), from, t);
    if (f.status != ACN_OK) return f.status;
    acn_tensor shape = x;
    shape.data = NULL;
    for (int d = 0; d < x.rank; d++)
        shape.strides[d] = d < 2 ? from->tensor.strides[d] : 0;
    from = acn_f_view(&f, from, &shape);
    if (f.status != ACN_OK) return f.status;
    acn_node_builder b;
    acn_onnx_begin(c, &b, "GatherElements");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "index", from);
    acn_node_int(&b, "dim", time);
    acn_node_output(&b, "y", x.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(reverse_sequence) = {.type = "ReverseSequence", .required = 2, .import = reverse_sequence};

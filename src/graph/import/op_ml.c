/* op_ml.c - the few operators of ai.onnx.ml that are formulas of ours. */
#include "graph/import/compose.h"

#include <string.h>

/* Chosen columns of the last dimension; the result has two dimensions at least. */
static acn_status feature_extractor(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t dims[ACN_MAX_DIMS] = {1}, count = acn_tensor_count(&c->in[1]->tensor);
    int rank = x->rank > 1 ? x->rank : 2;
    if (x->rank < 1) return acn_onnx_bad(c, "its input has no dimension");
    if (x->rank > 1) memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[rank - 1] = count;
    acn_net_value *columns = acn_f_reshape(&f, c->in[1], 1, &count);
    acn_net_value *y = acn_f_gather(&f, c->in[0], x->rank - 1, columns);
    return acn_f_end(&f, acn_f_reshape(&f, y, rank, dims), &c->out[0]);
}
ACN_ONNX(feature_extractor) = {.type = "ArrayFeatureExtractor",
                               .domain = "ai.onnx.ml",
                               .required = 2,
                               .import = feature_extractor};

/* 1 above the threshold, 0 elsewhere. */
static acn_status binarizer(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_dtype dtype = c->in[0]->tensor.dtype;
    acn_net_value *threshold = acn_f_number(&f, acn_onnx_float(c, "threshold", 0), dtype);
    acn_net_value *is_more = acn_f_truth(&f, "Greater", c->in[0], threshold);
    return acn_f_end(&f, acn_f_cast(&f, is_more, dtype), &c->out[0]);
}
ACN_ONNX(binarizer) = {.type = "Binarizer", .domain = "ai.onnx.ml", .import = binarizer};

/* One number, or one for each column, as f32. */
static acn_net_value *by_column(acn_formula *f, const char *name, double fallback) {
    const acn_onnx_attr *a = acn_onnx_attr_find(f->c->node, name);
    const acn_tensor *x = &f->c->in[0]->tensor;
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    if (!a || a->count == 1) return acn_f_number(f, a ? a->floats[0] : fallback, ACN_F32);
    int64_t count = a->count;
    if (x->rank < 1 || count != x->dims[x->rank - 1])
        f->status = acn_onnx_bad(f->c, "%s has %lld numbers; expected one for each column", name,
                                 (long long)count);
    else
        f->status = acn_net_constant(f->c->net, name, ACN_F32, 1, &count, a->floats, &y);
    return y;
}

/* (x - offset) * scale */
static acn_status scaler(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = acn_f_cast(&f, c->in[0], ACN_F32);
    x = acn_f2(&f, "Sub", x, by_column(&f, "offset", 0));
    return acn_f_end(&f, acn_f2(&f, "Mul", x, by_column(&f, "scale", 1)), &c->out[0]);
}
ACN_ONNX(scaler) = {.type = "Scaler", .domain = "ai.onnx.ml", .import = scaler};

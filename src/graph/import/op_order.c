/* op_order.c - what sorting and counting give: TopK, and operators whose results are as long as the
 * values say. */
#include "graph/import/compose.h"

#include <string.h>

/* What sorts like unsigned integers, whom the operators do not sort. */
static acn_dtype signed_type(acn_dtype dtype) {
    return dtype == ACN_U16 ? ACN_I32 : dtype == ACN_U32 || dtype == ACN_U64 ? ACN_I64 : dtype;
}

/* From u64 to i64 in the same order, or back: the first bit turned round. */
static acn_net_value *turned(acn_formula *f, acn_net_value *x, acn_dtype to) {
    x = acn_f_cast(f, x, ACN_I64);
    return acn_f_cast(f, acn_f2(f, "BitwiseXor", x, acn_f_ints(f, &(int64_t){INT64_MIN}, 1)), to);
}

static acn_status top_k(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *made[2];
    acn_dtype dtype = c->in[0]->tensor.dtype, work = signed_type(dtype);
    int64_t k = acn_onnx_int(c, "k", 0);
    int axis, count;
    acn_node_builder b;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), c->in[0]->tensor.rank, &axis));
    if (c->opset >= 10) ACN_TRY(acn_onnx_constant_ints(c, 1, 1, &k, &count));
    acn_net_value *x =
        dtype == ACN_U64 ? turned(&f, c->in[0], ACN_I64) : acn_f_cast(&f, c->in[0], work);
    if (f.status != ACN_OK) return f.status;
    acn_onnx_begin(c, &b, "TopKV2");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "k", k);
    acn_node_int(&b, "dim", axis);
    acn_node_int(&b, "largest", acn_onnx_int(c, "largest", 1));
    acn_node_int(&b, "sorted", acn_onnx_int(c, "sorted", 1));
    acn_node_output(&b, "values", work, NULL);
    acn_node_output(&b, "indices", ACN_I64, NULL);
    ACN_TRY(acn_node_end(&b, made));
    if (c->out_count > 1) c->out[1] = made[1];
    acn_net_value *values =
        dtype == ACN_U64 ? turned(&f, made[0], ACN_U64) : acn_f_cast(&f, made[0], dtype);
    return acn_f_end(&f, values, c->out);
}
ACN_ONNX(top_k) = {.type = "TopK", .import = top_k};

/* [dimensions, elements] indices of what is not 0. */
static acn_net_value *places_of(acn_formula *f, acn_net_value *x) {
    acn_node_builder b;
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "NonZero");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "transpose", 1);
    acn_node_output(&b, "y", ACN_I64, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

static acn_status non_zero(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    if (!c->net->can_wait) acn_f_want_constant(&f, 0);
    return acn_f_end(&f, places_of(&f, c->in[0]), c->out);
}
ACN_ONNX(non_zero) = {.type = "NonZero", .import = non_zero};

static acn_status compress(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0];
    int axis = 0;
    acn_f_want_constant(&f, 1);
    if (acn_onnx_attr_find(c->node, "axis"))
        ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &axis));
    else
        x = acn_f_reshape(&f, x, 1, &(int64_t){acn_tensor_count(&x->tensor)});
    acn_net_value *places = places_of(&f, c->in[1]);
    if (places)
        places = acn_f_reshape(&f, places, 1, &(int64_t){acn_tensor_count(&places->tensor)});
    return acn_f_end(&f, acn_f_gather(&f, x, axis, places), c->out);
}
ACN_ONNX(compress) = {.type = "Compress", .required = 2, .import = compress};

typedef struct distinct {
    acn_net_value *values, *inverse, *counts; /* ascending; both others are i64 */
    int axis;                                 /* of |values| along which they stand */
} distinct;

static acn_status find_distinct(acn_onnx_call *c, distinct *out) {
    bool by_slice = acn_onnx_attr_find(c->node, "axis");
    acn_net_value *x = c->in[0], *made[3];
    acn_node_builder b;
    out->axis = 0;
    if (by_slice) ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &out->axis));
    acn_tensor room, all; /* for the case that all are distinct */
    int64_t count = by_slice ? x->tensor.dims[out->axis] : acn_tensor_count(&x->tensor);
    acn_tensor_init(&room, NULL, ACN_I64, 1, &count);
    all = by_slice ? x->tensor : room;
    acn_onnx_begin(c, &b, by_slice ? "UniqueDim" : "UniqueWithCountsAndSorting");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, by_slice ? "return_idx" : "return_inverse", 1);
    acn_node_int(&b, "return_counts", 1);
    if (by_slice) acn_node_int(&b, "axis", out->axis);
    acn_node_output(&b, "y", x->tensor.dtype, &all);
    acn_node_output(&b, by_slice ? "idx" : "indices", ACN_I64, &room);
    acn_node_output(&b, by_slice ? "count" : "counts", ACN_I64, &room);
    ACN_TRY(acn_node_end(&b, made));
    out->values = made[0], out->inverse = made[1], out->counts = made[2];
    return ACN_OK;
}

/* Where each distinct value stands first: the least of the places that lead to it. */
static acn_net_value *first_places(acn_formula *f, const distinct *d, acn_net_value *inverse) {
    int64_t places = acn_tensor_count(&inverse->tensor);
    acn_net_value *far = acn_f_number(f, (double)places, ACN_I64), *y = NULL;
    far = acn_f_broadcast(f, far, 1, d->counts->tensor.dims);
    acn_net_value *own = acn_f_count_up(f, places);
    if (f->status != ACN_OK) return NULL;
    acn_node_builder b;
    acn_onnx_begin(f->c, &b, "ScatterElements");
    acn_node_input(&b, "data", far);
    acn_node_input(&b, "indices", inverse);
    acn_node_input(&b, "updates", own);
    acn_node_int(&b, "reduction", 4); /* the least */
    acn_node_output(&b, "y", ACN_I64, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

/* |x| in order, and where each stood. */
static void sorted(acn_formula *f, acn_net_value *x, acn_net_value **values,
                   acn_net_value **places) {
    acn_node_builder b;
    acn_net_value *made[2] = {NULL, NULL};
    if (f->status == ACN_OK) {
        acn_onnx_begin(f->c, &b, "Sort");
        acn_node_input(&b, "x", x);
        acn_node_output(&b, "y1", ACN_I64, NULL);
        acn_node_output(&b, "y2", ACN_I64, NULL);
        f->status = acn_node_end(&b, made);
    }
    *values = made[0], *places = made[1];
}

static acn_status unique(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    distinct d;
    acn_f_want_constant(&f, 0);
    if (f.status != ACN_OK) return f.status;
    ACN_TRY(find_distinct(c, &d));
    int64_t places = acn_tensor_count(&d.inverse->tensor);
    acn_net_value *inverse = acn_f_reshape(&f, d.inverse, 1, &places);
    if (f.status != ACN_OK) return f.status;
    acn_net_value *first = first_places(&f, &d, inverse), *order, *rank, *unused;
    if (!acn_onnx_int(c, "sorted", 1)) { /* in the order in which they come first */
        sorted(&f, first, &first, &order);
        sorted(&f, order, &unused, &rank);
        d.values = acn_f_gather(&f, d.values, d.axis, order);
        d.counts = acn_f_gather(&f, d.counts, 0, order);
        inverse = acn_f_gather(&f, rank, 0, inverse);
    }
    acn_net_value *made[] = {d.values, first, inverse, d.counts};
    for (int i = 0; i < c->out_count && i < 4; i++)
        c->out[i] = made[i];
    return f.status;
}
ACN_ONNX(unique) = {.type = "Unique", .import = unique};

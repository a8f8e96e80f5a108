/* small_graph.h - a graph of the graph engine's form, written by hand: x [2, 6] to two outputs. */
#ifndef ACN_TESTS_UNIT_SMALL_GRAPH_H
#define ACN_TESTS_UNIT_SMALL_GRAPH_H

#include "base/wire.h"
#include "unit.h"

/* Numbers of ge.proto.DataType. */
enum { GRAPH_FLOAT = 1, GRAPH_INT32 = 7 };

static inline void put_desc(acn_wire_out *out, uint32_t field, int dtype, int rank,
                            const int64_t *dims) {
    size_t desc = acn_wire_begin(out, field);
    acn_wire_put_number(out, 2, (uint64_t)dtype);
    size_t shape = acn_wire_begin(out, 3);
    acn_wire_put_numbers(out, 1, dims, (size_t)rank);
    acn_wire_end(out, shape);
    acn_wire_put_text(out, 4, "ND");
    acn_wire_end(out, desc);
}

static inline size_t begin_op(acn_wire_out *out, const char *name, const char *type,
                              const char *const *inputs) {
    size_t op = acn_wire_begin(out, 6);
    acn_wire_put_text(out, 1, name);
    acn_wire_put_text(out, 2, type);
    for (int i = 0; inputs && inputs[i]; i++)
        acn_wire_put_text(out, 5, inputs[i]);
    return op;
}

/* Attribute |name|: an integer, or a list of them. */
static inline void put_ints_attr(acn_wire_out *out, const char *name, int count,
                                 const int64_t *values) {
    size_t attr = acn_wire_begin(out, 10);
    acn_wire_put_text(out, 1, name);
    size_t value = acn_wire_begin(out, 2);
    if (count < 0) {
        acn_wire_put_number(out, 3, (uint64_t)values[0]);
    } else {
        size_t list = acn_wire_begin(out, 1);
        acn_wire_put_numbers(out, 3, values, (size_t)count);
        acn_wire_put_number(out, 20, 2);
        acn_wire_end(out, list);
    }
    acn_wire_end(out, value);
    acn_wire_end(out, attr);
}

static inline void put_const(acn_wire_out *out, const char *name, int dtype, int rank,
                             const int64_t *dims, const void *data, size_t size) {
    size_t op = begin_op(out, name, "Const", NULL), attr = acn_wire_begin(out, 10);
    acn_wire_put_text(out, 1, "value");
    size_t value = acn_wire_begin(out, 2), tensor = acn_wire_begin(out, 12);
    put_desc(out, 1, dtype, rank, dims);
    acn_wire_put_bytes(out, 2, data, size);
    acn_wire_end(out, tensor);
    acn_wire_end(out, value);
    acn_wire_end(out, attr);
    acn_wire_end(out, op);
}

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void put_ops(acn_wire_out *out) {
    static const float weights[24] = {0.5f, -1, 2};
    static const int32_t shape[] = {-1, 4}, perm[] = {1, 0}, begin[] = {0}, end[] = {2};
    const int64_t x[] = {2, 6}, w[] = {6, 4}, two[] = {2}, one[] = {1}, zero = 0;
    size_t op = begin_op(out, "x", "Data", NULL);
    put_ints_attr(out, "index", -1, &zero);
    put_desc(out, 34, GRAPH_FLOAT, 2, x);
    acn_wire_end(out, op);
    put_const(out, "w", GRAPH_FLOAT, 2, w, weights, sizeof weights);
    put_const(out, "shape", GRAPH_INT32, 1, two, shape, sizeof shape);
    put_const(out, "perm", GRAPH_INT32, 1, two, perm, sizeof perm);
    put_const(out, "begin", GRAPH_INT32, 1, one, begin, sizeof begin);
    put_const(out, "end", GRAPH_INT32, 1, one, end, sizeof end);
    acn_wire_end(out, begin_op(out, "product", "MatMulV2", INPUTS("x:0", "w:0")));
    acn_wire_end(out, begin_op(out, "flat", "Reshape", INPUTS("product:0", "shape:0")));
    op = begin_op(out, "split", "SplitD", INPUTS("flat:0"));
    put_ints_attr(out, "split_dim", -1, one);
    put_ints_attr(out, "num_split", -1, two);
    acn_wire_end(out, op);
    op = begin_op(out, "joined", "ConcatD", INPUTS("split:1", "split:0"));
    put_ints_attr(out, "concat_dim", -1, one);
    acn_wire_end(out, op);
    acn_wire_end(out, begin_op(out, "turned", "Transpose", INPUTS("joined:0", "perm:0")));
    acn_wire_end(out,
                 begin_op(out, "part", "StridedSliceV2", INPUTS("turned:0", "begin:0", "end:0")));
    acn_wire_end(out, begin_op(out, "y", "Relu", INPUTS("part:0", "flat:-1")));
    op = begin_op(out, "total", "ReduceSumD", INPUTS("turned:0"));
    put_ints_attr(out, "axes", 1, one);
    acn_wire_end(out, op);
    acn_wire_end(out, begin_op(out, "result", "NetOutput", INPUTS("y:0", "total:0")));
}

/* Copies it to |to|; its size. */
static inline size_t make_small_graph(uint8_t *to, size_t room) {
    acn_wire_out out = {0};
    acn_wire_put_text(&out, 1, "small");
    size_t graph = acn_wire_begin(&out, 7);
    acn_wire_put_text(&out, 1, "small");
    put_ops(&out);
    acn_wire_end(&out, graph);
    assert_false(out.has_failed);
    assert_true(out.size <= room);
    memcpy(to, out.bytes, out.size);
    size_t size = out.size;
    acn_wire_release(&out);
    return size;
}

#endif

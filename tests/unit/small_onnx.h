/* small_onnx.h - an ONNX model of eight nodes, written by hand: x [1, 2, 6, 6] to z [1, 4]. */
#ifndef ACN_TESTS_UNIT_SMALL_ONNX_H
#define ACN_TESTS_UNIT_SMALL_ONNX_H

#include "base/wire.h"
#include "unit.h"

enum { SMALL_IN = 72, SMALL_OUT = 4 };

enum { FLOAT = 1, INT64 = 7, ATTR_INTS = 7, ATTR_INT = 2 };

static inline void put_value(acn_wire_out *out, uint32_t field, const char *name, int rank,
                             const int64_t *dims) {
    size_t value = acn_wire_begin(out, field);
    acn_wire_put_text(out, 1, name);
    size_t type = acn_wire_begin(out, 2), tensor = acn_wire_begin(out, 1);
    acn_wire_put_number(out, 1, FLOAT);
    size_t shape = acn_wire_begin(out, 2);
    for (int d = 0; d < rank; d++) {
        size_t dim = acn_wire_begin(out, 1);
        acn_wire_put_number(out, 1, (uint64_t)dims[d]);
        acn_wire_end(out, dim);
    }
    acn_wire_end(out, shape);
    acn_wire_end(out, tensor);
    acn_wire_end(out, type);
    acn_wire_end(out, value);
}

static inline void put_weights(acn_wire_out *out, const char *name, int type, int rank,
                               const int64_t *dims, const void *data, size_t size) {
    size_t tensor = acn_wire_begin(out, 5);
    acn_wire_put_numbers(out, 1, dims, (size_t)rank);
    acn_wire_put_number(out, 2, (uint64_t)type);
    acn_wire_put_text(out, 8, name);
    acn_wire_put_bytes(out, 9, data, size);
    acn_wire_end(out, tensor);
}

/* |attr| is a list of numbers, or NULL. */
static inline void put_node(acn_wire_out *out, const char *type, const char *const *inputs,
                            const char *result, const char *attr, const int64_t *values,
                            size_t count) {
    size_t node = acn_wire_begin(out, 1);
    for (int i = 0; inputs[i]; i++)
        acn_wire_put_text(out, 1, inputs[i]);
    acn_wire_put_text(out, 2, result);
    acn_wire_put_text(out, 3, result);
    acn_wire_put_text(out, 4, type);
    if (attr) {
        size_t a = acn_wire_begin(out, 5);
        acn_wire_put_text(out, 1, attr);
        acn_wire_put_numbers(out, 8, values, count);
        acn_wire_put_number(out, 20, ATTR_INTS);
        acn_wire_end(out, a);
    }
    acn_wire_end(out, node);
}

/* Copies it to |to|; its size. */
static inline size_t make_small_onnx(uint8_t *to, size_t room) {
    static const int64_t ones[] = {1, 1, 1, 1}, two[] = {2, 2}, order[] = {0, 2, 3, 1};
    static const int64_t image[] = {1, 2, 6, 6}, filter[] = {3, 2, 3, 3}, flat[] = {2},
                         all[] = {1, -1};
    static const int64_t matrix[] = {27, 4}, result[] = {1, 4};
    static float weights[256];
    acn_wire_out w = {0};
    for (int i = 0; i < 256; i++)
        weights[i] = (float)(i % 7) - 3;
    acn_wire_put_number(&w, 1, 8);
    size_t graph = acn_wire_begin(&w, 7);
    put_node(&w, "Conv", (const char *[]){"x", "f", NULL}, "c", "pads", ones, 4);
    put_node(&w, "MaxPool", (const char *[]){"c", NULL}, "p", "kernel_shape", two, 2);
    put_node(&w, "Relu", (const char *[]){"p", NULL}, "r", NULL, NULL, 0);
    put_node(&w, "Transpose", (const char *[]){"r", NULL}, "t", "perm", order, 4);
    put_node(&w, "Slice", (const char *[]){"t", "from", "to", "axes", NULL}, "s", NULL, NULL, 0);
    put_node(&w, "Reshape", (const char *[]){"s", "shape", NULL}, "v", NULL, NULL, 0);
    put_node(&w, "MatMul", (const char *[]){"v", "m", NULL}, "y", NULL, NULL, 0);
    put_node(&w, "Softmax", (const char *[]){"y", NULL}, "z", NULL, NULL, 0);
    acn_wire_put_text(&w, 2, "small");
    put_weights(&w, "f", FLOAT, 4, filter, weights, 54 * sizeof *weights);
    put_weights(&w, "m", FLOAT, 2, matrix, weights, 108 * sizeof *weights);
    put_weights(&w, "shape", INT64, 1, flat, all, sizeof all);
    put_weights(&w, "from", INT64, 1, flat, (int64_t[]){0, 0}, 16);
    put_weights(&w, "to", INT64, 1, flat, (int64_t[]){3, 3}, 16);
    put_weights(&w, "axes", INT64, 1, flat, (int64_t[]){1, 2}, 16);
    put_value(&w, 11, "x", 4, image);
    put_value(&w, 12, "z", 2, result);
    acn_wire_end(&w, graph);
    size_t opset = acn_wire_begin(&w, 8);
    acn_wire_put_text(&w, 1, "");
    acn_wire_put_number(&w, 2, 17);
    acn_wire_end(&w, opset);
    assert_false(w.has_failed);
    assert_true(w.size <= room);
    size_t size = w.size;
    memcpy(to, w.bytes, size);
    acn_wire_release(&w);
    return size;
}

#endif

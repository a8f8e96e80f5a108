/* ge_proto.h - the numbers of ge_ir.proto: fields of the messages that describe a graph, kinds of
 * lists, and types of elements, which differ from aclDataType's. */
#ifndef ACN_GRAPH_GE_PROTO_H
#define ACN_GRAPH_GE_PROTO_H

#include "ops/dtype.h"

enum { MODEL_NAME = 1, MODEL_VERSION = 2, MODEL_GRAPH = 7, MODEL_ATTR = 11 };
enum { GRAPH_NAME = 1, GRAPH_INPUT = 4, GRAPH_OUTPUT = 5, GRAPH_OP = 6 };
enum {
    OP_NAME = 1,
    OP_TYPE = 2,
    OP_INPUT = 5,
    OP_ATTR = 10,
    OP_ID = 21,
    OP_INPUT_NAME = 23,
    OP_SRC_NAME = 24,
    OP_SRC_INDEX = 25,
    OP_INPUT_DESC = 33,
    OP_OUTPUT_DESC = 34,
    OP_SUBGRAPH = 35
};
enum {
    DESC_NAME = 1,
    DESC_DTYPE = 2,
    DESC_SHAPE = 3,
    DESC_LAYOUT = 4,
    DESC_SIZE = 10,
    DESC_WEIGHT_SIZE = 11,
    DESC_DATA_OFFSET = 18
};
enum { SHAPE_DIM = 1, TENSOR_DESC = 1, TENSOR_DATA = 2 };
enum { KEY = 1, VALUE = 2 }; /* of an attribute */
enum {
    ATTR_LIST = 1,
    ATTR_TEXT = 2,
    ATTR_INT = 3,
    ATTR_FLOAT = 4,
    ATTR_BOOL = 5,
    ATTR_TENSOR = 12,
    ATTR_INT_LISTS = 14,
    ATTR_DTYPE = 15
};
enum {
    LIST_TEXT = 2,
    LIST_INT = 3,
    LIST_FLOAT = 4,
    LIST_BOOL = 5,
    LIST_DTYPE = 12,
    LIST_KIND = 20
};
enum { LISTS_ONE = 1, ONE_INT = 1 }; /* a list of lists, and one of them */
/* LIST_KIND: what a list is of, which shows even when it is empty. */
enum { KIND_TEXTS = 1, KIND_INTS = 2, KIND_FLOATS = 3, KIND_BOOLS = 4, KIND_DTYPES = 10 };

static const uint8_t acn_ge_proto_dtypes[ACN_DTYPE_COUNT] = {
    [ACN_F32] = 1,   [ACN_F16] = 2,  [ACN_I8] = 3,   [ACN_U8] = 4,    [ACN_I16] = 5,
    [ACN_U16] = 6,   [ACN_I32] = 7,  [ACN_I64] = 8,  [ACN_U32] = 9,   [ACN_U64] = 10,
    [ACN_BOOL] = 11, [ACN_F64] = 12, [ACN_C64] = 16, [ACN_C128] = 17, [ACN_BF16] = 27,
};

/* 0: none. */
static inline uint64_t acn_ge_proto_of(acn_dtype dtype) {
    return dtype >= 0 && dtype < ACN_DTYPE_COUNT ? acn_ge_proto_dtypes[dtype] : 0;
}

static inline acn_dtype acn_ge_proto_dtype(uint64_t number) {
    for (int d = 0; d < ACN_DTYPE_COUNT && number; d++)
        if (acn_ge_proto_dtypes[d] == number) return (acn_dtype)d;
    return ACN_UNDEFINED;
}

#endif

/* schemas.c - the messages of ge.proto.ModelDef and onnx.ModelProto. */
#include "graph/json/proto_json.h"

#define TEXT(name, number)                                                                         \
    { #name, number, ACN_PROTO_TEXT, false, NULL, NULL, false }
#define TEXTS(name, number)                                                                        \
    { #name, number, ACN_PROTO_TEXT, true, NULL, NULL, false }
#define INT(name, number)                                                                          \
    { #name, number, ACN_PROTO_INT, false, NULL, NULL, false }
#define INTS(name, number)                                                                         \
    { #name, number, ACN_PROTO_INT, true, NULL, NULL, false }
#define BOOL(name, number)                                                                         \
    { #name, number, ACN_PROTO_BOOL, false, NULL, NULL, false }
#define BOOLS(name, number)                                                                        \
    { #name, number, ACN_PROTO_BOOL, true, NULL, NULL, false }
#define FLOAT(name, number)                                                                        \
    { #name, number, ACN_PROTO_FLOAT, false, NULL, NULL, false }
#define FLOATS(name, number)                                                                       \
    { #name, number, ACN_PROTO_FLOAT, true, NULL, NULL, false }
#define ENUM(name, number, names)                                                                  \
    { #name, number, ACN_PROTO_ENUM, false, NULL, names, false }
#define MESSAGE(name, number, type)                                                                \
    { #name, number, ACN_PROTO_MESSAGE, false, type, NULL, false }
#define MESSAGES(name, number, type)                                                               \
    { #name, number, ACN_PROTO_MESSAGE, true, type, NULL, false }
#define MAP(name, number, type)                                                                    \
    { #name, number, ACN_PROTO_MAP, true, type, NULL, false }
/* Data and where it lies. */
#define HIDDEN(name, number, kind)                                                                 \
    { #name, number, ACN_PROTO_##kind, false, NULL, NULL, true }
#define END                                                                                        \
    { NULL, 0, ACN_PROTO_INT, false, NULL, NULL, false }

/* ---- ge.proto ----------------------------------------------------------------------------------
 */

static const acn_proto_field attr_def[], graph_def[], tensor_descriptor[];

static const char *const data_types[] = {
    "DT_UNDEFINED",
    "DT_FLOAT",
    "DT_FLOAT16",
    "DT_INT8",
    "DT_UINT8",
    "DT_INT16",
    "DT_UINT16",
    "DT_INT32",
    "DT_INT64",
    "DT_UINT32",
    "DT_UINT64",
    "DT_BOOL",
    "DT_DOUBLE",
    "DT_STRING",
    "DT_DUAL_SUB_INT8",
    "DT_DUAL_SUB_UINT8",
    "DT_COMPLEX64",
    "DT_COMPLEX128",
    "DT_QINT8",
    "DT_QINT16",
    "DT_QINT32",
    "DT_QUINT8",
    "DT_QUINT16",
    "DT_RESOURCE",
    "DT_STRING_REF",
    "DT_DUAL",
    "DT_VARIANT",
    "DT_BF16",
    "DT_INT4",
    "DT_UINT1",
    "DT_INT2",
    "DT_UINT2",
    "DT_COMPLEX32",
    "DT_HIFLOAT8",
    "DT_FLOAT8_E5M2",
    "DT_FLOAT8_E4M3FN",
    "DT_FLOAT8_E8M0",
    "DT_FLOAT6_E3M2",
    "DT_FLOAT6_E2M3",
    "DT_FLOAT4_E2M1",
    "DT_FLOAT4_E1M2",
    "DT_HIFLOAT4",
    NULL,
};

static const char *const list_types[] = {
    "VT_LIST_NONE",  "VT_LIST_STRING",      "VT_LIST_INT",         "VT_LIST_FLOAT",
    "VT_LIST_BOOL",  "VT_LIST_BYTES",       "VT_LIST_TENSOR_DESC", "VT_LIST_TENSOR",
    "VT_LIST_GRAPH", "VT_LIST_NAMED_ATTRS", "VT_LIST_DATA_TYPE",   NULL,
};

static const acn_proto_field shape_def[] = {INTS(dim, 1), END};
static const acn_proto_field tensor_def[] = {
    MESSAGE(desc, 1, tensor_descriptor),
    HIDDEN(data, 2, TEXT),
    END,
};
static const acn_proto_field named_attrs[] = {TEXT(name, 1), MAP(attr, 2, attr_def), END};
static const acn_proto_field int_list[] = {INTS(list_i, 1), END};
static const acn_proto_field int_lists[] = {MESSAGES(list_list_i, 1, int_list), END};
static const acn_proto_field float_list[] = {FLOATS(list_f, 1), END};
static const acn_proto_field float_lists[] = {MESSAGES(list_list_f, 1, float_list), END};

static const acn_proto_field tensor_descriptor[] = {
    TEXT(name, 1),
    ENUM(dtype, 2, data_types),
    MESSAGE(shape, 3, shape_def),
    TEXT(layout, 4),
    BOOL(has_out_attr, 9),
    HIDDEN(size, 10, INT),
    HIDDEN(weight_size, 11, INT),
    BOOL(reuse_input, 12),
    BOOL(output_tensor, 13),
    TEXT(device_type, 14),
    BOOL(input_tensor, 15),
    INT(real_dim_cnt, 16),
    INT(reuse_input_index, 17),
    HIDDEN(data_offset, 18, INT),
    INT(cmps_size, 19),
    TEXT(cmps_tab, 20),
    INT(cmps_tab_offset, 21),
    MAP(attr, 5, attr_def),
    END,
};

static const acn_proto_field list_value[] = {
    TEXTS(s, 2),
    INTS(i, 3),
    FLOATS(f, 4),
    BOOLS(b, 5),
    MESSAGES(td, 8, tensor_descriptor),
    MESSAGES(t, 9, tensor_def),
    MESSAGES(g, 10, graph_def),
    MESSAGES(na, 11, named_attrs),
    INTS(dt, 12),
    ENUM(val_type, 20, list_types),
    END,
};

static const acn_proto_field attr_def[] = {
    TEXT(s, 2),
    INT(i, 3),
    FLOAT(f, 4),
    BOOL(b, 5),
    MESSAGE(list, 1, list_value),
    MESSAGE(func, 10, named_attrs),
    MESSAGE(td, 11, tensor_descriptor),
    MESSAGE(t, 12, tensor_def),
    MESSAGE(g, 13, graph_def),
    MESSAGE(list_list_int, 14, int_lists),
    INT(dt, 15),
    MESSAGE(list_list_float, 16, float_lists),
    TEXT(expression, 17),
    END,
};

static const acn_proto_field op_def[] = {
    TEXT(name, 1),
    TEXT(type, 2),
    TEXTS(input, 5),
    MAP(attr, 10, attr_def),
    BOOL(has_out_attr, 20),
    INT(id, 21),
    INT(stream_id, 22),
    TEXTS(input_name, 23),
    TEXTS(src_name, 24),
    INTS(src_index, 25),
    TEXTS(dst_name, 26),
    INTS(dst_index, 27),
    INTS(input_i, 28),
    INTS(output_i, 29),
    BOOLS(is_input_const, 32),
    MESSAGES(input_desc, 33, tensor_descriptor),
    MESSAGES(output_desc, 34, tensor_descriptor),
    TEXTS(subgraph_name, 35),
    END,
};

static const acn_proto_field graph_def[] = {
    TEXT(name, 1),
    TEXTS(input, 4),
    {"output", 5, ACN_PROTO_TEXT, true, NULL, NULL, true},
    MESSAGES(op, 6, op_def),
    MAP(attr, 11, attr_def),
    END,
};

const acn_proto_field acn_proto_model_def[] = {
    TEXT(name, 1),           INT(version, 2),
    TEXT(custom_version, 3), MESSAGES(graph, 7, graph_def),
    MAP(attr, 11, attr_def), END,
};

/* ---- onnx --------------------------------------------------------------------------------------
 */

static const acn_proto_field graph_proto[], type_proto[];

static const char *const attribute_types[] = {
    "UNDEFINED",      "FLOAT",      "INT",         "STRING",  "TENSOR", "GRAPH",
    "FLOATS",         "INTS",       "STRINGS",     "TENSORS", "GRAPHS", "SPARSE_TENSOR",
    "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS", NULL,
};

static const acn_proto_field entry_proto[] = {TEXT(key, 1), TEXT(value, 2), END};

static const acn_proto_field tensor_proto[] = {
    INTS(dims, 1),          INT(data_type, 2),
    TEXT(name, 8),          HIDDEN(raw_data, 9, TEXT),
    TEXT(doc_string, 12),   MESSAGES(external_data, 13, entry_proto),
    INT(data_location, 14), END,
};

static const acn_proto_field sparse_tensor_proto[] = {
    MESSAGE(values, 1, tensor_proto),
    MESSAGE(indices, 2, tensor_proto),
    INTS(dims, 3),
    END,
};

static const acn_proto_field attribute_proto[] = {
    TEXT(name, 1),
    TEXT(ref_attr_name, 21),
    TEXT(doc_string, 13),
    ENUM(type, 20, attribute_types),
    FLOAT(f, 2),
    INT(i, 3),
    TEXT(s, 4),
    MESSAGE(t, 5, tensor_proto),
    MESSAGE(g, 6, graph_proto),
    MESSAGE(sparse_tensor, 22, sparse_tensor_proto),
    MESSAGE(tp, 14, type_proto),
    FLOATS(floats, 7),
    INTS(ints, 8),
    TEXTS(strings, 9),
    MESSAGES(tensors, 10, tensor_proto),
    MESSAGES(graphs, 11, graph_proto),
    MESSAGES(sparse_tensors, 23, sparse_tensor_proto),
    MESSAGES(type_protos, 15, type_proto),
    END,
};

static const acn_proto_field node_proto[] = {
    TEXTS(input, 1),
    TEXTS(output, 2),
    TEXT(name, 3),
    TEXT(op_type, 4),
    TEXT(domain, 7),
    TEXT(overload, 8),
    MESSAGES(attribute, 5, attribute_proto),
    TEXT(doc_string, 6),
    END,
};

static const acn_proto_field dimension_proto[] = {
    INT(dim_value, 1),
    TEXT(dim_param, 2),
    TEXT(denotation, 3),
    END,
};
static const acn_proto_field shape_proto[] = {MESSAGES(dim, 1, dimension_proto), END};
static const acn_proto_field tensor_type[] = {
    INT(elem_type, 1),
    MESSAGE(shape, 2, shape_proto),
    END,
};
static const acn_proto_field sequence_type[] = {MESSAGE(elem_type, 1, type_proto), END};
static const acn_proto_field map_type[] = {
    INT(key_type, 1),
    MESSAGE(value_type, 2, type_proto),
    END,
};

static const acn_proto_field type_proto[] = {
    MESSAGE(tensor_type, 1, tensor_type),
    MESSAGE(sequence_type, 4, sequence_type),
    MESSAGE(map_type, 5, map_type),
    MESSAGE(optional_type, 9, sequence_type),
    MESSAGE(sparse_tensor_type, 8, tensor_type),
    TEXT(denotation, 6),
    END,
};

static const acn_proto_field value_proto[] = {
    TEXT(name, 1),
    MESSAGE(type, 2, type_proto),
    TEXT(doc_string, 3),
    MESSAGES(metadata_props, 4, entry_proto),
    END,
};

static const acn_proto_field graph_proto[] = {
    MESSAGES(node, 1, node_proto),
    TEXT(name, 2),
    MESSAGES(initializer, 5, tensor_proto),
    MESSAGES(sparse_initializer, 15, sparse_tensor_proto),
    TEXT(doc_string, 10),
    MESSAGES(input, 11, value_proto),
    MESSAGES(output, 12, value_proto),
    MESSAGES(value_info, 13, value_proto),
    END,
};

static const acn_proto_field opset_proto[] = {TEXT(domain, 1), INT(version, 2), END};

static const acn_proto_field function_proto[] = {
    TEXT(name, 1),
    TEXTS(input, 4),
    TEXTS(output, 5),
    TEXTS(attribute, 6),
    MESSAGES(attribute_proto, 11, attribute_proto),
    MESSAGES(node, 7, node_proto),
    TEXT(doc_string, 8),
    MESSAGES(opset_import, 9, opset_proto),
    TEXT(domain, 10),
    END,
};

const acn_proto_field acn_proto_onnx[] = {
    INT(ir_version, 1),
    MESSAGES(opset_import, 8, opset_proto),
    TEXT(producer_name, 2),
    TEXT(producer_version, 3),
    TEXT(domain, 4),
    INT(model_version, 5),
    TEXT(doc_string, 6),
    MESSAGE(graph, 7, graph_proto),
    MESSAGES(metadata_props, 14, entry_proto),
    MESSAGES(functions, 25, function_proto),
    END,
};

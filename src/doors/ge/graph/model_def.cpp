/* model_def.cpp - graphs as ge.proto.ModelDef and back: what is saved, copied, built and handed
 * over by other programs. The core reads the same form to build it (graph/import/ge_model.c). */
#include "base/wire.h"
#include "doors/ge/graph_impl.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace ge {

namespace {

/* Fields of ge_ir.proto. */
enum : uint32_t {
    kModelName = 1,
    kModelVersion = 2,
    kModelGraph = 7,
    kGraphName = 1,
    kGraphInput = 4,
    kGraphOutput = 5,
    kGraphOp = 6,
    kOpName = 1,
    kOpType = 2,
    kOpInput = 5,
    kOpAttr = 10,
    kOpId = 21,
    kOpInputDesc = 33,
    kOpOutputDesc = 34,
    kDescName = 1,
    kDescType = 2,
    kDescShape = 3,
    kDescLayout = 4,
    kShapeDim = 1,
    kTensorDesc = 1,
    kTensorData = 2,
    kKey = 1,
    kValue = 2,
    kAttrList = 1,
    kAttrText = 2,
    kAttrInt = 3,
    kAttrFloat = 4,
    kAttrBool = 5,
    kAttrTensor = 12,
    kAttrIntLists = 14,
    kAttrType = 15,
    kListText = 2,
    kListInt = 3,
    kListFloat = 4,
    kListBool = 5,
    kListTensor = 9,
    kListType = 12,
    kListKind = 20,
};
enum : uint32_t {
    kTexts = 1,
    kInts = 2,
    kFloats = 3,
    kBools = 4,
    kTensors = 7,
    kTypes = 10,
};

/* The protocol's numbers of types, by ge::DataType's. */
const struct {
    DataType type;
    uint32_t number;
} type_numbers[] = {
    {DT_FLOAT, 1},  {DT_FLOAT16, 2}, {DT_INT8, 3},       {DT_UINT8, 4},      {DT_INT16, 5},
    {DT_UINT16, 6}, {DT_INT32, 7},   {DT_INT64, 8},      {DT_UINT32, 9},     {DT_UINT64, 10},
    {DT_BOOL, 11},  {DT_DOUBLE, 12}, {DT_STRING, 13},    {DT_COMPLEX64, 16}, {DT_COMPLEX128, 17},
    {DT_BF16, 27},  {DT_INT4, 28},   {DT_COMPLEX32, 32},
};

uint32_t number_of(DataType type) {
    for (const auto &row : type_numbers)
        if (row.type == type) return row.number;
    return 0;
}

DataType type_of(uint64_t number) {
    for (const auto &row : type_numbers)
        if (row.number == number) return row.type;
    return DT_UNDEFINED;
}

const struct {
    Format format;
    const char *name;
} format_names[] = {{FORMAT_ND, "ND"},           {FORMAT_NCHW, "NCHW"},
                    {FORMAT_NHWC, "NHWC"},       {FORMAT_NCDHW, "NCDHW"},
                    {FORMAT_NDHWC, "NDHWC"},     {FORMAT_HWCN, "HWCN"},
                    {FORMAT_NCL, "NCL"},         {FORMAT_NC, "NC"},
                    {FORMAT_NC1HWC0, "NC1HWC0"}, {FORMAT_FRACTAL_NZ, "FRACTAL_NZ"}};

/* ---- writing --------------------------------------------------------------------------------- */

class Writer {
  public:
    Writer() = default;
    ~Writer() { acn_wire_release(&out_); }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    void Number(uint32_t field, uint64_t value) { acn_wire_put_number(&out_, field, value); }
    void Float(uint32_t field, float value) { acn_wire_put_f32(&out_, field, value); }
    void Text(uint32_t field, const std::string &text) {
        acn_wire_put_bytes(&out_, field, text.data(), text.size());
    }
    void Bytes(uint32_t field, const void *bytes, size_t size) {
        acn_wire_put_bytes(&out_, field, bytes, size);
    }
    void Numbers(uint32_t field, const Ints &values) {
        acn_wire_put_numbers(&out_, field, values.data(), values.size());
    }
    template <typename Fill> void Message(uint32_t field, Fill fill) {
        const size_t begun = acn_wire_begin(&out_, field);
        fill();
        acn_wire_end(&out_, begun);
    }
    bool Take(std::string &bytes) {
        if (!out_.has_failed) bytes.assign(reinterpret_cast<char *>(out_.bytes), out_.size);
        return !out_.has_failed;
    }

  private:
    acn_wire_out out_ = {};
};

void put_desc(Writer &w, uint32_t field, const std::string &name, const TensorDesc &desc) {
    w.Message(field, [&] {
        if (!name.empty()) w.Text(kDescName, name);
        w.Number(kDescType, number_of(desc.GetDataType()));
        w.Message(kDescShape, [&] { w.Numbers(kShapeDim, desc.GetShape().GetDims()); });
        for (const auto &row : format_names)
            if (row.format == desc.GetFormat()) w.Text(kDescLayout, row.name);
    });
}

void put_tensor(Writer &w, uint32_t field, const Tensor &tensor) {
    w.Message(field, [&] {
        put_desc(w, kTensorDesc, "", tensor.GetTensorDesc());
        w.Bytes(kTensorData, tensor.GetData(), tensor.GetData() ? tensor.GetSize() : 0);
    });
}

/* One value of an attribute, whichever kind it has. */
struct PutValue {
    Writer &w;

    template <typename Fill> void List(uint32_t kind, Fill fill) const {
        w.Message(kAttrList, [&] {
            fill();
            w.Number(kListKind, kind);
        });
    }
    void operator()(std::monostate) const {}
    void operator()(int64_t value) const { w.Number(kAttrInt, static_cast<uint64_t>(value)); }
    void operator()(float value) const { w.Float(kAttrFloat, value); }
    void operator()(bool value) const { w.Number(kAttrBool, value); }
    void operator()(const std::string &value) const { w.Text(kAttrText, value); }
    void operator()(DataType value) const { w.Number(kAttrType, static_cast<uint64_t>(value)); }
    void operator()(const Tensor &value) const { put_tensor(w, kAttrTensor, value); }
    void operator()(const Ints &value) const {
        List(kInts, [&] { w.Numbers(kListInt, value); });
    }
    void operator()(const std::vector<float> &value) const {
        List(kFloats, [&] { w.Bytes(kListFloat, value.data(), value.size() * sizeof(float)); });
    }
    void operator()(const std::vector<bool> &value) const {
        List(kBools, [&] { w.Numbers(kListBool, Ints(value.begin(), value.end())); });
    }
    void operator()(const Texts &value) const {
        List(kTexts, [&] {
            for (const auto &text : value)
                w.Text(kListText, text);
        });
    }
    void operator()(const std::vector<DataType> &value) const {
        List(kTypes, [&] { w.Numbers(kListType, Ints(value.begin(), value.end())); });
    }
    void operator()(const std::vector<Tensor> &value) const {
        List(kTensors, [&] {
            for (const auto &tensor : value)
                put_tensor(w, kListTensor, tensor);
        });
    }
    void operator()(const std::vector<Ints> &value) const {
        w.Message(kAttrIntLists, [&] {
            for (const auto &list : value)
                w.Message(1, [&] { w.Numbers(1, list); });
        });
    }
};

std::string edge_text(const OperatorImplPtr &source, int index) {
    return source ? source->name + ":" + std::to_string(index) : "";
}

/* Programs describe what goes into a Data, what comes out, or both. */
const TensorDesc &output_desc(const OperatorImpl &op, const Port &output) {
    const bool is_data = op.type == "Data" && !output.is_described && !op.inputs.empty();
    return is_data && op.inputs[0].is_described ? op.inputs[0].desc : output.desc;
}

void put_operator(Writer &w, const OperatorImpl &op, size_t id) {
    const auto inputs = op.OrderedInputs();
    w.Text(kOpName, op.name);
    w.Text(kOpType, op.type);
    const bool has_edges = op.type != "Data";
    for (const Port *input : inputs)
        if (has_edges) w.Text(kOpInput, edge_text(input->edge.Source(), input->edge.index));
    for (const Edge &edge : op.controls)
        if (edge.Source()) w.Text(kOpInput, edge_text(edge.Source(), -1));
    for (const auto &attr : op.attrs)
        if (attr.second.index() != 0)
            w.Message(kOpAttr, [&] {
                w.Text(kKey, attr.first);
                w.Message(kValue, [&] { std::visit(PutValue{w}, attr.second); });
            });
    w.Number(kOpId, id);
    for (const Port *input : inputs)
        put_desc(w, kOpInputDesc, input->name, input->desc);
    for (const Port &output : op.outputs)
        put_desc(w, kOpOutputDesc, output.name, output_desc(op, output));
}

graphStatus check(const char *api, const GraphImpl &graph) {
    for (const auto &op : graph.nodes)
        if (!op->failure.empty()) return acn_ge_refuse(api, op->failure.c_str());
    for (const auto &output : graph.outputs)
        if (output.second < 0 || static_cast<size_t>(output.second) >= output.first->outputs.size())
            return acn_ge_refuse(api,
                                 ("the graph's output is output " + std::to_string(output.second) +
                                  " of node \"" + output.first->name + "\" (" + output.first->type +
                                  "), which does not have one")
                                     .c_str());
    return GRAPH_SUCCESS;
}

} // namespace

graphStatus Encode(const char *api, const GraphImpl &graph, std::string &bytes) {
    if (!graph.onnx.empty()) {
        bytes.assign(graph.onnx.begin(), graph.onnx.end());
        return GRAPH_SUCCESS;
    }
    const graphStatus status = check(api, graph);
    if (status != GRAPH_SUCCESS) return status;
    Writer w;
    const std::string name = graph.name.empty() ? "graph" : graph.name;
    w.Text(kModelName, name);
    w.Number(kModelVersion, 1);
    w.Message(kModelGraph, [&] {
        w.Text(kGraphName, name);
        for (const auto &op : graph.nodes)
            if (op->type == "Data") w.Text(kGraphInput, edge_text(op, 0));
        for (const auto &output : graph.outputs)
            w.Text(kGraphOutput, edge_text(output.first, output.second));
        size_t id = 0;
        for (const auto &op : graph.nodes)
            w.Message(kGraphOp, [&] { put_operator(w, *op, id++); });
    });
    if (!w.Take(bytes)) return acn_ge_refuse(api, "no host memory for the graph");
    return GRAPH_SUCCESS;
}

std::string OpenShapes(const GraphImpl &graph) {
    std::string text;
    for (const auto &op : graph.nodes) {
        if (op->type != "Data" || op->outputs.empty()) continue;
        const Ints dims = output_desc(*op, op->outputs[0]).GetShape().GetDims();
        if (std::count(dims.begin(), dims.end(), -1) == 0) continue;
        text += (text.empty() ? "" : ";") + op->name + ":";
        for (size_t d = 0; d < dims.size(); d++)
            text += (d ? "," : "") + std::to_string(dims[d]);
    }
    return text;
}

/* ---- reading --------------------------------------------------------------------------------- */

namespace {

/* Thrown inside of this file only. */
struct Malformed {
    const char *what;
};

template <typename Visit> void each_field(acn_wire wire, const char *what, Visit visit) {
    acn_wire_field field;
    while (acn_wire_next(&wire, &field))
        visit(field);
    if (wire.is_bad) throw Malformed{what};
}

std::string text_of(const acn_wire_field &field) {
    if (field.kind != ACN_WIRE_BYTES) throw Malformed{"a text"};
    return std::string(reinterpret_cast<const char *>(field.bytes), field.size);
}

Ints numbers_of(const acn_wire_field &field) {
    Ints list;
    const auto add = [](void *context, uint64_t bits) {
        static_cast<Ints *>(context)->push_back(static_cast<int64_t>(bits));
        return true;
    };
    if (!acn_wire_numbers(&field, 0, add, &list)) throw Malformed{"a list of integers"};
    return list;
}

std::vector<float> floats_of(const acn_wire_field &field) {
    std::vector<float> list;
    const auto add = [](void *context, uint64_t bits) {
        static_cast<std::vector<float> *>(context)->push_back(acn_wire_f32(bits));
        return true;
    };
    if (!acn_wire_numbers(&field, 4, add, &list)) throw Malformed{"a list of floats"};
    return list;
}

template <typename T, typename U> void append(std::vector<T> &list, const std::vector<U> &more) {
    for (const auto &item : more)
        list.push_back(static_cast<T>(item));
}

TensorDesc read_desc(acn_wire wire, std::string &name) {
    TensorDesc desc;
    desc.SetDataType(DT_UNDEFINED);
    Ints dims;
    each_field(wire, "a description", [&](const acn_wire_field &f) {
        if (f.number == kDescName) name = text_of(f);
        if (f.number == kDescType) desc.SetDataType(type_of(f.value));
        if (f.number == kDescShape)
            each_field(acn_wire_inside(&f), "a shape", [&](const acn_wire_field &dim) {
                if (dim.number == kShapeDim) append(dims, numbers_of(dim));
            });
        if (f.number == kDescLayout)
            for (const auto &row : format_names)
                if (text_of(f) == row.name) desc.SetFormat(row.format);
    });
    desc.SetShape(Shape(dims));
    return desc;
}

Tensor read_tensor(acn_wire wire) {
    Tensor tensor;
    std::string name;
    each_field(wire, "a tensor", [&](const acn_wire_field &f) {
        if (f.number == kTensorDesc) tensor.SetTensorDesc(read_desc(acn_wire_inside(&f), name));
        if (f.number != kTensorData) return;
        if (f.kind != ACN_WIRE_BYTES) throw Malformed{"a tensor"};
        tensor.SetData(f.bytes, f.size);
    });
    return tensor;
}

/* An empty list that does not say its kind is one of integers. */
Attr read_list(acn_wire wire) {
    Ints ints, types, bools;
    std::vector<float> floats;
    Texts texts;
    std::vector<Tensor> tensors;
    uint64_t kind = 0;
    each_field(wire, "a list", [&](const acn_wire_field &f) {
        if (f.number == kListKind) kind = f.value;
        if (f.number == kListInt) append(ints, numbers_of(f));
        if (f.number == kListType) append(types, numbers_of(f));
        if (f.number == kListBool) append(bools, numbers_of(f));
        if (f.number == kListFloat) append(floats, floats_of(f));
        if (f.number == kListText) texts.push_back(text_of(f));
        if (f.number == kListTensor) tensors.push_back(read_tensor(acn_wire_inside(&f)));
    });
    if (kind == kTexts || !texts.empty()) return texts;
    if (kind == kFloats || !floats.empty()) return floats;
    if (kind == kBools || !bools.empty()) return std::vector<bool>(bools.begin(), bools.end());
    if (kind == kTensors || !tensors.empty()) return tensors;
    if (kind != kTypes && types.empty()) return ints;
    std::vector<DataType> list;
    append(list, types);
    return list;
}

std::vector<Ints> read_int_lists(acn_wire wire) {
    std::vector<Ints> lists;
    each_field(wire, "a list of lists", [&](const acn_wire_field &f) {
        lists.emplace_back();
        each_field(acn_wire_inside(&f), "a list",
                   [&](const acn_wire_field &item) { append(lists.back(), numbers_of(item)); });
    });
    return lists;
}

Attr read_value(acn_wire wire) {
    Attr value;
    each_field(wire, "an attribute", [&](const acn_wire_field &f) {
        switch (f.number) {
        case kAttrList:
            value = read_list(acn_wire_inside(&f));
            break;
        case kAttrText:
            value = text_of(f);
            break;
        case kAttrInt:
            value = static_cast<int64_t>(f.value);
            break;
        case kAttrFloat:
            value = acn_wire_f32(f.value);
            break;
        case kAttrBool:
            value = f.value != 0;
            break;
        case kAttrTensor:
            value = read_tensor(acn_wire_inside(&f));
            break;
        case kAttrIntLists:
            value = read_int_lists(acn_wire_inside(&f));
            break;
        case kAttrType:
            value = static_cast<DataType>(f.value);
            break;
        default: /* graphs, functions ...: no operator here has such */
            break;
        }
    });
    return value;
}

/* A node, and where its inputs come from, as texts. */
struct Loaded {
    OperatorImplPtr op;
    Texts inputs;
};

Loaded read_operator(acn_wire wire) {
    Loaded loaded = {std::make_shared<OperatorImpl>("", ""), {}};
    OperatorImpl &op = *loaded.op;
    const auto add_port = [](std::vector<Port> &ports, const acn_wire_field &f) {
        Port port;
        port.desc = read_desc(acn_wire_inside(&f), port.name);
        port.is_described = true;
        ports.push_back(port);
    };
    each_field(wire, "an operator", [&](const acn_wire_field &f) {
        if (f.number == kOpName) op.name = text_of(f);
        if (f.number == kOpType) op.type = text_of(f);
        if (f.number == kOpInput) loaded.inputs.push_back(text_of(f));
        if (f.number == kOpInputDesc) add_port(op.inputs, f);
        if (f.number == kOpOutputDesc) add_port(op.outputs, f);
        if (f.number != kOpAttr) return;
        std::string key;
        Attr value;
        each_field(acn_wire_inside(&f), "an attribute", [&](const acn_wire_field &entry) {
            if (entry.number == kKey) key = text_of(entry);
            if (entry.number == kValue) value = read_value(acn_wire_inside(&entry));
        });
        op.attrs[key] = value;
    });
    return loaded;
}

using NodeIndex = std::unordered_map<std::string, OperatorImplPtr>;

/* "node:index"; the name itself may have colons. */
OperatorImplPtr find_source(const NodeIndex &nodes, const std::string &edge, int &index) {
    const size_t colon = edge.rfind(':');
    if (colon == std::string::npos) throw Malformed{"an edge"};
    index = std::atoi(edge.c_str() + colon + 1);
    const auto at = nodes.find(edge.substr(0, colon));
    if (at == nodes.end()) throw Malformed{"an edge, which comes from no node,"};
    return at->second;
}

/* The node's inputs are in the order of the file from here on: its type adds nothing to them. */
void wire_node(const NodeIndex &nodes, const Loaded &loaded) {
    OperatorImpl &op = *loaded.op;
    size_t at = 0;
    for (const std::string &text : loaded.inputs) {
        int index = 0;
        const OperatorImplPtr source = text.empty() ? nullptr : find_source(nodes, text, index);
        if (source && index < 0) {
            op.controls.emplace_back();
            Connect(loaded.op, op.controls.back(), source, -1);
            continue;
        }
        if (at == op.inputs.size()) op.inputs.emplace_back();
        if (source) Connect(loaded.op, op.inputs[at].edge, source, index);
        at++;
    }
}

void read_graph(acn_wire wire, GraphImpl &graph) {
    std::vector<Loaded> all;
    NodeIndex nodes;
    Texts outputs;
    each_field(wire, "the graph", [&](const acn_wire_field &f) {
        if (f.number == kGraphName && graph.name.empty()) graph.name = text_of(f);
        if (f.number == kGraphOutput) outputs.push_back(text_of(f));
        if (f.number == kGraphOp) all.push_back(read_operator(acn_wire_inside(&f)));
    });
    for (const Loaded &loaded : all) {
        if (!nodes.emplace(loaded.op->name, loaded.op).second)
            throw Malformed{"a node's name, which occurs twice,"};
        graph.nodes.push_back(loaded.op);
    }
    for (const Loaded &loaded : all)
        wire_node(nodes, loaded);
    for (const std::string &text : outputs) {
        int index = 0;
        const OperatorImplPtr source = find_source(nodes, text, index);
        graph.outputs.emplace_back(source, index);
    }
}

} // namespace

graphStatus Decode(const char *api, const void *bytes, size_t size, GraphImpl &graph) {
    if (!acn_ge_is_graph(bytes, size)) {
        const graphStatus status = acn_ge_check_model(api, bytes, size);
        const char *first = static_cast<const char *>(bytes);
        if (status == GRAPH_SUCCESS) graph.onnx.assign(first, first + size);
        return status;
    }
    bool has_graph = false;
    try {
        each_field(acn_wire_open(bytes, size), "the model", [&](const acn_wire_field &f) {
            if (f.number != kModelGraph || has_graph) return;
            has_graph = true;
            read_graph(acn_wire_inside(&f), graph);
        });
    } catch (const Malformed &malformed) {
        return acn_ge_refuse(api, (std::string(malformed.what) + " is malformed").c_str());
    }
    return has_graph ? static_cast<graphStatus>(GRAPH_SUCCESS)
                     : acn_ge_refuse(api, "the bytes have no graph");
}

} // namespace ge

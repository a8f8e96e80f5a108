/* operator_infer.cpp - an operator's outputs from its inputs: a graph of nothing but the operator
 * is imported, as it would be when it is built. */
#include "doors/ge/graph_impl.h"
#include "ops/ge_type.h"

namespace ge {

static const char *const kInfer = "ge::Operator::InferShapeAndType";

/* What stands in for the source of an input: itself when it is a constant, a Data otherwise. */
static OperatorImplPtr stand_in(const Port &input, size_t index) {
    const OperatorImplPtr source = input.edge.Source();
    if (source && (source->type == "Const" || source->type == "Constant")) return source;
    auto data = std::make_shared<OperatorImpl>(("input " + std::to_string(index)).c_str(), "Data");
    Port port;
    port.name = "y";
    const size_t from = static_cast<size_t>(input.edge.index);
    const bool is_told = source && !input.is_described && from < source->outputs.size();
    port.desc = is_told ? source->outputs[from].desc : input.desc;
    data->outputs.push_back(port);
    data->attrs["index"] = static_cast<int64_t>(index);
    return data;
}

static graphStatus infer(const OperatorImplPtr &op) {
    GraphImpl graph("infer");
    auto copy = std::make_shared<OperatorImpl>(*op);
    copy->controls.clear();
    for (size_t i = 0; i < copy->inputs.size(); i++) {
        Port &input = copy->inputs[i];
        if (!input.edge.Source() && !input.is_described) continue; /* absent */
        const OperatorImplPtr source = stand_in(input, i);
        const int index = source == input.edge.Source() ? input.edge.index : 0;
        Connect(copy, input.edge, source, index);
    }
    graph.Add(copy);
    for (size_t i = 0; i < copy->outputs.size(); i++)
        graph.outputs.emplace_back(copy, static_cast<int>(i));
    std::string bytes;
    const graphStatus status = Encode(kInfer, graph, bytes);
    if (status != GRAPH_SUCCESS) return status;
    std::vector<acn_ge_shape> shapes(copy->outputs.size());
    size_t count = 0;
    const graphStatus answer =
        acn_ge_infer(kInfer, bytes.data(), bytes.size(), shapes.data(), shapes.size(), &count);
    if (answer != GRAPH_SUCCESS) return answer;
    for (size_t i = 0; i < op->outputs.size(); i++) {
        TensorDesc &desc = op->outputs[i].desc;
        desc.SetShape(Shape(std::vector<int64_t>(shapes[i].dims, shapes[i].dims + shapes[i].rank)));
        desc.SetDataType(static_cast<DataType>(shapes[i].dtype));
        op->outputs[i].is_described = true;
    }
    return GRAPH_SUCCESS;
}

graphStatus Operator::InferShapeAndType() {
    if (!operator_impl_) return GRAPH_FAILED;
    ACN_GE_GUARD(kInfer, return infer(operator_impl_);)
}

graphStatus Operator::VerifyAllAttr(bool) {
    if (!operator_impl_) return GRAPH_FAILED;
    const acn_ge_type *type = acn_ge_type_find(operator_impl_->type.c_str());
    acn_ge_attr_type attr;
    for (const char *at = type ? type->attrs : ""; acn_ge_next_attr(&at, &attr);)
        if (attr.is_required && operator_impl_->attrs.count(attr.name) == 0)
            return acn_ge_refuse("ge::Operator::VerifyAllAttr",
                                 ("node \"" + operator_impl_->name + "\" (" + operator_impl_->type +
                                  "): attribute " + attr.name + " is required; set it")
                                     .c_str());
    return GRAPH_SUCCESS;
}

} // namespace ge

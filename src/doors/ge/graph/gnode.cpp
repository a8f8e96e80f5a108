/* gnode.cpp - see graph/gnode.h. */
#include "doors/ge/graph_impl.h"

namespace ge {

GNode::GNode() : impl_(std::make_shared<NodeImpl>()) {}

static OperatorImplPtr op_of(const std::shared_ptr<NodeImpl> &impl) {
    return impl ? impl->op : nullptr;
}

static GNodePtr node_of(const OperatorImplPtr &op, const std::shared_ptr<NodeImpl> &near) {
    return std::make_shared<GNode>(GraphUtils::NodeOf(op, near->graph.lock()));
}

graphStatus GNode::GetType(AscendString &type) const {
    const OperatorImplPtr op = op_of(impl_);
    if (op) type = AscendString(op->type.c_str());
    return op ? GRAPH_SUCCESS : GRAPH_FAILED;
}

graphStatus GNode::GetName(AscendString &name) const {
    const OperatorImplPtr op = op_of(impl_);
    if (op) name = AscendString(op->name.c_str());
    return op ? GRAPH_SUCCESS : GRAPH_FAILED;
}

/* ---- edges ----------------------------------------------------------------------------------- */

std::pair<GNodePtr, int32_t> GNode::GetInDataNodesAndPortIndexs(const int32_t index) const {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0 || static_cast<size_t>(index) >= op->inputs.size()) return {nullptr, -1};
    const Edge &edge = op->inputs[static_cast<size_t>(index)].edge;
    const OperatorImplPtr source = edge.Source();
    if (!source) return {nullptr, -1};
    return {node_of(source, impl_), edge.index};
}

std::vector<GNodePtr> GNode::GetInControlNodes() const {
    std::vector<GNodePtr> nodes;
    const OperatorImplPtr op = op_of(impl_);
    for (size_t i = 0; op && i < op->controls.size(); i++)
        if (const OperatorImplPtr source = op->controls[i].Source())
            nodes.push_back(node_of(source, impl_));
    return nodes;
}

std::vector<std::pair<GNodePtr, int32_t>>
GNode::GetOutDataNodesAndPortIndexs(const int32_t index) const {
    std::vector<std::pair<GNodePtr, int32_t>> out;
    const OperatorImplPtr op = op_of(impl_);
    const auto graph = op ? impl_->graph.lock() : nullptr;
    for (size_t n = 0; graph && n < graph->nodes.size(); n++) {
        const OperatorImplPtr &reader = graph->nodes[n];
        for (size_t i = 0; i < reader->inputs.size(); i++) {
            const Edge &edge = reader->inputs[i].edge;
            if (edge.Source() == op && edge.index == index)
                out.emplace_back(node_of(reader, impl_), static_cast<int32_t>(i));
        }
    }
    return out;
}

std::vector<GNodePtr> GNode::GetOutControlNodes() const {
    std::vector<GNodePtr> out;
    const OperatorImplPtr op = op_of(impl_);
    const auto graph = op ? impl_->graph.lock() : nullptr;
    for (size_t n = 0; graph && n < graph->nodes.size(); n++)
        for (const Edge &edge : graph->nodes[n]->controls)
            if (edge.Source() == op) out.push_back(node_of(graph->nodes[n], impl_));
    return out;
}

graphStatus GNode::GetInputConstData(const int32_t index, Tensor &data) const {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0 || static_cast<size_t>(index) >= op->inputs.size()) return GRAPH_FAILED;
    return OperatorUtils::Of(op).GetInputConstData(
        op->inputs[static_cast<size_t>(index)].name.c_str(), data);
}

graphStatus GNode::GetInputIndexByName(const AscendString &name, int32_t &index) {
    const OperatorImplPtr op = op_of(impl_);
    const int at = op ? op->FindInput(name.GetString()) : -1;
    if (at >= 0) index = at;
    return at >= 0 ? GRAPH_SUCCESS : GRAPH_FAILED;
}

graphStatus GNode::GetOutputIndexByName(const AscendString &name, int32_t &index) {
    const OperatorImplPtr op = op_of(impl_);
    const int at = op ? op->FindOutput(name.GetString()) : -1;
    if (at >= 0) index = at;
    return at >= 0 ? GRAPH_SUCCESS : GRAPH_FAILED;
}

/* ---- descriptions ---------------------------------------------------------------------------- */

size_t GNode::GetInputsSize() const {
    const OperatorImplPtr op = op_of(impl_);
    return op ? op->inputs.size() : 0;
}

size_t GNode::GetOutputsSize() const {
    const OperatorImplPtr op = op_of(impl_);
    return op ? op->outputs.size() : 0;
}

graphStatus GNode::GetInputDesc(const int32_t index, TensorDesc &tensor_desc) const {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0 || static_cast<size_t>(index) >= op->inputs.size()) return GRAPH_FAILED;
    tensor_desc = op->inputs[static_cast<size_t>(index)].desc;
    return GRAPH_SUCCESS;
}

graphStatus GNode::UpdateInputDesc(const int32_t index, const TensorDesc &tensor_desc) {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0) return GRAPH_FAILED;
    return OperatorUtils::Of(op).UpdateInputDesc(static_cast<uint32_t>(index), tensor_desc);
}

graphStatus GNode::GetOutputDesc(const int32_t index, TensorDesc &tensor_desc) const {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0 || static_cast<size_t>(index) >= op->outputs.size()) return GRAPH_FAILED;
    tensor_desc = op->outputs[static_cast<size_t>(index)].desc;
    return GRAPH_SUCCESS;
}

graphStatus GNode::UpdateOutputDesc(const int32_t index, const TensorDesc &tensor_desc) {
    const OperatorImplPtr op = op_of(impl_);
    if (!op || index < 0) return GRAPH_FAILED;
    return OperatorUtils::Of(op).UpdateOutputDesc(static_cast<uint32_t>(index), tensor_desc);
}

/* ---- attributes ------------------------------------------------------------------------------ */

bool GNode::HasAttr(const AscendString &name) {
    const OperatorImplPtr op = op_of(impl_);
    return op && op->attrs.count(name.GetString()) > 0;
}

#define ATTR_TYPE(...)                                                                             \
    graphStatus GNode::GetAttr(const AscendString &name, __VA_ARGS__ &attr_value) const {          \
        const OperatorImplPtr op = op_of(impl_);                                                   \
        return op ? OperatorUtils::Of(op).GetAttr(name.GetString(), attr_value) : GRAPH_FAILED;    \
    }                                                                                              \
    graphStatus GNode::SetAttr(const AscendString &name, __VA_ARGS__ &attr_value) const {          \
        const OperatorImplPtr op = op_of(impl_);                                                   \
        if (op) op->attrs[name.GetString()] = Keep(attr_value);                                    \
        return op ? GRAPH_SUCCESS : GRAPH_FAILED;                                                  \
    }

ATTR_TYPE(int64_t)
ATTR_TYPE(int32_t)
ATTR_TYPE(uint32_t)
ATTR_TYPE(float32_t)
ATTR_TYPE(AscendString)
ATTR_TYPE(bool)
ATTR_TYPE(Tensor)
ATTR_TYPE(std::vector<int64_t>)
ATTR_TYPE(std::vector<float32_t>)
ATTR_TYPE(std::vector<AscendString>)
ATTR_TYPE(std::vector<bool>)
ATTR_TYPE(ge::DataType)
ATTR_TYPE(AttrValue)

} // namespace ge

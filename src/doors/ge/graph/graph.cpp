/* graph.cpp - see graph/graph.h. */
#include "doors/ge/graph_impl.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace ge {

/* ---- nodes ----------------------------------------------------------------------------------- */

OperatorImplPtr GraphImpl::Find(const char *node) const {
    for (const auto &op : nodes)
        if (node != nullptr && op->name == node) return op;
    return nullptr;
}

static void for_sources(const OperatorImplPtr &op, std::vector<OperatorImplPtr> &out) {
    for (const Port &input : op->inputs)
        if (const OperatorImplPtr source = input.edge.Source()) out.push_back(source);
    for (const Edge &edge : op->controls)
        if (const OperatorImplPtr source = edge.Source()) out.push_back(source);
}

/* Depth first, without recursion: graphs may be deep. */
void GraphImpl::Add(const OperatorImplPtr &node) {
    std::set<const OperatorImpl *> done, open;
    for (const auto &op : nodes)
        done.insert(op.get());
    std::vector<OperatorImplPtr> left = {node};
    while (!left.empty()) {
        const OperatorImplPtr at = left.back();
        std::vector<OperatorImplPtr> sources;
        if (done.count(at.get()) == 0 && open.insert(at.get()).second) for_sources(at, sources);
        sources.erase(std::remove_if(sources.begin(), sources.end(),
                                     [&](const OperatorImplPtr &source) {
                                         return done.count(source.get()) ||
                                                open.count(source.get());
                                     }),
                      sources.end());
        std::reverse(sources.begin(), sources.end());
        left.insert(left.end(), sources.begin(), sources.end());
        if (!sources.empty()) continue;
        left.pop_back();
        if (done.insert(at.get()).second) nodes.push_back(at);
    }
}

/* ---- graphs ---------------------------------------------------------------------------------- */

Graph::Graph(const char_t *name) : impl_(std::make_shared<GraphImpl>(name)) {}

static GraphImpl &impl_of(std::shared_ptr<GraphImpl> &impl) {
    if (!impl) impl = std::make_shared<GraphImpl>("");
    impl->onnx.clear();
    return *impl;
}

bool Graph::IsValid() const {
    return impl_ &&
           (!impl_->onnx.empty() || !impl_->outputs.empty() ||
            std::any_of(impl_->nodes.begin(), impl_->nodes.end(),
                        [](const OperatorImplPtr &op) { return op->type == "NetOutput"; }));
}

graphStatus Graph::GetName(AscendString &name) const {
    if (!impl_) return GRAPH_FAILED;
    name = AscendString(impl_->name.c_str());
    return GRAPH_SUCCESS;
}

static graphStatus copy_from(const GraphImpl &from, std::shared_ptr<GraphImpl> &to) {
    std::string bytes;
    auto copy = std::make_shared<GraphImpl>(from.name.c_str());
    copy->folder = from.folder;
    if (!from.IsEmpty()) {
        graphStatus status = Encode("ge::Graph::CopyFrom", from, bytes);
        if (status == GRAPH_SUCCESS)
            status = Decode("ge::Graph::CopyFrom", bytes.data(), bytes.size(), *copy);
        if (status != GRAPH_SUCCESS) return status;
    }
    to = copy;
    return GRAPH_SUCCESS;
}

graphStatus Graph::CopyFrom(const Graph &src_graph) {
    if (!src_graph.impl_) return GRAPH_FAILED;
    ACN_GE_GUARD("ge::Graph::CopyFrom", return copy_from(*src_graph.impl_, impl_);)
}

Graph &Graph::SetInputs(const std::vector<Operator> &inputs) {
    GraphImpl &impl = impl_of(impl_);
    for (const Operator &op : inputs)
        if (!op.IsEmpty()) impl.Add(OperatorUtils::ImplOf(op));
    return *this;
}

static void add_output(GraphImpl &graph, const OperatorImplPtr &op, int index) {
    graph.Add(op);
    graph.outputs.emplace_back(op, index);
}

static void add_outputs(GraphImpl &graph, const OperatorImplPtr &op) {
    graph.Add(op);
    for (size_t i = 0; op->type != "NetOutput" && i < op->outputs.size(); i++)
        graph.outputs.emplace_back(op, static_cast<int>(i));
}

Graph &Graph::SetOutputs(const std::vector<Operator> &outputs) {
    GraphImpl &impl = impl_of(impl_);
    impl.outputs.clear();
    for (const Operator &op : outputs)
        if (!op.IsEmpty()) add_outputs(impl, OperatorUtils::ImplOf(op));
    return *this;
}

Graph &
Graph::SetOutputs(const std::vector<std::pair<Operator, std::vector<size_t>>> &output_indexs) {
    GraphImpl &impl = impl_of(impl_);
    impl.outputs.clear();
    for (const auto &output : output_indexs) {
        if (output.first.IsEmpty()) continue;
        const OperatorImplPtr op = OperatorUtils::ImplOf(output.first);
        for (size_t index : output.second)
            add_output(impl, op, static_cast<int>(std::min<size_t>(index, INT32_MAX)));
        if (output.second.empty()) add_outputs(impl, op);
    }
    return *this;
}

Graph &Graph::SetOutputs(const std::vector<std::pair<ge::Operator, AscendString>> &outputs) {
    GraphImpl &impl = impl_of(impl_);
    impl.outputs.clear();
    for (const auto &output : outputs) {
        if (output.first.IsEmpty()) continue;
        const OperatorImplPtr op = OperatorUtils::ImplOf(output.first);
        if (output.second.GetLength() == 0)
            add_outputs(impl, op);
        else
            add_output(impl, op, op->FindOutput(output.second.GetString()));
    }
    return *this;
}

graphStatus Graph::SetOutputs(const std::vector<std::pair<GNode, int32_t>> &outputs) {
    GraphImpl &impl = impl_of(impl_);
    impl.outputs.clear();
    for (const auto &output : outputs) {
        const OperatorImplPtr op = GraphUtils::ImplOf(output.first);
        if (!op) return GRAPH_FAILED;
        add_output(impl, op, output.second);
    }
    return GRAPH_SUCCESS;
}

Graph &Graph::SetTargets(const std::vector<Operator> &targets) { return SetInputs(targets); }

graphStatus Graph::AddOp(const ge::Operator &op) {
    if (op.IsEmpty()) return GRAPH_FAILED;
    GraphImpl &impl = impl_of(impl_);
    if (impl.Find(OperatorUtils::ImplOf(op)->name.c_str())) return GRAPH_FAILED;
    impl.nodes.push_back(OperatorUtils::ImplOf(op));
    return GRAPH_SUCCESS;
}

graphStatus Graph::FindOpByName(const char_t *name, ge::Operator &op) const {
    const OperatorImplPtr found = impl_ ? impl_->Find(name) : nullptr;
    if (!found) return GRAPH_FAILED;
    op = OperatorUtils::Of(found);
    return GRAPH_SUCCESS;
}

graphStatus Graph::FindOpByType(const char_t *type, std::vector<ge::Operator> &ops) const {
    if (!impl_ || type == nullptr) return GRAPH_FAILED;
    ops.clear();
    for (const auto &node : impl_->nodes)
        if (node->type == type) ops.push_back(OperatorUtils::Of(node));
    return GRAPH_SUCCESS;
}

graphStatus Graph::GetAllOpName(std::vector<AscendString> &names) const {
    if (!impl_) return GRAPH_FAILED;
    names.clear();
    for (const auto &node : impl_->nodes)
        names.push_back(AscendString(node->name.c_str()));
    return GRAPH_SUCCESS;
}

/* ---- files ----------------------------------------------------------------------------------- */

static graphStatus save(const char *api, const std::shared_ptr<GraphImpl> &impl,
                        const char *file_name) {
    std::string bytes;
    if (!impl || file_name == nullptr) return acn_ge_refuse(api, "the graph or file_name is null");
    const graphStatus status = Encode(api, *impl, bytes);
    if (status != GRAPH_SUCCESS) return status;
    return acn_ge_write_file(api, file_name, bytes.data(), bytes.size());
}

graphStatus Graph::SaveToFile(const char_t *file_name) const {
    ACN_GE_GUARD("ge::Graph::SaveToFile", return save("ge::Graph::SaveToFile", impl_, file_name);)
}

static graphStatus load(const char *api, std::shared_ptr<GraphImpl> &impl, const void *bytes,
                        size_t size) {
    auto loaded = std::make_shared<GraphImpl>(impl ? impl->name.c_str() : "");
    if (bytes == nullptr) return acn_ge_refuse(api, "the graph's bytes are null");
    const graphStatus status = Decode(api, bytes, size, *loaded);
    if (status == GRAPH_SUCCESS) impl = loaded;
    return status;
}

static graphStatus load_file(const char *api, std::shared_ptr<GraphImpl> &impl,
                             const char *file_name) {
    acn_ge_image file = {};
    if (file_name == nullptr) return acn_ge_refuse(api, "file_name is null");
    graphStatus status = acn_ge_read_file(api, file_name, &file);
    if (status != GRAPH_SUCCESS) return status;
    status = load(api, impl, file.bytes, file.size);
    acn_ge_release(&file);
    return status;
}

graphStatus Graph::LoadFromFile(const char_t *file_name) {
    ACN_GE_GUARD("ge::Graph::LoadFromFile",
                 return load_file("ge::Graph::LoadFromFile", impl_, file_name);)
}

graphStatus Graph::LoadFromSerializedModelArray(const void *serialized_model, size_t size) {
    static const char *const api = "ge::Graph::LoadFromSerializedModelArray";
    ACN_GE_GUARD(api, return load(api, impl_, serialized_model, size);)
}

graphStatus Graph::LoadFromMem(const uint8_t *data, const size_t len) {
    ACN_GE_GUARD("ge::Graph::LoadFromMem", return load("ge::Graph::LoadFromMem", impl_, data, len);)
}

/* ---- nodes of a graph that exists ------------------------------------------------------------ */

std::vector<GNode> Graph::GetAllNodes() const {
    std::vector<GNode> nodes;
    for (size_t i = 0; impl_ && i < impl_->nodes.size(); i++)
        nodes.push_back(GraphUtils::NodeOf(impl_->nodes[i], impl_));
    return nodes;
}

std::vector<GNode> Graph::GetDirectNode() const { return GetAllNodes(); }

GNodePtr Graph::FindNodeByName(const AscendString &node_name) const {
    const OperatorImplPtr found = impl_ ? impl_->Find(node_name.GetString()) : nullptr;
    return found ? std::make_shared<GNode>(GraphUtils::NodeOf(found, impl_)) : nullptr;
}

GNode Graph::AddNodeByOp(const Operator &op) {
    return AddOp(op) == GRAPH_SUCCESS ? GraphUtils::NodeOf(OperatorUtils::ImplOf(op), impl_)
                                      : GNode();
}

/* Edges to it go, too. */
static void forget(GraphImpl &graph, const OperatorImplPtr &node) {
    const auto is_it = [&](const Edge &edge) { return edge.Source() == node; };
    for (const auto &op : graph.nodes) {
        for (Port &input : op->inputs)
            if (is_it(input.edge)) input.edge.Clear();
        op->controls.erase(std::remove_if(op->controls.begin(), op->controls.end(), is_it),
                           op->controls.end());
    }
    graph.nodes.erase(std::remove(graph.nodes.begin(), graph.nodes.end(), node), graph.nodes.end());
    graph.outputs.erase(
        std::remove_if(graph.outputs.begin(), graph.outputs.end(),
                       [&](const std::pair<OperatorImplPtr, int> &o) { return o.first == node; }),
        graph.outputs.end());
}

graphStatus Graph::RemoveNode(GNode &node) {
    const OperatorImplPtr op = GraphUtils::ImplOf(node);
    if (!impl_ || !op || impl_->Find(op->name.c_str()) != op) return GRAPH_FAILED;
    forget(*impl_, op);
    return GRAPH_SUCCESS;
}

graphStatus Graph::AddDataEdge(GNode &src_node, const int32_t src_port_index, GNode &dst_node,
                               const int32_t dst_port_index) {
    const OperatorImplPtr from = GraphUtils::ImplOf(src_node), to = GraphUtils::ImplOf(dst_node);
    if (!from || !to || src_port_index < 0 || dst_port_index < 0 ||
        static_cast<size_t>(src_port_index) >= from->outputs.size() ||
        static_cast<size_t>(dst_port_index) >= to->inputs.size())
        return acn_ge_refuse("ge::Graph::AddDataEdge",
                             "a node does not exist, or has no port of that number");
    Edge &edge = to->inputs[static_cast<size_t>(dst_port_index)].edge;
    if (edge.Source()) return acn_ge_refuse("ge::Graph::AddDataEdge", "the input has an edge");
    Connect(to, edge, from, src_port_index);
    return GRAPH_SUCCESS;
}

graphStatus Graph::AddControlEdge(GNode &src_node, GNode &dst_node) {
    const OperatorImplPtr from = GraphUtils::ImplOf(src_node), to = GraphUtils::ImplOf(dst_node);
    if (!from || !to) return acn_ge_refuse("ge::Graph::AddControlEdge", "a node does not exist");
    to->controls.emplace_back();
    Connect(to, to->controls.back(), from, -1);
    return GRAPH_SUCCESS;
}

graphStatus Graph::RemoveEdge(GNode &src_node, const int32_t src_port_index, GNode &dst_node,
                              const int32_t dst_port_index) {
    const OperatorImplPtr from = GraphUtils::ImplOf(src_node), to = GraphUtils::ImplOf(dst_node);
    if (!from || !to) return GRAPH_FAILED;
    if (src_port_index == -1 && dst_port_index == -1) {
        for (size_t i = 0; i < to->controls.size(); i++)
            if (to->controls[i].Source() == from) {
                to->controls.erase(to->controls.begin() + static_cast<long>(i));
                return GRAPH_SUCCESS;
            }
        return GRAPH_FAILED;
    }
    if (dst_port_index < 0 || static_cast<size_t>(dst_port_index) >= to->inputs.size())
        return GRAPH_FAILED;
    Edge &edge = to->inputs[static_cast<size_t>(dst_port_index)].edge;
    if (edge.Source() != from || edge.index != src_port_index) return GRAPH_FAILED;
    edge.Clear();
    return GRAPH_SUCCESS;
}

} // namespace ge

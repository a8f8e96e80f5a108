/* graph_impl.h - what stands behind ge::Graph and ge::GNode. */
#ifndef ACN_DOORS_GE_GRAPH_IMPL_H
#define ACN_DOORS_GE_GRAPH_IMPL_H

#include "doors/ge/core.h"
#include "doors/ge/operator_impl.h"
#include "graph/graph.h"

#include <string>
#include <vector>

namespace ge {

class GraphImpl {
  public:
    explicit GraphImpl(const char *graph_name) : name(graph_name ? graph_name : "") {}

    std::string name;
    /* An ONNX model, and the folder of its external data; instead of nodes. */
    std::vector<char> onnx;
    std::string folder;
    std::vector<OperatorImplPtr> nodes; /* each once, every one after those it depends on */
    std::vector<std::pair<OperatorImplPtr, int>> outputs;

    /* Nodes own what they depend on: the last ones go first, or a long chain goes recursively. */
    ~GraphImpl() {
        outputs.clear();
        while (!nodes.empty())
            nodes.pop_back();
    }

    bool IsEmpty() const { return onnx.empty() && nodes.empty(); }
    OperatorImplPtr Find(const char *node) const;
    /* |node| and all that it depends on. */
    void Add(const OperatorImplPtr &node);
};

class NodeImpl {
  public:
    OperatorImplPtr op;
    std::weak_ptr<GraphImpl> graph;
};

class GraphUtils {
  public:
    static std::shared_ptr<GraphImpl> ImplOf(const Graph &graph) { return graph.impl_; }
    static void SetImpl(Graph &graph, std::shared_ptr<GraphImpl> impl) {
        graph.impl_ = std::move(impl);
    }
    static OperatorImplPtr ImplOf(const GNode &node) {
        return node.impl_ ? node.impl_->op : nullptr;
    }
    static GNode NodeOf(const OperatorImplPtr &op, const std::shared_ptr<GraphImpl> &graph) {
        GNode node;
        node.impl_ = std::make_shared<NodeImpl>();
        node.impl_->op = op;
        node.impl_->graph = graph;
        return node;
    }
};

/* The graph as ge.proto.ModelDef; an ONNX model as it is. GRAPH_SUCCESS, or what is wrong with its
 * nodes. */
graphStatus Encode(const char *api, const GraphImpl &graph, std::string &bytes);
/* What its inputs leave open, as option input_shape has it: "x:-1,3"; empty: nothing. */
std::string OpenShapes(const GraphImpl &graph);
/* Nodes from such bytes. An ONNX model becomes the graph's model. */
graphStatus Decode(const char *api, const void *bytes, size_t size, GraphImpl &graph);

} // namespace ge

/* The body of an exported function: no exception may leave it. */
#define ACN_GE_GUARD(api, body)                                                                    \
    try {                                                                                          \
        body                                                                                       \
    } catch (const std::exception &error) {                                                        \
        acn_ge_refuse(api, error.what());                                                          \
        return GRAPH_FAILED;                                                                       \
    }

#endif

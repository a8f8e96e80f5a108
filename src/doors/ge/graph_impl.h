/* graph_impl.h - what stands behind ge::Graph. */
#ifndef ACN_DOORS_GE_GRAPH_IMPL_H
#define ACN_DOORS_GE_GRAPH_IMPL_H

#include "doors/ge/core.h"
#include "graph/graph.h"

#include <string>
#include <vector>

namespace ge {

class GraphImpl {
  public:
    explicit GraphImpl(const char *graph_name) : name(graph_name ? graph_name : "") {}

    std::string name;
    /* An ONNX model, and the folder of its external data. */
    std::vector<char> onnx;
    std::string folder;
};

class GraphUtils {
  public:
    static std::shared_ptr<GraphImpl> ImplOf(const Graph &graph) { return graph.impl_; }
    static void SetImpl(Graph &graph, std::shared_ptr<GraphImpl> impl) {
        graph.impl_ = std::move(impl);
    }
};

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

/* graph.cpp - see graph/graph.h. */
#include "doors/ge/graph_impl.h"

namespace ge {

Graph::Graph(const char_t *name) : impl_(std::make_shared<GraphImpl>(name)) {}

bool Graph::IsValid() const { return impl_ && !impl_->onnx.empty(); }

graphStatus Graph::GetName(AscendString &name) const {
    if (!impl_) return GRAPH_FAILED;
    name = AscendString(impl_->name.c_str());
    return GRAPH_SUCCESS;
}

graphStatus Graph::CopyFrom(const Graph &src_graph) {
    if (!src_graph.impl_) return GRAPH_FAILED;
    impl_ = std::make_shared<GraphImpl>(*src_graph.impl_);
    return GRAPH_SUCCESS;
}

} // namespace ge

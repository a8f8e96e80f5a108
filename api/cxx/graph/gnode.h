/* gnode.h - a node of a graph that exists: its edges, descriptions and attributes. */
#ifndef GRAPH_GNODE_H
#define GRAPH_GNODE_H

#include <memory>
#include <utility>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/attr_value.h"
#include "graph/ge_error_codes.h"
#include "graph/tensor.h"
#include "graph/types.h"

namespace ge {

class GNode;
class Graph;
class NodeImpl;
using GNodePtr = std::shared_ptr<GNode>;
using GraphPtr = std::shared_ptr<Graph>;

class GNode {
  public:
    GNode();
    ~GNode() = default;

    graphStatus GetType(AscendString &type) const;
    graphStatus GetName(AscendString &name) const;
    /* Which output of which node input |index| is; none: nullptr and -1. */
    std::pair<GNodePtr, int32_t> GetInDataNodesAndPortIndexs(const int32_t index) const;
    std::vector<GNodePtr> GetInControlNodes() const;
    /* Which inputs of which nodes output |index| is. */
    std::vector<std::pair<GNodePtr, int32_t>>
    GetOutDataNodesAndPortIndexs(const int32_t index) const;
    std::vector<GNodePtr> GetOutControlNodes() const;
    graphStatus GetInputConstData(const int32_t index, Tensor &data) const;
    graphStatus GetInputIndexByName(const AscendString &name, int32_t &index);
    graphStatus GetOutputIndexByName(const AscendString &name, int32_t &index);
    size_t GetInputsSize() const;
    size_t GetOutputsSize() const;
    graphStatus GetInputDesc(const int32_t index, TensorDesc &tensor_desc) const;
    graphStatus UpdateInputDesc(const int32_t index, const TensorDesc &tensor_desc);
    graphStatus GetOutputDesc(const int32_t index, TensorDesc &tensor_desc) const;
    graphStatus UpdateOutputDesc(const int32_t index, const TensorDesc &tensor_desc);

    graphStatus GetAttr(const AscendString &name, int64_t &attr_value) const;
    graphStatus GetAttr(const AscendString &name, int32_t &attr_value) const;
    graphStatus GetAttr(const AscendString &name, uint32_t &attr_value) const;
    graphStatus GetAttr(const AscendString &name, float32_t &attr_value) const;
    graphStatus GetAttr(const AscendString &name, AscendString &attr_value) const;
    graphStatus GetAttr(const AscendString &name, bool &attr_value) const;
    graphStatus GetAttr(const AscendString &name, Tensor &attr_value) const;
    graphStatus GetAttr(const AscendString &name, std::vector<int64_t> &attr_value) const;
    graphStatus GetAttr(const AscendString &name, std::vector<float32_t> &attr_value) const;
    graphStatus GetAttr(const AscendString &name, std::vector<AscendString> &attr_values) const;
    graphStatus GetAttr(const AscendString &name, std::vector<bool> &attr_value) const;
    graphStatus GetAttr(const AscendString &name, ge::DataType &attr_value) const;
    graphStatus GetAttr(const AscendString &name, AttrValue &attr_value) const;
    graphStatus SetAttr(const AscendString &name, int64_t &attr_value) const;
    graphStatus SetAttr(const AscendString &name, int32_t &attr_value) const;
    graphStatus SetAttr(const AscendString &name, uint32_t &attr_value) const;
    graphStatus SetAttr(const AscendString &name, float32_t &attr_value) const;
    graphStatus SetAttr(const AscendString &name, AscendString &attr_value) const;
    graphStatus SetAttr(const AscendString &name, bool &attr_value) const;
    graphStatus SetAttr(const AscendString &name, Tensor &attr_value) const;
    graphStatus SetAttr(const AscendString &name, std::vector<int64_t> &attr_value) const;
    graphStatus SetAttr(const AscendString &name, std::vector<float32_t> &attr_value) const;
    graphStatus SetAttr(const AscendString &name, std::vector<AscendString> &attr_values) const;
    graphStatus SetAttr(const AscendString &name, std::vector<bool> &attr_value) const;
    graphStatus SetAttr(const AscendString &name, ge::DataType &attr_value) const;
    graphStatus SetAttr(const AscendString &name, AttrValue &attr_value) const;
    bool HasAttr(const AscendString &name);

  private:
    friend class GraphUtils;
    std::shared_ptr<NodeImpl> impl_;
};

} /* namespace ge */

#endif

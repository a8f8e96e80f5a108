/* graph.h - a network: operators that are wired, or a model that was read from a file. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/gnode.h"
#include "graph/operator.h"
#include "graph/types.h"

namespace ge {

class GraphImpl;

/* Copies are the same graph. */
class Graph {
  public:
    Graph() = default;
    explicit Graph(const std::string &name);
    explicit Graph(const char_t *name);
    ~Graph() = default;

    /* Whether there is something to build. */
    bool IsValid() const;
    graphStatus GetName(AscendString &name) const;
    /* A graph of its own with what |src_graph| has now. */
    graphStatus CopyFrom(const Graph &src_graph);

    /* Operators without inputs, in the order of the model's inputs. */
    Graph &SetInputs(const std::vector<Operator> &inputs);
    /* All outputs of |outputs| are the model's; what they depend on belongs to the graph. */
    Graph &SetOutputs(const std::vector<Operator> &outputs);
    /* Outputs that are numbered or named; none: all of the operator's. */
    Graph &SetOutputs(const std::vector<std::pair<Operator, std::vector<size_t>>> &output_indexs);
    Graph &SetOutputs(const std::vector<std::pair<ge::Operator, std::string>> &outputs);
    Graph &SetOutputs(const std::vector<std::pair<ge::Operator, AscendString>> &outputs);
    graphStatus SetOutputs(const std::vector<std::pair<GNode, int32_t>> &outputs);
    /* Operators that are no outputs, and are part of the graph nevertheless. */
    Graph &SetTargets(const std::vector<Operator> &targets);
    graphStatus AddOp(const ge::Operator &op);
    graphStatus FindOpByName(const std::string &name, ge::Operator &op) const;
    graphStatus FindOpByName(const char_t *name, ge::Operator &op) const;
    graphStatus FindOpByType(const std::string &type, std::vector<ge::Operator> &ops) const;
    graphStatus FindOpByType(const char_t *type, std::vector<ge::Operator> &ops) const;
    graphStatus GetAllOpName(std::vector<std::string> &op_name) const;
    graphStatus GetAllOpName(std::vector<AscendString> &names) const;

    /* The graph engine's own form, ge.proto.ModelDef: a .air file. A model of another form is
     * written as it was read. */
    graphStatus SaveToFile(const std::string &file_name) const;
    graphStatus SaveToFile(const char_t *file_name) const;
    graphStatus LoadFromFile(const std::string &file_name);
    graphStatus LoadFromFile(const char_t *file_name);
    graphStatus LoadFromSerializedModelArray(const void *serialized_model, size_t size);
    graphStatus LoadFromMem(const uint8_t *data, const size_t len);

    std::vector<GNode> GetAllNodes() const;
    std::vector<GNode> GetDirectNode() const;
    GNodePtr FindNodeByName(const AscendString &node_name) const;
    GNode AddNodeByOp(const Operator &op);
    graphStatus RemoveNode(GNode &node);
    graphStatus AddDataEdge(GNode &src_node, const int32_t src_port_index, GNode &dst_node,
                            const int32_t dst_port_index);
    graphStatus AddControlEdge(GNode &src_node, GNode &dst_node);
    graphStatus RemoveEdge(GNode &src_node, const int32_t src_port_index, GNode &dst_node,
                           const int32_t dst_port_index);

  private:
    friend class GraphUtils;
    std::shared_ptr<GraphImpl> impl_;
};

} /* namespace ge */

#endif

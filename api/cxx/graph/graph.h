/* graph.h - a network: operators that are wired, or a model that was read from a file. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <memory>

#include "graph/ascend_string.h"
#include "graph/types.h"

namespace ge {

class GraphImpl;

/* Copies are the same graph. */
class Graph {
  public:
    Graph() = default;
    explicit Graph(const char_t *name);
    ~Graph() = default;

    /* Whether there is something to build. */
    bool IsValid() const;
    graphStatus GetName(AscendString &name) const;
    /* A graph of its own with what |src_graph| has now. */
    graphStatus CopyFrom(const Graph &src_graph);

  private:
    friend class GraphUtils;
    std::shared_ptr<GraphImpl> impl_;
};

} /* namespace ge */

#endif

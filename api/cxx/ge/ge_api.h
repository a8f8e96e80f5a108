/* ge_api.h - running graphs in the process that makes them. */
#ifndef GE_GE_API_H
#define GE_GE_API_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ge/ge_allocator.h"
#include "ge/ge_api_error_codes.h"
#include "ge/ge_api_types.h"
#include "ge/ge_graph_compile_summary.h"
#include "graph/ascend_string.h"
#include "graph/graph.h"
#include "graph/tensor.h"

namespace ge {

using RunAsyncCallback = std::function<void(Status, std::vector<ge::Tensor> &)>;

/* Around all sessions. Options hold for each of them. */
Status GEInitialize(const std::map<std::string, std::string> &options);
Status GEInitialize(const std::map<AscendString, AscendString> &options);
/* Ends all sessions that still exist. */
Status GEFinalize();
/* What failed last in this thread; then it is forgotten. */
std::string GEGetErrorMsg();
ge::AscendString GEGetErrorMsgV2();
std::string GEGetWarningMsg();
ge::AscendString GEGetWarningMsgV2();

/* Graphs by numbers that the program gives. Threads may use one session at once. */
class Session {
  public:
    explicit Session(const std::map<std::string, std::string> &options);
    explicit Session(const std::map<AscendString, AscendString> &options);
    ~Session();

    /* The graph as it is now; later changes are not seen. */
    Status AddGraph(uint32_t graph_id, const Graph &graph);
    Status AddGraph(uint32_t graph_id, const Graph &graph,
                    const std::map<std::string, std::string> &options);
    Status AddGraph(uint32_t graph_id, const Graph &graph,
                    const std::map<AscendString, AscendString> &options);
    Status AddGraphWithCopy(uint32_t graph_id, const Graph &graph);
    Status AddGraphWithCopy(uint32_t graph_id, const Graph &graph,
                            const std::map<AscendString, AscendString> &options);
    Status RemoveGraph(uint32_t graph_id);
    /* Compiled graphs stay so: false, unless there is no such graph. */
    bool IsGraphNeedRebuild(uint32_t graph_id);
    uint64_t GetSessionId() const;

    /* What runs do by themselves when it was not done before. */
    Status BuildGraph(uint32_t graph_id, const std::vector<ge::Tensor> &inputs);
    Status CompileGraph(uint32_t graph_id);
    /* nullptr: it is not compiled. */
    CompiledGraphSummaryPtr GetCompiledGraphSummary(uint32_t graph_id);

    /* Memory of the program's own for constants, and for what lies between operators. */
    Status SetGraphConstMemoryBase(uint32_t graph_id, const void *const memory, size_t size);
    Status UpdateGraphFeatureMemoryBase(uint32_t graph_id, const void *const memory, size_t size);
    Status SetGraphFixedFeatureMemoryBase(uint32_t graph_id, const void *const memory, size_t size);
    Status UpdateGraphRefreshableFeatureMemoryBase(uint32_t graph_id, const void *const memory,
                                                   size_t size);
    /* Memory for outputs on |stream| that the program leaves open. */
    Status RegisterExternalAllocator(const void *const stream, AllocatorPtr allocator) const;
    Status UnregisterExternalAllocator(const void *const stream) const;

    /* Tensors in host memory; |outputs| is filled. */
    Status RunGraph(uint32_t graph_id, const std::vector<Tensor> &inputs,
                    std::vector<Tensor> &outputs);
    /* The same on a thread of the session's, in the order of the calls. */
    Status RunGraphAsync(uint32_t graph_id, const std::vector<ge::Tensor> &inputs,
                         RunAsyncCallback callback);
    /* Tensors in device memory. Outputs without memory get some, which their tensors free: after
     * the stream has come so far. */
    Status RunGraphWithStreamAsync(uint32_t graph_id, void *stream,
                                   const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs);

  private:
    uint64_t session_id_ = 0U;
};

} /* namespace ge */

#endif

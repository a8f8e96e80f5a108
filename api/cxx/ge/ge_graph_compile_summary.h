/* ge_graph_compile_summary.h - what is known of a graph when it is compiled. */
#ifndef GE_GE_GRAPH_COMPILE_SUMMARY_H
#define GE_GE_GRAPH_COMPILE_SUMMARY_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ge/ge_api_error_codes.h"
#include "graph/tensor.h"
#include "graph/types.h"

namespace ge {

class CompiledGraphSummary {
  public:
    ~CompiledGraphSummary();
    CompiledGraphSummary &operator=(const CompiledGraphSummary &) & = delete;
    CompiledGraphSummary(const CompiledGraphSummary &) = delete;

    /* Whether all shapes are known. Without that the outputs are not. */
    bool IsStatic() const;
    /* Of constants, in bytes. */
    Status GetConstMemorySize(size_t &size) const;
    /* Of what lies between operators. */
    Status GetFeatureMemorySize(size_t &size) const;
    /* The part of it that must not move: none. */
    Status GetFixedFeatureMemorySize(size_t &size) const;
    Status GetRefreshableFeatureMemorySize(size_t &size) const;
    /* Whether Session::UpdateGraphFeatureMemoryBase may come again between runs. */
    Status GetFeatureMemoryBaseRefreshable(bool &v) const;
    Status GetStreamNum(size_t &num) const;
    Status GetEventNum(size_t &num) const;
    Status GetOutputShapes(std::vector<ge::Shape> &shapes) const;
    Status GetOutputDtypes(std::vector<ge::DataType> &dtypes) const;
    /* Inputs and outputs that must have the same memory: none. */
    Status GetIOIndexesWithSameAddr(std::vector<std::pair<uint32_t, uint32_t>> &io_indexes) const;

  private:
    friend class SummaryUtils;
    CompiledGraphSummary() = default;
    struct SummaryData;
    std::shared_ptr<SummaryData> data_;
};

using CompiledGraphSummaryPtr = std::shared_ptr<CompiledGraphSummary>;

} /* namespace ge */

#endif

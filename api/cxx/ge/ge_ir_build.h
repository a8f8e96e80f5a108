/* ge_ir_build.h - from a graph to an offline model. */
#ifndef GE_GE_IR_BUILD_H
#define GE_GE_IR_BUILD_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ge/ge_api_types.h"
#include "graph/graph.h"

namespace ge {

/* A model as it lies in a file; aclmdlLoadFromMem takes it. */
struct ModelBufferData {
    std::shared_ptr<uint8_t> data = nullptr;
    uint64_t length = 0;
};

/* Options hold for all builds until aclgrphBuildFinalize. GRAPH_PARAM_INVALID: one of them is not
 * known, or has no such value. */
graphStatus aclgrphBuildInitialize(std::map<std::string, std::string> global_options);
graphStatus aclgrphBuildInitialize(std::map<AscendString, AscendString> &global_options);
void aclgrphBuildFinalize();
/* |build_options| go before the global ones. The input shapes that the graph leaves open come from
 * ir_option::INPUT_SHAPE. */
graphStatus aclgrphBuildModel(const ge::Graph &graph,
                              const std::map<std::string, std::string> &build_options,
                              ModelBufferData &model);
graphStatus aclgrphBuildModel(const ge::Graph &graph,
                              const std::map<AscendString, AscendString> &build_options,
                              ModelBufferData &model);
/* Writes |output_file|.om. */
graphStatus aclgrphSaveModel(const std::string &output_file, const ModelBufferData &model);
graphStatus aclgrphSaveModel(const char_t *output_file, const ModelBufferData &model);
/* The version of the operators' definitions: 1.0.0. */
graphStatus aclgrphGetIRVersion(int32_t *major_version, int32_t *minor_version,
                                int32_t *patch_version);

} /* namespace ge */

#endif

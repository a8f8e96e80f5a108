/* ir_build_strings.cpp - the functions of building that take std::string, for each flavour of it;
 * see graph_strings.cpp. */
#include "ge/ge_ir_build.h"

namespace ge {

using Texts = std::map<std::string, std::string>;

static std::map<AscendString, AscendString> ascend(const Texts &options) {
    std::map<AscendString, AscendString> out;
    for (const auto &option : options)
        out[AscendString(option.first.c_str())] = AscendString(option.second.c_str());
    return out;
}

graphStatus aclgrphBuildInitialize(Texts global_options) {
    auto options = ascend(global_options);
    return aclgrphBuildInitialize(options);
}

graphStatus aclgrphBuildModel(const ge::Graph &graph, const Texts &build_options,
                              ModelBufferData &model) {
    return aclgrphBuildModel(graph, ascend(build_options), model);
}

graphStatus aclgrphSaveModel(const std::string &output_file, const ModelBufferData &model) {
    return aclgrphSaveModel(output_file.c_str(), model);
}

} // namespace ge

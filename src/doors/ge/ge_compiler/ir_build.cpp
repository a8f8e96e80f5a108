/* ir_build.cpp - see ge/ge_ir_build.h. */
#include "ge/ge_ir_build.h"

#include "doors/ge/graph_impl.h"
#include "doors/ge/option_list.h"

#include <cstdlib>
#include <mutex>

namespace ge {

namespace {

struct Globals {
    std::mutex mutex;
    OptionMap options;
    bool is_ready = false;
};

Globals &globals() {
    static Globals &all = *new Globals; /* programs may end it after the last destructor */
    return all;
}

graphStatus initialize(const char *api, const OptionMap &options) {
    const auto list = OptionList(options);
    const graphStatus status = acn_ge_check_build_options(api, list.data(), list.size());
    if (status != GRAPH_SUCCESS) return status;
    std::lock_guard<std::mutex> lock(globals().mutex);
    globals().options = options;
    globals().is_ready = true;
    return GRAPH_SUCCESS;
}

graphStatus build(const char *api, const Graph &graph, const OptionMap &given,
                  ModelBufferData &model) {
    const auto impl = GraphUtils::ImplOf(graph);
    OptionMap options = given;
    {
        std::lock_guard<std::mutex> lock(globals().mutex);
        if (!globals().is_ready)
            return acn_ge_refuse(api, "aclgrphBuildInitialize must be called before");
        options.insert(globals().options.begin(), globals().options.end());
    }
    if (!graph.IsValid())
        return acn_ge_refuse(api, "graph is empty; parse a model into it, or set its outputs");
    const std::string shapes = OpenShapes(*impl);
    if (!shapes.empty()) options.insert({"input_shape", shapes.c_str()});
    const auto list = OptionList(options);
    graphStatus status = acn_ge_check_build_options(api, list.data(), list.size());
    if (status != GRAPH_SUCCESS) return status;
    acn_ge_image image = {};
    std::string bytes;
    status = Encode(api, *impl, bytes);
    if (status == GRAPH_SUCCESS)
        status = acn_ge_build_model(api, bytes.data(), bytes.size(),
                                    impl->folder.empty() ? nullptr : impl->folder.c_str(),
                                    list.data(), list.size(), &image);
    if (status != GRAPH_SUCCESS) return status;
    model.data = std::shared_ptr<uint8_t>(static_cast<uint8_t *>(image.bytes), std::free);
    model.length = image.size;
    return GRAPH_SUCCESS;
}

} // namespace

graphStatus aclgrphBuildInitialize(OptionMap &global_options) {
    ACN_GE_GUARD(__func__, return initialize(__func__, global_options);)
}

void aclgrphBuildFinalize() {
    std::lock_guard<std::mutex> lock(globals().mutex);
    globals().options.clear();
    globals().is_ready = false;
}

graphStatus aclgrphBuildModel(const Graph &graph, const OptionMap &build_options,
                              ModelBufferData &model) {
    ACN_GE_GUARD(__func__, return build(__func__, graph, build_options, model);)
}

graphStatus aclgrphSaveModel(const char_t *output_file, const ModelBufferData &model) {
    if (output_file == nullptr || model.data == nullptr)
        return acn_ge_refuse(__func__, "output_file or the model's data is null");
    return acn_ge_save(__func__, output_file, model.data.get(), model.length);
}

graphStatus aclgrphGetIRVersion(int32_t *major_version, int32_t *minor_version,
                                int32_t *patch_version) {
    if (major_version == nullptr || minor_version == nullptr || patch_version == nullptr)
        return acn_ge_refuse(__func__, "a version's address is null");
    *major_version = 1;
    *minor_version = 0;
    *patch_version = 0;
    return GRAPH_SUCCESS;
}

} // namespace ge

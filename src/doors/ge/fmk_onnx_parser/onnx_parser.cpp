/* onnx_parser.cpp - see parser/onnx_parser.h. The model is kept as it is, and read again when it is
 * built: only then the shapes are known. */
#include "parser/onnx_parser.h"

#include "doors/ge/graph_impl.h"
#include "doors/ge/option_list.h"

namespace ge {

static graphStatus parse(const char *api, const char *buffer, size_t size,
                         const OptionMap &parser_params, const std::string &folder, Graph &graph) {
    if (buffer == nullptr) return acn_ge_refuse(api, "buffer is null; expected an ONNX model");
    const auto options = OptionList(parser_params);
    graphStatus status = acn_ge_check_build_options(api, options.data(), options.size());
    if (status == GRAPH_SUCCESS) status = acn_ge_check_model(api, buffer, size);
    if (status != GRAPH_SUCCESS) return status;
    AscendString name;
    graph.GetName(name);
    auto impl = std::make_shared<GraphImpl>(name.GetString());
    impl->onnx.assign(buffer, buffer + size);
    impl->folder = folder;
    GraphUtils::SetImpl(graph, impl);
    return GRAPH_SUCCESS;
}

graphStatus aclgrphParseONNXFromMem(const char *buffer, size_t size, const OptionMap &parser_params,
                                    Graph &graph) {
    ACN_GE_GUARD(__func__, return parse(__func__, buffer, size, parser_params, "", graph);)
}

static graphStatus parse_file(const char *api, const char *path, const OptionMap &parser_params,
                              Graph &graph) {
    if (path == nullptr) return acn_ge_refuse(api, "model_file is null; expected a path");
    acn_ge_image file = {};
    graphStatus status = acn_ge_read_file(api, path, &file);
    if (status != GRAPH_SUCCESS) return status;
    const std::string text(path);
    const size_t slash = text.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : text.substr(0, slash + 1);
    status =
        parse(api, static_cast<const char *>(file.bytes), file.size, parser_params, folder, graph);
    acn_ge_release(&file);
    return status;
}

graphStatus aclgrphParseONNX(const char *model_file, const OptionMap &parser_params, Graph &graph) {
    ACN_GE_GUARD(__func__, return parse_file(__func__, model_file, parser_params, graph);)
}

} // namespace ge

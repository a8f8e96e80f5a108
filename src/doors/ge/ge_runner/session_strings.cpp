/* session_strings.cpp - the functions of sessions that take or give std::string, for each flavour
 * of it; see graph_strings.cpp. */
#include "ge/ge_api.h"

namespace ge {

using Texts = std::map<std::string, std::string>;

static std::map<AscendString, AscendString> ascend(const Texts &options) {
    std::map<AscendString, AscendString> out;
    for (const auto &option : options)
        out[AscendString(option.first.c_str())] = AscendString(option.second.c_str());
    return out;
}

Status GEInitialize(const Texts &options) { return GEInitialize(ascend(options)); }

std::string GEGetErrorMsg() { return GEGetErrorMsgV2().GetString(); }
std::string GEGetWarningMsg() { return GEGetWarningMsgV2().GetString(); }

Session::Session(const Texts &options) : Session(ascend(options)) {}

Status Session::AddGraph(uint32_t graph_id, const Graph &graph, const Texts &options) {
    return AddGraph(graph_id, graph, ascend(options));
}

} // namespace ge

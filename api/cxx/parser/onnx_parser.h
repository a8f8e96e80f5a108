/* onnx_parser.h - ONNX models as graphs. */
#ifndef PARSER_ONNX_PARSER_H
#define PARSER_ONNX_PARSER_H

#include <cstddef>
#include <map>

#include "graph/ascend_string.h"
#include "graph/graph.h"
#include "graph/types.h"

namespace ge {

/* |graph| becomes the model; it is left alone after a failure. */
graphStatus aclgrphParseONNX(const char *model_file,
                             const std::map<ge::AscendString, ge::AscendString> &parser_params,
                             ge::Graph &graph);
graphStatus
aclgrphParseONNXFromMem(const char *buffer, size_t size,
                        const std::map<ge::AscendString, ge::AscendString> &parser_params,
                        ge::Graph &graph);

} /* namespace ge */

#endif

/* An ONNX model through the graph engine's C++ interface: parsed, built, saved, and run on ones.
 *
 *     graph_engine MODEL.onnx INPUT_SHAPE OUTPUT
 */
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "ge/ge_ir_build.h"
#include "parser/onnx_parser.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%d: %s\n%s\n", __LINE__, #condition, error());                            \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

using Options = std::map<ge::AscendString, ge::AscendString>;

static const char *error() {
    const char *text = aclGetRecentErrMsg();
    return text != nullptr ? text : "";
}

static int mistakes(const std::string &bytes) {
    ge::Graph graph("wrong");
    ge::ModelBufferData model;
    Options options = {{"no such option", "1"}};
    EXPECT(ge::aclgrphBuildModel(graph, Options(), model) != ge::GRAPH_SUCCESS);
    EXPECT(std::strstr(error(), "aclgrphBuildInitialize must be called before"));
    EXPECT(ge::aclgrphBuildInitialize(options) == ge::GRAPH_PARAM_INVALID);
    EXPECT(std::strstr(error(), "\"no such option\" is unknown"));
    options = {{ge::ir_option::PRECISION_MODE, "exact"}};
    EXPECT(ge::aclgrphBuildInitialize(options) == ge::GRAPH_PARAM_INVALID);
    EXPECT(std::strstr(error(), "must_keep_origin_dtype"));
    EXPECT(ge::aclgrphParseONNXFromMem(nullptr, 1, Options(), graph) == ge::GRAPH_PARAM_INVALID);
    for (size_t size : {size_t(0), size_t(1), bytes.size() / 2, bytes.size() - 1})
        EXPECT(ge::aclgrphParseONNXFromMem(bytes.data(), size, Options(), graph) !=
               ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphParseONNX("/no/such/model", Options(), graph) != ge::GRAPH_SUCCESS);
    EXPECT(std::strstr(error(), "/no/such/model cannot be read"));
    EXPECT(!graph.IsValid());
    return 0;
}

static int run(const ge::ModelBufferData &model) {
    uint32_t id = 0;
    EXPECT(aclmdlLoadFromMem(model.data.get(), model.length, &id) == 0);
    aclmdlDesc *desc = aclmdlCreateDesc();
    EXPECT(aclmdlGetDesc(desc, id) == 0);
    std::vector<float> x(aclmdlGetInputSizeByIndex(desc, 0) / sizeof(float), 1.0f);
    std::vector<float> y(aclmdlGetOutputSizeByIndex(desc, 0) / sizeof(float));
    const size_t in = x.size() * sizeof(float), out = y.size() * sizeof(float);
    void *from = nullptr, *to = nullptr;
    EXPECT(aclrtMalloc(&from, in, ACL_MEM_MALLOC_HUGE_FIRST) == 0);
    EXPECT(aclrtMalloc(&to, out, ACL_MEM_MALLOC_HUGE_FIRST) == 0);
    EXPECT(aclrtMemcpy(from, in, x.data(), in, ACL_MEMCPY_HOST_TO_DEVICE) == 0);
    aclmdlDataset *inputs = aclmdlCreateDataset(), *outputs = aclmdlCreateDataset();
    EXPECT(aclmdlAddDatasetBuffer(inputs, aclCreateDataBuffer(from, in)) == 0);
    EXPECT(aclmdlAddDatasetBuffer(outputs, aclCreateDataBuffer(to, out)) == 0);
    EXPECT(aclmdlExecute(id, inputs, outputs) == 0);
    EXPECT(aclrtMemcpy(y.data(), out, to, out, ACL_MEMCPY_DEVICE_TO_HOST) == 0);
    for (float value : y)
        std::printf("%.9g\n", static_cast<double>(value));
    EXPECT(aclmdlUnload(id) == 0);
    return 0;
}

int main(int argc, char **argv) {
    EXPECT(argc == 4);
    std::ifstream file(argv[1], std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    EXPECT(aclInit(nullptr) == 0 && aclrtSetDevice(0) == 0);
    if (mistakes(bytes) != 0) return 1;

    ge::Graph graph("net"), other;
    ge::ModelBufferData model;
    ge::AscendString name;
    Options global = {{ge::ir_option::SOC_VERSION, aclrtGetSocName()}};
    EXPECT(ge::aclgrphBuildInitialize(global) == ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphParseONNX(argv[1], Options(), graph) == ge::GRAPH_SUCCESS);
    EXPECT(graph.IsValid() && graph.GetName(name) == ge::GRAPH_SUCCESS && name == "net");
    EXPECT(ge::aclgrphBuildModel(graph, Options{{"input_shape", "x:1,2,"}}, model) !=
           ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphBuildModel(graph, Options{{"input_shape", "x:1,2"}}, model) !=
           ge::GRAPH_SUCCESS);
    EXPECT(model.data == nullptr && model.length == 0);
    EXPECT(other.CopyFrom(graph) == ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphBuildModel(other, Options{{ge::ir_option::INPUT_SHAPE, argv[2]}}, model) ==
           ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphSaveModel(argv[3], model) == ge::GRAPH_SUCCESS);
    EXPECT(ge::aclgrphSaveModel("/no/such/folder/model", model) != ge::GRAPH_SUCCESS);
    ge::aclgrphBuildFinalize();
    return run(model);
}

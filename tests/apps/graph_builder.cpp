/* Graphs that a program makes operator by operator: built, run, and compared with the same formula
 * in double precision. What is wrong is refused, with a text that names the node.
 *
 *     graph_builder FOLDER
 */
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "all_ops.h"
#include "ge/ge_ir_build.h"
#include "graph/graph.h"

/* A type of the program's own, with each word there is. */
namespace ge {
REG_OP(OwnType)
    .INPUT(x, TensorType({DT_FLOAT, DT_FLOAT16}))
    .OPTIONAL_INPUT(bias, TensorType::NumberType())
    .DYNAMIC_INPUT(more, TensorType::ALL())
    .OUTPUT(y, TensorType({DT_FLOAT}))
    .DYNAMIC_OUTPUT(parts, "T")
    .ATTR(alpha, Float, 0.5)
    .ATTR(dims, ListInt, {1, 2})
    .ATTR(mode, String, "fast")
    .ATTR(exact, Bool, true)
    .REQUIRED_ATTR(count, Int)
    .DATATYPE(T, TensorType({DT_FLOAT, DT_INT32}))
    .OP_END_FACTORY_REG(OwnType)
} // namespace ge

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%d: %s\n%s\n", __LINE__, #condition, error());                            \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

using namespace ge;
using Options = std::map<AscendString, AscendString>;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

static const char *error() {
    const char *text = aclGetRecentErrMsg();
    return text != nullptr ? text : "";
}

/* ---- tensors --------------------------------------------------------------------------------- */

static TensorDesc describe(const std::vector<int64_t> &dims, DataType type = DT_FLOAT,
                           Format format = FORMAT_ND) {
    return TensorDesc(Shape(dims), format, type);
}

/* Numbers between -1 and 1 that differ from one another. */
static Floats numbers(size_t count, int seed) {
    Floats out(count);
    for (size_t i = 0; i < count; i++)
        out[i] = static_cast<float>(std::sin(1.7 * static_cast<double>(i) + seed));
    return out;
}

static op::Const constant(const char *name, const std::vector<int64_t> &dims,
                          const Floats &values) {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(values.data());
    return op::Const(name).set_attr_value(
        Tensor(describe(dims), bytes, values.size() * sizeof(float)));
}

static op::Const constant(const char *name, const std::vector<int32_t> &values) {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(values.data());
    return op::Const(name).set_attr_value(
        Tensor(describe({static_cast<int64_t>(values.size())}, DT_INT32), bytes,
               values.size() * sizeof(int32_t)));
}

static op::Data input(const char *name, int64_t index, const TensorDesc &desc) {
    op::Data data(name);
    data.set_attr_index(index);
    data.update_input_desc_x(desc);
    data.update_output_desc_y(desc);
    return data;
}

/* ---- running --------------------------------------------------------------------------------- */

static int run(const ModelBufferData &model, const std::vector<Floats> &inputs,
               std::vector<Floats> &outputs) {
    uint32_t id = 0;
    EXPECT(aclmdlLoadFromMem(model.data.get(), model.length, &id) == 0);
    aclmdlDesc *desc = aclmdlCreateDesc();
    EXPECT(aclmdlGetDesc(desc, id) == 0);
    EXPECT(aclmdlGetNumInputs(desc) == inputs.size());
    aclmdlDataset *in = aclmdlCreateDataset(), *out = aclmdlCreateDataset();
    std::vector<void *> memory;
    for (size_t i = 0; i < inputs.size(); i++) {
        const size_t bytes = inputs[i].size() * sizeof(float);
        EXPECT(aclmdlGetInputSizeByIndex(desc, i) == bytes);
        memory.push_back(nullptr);
        EXPECT(aclrtMalloc(&memory.back(), bytes, ACL_MEM_MALLOC_HUGE_FIRST) == 0);
        EXPECT(aclrtMemcpy(memory.back(), bytes, inputs[i].data(), bytes,
                           ACL_MEMCPY_HOST_TO_DEVICE) == 0);
        EXPECT(aclmdlAddDatasetBuffer(in, aclCreateDataBuffer(memory.back(), bytes)) == 0);
    }
    outputs.resize(aclmdlGetNumOutputs(desc));
    for (size_t i = 0; i < outputs.size(); i++) {
        const size_t bytes = aclmdlGetOutputSizeByIndex(desc, i);
        outputs[i].resize(bytes / sizeof(float));
        memory.push_back(nullptr);
        EXPECT(aclrtMalloc(&memory.back(), bytes, ACL_MEM_MALLOC_HUGE_FIRST) == 0);
        EXPECT(aclmdlAddDatasetBuffer(out, aclCreateDataBuffer(memory.back(), bytes)) == 0);
    }
    EXPECT(aclmdlExecute(id, in, out) == 0);
    for (size_t i = 0; i < outputs.size(); i++) {
        const size_t bytes = outputs[i].size() * sizeof(float);
        EXPECT(aclrtMemcpy(outputs[i].data(), bytes, memory[inputs.size() + i], bytes,
                           ACL_MEMCPY_DEVICE_TO_HOST) == 0);
    }
    for (aclmdlDataset *set : {in, out}) {
        for (size_t i = 0; i < aclmdlGetDatasetNumBuffers(set); i++)
            aclDestroyDataBuffer(aclmdlGetDatasetBuffer(set, i));
        aclmdlDestroyDataset(set);
    }
    for (void *address : memory)
        aclrtFree(address);
    aclmdlDestroyDesc(desc);
    EXPECT(aclmdlUnload(id) == 0);
    return 0;
}

static int is_close(const Floats &got, const Doubles &want) {
    EXPECT(got.size() == want.size());
    for (size_t i = 0; i < got.size(); i++)
        EXPECT(std::fabs(got[i] - want[i]) <= 1e-5 * (1 + std::fabs(want[i])));
    return 0;
}

static int build_and_run(const Graph &graph, const std::vector<Floats> &inputs,
                         std::vector<Floats> &outputs) {
    ModelBufferData model;
    EXPECT(aclgrphBuildModel(graph, Options(), model) == GRAPH_SUCCESS);
    return run(model, inputs, outputs);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

enum { ROWS = 3, IN = 5, OUT = 4 };

/* relu(x w + b), and its sum along each row. Operators are gone when the graph is used. */
static Graph dense(const Floats &w, const Floats &b) {
    auto x = input("x", 0, describe({ROWS, IN}));
    auto product = op::MatMul("product")
                       .set_input_x1(x)
                       .set_input_x2(constant("w", {IN, OUT}, w))
                       .set_attr_transpose_x1(false);
    auto sum = op::Add("sum").set_input_x1(product).set_input_x2(constant("b", {OUT}, b));
    auto relu = op::Relu("relu").set_input_x_by_name(sum, "y");
    auto total = op::ReduceSum("total")
                     .set_input_x(relu)
                     .set_input_axes(constant("axes", std::vector<int32_t>{1}))
                     .set_attr_keep_dims(false);
    Graph graph("dense");
    const std::vector<std::pair<Operator, std::vector<size_t>>> outputs = {{relu, {0}},
                                                                           {total, {}}};
    graph.SetInputs({x}).SetOutputs(outputs);
    return graph;
}

static void dense_in_doubles(const Floats &x, const Floats &w, const Floats &b, Doubles &y,
                             Doubles &total) {
    for (int r = 0; r < ROWS; r++) {
        total.push_back(0);
        for (int c = 0; c < OUT; c++) {
            double sum = b[static_cast<size_t>(c)];
            for (int k = 0; k < IN; k++)
                sum += static_cast<double>(x[static_cast<size_t>(r * IN + k)]) *
                       w[static_cast<size_t>(k * OUT + c)];
            y.push_back(sum > 0 ? sum : 0);
            total.back() += y.back();
        }
    }
}

static int a_dense_layer(const std::string &folder) {
    const Floats x = numbers(ROWS * IN, 1), w = numbers(IN * OUT, 2), b = numbers(OUT, 3);
    Doubles y, total;
    dense_in_doubles(x, w, b, y, total);
    const Graph graph = dense(w, b);
    std::vector<Floats> got;
    if (build_and_run(graph, {x}, got) != 0) return 1;
    EXPECT(got.size() == 2 && is_close(got[0], y) == 0 && is_close(got[1], total) == 0);

    /* The same from a file, and from a copy. */
    const std::string path = folder + "/dense.air";
    EXPECT(graph.SaveToFile(path.c_str()) == GRAPH_SUCCESS);
    Graph loaded("loaded"), copy("copy");
    EXPECT(loaded.LoadFromFile(path.c_str()) == GRAPH_SUCCESS);
    EXPECT(copy.CopyFrom(loaded) == GRAPH_SUCCESS);
    if (build_and_run(copy, {x}, got) != 0) return 1;
    EXPECT(got.size() == 2 && is_close(got[0], y) == 0 && is_close(got[1], total) == 0);
    return 0;
}

/* A convolution, its bias by hand, a pool, and softmax over channels. */
static int an_image(const std::string &) {
    enum { C = 2, K = 3, SIZE = 6 };
    const Floats x = numbers(C * SIZE * SIZE, 4), w = numbers(K * C * 9, 5), b = numbers(K, 6);
    auto data = input("x", 0, describe({1, C, SIZE, SIZE}, DT_FLOAT, FORMAT_NCHW));
    auto conv = op::Conv2D("conv")
                    .set_input_x(data)
                    .set_input_filter(constant("w", {K, C, 3, 3}, w))
                    .set_input_bias(constant("b", {K}, b))
                    .set_attr_strides({1, 1, 1, 1})
                    .set_attr_pads({1, 1, 1, 1})
                    .set_attr_data_format("NCHW");
    auto pool = op::MaxPoolV3("pool")
                    .set_input_x(conv)
                    .set_attr_ksize({1, 1, 2, 2})
                    .set_attr_strides({1, 1, 2, 2});
    auto softmax = op::SoftmaxV2("softmax").set_input_x(pool).set_attr_axes({1});
    Graph graph("image");
    graph.SetInputs({data}).SetOutputs({softmax});
    std::vector<Floats> got;
    if (build_and_run(graph, {x}, got) != 0) return 1;

    Doubles pooled(K * 9, -INFINITY), want(K * 9);
    for (int k = 0; k < K; k++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                double sum = b[static_cast<size_t>(k)];
                for (int c = 0; c < C; c++)
                    for (int u = -1; u <= 1; u++)
                        for (int v = -1; v <= 1; v++) {
                            if (i + u < 0 || i + u >= SIZE || j + v < 0 || j + v >= SIZE) continue;
                            sum += static_cast<double>(
                                       x[static_cast<size_t>((c * SIZE + i + u) * SIZE + j + v)]) *
                                   w[static_cast<size_t>((k * C + c) * 9 + (u + 1) * 3 + v + 1)];
                        }
                double &to = pooled[static_cast<size_t>(k * 9 + i / 2 * 3 + j / 2)];
                to = std::fmax(to, sum);
            }
    for (size_t p = 0; p < 9; p++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++)
            sum += std::exp(pooled[k * 9 + p]);
        for (size_t k = 0; k < K; k++)
            want[k * 9 + p] = std::exp(pooled[k * 9 + p]) / sum;
    }
    EXPECT(got.size() == 1);
    return is_close(got[0], want);
}

/* Parts of x in another order, by names: nothing but where elements lie. */
static int only_places(const std::string &) {
    const Floats x = numbers(2 * 3 * 4, 7), scale = {0.5f};
    auto data = input("x", 0, describe({2, 3, 4}));
    auto turned = op::Transpose("turned").set_input_x(data).set_input_perm(
        constant("perm", std::vector<int32_t>{2, 0, 1}));
    auto flat = op::Reshape("flat").set_input_x(turned).set_input_shape(
        constant("shape", std::vector<int32_t>{-1, 6}));
    auto split = op::SplitD("split")
                     .create_dynamic_output_y(2)
                     .set_input_x(flat)
                     .set_attr_split_dim(0)
                     .set_attr_num_split(2);
    auto halved = op::Muls("halved").set_input_x_by_name(split, "y0").set_attr_value(0.5f);
    auto joined = op::ConcatD("joined")
                      .create_dynamic_input_x(2)
                      .set_dynamic_input_x(0, split, "y1")
                      .set_dynamic_input_x(1, halved)
                      .set_attr_concat_dim(0)
                      .set_attr_N(2);
    Graph graph("places");
    graph.SetInputs({data}).SetOutputs({joined});
    std::vector<Floats> got;
    if (build_and_run(graph, {x}, got) != 0) return 1;
    Doubles all, want;
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 6; i++)
            all.push_back(x[i * 4 + k]);
    for (size_t i = 0; i < 12; i++)
        want.push_back(all[12 + i]);
    for (size_t i = 0; i < 12; i++)
        want.push_back(all[i] / 2);
    EXPECT(got.size() == 1);
    return is_close(got[0], want);
}

/* Fails with |wanted| and a text that has all of |texts|. */
static int build_fails(const Graph &graph, graphStatus wanted,
                       const std::vector<const char *> &texts) {
    ModelBufferData model;
    const graphStatus status = aclgrphBuildModel(graph, Options(), model);
    const std::string said = error();
    for (const char *text : texts) {
        if (status == wanted && said.find(text) != said.npos && model.data == nullptr) continue;
        std::printf("status %u, no \"%s\" in: %s\n", status, text, said.c_str());
        return 1;
    }
    return 0;
}

/* ---- nodes of a graph ------------------------------------------------------------------------ */

static int nodes(const std::string &) {
    Graph graph = dense(numbers(IN * OUT, 2), numbers(OUT, 3));
    std::vector<AscendString> names;
    EXPECT(graph.GetAllOpName(names) == GRAPH_SUCCESS && names.size() == 8);
    EXPECT(graph.GetAllNodes().size() == 8);
    GNodePtr sum = graph.FindNodeByName("sum");
    AscendString type, name;
    EXPECT(sum && sum->GetType(type) == GRAPH_SUCCESS && type == "Add");
    EXPECT(sum->GetInputsSize() == 2 && sum->GetOutputsSize() == 1);
    const auto from = sum->GetInDataNodesAndPortIndexs(0);
    EXPECT(from.first && from.first->GetName(name) == GRAPH_SUCCESS && name == "product");
    const auto to = sum->GetOutDataNodesAndPortIndexs(0);
    EXPECT(to.size() == 1 && to[0].second == 0);
    EXPECT(to[0].first->GetName(name) == GRAPH_SUCCESS && name == "relu");
    GNodePtr product = graph.FindNodeByName("product");
    bool is_turned = true;
    EXPECT(product->HasAttr("transpose_x1") && !product->HasAttr("no such thing"));
    EXPECT(product->GetAttr("transpose_x1", is_turned) == GRAPH_SUCCESS && !is_turned);
    int64_t number = 0;
    EXPECT(product->GetAttr("transpose_x1", number) != GRAPH_SUCCESS);
    Tensor values;
    EXPECT(product->GetInputConstData(1, values) == GRAPH_SUCCESS);
    EXPECT(values.GetSize() == IN * OUT * sizeof(float) && values.IsValid() == GRAPH_SUCCESS);
    EXPECT(graph.FindNodeByName("nobody") == nullptr);
    EXPECT(graph.RemoveNode(*sum) == GRAPH_SUCCESS && graph.GetAllNodes().size() == 7);
    return build_fails(graph, GRAPH_PARAM_INVALID, {"\"relu\" (Relu)", "input x is missing"});
}

static int types(const std::string &) {
    EXPECT(OperatorFactory::IsExistOp("Conv2D") && !OperatorFactory::IsExistOp("Conv7D"));
    Operator conv = OperatorFactory::CreateOperator("conv", "Conv2D");
    AscendString format;
    EXPECT(!conv.IsEmpty() && conv.GetInputsSize() == 4 && conv.GetOutputsSize() == 1);
    EXPECT(conv.GetAttr("data_format", format) == GRAPH_SUCCESS && format == "NHWC");
    std::vector<int64_t> dilations;
    EXPECT(conv.GetAttr("dilations", dilations) == GRAPH_SUCCESS && dilations.size() == 4);
    Options attrs;
    EXPECT(conv.GetAllIrAttrNamesAndTypes(attrs) == GRAPH_SUCCESS && attrs.count("strides") == 1);
    EXPECT(OperatorFactory::CreateOperator("x", "Conv7D").IsEmpty());
    EXPECT(conv.VerifyAllAttr() == GRAPH_PARAM_INVALID);
    EXPECT(std::strstr(error(), "attribute strides is required"));
    std::string text;
    EXPECT(conv.GetAttr(std::string("data_format"), text) == GRAPH_SUCCESS && text == "NHWC");
    EXPECT(conv.GetName() == "conv" && conv.GetOpType() == "Conv2D");
    EXPECT(OperatorFactory::IsExistOp(std::string("Relu")));

    auto sum = op::Add("sum");
    sum.update_input_desc_x1(describe({4, 1, 3}, DT_INT64));
    sum.update_input_desc_x2(describe({5, 1}, DT_INT64));
    EXPECT(sum.InferShapeAndType() == GRAPH_SUCCESS);
    const TensorDesc y = sum.GetOutputDesc(std::string("y"));
    EXPECT(y.GetShape().GetDims() == std::vector<int64_t>({4, 5, 3}));
    EXPECT(y.GetDataType() == DT_INT64);
    sum.update_input_desc_x2(describe({5, 2}, DT_INT64));
    EXPECT(sum.InferShapeAndType() == GRAPH_PARAM_INVALID);
    EXPECT(std::strstr(error(), "[5, 2]"));
    std::vector<AscendString> all;
    EXPECT(OperatorFactory::GetOpsTypeList(all) == GRAPH_SUCCESS && all.size() > 300);
    return 0;
}

static int own_types(const std::string &) {
    auto x = input("x", 0, describe({2, 3}));
    auto own = op::OwnType("own").set_input_x(x).set_attr_count(3).set_attr_mode("slow");
    own.create_dynamic_input_more(2).set_dynamic_input_more(1, x);
    own.create_dynamic_output_parts(3);
    EXPECT(own.GetInputsSize() == 4 && own.GetOutputsSize() == 4);
    EXPECT(own.GetDynamicInputNum("more") == 2 && own.GetDynamicOutputNum("parts") == 3);
    EXPECT(own.get_attr_alpha() == 0.5f && own.get_attr_exact() && own.get_attr_count() == 3);
    EXPECT(own.get_attr_mode() == "slow" && own.get_attr_dims() == std::vector<int64_t>({1, 2}));
    EXPECT(std::strcmp(op::OwnType::name_in_bias(), "bias") == 0);
    Operator made = OperatorFactory::CreateOperator("made", "OwnType");
    AscendString mode;
    EXPECT(OperatorFactory::IsExistOp("OwnType") && made.GetInputsSize() == 2);
    EXPECT(made.GetAttr("mode", mode) == GRAPH_SUCCESS && mode == "fast");
    Graph graph("own");
    graph.SetOutputs(std::vector<Operator>{op::Relu("relu").set_input_x(own)});
    return build_fails(graph, GRAPH_FAILED, {"OwnType (node \"own\")", "not supported"});
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static int wrong(const std::vector<Operator> &outputs, const std::vector<const char *> &texts) {
    Graph graph("wrong");
    graph.SetOutputs(outputs);
    return build_fails(graph, GRAPH_PARAM_INVALID, texts);
}

static int mistakes(const std::string &folder) {
    auto x = input("x", 0, describe({2, 3}));
    auto other = input("other", 1, describe({2, 4}));
    Graph empty("empty");
    EXPECT(!empty.IsValid());
    if (build_fails(empty, GRAPH_PARAM_INVALID, {"graph is empty"})) return 1;

    auto alone = op::Add("alone").set_input_x1(x);
    if (wrong({alone}, {"\"alone\" (Add)", "input x2 is missing"})) return 1;
    auto shapes = op::Add("shapes").set_input_x1(x).set_input_x2(other);
    if (wrong({shapes}, {"\"shapes\" (Add)", "[2, 3]", "[2, 4]"})) return 1;
    auto port = op::Relu("port");
    port.SetInput("no_such_input", x);
    if (wrong({port}, {"\"port\" (Relu)", "it has no input \"no_such_input\""})) return 1;
    auto source = op::Relu("source").set_input_x_by_name(x, "no_such_output");
    if (wrong({source}, {"\"source\" (Relu)", "\"no_such_output\" of node \"x\""})) return 1;
    auto nobody = op::Relu("nobody");
    nobody.SetInput("x", Operator());
    if (wrong({nobody}, {"\"nobody\" (Relu)", "an empty operator"})) return 1;
    auto required = op::Conv2D("required").set_input_x(x).set_input_filter(x);
    if (wrong({required}, {"\"required\" (Conv2D)", "attribute strides is required"})) return 1;
    auto kind = op::Muls("kind").set_input_x(x);
    kind.SetAttr("value", "text");
    if (wrong({kind}, {"\"kind\" (Muls)", "attribute value is no number"})) return 1;
    auto value = op::MaxPoolV3("value")
                     .set_input_x(input("images", 0, describe({1, 1, 4, 4})))
                     .set_attr_ksize({1, 1, 2, 2})
                     .set_attr_strides({1, 1, 2, 2})
                     .set_attr_data_format("NHWC");
    if (wrong({value}, {"\"value\" (MaxPoolV3)", "data_format", "only supported as NCHW"}))
        return 1;
    auto unknown = Operator("unknown", "NoSuchType");
    Graph graph("unknown");
    graph.AddOp(unknown);
    graph.SetOutputs(std::vector<Operator>{op::Relu("relu").set_input_x(x)});
    if (build_fails(graph, GRAPH_FAILED, {"NoSuchType (node \"unknown\")"})) return 1;
    auto twice = op::Add("x").set_input_x1(x).set_input_x2(x);
    if (wrong({twice}, {"two nodes of the graph have the name \"x\""})) return 1;

    auto first = op::Add("first").set_input_x1(x), second = op::Add("second").set_input_x1(x);
    first.set_input_x2(second);
    second.set_input_x2(first);
    if (wrong({second}, {"the graph has a cycle", "\"first\"", "\"second\""})) return 1;
    auto itself = op::Add("itself").set_input_x1(x);
    itself.set_input_x2(itself);
    if (wrong({itself}, {"the graph has a cycle", "\"itself\""})) return 1;

    auto size = op::Relu("size").set_input_x(constant("short", {7}, Floats(6)));
    if (wrong({size}, {"\"short\" (Const)", "24 bytes"})) return 1;
    auto perm = op::Transpose("perm").set_input_x(x).set_input_perm(other);
    if (wrong({perm}, {"\"perm\" (Transpose)", "must be a constant"})) return 1;

    const std::string path = folder + "/no/such/folder/graph.air";
    EXPECT(dense(numbers(20, 1), numbers(4, 1)).SaveToFile(path.c_str()) != GRAPH_SUCCESS);
    Graph loaded("loaded");
    EXPECT(loaded.LoadFromFile(path.c_str()) != GRAPH_SUCCESS);
    EXPECT(loaded.LoadFromSerializedModelArray("\x0a\x02xy\x3a\x7f", 6) != GRAPH_SUCCESS);
    EXPECT(loaded.LoadFromSerializedModelArray(nullptr, 6) != GRAPH_SUCCESS);
    EXPECT(!loaded.IsValid());
    return 0;
}

/* Damaged bytes of a good graph, the same on every run: refused, or another graph. */
static int damaged(const std::string &folder) {
    const std::string path = folder + "/dense.air";
    std::ifstream file(path, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    uint64_t state = 88172645463325252u;
    const auto draw = [&state](size_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<size_t>(state >> 33) % below;
    };
    int loaded = 0, built = 0;
    EXPECT(good.size() > 500);
    for (int round = 0; round < 400; round++) {
        std::string bad = good;
        for (size_t i = draw(3); i < 3; i++)
            bad[draw(bad.size())] = static_cast<char>(draw(2) ? draw(256) : 0xff);
        if (draw(4) == 0) bad.resize(draw(bad.size()));
        Graph graph("damaged");
        ModelBufferData model;
        if (graph.LoadFromSerializedModelArray(bad.data(), bad.size()) != GRAPH_SUCCESS) continue;
        loaded++;
        built += aclgrphBuildModel(graph, Options(), model) == GRAPH_SUCCESS;
    }
    EXPECT(loaded > 0 && loaded < 400 && built > 0 && built < loaded);
    error();
    return 0;
}

/* A program may make graphs of thousands of nodes, in any order. */
static int a_long_chain(const std::string &) {
    enum { LENGTH = 3000 };
    const TensorDesc desc = describe({2, 2});
    std::vector<op::Relu> chain;
    for (int i = 0; i < LENGTH; i++)
        chain.push_back(op::Relu(("relu" + std::to_string(i)).c_str()));
    for (int i = LENGTH - 1; i > 0; i--)
        chain[static_cast<size_t>(i)].set_input_x(chain[static_cast<size_t>(i - 1)]);
    chain[0].set_input_x(input("x", 0, desc));
    Graph graph("chain");
    graph.SetOutputs(std::vector<Operator>{chain.back()});
    chain.clear();
    std::vector<Floats> got;
    if (build_and_run(graph, {{1, -1, 2, -2}}, got) != 0) return 1;
    EXPECT(got.size() == 1);
    return is_close(got[0], {1, 0, 2, 0});
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(const std::string &folder);
    } tests[] = {{"a_dense_layer", a_dense_layer},
                 {"an_image", an_image},
                 {"only_places", only_places},
                 {"nodes", nodes},
                 {"types", types},
                 {"own_types", own_types},

                 {"mistakes", mistakes},
                 {"damaged", damaged},
                 {"a_long_chain", a_long_chain}};
    EXPECT(argc == 2);
    EXPECT(aclInit(nullptr) == 0 && aclrtSetDevice(0) == 0);
    const std::map<std::string, std::string> global = {
        {ge::ir_option::SOC_VERSION, aclrtGetSocName()}};
    EXPECT(aclgrphBuildInitialize(global) == GRAPH_SUCCESS);
    for (const auto &test : tests) {
        if (test.run(argv[1]) != 0) {
            std::printf("%s failed\n", test.name);
            return 1;
        }
    }
    aclgrphBuildFinalize();
    EXPECT(aclrtResetDevice(0) == 0 && aclFinalize() == 0);
    std::puts("all right");
    return 0;
}

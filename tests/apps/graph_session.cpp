/* Graphs that run in a ge::Session: in host memory, on a thread of the session's, and on a stream
 * in device memory, with fixed and with open sizes; compared with the same formula in double
 * precision. */
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "all_ops.h"
#include "ge/ge_api.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%d: %s\n%s\n", __LINE__, #condition, GEGetErrorMsg().c_str());            \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

using namespace ge;
using Options = std::map<AscendString, AscendString>;
using Texts = std::map<std::string, std::string>;

enum { COLUMNS = 3 };

/* What failed has a text that has |text|. */
static bool says(const char *text) {
    const std::string said = GEGetErrorMsg();
    if (said.find(text) != said.npos) return true;
    std::printf("no \"%s\" in: %s\n", text, said.c_str());
    return false;
}

/* y = tanh(x * w), z = the sums of y along rows. */
static Graph network(int64_t rows, const std::vector<float> &w) {
    const TensorDesc desc(Shape({rows, COLUMNS}), FORMAT_ND, DT_FLOAT);
    const int32_t axis = 1;
    op::Data x("x");
    x.update_input_desc_x(desc);
    x.update_output_desc_y(desc);
    auto scale = op::Const("w").set_attr_value(
        Tensor(TensorDesc(Shape({COLUMNS}), FORMAT_ND, DT_FLOAT),
               reinterpret_cast<const uint8_t *>(w.data()), w.size() * sizeof(float)));
    auto axes = op::Const("axes").set_attr_value(Tensor(TensorDesc(Shape({1}), FORMAT_ND, DT_INT32),
                                                        reinterpret_cast<const uint8_t *>(&axis),
                                                        sizeof axis));
    auto product = op::Mul("product").set_input_x1(x).set_input_x2(scale);
    auto y = op::Tanh("y").set_input_x(product);
    auto z = op::ReduceSum("z").set_input_x(y).set_input_axes(axes);
    Graph graph("network");
    graph.SetInputs({x}).SetOutputs(std::vector<Operator>{y, z});
    return graph;
}

static const std::vector<float> weights = {0.5f, -2.0f, 1.25f};

static std::vector<float> numbers(size_t count) {
    std::vector<float> x(count);
    for (size_t i = 0; i < count; i++)
        x[i] = static_cast<float>(std::sin(0.9 * static_cast<double>(i)));
    return x;
}

static bool is_right(const std::vector<float> &x, const float *y, const float *z) {
    for (size_t r = 0; r * COLUMNS < x.size(); r++) {
        double sum = 0;
        for (size_t c = 0; c < COLUMNS; c++) {
            const size_t i = r * COLUMNS + c;
            const double want = std::tanh(static_cast<double>(x[i]) * weights[c]);
            if (std::fabs(want - y[i]) > 1e-6) return false;
            sum += want;
        }
        if (std::fabs(sum - z[r]) > 1e-6) return false;
    }
    return true;
}

static TensorDesc matrix(int64_t rows, Placement placement = kPlacementHost) {
    TensorDesc desc(Shape({rows, COLUMNS}), FORMAT_ND, DT_FLOAT);
    desc.SetPlacement(placement);
    return desc;
}

static Tensor host_tensor(const std::vector<float> &x) {
    return Tensor(matrix(static_cast<int64_t>(x.size() / COLUMNS)),
                  reinterpret_cast<const uint8_t *>(x.data()), x.size() * sizeof(float));
}

static bool are_right(const std::vector<float> &x, const std::vector<Tensor> &out) {
    const int64_t rows = static_cast<int64_t>(x.size() / COLUMNS);
    if (out.size() != 2) return false;
    const std::vector<int64_t> y = {rows, COLUMNS}, z = {rows};
    return out[0].GetTensorDesc().GetShape().GetDims() == y &&
           out[1].GetTensorDesc().GetShape().GetDims() == z &&
           out[0].GetSize() == x.size() * sizeof(float) &&
           is_right(x, reinterpret_cast<const float *>(out[0].GetData()),
                    reinterpret_cast<const float *>(out[1].GetData()));
}

/* ---- host memory ----------------------------------------------------------------------------- */

static int in_host_memory() {
    Session session((Texts()));
    const std::vector<float> x = numbers(4 * COLUMNS);
    std::vector<Tensor> out;
    EXPECT(session.AddGraph(7, network(4, weights)) == SUCCESS);
    EXPECT(session.AddGraph(7, network(4, weights)) != SUCCESS && says("has a graph 7"));
    EXPECT(session.GetCompiledGraphSummary(7) == nullptr && says("CompileGraph must come before"));
    for (int run = 0; run < 3; run++)
        EXPECT(session.RunGraph(7, {host_tensor(x)}, out) == SUCCESS && are_right(x, out));
    CompiledGraphSummaryPtr summary = session.GetCompiledGraphSummary(7);
    std::vector<Shape> shapes;
    std::vector<DataType> types;
    EXPECT(summary && summary->IsStatic());
    EXPECT(summary->GetOutputShapes(shapes) == SUCCESS && shapes.size() == 2);
    EXPECT(shapes[0].GetDims() == std::vector<int64_t>({4, COLUMNS}));
    EXPECT(summary->GetOutputDtypes(types) == SUCCESS && types[1] == DT_FLOAT);

    EXPECT(session.RunGraph(7, {}, out) != SUCCESS && says("0 inputs"));
    EXPECT(session.RunGraph(7, {host_tensor(numbers(5 * COLUMNS))}, out) != SUCCESS);
    EXPECT(says("[5, 3]"));
    Tensor small(matrix(4), reinterpret_cast<const uint8_t *>(x.data()), 4);
    EXPECT(session.RunGraph(7, {small}, out) != SUCCESS && says("has 4 bytes"));
    EXPECT(session.RunGraph(8, {host_tensor(x)}, out) != SUCCESS && says("no graph 8"));
    EXPECT(session.RemoveGraph(7) == SUCCESS && session.RemoveGraph(7) != SUCCESS);
    EXPECT(says("no graph 7"));
    EXPECT(session.AddGraph(1, Graph("empty")) != SUCCESS && says("graph is empty"));
    return 0;
}

static int open_sizes() {
    Session session((Options()));
    EXPECT(session.AddGraph(1, network(-1, weights)) == SUCCESS);
    for (size_t rows : {2, 5, 2, 1}) {
        const std::vector<float> x = numbers(rows * COLUMNS);
        std::vector<Tensor> out;
        EXPECT(session.RunGraph(1, {host_tensor(x)}, out) == SUCCESS && are_right(x, out));
    }
    CompiledGraphSummaryPtr summary = session.GetCompiledGraphSummary(1);
    std::vector<Shape> shapes;
    EXPECT(summary && !summary->IsStatic() && summary->GetOutputShapes(shapes) != SUCCESS);
    EXPECT(says("open sizes"));
    return 0;
}

static int on_a_thread() {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<int> done; /* a run's number, or -1 */
    const std::vector<float> x = numbers(4 * COLUMNS);
    {
        Session session((Options()));
        EXPECT(session.AddGraph(1, network(4, weights)) == SUCCESS);
        for (int run = 0; run < 8; run++)
            EXPECT(session.RunGraphAsync(
                       1, {host_tensor(x)}, [&, run](Status status, std::vector<Tensor> &out) {
                           std::lock_guard<std::mutex> lock(mutex);
                           done.push_back(status == SUCCESS && are_right(x, out) ? run : -1);
                           changed.notify_all();
                       }) == SUCCESS);
        EXPECT(session.RunGraphAsync(1, {}, [&](Status status, std::vector<Tensor> &) {
            std::lock_guard<std::mutex> lock(mutex);
            done.push_back(status != SUCCESS ? 8 : -1);
        }) == SUCCESS);
    } /* all that was given is done before the session ends */
    EXPECT(done == std::vector<int>({0, 1, 2, 3, 4, 5, 6, 7, 8}));
    return 0;
}

/* ---- device memory --------------------------------------------------------------------------- */

class Device {
  public:
    explicit Device(size_t size) : bytes(size) {
        if (aclrtMalloc(&address, bytes, ACL_MEM_MALLOC_HUGE_FIRST) != 0) address = nullptr;
    }
    ~Device() { aclrtFree(address); }
    Device(const Device &) = delete;
    Device &operator=(const Device &) = delete;

    Tensor AsTensor(const TensorDesc &desc) {
        Tensor tensor(desc);
        tensor.SetData(static_cast<uint8_t *>(address), bytes, [](uint8_t *) {});
        return tensor;
    }
    size_t bytes;
    void *address = nullptr;
};

static std::vector<float> fetched(const void *address, size_t count) {
    std::vector<float> host(count);
    aclrtMemcpy(host.data(), count * sizeof(float), address, count * sizeof(float),
                ACL_MEMCPY_DEVICE_TO_HOST);
    return host;
}

class Counted : public Allocator {
  public:
    MemBlock *Malloc(size_t size) override {
        void *address = nullptr;
        aclrtMalloc(&address, size, ACL_MEM_MALLOC_HUGE_FIRST);
        given++;
        return new MemBlock(*this, address, size);
    }
    void Free(MemBlock *block) override {
        aclrtFree(block->GetAddr());
        delete block;
        given--;
    }
    int given = 0;
};

static int run_on_stream(Session &session, uint32_t id, aclrtStream stream, size_t rows,
                         std::vector<Tensor> &out) {
    const std::vector<float> x = numbers(rows * COLUMNS);
    Device in(x.size() * sizeof(float));
    EXPECT(aclrtMemcpy(in.address, in.bytes, x.data(), in.bytes, ACL_MEMCPY_HOST_TO_DEVICE) == 0);
    const TensorDesc desc = matrix(static_cast<int64_t>(rows), kPlacementDevice);
    EXPECT(session.RunGraphWithStreamAsync(id, stream, {in.AsTensor(desc)}, out) == SUCCESS);
    EXPECT(aclrtSynchronizeStream(stream) == 0);
    EXPECT(out.size() == 2 && out[0].GetTensorDesc().GetPlacement() == kPlacementDevice);
    const std::vector<float> y = fetched(out[0].GetData(), x.size());
    const std::vector<float> z = fetched(out[1].GetData(), rows);
    EXPECT(is_right(x, y.data(), z.data()));
    return 0;
}

static int on_a_stream() {
    aclrtStream stream = nullptr;
    EXPECT(aclrtSetDevice(0) == 0 && aclrtCreateStream(&stream) == 0);
    {
        Session session((Options()));
        EXPECT(session.AddGraph(1, network(4, weights)) == SUCCESS);
        EXPECT(session.AddGraph(2, network(-1, weights)) == SUCCESS);
        EXPECT(session.CompileGraph(1) == SUCCESS && session.CompileGraph(2) == SUCCESS);

        /* Outputs of the program's own, and memory of its own between operators. */
        size_t work = 0, constants = 0;
        CompiledGraphSummaryPtr summary = session.GetCompiledGraphSummary(1);
        EXPECT(summary->GetFeatureMemorySize(work) == SUCCESS);
        EXPECT(summary->GetConstMemorySize(constants) == SUCCESS && constants >= sizeof(float));
        Device work_memory(work + 1), constant_memory(constants);
        EXPECT(session.UpdateGraphFeatureMemoryBase(1, work_memory.address, work + 1) == SUCCESS);
        EXPECT(session.SetGraphConstMemoryBase(1, constant_memory.address, 1) != SUCCESS);
        EXPECT(says("the model needs"));
        EXPECT(session.SetGraphConstMemoryBase(1, constant_memory.address, constants) == SUCCESS);
        Device y(4 * COLUMNS * sizeof(float)), z(4 * sizeof(float));
        std::vector<Tensor> out = {y.AsTensor(matrix(4)), z.AsTensor(TensorDesc())};
        if (run_on_stream(session, 1, stream, 4, out) != 0) return 1;
        EXPECT(out[0].GetData() == y.address && out[1].GetData() == z.address);
        Device small(4);
        out = {small.AsTensor(matrix(4)), z.AsTensor(TensorDesc())};
        std::vector<Tensor> in = {y.AsTensor(matrix(4))};
        EXPECT(session.RunGraphWithStreamAsync(1, stream, in, out) != SUCCESS);
        EXPECT(says("has 4 bytes"));

        /* Outputs that the run makes; from the program's allocator, when it has one. */
        for (size_t rows : {2, 6}) {
            std::vector<Tensor> made;
            if (run_on_stream(session, 2, stream, rows, made) != 0) return 1;
        }
        auto allocator = std::make_shared<Counted>();
        EXPECT(session.RegisterExternalAllocator(stream, allocator) == SUCCESS);
        EXPECT(session.RegisterExternalAllocator(stream, nullptr) != SUCCESS);
        {
            std::vector<Tensor> made;
            if (run_on_stream(session, 1, stream, 4, made) != 0) return 1;
            EXPECT(allocator->given == 2);
        }
        EXPECT(allocator->given == 0);
        EXPECT(session.UnregisterExternalAllocator(stream) == SUCCESS);
        EXPECT(session.RunGraphWithStreamAsync(1, reinterpret_cast<void *>(1), in, out) != SUCCESS);
    }
    EXPECT(aclrtDestroyStream(stream) == 0);
    return 0;
}

static int without_the_engine() {
    std::vector<Tensor> out;
    Session session((Options()));
    EXPECT(says("GEInitialize must be called before"));
    EXPECT(session.AddGraph(1, network(4, weights)) != SUCCESS && says("could not be made"));
    EXPECT(session.RunGraph(1, {}, out) != SUCCESS && GEFinalize() == SUCCESS);
    EXPECT(GEInitialize(Options{{"ge.graphRunMode", "7"}}) != SUCCESS && says("ge.graphRunMode"));
    return 0;
}

int main() {
    if (without_the_engine() != 0) return 1;
    EXPECT(GEInitialize(Texts{{"ge.exec.deviceId", "0"}, {"ge.graphRunMode", "0"}}) == SUCCESS);
    if (in_host_memory() != 0 || open_sizes() != 0 || on_a_thread() != 0 || on_a_stream() != 0)
        return 1;
    Session late((Options()));
    EXPECT(late.AddGraph(1, network(4, weights)) == SUCCESS && GEFinalize() == SUCCESS);
    EXPECT(late.RemoveGraph(1) != SUCCESS && says("ended with GEFinalize"));
    std::puts("all right");
    return 0;
}

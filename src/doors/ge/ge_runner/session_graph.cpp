/* session_graph.cpp - one graph of a session: compiled when it is needed, run on tensors. */
#include "doors/ge/session_impl.h"
#include "doors/ge/tensor_impl.h"

#include <algorithm>
#include <cstdlib>

namespace ge {

/* ---- compiling ------------------------------------------------------------------------------- */

static int device_of(const OptionMap &options) {
    const auto device = options.find("ge.exec.deviceId");
    return device == options.end() ? 0 : std::atoi(device->second.GetString());
}

Status SessionGraph::Compile(const char *api) {
    if (program != nullptr) return SUCCESS;
    const auto list = OptionList(options);
    acn_ge_image image = {};
    Status status = acn_ge_build_model(api, bytes.data(), bytes.size(),
                                       folder.empty() ? nullptr : folder.c_str(), list.data(),
                                       list.size(), &image);
    if (status != SUCCESS) return status;
    status = acn_ge_load(api, device_of(options), image.bytes, image.size, &program, &facts);
    acn_ge_release(&image);
    return status;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static bool to_shape(const TensorDesc &desc, acn_ge_shape &out) {
    const auto dims = desc.GetShape().GetDims();
    if (dims.size() > ACN_GE_MAX_RANK) return false;
    out.dtype = desc.GetDataType();
    out.rank = static_cast<int>(dims.size());
    std::copy(dims.begin(), dims.end(), out.dims);
    return true;
}

static TensorDesc to_desc(const acn_ge_shape &shape) {
    return TensorDesc(Shape(std::vector<int64_t>(shape.dims, shape.dims + shape.rank)), FORMAT_ND,
                      static_cast<DataType>(shape.dtype));
}

/* Programs that give a tensor other device memory may leave its size what it was (torchair does):
 * there the description counts, as for an NPU's kernels. */
static Status take_inputs(const char *api, const std::vector<Tensor> &tensors, bool is_async,
                          std::vector<acn_ge_buffer> &buffers) {
    for (const Tensor &tensor : tensors) {
        acn_ge_buffer buffer = {};
        if (!to_shape(tensor.GetTensorDesc(), buffer.shape))
            return acn_ge_refuse(api, "an input has more than 8 dimensions");
        buffer.data = const_cast<uint8_t *>(tensor.GetData());
        buffer.bytes = is_async ? acn_ge_shape_bytes(&buffer.shape) : tensor.GetSize();
        buffers.push_back(buffer);
    }
    return SUCCESS;
}

/* Memory of the program's allocator for outputs whose size is known. */
struct Blocks {
    AllocatorPtr allocator;
    std::vector<MemBlock *> blocks;

    ~Blocks() {
        for (MemBlock *block : blocks)
            if (block) block->Free();
    }
};

static Status allocate(const char *api, const SessionGraph &graph, Blocks &own,
                       std::vector<acn_ge_buffer> &outputs) {
    own.blocks.resize(outputs.size(), nullptr);
    for (size_t i = 0; own.allocator && graph.facts.is_static && i < outputs.size(); i++) {
        if (outputs[i].data) continue;
        acn_ge_shape shape;
        acn_ge_output_shape(graph.program, i, &shape);
        const size_t bytes = acn_ge_shape_bytes(&shape);
        own.blocks[i] = own.allocator->Malloc(bytes ? bytes : 1);
        if (own.blocks[i] == nullptr)
            return acn_ge_refuse(api, "the program's allocator gave no memory for an output");
        outputs[i].data = own.blocks[i]->GetAddr();
        outputs[i].bytes = bytes;
    }
    return SUCCESS;
}

/* What the run made becomes the tensor's, with the way to free it. */
static void give_output(const acn_ge_buffer &buffer, bool was_given, bool is_async, MemBlock *block,
                        const AllocatorPtr &allocator, Tensor &tensor) {
    TensorDesc desc = to_desc(buffer.shape);
    desc.SetPlacement(is_async ? kPlacementDevice : kPlacementHost);
    tensor.SetTensorDesc(desc);
    if (was_given) return;
    uint8_t *data = static_cast<uint8_t *>(buffer.data);
    const size_t bytes = acn_ge_shape_bytes(&buffer.shape);
    if (block)
        tensor.SetData(data, bytes, [block, allocator](uint8_t *) { block->Free(); });
    else if (is_async)
        tensor.SetData(data, bytes, [](uint8_t *memory) { acn_ge_free_device(memory); });
    else
        tensor.SetData(data, bytes, [](uint8_t *memory) { std::free(memory); });
}

Status SessionGraph::Run(const char *api, const std::vector<Tensor> &inputs,
                         std::vector<Tensor> &outputs, bool is_async, void *stream,
                         const AllocatorPtr &allocator) {
    std::lock_guard<std::mutex> lock(mutex);
    Status status = Compile(api);
    std::vector<acn_ge_buffer> in, out;
    if (status == SUCCESS) status = take_inputs(api, inputs, is_async, in);
    if (status != SUCCESS) return status;
    const bool is_given = is_async && !outputs.empty();
    if (is_given && outputs.size() != facts.output_count)
        return acn_ge_refuse(api, "outputs has tensors, but another number than the graph");
    out.resize(facts.output_count);
    std::vector<bool> was_given(out.size(), false);
    for (size_t i = 0; is_given && i < out.size(); i++) {
        out[i].data = outputs[i].GetData();
        out[i].bytes = outputs[i].GetSize();
        was_given[i] = out[i].data != nullptr;
    }
    Blocks own = {allocator, {}};
    status = allocate(api, *this, own, out);
    if (status == SUCCESS)
        status = acn_ge_run(api, program, in.data(), in.size(), out.data(), out.size(), is_async,
                            stream);
    if (status != SUCCESS) return status;
    if (!is_given) { /* never into tensors that the program has elsewhere */
        outputs.clear();
        for (size_t i = 0; i < out.size(); i++)
            outputs.emplace_back();
    }
    for (size_t i = 0; i < out.size(); i++) {
        MemBlock *block = own.blocks[i];
        own.blocks[i] = nullptr;
        give_output(out[i], was_given[i], is_async, block, allocator, outputs[i]);
    }
    return SUCCESS;
}

/* ---- what is known of it --------------------------------------------------------------------- */

struct CompiledGraphSummary::SummaryData {
    acn_ge_facts facts;
    std::vector<Shape> shapes;
    std::vector<DataType> types;
};

CompiledGraphSummary::~CompiledGraphSummary() = default;

CompiledGraphSummaryPtr SummaryUtils::Make(const SessionGraph &graph) {
    CompiledGraphSummaryPtr summary(new CompiledGraphSummary());
    summary->data_ = std::make_shared<CompiledGraphSummary::SummaryData>();
    summary->data_->facts = graph.facts;
    for (size_t i = 0; i < graph.facts.output_count; i++) {
        acn_ge_shape shape;
        acn_ge_output_shape(graph.program, i, &shape);
        const TensorDesc desc = to_desc(shape);
        summary->data_->shapes.push_back(desc.GetShape());
        summary->data_->types.push_back(desc.GetDataType());
    }
    return summary;
}

bool CompiledGraphSummary::IsStatic() const { return data_->facts.is_static; }

Status CompiledGraphSummary::GetConstMemorySize(size_t &size) const {
    size = data_->facts.weight_bytes;
    return SUCCESS;
}

Status CompiledGraphSummary::GetFeatureMemorySize(size_t &size) const {
    size = data_->facts.work_bytes;
    return SUCCESS;
}

Status CompiledGraphSummary::GetFixedFeatureMemorySize(size_t &size) const {
    size = 0;
    return SUCCESS;
}

Status CompiledGraphSummary::GetRefreshableFeatureMemorySize(size_t &size) const {
    return GetFeatureMemorySize(size);
}

Status CompiledGraphSummary::GetFeatureMemoryBaseRefreshable(bool &v) const {
    v = data_->facts.is_static;
    return SUCCESS;
}

Status CompiledGraphSummary::GetStreamNum(size_t &num) const {
    num = 1;
    return SUCCESS;
}

Status CompiledGraphSummary::GetEventNum(size_t &num) const {
    num = 0;
    return SUCCESS;
}

static const char *const kOpen = "the graph has open sizes: outputs are known when it runs";

Status CompiledGraphSummary::GetOutputShapes(std::vector<ge::Shape> &shapes) const {
    if (!data_->facts.is_static)
        return acn_ge_refuse("ge::CompiledGraphSummary::GetOutputShapes", kOpen);
    shapes = data_->shapes;
    return SUCCESS;
}

Status CompiledGraphSummary::GetOutputDtypes(std::vector<ge::DataType> &dtypes) const {
    dtypes = data_->types;
    return SUCCESS;
}

Status CompiledGraphSummary::GetIOIndexesWithSameAddr(
    std::vector<std::pair<uint32_t, uint32_t>> &io_indexes) const {
    io_indexes.clear();
    return SUCCESS;
}

} // namespace ge

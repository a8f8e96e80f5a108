/* tensor.cpp - see graph/tensor.h. */
#include "doors/ge/tensor_impl.h"

#include <cstring>

namespace ge {

/* ---- shapes ---------------------------------------------------------------------------------- */

Shape::Shape() : impl_(std::make_shared<ShapeImpl>()) {}

Shape::Shape(const std::vector<int64_t> &dims) : impl_(std::make_shared<ShapeImpl>()) {
    impl_->dims = dims;
}

/* Like a vector of numbers, an object whose contents were moved away has none. */
static const std::vector<int64_t> &dims_of(const std::shared_ptr<ShapeImpl> &impl) {
    static const std::vector<int64_t> &none = *new std::vector<int64_t>;
    return impl ? impl->dims : none;
}

static bool is_unknown(const std::vector<int64_t> &dims) {
    return dims.size() == 1 && dims[0] == -2;
}

size_t Shape::GetDimNum() const {
    const auto &dims = dims_of(impl_);
    return is_unknown(dims) ? 0 : dims.size();
}

int64_t Shape::GetDim(size_t idx) const {
    const auto &dims = dims_of(impl_);
    return idx < dims.size() ? dims[idx] : 0;
}

graphStatus Shape::SetDim(size_t idx, int64_t value) {
    if (!impl_ || idx >= impl_->dims.size()) return GRAPH_FAILED;
    impl_->dims[idx] = value;
    return GRAPH_SUCCESS;
}

std::vector<int64_t> Shape::GetDims() const { return dims_of(impl_); }

int64_t Shape::GetShapeSize() const {
    const auto &dims = dims_of(impl_);
    int64_t count = dims.empty() ? 0 : 1;
    for (int64_t dim : dims) {
        if (dim < 0) return -1;
        if (__builtin_mul_overflow(count, dim, &count)) return -1;
    }
    return count;
}

/* ---- descriptions ---------------------------------------------------------------------------- */

TensorDesc::TensorDesc() : impl_(std::make_shared<TensorDescImpl>()) {}

TensorDesc::TensorDesc(Shape shape, Format format, DataType dt) : TensorDesc() {
    Update(shape, format, dt);
}

TensorDesc::TensorDesc(const TensorDesc &desc)
    : impl_(std::make_shared<TensorDescImpl>(*desc.impl_)) {}

/* Both stay whole: a description that was moved away is still one. */
TensorDesc::TensorDesc(TensorDesc &&desc) : TensorDesc() { impl_.swap(desc.impl_); }

TensorDesc &TensorDesc::operator=(const TensorDesc &desc) {
    if (&desc != this) *impl_ = *desc.impl_;
    return *this;
}

TensorDesc &TensorDesc::operator=(TensorDesc &&desc) {
    if (&desc != this) impl_.swap(desc.impl_);
    return *this;
}

void TensorDesc::Update(const Shape &shape, Format format, DataType dt) {
    impl_->dims = shape.GetDims();
    impl_->format = format;
    impl_->dtype = dt;
}

Shape TensorDesc::GetShape() const { return Shape(impl_->dims); }
void TensorDesc::SetShape(const Shape &shape) { impl_->dims = shape.GetDims(); }

graphStatus TensorDesc::SetUnknownDimNumShape() {
    impl_->dims = {-2};
    return GRAPH_SUCCESS;
}

graphStatus TensorDesc::SetShapeRange(const std::vector<std::pair<int64_t, int64_t>> &range) {
    impl_->range = range;
    return GRAPH_SUCCESS;
}

graphStatus TensorDesc::GetShapeRange(std::vector<std::pair<int64_t, int64_t>> &range) const {
    range = impl_->range;
    return GRAPH_SUCCESS;
}

Format TensorDesc::GetFormat() const { return impl_->format; }
void TensorDesc::SetFormat(Format format) { impl_->format = format; }
Shape TensorDesc::GetOriginShape() const { return Shape(impl_->origin_dims); }
void TensorDesc::SetOriginShape(const Shape &origin_shape) {
    impl_->origin_dims = origin_shape.GetDims();
}
Format TensorDesc::GetOriginFormat() const { return impl_->origin_format; }
void TensorDesc::SetOriginFormat(Format origin_format) { impl_->origin_format = origin_format; }
DataType TensorDesc::GetDataType() const { return impl_->dtype; }
void TensorDesc::SetDataType(DataType dt) { impl_->dtype = dt; }

graphStatus TensorDesc::GetName(AscendString &name) {
    return static_cast<const TensorDesc *>(this)->GetName(name);
}

graphStatus TensorDesc::GetName(AscendString &name) const {
    name = AscendString(impl_->name.c_str());
    return GRAPH_SUCCESS;
}

void TensorDesc::SetName(const char_t *name) { impl_->name = name ? name : ""; }
void TensorDesc::SetSize(int64_t size) { impl_->size = size; }
int64_t TensorDesc::GetSize() const { return impl_->size; }
int64_t TensorDesc::GetRealDimCnt() const { return impl_->real_dim_count; }
void TensorDesc::SetRealDimCnt(const int64_t real_dim_cnt) { impl_->real_dim_count = real_dim_cnt; }
void TensorDesc::SetPlacement(Placement placement) { impl_->placement = placement; }
Placement TensorDesc::GetPlacement() const { return impl_->placement; }
void TensorDesc::SetReuseInputIndex(const uint32_t idx) { impl_->reused_input = idx; }

void TensorDesc::SetExpandDimsRule(const AscendString &expand_dims_rule) {
    impl_->expand_dims_rule = expand_dims_rule.GetString();
}

graphStatus TensorDesc::GetExpandDimsRule(AscendString &expand_dims_rule) const {
    expand_dims_rule = AscendString(impl_->expand_dims_rule.c_str());
    return GRAPH_SUCCESS;
}

/* ---- tensors --------------------------------------------------------------------------------- */

Tensor::Tensor() : impl_(std::make_shared<TensorImpl>()) {}

Tensor::Tensor(const TensorDesc &tensor_desc) : Tensor() { impl_->desc = tensor_desc; }

Tensor::Tensor(const TensorDesc &tensor_desc, const std::vector<uint8_t> &data)
    : Tensor(tensor_desc) {
    SetData(data);
}

Tensor::Tensor(const TensorDesc &tensor_desc, const uint8_t *data, size_t size)
    : Tensor(tensor_desc) {
    SetData(data, size);
}

Tensor::Tensor(TensorDesc &&tensor_desc, std::vector<uint8_t> &&data) : Tensor() {
    impl_->desc = std::move(tensor_desc);
    SetData(data);
}

TensorDesc Tensor::GetTensorDesc() const { return impl_->desc; }

graphStatus Tensor::SetTensorDesc(const TensorDesc &tensor_desc) {
    impl_->desc = tensor_desc;
    return GRAPH_SUCCESS;
}

const uint8_t *Tensor::GetData() const { return impl_->data.get(); }
uint8_t *Tensor::GetData() { return impl_->data.get(); }
size_t Tensor::GetSize() const { return impl_->size; }

std::unique_ptr<uint8_t[], Tensor::DeleteFunc> Tensor::ResetData() {
    impl_->size = 0;
    std::unique_ptr<uint8_t[], Tensor::DeleteFunc> out(nullptr, [](uint8_t *) {});
    if (impl_->data) out = std::move(impl_->data);
    return out;
}

graphStatus Tensor::SetData(std::vector<uint8_t> &&data) {
    return SetData(data.data(), data.size());
}

graphStatus Tensor::SetData(const std::vector<uint8_t> &data) {
    return SetData(data.data(), data.size());
}

graphStatus Tensor::SetData(const uint8_t *data, size_t size) {
    if (data == nullptr && size > 0) return GRAPH_PARAM_INVALID;
    uint8_t *copy = new (std::nothrow) uint8_t[size ? size : 1];
    if (copy == nullptr) return GRAPH_FAILED;
    if (size) std::memcpy(copy, data, size);
    return SetData(copy, size, [](uint8_t *memory) { delete[] memory; });
}

graphStatus Tensor::SetData(uint8_t *data, size_t size, const Tensor::DeleteFunc &deleter_func) {
    impl_->data = std::unique_ptr<uint8_t[], Tensor::DeleteFunc>(
        data, deleter_func ? deleter_func : [](uint8_t *) {});
    impl_->size = size;
    return GRAPH_SUCCESS;
}

graphStatus Tensor::ResetData(uint8_t *data, size_t size, const Tensor::DeleteFunc &deleter_func) {
    return SetData(data, size, deleter_func);
}

static size_t element_bytes(DataType dtype) {
    switch (dtype) {
    case DT_INT8:
    case DT_UINT8:
    case DT_BOOL:
        return 1;
    case DT_FLOAT16:
    case DT_BF16:
    case DT_INT16:
    case DT_UINT16:
        return 2;
    case DT_INT64:
    case DT_UINT64:
    case DT_DOUBLE:
    case DT_COMPLEX64:
        return 8;
    case DT_COMPLEX128:
        return 16;
    default:
        return 4;
    }
}

graphStatus Tensor::IsValid() {
    const Shape shape = impl_->desc.GetShape();
    const int64_t count = shape.GetDimNum() == 0 ? 1 : shape.GetShapeSize();
    if (count < 0) return GRAPH_SUCCESS; /* of an unknown shape: any size */
    const size_t bytes = static_cast<size_t>(count) * element_bytes(impl_->desc.GetDataType());
    return bytes == impl_->size ? GRAPH_SUCCESS : GRAPH_FAILED;
}

Tensor Tensor::Clone() const {
    Tensor copy(impl_->desc);
    if (impl_->data) copy.SetData(impl_->data.get(), impl_->size);
    return copy;
}

/* ---- a tensor's description, part by part ---------------------------------------------------- */

static graphStatus set_dim(std::vector<int64_t> &dims, size_t idx, int64_t value) {
    if (idx >= dims.size()) return GRAPH_FAILED;
    dims[idx] = value;
    return GRAPH_SUCCESS;
}

static int64_t get_dim(const std::vector<int64_t> &dims, size_t idx) {
    return idx < dims.size() ? dims[idx] : 0;
}

#define DESC TensorUtils::ImplOf(impl_->desc)

graphStatus Tensor::SetOriginShapeDimNum(const size_t dim_num) {
    DESC.origin_dims.resize(dim_num);
    return GRAPH_SUCCESS;
}
size_t Tensor::GetOriginShapeDimNum() const { return DESC.origin_dims.size(); }
graphStatus Tensor::SetOriginShapeDim(const size_t idx, const int64_t dim_value) {
    return set_dim(DESC.origin_dims, idx, dim_value);
}
int64_t Tensor::GetOriginShapeDim(const size_t idx) const { return get_dim(DESC.origin_dims, idx); }
graphStatus Tensor::SetOriginFormat(const ge::Format &format) {
    DESC.origin_format = format;
    return GRAPH_SUCCESS;
}
ge::Format Tensor::GetOriginFormat() const { return DESC.origin_format; }

graphStatus Tensor::SetShapeDimNum(const size_t dim_num) {
    DESC.dims.resize(dim_num);
    return GRAPH_SUCCESS;
}
size_t Tensor::GetShapeDimNum() const { return DESC.dims.size(); }
graphStatus Tensor::SetShapeDim(const size_t idx, const int64_t dim_value) {
    return set_dim(DESC.dims, idx, dim_value);
}
int64_t Tensor::GetShapeDim(const size_t idx) const { return get_dim(DESC.dims, idx); }
graphStatus Tensor::SetFormat(const ge::Format &format) {
    DESC.format = format;
    return GRAPH_SUCCESS;
}
ge::Format Tensor::GetFormat() const { return DESC.format; }
graphStatus Tensor::SetDataType(const ge::DataType &dtype) {
    DESC.dtype = dtype;
    return GRAPH_SUCCESS;
}
ge::DataType Tensor::GetDataType() const { return DESC.dtype; }
graphStatus Tensor::SetPlacement(const ge::Placement &placement) {
    DESC.placement = placement;
    return GRAPH_SUCCESS;
}
ge::Placement Tensor::GetPlacement() const { return DESC.placement; }

graphStatus Tensor::SetExpandDimsRule(const AscendString &expand_dims_rule) {
    impl_->desc.SetExpandDimsRule(expand_dims_rule);
    return GRAPH_SUCCESS;
}

graphStatus Tensor::GetExpandDimsRule(AscendString &expand_dims_rule) const {
    return impl_->desc.GetExpandDimsRule(expand_dims_rule);
}

} // namespace ge

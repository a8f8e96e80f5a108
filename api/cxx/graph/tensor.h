/* tensor.h - shapes, descriptions of tensors, and tensors in host or device memory. */
#ifndef GRAPH_TENSOR_H
#define GRAPH_TENSOR_H

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/ge_error_codes.h"
#include "graph/types.h"

namespace ge {

class ShapeImpl;
class TensorDescImpl;
class TensorImpl;

/* No dimensions: a scalar. -1: a dimension that is not known; a single -2: not even their number.
 */
class Shape {
  public:
    Shape();
    ~Shape() = default;
    explicit Shape(const std::vector<int64_t> &dims);

    size_t GetDimNum() const;
    /* 0 for a dimension that it does not have. */
    int64_t GetDim(size_t idx) const;
    graphStatus SetDim(size_t idx, int64_t value);
    std::vector<int64_t> GetDims() const;
    /* Elements; 0 for a scalar, -1 when a dimension is not known. */
    int64_t GetShapeSize() const;

  private:
    std::shared_ptr<ShapeImpl> impl_;
};

class TensorDesc {
  public:
    TensorDesc();
    ~TensorDesc() = default;
    explicit TensorDesc(Shape shape, Format format = FORMAT_ND, DataType dt = DT_FLOAT);
    TensorDesc(const TensorDesc &desc);
    TensorDesc(TensorDesc &&desc);
    TensorDesc &operator=(const TensorDesc &desc);
    TensorDesc &operator=(TensorDesc &&desc);

    void Update(const Shape &shape, Format format = FORMAT_ND, DataType dt = DT_FLOAT);
    Shape GetShape() const;
    void SetShape(const Shape &shape);
    graphStatus SetUnknownDimNumShape();
    /* For each dimension that is not known: the least and the most it may be; -1: no most. */
    graphStatus SetShapeRange(const std::vector<std::pair<int64_t, int64_t>> &range);
    graphStatus GetShapeRange(std::vector<std::pair<int64_t, int64_t>> &range) const;
    Format GetFormat() const;
    void SetFormat(Format format);
    Shape GetOriginShape() const;
    void SetOriginShape(const Shape &origin_shape);
    Format GetOriginFormat() const;
    void SetOriginFormat(Format origin_format);
    DataType GetDataType() const;
    void SetDataType(DataType dt);
    std::string GetName() const;
    graphStatus GetName(AscendString &name);
    graphStatus GetName(AscendString &name) const;
    void SetName(const std::string &name);
    void SetName(const char_t *name);
    void SetSize(int64_t size);
    int64_t GetSize() const;
    int64_t GetRealDimCnt() const;
    void SetRealDimCnt(const int64_t real_dim_cnt);
    void SetPlacement(Placement placement);
    Placement GetPlacement() const;
    void SetExpandDimsRule(const AscendString &expand_dims_rule);
    graphStatus GetExpandDimsRule(AscendString &expand_dims_rule) const;
    void SetReuseInputIndex(const uint32_t idx);

  private:
    friend class TensorUtils;
    std::shared_ptr<TensorDescImpl> impl_;
};

/* Copies are the same tensor; Clone is another one. */
class Tensor {
  public:
    using DeleteFunc = std::function<void(uint8_t *)>;

    Tensor();
    ~Tensor() = default;
    explicit Tensor(const TensorDesc &tensor_desc);
    /* |data| is copied. */
    Tensor(const TensorDesc &tensor_desc, const std::vector<uint8_t> &data);
    Tensor(const TensorDesc &tensor_desc, const uint8_t *data, size_t size);
    Tensor(TensorDesc &&tensor_desc, std::vector<uint8_t> &&data);

    TensorDesc GetTensorDesc() const;
    graphStatus SetTensorDesc(const TensorDesc &tensor_desc);
    const uint8_t *GetData() const;
    uint8_t *GetData();
    size_t GetSize() const;
    /* Hands the memory out; the tensor has none then. */
    std::unique_ptr<uint8_t[], Tensor::DeleteFunc> ResetData();
    graphStatus SetData(std::vector<uint8_t> &&data);
    graphStatus SetData(const std::vector<uint8_t> &data);
    graphStatus SetData(const uint8_t *data, size_t size);
    /* Memory that becomes the tensor's, freed by |deleter_func|. */
    graphStatus SetData(uint8_t *data, size_t size, const Tensor::DeleteFunc &deleter_func);
    graphStatus ResetData(uint8_t *data, size_t size, const Tensor::DeleteFunc &deleter_func);
    /* Whether the memory has the size that the description takes. */
    graphStatus IsValid();

    graphStatus SetOriginShapeDimNum(const size_t dim_num);
    size_t GetOriginShapeDimNum() const;
    graphStatus SetOriginShapeDim(const size_t idx, const int64_t dim_value);
    int64_t GetOriginShapeDim(const size_t idx) const;
    graphStatus SetOriginFormat(const ge::Format &format);
    ge::Format GetOriginFormat() const;
    graphStatus SetShapeDimNum(const size_t dim_num);
    size_t GetShapeDimNum() const;
    graphStatus SetShapeDim(const size_t idx, const int64_t dim_value);
    int64_t GetShapeDim(const size_t idx) const;
    graphStatus SetFormat(const ge::Format &format);
    ge::Format GetFormat() const;
    graphStatus SetDataType(const ge::DataType &dtype);
    ge::DataType GetDataType() const;
    graphStatus SetPlacement(const ge::Placement &placement);
    ge::Placement GetPlacement() const;
    graphStatus SetExpandDimsRule(const AscendString &expand_dims_rule);
    graphStatus GetExpandDimsRule(AscendString &expand_dims_rule) const;
    Tensor Clone() const;

  private:
    friend class TensorUtils;
    std::shared_ptr<TensorImpl> impl_;
};

} /* namespace ge */

#endif

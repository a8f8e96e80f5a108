/* tensor_impl.h - what stands behind ge::Shape, TensorDesc and Tensor. */
#ifndef ACN_DOORS_GE_TENSOR_IMPL_H
#define ACN_DOORS_GE_TENSOR_IMPL_H

#include "graph/tensor.h"

namespace ge {

class ShapeImpl {
  public:
    std::vector<int64_t> dims;
};

class TensorDescImpl {
  public:
    std::vector<int64_t> dims, origin_dims;
    Format format = FORMAT_ND, origin_format = FORMAT_ND;
    DataType dtype = DT_FLOAT;
    std::string name, expand_dims_rule;
    std::vector<std::pair<int64_t, int64_t>> range;
    int64_t size = 0, real_dim_count = 0;
    Placement placement = kPlacementHost;
    uint32_t reused_input = UINT32_MAX;
};

class TensorImpl {
  public:
    TensorDesc desc;
    std::unique_ptr<uint8_t[], Tensor::DeleteFunc> data;
    size_t size = 0;
};

class TensorUtils {
  public:
    static TensorDescImpl &ImplOf(const TensorDesc &desc) { return *desc.impl_; }
    static TensorImpl &ImplOf(const Tensor &tensor) { return *tensor.impl_; }
};

} // namespace ge

#endif

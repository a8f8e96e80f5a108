/* attr_value.h - an attribute of any type. */
#ifndef GRAPH_ATTR_VALUE_H
#define GRAPH_ATTR_VALUE_H

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/ge_error_codes.h"
#include "graph/tensor.h"
#include "graph/types.h"

namespace ge {

class AttrValueImpl;

/* Copies are the same value. */
class AttrValue {
  public:
    using INT = int64_t;
    using FLOAT = float32_t;
    using STR = std::string;

    AttrValue();
    ~AttrValue() = default;

    template <typename T, typename DT> graphStatus GetValue(DT &val) const {
        T value;
        const graphStatus status = GetAttrValue(value);
        if (status == GRAPH_SUCCESS) val = static_cast<DT>(value);
        return status;
    }
    template <typename T, typename DT> static T CreateFrom(DT &&val) { return val; }
    graphStatus GetValue(AscendString &val);

    /* FAILED from Get: the value has another type. */
    graphStatus SetAttrValue(const int64_t &attr_value) const;
    graphStatus GetAttrValue(int64_t &attr_value) const;
    graphStatus SetAttrValue(const float32_t &attr_value) const;
    graphStatus GetAttrValue(float32_t &attr_value) const;
    graphStatus SetAttrValue(const AscendString &attr_value) const;
    graphStatus GetAttrValue(AscendString &attr_value) const;
    graphStatus SetAttrValue(const bool &attr_value) const;
    graphStatus GetAttrValue(bool &attr_value) const;
    graphStatus SetAttrValue(const Tensor &attr_value) const;
    graphStatus GetAttrValue(Tensor &attr_value) const;
    graphStatus SetAttrValue(const std::vector<int64_t> &attr_value) const;
    graphStatus GetAttrValue(std::vector<int64_t> &attr_value) const;
    graphStatus SetAttrValue(const std::vector<float32_t> &attr_value) const;
    graphStatus GetAttrValue(std::vector<float32_t> &attr_value) const;
    graphStatus SetAttrValue(const std::vector<AscendString> &attr_values) const;
    graphStatus GetAttrValue(std::vector<AscendString> &attr_values) const;
    graphStatus SetAttrValue(const std::vector<bool> &attr_value) const;
    graphStatus GetAttrValue(std::vector<bool> &attr_value) const;
    graphStatus SetAttrValue(const std::vector<Tensor> &attr_value) const;
    graphStatus GetAttrValue(std::vector<Tensor> &attr_value) const;
    graphStatus SetAttrValue(const std::vector<std::vector<int64_t>> &attr_value) const;
    graphStatus GetAttrValue(std::vector<std::vector<int64_t>> &attr_value) const;
    graphStatus SetAttrValue(const std::vector<ge::DataType> &attr_value) const;
    graphStatus GetAttrValue(std::vector<ge::DataType> &attr_value) const;
    graphStatus SetAttrValue(const ge::DataType &attr_value) const;
    graphStatus GetAttrValue(ge::DataType &attr_value) const;

  private:
    friend class AttrUtils;
    std::shared_ptr<AttrValueImpl> impl_;
};

} /* namespace ge */

#endif

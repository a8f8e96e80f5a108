/* operator_reg.h - REG_OP: a type of operators as a class in namespace op.
 *
 *     REG_OP(Clamp)
 *         .INPUT(x, TensorType({DT_FLOAT, DT_FLOAT16}))
 *         .OPTIONAL_INPUT(limit, TensorType::NumberType())
 *         .OUTPUT(y, TensorType({DT_FLOAT, DT_FLOAT16}))
 *         .REQUIRED_ATTR(low, Float)
 *         .ATTR(high, Float, 1.0)
 *     .OP_END_FACTORY_REG(Clamp)
 *
 * gives op::Clamp with set_input_x, set_input_x_by_name, update_input_desc_x, get_input_desc_x,
 * update_output_desc_y, get_output_desc_y, set_attr_low, get_attr_low, name_in_x, name_out_y,
 * name_attr_low ..., and OperatorFactory can make one.
 *
 * Each word ends the member function that the one before it began, by calling the one that it
 * begins itself: the constructor runs through them all, in the order in which they are written.
 */
#ifndef GRAPH_OPERATOR_REG_H
#define GRAPH_OPERATOR_REG_H

#include <cstdint>
#include <string>
#include <vector>

#include "graph/operator.h"
#include "graph/operator_factory.h"
#include "graph/tensor.h"
#include "graph/types.h"

namespace ge {

/* Kinds of attributes, as the words of ATTR and REQUIRED_ATTR. */
using OpInt = int64_t;
using OpFloat = float32_t;
using OpString = AscendString;
using OpAscendString = AscendString;
using OpBool = bool;
using OpTensor = Tensor;
using OpType = ge::DataType;
using OpListInt = std::vector<int64_t>;
using OpListFloat = std::vector<float32_t>;
using OpListString = std::vector<AscendString>;
using OpListAcendString = std::vector<AscendString>;
using OpListBool = std::vector<bool>;
using OpListTensor = std::vector<Tensor>;
using OpListType = std::vector<ge::DataType>;
using OpListListInt = std::vector<std::vector<int64_t>>;

} /* namespace ge */

#define REG_OP(x)                                                                                  \
    namespace op {                                                                                 \
    class x : public ge::Operator {                                                                \
        using THIS_TYPE_ = x;                                                                      \
                                                                                                   \
      public:                                                                                      \
        x() : Operator(#x) { Begin_(); }                                                           \
        explicit x(const char *name) : Operator(name, #x) { Begin_(); }                            \
        explicit x(const std::string &name) : Operator(name.c_str(), #x) { Begin_(); }             \
        explicit x(const ge::AscendString &name) : Operator(name, #x) { Begin_(); }                \
                                                                                                   \
      private:                                                                                     \
        void Begin_() {                                                                            \
            (*this)

/* Ends the function that came before with a call of the one for |step|; what it needs follows. */
#define ANYCANN_OP_THEN_(step)                                                                     \
    Then_##step();                                                                                 \
    }                                                                                              \
                                                                                                   \
  public:

/* The function for |step| begins. */
#define ANYCANN_OP_STEP_(step)                                                                     \
  private:                                                                                         \
    void Then_##step() {

#define ANYCANN_OP_INPUT_(x)                                                                       \
    static const char *name_in_##x() { return #x; }                                                \
    THIS_TYPE_ &set_input_##x(const ge::Operator &v) {                                             \
        SetInput(#x, v);                                                                           \
        return *this;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &set_input_##x(const ge::Operator &v, uint32_t index) {                             \
        SetInput(#x, v, index);                                                                    \
        return *this;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &set_input_##x(const ge::Operator &v, const std::string &out) {                     \
        SetInput(#x, v, out.c_str());                                                              \
        return *this;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &set_input_##x##_by_name(const ge::Operator &v, const char *out) {                  \
        SetInput(#x, v, out);                                                                      \
        return *this;                                                                              \
    }                                                                                              \
    ge::TensorDesc get_input_desc_##x() const { return GetInputDescByName(#x); }                   \
    ge::graphStatus update_input_desc_##x(const ge::TensorDesc &desc) {                            \
        return UpdateInputDesc(#x, desc);                                                          \
    }

#define ANYCANN_OP_OUTPUT_(x)                                                                      \
    static const char *name_out_##x() { return #x; }                                               \
    ge::TensorDesc get_output_desc_##x() const { return GetOutputDescByName(#x); }                 \
    ge::graphStatus update_output_desc_##x(const ge::TensorDesc &desc) {                           \
        return UpdateOutputDesc(#x, desc);                                                         \
    }

#define ANYCANN_OP_INPUTS_(x)                                                                      \
    THIS_TYPE_ &create_dynamic_input_##x(uint32_t count, bool is_push_back = true) {               \
        DynamicInputRegister(#x, count, is_push_back);                                             \
        return *this;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &create_dynamic_input_byindex_##x(uint32_t count, size_t index) {                   \
        DynamicInputRegisterByIndex(#x, count, index);                                             \
        return *this;                                                                              \
    }                                                                                              \
    ge::TensorDesc get_dynamic_input_desc_##x(uint32_t index) const {                              \
        return GetDynamicInputDesc(#x, index);                                                     \
    }                                                                                              \
    ge::graphStatus update_dynamic_input_desc_##x(uint32_t index, const ge::TensorDesc &desc) {    \
        return UpdateDynamicInputDesc(#x, index, desc);                                            \
    }                                                                                              \
    THIS_TYPE_ &set_dynamic_input_##x(uint32_t index, const ge::Operator &v) {                     \
        SetInput(#x, index, v);                                                                    \
        return *this;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &set_dynamic_input_##x(uint32_t index, const ge::Operator &v, const char *out) {    \
        SetInput(#x, index, v, out);                                                               \
        return *this;                                                                              \
    }

#define ANYCANN_OP_OUTPUTS_(x)                                                                     \
    THIS_TYPE_ &create_dynamic_output_##x(uint32_t count, bool is_push_back = true) {              \
        DynamicOutputRegister(#x, count, is_push_back);                                            \
        return *this;                                                                              \
    }                                                                                              \
    ge::TensorDesc get_dynamic_output_desc_##x(uint32_t index) const {                             \
        return GetDynamicOutputDesc(#x, index);                                                    \
    }                                                                                              \
    ge::graphStatus update_dynamic_output_desc_##x(uint32_t index, const ge::TensorDesc &desc) {   \
        return UpdateDynamicOutputDesc(#x, index, desc);                                           \
    }

#define ANYCANN_OP_ATTR_(x, kind)                                                                  \
    static const char *name_attr_##x() { return #x; }                                              \
    ge::Op##kind get_attr_##x() const {                                                            \
        ge::Op##kind value{};                                                                      \
        GetAttr(#x, value);                                                                        \
        return value;                                                                              \
    }                                                                                              \
    THIS_TYPE_ &set_attr_##x(const ge::Op##kind &v) {                                              \
        SetAttr(#x, v);                                                                            \
        return *this;                                                                              \
    }

#define INPUT(x, t)                                                                                \
    ANYCANN_OP_THEN_(in_##x)                                                                       \
    ANYCANN_OP_INPUT_(x)                                                                           \
    ANYCANN_OP_STEP_(in_##x)                                                                       \
    InputRegister(#x);                                                                             \
    (*this)

#define OPTIONAL_INPUT(x, t)                                                                       \
    ANYCANN_OP_THEN_(in_##x)                                                                       \
    ANYCANN_OP_INPUT_(x)                                                                           \
    ANYCANN_OP_STEP_(in_##x)                                                                       \
    OptionalInputRegister(#x);                                                                     \
    (*this)

#define OUTPUT(x, t)                                                                               \
    ANYCANN_OP_THEN_(out_##x)                                                                      \
    ANYCANN_OP_OUTPUT_(x)                                                                          \
    ANYCANN_OP_STEP_(out_##x)                                                                      \
    OutputRegister(#x);                                                                            \
    (*this)

#define DYNAMIC_INPUT(x, t)                                                                        \
    ANYCANN_OP_THEN_(in_##x)                                                                       \
    ANYCANN_OP_INPUTS_(x)                                                                          \
    ANYCANN_OP_STEP_(in_##x)                                                                       \
    DynamicInputRegister(#x, 0);                                                                   \
    (*this)

#define DYNAMIC_OUTPUT(x, t)                                                                       \
    ANYCANN_OP_THEN_(out_##x)                                                                      \
    ANYCANN_OP_OUTPUTS_(x)                                                                         \
    ANYCANN_OP_STEP_(out_##x)                                                                      \
    DynamicOutputRegister(#x, 0);                                                                  \
    (*this)

#define ATTR(x, kind, ...)                                                                         \
    ANYCANN_OP_THEN_(attr_##x)                                                                     \
    ANYCANN_OP_ATTR_(x, kind)                                                                      \
    ANYCANN_OP_STEP_(attr_##x)                                                                     \
    AttrRegister(#x, ge::Op##kind(__VA_ARGS__));                                                   \
    (*this)

#define REQUIRED_ATTR(x, kind)                                                                     \
    ANYCANN_OP_THEN_(attr_##x)                                                                     \
    ANYCANN_OP_ATTR_(x, kind)                                                                      \
    ANYCANN_OP_STEP_(attr_##x)                                                                     \
    RequiredAttrWithTypeRegister(#x, #kind);                                                       \
    (*this)

#define GRAPH(x)                                                                                   \
    ANYCANN_OP_THEN_(graph_##x)                                                                    \
    ANYCANN_OP_STEP_(graph_##x)                                                                    \
    SubgraphRegister(#x, false);                                                                   \
    (*this)

#define DYNAMIC_GRAPH(x)                                                                           \
    ANYCANN_OP_THEN_(graph_##x)                                                                    \
    ANYCANN_OP_STEP_(graph_##x)                                                                    \
    SubgraphRegister(#x, true);                                                                    \
    (*this)

/* Which types go together is the operator's own business. */
#define DATATYPE(x, t)                                                                             \
    ANYCANN_OP_THEN_(type_##x)                                                                     \
    ANYCANN_OP_STEP_(type_##x)                                                                     \
    (*this)

#define OP_END()                                                                                   \
    End_();                                                                                        \
    }                                                                                              \
    void End_() {}                                                                                 \
    }                                                                                              \
    ;                                                                                              \
    }

#define OP_END_FACTORY_REG(x)                                                                      \
    OP_END()                                                                                       \
    static const ge::OperatorCreatorRegister register_of_##x(                                      \
        #x, [](const ge::AscendString &name) -> ge::Operator { return op::x(name); });

#endif

/* operator.h - a node of a graph: what it is called, what it computes, where its inputs come from.
 *
 * Classes of single types (op::Add ...) are made by REG_OP, see graph/operator_reg.h. An operator
 * is a reference: copies are the same node. Functions that return the operator cannot say that they
 * failed: building the graph then does, with the first cause.
 */
#ifndef GRAPH_OPERATOR_H
#define GRAPH_OPERATOR_H

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/attr_value.h"
#include "graph/ge_error_codes.h"
#include "graph/tensor.h"
#include "graph/types.h"

namespace ge {

class Graph;
class InferenceContext;
class OperatorImpl;
using OperatorImplPtr = std::shared_ptr<OperatorImpl>;
using InferenceContextPtr = std::shared_ptr<InferenceContext>;
using SubgraphBuilder = std::function<Graph()>;

/* The types that an input or output may have. Nothing is kept: operators check their own types. */
struct TensorType {
    TensorType(DataType) {}
    TensorType(std::initializer_list<DataType>) {}
    static TensorType ALL() { return DT_MAX; }
    static TensorType BasicType() { return DT_MAX; }
    static TensorType NumberType() { return DT_MAX; }
    static TensorType RealNumberType() { return DT_MAX; }
    static TensorType FLOAT() { return DT_MAX; }
    static TensorType UnaryDataType() { return DT_MAX; }
    static TensorType IntegerDataType() { return DT_MAX; }
    static TensorType SignedDataType() { return DT_MAX; }
    static TensorType IndexNumberType() { return DT_MAX; }
    static TensorType QuantifiedType() { return DT_MAX; }
    static TensorType OrdinaryType() { return DT_MAX; }
};

class Operator {
  public:
    Operator() {}
    explicit Operator(const std::string &type);
    explicit Operator(const char_t *type);
    Operator(const std::string &name, const std::string &type);
    Operator(const AscendString &name, const AscendString &type);
    Operator(const char_t *name, const char_t *type);
    virtual ~Operator() = default;

    bool IsEmpty() const;
    std::string GetName() const;
    graphStatus GetName(AscendString &name) const;
    std::string GetOpType() const;
    graphStatus GetOpType(AscendString &type) const;

    /* Input |dst_name| is the first output of |src_oprt|, or the one that is named or numbered. */
    Operator &SetInput(const std::string &dst_name, const Operator &src_oprt);
    Operator &SetInput(const char_t *dst_name, const Operator &src_oprt);
    Operator &SetInput(const std::string &dst_name, const Operator &src_oprt,
                       const std::string &name);
    Operator &SetInput(const char_t *dst_name, const Operator &src_oprt, const char_t *name);
    Operator &SetInput(const std::string &dst_name, const Operator &src_oprt, uint32_t index);
    Operator &SetInput(const char_t *dst_name, const Operator &src_oprt, uint32_t index);
    Operator &SetInput(uint32_t dst_index, const Operator &src_oprt, uint32_t src_index);
    /* Item |dst_index| of a dynamic input. */
    Operator &SetInput(const char_t *dst_name, uint32_t dst_index, const Operator &src_oprt,
                       const char_t *name);
    Operator &SetInput(const char_t *dst_name, uint32_t dst_index, const Operator &src_oprt);
    Operator &AddControlInput(const Operator &src_oprt);
    /* All edges to and from the node go. */
    void BreakConnect() const;

    /* The values of an input that comes from a constant. */
    graphStatus GetInputConstData(const std::string &dst_name, Tensor &data) const;
    graphStatus GetInputConstData(const char_t *dst_name, Tensor &data) const;

    TensorDesc GetInputDesc(const std::string &name) const;
    TensorDesc GetInputDescByName(const char_t *name) const;
    TensorDesc GetInputDesc(uint32_t index) const;
    graphStatus TryGetInputDesc(const std::string &name, TensorDesc &tensor_desc) const;
    graphStatus TryGetInputDesc(const char_t *name, TensorDesc &tensor_desc) const;
    graphStatus UpdateInputDesc(const std::string &name, const TensorDesc &tensor_desc);
    graphStatus UpdateInputDesc(const char_t *name, const TensorDesc &tensor_desc);
    graphStatus UpdateInputDesc(const uint32_t index, const TensorDesc &tensor_desc);
    TensorDesc GetOutputDesc(const std::string &name) const;
    TensorDesc GetOutputDescByName(const char_t *name) const;
    TensorDesc GetOutputDesc(uint32_t index) const;
    graphStatus UpdateOutputDesc(const std::string &name, const TensorDesc &tensor_desc);
    graphStatus UpdateOutputDesc(const char_t *name, const TensorDesc &tensor_desc);
    graphStatus UpdateOutputDesc(const uint32_t index, const TensorDesc &tensor_desc);
    int32_t GetDynamicOutputNum(const std::string &name) const;
    int32_t GetDynamicOutputNum(const char_t *name) const;
    int32_t GetDynamicInputNum(const std::string &name) const;
    int32_t GetDynamicInputNum(const char_t *name) const;
    TensorDesc GetDynamicInputDesc(const char_t *name, uint32_t index) const;
    graphStatus UpdateDynamicInputDesc(const char_t *name, uint32_t index,
                                       const TensorDesc &tensor_desc);
    TensorDesc GetDynamicOutputDesc(const char_t *name, uint32_t index) const;
    graphStatus UpdateDynamicOutputDesc(const char_t *name, uint32_t index,
                                        const TensorDesc &tensor_desc);
    size_t GetInputsSize() const;
    size_t GetOutputsSize() const;

    /* The outputs' descriptions, from those of the inputs, attributes and constant inputs. */
    graphStatus InferShapeAndType();
    /* Whether all that the type requires is there. */
    graphStatus VerifyAllAttr(bool disable_common_verifier = false);

    graphStatus
    GetAllAttrNamesAndTypes(std::map<AscendString, AscendString> &attr_name_types) const;
    /* Those that the type has, set or not. */
    graphStatus
    GetAllIrAttrNamesAndTypes(std::map<AscendString, AscendString> &attr_name_types) const;

    Operator &SetAttr(const char_t *name, int64_t attr_value);
    graphStatus GetAttr(const char_t *name, int64_t &attr_value) const;
    Operator &SetAttr(const char_t *name, int32_t attr_value);
    graphStatus GetAttr(const char_t *name, int32_t &attr_value) const;
    Operator &SetAttr(const char_t *name, uint32_t attr_value);
    graphStatus GetAttr(const char_t *name, uint32_t &attr_value) const;
    Operator &SetAttr(const char_t *name, float32_t attr_value);
    graphStatus GetAttr(const char_t *name, float32_t &attr_value) const;
    Operator &SetAttr(const char_t *name, bool attr_value);
    graphStatus GetAttr(const char_t *name, bool &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<int64_t> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<int64_t> &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<int32_t> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<int32_t> &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<uint32_t> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<uint32_t> &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<float32_t> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<float32_t> &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<bool> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<bool> &attr_value) const;
    Operator &SetAttr(const char_t *name, const Tensor &attr_value);
    graphStatus GetAttr(const char_t *name, Tensor &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<Tensor> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<Tensor> &attr_value) const;
    Operator &SetAttr(const char_t *name, const OpBytes &attr_value);
    graphStatus GetAttr(const char_t *name, OpBytes &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<std::vector<int64_t>> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<std::vector<int64_t>> &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<ge::DataType> &attr_value);
    graphStatus GetAttr(const char_t *name, std::vector<ge::DataType> &attr_value) const;
    Operator &SetAttr(const char_t *name, const ge::DataType &attr_value);
    graphStatus GetAttr(const char_t *name, ge::DataType &attr_value) const;
    Operator &SetAttr(const char_t *name, const char_t *attr_value);
    Operator &SetAttr(const char_t *name, const AscendString &attr_value);
    graphStatus GetAttr(const char_t *name, AscendString &attr_value) const;
    Operator &SetAttr(const char_t *name, const std::vector<AscendString> &attr_values);
    graphStatus GetAttr(const char_t *name, std::vector<AscendString> &attr_values) const;
    Operator &SetAttr(const char_t *name, AttrValue &&attr_value);
    Operator &SetAttr(const char_t *name, const AttrValue &attr_value);
    graphStatus GetAttr(const char_t *name, AttrValue &attr_value) const;
    Operator &SetAttr(const char_t *name, std::initializer_list<int64_t> &&attr_value);

    Operator &SetAttr(const std::string &name, int64_t attr_value);
    graphStatus GetAttr(const std::string &name, int64_t &attr_value) const;
    Operator &SetAttr(const std::string &name, int32_t attr_value);
    graphStatus GetAttr(const std::string &name, int32_t &attr_value) const;
    Operator &SetAttr(const std::string &name, uint32_t attr_value);
    graphStatus GetAttr(const std::string &name, uint32_t &attr_value) const;
    Operator &SetAttr(const std::string &name, float32_t attr_value);
    graphStatus GetAttr(const std::string &name, float32_t &attr_value) const;
    Operator &SetAttr(const std::string &name, bool attr_value);
    graphStatus GetAttr(const std::string &name, bool &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<int64_t> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<int64_t> &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<int32_t> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<int32_t> &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<uint32_t> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<uint32_t> &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<float32_t> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<float32_t> &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<bool> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<bool> &attr_value) const;
    Operator &SetAttr(const std::string &name, const Tensor &attr_value);
    graphStatus GetAttr(const std::string &name, Tensor &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<Tensor> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<Tensor> &attr_value) const;
    Operator &SetAttr(const std::string &name, const OpBytes &attr_value);
    graphStatus GetAttr(const std::string &name, OpBytes &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<std::vector<int64_t>> &attr_value);
    graphStatus GetAttr(const std::string &name,
                        std::vector<std::vector<int64_t>> &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<ge::DataType> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<ge::DataType> &attr_value) const;
    Operator &SetAttr(const std::string &name, const ge::DataType &attr_value);
    graphStatus GetAttr(const std::string &name, ge::DataType &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::string &attr_value);
    graphStatus GetAttr(const std::string &name, std::string &attr_value) const;
    Operator &SetAttr(const std::string &name, const std::vector<std::string> &attr_value);
    graphStatus GetAttr(const std::string &name, std::vector<std::string> &attr_value) const;

    void DynamicInputRegister(const char_t *name, const uint32_t num, bool is_push_back = true);
    void DynamicInputRegisterByIndex(const char_t *name, const uint32_t num, size_t index);
    void DynamicOutputRegister(const char_t *name, const uint32_t num, bool is_push_back = true);

  protected:
    explicit Operator(OperatorImplPtr &&op_impl);

    /* What the type has, in order: called by the constructors of REG_OP's classes. */
    void InputRegister(const std::string &name);
    void InputRegister(const char_t *name);
    void InputRegister(const char_t *name, const char_t *datatype_symbol);
    void OptionalInputRegister(const std::string &name);
    void OptionalInputRegister(const char_t *name);
    void OptionalInputRegister(const char_t *name, const char_t *datatype_symbol);
    void OutputRegister(const std::string &name);
    void OutputRegister(const char_t *name);
    void OutputRegister(const char_t *name, const char_t *datatype_symbol);
    void RequiredAttrRegister(const std::string &name);
    void RequiredAttrRegister(const char_t *name);
    void RequiredAttrWithTypeRegister(const char_t *name, const char_t *type);
    void AttrRegister(const char_t *name, float32_t attr_value);
    void AttrRegister(const char_t *name, int64_t attr_value);
    void AttrRegister(const char_t *name, bool attr_value);
    void AttrRegister(const char_t *name, const char_t *attr_value);
    void AttrRegister(const char_t *name, const std::vector<float32_t> &attr_value);
    void AttrRegister(const char_t *name, const std::vector<int64_t> &attr_value);
    void AttrRegister(const char_t *name, const std::vector<bool> &attr_value);
    void AttrRegister(const char_t *name, const Tensor &attr_value);
    void AttrRegister(const char_t *name, const std::vector<Tensor> &attr_value);
    void AttrRegister(const char_t *name, const OpBytes &attr_value);
    void AttrRegister(const char_t *name, const std::vector<std::vector<int64_t>> &attr_value);
    void AttrRegister(const char_t *name, const std::vector<ge::DataType> &attr_value);
    void AttrRegister(const char_t *name, const ge::DataType &attr_value);
    void AttrRegister(const char_t *name, const AscendString &attr_value);
    void AttrRegister(const char_t *name, const std::vector<AscendString> &attr_value);
    void AttrRegister(const char_t *name, const AttrValue &attr_value);
    /* Graphs inside of nodes are not supported: the node says so when it is built. */
    void SubgraphRegister(const char_t *ir_name, bool dynamic);
    void SubgraphCountRegister(const char_t *ir_name, uint32_t count);
    void SetSubgraphBuilder(const char_t *ir_name, uint32_t index, const SubgraphBuilder &builder);

  private:
    friend class OperatorUtils;
    std::shared_ptr<OperatorImpl> operator_impl_;
};

} /* namespace ge */

#endif

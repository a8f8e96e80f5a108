/* graph_strings.cpp - the functions of operators and graphs that take or give std::string. Compiled
 * once for each flavour of it (_GLIBCXX_USE_CXX11_ABI), and so it includes public headers only:
 * what holds a std::string itself would be two classes of one name. */
#include "graph/graph.h"
#include "graph/operator_factory.h"

namespace ge {

static std::string text_of(const AscendString &text) {
    return std::string(text.GetString(), text.GetLength());
}

static AscendString text_of(const std::string &text) {
    return AscendString(text.c_str(), text.size());
}

static std::vector<std::string> texts_of(const std::vector<AscendString> &texts) {
    std::vector<std::string> out;
    for (const auto &text : texts)
        out.push_back(text_of(text));
    return out;
}

/* ---- descriptions ---------------------------------------------------------------------------- */

std::string TensorDesc::GetName() const {
    AscendString name;
    GetName(name);
    return text_of(name);
}

void TensorDesc::SetName(const std::string &name) { SetName(name.c_str()); }

/* ---- operators ------------------------------------------------------------------------------- */

Operator::Operator(const std::string &type) : Operator(type.c_str()) {}
Operator::Operator(const std::string &name, const std::string &type)
    : Operator(name.c_str(), type.c_str()) {}

std::string Operator::GetName() const {
    AscendString name;
    GetName(name);
    return text_of(name);
}

std::string Operator::GetOpType() const {
    AscendString type;
    GetOpType(type);
    return text_of(type);
}

Operator &Operator::SetInput(const std::string &dst_name, const Operator &src_oprt) {
    return SetInput(dst_name.c_str(), src_oprt);
}

Operator &Operator::SetInput(const std::string &dst_name, const Operator &src_oprt,
                             const std::string &name) {
    return SetInput(dst_name.c_str(), src_oprt, name.c_str());
}

Operator &Operator::SetInput(const std::string &dst_name, const Operator &src_oprt,
                             uint32_t index) {
    return SetInput(dst_name.c_str(), src_oprt, index);
}

graphStatus Operator::GetInputConstData(const std::string &dst_name, Tensor &data) const {
    return GetInputConstData(dst_name.c_str(), data);
}

TensorDesc Operator::GetInputDesc(const std::string &name) const {
    return GetInputDescByName(name.c_str());
}

TensorDesc Operator::GetOutputDesc(const std::string &name) const {
    return GetOutputDescByName(name.c_str());
}

graphStatus Operator::TryGetInputDesc(const std::string &name, TensorDesc &tensor_desc) const {
    return TryGetInputDesc(name.c_str(), tensor_desc);
}

graphStatus Operator::UpdateInputDesc(const std::string &name, const TensorDesc &tensor_desc) {
    return UpdateInputDesc(name.c_str(), tensor_desc);
}

graphStatus Operator::UpdateOutputDesc(const std::string &name, const TensorDesc &tensor_desc) {
    return UpdateOutputDesc(name.c_str(), tensor_desc);
}

int32_t Operator::GetDynamicOutputNum(const std::string &name) const {
    return GetDynamicOutputNum(name.c_str());
}

int32_t Operator::GetDynamicInputNum(const std::string &name) const {
    return GetDynamicInputNum(name.c_str());
}

void Operator::InputRegister(const std::string &name) { InputRegister(name.c_str()); }
void Operator::OptionalInputRegister(const std::string &name) {
    OptionalInputRegister(name.c_str());
}
void Operator::OutputRegister(const std::string &name) { OutputRegister(name.c_str()); }
void Operator::RequiredAttrRegister(const std::string &name) { RequiredAttrRegister(name.c_str()); }

/* ---- attributes ------------------------------------------------------------------------------ */

#define SET_(...)                                                                                  \
    Operator &Operator::SetAttr(const std::string &name, __VA_ARGS__ attr_value) {                 \
        return SetAttr(name.c_str(), attr_value);                                                  \
    }
#define GET_(...)                                                                                  \
    graphStatus Operator::GetAttr(const std::string &name, __VA_ARGS__ &attr_value) const {        \
        return GetAttr(name.c_str(), attr_value);                                                  \
    }
#define BY_VALUE(...)     SET_(__VA_ARGS__) GET_(__VA_ARGS__)
#define BY_REFERENCE(...) SET_(const __VA_ARGS__ &) GET_(__VA_ARGS__)

BY_VALUE(int64_t)
BY_VALUE(int32_t)
BY_VALUE(uint32_t)
BY_VALUE(float32_t)
BY_VALUE(bool)
BY_REFERENCE(std::vector<int64_t>)
BY_REFERENCE(std::vector<int32_t>)
BY_REFERENCE(std::vector<uint32_t>)
BY_REFERENCE(std::vector<float32_t>)
BY_REFERENCE(std::vector<bool>)
BY_REFERENCE(Tensor)
BY_REFERENCE(std::vector<Tensor>)
BY_REFERENCE(OpBytes)
BY_REFERENCE(std::vector<std::vector<int64_t>>)
BY_REFERENCE(std::vector<ge::DataType>)
BY_REFERENCE(ge::DataType)

Operator &Operator::SetAttr(const std::string &name, const std::string &attr_value) {
    return SetAttr(name.c_str(), text_of(attr_value));
}

graphStatus Operator::GetAttr(const std::string &name, std::string &attr_value) const {
    AscendString text;
    const graphStatus status = GetAttr(name.c_str(), text);
    if (status == GRAPH_SUCCESS) attr_value = text_of(text);
    return status;
}

Operator &Operator::SetAttr(const std::string &name, const std::vector<std::string> &attr_value) {
    std::vector<AscendString> texts;
    for (const auto &text : attr_value)
        texts.push_back(text_of(text));
    return SetAttr(name.c_str(), texts);
}

graphStatus Operator::GetAttr(const std::string &name, std::vector<std::string> &attr_value) const {
    std::vector<AscendString> texts;
    const graphStatus status = GetAttr(name.c_str(), texts);
    if (status == GRAPH_SUCCESS) attr_value = texts_of(texts);
    return status;
}

/* ---- types ----------------------------------------------------------------------------------- */

Operator OperatorFactory::CreateOperator(const std::string &operator_name,
                                         const std::string &operator_type) {
    return CreateOperator(operator_name.c_str(), operator_type.c_str());
}

graphStatus OperatorFactory::GetOpsTypeList(std::vector<std::string> &all_ops) {
    std::vector<AscendString> texts;
    const graphStatus status = GetOpsTypeList(texts);
    if (status == GRAPH_SUCCESS) all_ops = texts_of(texts);
    return status;
}

bool OperatorFactory::IsExistOp(const std::string &operator_type) {
    return IsExistOp(operator_type.c_str());
}

static OpCreatorV2 by_text(const OpCreator &creator) {
    if (!creator) return OpCreatorV2();
    return [creator](const AscendString &name) { return creator(text_of(name)); };
}

OperatorCreatorRegister::OperatorCreatorRegister(const std::string &operator_type,
                                                 OpCreator const &op_creator)
    : OperatorCreatorRegister(operator_type.c_str(), by_text(op_creator)) {}

/* ---- graphs ---------------------------------------------------------------------------------- */

Graph::Graph(const std::string &name) : Graph(name.c_str()) {}

Graph &Graph::SetOutputs(const std::vector<std::pair<ge::Operator, std::string>> &outputs) {
    std::vector<std::pair<ge::Operator, AscendString>> texts;
    for (const auto &output : outputs)
        texts.emplace_back(output.first, text_of(output.second));
    return SetOutputs(texts);
}

graphStatus Graph::FindOpByName(const std::string &name, ge::Operator &op) const {
    return FindOpByName(name.c_str(), op);
}

graphStatus Graph::FindOpByType(const std::string &type, std::vector<ge::Operator> &ops) const {
    return FindOpByType(type.c_str(), ops);
}

graphStatus Graph::GetAllOpName(std::vector<std::string> &op_name) const {
    std::vector<AscendString> texts;
    const graphStatus status = GetAllOpName(texts);
    if (status == GRAPH_SUCCESS) op_name = texts_of(texts);
    return status;
}

graphStatus Graph::SaveToFile(const std::string &file_name) const {
    return SaveToFile(file_name.c_str());
}

graphStatus Graph::LoadFromFile(const std::string &file_name) {
    return LoadFromFile(file_name.c_str());
}

} // namespace ge

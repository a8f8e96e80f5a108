/* operator_attr.cpp - attributes of operators: one function for each type that programs have. */
#include "doors/ge/core.h"
#include "doors/ge/operator_impl.h"

namespace ge {

static void set(const OperatorImplPtr &impl, const char *name, Attr attr) {
    if (impl && name) impl->attrs[name] = std::move(attr);
}

static const Attr *find(const OperatorImplPtr &impl, const char *name) {
    if (!impl || !name) return nullptr;
    const auto at = impl->attrs.find(name);
    return at == impl->attrs.end() ? nullptr : &at->second;
}

#define SET_(...)                                                                                  \
    Operator &Operator::SetAttr(const char_t *name, __VA_ARGS__ attr_value) {                      \
        set(operator_impl_, name, Keep(attr_value));                                               \
        return *this;                                                                              \
    }
#define GET_(...)                                                                                  \
    graphStatus Operator::GetAttr(const char_t *name, __VA_ARGS__ &attr_value) const {             \
        const Attr *attr = find(operator_impl_, name);                                             \
        return attr && Give(*attr, attr_value) ? GRAPH_SUCCESS : GRAPH_FAILED;                     \
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
BY_REFERENCE(AscendString)
BY_REFERENCE(std::vector<AscendString>)
BY_REFERENCE(AttrValue)
SET_(const char_t *)
SET_(AttrValue &&)

Operator &Operator::SetAttr(const char_t *name, std::initializer_list<int64_t> &&attr_value) {
    set(operator_impl_, name, Ints(attr_value));
    return *this;
}

graphStatus
Operator::GetAllAttrNamesAndTypes(std::map<AscendString, AscendString> &attr_name_types) const {
    if (!operator_impl_) return GRAPH_FAILED;
    for (const auto &attr : operator_impl_->attrs)
        attr_name_types[AscendString(attr.first.c_str())] = AscendString(KindName(attr.second));
    return GRAPH_SUCCESS;
}

graphStatus
Operator::GetAllIrAttrNamesAndTypes(std::map<AscendString, AscendString> &attr_name_types) const {
    if (!operator_impl_) return GRAPH_FAILED;
    for (const auto &attr : operator_impl_->ir_attrs)
        attr_name_types[AscendString(attr.first.c_str())] = AscendString(attr.second.c_str());
    return GRAPH_SUCCESS;
}

/* ---- what the type has ----------------------------------------------------------------------- */

static void register_attr(const OperatorImplPtr &impl, const char *name, Attr attr) {
    if (!impl || !name) return;
    impl->ir_attrs.emplace_back(name, KindName(attr));
    impl->attrs[name] = std::move(attr);
}

void Operator::RequiredAttrWithTypeRegister(const char_t *name, const char_t *type) {
    if (operator_impl_ && name) operator_impl_->ir_attrs.emplace_back(name, type ? type : "");
}

void Operator::RequiredAttrRegister(const char_t *name) { RequiredAttrWithTypeRegister(name, ""); }

#define REGISTER(...)                                                                              \
    void Operator::AttrRegister(const char_t *name, __VA_ARGS__ attr_value) {                      \
        register_attr(operator_impl_, name, Keep(attr_value));                                     \
    }

REGISTER(float32_t)
REGISTER(int64_t)
REGISTER(bool)
REGISTER(const char_t *)
REGISTER(const std::vector<float32_t> &)
REGISTER(const std::vector<int64_t> &)
REGISTER(const std::vector<bool> &)
REGISTER(const Tensor &)
REGISTER(const std::vector<Tensor> &)
REGISTER(const OpBytes &)
REGISTER(const std::vector<std::vector<int64_t>> &)
REGISTER(const std::vector<ge::DataType> &)
REGISTER(const ge::DataType &)
REGISTER(const AscendString &)
REGISTER(const std::vector<AscendString> &)
REGISTER(const AttrValue &)

} // namespace ge

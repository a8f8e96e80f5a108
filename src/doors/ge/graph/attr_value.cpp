/* attr_value.cpp - see graph/attr_value.h. */
#include "doors/ge/attr.h"

namespace ge {

const char *KindName(const Attr &attr) {
    static const char *const names[] = {
        "",        "Int",       "Float",    "Bool",       "String",   "Type",       "Tensor",
        "ListInt", "ListFloat", "ListBool", "ListString", "ListType", "ListTensor", "ListListInt"};
    return names[attr.index()];
}

AttrValue::AttrValue() : impl_(std::make_shared<AttrValueImpl>()) {}

graphStatus AttrValue::GetValue(AscendString &val) { return GetAttrValue(val); }

#define ATTR_TYPE(...)                                                                             \
    graphStatus AttrValue::SetAttrValue(const __VA_ARGS__ &attr_value) const {                     \
        impl_->attr = Keep(attr_value);                                                            \
        return GRAPH_SUCCESS;                                                                      \
    }                                                                                              \
    graphStatus AttrValue::GetAttrValue(__VA_ARGS__ &attr_value) const {                           \
        return Give(impl_->attr, attr_value) ? GRAPH_SUCCESS : GRAPH_FAILED;                       \
    }

ATTR_TYPE(int64_t)
ATTR_TYPE(float32_t)
ATTR_TYPE(AscendString)
ATTR_TYPE(bool)
ATTR_TYPE(Tensor)
ATTR_TYPE(std::vector<int64_t>)
ATTR_TYPE(std::vector<float32_t>)
ATTR_TYPE(std::vector<AscendString>)
ATTR_TYPE(std::vector<bool>)
ATTR_TYPE(std::vector<Tensor>)
ATTR_TYPE(std::vector<std::vector<int64_t>>)
ATTR_TYPE(std::vector<ge::DataType>)
ATTR_TYPE(ge::DataType)

} // namespace ge

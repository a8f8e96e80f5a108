/* attr.h - attributes as they are kept: one of a few kinds, by name. Programs' many types of
 * integers are one kind, and so are their types of strings. */
#ifndef ACN_DOORS_GE_ATTR_H
#define ACN_DOORS_GE_ATTR_H

#include "graph/attr_value.h"

#include <map>
#include <variant>

namespace ge {

using Ints = std::vector<int64_t>;
using Texts = std::vector<std::string>;
using Attr = std::variant<std::monostate, int64_t, float, bool, std::string, DataType, Tensor, Ints,
                          std::vector<float>, std::vector<bool>, Texts, std::vector<DataType>,
                          std::vector<Tensor>, std::vector<Ints>>;
using AttrMap = std::map<std::string, Attr>;

class AttrValueImpl {
  public:
    Attr attr;
};

class AttrUtils {
  public:
    static Attr &Of(const AttrValue &value) { return value.impl_->attr; }
};

/* A program's value as it is kept ... */
template <typename T> Attr Keep(const T &value) { return Attr(value); }
inline Attr Keep(int32_t value) { return Attr(static_cast<int64_t>(value)); }
inline Attr Keep(uint32_t value) { return Attr(static_cast<int64_t>(value)); }
inline Attr Keep(const char_t *value) { return Attr(std::string(value ? value : "")); }
inline Attr Keep(const AscendString &value) { return Attr(std::string(value.GetString())); }
inline Attr Keep(const AttrValue &value) { return AttrUtils::Of(value); }
inline Attr Keep(const std::vector<int32_t> &value) { return Ints(value.begin(), value.end()); }
inline Attr Keep(const std::vector<uint32_t> &value) { return Ints(value.begin(), value.end()); }
inline Attr Keep(const OpBytes &value) {
    return std::string(reinterpret_cast<const char *>(value.data()), value.size());
}
inline Attr Keep(const std::vector<AscendString> &value) {
    Texts texts;
    for (const auto &text : value)
        texts.push_back(text.GetString());
    return texts;
}

/* ... and back; false: it is of another kind, or does not fit. */
template <typename T> bool Give(const Attr &attr, T &value) {
    const T *kept = std::get_if<T>(&attr);
    if (kept) value = *kept;
    return kept != nullptr;
}
template <typename T> bool GiveInteger(const Attr &attr, T &value) {
    const int64_t *kept = std::get_if<int64_t>(&attr);
    if (kept) value = static_cast<T>(*kept);
    return kept != nullptr && value == *kept;
}
inline bool Give(const Attr &attr, int32_t &value) { return GiveInteger(attr, value); }
inline bool Give(const Attr &attr, uint32_t &value) { return GiveInteger(attr, value); }
/* A type is a number to programs that wrote it as one. */
inline bool Give(const Attr &attr, DataType &value) {
    if (const DataType *kept = std::get_if<DataType>(&attr))
        value = *kept;
    else if (const int64_t *number = std::get_if<int64_t>(&attr))
        value = static_cast<DataType>(*number);
    else
        return false;
    return true;
}
inline bool Give(const Attr &attr, AscendString &value) {
    const std::string *kept = std::get_if<std::string>(&attr);
    if (kept) value = AscendString(kept->c_str(), kept->size());
    return kept != nullptr;
}
inline bool Give(const Attr &attr, OpBytes &value) {
    const std::string *kept = std::get_if<std::string>(&attr);
    if (kept) value.assign(kept->begin(), kept->end());
    return kept != nullptr;
}
inline bool Give(const Attr &attr, AttrValue &value) {
    AttrUtils::Of(value) = attr;
    return true;
}
template <typename T> bool GiveIntegers(const Attr &attr, std::vector<T> &value) {
    const Ints *kept = std::get_if<Ints>(&attr);
    if (kept) value.assign(kept->begin(), kept->end());
    return kept != nullptr;
}
inline bool Give(const Attr &attr, std::vector<int32_t> &value) {
    return GiveIntegers(attr, value);
}
inline bool Give(const Attr &attr, std::vector<uint32_t> &value) {
    return GiveIntegers(attr, value);
}
inline bool Give(const Attr &attr, std::vector<AscendString> &value) {
    const Texts *kept = std::get_if<Texts>(&attr);
    if (kept == nullptr) return false;
    value.clear();
    for (const auto &text : *kept)
        value.push_back(AscendString(text.c_str(), text.size()));
    return true;
}

/* An empty list has no kind of its own. */
template <typename T> bool Give(const Attr &attr, std::vector<T> &value) {
    if (const auto *kept = std::get_if<std::vector<T>>(&attr)) {
        value = *kept;
        return true;
    }
    const Ints *ints = std::get_if<Ints>(&attr);
    if (ints == nullptr || !ints->empty()) return false;
    value.clear();
    return true;
}

/* "Int", "ListFloat" ...: the kind by its name in REG_OP. */
const char *KindName(const Attr &attr);

} // namespace ge

#endif

/* ascend_string.h - the string of the graph engine's C++ interface: one layout, whichever flavour
 * of std::string a program is built with. */
#ifndef GRAPH_ASCEND_STRING_H
#define GRAPH_ASCEND_STRING_H

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace ge {

using char_t = char;

class AscendString {
  public:
    AscendString() = default;
    ~AscendString() = default;
    /* A null |name| gives the empty string. */
    AscendString(const char_t *const name);
    AscendString(const char_t *const name, size_t length);

    /* Never null; valid as long as this string or a copy of it. */
    const char_t *GetString() const;
    size_t GetLength() const;
    /* Where |ascend_string| begins in this one; -1: nowhere. */
    size_t Find(const AscendString &ascend_string) const;
    size_t Hash() const;

    bool operator<(const AscendString &d) const;
    bool operator>(const AscendString &d) const;
    bool operator<=(const AscendString &d) const;
    bool operator>=(const AscendString &d) const;
    bool operator==(const AscendString &d) const;
    bool operator!=(const AscendString &d) const;
    bool operator==(const char_t *const d) const;
    bool operator!=(const char_t *const d) const;

  private:
    std::shared_ptr<std::string> name_;
};

} /* namespace ge */

namespace std {

template <> struct hash<ge::AscendString> {
    size_t operator()(const ge::AscendString &name) const { return name.Hash(); }
};

} /* namespace std */

#endif

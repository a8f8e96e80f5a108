/* ascend_string.cpp - see graph/ascend_string.h. */
#include "graph/ascend_string.h"

#include <cstdint>
#include <cstring>

namespace ge {

AscendString::AscendString(const char_t *const name) {
    if (name != nullptr) name_ = std::make_shared<std::string>(name);
}

AscendString::AscendString(const char_t *const name, size_t length) {
    if (name != nullptr) name_ = std::make_shared<std::string>(name, length);
}

const char_t *AscendString::GetString() const { return name_ ? name_->c_str() : ""; }

size_t AscendString::GetLength() const { return name_ ? name_->size() : 0; }

size_t AscendString::Find(const AscendString &ascend_string) const {
    if (!name_) return std::string::npos;
    return name_->find(ascend_string.GetString(), 0, ascend_string.GetLength());
}

/* FNV-1a: no hash of the run time is the same in all of its versions. */
size_t AscendString::Hash() const {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < GetLength(); i++)
        hash = (hash ^ static_cast<unsigned char>(GetString()[i])) * 1099511628211u;
    return static_cast<size_t>(hash);
}

static int compare(const AscendString &a, const AscendString &b) {
    size_t n = a.GetLength(), m = b.GetLength();
    int order = std::memcmp(a.GetString(), b.GetString(), n < m ? n : m);
    return order != 0 ? order : (n > m) - (n < m);
}

bool AscendString::operator<(const AscendString &d) const { return compare(*this, d) < 0; }
bool AscendString::operator>(const AscendString &d) const { return compare(*this, d) > 0; }
bool AscendString::operator<=(const AscendString &d) const { return compare(*this, d) <= 0; }
bool AscendString::operator>=(const AscendString &d) const { return compare(*this, d) >= 0; }
bool AscendString::operator==(const AscendString &d) const { return compare(*this, d) == 0; }
bool AscendString::operator!=(const AscendString &d) const { return compare(*this, d) != 0; }
bool AscendString::operator==(const char_t *const d) const { return *this == AscendString(d); }
bool AscendString::operator!=(const char_t *const d) const { return *this != AscendString(d); }

} // namespace ge

/* unsupported.cpp - see unsupported.h. The core counts and keeps the text; it also goes to standard
 * error once for each name, since most callers of a failing status print only its number. */
#include "doors/ge/unsupported.h"
#include "doors/ge/core.h"
#include <cstdio>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace {

constexpr uint32_t kFailed = 0xFFFFFFFFu;

std::string text_of(const char *declaration) {
    return std::string(declaration) +
           " is not supported yet by AnyCANN (graph mode). Use eager mode or single operators.";
}

} // namespace

uint32_t acn_ge_status(const char *declaration) {
    static std::mutex mutex;
    static std::set<const char *> said;
    acn_ge_unsupported(declaration);
    std::lock_guard<std::mutex> lock(mutex);
    if (said.insert(declaration).second)
        std::fprintf(stderr, "anycann: %s\n", text_of(declaration).c_str());
    return kFailed;
}

void acn_ge_throw(const char *declaration) {
    acn_ge_unsupported(declaration);
    throw std::runtime_error(text_of(declaration));
}

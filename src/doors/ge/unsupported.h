/* unsupported.h - how a C++ name of the graph engine says that it is not done.
 *
 * Functions that return a status return FAILED; functions that return an object have no value that
 * could mean failure, so they throw; destructors do nothing.
 */
#ifndef ACN_DOORS_GE_UNSUPPORTED_H
#define ACN_DOORS_GE_UNSUPPORTED_H

#include <cstdint>

uint32_t acn_ge_status(const char *declaration);
[[noreturn]] void acn_ge_throw(const char *declaration);

#endif

/* ge_api_error_codes.h - what functions of sessions return. */
#ifndef GE_GE_API_ERROR_CODES_H
#define GE_GE_API_ERROR_CODES_H

#include <cstdint>

namespace ge {

using Status = uint32_t;

const Status SUCCESS = 0U;
const Status FAILED = 0xFFFFFFFFU;

} /* namespace ge */

#endif

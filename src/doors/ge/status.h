/* status.h - from the internal status to ge::graphStatus. For the C files of this folder. */
#ifndef ACN_DOORS_GE_STATUS_H
#define ACN_DOORS_GE_STATUS_H

#include "doors/door.h"
#include "doors/ge/core.h"

enum { ACN_GE_PARAM_INVALID = 50331649 };

static inline uint32_t acn_ge_answer(const char *api, acn_status status) {
    if (acn_door_acl(api, status) == 0) return 0;
    bool is_argument = status == ACN_INVALID_ARGUMENT || status == ACN_NULL_POINTER;
    return is_argument ? ACN_GE_PARAM_INVALID : UINT32_MAX;
}

#endif

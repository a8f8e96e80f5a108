/* door.h - what every exported function does at its end: translate the internal status into the
 * interface's code and add the function's own name to the recorded text. */
#ifndef ACN_DOORS_DOOR_H
#define ACN_DOORS_DOOR_H

#include "base/status.h"

static inline int acn_door_acl(const char *api, acn_status status) {
    if (__builtin_expect(status == ACN_OK, 1)) return 0;
    int code = acn_status_acl(status);
    acn_error_set_api(api, code);
    return code;
}

static inline int acn_door_aclnn(const char *api, acn_status status) {
    if (__builtin_expect(status == ACN_OK, 1)) return 0;
    int code = acn_status_aclnn(status);
    acn_error_set_api(api, code);
    return code;
}

#define ACN_ACL(expr)   acn_door_acl(__func__, (expr))
#define ACN_ACLNN(expr) acn_door_aclnn(__func__, (expr))

/* For argument checks at the top of a door: if (x == NULL) return ACN_ACL_NULL("x"); */
#define ACN_ACL_NULL(argument)                                                                     \
    ACN_ACL(acn_fail(ACN_NULL_POINTER, "%s is NULL; expected a valid pointer", argument))

/* Body of functions that are not done; generated ones call it. |reason| says why one cannot be done
 * here (api/unsupported.tsv); NULL: it is not done yet. Counts for `anycann report`. */
int acn_door_unsupported(const char *api, const char *reason);

#endif

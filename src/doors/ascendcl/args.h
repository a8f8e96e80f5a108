/* args.h - the checks that most doors begin with. */
#ifndef ACN_DOORS_ASCENDCL_ARGS_H
#define ACN_DOORS_ASCENDCL_ARGS_H

#include "doors/door.h"

#define ACN_REQUIRE(pointer)                                                                       \
    do {                                                                                           \
        if ((pointer) == NULL) return ACN_ACL_NULL(#pointer);                                      \
    } while (0)

/* -1 waits for ever; anything below is a mistake. */
#define ACN_REQUIRE_TIMEOUT(timeout)                                                               \
    do {                                                                                           \
        if ((timeout) < -1)                                                                        \
            return ACN_ACL(acn_fail(ACN_PARAM_INVALID,                                             \
                                    #timeout " is %lld; expected -1 (for ever) or milliseconds",   \
                                    (long long)(timeout)));                                        \
    } while (0)

#endif

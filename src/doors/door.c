/* door.c - what functions that are not done yet answer. */
#include "doors/door.h"

int acn_door_unsupported(const char *api) {
    return acn_door_acl(api, acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                                      "this function is not done yet in AnyCANN; `anycann "
                                      "coverage` lists what is"));
}

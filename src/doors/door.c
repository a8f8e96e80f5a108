/* door.c - what functions that are not done yet answer. */
#include "doors/door.h"
#include "base/report.h"

int acn_door_unsupported(const char *api, const char *reason) {
    acn_report_count(acn_report_open("unsupported", api), 0);
    acn_status status =
        reason != NULL
            ? acn_fail(ACN_FEATURE_NOT_SUPPORTED, "this function is not supported: %s", reason)
            : acn_fail(
                  ACN_FEATURE_NOT_SUPPORTED,
                  "this function is not done yet in AnyCANN; `anycann coverage` lists what is");
    return acn_door_acl(api, status);
}

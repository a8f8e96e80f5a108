/* ge_error.h - failures of conversions, under the codes by which the graph engine numbers them. */
#ifndef ACN_DOORS_ANYCANN_GE_ERROR_H
#define ACN_DOORS_ANYCANN_GE_ERROR_H

#include "base/status.h"

/* Like acn_fail, with the graph engine's own code for it. */
acn_status acn_ge_fail(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));
/* Around the work of a function of convert.h: finish keeps what failed for acn_tool_error, and
 * returns acl's code. */
void acn_ge_begin(void);
int acn_ge_finish(acn_status status);

#endif

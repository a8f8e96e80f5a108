/* reach.h - whether a call's tensors have memory, and where it really lies when it is checked. */
#ifndef ACN_OPS_REACH_H
#define ACN_OPS_REACH_H

#include "ops/op.h"

/* Checks that each tensor and the workspace lie within memory that is allocated, and puts readable
 * addresses in place of the client's. A call may be reached again. */
acn_status acn_call_reach(acn_call *c);

#endif

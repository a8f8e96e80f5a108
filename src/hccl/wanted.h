/* wanted.h - which algorithms a user wants: HCCL_ALGO, or hcclAlgo of a configuration. Either for
 * all collectives, "level0:NA;level1:ring", or each on its own, with / between them:
 * "allreduce=level0:NA;level1:ring/allgather=level1:H-D_R". Level 1 is what ranks of different
 * servers do, which all of ours may be; the other levels are read and have no meaning here. */
#ifndef ACN_HCCL_WANTED_H
#define ACN_HCCL_WANTED_H

#include "hccl/plan.h"

/* |out|: the name of an algorithm, or NULL for the fastest. Fails for what is no such text. */
acn_status acn_wanted_read(const char *text, const char *out[ACN_COLLECTIVES]);

#endif

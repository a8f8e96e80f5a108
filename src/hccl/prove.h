/* prove.h - checks an algorithm without running it: the plans of all ranks are followed on
 * symbols.
 *
 *   result      every rank ends with what the collective says, each contribution once; what several
 *               ranks hold of a reduction was added in the same order, so it is equal bit for bit
 *   order       whatever two ranks touch is ordered by a wait (vector clocks); nobody leaves while
 *               another still reads its memory; inputs are not written
 *   progress    nobody waits for ever
 *   cost        the critical path is what the algorithm's terms say
 */
#ifndef ACN_HCCL_PROVE_H
#define ACN_HCCL_PROVE_H

#include "hccl/plan.h"

enum { ACN_PROVE_RANKS = 128 };

/* |in_place|: the caller gives one buffer, as the interface allows: all of it, or the rank's own
 * block of the larger one. */
acn_status acn_prove(const acn_algorithm *algorithm, acn_collective collective, uint32_t ranks,
                     uint32_t root, bool in_place);
/* Whether the interface allows one buffer for both. */
bool acn_collective_can_be_in_place(acn_collective collective);

#endif

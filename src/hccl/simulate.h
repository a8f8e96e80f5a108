/* simulate.h - how long a collective takes among ranks that need not exist: the plans of all of
 * them are followed on a clock instead of on memory. */
#ifndef ACN_HCCL_SIMULATE_H
#define ACN_HCCL_SIMULATE_H

#include "hccl/plan.h"

enum { ACN_RATES = 9 }; /* for messages of 1 KiB, 4 KiB ... 64 MiB; between them straight lines */

/* What work costs. Ranks are of servers of |server_ranks| each, in order; within one a rank's
 * thread copies and adds itself, from another one links bring data: each pair of ranks has its own,
 * as the formulas of alpha, beta and gamma have it. */
typedef struct acn_machine {
    uint32_t server_ranks; /* 0: all are of one */
    double call_s;         /* of a rank, whatever the call does */
    double handover_s;     /* from a signal to the end of the wait for it, in one server */
    double copied_byte_s[ACN_RATES], reduced_byte_s[ACN_RATES];
    double link_latency_s, link_byte_s;
} acn_machine;

/* Of this machine, by two threads that work at once. Links are left alone. Takes about a second. */
acn_status acn_machine_calibrate(acn_machine *machine);
/* The cheapest algorithm by its terms, or the one named |wanted| (NULL: any). */
acn_status acn_machine_choose(const acn_machine *machine, acn_collective collective, uint32_t ranks,
                              uint64_t bytes, const char *wanted, const acn_algorithm **out);
/* Seconds until the last rank has done. |bytes| are those of the larger of input and output. */
acn_status acn_simulate(const acn_machine *machine, const acn_algorithm *algorithm,
                        acn_collective collective, uint32_t ranks, uint32_t root, uint64_t bytes,
                        double *out_s);

#endif

/* simulate.h - what `anycann hccl-sim` asks the core. */
#ifndef ACN_DOORS_ANYCANN_SIMULATE_H
#define ACN_DOORS_ANYCANN_SIMULATE_H

#include "doors/anycann/describe.h"
#include <stdbool.h>
#include <stdint.h>

/* As acn_machine, in units that people read. */
typedef struct acn_tool_machine {
    uint32_t server_ranks;
    double call_us, handover_us, link_latency_us, link_gb_s;
    double copied_gb_s[9], reduced_gb_s[9]; /* of 1 KiB, 4 KiB ... 64 MiB */
} acn_tool_machine;

typedef struct acn_tool_simulation {
    const char *collective; /* as HCCL names it, in any case */
    const char *algorithm;  /* NULL: the cheapest */
    uint32_t ranks, root;
    uint64_t bytes; /* of the larger of input and output */
} acn_tool_simulation;

/* Measures this machine; call_us and links stay as they are. NULL, or what went wrong. */
typedef const char *acn_tool_calibrate_fn(acn_tool_machine *machine);
/* NULL, or what went wrong; the text is valid until the next call. */
typedef const char *acn_tool_simulate_fn(const acn_tool_machine *machine,
                                         const acn_tool_simulation *simulation, double *out_us,
                                         const char **out_algorithm);
ACN_TOOL acn_tool_calibrate_fn acn_tool_calibrate;
ACN_TOOL acn_tool_simulate_fn acn_tool_simulate;

#endif

/* simulate.c - see simulate.h. */
#include "doors/anycann/simulate.h"

#include "base/status.h"
#include "hccl/simulate.h"
#include <strings.h>

static const double us = 1e6, giga = 1e-9;

const char *acn_tool_calibrate(acn_tool_machine *machine) {
    acn_machine m = {0};
    if (acn_machine_calibrate(&m) != ACN_OK) return acn_error_take();
    machine->handover_us = m.handover_s * us;
    for (int i = 0; i < ACN_RATES; i++) {
        machine->copied_gb_s[i] = giga / m.copied_byte_s[i];
        machine->reduced_gb_s[i] = giga / m.reduced_byte_s[i];
    }
    return NULL;
}

static acn_status find_collective(const char *name, acn_collective *out) {
    for (int c = 0; c < ACN_COLLECTIVES; c++)
        if (strcasecmp(name, acn_collective_name((acn_collective)c)) == 0)
            return *out = (acn_collective)c, ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "the collective is \"%s\"; expected such as AllReduce, AllGather, AlltoAll",
                    name);
}

static acn_status simulate(const acn_tool_machine *machine, const acn_tool_simulation *simulation,
                           double *out_us, const char **out_algorithm) {
    acn_machine m = {.server_ranks = machine->server_ranks,
                     .call_s = machine->call_us / us,
                     .handover_s = machine->handover_us / us,
                     .link_latency_s = machine->link_latency_us / us,
                     .link_byte_s = giga / machine->link_gb_s};
    acn_collective collective = ACN_ALL_REDUCE;
    const acn_algorithm *algorithm;
    double s;
    for (int i = 0; i < ACN_RATES; i++) {
        m.copied_byte_s[i] = giga / machine->copied_gb_s[i];
        m.reduced_byte_s[i] = giga / machine->reduced_gb_s[i];
    }
    ACN_TRY(find_collective(simulation->collective, &collective));
    ACN_TRY(acn_machine_choose(&m, collective, simulation->ranks, simulation->bytes,
                               simulation->algorithm, &algorithm));
    ACN_TRY(acn_simulate(&m, algorithm, collective, simulation->ranks, simulation->root,
                         simulation->bytes, &s));
    *out_us = s * us;
    *out_algorithm = algorithm->name;
    return ACN_OK;
}

const char *acn_tool_simulate(const acn_tool_machine *machine,
                              const acn_tool_simulation *simulation, double *out_us,
                              const char **out_algorithm) {
    return simulate(machine, simulation, out_us, out_algorithm) == ACN_OK ? NULL : acn_error_take();
}

/* hccl_why.c - `anycann hccl-why`: what the ranks of a process's communicators do, and who waits
 * for whom. The core reads it from what the ranks share; the process itself is not asked. */
#include "doors/anycann/why.h"
#include "tools/tool.h"
#include <stdlib.h>

int acn_verb_hccl_why(int argc, char **argv) {
    char *end = "x";
    long pid = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    if (pid <= 0 || *end != '\0')
        return acn_say(ACN_EXIT_USAGE, "usage: anycann hccl-why PID, of a process with a rank");
    acn_tool_why_fn *ask = (acn_tool_why_fn *)acn_core_function("acn_tool_why");
    int communicators, waiting;
    if (!ask((int)pid, stdout, &communicators, &waiting))
        return acn_say(ACN_EXIT_ENVIRONMENT, "process %ld does not exist, or is another user's",
                       pid);
    if (communicators == 0)
        return acn_say(ACN_EXIT_FINDINGS, "process %ld has no communicator", pid);
    return waiting > 0 ? ACN_EXIT_FINDINGS : ACN_EXIT_FINE;
}

/* why.c - see why.h. */
#include "doors/anycann/why.h"
#include "hccl/why.h"

bool acn_tool_why(int pid, FILE *out, int *out_communicators, int *out_waiting) {
    return acn_why_ask(pid, out, out_communicators, out_waiting) == ACN_OK;
}

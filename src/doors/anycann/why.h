/* why.h - what `anycann hccl-why` asks the core. */
#ifndef ACN_DOORS_ANYCANN_WHY_H
#define ACN_DOORS_ANYCANN_WHY_H

#include "doors/anycann/describe.h"
#include <stdbool.h>
#include <stdio.h>

/* Prints what the communicators of a process do. False when it cannot be looked at. */
typedef bool acn_tool_why_fn(int pid, FILE *out, int *out_communicators, int *out_waiting);
ACN_TOOL acn_tool_why_fn acn_tool_why;

#endif

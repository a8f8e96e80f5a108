/* why.h - why nothing goes on: what each rank of a communicator does, who waits for whom and since
 * when, read from the board alone. So it can be asked of any process, also of one that hangs. */
#ifndef ACN_HCCL_WHY_H
#define ACN_HCCL_WHY_H

#include "hccl/board.h"
#include <stdio.h>

/* A few lines about the communicator. Returns whether a rank of it waits. */
bool acn_why_tell(const acn_board *board, FILE *out);
/* The same about all communicators of a process. */
acn_status acn_why_ask(int pid, FILE *out, int *out_communicators, int *out_waiting);

#endif

/* rank_table.h - the JSON file that names all ranks, so that they find one another without root
 * information. Versions 1.0 and 1.2; ranks of one machine. */
#ifndef ACN_HCCL_RANK_TABLE_H
#define ACN_HCCL_RANK_TABLE_H

#include "hccl/comm.h"

typedef struct acn_rank_table {
    uint32_t ranks, servers;
    int32_t devices[ACN_MAX_RANKS];       /* of each rank: the machine's number */
    uint32_t server_of[ACN_MAX_RANKS];    /* of each rank: which server */
    char server_names[ACN_MAX_RANKS][65]; /* of each server */

} acn_rank_table;

/* Any mistake is ACN_PARAM_INVALID and names file, field, value and what was expected. */
acn_status acn_rank_table_read(const char *path, acn_rank_table *out);
/* The communicator of all ranks of the table at |path|. */
acn_status acn_comm_open_table(const char *path, uint32_t rank, int device,
                               const acn_comm_options *options, acn_comm **out);

#endif

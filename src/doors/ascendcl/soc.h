/* soc.h - facts about the processor that clients see. */
#ifndef ACN_DOORS_ASCENDCL_SOC_H
#define ACN_DOORS_ASCENDCL_SOC_H

#include <stdint.h>

typedef struct acn_soc {
    const char *name; /* or how names of its kind begin */
    uint32_t cube_cores, vector_cores;
    int64_t l2_bytes, ub_bytes;
} acn_soc;

/* Of the SoC that ANYCANN_SOC names. */
const acn_soc *acn_soc_get(void);
/* Core limits of a device as aclrtSetDeviceResLimit left them; |kind| 0 cube, 1 vector. */
uint32_t acn_soc_core_limit(int device, int kind);

#endif

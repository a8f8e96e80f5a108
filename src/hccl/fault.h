/* fault.h - mistakes on purpose, so that programs and tests see what happens then:
 * ANYCANN_HCCL_FAULT=WHAT:RANK:STEP[:MS], of the STEP-th step that RANK makes in each of its
 * communicators but groups of larger ones. */
#ifndef ACN_HCCL_FAULT_H
#define ACN_HCCL_FAULT_H

#include "base/status.h"

typedef struct acn_fault acn_fault;

/* NULL unless the variable means |rank|. A wrong value is an error. */
acn_status acn_fault_make(uint32_t rank, acn_fault **out);
void acn_fault_step(acn_fault *fault); /* before each step */
/* Whether what it would tell others is lost: from the dropped step on. */
bool acn_fault_is_mute(const acn_fault *fault);

#endif

/* fusion.h - atc's files about passes: which are off (--fusion_switch_file), and what they did
 * (fusion_result.json). */
#ifndef ACN_DOORS_ANYCANN_FUSION_H
#define ACN_DOORS_ANYCANN_FUSION_H

#include "graph/pass/pass.h"

typedef struct acn_fusion_result acn_fusion_result;
/* Adds what the passes did to one graph. */
acn_status acn_fusion_note(acn_fusion_result **result, const acn_pass_count *counts);
/* Writes fusion_result.json into the working folder, or ASCEND_WORK_PATH/FE/<pid>. A folder that
 * cannot be written to costs a warning, not the model. Frees |result|. */
void acn_fusion_write(acn_fusion_result *result, bool is_wanted);

#endif

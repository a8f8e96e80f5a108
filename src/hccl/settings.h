/* settings.h - HCCL's environment variables: checked when a process makes its first communicator.
 * Those that are about hardware that is not there are counted as ignored when they are set. */
#ifndef ACN_HCCL_SETTINGS_H
#define ACN_HCCL_SETTINGS_H

#include "base/status.h"

/* The same answer each time. The text names variable, value and what was expected. */
acn_status acn_hccl_settings_check(void);

#endif

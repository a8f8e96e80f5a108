/* init.c - aclnnInit and aclnnFinalize, for programs that never call aclInit. Nothing here needs a
 * set-up: every object creates its store on first use. */
#include "aclnn/aclnn_base.h"

aclnnStatus aclnnInit(const char *configPath) {
    (void)configPath;
    return 0;
}

aclnnStatus aclnnFinalize(void) { return 0; }

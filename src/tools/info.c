/* info.c - `anycann info` and `ops`: asked of the core itself, which is loaded for that. */
#include "tools/tool.h"
#include <dlfcn.h>
#include <stdlib.h>

int acn_verb_info(int argc, char **argv) {
    return acn_say(ACN_EXIT_ENVIRONMENT, "the core tells nothing yet");
}

int acn_verb_ops(int argc, char **argv) {
    return acn_say(ACN_EXIT_ENVIRONMENT, "the core tells nothing yet");
}

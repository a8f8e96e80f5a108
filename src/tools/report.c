/* report.c - `anycann report`: what a process ran, from the counts that it kept in a mapped file.
 */
#include "tools/tool.h"

int acn_verb_report(int argc, char **argv) {
    return acn_say(ACN_EXIT_ENVIRONMENT, "no counts are kept yet");
}

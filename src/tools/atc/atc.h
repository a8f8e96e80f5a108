/* atc.h - what the parts of `atc` share. */
#ifndef ACN_TOOLS_ATC_ATC_H
#define ACN_TOOLS_ATC_ATC_H

#include "doors/anycann/convert.h"
#include "tools/tool.h"

enum { ACN_ATC_FAILED = 255, ACN_ATC_MAX_OPTIONS = 256 };

typedef struct acn_atc {
    acn_tool_option options[ACN_ATC_MAX_OPTIONS];
    int option_count;
    char command[4096];
} acn_atc;

/* 0, or the exit status of a mistake that has been told. Ends the program after --help. */
int acn_atc_read(int argc, char **argv, acn_atc *out);
/* What was given last, or NULL. */
const char *acn_atc_option(const acn_atc *atc, const char *name);

/* CANN's lines for a failure; returns the exit status. */
int acn_atc_fail(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));
/* The same for what the core recorded. */
int acn_atc_fail_core(void);

#endif

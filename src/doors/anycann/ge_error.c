/* ge_error.c - see ge_error.h. */
#include "doors/anycann/ge_error.h"

#include "doors/anycann/convert.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct { char code[8], text[1400]; } failure;

acn_status acn_ge_fail(const char *code, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(failure.code, sizeof failure.code, "%s", code);
    return acn_fail(ACN_INVALID_ARGUMENT, "%s", text);
}

static const char *code_of(acn_status status) {
    switch (status) {
    case ACN_INVALID_ARGUMENT:
        return "E10001";
    case ACN_NAME_NOT_FOUND:
        return "E10016";
    case ACN_PARSE_FILE:
        return "E10041";
    case ACN_OP_NOT_FOUND:
        return "E10501";
    case ACN_INVALID_FILE:
        return "E13001";
    default:
        return "E19999";
    }
}

void acn_ge_begin(void) { failure.code[0] = failure.text[0] = '\0'; }

int acn_ge_finish(acn_status status) {
    if (status == ACN_OK) return 0;
    char *text = acn_error_clone();
    snprintf(failure.text, sizeof failure.text, "%s", text ? text : "no host memory");
    free(text);
    acn_error_clear();
    if (!failure.code[0]) snprintf(failure.code, sizeof failure.code, "%s", code_of(status));
    return acn_status_acl(status);
}

const char *acn_tool_error(void) { return failure.text; }
const char *acn_tool_error_code(void) { return failure.code; }

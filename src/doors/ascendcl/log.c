/* log.c - aclAppLog: a client's own lines in CANN's log. */
#include "base/log.h"
#include "acl/acl.h"
#include <stdio.h>
#include <string.h>

void aclAppLog(aclLogLevel logLevel, const char *func, const char *file, uint32_t line,
               const char *fmt, ...) {
    acn_log_level level = (acn_log_level)logLevel;
    if (fmt == NULL || logLevel < ACL_DEBUG || logLevel > ACL_ERROR) return;
    if (!acn_log_enabled("APP", level)) return;
    char text[2048];
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(text, sizeof text, fmt, arguments);
    va_end(arguments);
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    acn_log_write("APP", level, slash != NULL ? slash + 1 : file, (int)line, "%s: %s",
                  func != NULL ? func : "", text);
}

/* log.h - CANN's log: files, levels, line format, and the switch to stdout
 * (ASCEND_GLOBAL_LOG_LEVEL, ASCEND_SLOG_PRINT_TO_STDOUT, ASCEND_PROCESS_LOG_PATH ...). */
#ifndef ACN_BASE_LOG_H
#define ACN_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

typedef enum acn_log_level {
    ACN_LOG_DEBUG,
    ACN_LOG_INFO,
    ACN_LOG_WARNING,
    ACN_LOG_ERROR,
    ACN_LOG_NONE,
    ACN_LOG_EVENT = 16
} acn_log_level;

/* |module| is CANN's module name: "RUNTIME", "ASCENDCL", "OP", "HCCL", "GE", "APP" ... */
bool acn_log_enabled(const char *module, acn_log_level level);
void acn_log_write(const char *module, acn_log_level level, const char *file, int line,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
void acn_log_writev(const char *module, acn_log_level level, const char *file, int line,
                    const char *format, va_list arguments);

/* GCC before 12 only has the whole path. */
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

#define ACN_LOG(module, level, ...)                                                                \
    do {                                                                                           \
        if (__builtin_expect(acn_log_enabled(module, level), 0))                                   \
            acn_log_write(module, level, __FILE_NAME__, __LINE__, __VA_ARGS__);                    \
    } while (0)

#endif

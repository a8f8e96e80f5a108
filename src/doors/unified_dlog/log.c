/* log.c - the log as other parts of CANN and clients write to it: modules by number, lines that a
 * registered function gets too. */
#include "base/log.h"
#include "base/acl_log.h"
#include "base/alog_pub.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const module_names[INVALID_MODULE_ID] = {
    [SLOG] = "SLOG",
    [IDEDD] = "IDEDD",
    [SCC] = "SCC",
    [HCCL] = "HCCL",
    [FMK] = "FMK",
    [CCU] = "CCU",
    [DVPP] = "DVPP",
    [RUNTIME] = "RUNTIME",
    [CCE] = "CCE",
    [HDC] = "HDC",
    [DRV] = "DRV",
    [NET] = "NET",
    [HIXL] = "HIXL",
    [DEVMM] = "DEVMM",
    [KERNEL] = "KERNEL",
    [LIBMEDIA] = "LIBMEDIA",
    [CCECPU] = "CCECPU",
    [ROS] = "ROS",
    [HCCP] = "HCCP",
    [ROCE] = "ROCE",
    [TEFUSION] = "TEFUSION",
    [PROFILING] = "PROFILING",
    [DP] = "DP",
    [APP] = "APP",
    [TS] = "TS",
    [TSDUMP] = "TSDUMP",
    [AICPU] = "AICPU",
    [LP] = "LP",
    [TDT] = "TDT",
    [FE] = "FE",
    [MD] = "MD",
    [MB] = "MB",
    [ME] = "ME",
    [IMU] = "IMU",
    [IMP] = "IMP",
    [GE] = "GE",
    [CAMERA] = "CAMERA",
    [ASCENDCL] = "ASCENDCL",
    [TEEOS] = "TEEOS",
    [ISP] = "ISP",
    [SIS] = "SIS",
    [HSM] = "HSM",
    [DSS] = "DSS",
    [PROCMGR] = "PROCMGR",
    [BBOX] = "BBOX",
    [AIVECTOR] = "AIVECTOR",
    [TBE] = "TBE",
    [FV] = "FV",
    [PYPTO] = "PYPTO",
    [TUNE] = "TUNE",
    [HSS] = "HSS",
    [FFTS] = "FFTS",
    [OP] = "OP",
    [UDF] = "UDF",
    [HICAID] = "HICAID",
    [TSYNC] = "TSYNC",
    [AUDIO] = "AUDIO",
    [TPRT] = "TPRT",
    [ASCENDCKERNEL] = "ASCENDCKERNEL",
    [ASYS] = "ASYS",
    [ATRACE] = "ATRACE",
    [RTC] = "RTC",
    [SYSMONITOR] = "SYSMONITOR",
    [AML] = "AML",
    [ADETECT] = "ADETECT",
};

/* The upper half of a module's number says which log is meant. */
static const char *module_of(uint32_t id) {
    id &= 0xffff;
    return id < INVALID_MODULE_ID && module_names[id] != NULL ? module_names[id] : "UNKNOWN";
}

/* Registered functions. */

enum { MAX_CALLBACKS = 16 };

static struct {
    acllogRecordCallback function;
    void *user;
    uint32_t type;
} callbacks[MAX_CALLBACKS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void tell(bool is_run_log, const char *text) {
    size_t bytes = strlen(text);
    uint32_t type = is_run_log ? OUTPUT_TYPE_RUN : OUTPUT_TYPE_DEBUG;
    for (int i = 0; i < MAX_CALLBACKS; i++) {
        pthread_mutex_lock(&mutex);
        acllogRecordCallback function = callbacks[i].function;
        void *user = callbacks[i].user;
        uint32_t wanted = callbacks[i].type;
        pthread_mutex_unlock(&mutex);
        if (function != NULL && (wanted == type || wanted == OUTPUT_TYPE_BOTH))
            function(user, type, text, bytes);
    }
}

int32_t acllogRegisterCallback(acllogRecordCallback callbackFunc, void *userData,
                               uint32_t outputLogType, acllogCallbackHandle *callbackHandle) {
    if (callbackFunc == NULL || callbackHandle == NULL || outputLogType >= OUTPUT_TYPE_MAX)
        return -1;
    int at = 0;
    pthread_mutex_lock(&mutex);
    while (at < MAX_CALLBACKS && callbacks[at].function != NULL)
        at++;
    if (at < MAX_CALLBACKS) {
        callbacks[at].function = callbackFunc;
        callbacks[at].user = userData;
        callbacks[at].type = outputLogType;
    }
    pthread_mutex_unlock(&mutex);
    if (at == MAX_CALLBACKS) return -1;
    *callbackHandle = (acllogCallbackHandle)at + 1;
    return 0;
}

int32_t acllogUnregisterCallback(acllogCallbackHandle callback) {
    if (callback < 1 || callback > MAX_CALLBACKS) return -1;
    pthread_mutex_lock(&mutex);
    bool found = callbacks[callback - 1].function != NULL;
    callbacks[callback - 1].function = NULL;
    pthread_mutex_unlock(&mutex);
    return found ? 0 : -1;
}

/* Writing. */

static bool is_written(uint32_t module, int32_t level) {
    bool known = level >= DLOG_DEBUG && level <= DLOG_ERROR;
    return known && acn_log_enabled(module_of(module), (acn_log_level)level);
}

static void write_line(uint32_t module, bool is_run_log, int32_t level, const char *format,
                       va_list arguments) {
    char text[MSG_LENGTH];
    acn_log_level kind = is_run_log ? ACN_LOG_EVENT : (acn_log_level)level;
    bool wanted = is_run_log ? acn_log_enabled(module_of(module), kind) : is_written(module, level);
    if (format == NULL || !wanted) return;
    vsnprintf(text, sizeof text, format, arguments);
    acn_log_write(module_of(module), kind, NULL, 0, "%s", text);
    tell(is_run_log, text);
}

int32_t acllogCheckDebugLevel(int32_t moduleId, int32_t logLevel) {
    return is_written((uint32_t)moduleId, logLevel);
}

void acllogVaList(int32_t moduleId, int32_t level, const char *fmt, va_list list) {
    write_line((uint32_t)moduleId, (moduleId & (int32_t)RUN_LOG_MASK) != 0, level, fmt, list);
}

void acllogRecord(int32_t moduleId, int32_t level, const char *fmt, ...) {
    va_list arguments;
    va_start(arguments, fmt);
    acllogVaList(moduleId, level, fmt, arguments);
    va_end(arguments);
}

int32_t AlogCheckDebugLevel(uint32_t moduleId, int32_t level) {
    return is_written(moduleId, level);
}

int32_t AlogRecord(uint32_t moduleId, uint32_t logType, int32_t level, const char *fmt, ...) {
    va_list arguments;
    if (fmt == NULL || logType >= DLOG_TYPE_MAX) return -1;
    va_start(arguments, fmt);
    write_line(moduleId, logType == DLOG_TYPE_RUN, level, fmt, arguments);
    va_end(arguments);
    return 0;
}

/* profapi.c - the hooks by which parts of CANN report to the profiler. No profiler listens yet:
 * reports are accepted, names get their numbers. */
#include "base/thread.h"
#include <stddef.h>
#include <stdint.h>

/* FNV-1a; the same text has the same number in every process. */
uint64_t MsprofGetHashId(const char *hashInfo, size_t length) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; hashInfo != NULL && i < length; i++)
        hash = (hash ^ (unsigned char)hashInfo[i]) * 0x100000001b3u;
    return hash;
}

int32_t MsprofRegisterCallback(uint32_t moduleId, void *handle) {
    (void)moduleId, (void)handle;
    return 0;
}

int32_t MsprofReportAdditionalInfo(uint32_t nonPersistentFlag, const void *data, uint32_t length) {
    (void)nonPersistentFlag, (void)data, (void)length;
    return 0;
}

int32_t MsprofReportApi(uint32_t nonPersistentFlag, const void *api) {
    (void)nonPersistentFlag, (void)api;
    return 0;
}

int32_t MsprofReportCompactInfo(uint32_t nonPersistentFlag, const void *data, uint32_t length) {
    (void)nonPersistentFlag, (void)data, (void)length;
    return 0;
}

uint64_t MsprofSysCycleTime(void) { return (uint64_t)acn_clock_ns(); }

/* machine.c - what the machine and this user's limits allow: memory, open files, folders to write
 * into. */
#define _GNU_SOURCE
#include "base/env.h"
#include "base/report.h"
#include "tools/doctor/doctor.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LEAST_MIB = 1024, LEAST_FILES = 256 };

/* A number from a file like /proc/meminfo ("Key:  123 kB") or, with |key| NULL, the file itself;
 * -1 when there is none. */
static int64_t read_number(const char *path, const char *key) {
    char line[256];
    int64_t number = -1;
    FILE *file = fopen(path, "re");
    while (file && number < 0 && fgets(line, sizeof line, file)) {
        size_t skip = key ? strlen(key) : 0;
        if (key && strncmp(line, key, skip) != 0) continue;
        if (sscanf(line + skip, "%" SCNd64, &number) != 1) number = -1;
        if (!key) break;
    }
    if (file) fclose(file);
    return number;
}

/* MiB that this process may still use: of the machine and of its control group. */
static int64_t available_mib(void) {
    int64_t mib = read_number("/proc/meminfo", "MemAvailable:") >> 10;
    int64_t most = read_number("/sys/fs/cgroup/memory.max", NULL);
    int64_t used = read_number("/sys/fs/cgroup/memory.current", NULL);
    if (most > 0 && used >= 0 && (most - used) >> 20 < mib) mib = (most - used) >> 20;
    return mib;
}

static void check_memory(acn_doctor *doctor) {
    int64_t mib = available_mib(), total = read_number("/proc/meminfo", "MemTotal:") >> 10;
    int64_t devices = acn_env_int(ACN_ENV_DEVICES), each = acn_env_bytes(ACN_ENV_MEMORY) >> 20;
    if (mib < LEAST_MIB) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "memory",
                        "end other programs, or give this machine or container more memory",
                        "%" PRId64 " MiB are free; torch and torch_npu alone take about 1 GiB",
                        mib);
    } else if (each > 0 && devices * each > total) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "memory",
                        "lower ANYCANN_MEMORY or ANYCANN_DEVICES: device memory is host memory",
                        "%" PRId64 " devices of %" PRId64 " MiB, on a machine of %" PRId64 " MiB",
                        devices, each, total);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "memory", NULL,
                        "%" PRId64 " of %" PRId64 " MiB are free", mib, total);
    }
    if (read_number("/proc/sys/vm/overcommit_memory", NULL) == 2) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "memory",
                        "sysctl vm.overcommit_memory=0, or a smaller ANYCANN_MEMORY",
                        "the system promises no memory beyond what it has "
                        "(vm.overcommit_memory=2), so large devices cannot be reserved");
    }
}

static void check_limits(acn_doctor *doctor) {
    struct rlimit space, files;
    getrlimit(RLIMIT_AS, &space);
    getrlimit(RLIMIT_NOFILE, &files);
    if (space.rlim_cur != RLIM_INFINITY) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "limits", "ulimit -v unlimited",
                        "addresses are limited to %" PRIu64 " MiB (ulimit -v); device memory is a "
                        "window of addresses that is reserved as a whole",
                        (uint64_t)space.rlim_cur >> 20);
    }
    if (files.rlim_cur < LEAST_FILES) {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "limits", "ulimit -n 1024",
                        "only %" PRIu64 " files may be open (ulimit -n)", (uint64_t)files.rlim_cur);
    }
}

/* Whether a file can be made in |folder|, which may not exist yet. Nothing is left behind. */
static bool is_writable(const char *folder) {
    char *path = strdup(folder), *test = NULL;
    if (!path) abort();
    while (access(path, F_OK) != 0 && strchr(path, '/')) {
        if (errno != ENOENT) break;
        char *slash = strrchr(path, '/');
        slash[slash == path] = '\0';
        if (strcmp(path, "/") == 0) break;
    }
    if (asprintf(&test, "%s/.anycann-doctor-XXXXXX", *path ? path : ".") < 0) abort();
    int file = mkstemp(test), cause = errno;
    if (file >= 0) {
        close(file);
        unlink(test);
    }
    free(test);
    free(path);
    errno = cause;
    return file >= 0;
}

static void check_folders(acn_doctor *doctor) {
    char log[1024], reports[1024];
    const char *root = acn_env_text(ACN_ENV_LOG_PATH), *work = acn_env_text(ACN_ENV_WORK_PATH);
    if (*root) {
        snprintf(log, sizeof log, "%s", root);
    } else if (*work) {
        snprintf(log, sizeof log, "%s/log", work);
    } else {
        snprintf(log, sizeof log, "%s/ascend/log", acn_env_text(ACN_ENV_HOME));
    }
    if (is_writable(log)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "log", NULL, "%s", log);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "log",
                        "set ASCEND_PROCESS_LOG_PATH to a folder that can be written",
                        "no log can be written to %s: %m", log);
    }
    if (acn_report_folder(reports, sizeof reports) && is_writable(reports)) {
        acn_doctor_tell(doctor, ACN_SEEN_FINE, "reports", NULL, "%s", reports);
    } else {
        acn_doctor_tell(doctor, ACN_SEEN_FINDING, "reports",
                        "set ANYCANN_REPORT_DIR to a folder that can be written",
                        "`anycann report` and `npu-smi info` will show nothing: %s cannot be "
                        "written: %m",
                        reports);
    }
}

void acn_doctor_machine(acn_doctor *doctor) {
    check_memory(doctor);
    check_limits(doctor);
    check_folders(doctor);
}

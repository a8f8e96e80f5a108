/* open_table.c - communicators of a rank table. Its ranks share nothing but the file, so rank 0
 * leaves the board's key where the others look for it: in the folder of what this user's processes
 * leave, under a number of the table. Only this user can read it, and a key that an ended process
 * left behind opens nothing. */
#include "hccl/rank_table.h"

#include "base/env.h"
#include "base/report.h"
#include "base/thread.h"
#include "device/device.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 1200 };

static uint64_t add(uint64_t number, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        number = (number ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return number;
}

/* Of the table's path and what it says: two programs with tables of their own do not meet. */
static uint64_t number_of(const char *path, const acn_rank_table *t) {
    char *full = realpath(path, NULL);
    uint64_t number = add(14695981039346656037u, full, full != NULL ? strlen(full) : 0);
    free(full);
    number = add(number, t->devices, t->ranks * sizeof t->devices[0]);
    return add(number, t->server_names, t->servers * sizeof t->server_names[0]);
}

static acn_status name_file(const char *path, const acn_rank_table *t, char *out) {
    char folder[1024];
    struct stat info;
    if (!acn_report_folder(folder, sizeof folder) ||
        (mkdir(folder, 0700) != 0 && errno != EEXIST) || lstat(folder, &info) != 0 ||
        !S_ISDIR(info.st_mode) || info.st_uid != getuid())
        return acn_fail(ACN_INVALID_FILE,
                        "%s is no folder of this user, where ranks could find one another; set "
                        "ANYCANN_REPORT_DIR",
                        folder);
    snprintf(out, PATH_BYTES, "%s/ranks-%016llx.key", folder,
             (unsigned long long)number_of(path, t));
    return ACN_OK;
}

/* Appears with all of its content at once. */
static acn_status write_key(const char *path, const char *key) {
    char made[PATH_BYTES + 16];
    snprintf(made, sizeof made, "%s.%d", path, (int)getpid());
    int file = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_written = file >= 0 && write(file, key, ACN_SHARE_KEY_BYTES) == ACN_SHARE_KEY_BYTES;
    if (file >= 0) close(file);
    if (is_written && rename(made, path) == 0) return ACN_OK;
    int cause = errno;
    unlink(made);
    return acn_fail(ACN_INVALID_FILE, "%s cannot be written (%s), so other ranks cannot join", path,
                    strerror(cause));
}

static bool read_key(const char *path, char *key) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    bool is_read = file >= 0 && fstat(file, &info) == 0 && info.st_uid == getuid() &&
                   read(file, key, ACN_SHARE_KEY_BYTES) == ACN_SHARE_KEY_BYTES;
    if (file >= 0) close(file);
    return is_read;
}

/* Until there is one that opens. */
static acn_status join(const char *file, const acn_rank_table *t, uint32_t rank, int device,
                       const acn_comm_options *options, acn_comm **out) {
    char key[ACN_SHARE_KEY_BYTES] = {0}, stale[ACN_SHARE_KEY_BYTES] = {0};
    acn_share_view view;
    int64_t seconds = acn_env_int(ACN_ENV_HCCL_CONNECT_TIMEOUT);
    int64_t deadline_ns = acn_clock_ns() + seconds * 1000000000;
    const struct timespec pause = {.tv_nsec = 2000000};
    while (!read_key(file, key) || memcmp(key, stale, sizeof key) == 0 ||
           acn_share_open(key, ACN_SHARE_MEMORY, &view) != ACN_OK) {
        memcpy(stale, key, sizeof stale);
        if (acn_clock_ns() > deadline_ns)
            return acn_fail(ACN_COLLECTIVE_TIMEOUT,
                            "rank 0 of the table (device %d) has not come within %lld s; look "
                            "whether it lives, or raise HCCL_CONNECT_TIMEOUT",
                            t->devices[0], (long long)seconds);
        nanosleep(&pause, NULL);
    }
    acn_share_close(&view);
    acn_error_clear();
    return acn_comm_open(key, t->ranks, rank, device, options, out);
}

static acn_status open_first(const char *file, const acn_rank_table *t, int device,
                             const acn_comm_options *options, acn_comm **out) {
    char key[ACN_SHARE_KEY_BYTES];
    ACN_TRY(acn_board_create(key));
    acn_status status = write_key(file, key);
    if (status == ACN_OK) {
        status = acn_comm_open(key, t->ranks, 0, device, options, out);
        unlink(file);
    }
    acn_board_close(key); /* when that failed early */
    return status;
}

static acn_status check_place(const acn_rank_table *t, const char *path, uint32_t rank,
                              int device) {
    if (rank >= t->ranks)
        return acn_fail(ACN_PARAM_INVALID, "rank is %u; the rank table %s has 0 to %u", rank, path,
                        t->ranks - 1);
    if (t->servers > 1)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "the rank table %s has %u servers (\"%s\", \"%s\" ...); ranks of one "
                        "machine can be joined, under one server_id",
                        path, t->servers, t->server_names[0], t->server_names[1]);
    if (t->devices[rank] != acn_device_physical(device))
        return acn_fail(ACN_PARAM_INVALID,
                        "rank %u has device_id \"%d\" in the rank table %s, but the current device "
                        "is %d of the machine; call aclrtSetDevice first",
                        rank, t->devices[rank], path, acn_device_physical(device));
    return ACN_OK;
}

acn_status acn_comm_open_table(const char *path, uint32_t rank, int device,
                               const acn_comm_options *options, acn_comm **out) {
    char file[PATH_BYTES];
    acn_rank_table *t = malloc(sizeof *t);
    if (t == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a rank table");
    acn_status status = acn_rank_table_read(path, t);
    if (status == ACN_OK) status = check_place(t, path, rank, device);
    if (status == ACN_OK) status = name_file(path, t, file);
    if (status == ACN_OK)
        status = rank == 0 ? open_first(file, t, device, options, out)
                           : join(file, t, rank, device, options, out);
    free(t);
    return status;
}

/* log.c - CANN's log. A file is made when the first line is written to it, never before. */
#include "base/log.h"

#include "base/env.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_MODULES = 32, LINE_BYTES = 4096, FILE_LIMIT_BYTES = 20 << 20, MAX_FILES = 1000 };

/* CANN keeps EVENT lines apart from the others. */
typedef enum log_folder { FOLDER_DEBUG, FOLDER_RUN, FOLDER_COUNT } log_folder;
static const char *const folder_names[FOLDER_COUNT] = {"debug", "run"};

typedef struct log_file {
    int descriptor;
    off_t bytes;
    char *names[MAX_FILES]; /* ring of this process's files, the oldest is removed */
    unsigned made;
} log_file;

static struct {
    int level;
    bool event, to_stdout;
    int file_limit;
    struct {
        char name[24];
        int level;
    } modules[MAX_MODULES];
    int module_count;
} settings;

static log_file files[FOLDER_COUNT] = {{.descriptor = -1}, {.descriptor = -1}};
static pid_t files_owner;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* MODULE=n[:MODULE=n...]; one mistake voids all of it, as in CANN. */
static void load_modules(const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "=:");
        bool good = length > 0 && length < sizeof settings.modules[0].name && text[length] == '=' &&
                    text[length + 1] >= '0' && text[length + 1] <= '4' &&
                    (text[length + 2] == ':' || text[length + 2] == '\0') &&
                    settings.module_count < MAX_MODULES;
        if (!good) {
            settings.module_count = 0;
            return;
        }
        memcpy(settings.modules[settings.module_count].name, text, length);
        settings.modules[settings.module_count++].level = text[length + 1] - '0';
        text += length + 2;
        if (*text == ':') text++;
    }
}

/* Another thread may have held the mutex when this process was made. */
static void on_fork_child(void) { pthread_mutex_init(&mutex, NULL); }

static void load(void) {
    int64_t level = acn_env_int(ACN_ENV_LOG_LEVEL), limit = acn_env_int(ACN_ENV_LOG_FILES);
    settings.level = level >= ACN_LOG_DEBUG && level <= ACN_LOG_NONE ? (int)level : ACN_LOG_ERROR;
    settings.event = acn_env_bool(ACN_ENV_LOG_EVENT);
    settings.to_stdout = acn_env_bool(ACN_ENV_LOG_STDOUT) || acn_env_bool(ACN_ENV_SLOG_STDOUT);
    settings.file_limit = limit >= 1 && limit <= MAX_FILES ? (int)limit : 10;
    load_modules(acn_env_text(ACN_ENV_LOG_MODULES));
    pthread_atfork(NULL, NULL, on_fork_child);
}

bool acn_log_enabled(const char *module, acn_log_level level) {
    pthread_once(&once, load);
    if (level == ACN_LOG_EVENT) return settings.event;
    int limit = settings.level;
    for (int i = 0; i < settings.module_count; i++)
        if (strcasecmp(settings.modules[i].name, module) == 0) limit = settings.modules[i].level;
    return limit != ACN_LOG_NONE && (int)level >= limit;
}

static int make_folders(char *path) {
    for (char *slash = path + 1;; slash++) {
        slash += strcspn(slash, "/");
        char end = *slash;
        *slash = '\0';
        int failed = mkdir(path, 0750) != 0 && errno != EEXIST;
        *slash = end;
        if (failed || end == '\0') return failed;
    }
}

static void open_file(log_file *file, log_folder folder) {
    char path[1024], name[1200], stamp[32];
    const char *root = acn_env_text(ACN_ENV_LOG_PATH), *below = "";
    if (*root == '\0') root = acn_env_text(ACN_ENV_WORK_PATH), below = "/log";
    if (*root == '\0') root = acn_env_text(ACN_ENV_HOME), below = "/ascend/log";
    if (*root == '\0') return;
    snprintf(path, sizeof path, "%s%s/%s/plog", root, below, folder_names[folder]);
    if (make_folders(path) != 0) return;
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &local);
    snprintf(name, sizeof name, "%s/plog-%d_%s%03ld.log", path, (int)getpid(), stamp,
             now.tv_nsec / 1000000);
    file->descriptor = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (file->descriptor < 0) return;
    file->bytes = 0;
    char **oldest = &file->names[file->made++ % (unsigned)settings.file_limit];
    if (*oldest != NULL) unlink(*oldest);
    free(*oldest);
    *oldest = strdup(name);
}

static void write_file(log_folder folder, const char *line, size_t bytes) {
    log_file *file = &files[folder];
    if (files_owner != getpid()) { /* a child of fork writes files of its own */
        for (int i = 0; i < FOLDER_COUNT; i++) {
            if (files[i].descriptor >= 0) close(files[i].descriptor);
            memset(&files[i], 0, sizeof files[i]);
            files[i].descriptor = -1;
        }
        files_owner = getpid();
    }
    if (file->descriptor >= 0 && file->bytes + (off_t)bytes > FILE_LIMIT_BYTES) {
        close(file->descriptor);
        file->descriptor = -1;
    }
    if (file->descriptor < 0) open_file(file, folder);
    if (file->descriptor >= 0 && write(file->descriptor, line, bytes) == (ssize_t)bytes)
        file->bytes += (off_t)bytes;
}

static const char *level_name(acn_log_level level) {
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    return level == ACN_LOG_EVENT ? "EVENT" : names[level <= ACN_LOG_ERROR ? level : ACN_LOG_ERROR];
}

void acn_log_writev(const char *module, acn_log_level level, const char *file, int line,
                    const char *format, va_list arguments) {
    pthread_once(&once, load);
    int saved_errno = errno; /* a log line never changes what its caller sees */
    char text[LINE_BYTES], stamp[32];
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(stamp, sizeof stamp, "%Y-%m-%d-%H:%M:%S", &local);
    long us = now.tv_nsec / 1000;
    size_t bytes = (size_t)snprintf(
        text, sizeof text - 2, "[%s] %s(%d,%.31s):%s.%03ld.%03ld [%s:%d]%ld ", level_name(level),
        module, (int)getpid(), program_invocation_short_name, stamp, us / 1000, us % 1000,
        file != NULL ? file : "", line, (long)syscall(SYS_gettid));
    int more = vsnprintf(text + bytes, sizeof text - 1 - bytes, format, arguments);
    if (more > 0) bytes += (size_t)more;
    if (bytes > sizeof text - 2) bytes = sizeof text - 2;
    if (text[bytes - 1] != '\n') text[bytes++] = '\n';
    pthread_mutex_lock(&mutex);
    if (settings.to_stdout)
        fwrite(text, 1, bytes, stdout);
    else
        write_file(level == ACN_LOG_EVENT ? FOLDER_RUN : FOLDER_DEBUG, text, bytes);
    pthread_mutex_unlock(&mutex);
    errno = saved_errno;
}

void acn_log_write(const char *module, acn_log_level level, const char *file, int line,
                   const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    acn_log_writev(module, level, file, line, format, arguments);
    va_end(arguments);
}

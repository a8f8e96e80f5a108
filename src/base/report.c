/* report.c - see report.h. The file is made at the first count, so a process that only loads the
 * library leaves nothing behind. */
#include "base/report.h"

#include "base/env.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const size_t file_bytes =
    sizeof(acn_report_header) + ACN_REPORT_SLOTS * sizeof(acn_report_slot);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acn_report_header *mapped; /* NULL until the first count; then file or plain memory */
static acn_report_slot unread;    /* when there is no room */
static acn_report_header no_memory = {.slots = 0};

bool acn_report_folder(char *folder, size_t bytes) {
    const char *root = acn_env_text(ACN_ENV_REPORT_DIR), *below = "";
    int length;
    if (*root == '\0') root = acn_env_text(ACN_ENV_RUNTIME_DIR), below = "/anycann";
    if (*root != '\0')
        length = snprintf(folder, bytes, "%s%s", root, below);
    else
        length = snprintf(folder, bytes, "/tmp/anycann-%d", (int)getuid());
    return length > 0 && (size_t)length < bytes;
}

typedef struct listed_file {
    struct timespec modified;
    char name[64];
} listed_file;

static int newest_first(const void *a, const void *b) {
    const struct timespec *x = &((const listed_file *)a)->modified;
    const struct timespec *y = &((const listed_file *)b)->modified;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? 1 : -1;
    return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

static listed_file *list_files(const char *folder, int *count) {
    listed_file *list = NULL;
    int room = 0;
    *count = 0;
    DIR *directory = opendir(folder);
    if (directory == NULL) return NULL;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t length = strlen(entry->d_name);
        struct stat info;
        if (length < 8 || length >= sizeof list->name) continue;
        if (strcmp(entry->d_name + length - 7, ".report") != 0) continue;
        if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (*count == room) {
            listed_file *more = realloc(list, sizeof *list * (size_t)(room = 2 * room + 32));
            if (more == NULL) break;
            list = more;
        }
        list[*count].modified = info.st_mtim;
        memcpy(list[(*count)++].name, entry->d_name, length + 1);
    }
    closedir(directory);
    if (*count > 1) qsort(list, (size_t)*count, sizeof *list, newest_first);
    return list;
}

/* Files of processes that still run stay, however many: others look them up. */
static void prune(const char *folder) {
    int count;
    listed_file *list = list_files(folder, &count);
    for (int i = ACN_REPORT_KEPT_FILES - 1; i < count; i++) {
        char path[1100];
        pid_t pid = (pid_t)strtol(list[i].name, NULL, 10);
        if (pid > 0 && kill(pid, 0) == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, list[i].name);
        unlink(path);
    }
    free(list);
}

/* When a process started, in clock ticks since boot; 0 when there is none. */
static uint64_t start_ticks(pid_t pid) {
    char path[64], text[1024] = "";
    unsigned long long ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    /* The 2nd word is the program's name in brackets, and may hold anything; this is the 22nd. */
    const char *word = strrchr(text, ')');
    for (int i = 2; word != NULL && i < 22; i++)
        word = strchr(word + 1, ' ');
    if (word == NULL || sscanf(word, " %llu", &ticks) != 1) return 0;
    return ticks;
}

bool acn_report_is_alive(const acn_report_header *header) {
    return header->start_ticks != 0 && start_ticks(header->pid) == header->start_ticks;
}

static void read_line(const char *path, const char *key, char *out, size_t bytes) {
    FILE *file = fopen(path, "re");
    char line[1024];
    size_t got = 0;
    if (file == NULL) return;
    if (key == NULL) { /* the command line: words that end in zero bytes */
        got = fread(out, 1, bytes - 1, file);
        for (size_t i = 0; i + 1 < got; i++)
            if (out[i] == '\0' || out[i] == '\n') out[i] = ' ';
        out[got] = '\0';
    }
    while (key != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && strchr(line, ':') != NULL) {
            const char *value = strchr(line, ':') + 1;
            snprintf(out, bytes, "%.*s", (int)strcspn(value + 1, "\n"), value + 1);
            break;
        }
    fclose(file);
}

static void fill_header(acn_report_header *header) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    header->version = ACN_REPORT_VERSION;
    header->pid = (int32_t)getpid();
    header->slots = ACN_REPORT_SLOTS;
    header->start_ticks = start_ticks(getpid());
    header->start_unix_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    read_line("/proc/self/cmdline", NULL, header->command, sizeof header->command);
    read_line("/proc/cpuinfo", "model name", header->device, sizeof header->device);
    snprintf(header->soc, sizeof header->soc, "%s", acn_env_text(ACN_ENV_SOC));
    header->magic = ACN_REPORT_MAGIC; /* last: readers skip files without it */
}

static acn_report_header *map_file(void) {
    char folder[1024], path[1100];
    struct stat info;
    if (!acn_env_bool(ACN_ENV_REPORT) || !acn_report_folder(folder, sizeof folder)) return NULL;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return NULL;
    /* In /tmp anybody may have made it before us. */
    if (lstat(folder, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != getuid()) return NULL;
    prune(folder);
    snprintf(path, sizeof path, "%s/%d.report", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return NULL;
    void *memory = MAP_FAILED;
    /* With its blocks: on a full disk a hole would end the process with SIGBUS when it counts. */
    if (posix_fallocate(file, 0, (off_t)file_bytes) == 0)
        memory = mmap(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) unlink(path);
    return memory != MAP_FAILED ? memory : NULL;
}

/* Slots that callers keep stay valid in a child of fork, where they count into memory of its own;
 * the parent's file is the parent's. */
static void on_fork_child(void) {
    pthread_mutex_init(&mutex, NULL);
    if (mapped == NULL || mapped == &no_memory) return;
    mmap(mapped, file_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
         0);
    mapped->slots = ACN_REPORT_SLOTS;
}

static void open_report(void) {
    acn_report_header *header = map_file();
    if (header == NULL) header = calloc(1, file_bytes);
    if (header == NULL) {
        mapped = &no_memory;
        return;
    }
    fill_header(header);
    mapped = header;
    pthread_atfork(NULL, NULL, on_fork_child);
}

acn_report_slot *acn_report_open(const char *kind, const char *name) {
    acn_report_slot *slot = &unread;
    pthread_mutex_lock(&mutex);
    if (mapped == NULL) open_report();
    acn_report_slot *slots = (acn_report_slot *)(mapped + 1);
    uint32_t used = atomic_load_explicit(&mapped->used, memory_order_relaxed), i = 0;
    while (i < used && (strncmp(slots[i].name, name, sizeof slots[i].name - 1) != 0 ||
                        strcmp(slots[i].kind, kind) != 0))
        i++;
    if (i < mapped->slots) slot = &slots[i];
    if (i == used && i < mapped->slots) {
        snprintf(slot->kind, sizeof slot->kind, "%s", kind);
        snprintf(slot->name, sizeof slot->name, "%s", name);
        atomic_store_explicit(&mapped->used, used + 1, memory_order_release);
    }
    pthread_mutex_unlock(&mutex);
    return slot;
}

acn_report_device *acn_report_device_open(int device) {
    static acn_report_device nobody;
    pthread_mutex_lock(&mutex);
    if (mapped == NULL) open_report();
    acn_report_header *header = mapped;
    pthread_mutex_unlock(&mutex);
    return device >= 0 && device < ACN_REPORT_DEVICES ? &header->devices[device] : &nobody;
}

static bool visit_file(const char *path, acn_report_visit visit, void *context, int *visited) {
    bool more = true;
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return true;
    if (fstat(file, &info) == 0 && (size_t)info.st_size == file_bytes) {
        const acn_report_header *header = mmap(NULL, file_bytes, PROT_READ, MAP_SHARED, file, 0);
        if (header != MAP_FAILED) {
            if (header->magic == ACN_REPORT_MAGIC && header->version == ACN_REPORT_VERSION &&
                header->slots == ACN_REPORT_SLOTS && header->used <= ACN_REPORT_SLOTS) {
                more = visit(context, path, header, (const acn_report_slot *)(header + 1));
                ++*visited;
            }
            munmap((void *)header, file_bytes);
        }
    }
    close(file);
    return more;
}

int acn_report_read(const char *folder, acn_report_visit visit, void *context) {
    int count, visited = 0;
    listed_file *list = list_files(folder, &count);
    bool more = true;
    for (int i = 0; i < count && more; i++) {
        char path[1100];
        snprintf(path, sizeof path, "%s/%s", folder, list[i].name);
        more = visit_file(path, visit, context, &visited);
    }
    free(list);
    return visited;
}

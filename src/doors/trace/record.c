/* record.c - the tracer's files and lines. Each process writes FOLDER/PID.jsonl, one event a line,
 * each with one write: lines of several threads do not mix, and nothing is lost however a process
 * ends. A call is written when it has returned; those that have not stand in FOLDER/PID.open, which
 * is mapped. A child of fork opens files of its own. */
#include "doors/anycann/observe.h"
#include "doors/anycann/open_calls.h"
#include "doors/trace/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CLOSED = -2 }; /* to be opened by the next call */
/* Streams are shown as threads of the process; their numbers start here, above those of threads. */
enum { STREAM_TRACK = 1 << 30, STREAMS_A_DEVICE = 1 << 16, NAMED_STREAMS = 1 << 12 };

static char folder[4000];
static _Atomic int file = CLOSED;
static int pid;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int thread;
static _Atomic uint8_t is_named[NAMED_STREAMS];
static acn_open_call *open_calls; /* NULL: none are noted */
static _Atomic int open_count;
static _Thread_local acn_open_call *own_call; /* this thread's */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void write_to(int to, acn_trace_text *text) {
    acn_trace_add(text, "}\n");
    text->bytes[text->length - 1] = '\n'; /* also when it was cut */
    ssize_t written = write(to, text->bytes, text->length);
    (void)written; /* a full disk must not end the program that is watched */
}

static void write_line(acn_trace_text *text) { write_to(file, text); }

static void name_track(int to, const char *what, int track, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void name_track(int to, const char *what, int track, const char *format, ...) {
    char name[256];
    acn_trace_text text = {.length = 0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    acn_trace_add(&text,
                  "{\"ph\": \"M\", \"name\": \"%s\", \"pid\": %d, \"tid\": %d, \"args\": "
                  "{\"name\": ",
                  what, pid, track);
    acn_trace_add_string(&text, name);
    acn_trace_add(&text, "}");
    write_to(to, &text);
}

static void map_open_calls(void) {
    const size_t bytes = ACN_OPEN_CALLS * sizeof *open_calls;
    char path[sizeof folder + 32];
    snprintf(path, sizeof path, "%s/%d.open", folder, pid);
    int mapped = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    void *memory = MAP_FAILED;
    if (mapped >= 0 && ftruncate(mapped, (off_t)bytes) == 0)
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
    if (mapped >= 0) close(mapped);
    open_calls = memory != MAP_FAILED ? memory : NULL;
    open_count = 0;
    own_call = NULL;
}

static int open_files(void) {
    char path[sizeof folder + 32], name[64] = "";
    pid = (int)getpid();
    snprintf(path, sizeof path, "%s/%d.jsonl", folder, pid);
    map_open_calls();
    int opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int cause = errno;
    int comm = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t length = comm >= 0 ? read(comm, name, sizeof name - 1) : 0;
    if (comm >= 0) close(comm);
    if (length > 0) name[length - 1] = '\0';
    name_track(opened, "process_name", pid, "%s", name);
    errno = cause;
    return opened;
}

static void ensure_files(void) {
    if (__builtin_expect(atomic_load_explicit(&file, memory_order_acquire) != CLOSED, 1)) return;
    pthread_mutex_lock(&opening);
    if (file == CLOSED) file = open_files();
    pthread_mutex_unlock(&opening);
}

/* Most children only become another program: their files are made when they call something. */
static void on_fork_child(void) {
    pthread_mutex_init(&opening, NULL);
    if (file >= 0) close(file);
    file = CLOSED;
    thread = 0;
    memset((void *)is_named, 0, sizeof is_named);
}

static int current_thread(void) {
    if (thread == 0) thread = (int)syscall(SYS_gettid);
    return thread;
}

static void add_head(acn_trace_text *text, const char *name, const char *category, int track,
                     uint64_t start_ns, uint64_t end_ns) {
    acn_trace_add(text,
                  "{\"ph\": \"X\", \"name\": \"%s\", \"cat\": \"%s\", \"pid\": %d, \"tid\": %d, "
                  "\"ts\": %.3f, \"dur\": %.3f, \"args\": {",
                  name, category, pid, track, (double)start_ns / 1e3,
                  (double)(end_ns - start_ns) / 1e3);
}

static acn_open_call *find_own_call(void) {
    if (own_call == NULL && open_calls != NULL && open_count < ACN_OPEN_CALLS) {
        int place = open_count++;
        if (place < ACN_OPEN_CALLS) own_call = &open_calls[place];
    }
    return own_call;
}

uint64_t acn_trace_enter(const acn_trace_function *function) {
    ensure_files();
    acn_open_call *call = find_own_call();
    if (call) {
        memccpy(call->name, function->name, 0, sizeof call->name - 1);
        atomic_store_explicit(&call->thread, current_thread(), memory_order_release);
    }
    return now_ns();
}

void acn_trace_call(const acn_trace_function *function, uint64_t start_ns,
                    const acn_trace_value *values) {
    uint64_t end_ns = now_ns();
    int kept = errno;
    acn_trace_text text;
    text.length = 0;
    if (own_call) atomic_store_explicit(&own_call->thread, 0, memory_order_release);
    add_head(&text, function->name, function->group, current_thread(), start_ns, end_ns);
    acn_trace_add_arguments(&text, function, values);
    acn_trace_add(&text, "}");
    write_line(&text);
    errno = kept;
}

/* On the thread that ran the task. */
static void record_task(const acn_task_record *task) {
    ensure_files();
    int kept = errno;
    int track = STREAM_TRACK + task->device * STREAMS_A_DEVICE +
                (int)(task->stream & (STREAMS_A_DEVICE - 1));
    if (!atomic_exchange(&is_named[(unsigned)track % NAMED_STREAMS], 1))
        name_track(file, "thread_name", track, "device %d stream %u", task->device, task->stream);
    acn_trace_text text;
    text.length = 0;
    add_head(&text, task->name, "task", track, task->start_ns, task->end_ns);
    acn_trace_add(&text, "\"number\": %llu, \"result\": %d}", (unsigned long long)task->number,
                  acn_tool_code(task->status));
    write_line(&text);
    errno = kept;
}

/* Slots are constant for everybody else; the page is made writable for a moment. */
static bool set_slot(acn_trace_any *const *slot, acn_trace_any *function) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = (char *)((uintptr_t)slot & ~(page - 1));
    if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return false;
    atomic_store((_Atomic(acn_trace_any *) *)slot, function);
    return mprotect(start, page, PROT_READ) == 0;
}

static bool swap_slots(const acn_trace_door *door) {
    for (int i = 0; i < door->count; i++) {
        acn_trace_function *function = door->functions[i];
        if (!function) continue;
        if (!function->real) function->real = door->slots[i];
        if (!set_slot(&door->slots[i], function->wrapper)) return false;
    }
    return true;
}

__attribute__((visibility("default"))) acn_trace_begin_fn acn_trace_begin;

void acn_trace_begin(const char *where) {
    snprintf(folder, sizeof folder, "%s", where);
    mkdir(folder, 0777); /* or it is there; the next line knows */
    ensure_files();
    if (file < 0) {
        fprintf(stderr, "anycann: nothing is traced: cannot write to %s: %s\n", folder,
                strerror(errno));
        return;
    }
    pthread_atfork(NULL, NULL, on_fork_child);
    for (int i = 0; i < acn_trace_door_count; i++) {
        if (swap_slots(&acn_trace_doors[i])) continue;
        fprintf(stderr, "anycann: some calls are not traced: %s\n", strerror(errno));
        break;
    }
    acn_tool_observe_tasks(record_task);
}

/* bench_streams.c - what streams and events cost, whether streams run side by side, and whether
 * anything is left behind. Each line has its limit; the program fails when one is not kept.
 *
 *   bench_streams [TASKS]   tasks of each of the 32 streams; 1000 unless given
 */
#define _GNU_SOURCE 1 /* CPU sets */
#include "acl/acl.h"
#include "bench.h"
#include <malloc.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 21, PAIRS = 1000, STREAMS = 32, TASK_US = 20, LIFE_ROUNDS = 1000, TURNS = 3 };

static int overs;

static void must(int code, const char *what) {
    if (code == 0) return;
    const char *text = aclGetRecentErrMsg();
    fprintf(stderr, "%s answered %d: %s\n", what, code, text != NULL ? text : "");
    exit(1);
}
#define OK(call) must(call, #call)

static void line(const char *what, double value, double limit, bool is_least) {
    bool over = is_least ? value < limit : value > limit;
    printf("%-56s %10.3f %9s%.3f%s\n", what, value, is_least ? ">= " : "<= ", limit,
           over ? "  over" : "");
    overs += over;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void hold(void *data) {
    while (!*(volatile bool *)data)
        usleep(100);
}

/* |is_pending|: the event is not reached while it is waited for. */
static double record_and_wait(aclrtStream from, aclrtStream to, aclrtEvent event, bool is_pending) {
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        bool is_open = !is_pending;
        if (is_pending) OK(aclrtLaunchHostFunc(from, hold, &is_open));
        double start = bench_now_us();
        for (int i = 0; i < PAIRS; i++) {
            OK(aclrtRecordEvent(event, from));
            OK(aclrtStreamWaitEvent(to, event));
        }
        times[round] = (bench_now_us() - start) / PAIRS;
        *(volatile bool *)&is_open = true;
        OK(aclrtSynchronizeStream(from));
        OK(aclrtSynchronizeStream(to));
    }
    return bench_median(times, ROUNDS);
}

static double create_and_destroy(void) {
    aclrtStream streams[50];
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_now_us();
        for (int i = 0; i < 50; i++)
            OK(aclrtCreateStream(&streams[i]));
        times[round] = (bench_now_us() - start) / 50;
        for (int i = 0; i < 50; i++)
            OK(aclrtDestroyStream(streams[i]));
    }
    return bench_median(times, ROUNDS);
}

static void bench_calls(void) {
    aclrtStream from, to;
    aclrtEvent event;
    OK(aclrtCreateStream(&from));
    OK(aclrtCreateStream(&to));
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC));
    line("record an event and wait for it elsewhere, us", record_and_wait(from, to, event, false),
         1, false);
    line("  not reached yet, us", record_and_wait(from, to, event, true), 1, false);
    line("create a stream, us", create_and_destroy(), 20, false);
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyStream(from));
    OK(aclrtDestroyStream(to));
}

/* ---- waiting --------------------------------------------------------------------------------- */

static double cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Half a second in which 24 streams wait: for an event, for a value and for a notify. */
static void bench_waiting(void) {
    enum { EACH = 8 };
    aclrtStream streams[3 * EACH];
    aclrtEvent event;
    aclrtNotify notify;
    void *word;
    OK(aclrtCreateEvent(&event));
    OK(aclrtCreateNotify(&notify, 0));
    OK(aclrtMalloc(&word, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemset(word, 64, 0, 64));
    for (int i = 0; i < 3 * EACH; i++) {
        OK(aclrtCreateStream(&streams[i]));
        if (i % 3 == 0) OK(aclrtStreamWaitEvent(streams[i], event));
        if (i % 3 == 1) OK(aclrtValueWait(word, 1, 1, streams[i]));
        if (i % 3 == 2) OK(aclrtWaitAndResetNotify(notify, streams[i], 0));
    }
    usleep(200000); /* until they wait */
    double before = cpu_us();
    usleep(500000);
    double share = (cpu_us() - before) / 500000 / (3 * EACH) * 100;
    line("CPU that a waiting stream takes, percent of one", share, 0.1, false);
    for (int i = 0; i < 3 * EACH; i++)
        OK(aclrtDestroyStreamForce(streams[i]));
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyNotify(notify));
    OK(aclrtFree(word));
}

/* ---- side by side ---------------------------------------------------------------------------- */

static long turns; /* of a loop that takes TASK_US */

static void work(void *data) {
    for (long i = 0; i < turns; i++)
        __asm__ volatile("" ::: "memory");
}

static void calibrate(void) {
    double times[ROUNDS];
    turns = 10000;
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now_us();
        work(NULL);
        times[i] = bench_now_us() - start;
    }
    turns = (long)((double)turns * TASK_US / bench_median(times, ROUNDS));
}

static double run_all(int tasks) {
    aclrtStream streams[STREAMS];
    for (int s = 0; s < STREAMS; s++)
        OK(aclrtCreateStream(&streams[s]));
    double start = bench_now_us();
    for (int i = 0; i < tasks; i++)
        for (int s = 0; s < STREAMS; s++)
            OK(aclrtLaunchHostFunc(streams[s], work, NULL));
    for (int s = 0; s < STREAMS; s++)
        OK(aclrtSynchronizeStream(streams[s]));
    double us = bench_now_us() - start;
    for (int s = 0; s < STREAMS; s++)
        OK(aclrtDestroyStream(streams[s]));
    return us;
}

/* In a process of its own, so that no thread was made for other CPUs. */
static double run_on(int cpus, const cpu_set_t *allowed, int tasks) {
    int pipes[2];
    double us = 0;
    if (pipe(pipes) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (int cpu = 0, left = cpus; cpu < CPU_SETSIZE && left > 0; cpu++)
            if (CPU_ISSET(cpu, allowed)) CPU_SET(cpu, &set), left--;
        sched_setaffinity(0, sizeof set, &set);
        OK(aclrtSetDevice(0));
        us = run_all(tasks);
        _exit(write(pipes[1], &us, sizeof us) != sizeof us);
    }
    if (read(pipes[0], &us, sizeof us) != sizeof us) exit(1);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    return us;
}

static void bench_side_by_side(int tasks) {
    cpu_set_t allowed;
    char what[80];
    sched_getaffinity(0, sizeof allowed, &allowed);
    if (CPU_COUNT(&allowed) < 2) {
        puts("one CPU only: streams cannot run side by side");
        return;
    }
    calibrate();
    double one = HUGE_VAL, two = HUGE_VAL; /* the best, in turns: others may use the machine */
    for (int turn = 0; turn < TURNS; turn++) {
        one = fmin(one, run_on(1, &allowed, tasks));
        two = fmin(two, run_on(2, &allowed, tasks));
    }
    snprintf(what, sizeof what, "%d streams of %d tasks of %d us: 2 CPUs against 1", STREAMS, tasks,
             TASK_US);
    line(what, one / two, 1.8, true);
}

/* ---- nothing is left ------------------------------------------------------------------------- */

static void live_once(void) {
    aclrtContext before, context;
    aclrtStream stream;
    aclrtEvent event, shared;
    aclrtNotify notify;
    aclrtDrvMemHandle physical;
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    void *memory, *host, *address;
    char key[65];
    OK(aclrtGetCurrentContext(&before));
    OK(aclrtCreateContext(&context, 0));
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateEvent(&event));
    OK(aclrtCreateEventExWithFlag(&shared, ACL_EVENT_SYNC | ACL_EVENT_IPC));
    OK(aclrtCreateNotify(&notify, 0));
    OK(aclrtMalloc(&memory, 3 << 20, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMallocHost(&host, 10000));
    OK(aclrtReserveMemAddress(&address, 2 << 20, 0, NULL, 0));
    OK(aclrtMallocPhysical(&physical, 2 << 20, &prop, 0));
    OK(aclrtMapMem(address, 2 << 20, 0, physical, 0));
    OK(aclrtIpcMemGetExportKey(memory, 1000, key, sizeof key, 0));
    OK(aclrtMemcpyAsync(memory, 10000, host, 10000, ACL_MEMCPY_HOST_TO_DEVICE, stream));
    OK(aclrtLaunchHostFunc(stream, work, NULL));
    OK(aclrtRecordEvent(event, stream));
    OK(aclrtRecordEvent(shared, stream));
    OK(aclrtRecordNotify(notify, stream));
    OK(aclrtSynchronizeStream(stream));
    OK(aclrtIpcMemClose(key));
    OK(aclrtUnmapMem(address));
    OK(aclrtFreePhysical(physical));
    OK(aclrtReleaseMemAddress(address));
    OK(aclrtFreeHost(host));
    OK(aclrtFree(memory));
    OK(aclrtDestroyNotify(notify));
    OK(aclrtDestroyEvent(shared));
    OK(aclrtDestroyEvent(event));
    OK(aclrtDestroyStream(stream));
    OK(aclrtDestroyContext(context));
    OK(aclrtSetCurrentContext(before));
}

static double resident_mib(void) {
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &ignored, &pages) != 2) exit(1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void bench_lives(void) {
    for (int i = 0; i < 100; i++)
        live_once();
    double memory = resident_mib(), heap = (double)mallinfo2().uordblks;
    for (int i = 0; i < LIFE_ROUNDS; i++)
        live_once();
    line("growth in 1000 rounds of making everything, MiB resident", resident_mib() - memory, 1,
         false);
    line("  of that on the heap, bytes a round",
         ((double)mallinfo2().uordblks - heap) / LIFE_ROUNDS, 1, false);
}

int main(int argc, char **argv) {
    int tasks = argc > 1 ? atoi(argv[1]) : 1000;
    printf("%-56s %10s %12s\n", "what", "measured", "limit");
    bench_side_by_side(tasks); /* first: it forks */
    OK(aclrtSetDevice(0));
    bench_calls();
    bench_waiting();
    bench_lives();
    return overs != 0;
}

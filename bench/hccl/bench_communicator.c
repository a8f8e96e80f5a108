/* How long making a communicator of local ranks takes, from the moment when all are ready to the
 * one when the last has it, and what it holds before its first collective and after: pages of the
 * memory that the ranks share, and of each process's own.
 *
 * usage: bench_communicator [RANKS] */
#include "bench.h"

#include "acl/acl.h"
#include "hccl/hccl.h"
#include "hccl/hccl_comm.h"
#include <dirent.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_RANKS = 64, ROUNDS = 40 };

typedef struct shared {
    pthread_barrier_t ready;
    HcclRootInfo roots[ROUNDS];
    double begun_us[MOST_RANKS], ended_us[MOST_RANKS];
} shared;

static void must(int code, const char *what) {
    if (code == 0) return;
    fprintf(stderr, "%s answers %d: %s\n", what, code, aclGetRecentErrMsg());
    exit(1);
}
#define MUST(call) must((int)(call), #call)

/* kB of the boards that this process has open. */
static double board_kb(void) {
    double kb = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char target[64] = "";
        struct stat info;
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length < 0 || strncmp(target, "/memfd:anycann-hccl", 19) != 0) continue;
        if (fstatat(dirfd(folder), entry->d_name, &info, 0) == 0) kb += (double)info.st_blocks / 2;
    }
    closedir(folder);
    return kb;
}

static double own_kb(void) {
    char line[256];
    long kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "RssAnon: %ld", &kb);
    fclose(status);
    return (double)kb;
}

/* Of one round: from the first begin to the last end. */
static double round_us(const shared *s, uint32_t ranks) {
    double begun = s->begun_us[0], ended = 0;
    for (uint32_t i = 0; i < ranks; i++) {
        if (s->begun_us[i] < begun) begun = s->begun_us[i];
        if (s->ended_us[i] > ended) ended = s->ended_us[i];
    }
    return ended - begun;
}

static void make(shared *s, uint32_t rank, uint32_t ranks, HcclComm *comms, double *times) {
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&s->ready);
        if (rank == 0) MUST(HcclGetRootInfo(&s->roots[round]));
        pthread_barrier_wait(&s->ready);
        s->begun_us[rank] = bench_now_us();
        MUST(HcclCommInitRootInfo(ranks, &s->roots[round], rank, &comms[round]));
        s->ended_us[rank] = bench_now_us();
        pthread_barrier_wait(&s->ready);
        times[round] = round_us(s, ranks) / 1e3;
    }
}

static void run(shared *s, uint32_t rank, uint32_t ranks) {
    HcclComm comms[ROUNDS];
    double times[ROUNDS];
    aclrtStream stream;
    void *x;
    MUST(aclInit(NULL));
    MUST(aclrtSetDevice((int32_t)rank));
    MUST(aclrtCreateStream(&stream));
    MUST(aclrtMalloc(&x, 1 << 20, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMemset(x, 1 << 20, 0, 1 << 20));
    double own = own_kb();
    make(s, rank, ranks, comms, times);
    double first = times[0], median = bench_median(times, ROUNDS);
    double board = board_kb() / ROUNDS, grown = (own_kb() - own) / ROUNDS;
    if (rank == 0)
        printf("%u ranks: first %.2f ms, median %.2f ms, least %.2f ms; %.0f kB shared, %.1f kB of "
               "each process\n",
               ranks, first, median, times[0], board, grown);
    pthread_barrier_wait(&s->ready);
    for (int round = 0; round < ROUNDS; round++) {
        MUST(HcclAllReduce(x, x, 1 << 18, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_MAX, comms[round],
                           stream));
        MUST(aclrtSynchronizeStream(stream));
    }
    pthread_barrier_wait(&s->ready);
    if (rank == 0)
        printf("after an AllReduce of 1 MiB: %.0f kB shared, %.1f kB of each process\n",
               board_kb() / ROUNDS, (own_kb() - own) / ROUNDS);
    for (int round = 0; round < ROUNDS; round++)
        MUST(HcclCommDestroy(comms[round]));
}

int main(int argc, char **argv) {
    uint32_t ranks = argc > 1 ? (uint32_t)atoi(argv[1]) : 8;
    char devices[8];
    pthread_barrierattr_t among_processes;
    if (ranks < 1 || ranks > MOST_RANKS) return 2;
    snprintf(devices, sizeof devices, "%u", ranks);
    setenv("ANYCANN_DEVICES", devices, 1);
    setenv("ANYCANN_MEMORY", "256M", 1);
    shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return 1;
    pthread_barrierattr_init(&among_processes);
    pthread_barrierattr_setpshared(&among_processes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&s->ready, &among_processes, ranks);
    for (uint32_t i = 1; i < ranks; i++)
        if (fork() == 0) {
            run(s, i, ranks);
            return 0;
        }
    run(s, 0, ranks);
    while (wait(NULL) > 0)
        ;
    return 0;
}

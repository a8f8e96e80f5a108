/* AllReduce of f32 among processes through the public functions: microseconds of a call when many
 * are queued between two synchronisations, and the time that one core needs to copy as many bytes
 * as a rank of the direct mesh has to read and write (copy / ours: 1 would be as fast as memory).
 *
 * usage: bench_hccl [RANKS] */
#include "bench.h"

#include "acl/acl.h"
#include "hccl/hccl.h"
#include "hccl/hccl_comm.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 9, MOST = 64 << 20 };

static void must(int code, const char *what) {
    if (code == 0) return;
    fprintf(stderr, "%s answers %d: %s\n", what, code, aclGetRecentErrMsg());
    exit(1);
}
#define MUST(call) must((int)(call), #call)

static double copy_us(char *to, const char *from, size_t bytes) {
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_now_us();
        memcpy(to, from, bytes);
        times[round] = bench_now_us() - start;
    }
    return bench_median(times, ROUNDS);
}

static void measure(HcclComm comm, aclrtStream stream, float *x, float *y, size_t bytes,
                    bool tells) {
    double times[ROUNDS];
    int calls = bytes < 1 << 16 ? 400 : bytes < 1 << 20 ? 50 : 4;
    for (int round = -1; round < ROUNDS; round++) {
        MUST(HcclBarrier(comm, stream));
        MUST(aclrtSynchronizeStream(stream));
        double start = bench_now_us();
        for (int i = 0; i < calls; i++)
            MUST(HcclAllReduce(x, y, bytes / sizeof(float), HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM,
                               comm, stream));
        MUST(aclrtSynchronizeStream(stream));
        if (round >= 0) times[round] = (bench_now_us() - start) / calls;
    }
    double ours = bench_median(times, ROUNDS), copy = copy_us((char *)y, (const char *)x, bytes);
    if (tells)
        printf("%9zu B  ours %10.2f us  %7.2f GB/s  copy/ours %5.2f\n", bytes, ours,
               (double)bytes / ours * 1e-3, copy / ours);
}

static void run(uint32_t rank, uint32_t ranks, const HcclRootInfo *root) {
    static const size_t sizes[] = {8,       1 << 10, 16 << 10, 256 << 10,
                                   1 << 20, 4 << 20, 16 << 20, MOST};
    HcclComm comm;
    aclrtStream stream;
    void *x, *y;
    MUST(HcclCommInitRootInfo(ranks, root, rank, &comm));
    MUST(aclrtCreateStream(&stream));
    MUST(aclrtMalloc(&x, MOST, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMalloc(&y, MOST, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMemset(x, MOST, 0, MOST));
    MUST(aclrtMemset(y, MOST, 0, MOST));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        measure(comm, stream, x, y, sizes[i], rank == 0);
    MUST(HcclCommDestroy(comm));
}

/* Each rank is a process that began before anything of the runtime was there. */
int main(int argc, char **argv) {
    uint32_t ranks = argc > 1 ? (uint32_t)atoi(argv[1]) : 2, rank = 0;
    int pipes[64][2];
    HcclRootInfo root;
    if (ranks < 1 || ranks > 64) return 2;
    setenv("ANYCANN_DEVICES", argc > 1 ? argv[1] : "2", 1);
    setenv("ANYCANN_MEMORY", "192M", 1);
    for (uint32_t i = 1; i < ranks && rank == 0; i++) {
        if (pipe(pipes[i]) != 0) return 1;
        if (fork() == 0) rank = i;
    }
    MUST(aclInit(NULL));
    MUST(aclrtSetDevice((int32_t)rank));
    if (rank == 0) {
        MUST(HcclGetRootInfo(&root));
        for (uint32_t i = 1; i < ranks; i++)
            if (write(pipes[i][1], &root, sizeof root) != sizeof root) return 1;
    } else if (read(pipes[rank][0], &root, sizeof root) != sizeof root) {
        return 1;
    }
    run(rank, ranks, &root);
    MUST(aclFinalize());
    while (rank == 0 && wait(NULL) > 0) {
    }
    return 0;
}

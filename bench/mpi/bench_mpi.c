/* Collectives of f32 against Open MPI, in the same processes: n calls that are queued between two
 * events (ours), n calls in a row (theirs), taking turns; each figure is the median of rounds, of
 * the slowest rank. MPI's buffers are ordinary memory, ours are device memory; both are touched.
 *
 * usage: mpirun -n 2 --bind-to none bench_mpi [--rounds N] [--most BYTES] [COLLECTIVE...] */
#include "bench.h"

#include "acl/acl.h"
#include "hccl/hccl.h"
#include "hccl/hccl_comm.h"
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ROUNDS = 64 };

static struct {
    int rank, ranks, rounds;
    HcclComm comm;
    aclrtStream stream;
    aclrtEvent begin, end;
    float *x, *y, *u, *v; /* ours, theirs */
} bench;

static void must(int code, const char *what) {
    if (code == 0) return;
    fprintf(stderr, "%s answers %d: %s\n", what, code, aclGetRecentErrMsg());
    MPI_Abort(MPI_COMM_WORLD, 1);
}
#define MUST(call) must((int)(call), #call)

/* |n| numbers in the larger of a rank's buffers. */
typedef struct pair {
    const char *name;
    void (*ours)(int n, int share);
    void (*theirs)(int n, int share);
} pair;

#define OURS  HCCL_DATA_TYPE_FP32
#define WHERE bench.comm, bench.stream

static void our_all_reduce(int n, int share) {
    MUST(HcclAllReduce(bench.x, bench.y, (uint64_t)n, OURS, HCCL_REDUCE_SUM, WHERE));
}
static void their_all_reduce(int n, int share) {
    MPI_Allreduce(bench.u, bench.v, n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
static void our_all_gather(int n, int share) {
    MUST(HcclAllGather(bench.x, bench.y, (uint64_t)share, OURS, WHERE));
}
static void their_all_gather(int n, int share) {
    MPI_Allgather(bench.u, share, MPI_FLOAT, bench.v, share, MPI_FLOAT, MPI_COMM_WORLD);
}
static void our_reduce_scatter(int n, int share) {
    MUST(HcclReduceScatter(bench.x, bench.y, (uint64_t)share, OURS, HCCL_REDUCE_SUM, WHERE));
}
static void their_reduce_scatter(int n, int share) {
    MPI_Reduce_scatter_block(bench.u, bench.v, share, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
static void our_broadcast(int n, int share) {
    MUST(HcclBroadcast(bench.x, (uint64_t)n, OURS, 0, WHERE));
}
static void their_broadcast(int n, int share) {
    MPI_Bcast(bench.u, n, MPI_FLOAT, 0, MPI_COMM_WORLD);
}
static void our_all_to_all(int n, int share) {
    MUST(HcclAlltoAll(bench.x, (uint64_t)share, OURS, bench.y, (uint64_t)share, OURS, WHERE));
}
static void their_all_to_all(int n, int share) {
    MPI_Alltoall(bench.u, share, MPI_FLOAT, bench.v, share, MPI_FLOAT, MPI_COMM_WORLD);
}

static const pair pairs[] = {
    {"AllReduce", our_all_reduce, their_all_reduce},
    {"AllGather", our_all_gather, their_all_gather},
    {"ReduceScatter", our_reduce_scatter, their_reduce_scatter},
    {"Broadcast", our_broadcast, their_broadcast},
    {"AlltoAll", our_all_to_all, their_all_to_all},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

static double slowest(double us) {
    double most;
    MPI_Allreduce(&us, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

static double ours_us(const pair *p, int n, int calls) {
    float ms;
    MPI_Barrier(MPI_COMM_WORLD);
    MUST(aclrtRecordEvent(bench.begin, bench.stream));
    for (int i = 0; i < calls; i++)
        p->ours(n, n / bench.ranks);
    MUST(aclrtRecordEvent(bench.end, bench.stream));
    MUST(aclrtSynchronizeStream(bench.stream));
    MUST(aclrtEventElapsedTime(&ms, bench.begin, bench.end));
    return slowest((double)ms * 1e3 / calls);
}

static double theirs_us(const pair *p, int n, int calls) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = bench_now_us();
    for (int i = 0; i < calls; i++)
        p->theirs(n, n / bench.ranks);
    return slowest((bench_now_us() - start) / calls);
}

/* What a call costs its caller while nothing can run: the stream waits for a rank that comes late.
 */
static void tell_enqueue(void) {
    enum { CALLS = 400 };
    double us = 0;
    if (bench.rank == 0) {
        MUST(HcclBarrier(WHERE));
        double start = bench_now_us();
        for (int i = 0; i < CALLS; i++)
            our_all_reduce(2, 1);
        us = (bench_now_us() - start) / CALLS;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (bench.rank != 0) {
        MUST(HcclBarrier(WHERE));
        for (int i = 0; i < CALLS; i++)
            our_all_reduce(2, 1);
    }
    MUST(aclrtSynchronizeStream(bench.stream));
    if (bench.rank == 0) printf("one enqueue: %.2f us\n", us);
}

/* Returns theirs / ours. */
static double compare(const pair *p, size_t bytes) {
    double ours[MOST_ROUNDS], theirs[MOST_ROUNDS];
    int n = (int)(bytes / sizeof(float));
    int calls = bytes < 1 << 16 ? 400 : bytes < 1 << 20 ? 40 : bytes < 16 << 20 ? 6 : 2;
    if (bench.ranks > 2 && calls > 40) calls = 40;
    (void)ours_us(p, n, 2), (void)theirs_us(p, n, 2);
    for (int round = 0; round < bench.rounds; round++) {
        if (round % 2 == 0) ours[round] = ours_us(p, n, calls);
        theirs[round] = theirs_us(p, n, calls);
        if (round % 2 == 1) ours[round] = ours_us(p, n, calls);
    }
    double mine = bench_median(ours, bench.rounds), other = bench_median(theirs, bench.rounds);
    if (bench.rank == 0)
        printf("%-13s %9zu B  ours %10.2f us (least %10.2f)  mpi %10.2f us (least %10.2f)  "
               "mpi/ours %5.2f (least %5.2f)\n",
               p->name, bytes, mine, ours[0], other, theirs[0], other / mine, theirs[0] / ours[0]);
    fflush(stdout);
    return other / mine;
}

static void join(void) {
    HcclRootInfo root;
    char devices[8];
    snprintf(devices, sizeof devices, "%d", bench.ranks);
    setenv("ANYCANN_DEVICES", devices, 0);
    setenv("ANYCANN_MEMORY", "192M", 0);
    MUST(aclInit(NULL));
    MUST(aclrtSetDevice(bench.rank));
    if (bench.rank == 0) MUST(HcclGetRootInfo(&root));
    MPI_Bcast(&root, sizeof root, MPI_BYTE, 0, MPI_COMM_WORLD);
    MUST(HcclCommInitRootInfo((uint32_t)bench.ranks, &root, (uint32_t)bench.rank, &bench.comm));
    MUST(aclrtCreateStream(&bench.stream));
    MUST(aclrtCreateEventWithFlag(&bench.begin, ACL_EVENT_TIME_LINE));
    MUST(aclrtCreateEventWithFlag(&bench.end, ACL_EVENT_TIME_LINE));
}

static void make_room(size_t bytes) {
    MUST(aclrtMalloc((void **)&bench.x, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMalloc((void **)&bench.y, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMemset(bench.x, bytes, 0, bytes));
    MUST(aclrtMemset(bench.y, bytes, 0, bytes));
    bench.u = malloc(bytes);
    bench.v = malloc(bytes);
    if (bench.u == NULL || bench.v == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    memset(bench.u, 0, bytes);
    memset(bench.v, 0, bytes);
}

static void run(const pair *p, size_t most) {
    static const size_t sizes[] = {8,         1 << 10, 4 << 10, 16 << 10, 64 << 10,
                                   256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20};
    double logs = 0, least = 1e9;
    int count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && sizes[i] <= most; i++) {
        if (sizes[i] / sizeof(float) < (size_t)bench.ranks) continue;
        double ratio = compare(p, sizes[i]);
        if (sizes[i] < 1 << 10) continue;
        logs += log(ratio);
        least = ratio < least ? ratio : least;
        count++;
    }
    if (bench.rank == 0 && count > 0)
        printf("%-13s from 1 KiB: mpi/ours %.2f (geometric mean), worst %.2f\n", p->name,
               exp(logs / count), least);
}

int main(int argc, char **argv) {
    size_t most = (size_t)64 << 20;
    bool has_names = false;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &bench.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &bench.ranks);
    bench.rounds = 7;
    join();
    make_room(most);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            bench.rounds = atoi(argv[++i]) < MOST_ROUNDS ? atoi(argv[i]) : MOST_ROUNDS;
        else if (strcmp(argv[i], "--most") == 0 && i + 1 < argc)
            most = (size_t)atoll(argv[++i]);
        else
            has_names = true;
    }
    tell_enqueue();
    for (int p = 0; p < PAIRS; p++) {
        bool is_wanted = !has_names;
        for (int i = 1; i < argc; i++)
            is_wanted |= strcmp(argv[i], pairs[p].name) == 0;
        if (is_wanted) run(&pairs[p], most);
    }
    MUST(HcclCommDestroy(bench.comm));
    MUST(aclFinalize());
    MPI_Finalize();
    return 0;
}

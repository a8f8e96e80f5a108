/* bench_gemm.c - the f32 GEMM core beside OpenBLAS and oneDNN, in one run.
 *
 * Each library lives in a process of its own, so that no other's spinning threads disturb it, and
 * is opened at run time: what is missing is "absent". The parent asks them in turn, round by round;
 * operands are plain row-major arrays, nothing is packed beforehand, and everything is warm.
 *   bench_gemm [--rounds N] [--threads LIST] [--shapes MxNxK,...] [--openblas FILE] [--dnnl FILE]
 * The last column is the better peer's time divided by ours, of medians and of minima: above 1 we
 * are faster. OpenBLAS is asked three times, as it chooses kernels itself and with two settings of
 * OPENBLAS_CORETYPE, because it goes by CPU models, which virtual machines mask.
 */
#define _GNU_SOURCE 1
#include "peers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 101, MAX_SHAPES = 32, MAX_SAMPLES = 4096 };

typedef struct request {
    int64_t m, n, k;
    int threads;
} request;

typedef struct reply {
    double median_s, least_s; /* of one call */
    double check;             /* sum over C, to see that all compute the same */
} reply;

typedef struct provider {
    const char *name, *variable, *value; /* environment to set before opening */
    const peer *peer;
    const char *file;
    bool is_present;
    int to, from;
    pid_t pid;
} provider;

/* One thread is timed by the CPU time of its process: what other programs take does not count. */
static double now_s(int threads) {
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

static float *make_matrix(int64_t count, uint32_t seed) {
    float *x = NULL;
    if (posix_memalign((void **)&x, 4096, (size_t)count * sizeof *x)) abort();
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    return x;
}

/* Some 30 ms of calls after two to warm up. */
static reply measure(const peer *p, const request *r) {
    static double samples[MAX_SAMPLES];
    float *a = make_matrix(r->m * r->k, 1), *b = make_matrix(r->k * r->n, 2);
    float *c = make_matrix(r->m * r->n, 3);
    p->prepare(r->m, r->n, r->k, a, b, c, r->threads);
    for (int i = 0; i < 2; i++)
        p->run(r->m, r->n, r->k, a, b, c);
    int count = 0;
    double start = now_s(r->threads), before = start;
    do {
        p->run(r->m, r->n, r->k, a, b, c);
        double after = now_s(r->threads);
        samples[count++] = after - before;
        before = after;
    } while (count < MAX_SAMPLES && (count < 3 || before - start < 0.03));
    reply result = {.median_s = median(samples, count)};
    result.least_s = samples[0];
    for (int64_t i = 0; i < r->m * r->n; i++)
        result.check += c[i];
    free(a), free(b), free(c);
    return result;
}

static void serve(const provider *p, int in, int out) {
    if (p->variable) setenv(p->variable, p->value, 1);
    bool is_present = p->peer->open(p->file);
    request r;
    if (write(out, &is_present, sizeof is_present) != sizeof is_present || !is_present) return;
    while (read(in, &r, sizeof r) == sizeof r) {
        reply answer = measure(p->peer, &r);
        if (write(out, &answer, sizeof answer) != sizeof answer) return;
    }
}

/* The child of providers[i]: with a pipe of an earlier one it would keep that one from its end. */
static void start(provider *providers, int i) {
    provider *p = &providers[i];
    int ask[2], answer[2];
    if (pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC)) abort();
    p->pid = fork();
    if (p->pid == 0) {
        close(ask[1]), close(answer[0]);
        for (int earlier = 0; earlier < i; earlier++)
            close(providers[earlier].to), close(providers[earlier].from);
        serve(p, ask[0], answer[1]);
        _exit(0);
    }
    close(ask[0]), close(answer[1]);
    p->to = ask[1];
    p->from = answer[0];
    if (read(p->from, &p->is_present, sizeof p->is_present) != sizeof p->is_present)
        p->is_present = false;
}

static bool ask(const provider *p, const request *r, reply *out) {
    bool is_answered =
        write(p->to, r, sizeof *r) == sizeof *r && read(p->from, out, sizeof *out) == sizeof *out;
    usleep(20000); /* its threads fall asleep before the next is asked */
    return is_answered;
}

static void compare(provider *providers, int count, const request *r, int rounds) {
    static double medians[8][MAX_ROUNDS];
    double least[8], check[8] = {0};
    for (int i = 0; i < count; i++)
        least[i] = 1e9;
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) {
            reply answer;
            if (!providers[i].is_present) continue;
            if (!ask(&providers[i], r, &answer)) {
                providers[i].is_present = false;
                continue;
            }
            medians[i][round] = answer.median_s;
            if (answer.least_s < least[i]) least[i] = answer.least_s;
            check[i] = answer.check;
        }
    double flop = 2e-9 * (double)r->m * (double)r->n * (double)r->k;
    double best_median = 1e9, best_least = 1e9, ours = 0;
    printf("%d\t%ldx%ldx%ld", r->threads, (long)r->m, (long)r->n, (long)r->k);
    for (int i = 0; i < count; i++) {
        if (!providers[i].is_present) {
            printf("\tabsent");
            continue;
        }
        double m = median(medians[i], rounds);
        printf("\t%.0f/%.0f", flop / m, flop / least[i]);
        if (i == 0)
            ours = m;
        else {
            best_median = m < best_median ? m : best_median;
            best_least = least[i] < best_least ? least[i] : best_least;
            double difference = check[i] - check[0], size = (double)(r->m * r->n);
            if (difference * difference > 1e-6 * size * (double)r->k) printf("(WRONG)");
        }
    }
    if (best_median < 1e9) printf("\t%.2f/%.2f", best_median / ours, best_least / least[0]);
    printf("\n");
    fflush(stdout);
}

static int parse_shapes(const char *text, request *shapes) {
    int count = 0;
    for (int used; count < MAX_SHAPES; text += used + 1) {
        long m, n, k;
        if (sscanf(text, "%ldx%ldx%ld%n", &m, &n, &k, &used) != 3) break;
        shapes[count++] = (request){.m = m, .n = n, .k = k};
        if (text[used] != ',') break;
    }
    return count;
}

int main(int argc, char **argv) {
    const char *threads = "1,2", *openblas = NULL, *dnnl = NULL;
    const char *list = "64x64x64,128x128x128,256x256x256,512x512x512,1024x1024x1024,2048x2048x2048,"
                       "128x768x768,128x3072x768,128x768x3072";
    int rounds = 5;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rounds"))
            rounds = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--threads"))
            threads = argv[i + 1];
        else if (!strcmp(argv[i], "--shapes"))
            list = argv[i + 1];
        else if (!strcmp(argv[i], "--openblas"))
            openblas = argv[i + 1];
        else if (!strcmp(argv[i], "--dnnl"))
            dnnl = argv[i + 1];
        else
            return fprintf(stderr, "bench_gemm: unknown option %s\n", argv[i]), 2;
    }
    if (rounds < 1 || rounds > MAX_ROUNDS) rounds = 5;
    provider providers[] = {
        {.name = "anycann", .peer = &peer_own},
        {.name = "openblas", .peer = &peer_openblas, .file = openblas},
        {.name = "openblas SkylakeX",
         .variable = "OPENBLAS_CORETYPE",
         .value = "SkylakeX",
         .peer = &peer_openblas,
         .file = openblas},
        {.name = "openblas SapphireRapids",
         .variable = "OPENBLAS_CORETYPE",
         .value = "SapphireRapids",
         .peer = &peer_openblas,
         .file = openblas},
        {.name = "onednn sgemm", .peer = &peer_dnnl_sgemm, .file = dnnl},
        {.name = "onednn matmul", .peer = &peer_dnnl_matmul, .file = dnnl},
    };
    enum { COUNT = sizeof providers / sizeof providers[0] };
    signal(SIGPIPE, SIG_IGN); /* a peer that this CPU cannot run has died */
    printf("GFLOP/s, median/best\nthreads\tm x n x k");
    for (int i = 0; i < COUNT; i++) {
        start(providers, i);
        printf("\t%s", providers[i].name);
    }
    printf("\tratio to the better peer\n");
    request shapes[MAX_SHAPES];
    int count = parse_shapes(list, shapes);
    for (const char *t = threads; *t; t += strcspn(t, ","), t += *t == ',')
        for (int i = 0; i < count; i++) {
            shapes[i].threads = atoi(t);
            compare(providers, COUNT, &shapes[i], rounds);
        }
    /* All before the first wait: a process holds what leads to those that started before it. */
    for (int i = 0; i < COUNT; i++)
        close(providers[i].to);
    for (int i = 0; i < COUNT; i++)
        waitpid(providers[i].pid, NULL, 0);
    return 0;
}

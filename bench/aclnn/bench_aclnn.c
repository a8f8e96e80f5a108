/* bench_aclnn.c - what one small operator costs through the public door, and large ones against the
 * best plain loop. Prints microseconds for the first, ratios (loop / ours; above 1 we are faster)
 * for the second. */
#include "acl/acl.h"
#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_cast.h"
#include "aclnnop/aclnn_exp.h"
#include "aclnnop/aclnn_mul.h"
#include "aclnnop/aclnn_reduce_sum.h"
#include "base/half.h"
#include "base/pool.h"
#include "base/thread.h"
#include "bench.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

enum { ROUNDS = 15, LARGE = 16 << 20, MEDIUM = 50 << 10, ALIVE = 1000 };

static float *a, *b, *c;
static aclrtStream stream;

static aclTensor *tensor(void *data, int64_t count, aclDataType dtype) {
    int64_t stride = 1;
    return aclCreateTensor(&count, 1, dtype, &stride, 0, ACL_FORMAT_ND, &count, 1, data);
}

static void must(int code, const char *what) {
    if (code == 0) return;
    const char *text = aclGetRecentErrMsg();
    fprintf(stderr, "%s answered %d: %s\n", what, code, text ? text : "");
    exit(1);
}

/* ---- small operators ------------------------------------------------------------------------- */

typedef struct small_add {
    aclTensor *x, *y, *z;
    aclScalar *alpha;
} small_add;

static void both_phases(const small_add *s) {
    uint64_t workspace;
    aclOpExecutor *executor;
    must(aclnnAddGetWorkspaceSize(s->x, s->y, s->alpha, s->z, &workspace, &executor), "phase 1");
    must(aclnnAdd(NULL, workspace, executor, stream), "phase 2");
}

static aclOpExecutor *alive[ALIVE];

static void *second_phases(void *unused) {
    (void)unused;
    must(aclrtSetDevice(0), "aclrtSetDevice");
    double start = bench_now_us();
    for (int i = 0; i < ALIVE; i++)
        must(aclnnAdd(NULL, 0, alive[i], stream), "phase 2");
    static double spent;
    spent = bench_now_us() - start;
    return &spent;
}

static void bench_small(void) {
    float one = 1;
    small_add s = {tensor(a, 10, ACL_FLOAT), tensor(b, 10, ACL_FLOAT), tensor(c, 10, ACL_FLOAT),
                   aclCreateScalar(&one, ACL_FLOAT)};
    double idle[ROUNDS], many[ROUNDS];
    for (int i = 0; i < 10000; i++)
        both_phases(&s);
    for (int r = 0; r < ROUNDS; r++) {
        double start = bench_now_us();
        for (int i = 0; i < 10000; i++)
            both_phases(&s);
        idle[r] = (bench_now_us() - start) / 10000;
        uint64_t workspace;
        void *second;
        pthread_t thread;
        start = bench_now_us();
        for (int i = 0; i < ALIVE; i++)
            must(aclnnAddGetWorkspaceSize(s.x, s.y, s.alpha, s.z, &workspace, &alive[i]),
                 "phase 1");
        many[r] = bench_now_us() - start;
        pthread_create(&thread, NULL, second_phases, NULL);
        pthread_join(thread, &second);
        many[r] = (many[r] + *(double *)second) / ALIVE;
    }
    printf("aclnnAdd, 10 floats, both phases, idle stream: %.3f us (target 1)\n",
           bench_median(idle, ROUNDS));
    printf("the same, phases on two threads, %d executors alive: %.3f us (target 1)\n", ALIVE,
           bench_median(many, ROUNDS));
}

/* ---- large operators against loops ----------------------------------------------------------- */

typedef enum kind { COPY, ADD, MUL, EXP, CAST, SUM, KINDS } kind;
static const char *const kind_names[] = {"aclrtMemcpy",    "Add", "Mul", "Exp",
                                         "Cast f32->bf16", "Sum"};

typedef struct loop_job {
    kind k;
    bool streams;
    int64_t begin, end;
    double sum;
} loop_job;

#ifdef __AVX512F__
static void stream_out(float *to, __m512 v) { _mm512_stream_ps(to, v); }
#endif

static void plain_loop(loop_job *j) {
    int64_t n = j->end - j->begin;
    const float *x = a + j->begin, *y = b + j->begin;
    float *z = c + j->begin;
#ifdef __AVX512F__
    if (j->streams && (j->k == ADD || j->k == MUL || j->k == COPY)) {
        for (int64_t i = 0; i + 16 <= n; i += 16) {
            __m512 u = _mm512_loadu_ps(x + i), v = _mm512_loadu_ps(y + i);
            stream_out(z + i, j->k == ADD   ? _mm512_add_ps(u, v)
                              : j->k == MUL ? _mm512_mul_ps(u, v)
                                            : u);
        }
        _mm_sfence();
        return;
    }
#endif
    switch (j->k) {
    case COPY:
        memcpy(z, x, (size_t)n * sizeof *z);
        break;
    case ADD:
        for (int64_t i = 0; i < n; i++)
            z[i] = x[i] + y[i];
        break;
    case MUL:
        for (int64_t i = 0; i < n; i++)
            z[i] = x[i] * y[i];
        break;
    case EXP: /* degree 6 on [-ln 2 / 2, ln 2 / 2], about 1e-7 */
        for (int64_t i = 0; i < n; i++) {
            float k = (x[i] * 1.44269504f + 12582912.0f) - 12582912.0f; /* rounds */
            float r = (x[i] - k * 0.693359375f) + k * 2.12194440e-4f;
            float p = 1.9875691500e-4f;
            p = p * r + 1.3981999507e-3f;
            p = p * r + 8.3334519073e-3f;
            p = p * r + 4.1665795894e-2f;
            p = p * r + 1.6666665459e-1f;
            p = p * r + 5.0000001201e-1f;
            z[i] = (p * r * r + r + 1) * acn_f32_from_bits((uint32_t)((int32_t)k + 127) << 23);
        }
        break;
    case CAST: {
        uint16_t *h = (uint16_t *)z;
        for (int64_t i = 0; i < n; i++) {
            uint32_t u = acn_f32_bits(x[i]);
            h[i] = (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
        }
        break;
    }
    default: {
        float sums[64] = {0};
        for (int64_t i = 0; i + 64 <= n; i += 64)
            for (int l = 0; l < 64; l++)
                sums[l] += x[i + l];
        for (int l = 0; l < 64; l++)
            j->sum += sums[l];
    }
    }
}

/* The loop's second thread waits in a spin, so that its wake-up costs the loop nothing; while ours
 * is timed it sleeps, since ours has a second thread of its own. */
static loop_job helper_job;
static _Atomic uint32_t helper_state; /* futex word while parked */
enum { PARKED, SPINNING, GO, DONE, END };

static void *helper(void *unused) {
    (void)unused;
    for (;;) {
        uint32_t state = helper_state;
        if (state == END) return NULL;
        if (state == PARKED) acn_futex_wait(&helper_state, PARKED, -1);
        if (state != GO) {
            acn_pause();
            continue;
        }
        plain_loop(&helper_job);
        helper_state = DONE;
    }
}

static void set_helper(uint32_t state) {
    helper_state = state;
    acn_futex_wake(&helper_state, 1);
}

static void loop_once(kind k, int64_t count, bool streams, int threads) {
    int64_t half = threads == 2 ? count / 2 / 64 * 64 : count;
    loop_job mine = {k, streams, 0, half, 0};
    if (threads == 2) {
        helper_job = (loop_job){k, streams, half, count, 0};
        helper_state = GO;
    }
    plain_loop(&mine);
    while (threads == 2 && helper_state != DONE)
        acn_pause();
    __asm__ volatile("" ::"m"(mine), "m"(*c) : "memory");
}

/* The first call wakes and warms, for both sides. */
static double time_loop(kind k, int64_t count, bool streams, int threads, int repeat) {
    if (threads == 2) set_helper(SPINNING);
    loop_once(k, count, streams, threads);
    double start = bench_now_us();
    for (int r = 0; r < repeat; r++)
        loop_once(k, count, streams, threads);
    double spent = bench_now_us() - start;
    if (threads == 2) set_helper(PARKED);
    return spent / repeat;
}

static void run_ours(kind k, aclTensor *x, aclTensor *y, aclTensor *z, aclTensor *h,
                     aclTensor *total, aclScalar *alpha, aclIntArray *dims, int64_t count) {
    uint64_t ws = 0;
    aclOpExecutor *e = NULL;
    switch (k) {
    case COPY:
        must(aclrtMemcpy(c, (size_t)count * 4, a, (size_t)count * 4, ACL_MEMCPY_DEVICE_TO_DEVICE),
             "aclrtMemcpy");
        return;
    case ADD:
        must(aclnnAddGetWorkspaceSize(x, y, alpha, z, &ws, &e), "Add");
        must(aclnnAdd(NULL, ws, e, stream), "Add");
        break;
    case MUL:
        must(aclnnMulGetWorkspaceSize(x, y, z, &ws, &e), "Mul");
        must(aclnnMul(NULL, ws, e, stream), "Mul");
        break;
    case EXP:
        must(aclnnExpGetWorkspaceSize(x, z, &ws, &e), "Exp");
        must(aclnnExp(NULL, ws, e, stream), "Exp");
        break;
    case CAST:
        must(aclnnCastGetWorkspaceSize(x, ACL_BF16, h, &ws, &e), "Cast");
        must(aclnnCast(NULL, ws, e, stream), "Cast");
        break;
    default: {
        static void *workspace;
        static uint64_t room;
        must(aclnnReduceSumGetWorkspaceSize(x, dims, false, ACL_FLOAT, total, &ws, &e), "Sum");
        if (ws > room)
            must(aclrtMalloc(&workspace, room = ws, ACL_MEM_MALLOC_HUGE_FIRST), "malloc");
        must(aclnnReduceSum(workspace, ws, e, stream), "Sum");
    }
    }
    must(aclrtSynchronizeStream(stream), "synchronise");
}

static void bench_large(int64_t count, int threads) {
    float one = 1;
    int64_t zero = 0;
    aclTensor *x = tensor(a, count, ACL_FLOAT), *y = tensor(b, count, ACL_FLOAT),
              *z = tensor(c, count, ACL_FLOAT), *h = tensor(c, count, ACL_BF16);
    aclTensor *total = aclCreateTensor(NULL, 0, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, c);
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    aclIntArray *dims = aclCreateIntArray(&zero, 1);
    int repeat = count > (1 << 20) ? 1 : 50;
    pthread_t thread;
    set_helper(PARKED);
    acn_pool_set_size(threads);
    if (threads == 2) pthread_create(&thread, NULL, helper, NULL);
    for (kind k = COPY; k < KINDS; k++) {
        double ours[ROUNDS], plain[ROUNDS], streamed[ROUNDS];
        for (int r = -2; r < ROUNDS; r++) { /* two rounds warm up */
            int slot = r < 0 ? 0 : r;
            plain[slot] = time_loop(k, count, false, threads, repeat);
            streamed[slot] = time_loop(k, count, true, threads, repeat);
            run_ours(k, x, y, z, h, total, alpha, dims, count);
            double start = bench_now_us();
            for (int i = 0; i < repeat; i++)
                run_ours(k, x, y, z, h, total, alpha, dims, count);
            ours[slot] = (bench_now_us() - start) / repeat;
        }
        double loop = fmin(bench_median(plain, ROUNDS), bench_median(streamed, ROUNDS));
        double mine = bench_median(ours, ROUNDS);
        printf("%-15s %9lld floats, %d thread%s: loop/ours %.2f  (%.1f us)\n", kind_names[k],
               (long long)count, threads, threads == 1 ? " " : "s", loop / mine, mine);
    }
    if (threads == 2) {
        set_helper(END);
        pthread_join(thread, NULL);
    }
}

int main(void) {
    must(aclInit(NULL), "aclInit");
    must(aclrtSetDevice(0), "aclrtSetDevice");
    must(aclrtCreateStream(&stream), "aclrtCreateStream");
    float **arrays[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++)
        must(aclrtMalloc((void **)arrays[i], (size_t)LARGE * 4, ACL_MEM_MALLOC_HUGE_FIRST),
             "malloc");
    for (int64_t i = 0; i < LARGE; i++)
        a[i] = (float)(i % 1000) * 0.01f, b[i] = 1.0f, c[i] = 0;
    bench_small();
    for (int threads = 1; threads <= 2; threads++) {
        bench_large(LARGE, threads);
        bench_large(MEDIUM, threads);
    }
    return 0;
}

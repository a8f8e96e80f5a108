/* peers.c - our own core, and other libraries by the few functions that are needed of them,
 * declared here so that the bench builds without their headers. */
#include "peers.h"
#include "base/pool.h"
#include "ops/kernels/gemm.h"

#include <dlfcn.h>
#include <stdlib.h>

/* ---- our own ----------------------------------------------------------------------------------
 */

static struct {
    acn_gemm gemm;
    void *workspace;
} own;

static bool own_open(const char *file) { return true; }

static void own_prepare(int64_t m, int64_t n, int64_t k, float *a, float *b, float *c,
                        int threads) {
    acn_pool_set_size(threads);
    own.gemm = (acn_gemm){.m = m,
                          .n = n,
                          .k = k,
                          .dtype = ACN_F32,
                          .c_dtype = ACN_F32,
                          .a = {.row_stride = k, .col_stride = 1},
                          .b = {.row_stride = n, .col_stride = 1},
                          .c = {.row_stride = n, .col_stride = 1},
                          .alpha = 1};
    free(own.workspace);
    if (posix_memalign(&own.workspace, 4096, acn_gemm_workspace_bytes(&own.gemm))) abort();
}

static void own_run(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c) {
    acn_gemm_run(&own.gemm, a, b, c, own.workspace);
}

const peer peer_own = {own_open, own_prepare, own_run};

/* ---- OpenBLAS ---------------------------------------------------------------------------------
 */

static void *open_first(const char *file, const char *const *names) {
    if (file) return dlopen(file, RTLD_NOW | RTLD_GLOBAL);
    void *library = NULL;
    for (int i = 0; names[i] && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
    return library;
}

/* The prefix of the build that PyPI carries. */
static void *openblas_symbol(void *library, const char *name, const char *prefixed) {
    void *symbol = dlsym(library, name);
    return symbol ? symbol : dlsym(library, prefixed);
}

enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANSPOSE = 111 };

static struct {
    void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*set_threads)(int threads);
} openblas;

static bool openblas_open(const char *file) {
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so",
                                        "libscipy_openblas.so", NULL};
    void *library = open_first(file, names);
    if (!library) return false;
    openblas.sgemm = openblas_symbol(library, "cblas_sgemm", "scipy_cblas_sgemm");
    openblas.set_threads =
        openblas_symbol(library, "openblas_set_num_threads", "scipy_openblas_set_num_threads");
    return openblas.sgemm && openblas.set_threads;
}

static void openblas_prepare(int64_t m, int64_t n, int64_t k, float *a, float *b, float *c,
                             int threads) {
    openblas.set_threads(threads);
}

static void openblas_run(int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                         float *c) {
    openblas.sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_NO_TRANSPOSE, (int)m, (int)n, (int)k,
                   1, a, (int)k, b, (int)n, 0, c, (int)n);
}

const peer peer_openblas = {openblas_open, openblas_prepare, openblas_run};

/* ---- oneDNN -----------------------------------------------------------------------------------
 */

enum { DNNL_CPU = 1, DNNL_F32 = 3, DNNL_IN_ORDER = 1, DNNL_DIMS = 12 };
enum { DNNL_ARG_SRC = 1, DNNL_ARG_DST = 17, DNNL_ARG_WEIGHTS = 33 };

typedef struct dnnl_arg {
    int index;
    void *memory;
} dnnl_arg;

static struct {
    int (*sgemm)(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                 const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                 int64_t ldc);
    void (*set_threads)(int threads); /* of the OpenMP run time that it was built with */
    int (*engine_create)(void **engine, int kind, size_t index);
    int (*stream_create)(void **stream, void *engine, unsigned flags);
    int (*stream_wait)(void *stream);
    int (*desc_create)(void **desc, int rank, const int64_t *dims, int dtype,
                       const int64_t *strides);
    int (*matmul_create)(void **desc, void *engine, const void *src, const void *weights,
                         const void *bias, const void *dst, const void *attributes);
    int (*primitive_create)(void **primitive, const void *desc);
    int (*memory_create)(void **memory, const void *desc, void *engine, void *data);
    int (*execute)(const void *primitive, void *stream, int count, const dnnl_arg *args);
    void *engine, *stream, *primitive;
    dnnl_arg args[3];
} dnnl;

static void *dnnl_library(const char *file) {
    static const char *const names[] = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so", NULL};
    void *library = open_first(file, names);
    if (library) dnnl.set_threads = dlsym(library, "omp_set_num_threads");
    return dnnl.set_threads ? library : NULL;
}

static bool dnnl_sgemm_open(const char *file) {
    void *library = dnnl_library(file);
    return library && (dnnl.sgemm = dlsym(library, "dnnl_sgemm"));
}

static void dnnl_sgemm_prepare(int64_t m, int64_t n, int64_t k, float *a, float *b, float *c,
                               int threads) {
    dnnl.set_threads(threads);
}

static void dnnl_sgemm_run(int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                           float *c) {
    dnnl.sgemm('N', 'N', m, n, k, 1, a, k, b, n, 0, c, n);
}

const peer peer_dnnl_sgemm = {dnnl_sgemm_open, dnnl_sgemm_prepare, dnnl_sgemm_run};

/* The matmul primitive, by the names of version 3; absent with version 2. */
static bool dnnl_matmul_open(const char *file) {
    void *library = dnnl_library(file);
    if (!library) return false;
    dnnl.engine_create = dlsym(library, "dnnl_engine_create");
    dnnl.stream_create = dlsym(library, "dnnl_stream_create");
    dnnl.stream_wait = dlsym(library, "dnnl_stream_wait");
    dnnl.desc_create = dlsym(library, "dnnl_memory_desc_create_with_strides");
    dnnl.matmul_create = dlsym(library, "dnnl_matmul_primitive_desc_create");
    dnnl.primitive_create = dlsym(library, "dnnl_primitive_create");
    dnnl.memory_create = dlsym(library, "dnnl_memory_create");
    dnnl.execute = dlsym(library, "dnnl_primitive_execute");
    return dnnl.engine_create && dnnl.stream_create && dnnl.stream_wait && dnnl.desc_create &&
           dnnl.matmul_create && dnnl.primitive_create && dnnl.memory_create && dnnl.execute &&
           dnnl.engine_create(&dnnl.engine, DNNL_CPU, 0) == 0 &&
           dnnl.stream_create(&dnnl.stream, dnnl.engine, DNNL_IN_ORDER) == 0;
}

static void *dnnl_matrix(void **desc, int64_t rows, int64_t cols, float *data) {
    const int64_t dims[DNNL_DIMS] = {rows, cols}, strides[DNNL_DIMS] = {cols, 1};
    void *memory = NULL;
    if (dnnl.desc_create(desc, 2, dims, DNNL_F32, strides)) abort();
    if (dnnl.memory_create(&memory, *desc, dnnl.engine, data)) abort();
    return memory;
}

/* What it creates lives as long as the process: a handful of shapes. */
static void dnnl_matmul_prepare(int64_t m, int64_t n, int64_t k, float *a, float *b, float *c,
                                int threads) {
    void *da, *db, *dc, *desc;
    dnnl.set_threads(threads);
    dnnl.args[0] = (dnnl_arg){DNNL_ARG_SRC, dnnl_matrix(&da, m, k, a)};
    dnnl.args[1] = (dnnl_arg){DNNL_ARG_WEIGHTS, dnnl_matrix(&db, k, n, b)};
    dnnl.args[2] = (dnnl_arg){DNNL_ARG_DST, dnnl_matrix(&dc, m, n, c)};
    if (dnnl.matmul_create(&desc, dnnl.engine, da, db, NULL, dc, NULL)) abort();
    if (dnnl.primitive_create(&dnnl.primitive, desc)) abort();
}

static void dnnl_matmul_run(int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                            float *c) {
    if (dnnl.execute(dnnl.primitive, dnnl.stream, 3, dnnl.args)) abort();
    dnnl.stream_wait(dnnl.stream);
}

const peer peer_dnnl_matmul = {dnnl_matmul_open, dnnl_matmul_prepare, dnnl_matmul_run};

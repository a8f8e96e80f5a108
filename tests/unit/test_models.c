/* Models through aclmdl: the ways to load one, several threads with several models, the order on a
 * stream, and unloading while runs are queued. */
#include "client.h"

#include "acl/acl_mdl.h"
#include "acl/acl_op.h"
#include "small_om.h"
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_BYTES = SMALL_IN * 4, OUT_BYTES = SMALL_OUT * 4, INVALID = 100000 };

static char om_path[128];

static int set_up(void **state) {
    make_small_om(om_path, sizeof om_path);
    OK(aclInit(NULL));
    return aclrtSetDevice(0);
}

static int tear_down(void **state) {
    unlink(om_path);
    return aclFinalize();
}

/* One buffer on the device. */
typedef struct data {
    aclmdlDataset *set;
    aclDataBuffer *buffer;
    void *device;
} data;

static data make_data(size_t bytes) {
    data d;
    OK(aclrtMalloc(&d.device, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    d.buffer = aclCreateDataBuffer(d.device, bytes);
    d.set = aclmdlCreateDataset();
    OK(aclmdlAddDatasetBuffer(d.set, d.buffer));
    return d;
}

static void free_data(data *d) {
    OK(aclDestroyDataBuffer(d->buffer));
    OK(aclmdlDestroyDataset(d->set));
    OK(aclrtFree(d->device));
}

static void picture(int seed, float *out) {
    for (int i = 0; i < SMALL_IN; i++)
        out[i] = (float)((i * 7 + seed * 13) % 11) * 0.02f - 0.1f * (float)(seed % 3);
}

static void feed(const data *in, int seed) {
    float x[SMALL_IN];
    picture(seed, x);
    OK(aclrtMemcpy(in->device, IN_BYTES, x, IN_BYTES, ACL_MEMCPY_HOST_TO_DEVICE));
}

static void fetch(const data *out, float *y) {
    OK(aclrtMemcpy(y, OUT_BYTES, out->device, OUT_BYTES, ACL_MEMCPY_DEVICE_TO_HOST));
}

static void run(uint32_t model, int seed, float *y) {
    data in = make_data(IN_BYTES), out = make_data(OUT_BYTES);
    feed(&in, seed);
    OK(aclmdlExecute(model, in.set, out.set));
    fetch(&out, y);
    free_data(&in);
    free_data(&out);
}

static uint32_t load(void) {
    uint32_t model;
    OK(aclmdlLoadFromFile(om_path, &model));
    return model;
}

static void same(uint32_t model, int seed, const float *want) {
    float y[SMALL_OUT];
    run(model, seed, y);
    assert_memory_equal(y, want, OUT_BYTES);
}

static size_t read_file(void *to, size_t room) {
    FILE *file = fopen(om_path, "rb");
    assert_non_null(file);
    size_t size = fread(to, 1, room, file);
    fclose(file);
    return size;
}

static void set_option(aclmdlConfigHandle *config, aclmdlConfigAttr attr, const void *value) {
    OK(aclmdlSetConfigOpt(config, attr, value, 8));
}

static void every_way_to_load(void **state) {
    static char bytes[1 << 16];
    float want[SMALL_OUT], other[SMALL_OUT];
    size_t size = read_file(bytes, sizeof bytes), work, weights;
    const char *path = om_path;
    const void *model = bytes;
    void *work_memory, *weight_memory;
    uint32_t id = load();
    run(id, 1, want);
    run(id, 2, other);
    assert_memory_not_equal(want, other, OUT_BYTES);
    OK(aclmdlUnload(id));
    OK(aclmdlQuerySize(om_path, &work, &weights));
    OK(aclrtMalloc(&work_memory, work, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMalloc(&weight_memory, weights, ACL_MEM_MALLOC_HUGE_FIRST));
    for (size_t type = ACL_MDL_LOAD_FROM_FILE; type <= ACL_MDL_LOAD_FROM_MEM_WITH_MEM; type++) {
        aclmdlConfigHandle *config = aclmdlCreateConfigHandle();
        int32_t priority = 0;
        assert_int_equal(aclmdlLoadWithConfig(config, &id), INVALID);
        set_option(config, ACL_MDL_LOAD_TYPE_SIZET, &type);
        assert_int_equal(aclmdlLoadWithConfig(config, &id), INVALID);
        set_option(config, ACL_MDL_PATH_PTR, &path);
        set_option(config, ACL_MDL_MEM_ADDR_PTR, &model);
        set_option(config, ACL_MDL_MEM_SIZET, &size);
        set_option(config, ACL_MDL_WORKSPACE_ADDR_PTR, &work_memory);
        set_option(config, ACL_MDL_WORKSPACE_SIZET, &work);
        set_option(config, ACL_MDL_WEIGHT_ADDR_PTR, &weight_memory);
        set_option(config, ACL_MDL_WEIGHT_SIZET, &weights);
        OK(aclmdlSetConfigOpt(config, ACL_MDL_PRIORITY_INT32, &priority, sizeof priority));
        OK(aclmdlLoadWithConfig(config, &id));
        same(id, 1, want);
        OK(aclmdlUnload(id));
        size_t little = work - 1;
        set_option(config, ACL_MDL_WORKSPACE_SIZET, &little);
        bool has_memory =
            type == ACL_MDL_LOAD_FROM_FILE_WITH_MEM || type == ACL_MDL_LOAD_FROM_MEM_WITH_MEM;
        assert_int_equal(aclmdlLoadWithConfig(config, &id), has_memory ? INVALID : 0);
        if (!has_memory) OK(aclmdlUnload(id));
        OK(aclmdlDestroyConfigHandle(config));
        assert_int_equal(aclmdlDestroyConfigHandle(config), INVALID);
    }
    OK(aclrtFree(work_memory));
    OK(aclrtFree(weight_memory));
}

static void a_stream_keeps_the_order(void **state) {
    enum { RUNS = 20 };
    float want[RUNS][SMALL_OUT], x[RUNS][SMALL_IN], y[SMALL_OUT];
    uint32_t model = load();
    aclrtStream stream;
    data in = make_data(IN_BYTES), out[RUNS];
    OK(aclrtCreateStream(&stream));
    for (int i = 0; i < RUNS; i++) {
        out[i] = make_data(OUT_BYTES);
        run(model, i, want[i]);
        picture(i, x[i]);
    }
    for (int i = 0; i < RUNS; i++) { /* always the same input memory */
        OK(aclrtMemcpyAsync(in.device, IN_BYTES, x[i], IN_BYTES, ACL_MEMCPY_HOST_TO_DEVICE,
                            stream));
        OK(aclmdlExecuteAsync(model, in.set, out[i].set, stream));
    }
    OK(aclmdlUnload(model)); /* queued runs have their model until they are through */
    OK(aclrtSynchronizeStream(stream));
    for (int i = 0; i < RUNS; i++) {
        fetch(&out[i], y);
        assert_memory_equal(y, want[i], OUT_BYTES);
    }
    assert_int_equal(aclmdlExecute(model, in.set, out[0].set), INVALID);
    assert_int_equal(aclmdlUnload(model), INVALID);
    for (int i = 0; i < RUNS; i++)
        free_data(&out[i]);
    free_data(&in);
    OK(aclrtDestroyStream(stream));
}

typedef struct worker {
    pthread_t thread;
    uint32_t shared;
    const float (*want)[SMALL_OUT];
    int seed, wrong;
} worker;

static void *work(void *context) {
    worker *w = context;
    float y[SMALL_OUT];
    if (aclrtSetDevice(0) != 0) w->wrong++;
    uint32_t own = load();
    for (int i = 0; i < 40; i++) {
        run(i % 2 ? own : w->shared, w->seed, y);
        w->wrong += memcmp(y, w->want[w->seed], OUT_BYTES) != 0;
    }
    if (aclmdlUnload(own) != 0) w->wrong++;
    return NULL;
}

static void threads_with_models(void **state) {
    enum { THREADS = 4 };
    float want[THREADS][SMALL_OUT];
    worker workers[THREADS];
    uint32_t shared = load();
    for (int i = 0; i < THREADS; i++)
        run(shared, i, want[i]);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.shared = shared, .want = (const float(*)[SMALL_OUT])want, .seed = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    OK(aclmdlUnload(shared));
}

static void a_run_has_options(void **state) {
    uint32_t model = load();
    float want[SMALL_OUT], y[SMALL_OUT];
    int32_t timeout = 60000, wrong = -2;
    aclrtStream stream;
    data in = make_data(IN_BYTES), out = make_data(OUT_BYTES);
    aclmdlExecConfigHandle *config = aclmdlCreateExecConfigHandle();
    run(model, 5, want);
    feed(&in, 5);
    OK(aclrtCreateStream(&stream));
    OK(aclmdlSetExecConfigOpt(config, ACL_MDL_STREAM_SYNC_TIMEOUT, &timeout, sizeof timeout));
    assert_int_equal(
        aclmdlSetExecConfigOpt(config, ACL_MDL_STREAM_SYNC_TIMEOUT, &wrong, sizeof wrong), INVALID);
    assert_int_equal(aclmdlSetExecConfigOpt(config, ACL_MDL_STREAM_SYNC_TIMEOUT, &timeout, 8),
                     INVALID);
    OK(aclmdlExecuteV2(model, in.set, out.set, stream, config));
    fetch(&out, y);
    assert_memory_equal(y, want, OUT_BYTES);
    OK(aclmdlDestroyExecConfigHandle(config));
    assert_int_equal(aclmdlExecuteV2(model, in.set, out.set, stream, config), INVALID);
    OK(aclrtDestroyStream(stream));
    free_data(&in);
    free_data(&out);
    OK(aclmdlUnload(model));
}

static void wrong_datasets_are_refused(void **state) {
    uint32_t model = load();
    data in = make_data(IN_BYTES), small = make_data(4), out = make_data(OUT_BYTES);
    aclmdlDataset *empty = aclmdlCreateDataset();
    assert_int_equal(aclmdlExecute(model, empty, out.set), INVALID);
    assert_int_equal(aclmdlExecute(model, in.set, empty), INVALID);
    assert_int_equal(aclmdlExecute(model, in.set, small.set), INVALID);
    assert_non_null(strstr(aclGetRecentErrMsg(), "has 4 bytes; the model needs 16"));
    assert_int_equal(aclmdlExecute(model, small.set, out.set), INVALID);
    assert_int_equal(aclmdlExecute(model + 1000, in.set, out.set), INVALID);
    assert_int_equal(aclmdlSetDynamicBatchSize(model, in.set, 0, 1), INVALID);
    OK(aclmdlExecute(model, in.set, out.set));
    OK(aclmdlDestroyDataset(empty));
    free_data(&in);
    free_data(&small);
    free_data(&out);
    OK(aclmdlUnload(model));
}

static void names_and_shapes(void **state) {
    uint32_t model = load();
    aclmdlDesc *desc = aclmdlCreateDesc(), *other = aclmdlCreateDesc();
    aclmdlIODims dims;
    aclmdlIODimsRange range;
    size_t index;
    OK(aclmdlGetDesc(desc, model));
    OK(aclmdlGetDescFromFile(other, om_path));
    for (int i = 0; i < 2; i++) {
        const aclmdlDesc *d = i ? other : desc;
        OK(aclmdlGetInputDims(d, 0, &dims));
        assert_int_equal(dims.dimCount, 4);
        assert_int_equal(dims.dims[2], 6);
        OK(aclmdlGetInputDimsRange(d, 0, &range));
        assert_int_equal(range.rangeCount, 0);
        OK(aclmdlGetCurOutputDims(d, 0, &dims));
        assert_int_equal(dims.dims[1], SMALL_OUT);
        assert_string_equal(dims.name, "z:0:z");
        OK(aclmdlGetOutputIndexByName(d, "z:0:z", &index));
        assert_string_equal(aclmdlGetTensorRealName(d, "x"), "x");
        assert_string_equal(aclmdlGetTensorRealName(d, dims.name), "z:0:z");
        assert_null(aclmdlGetTensorRealName(d, "nothing"));
        assert_int_equal(aclmdlGetInputIndexByName(d, ACL_DYNAMIC_TENSOR_NAME, &index), INVALID);
    }
    OK(aclmdlDestroyDesc(other));
    OK(aclmdlDestroyDesc(desc));
    OK(aclmdlUnload(model));
}

/* Models of single operators are looked at and add nothing: each operator is in the library. */
static void operators_come_as_models(void **state) {
    char folder[] = "/tmp/acn_op_models_XXXXXX", inner[64], path[96];
    uint8_t bytes[1 << 14];
    aclopHandle *handle;
    assert_non_null(mkdtemp(folder));
    snprintf(inner, sizeof inner, "%s/inner", folder);
    snprintf(path, sizeof path, "%s/one.om", inner);
    OK(aclopSetModelDir(folder)); /* empty */
    assert_int_equal(mkdir(inner, 0700), 0);
    FILE *source = fopen(om_path, "re"), *copy = fopen(path, "we");
    size_t size = fread(bytes, 1, sizeof bytes, source);
    assert_int_equal(fwrite(bytes, 1, size, copy), size);
    fclose(source);
    fclose(copy);
    OK(aclopSetModelDir(folder));
    OK(aclopLoad(bytes, size));
    FAILS(INVALID, "aclopLoad", "NULL", aclopLoad(NULL, size));
    FAILS(100006, "aclopLoad", "does not begin", aclopLoad(bytes + 1, size - 1));
    FAILS(100006, "aclopLoad", "", aclopLoad(bytes, 300));
    char *type = memmem(bytes, size, "MatMul", 6);
    assert_non_null(type);
    memcpy(type, "MetMul", 6);
    FAILS(100025, "aclopLoad", "MetMul", aclopLoad(bytes, size));
    assert_int_equal(truncate(path, 200), 0);
    FAILS(100006, "aclopSetModelDir", "one.om", aclopSetModelDir(folder));
    unlink(path);
    rmdir(inner);
    rmdir(folder);
    FAILS(100003, "aclopSetModelDir", folder, aclopSetModelDir(folder));
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopCreateHandle("Muls", 0, NULL, 0, NULL, attr, &handle)); /* a type of GE only */
    aclopDestroyHandle(handle);
    aclopDestroyAttr(attr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_come_as_models), cmocka_unit_test(every_way_to_load),
        cmocka_unit_test(a_stream_keeps_the_order), cmocka_unit_test(threads_with_models),
        cmocka_unit_test(a_run_has_options),        cmocka_unit_test(wrong_datasets_are_refused),
        cmocka_unit_test(names_and_shapes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Memory that runs out while models are loaded, looked at, run and unloaded: see
 * scarce_scenarios.h. */
#include "scarce_scenarios.h"

#include "acl/acl_mdl.h"
#include "acl/acl_op.h"
#include "small_om.h"
#include <sys/stat.h>

static char folder[] = "/tmp/acn_scarce_models_XXXXXX", path[96];
static uint8_t model_bytes[1 << 16];
static size_t model_size;

static int operator_models(void) {
    int code = aclopSetModelDir(folder);
    FIRST(aclopLoad(model_bytes, model_size));
    return code;
}

static int looked_at(void) {
    aclmdlDesc *desc = aclmdlCreateDesc();
    aclmdlIODims dims;
    size_t work, weights;
    int code = MADE(desc);
    FIRST(aclmdlQuerySize(path, &work, &weights));
    FIRST(aclmdlQuerySizeFromMem(model_bytes, model_size, &work, &weights));
    if (desc) {
        int described;
        FIRST(described = aclmdlGetDescFromFile(desc, path));
        if (described == 0) FIRST(aclmdlGetInputDims(desc, 0, &dims));
        FIRST(aclmdlDestroyDesc(desc));
    }
    return code;
}

/* One dataset with one buffer of |bytes|. */
static aclmdlDataset *make_set(void *memory, size_t bytes) {
    aclmdlDataset *set = aclmdlCreateDataset();
    aclDataBuffer *buffer = aclCreateDataBuffer(memory, bytes);
    if (set && buffer && aclmdlAddDatasetBuffer(set, buffer) == 0) return set;
    aclDestroyDataBuffer(buffer);
    if (set) aclmdlDestroyDataset(set);
    return NULL;
}

static void free_set(aclmdlDataset *set) {
    if (!set) return;
    aclDestroyDataBuffer(aclmdlGetDatasetBuffer(set, 0));
    aclmdlDestroyDataset(set);
}

static int run_model(uint32_t model) {
    void *memory = NULL;
    int code = aclrtMalloc(&memory, 4 * (SMALL_IN + SMALL_OUT), ACL_MEM_MALLOC_HUGE_FIRST);
    if (code != 0) return code;
    aclmdlDataset *in = make_set(memory, SMALL_IN * 4L);
    aclmdlDataset *out = in ? make_set((float *)memory + SMALL_IN, SMALL_OUT * 4L) : NULL;
    FIRST(MADE(in && out));
    FIRST(aclrtMemcpy(memory, SMALL_IN * 4, x, sizeof x < SMALL_IN * 4 ? sizeof x : SMALL_IN * 4,
                      ACL_MEMCPY_HOST_TO_DEVICE));
    if (in && out) {
        FIRST(aclmdlExecute(model, in, out));
        FIRST(aclmdlExecuteAsync(model, in, out, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    free_set(out);
    free_set(in);
    FIRST(aclrtFree(memory));
    return code;
}

static int from_file(void) {
    uint32_t model;
    int code = aclmdlLoadFromFile(path, &model);
    if (code != 0) return code;
    FIRST(run_model(model));
    FIRST(aclmdlUnload(model));
    return code;
}

static int from_memory(void) {
    uint32_t model;
    int code = aclmdlLoadFromMem(model_bytes, model_size, &model);
    if (code != 0) return code;
    FIRST(run_model(model));
    FIRST(aclmdlUnload(model));
    return code;
}

/* In a child: converting starts what the scenarios must start themselves. */
static void make_model(void) {
    char made[96];
    int status;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/one.om", folder);
    pid_t child = fork();
    if (child == 0) {
        make_small_om(made, sizeof made);
        _exit(rename(made, path) != 0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    model_size = fread(model_bytes, 1, sizeof model_bytes, file);
    fclose(file);
}

static const scenario scenarios[] = {
    {"operator_models", operator_models, false},
    {"looked_at", looked_at, false},
    {"from_file", from_file, false},
    {"from_memory", from_memory, false},
};

int main(void) {
    make_model();
    int failed = run_scenarios(scenarios, COUNT_OF(scenarios));
    unlink(path);
    rmdir(folder);
    return failed;
}

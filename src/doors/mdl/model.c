/* model.c - loading, running and unloading of compiled models. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/mdl/mdl.h"
#include <string.h>

/* ---- loading --------------------------------------------------------------------------------- */

acn_status acn_load_file(const char *path, const acn_load_memory *memory, uint32_t *out_id) {
    acn_om om;
    ACN_TRY(acn_om_open(path, &om));
    return acn_loaded_add(&om, memory, out_id);
}

acn_status acn_load_memory_model(const void *bytes, size_t size, const acn_load_memory *memory,
                                 uint32_t *out_id) {
    acn_om om;
    ACN_TRY(acn_om_read_copy("the model in memory", bytes, size, &om));
    return acn_loaded_add(&om, memory, out_id);
}

aclError aclmdlLoadFromFile(const char *modelPath, uint32_t *modelId) {
    ACN_REQUIRE(modelPath);
    ACN_REQUIRE(modelId);
    return ACN_ACL(acn_load_file(modelPath, &(acn_load_memory){0}, modelId));
}

aclError aclmdlLoadFromMem(const void *model, size_t modelSize, uint32_t *modelId) {
    ACN_REQUIRE(model);
    ACN_REQUIRE(modelId);
    return ACN_ACL(acn_load_memory_model(model, modelSize, &(acn_load_memory){0}, modelId));
}

aclError aclmdlLoadFromFileWithMem(const char *modelPath, uint32_t *modelId, void *workPtr,
                                   size_t workSize, void *weightPtr, size_t weightSize) {
    ACN_REQUIRE(modelPath);
    ACN_REQUIRE(modelId);
    const acn_load_memory memory = {workPtr, weightPtr, workSize, weightSize};
    return ACN_ACL(acn_load_file(modelPath, &memory, modelId));
}

aclError aclmdlLoadFromMemWithMem(const void *model, size_t modelSize, uint32_t *modelId,
                                  void *workPtr, size_t workSize, void *weightPtr,
                                  size_t weightSize) {
    ACN_REQUIRE(model);
    ACN_REQUIRE(modelId);
    const acn_load_memory memory = {workPtr, weightPtr, workSize, weightSize};
    return ACN_ACL(acn_load_memory_model(model, modelSize, &memory, modelId));
}

aclError aclmdlUnload(uint32_t modelId) { return ACN_ACL(acn_loaded_remove(modelId)); }

static acn_status query(acn_om *om, size_t *work, size_t *weights) {
    size_t work_bytes, weight_bytes;
    acn_status status = acn_loaded_sizes(om, &work_bytes, &weight_bytes);
    acn_om_close(om);
    if (status != ACN_OK) return status;
    *work = work_bytes;
    *weights = weight_bytes;
    return ACN_OK;
}

aclError aclmdlQuerySize(const char *fileName, size_t *workSize, size_t *weightSize) {
    ACN_REQUIRE(fileName);
    ACN_REQUIRE(workSize);
    ACN_REQUIRE(weightSize);
    acn_om om;
    acn_status status = acn_om_open(fileName, &om);
    if (status == ACN_OK) status = query(&om, workSize, weightSize);
    return ACN_ACL(status);
}

aclError aclmdlQuerySizeFromMem(const void *model, size_t modelSize, size_t *workSize,
                                size_t *weightSize) {
    ACN_REQUIRE(model);
    ACN_REQUIRE(workSize);
    ACN_REQUIRE(weightSize);
    acn_om om;
    acn_status status = acn_om_read("the model in memory", model, modelSize, &om);
    if (status == ACN_OK) status = query(&om, workSize, weightSize);
    return ACN_ACL(status);
}

/* ---- running --------------------------------------------------------------------------------- */

static acn_status execute(uint32_t id, const aclmdlDataset *input, aclmdlDataset *output,
                          acn_stream *stream) {
    acn_model_buffers b = {0};
    acn_loaded *loaded;
    acn_status status;
    ACN_TRY(acn_loaded_find(id, &loaded));
    ACN_TRY_OR(release, acn_dataset_buffers("input", input, &b.inputs, &b.input_count));
    ACN_TRY_OR(release, acn_dataset_buffers("output", output, &b.outputs, &b.output_count));
    ACN_TRY_OR(release, acn_loaded_execute(loaded, &b, stream));
    const acn_model_set *set = acn_loaded_set(loaded);
    status = acn_dataset_describe(output, b.outputs, set->outputs, set->output_count);
release:
    acn_dataset_release(b.outputs);
    acn_dataset_release(b.inputs);
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlExecute(uint32_t modelId, const aclmdlDataset *input, aclmdlDataset *output) {
    return ACN_ACL(execute(modelId, input, output, NULL));
}

static acn_status execute_async(uint32_t id, const aclmdlDataset *input, aclmdlDataset *output,
                                aclrtStream handle, acn_stream **out_stream) {
    ACN_TRY(acn_stream_resolve(handle, out_stream));
    return execute(id, input, output, *out_stream);
}

aclError aclmdlExecuteAsync(uint32_t modelId, const aclmdlDataset *input, aclmdlDataset *output,
                            aclrtStream stream) {
    acn_stream *resolved;
    return ACN_ACL(execute_async(modelId, input, output, stream, &resolved));
}

aclError aclmdlExecuteAsyncV2(uint32_t modelId, const aclmdlDataset *input, aclmdlDataset *output,
                              aclrtStream stream, const aclmdlExecConfigHandle *handle) {
    acn_stream *resolved;
    const acn_run_config *config;
    acn_status status = acn_run_config_resolve(handle, &config);
    if (status == ACN_OK) status = execute_async(modelId, input, output, stream, &resolved);
    return ACN_ACL(status);
}

aclError aclmdlExecuteV2(uint32_t modelId, const aclmdlDataset *input, aclmdlDataset *output,
                         aclrtStream stream, const aclmdlExecConfigHandle *handle) {
    acn_stream *resolved;
    const acn_run_config *config;
    acn_status status = acn_run_config_resolve(handle, &config);
    if (status == ACN_OK) status = execute_async(modelId, input, output, stream, &resolved);
    if (status == ACN_OK) status = acn_stream_synchronize(resolved, config->timeout_ms);
    return ACN_ACL(status);
}

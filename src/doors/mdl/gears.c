/* gears.c - choosing among the sizes that a model was made for. The choice is written into the
 * model's last input, as CANN does it, so that it goes with the dataset. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "doors/mdl/mdl.h"
#include "runtime/memory.h"
#include <stdio.h>
#include <string.h>

static const char *const setters[ACN_SET_KINDS] = {
    [ACN_SET_BATCH] = "aclmdlSetDynamicBatchSize",
    [ACN_SET_IMAGE] = "aclmdlSetDynamicHWSize",
    [ACN_SET_DIMS] = "aclmdlSetInputDynamicDims",
};

static acn_status check_input(const acn_model_set *set, acn_set_kind kind, size_t index) {
    if (set->kind != kind)
        return acn_fail(ACN_INVALID_ARGUMENT, "the model %s%s",
                        setters[set->kind] ? "has gears of another kind; use "
                                           : "has no gears of this kind; convert it with them",
                        setters[set->kind] ? setters[set->kind] : "");
    if (index != (size_t)set->input_count - 1)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "index is %zu; expected %d, that of input " ACN_GEAR_INPUT
                        " (aclmdlGetInputIndexByName)",
                        index, set->input_count - 1);
    return ACN_OK;
}

/* As 64-bit numbers when the buffer has room for those, otherwise as 32-bit ones. */
static acn_status write_gear(const acn_model_set *set, const acn_model_buffer *buffer,
                             const int64_t *gear) {
    size_t length = (size_t)set->gear_length;
    if (buffer->data == NULL || buffer->bytes < length * sizeof(int32_t))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "the buffer of input " ACN_GEAR_INPUT
                        " has %zu bytes; expected memory of %llu (aclmdlGetInputSizeByIndex)",
                        buffer->bytes, (unsigned long long)set->inputs[set->input_count - 1].bytes);
    char *to = acn_memory_view(buffer->data);
    if (buffer->bytes >= length * sizeof *gear) {
        memcpy(to, gear, length * sizeof *gear);
        return ACN_OK;
    }
    for (size_t i = 0; i < length; i++) {
        int32_t number = (int32_t)gear[i];
        memcpy(to + i * sizeof number, &number, sizeof number);
    }
    return ACN_OK;
}

static acn_status no_such_gear(const acn_model_set *set, const int64_t *gear) {
    char given[256] = "", known[512] = "";
    size_t given_end = 0, known_end = 0;
    for (int i = 0; i < set->gear_length && given_end < sizeof given - 24; i++)
        given_end += (size_t)snprintf(given + given_end, sizeof given - given_end, "%s%lld",
                                      i ? "," : "", (long long)gear[i]);
    for (int i = 0; i < set->model_count * set->gear_length; i++) {
        if (known_end > sizeof known - 32) break;
        const char *separator = i == 0 ? "" : i % set->gear_length ? "," : "; ";
        known_end += (size_t)snprintf(known + known_end, sizeof known - known_end, "%s%lld",
                                      separator, (long long)set->gears[i]);
    }
    return acn_fail(ACN_INVALID_ARGUMENT, "%s is no gear of the model; it has %s", given, known);
}

static acn_status choose(acn_loaded *loaded, const aclmdlDataset *dataset, size_t index,
                         const int64_t *gear) {
    const acn_model_set *set = acn_loaded_set(loaded);
    acn_model_buffer buffer;
    int found = acn_set_find_gear(set, gear);
    if (found < 0) return no_such_gear(set, gear);
    ACN_TRY(acn_dataset_buffer(dataset, index, &buffer));
    ACN_TRY(write_gear(set, &buffer, gear));
    acn_loaded_choose_gear(loaded, found);
    return ACN_OK;
}

static acn_status set_gear(uint32_t id, acn_set_kind kind, const aclmdlDataset *dataset,
                           size_t index, const int64_t *gear) {
    acn_loaded *loaded;
    ACN_TRY(acn_loaded_find(id, &loaded));
    acn_status status = check_input(acn_loaded_set(loaded), kind, index);
    if (status == ACN_OK) status = choose(loaded, dataset, index, gear);
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlSetDynamicBatchSize(uint32_t modelId, aclmdlDataset *dataset, size_t index,
                                   uint64_t batchSize) {
    const int64_t gear[] = {(int64_t)batchSize};
    return ACN_ACL(set_gear(modelId, ACN_SET_BATCH, dataset, index, gear));
}

aclError aclmdlSetDynamicHWSize(uint32_t modelId, aclmdlDataset *dataset, size_t index,
                                uint64_t height, uint64_t width) {
    const int64_t gear[] = {(int64_t)height, (int64_t)width};
    return ACN_ACL(set_gear(modelId, ACN_SET_IMAGE, dataset, index, gear));
}

/* |dims| has the sizes of all inputs, one behind the other; those that are open make the gear. */
static acn_status read_gear(const acn_model_set *set, const aclmdlIODims *dims, int64_t *gear) {
    size_t at = 0, open = 0;
    for (int i = 0; i + 1 < set->input_count; i++)
        for (int d = 0; d < set->inputs[i].rank; d++, at++) {
            int64_t n = set->inputs[i].dims[d];
            if (at >= dims->dimCount || at >= ACL_MAX_DIM_CNT) continue;
            if (n < 0 && open < (size_t)set->gear_length)
                gear[open++] = dims->dims[at];
            else if (n != dims->dims[at])
                return acn_fail(ACN_INVALID_ARGUMENT,
                                "dims->dims[%zu] is %lld; dimension %d of input %s is %lld", at,
                                (long long)dims->dims[at], d, set->inputs[i].name, (long long)n);
        }
    if (at == dims->dimCount && open == (size_t)set->gear_length) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "dims->dimCount is %zu; all inputs together have %zu dimensions",
                    dims->dimCount, at);
}

static acn_status set_dims(uint32_t id, const aclmdlDataset *dataset, size_t index,
                           const aclmdlIODims *dims) {
    int64_t gear[ACN_MAX_GEAR_LENGTH] = {0};
    acn_loaded *loaded;
    ACN_TRY(acn_loaded_find(id, &loaded));
    acn_status status = check_input(acn_loaded_set(loaded), ACN_SET_DIMS, index);
    if (status == ACN_OK) status = read_gear(acn_loaded_set(loaded), dims, gear);
    if (status == ACN_OK) status = choose(loaded, dataset, index, gear);
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlSetInputDynamicDims(uint32_t modelId, aclmdlDataset *dataset, size_t index,
                                   const aclmdlIODims *dims) {
    ACN_REQUIRE(dims);
    return ACN_ACL(set_dims(modelId, dataset, index, dims));
}

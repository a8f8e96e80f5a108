/* desc.c - aclmdlDesc: what a model's inputs and outputs are. */
#include "acl/acl.h"
#include "base/slab.h"
#include "doors/ascendcl/args.h"
#include "doors/mdl/mdl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DESCS = 1 << 16 };

typedef struct side {
    acn_model_port *ports;
    int count;
} side;

typedef struct desc {
    side input, output;
    acn_set_kind kind;
    int64_t *gears;
    int gear_count, gear_length;
    uint32_t model; /* that was loaded; 0: a file */
    acn_arena arena;
} desc;

static acn_slab slab = ACN_SLAB("aclmdlDesc", sizeof(desc), MAX_DESCS);

static acn_status resolve(const void *handle, desc **out) {
    if (handle == NULL)
        return acn_fail(ACN_NULL_POINTER, "modelDesc is NULL; expected an aclmdlDesc");
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(
            ACN_INVALID_ARGUMENT,
            "modelDesc is %p, which is no live aclmdlDesc; it was destroyed or is foreign", handle);
    *out = (desc *)handle;
    return ACN_OK;
}

aclmdlDesc *aclmdlCreateDesc(void) {
    desc *d = acn_slab_alloc(&slab);
    if (d == NULL) {
        ACN_ACL(acn_fail(ACN_BAD_ALLOC, "too many aclmdlDesc are alive; destroy some"));
        return NULL;
    }
    *d = (desc){0};
    return (aclmdlDesc *)d;
}

aclError aclmdlDestroyDesc(aclmdlDesc *modelDesc) {
    desc *d = NULL;
    acn_status status = resolve(modelDesc, &d);
    if (status != ACN_OK) return ACN_ACL(status);
    acn_arena_release(&d->arena);
    acn_slab_free(&slab, d);
    return 0;
}

/* ---- filling --------------------------------------------------------------------------------- */

static acn_status copy_side(acn_arena *arena, side *to, const acn_model_port *ports, int count) {
    to->ports = acn_arena_alloc(arena, ((size_t)count + 1) * sizeof *ports);
    if (to->ports == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a description");
    for (int i = 0; i < count; i++) {
        to->ports[i] = ports[i];
        to->ports[i].name = acn_arena_copy(arena, ports[i].name, strlen(ports[i].name) + 1);
        if (!to->ports[i].name) return acn_fail(ACN_BAD_ALLOC, "no host memory for a name");
    }
    to->count = count;
    return ACN_OK;
}

static acn_status copy_set(desc *d, const acn_model_set *set) {
    size_t bytes = (size_t)set->model_count * (size_t)set->gear_length * sizeof *set->gears;
    ACN_TRY(copy_side(&d->arena, &d->input, set->inputs, set->input_count));
    ACN_TRY(copy_side(&d->arena, &d->output, set->outputs, set->output_count));
    d->kind = set->kind;
    d->gear_count = set->model_count;
    d->gear_length = set->gear_length;
    d->gears = acn_arena_alloc(&d->arena, bytes + 1);
    if (d->gears == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a description");
    if (bytes) memcpy(d->gears, set->gears, bytes);
    return ACN_OK;
}

static acn_status fill(desc *d, const acn_model_set *set, uint32_t model) {
    desc fresh = {.model = model};
    acn_status status = copy_set(&fresh, set);
    if (status != ACN_OK) {
        acn_arena_release(&fresh.arena);
        return status;
    }
    acn_arena_release(&d->arena);
    *d = fresh;
    return ACN_OK;
}

static acn_status fill_from(const void *handle, acn_om *om) {
    desc *d = NULL;
    acn_model_set *set = NULL;
    acn_status status = resolve(handle, &d);
    if (status == ACN_OK) status = acn_om_set(om, &set);
    if (status == ACN_OK) status = fill(d, set, 0);
    acn_set_destroy(set);
    acn_om_close(om);
    return status;
}

static acn_status fill_from_loaded(const void *handle, uint32_t id) {
    desc *d = NULL;
    acn_loaded *loaded;
    ACN_TRY(resolve(handle, &d));
    ACN_TRY(acn_loaded_find(id, &loaded));
    acn_status status = fill(d, acn_loaded_set(loaded), id);
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlGetDesc(aclmdlDesc *modelDesc, uint32_t modelId) {
    return ACN_ACL(fill_from_loaded(modelDesc, modelId));
}

aclError aclmdlGetDescFromFile(aclmdlDesc *modelDesc, const char *modelPath) {
    ACN_REQUIRE(modelPath);
    acn_om om;
    acn_status status = acn_om_open(modelPath, &om);
    if (status == ACN_OK) status = fill_from(modelDesc, &om);
    return ACN_ACL(status);
}

aclError aclmdlGetDescFromMem(aclmdlDesc *modelDesc, const void *model, size_t modelSize) {
    ACN_REQUIRE(model);
    acn_om om;
    acn_status status = acn_om_read("the model in memory", model, modelSize, &om);
    if (status == ACN_OK) status = fill_from(modelDesc, &om);
    return ACN_ACL(status);
}

/* ---- reading --------------------------------------------------------------------------------- */

static acn_status port_of(const void *handle, bool is_input, size_t index,
                          const acn_model_port **out) {
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    const side *s = is_input ? &d->input : &d->output;
    if (index >= (size_t)s->count)
        return acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; the model has %d %s", index, s->count,
                        is_input ? "inputs" : "outputs");
    *out = &s->ports[index];
    return ACN_OK;
}

#define COUNT(function, part)                                                                      \
    size_t function(aclmdlDesc *modelDesc) {                                                       \
        desc *d = NULL;                                                                            \
        acn_status status = resolve(modelDesc, &d);                                                \
        if (status == ACN_OK) return (size_t)d->part.count;                                        \
        ACN_ACL(status);                                                                           \
        return 0;                                                                                  \
    }
COUNT(aclmdlGetNumInputs, input)
COUNT(aclmdlGetNumOutputs, output)

/* |value| of the port, or |fallback| after a mistake. */
#define READ(type, function, handle, is_input, value, fallback)                                    \
    type function(handle, size_t index) {                                                          \
        const acn_model_port *port = NULL;                                                         \
        acn_status status = port_of(modelDesc, is_input, index, &port);                            \
        if (status == ACN_OK) return (type)(value);                                                \
        ACN_ACL(status);                                                                           \
        return fallback;                                                                           \
    }
READ(size_t, aclmdlGetInputSizeByIndex, aclmdlDesc *modelDesc, true, port->bytes, 0)
READ(size_t, aclmdlGetOutputSizeByIndex, aclmdlDesc *modelDesc, false, port->bytes, 0)
READ(const char *, aclmdlGetInputNameByIndex, const aclmdlDesc *modelDesc, true, port->name, "")
READ(const char *, aclmdlGetOutputNameByIndex, const aclmdlDesc *modelDesc, false, port->name, "")
READ(aclDataType, aclmdlGetInputDataType, const aclmdlDesc *modelDesc, true, port->dtype,
     ACL_DT_UNDEFINED)
READ(aclDataType, aclmdlGetOutputDataType, const aclmdlDesc *modelDesc, false, port->dtype,
     ACL_DT_UNDEFINED)
READ(aclFormat, aclmdlGetInputFormat, const aclmdlDesc *modelDesc, true, ACL_FORMAT_ND,
     ACL_FORMAT_UNDEFINED)
READ(aclFormat, aclmdlGetOutputFormat, const aclmdlDesc *modelDesc, false, ACL_FORMAT_ND,
     ACL_FORMAT_UNDEFINED)

static void write_dims(const acn_model_port *port, aclmdlIODims *dims) {
    memset(dims, 0, sizeof *dims);
    snprintf(dims->name, sizeof dims->name, "%s", port->name);
    dims->dimCount = (size_t)port->rank;
    memcpy(dims->dims, port->dims, (size_t)port->rank * sizeof *port->dims);
}

static acn_status read_dims(const void *handle, bool is_input, size_t index, aclmdlIODims *dims) {
    const acn_model_port *port = NULL;
    ACN_TRY(port_of(handle, is_input, index, &port));
    write_dims(port, dims);
    return ACN_OK;
}

/* With gears, the shape that the one has which was chosen last. */
static acn_status read_current_dims(const void *handle, size_t index, aclmdlIODims *dims) {
    desc *d = NULL;
    acn_loaded *loaded;
    ACN_TRY(read_dims(handle, false, index, dims));
    ACN_TRY(resolve(handle, &d));
    if (d->model == 0 || d->gear_length == 0) return ACN_OK;
    ACN_TRY(acn_loaded_find(d->model, &loaded));
    const acn_model_set *set = acn_loaded_set(loaded);
    acn_status status = ACN_OK;
    if (acn_set_has_gears(set) && index < (size_t)set->output_count)
        write_dims(&set->models[acn_loaded_gear(loaded)]->outputs[index], dims);
    else
        status = acn_fail(ACN_INVALID_ARGUMENT, "modelDesc is of a model that was unloaded");
    acn_loaded_release(loaded);
    return status;
}

#define DIMS(function, is_input)                                                                   \
    aclError function(const aclmdlDesc *modelDesc, size_t index, aclmdlIODims *dims) {             \
        ACN_REQUIRE(dims);                                                                         \
        return ACN_ACL(read_dims(modelDesc, is_input, index, dims));                               \
    }
DIMS(aclmdlGetInputDims, true)
DIMS(aclmdlGetOutputDims, false)

aclError aclmdlGetCurOutputDims(const aclmdlDesc *modelDesc, size_t index, aclmdlIODims *dims) {
    ACN_REQUIRE(dims);
    return ACN_ACL(read_current_dims(modelDesc, index, dims));
}

/* As the network sees an input of images. */
static acn_status read_seen_dims(const void *handle, size_t index, aclmdlIODims *dims) {
    const acn_model_port *port = NULL;
    ACN_TRY(port_of(handle, true, index, &port));
    write_dims(port, dims);
    if (port->images == ACN_IMAGES_NONE) return ACN_OK;
    dims->dimCount = (size_t)port->seen_rank;
    memcpy(dims->dims, port->seen_dims, sizeof port->seen_dims);
    return ACN_OK;
}

aclError aclmdlGetInputDimsV2(const aclmdlDesc *modelDesc, size_t index, aclmdlIODims *dims) {
    ACN_REQUIRE(dims);
    return ACN_ACL(read_seen_dims(modelDesc, index, dims));
}

static acn_status read_range(const void *handle, size_t index, aclmdlIODimsRange *range) {
    const acn_model_port *port = NULL;
    ACN_TRY(port_of(handle, true, index, &port));
    memset(range, 0, sizeof *range);
    for (int d = 0; d < port->rank; d++)
        if (port->dims[d] < 0) range->rangeCount = (size_t)port->rank;
    for (size_t d = 0; d < range->rangeCount; d++)
        for (int end = 0; end < ACL_DIM_ENDPOINTS; end++)
            range->range[d][end] = port->range[d][end];
    return ACN_OK;
}

aclError aclmdlGetInputDimsRange(const aclmdlDesc *modelDesc, size_t index,
                                 aclmdlIODimsRange *dimsRange) {
    ACN_REQUIRE(dimsRange);
    return ACN_ACL(read_range(modelDesc, index, dimsRange));
}

static acn_status find_port(const void *handle, bool is_input, const char *name, size_t *out) {
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    const side *s = is_input ? &d->input : &d->output;
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->ports[i].name, name) == 0) {
            *out = (size_t)i;
            return ACN_OK;
        }
    return acn_fail(ACN_INVALID_ARGUMENT, "name is \"%s\"; no %s of the model is called that", name,
                    is_input ? "input" : "output");
}

#define INDEX(function, is_input)                                                                  \
    aclError function(const aclmdlDesc *modelDesc, const char *name, size_t *index) {              \
        ACN_REQUIRE(name);                                                                         \
        ACN_REQUIRE(index);                                                                        \
        return ACN_ACL(find_port(modelDesc, is_input, name, index));                               \
    }
INDEX(aclmdlGetInputIndexByName, true)
INDEX(aclmdlGetOutputIndexByName, false)

/* aclmdlIODims has room for 127 characters of a name; here is the whole of it. */
static acn_status find_name(const void *handle, const char *name, const char **out) {
    enum { SHORT = ACL_MAX_TENSOR_NAME_LEN - 1 };
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    const side *const sides[] = {&d->input, &d->output};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < sides[s]->count; i++) {
            const char *whole = sides[s]->ports[i].name;
            bool is_cut = strlen(name) == SHORT && strncmp(whole, name, SHORT) == 0;
            if (!is_cut && strcmp(whole, name) != 0) continue;
            *out = whole;
            return ACN_OK;
        }
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "name is \"%s\"; no input or output of the model is called that", name);
}

const char *aclmdlGetTensorRealName(const aclmdlDesc *modelDesc, const char *name) {
    const char *found = NULL;
    acn_status status = name ? find_name(modelDesc, name, &found)
                             : acn_fail(ACN_NULL_POINTER, "name is NULL; expected a name");
    if (status == ACN_OK) return found;
    ACN_ACL(status);
    return NULL;
}

/* ---- gears ----------------------------------------------------------------------------------- */

/* Without gears of the kind there are none to tell of, which is no mistake. */
static acn_status read_batches(const void *handle, aclmdlBatch *batch) {
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    memset(batch, 0, sizeof *batch);
    if (d->kind != ACN_SET_BATCH) return ACN_OK;
    for (int i = 0; i < d->gear_count && i < ACL_MAX_BATCH_NUM; i++)
        batch->batch[batch->batchCount++] = (uint64_t)d->gears[i];
    return ACN_OK;
}

aclError aclmdlGetDynamicBatch(const aclmdlDesc *modelDesc, aclmdlBatch *batch) {
    ACN_REQUIRE(batch);
    return ACN_ACL(read_batches(modelDesc, batch));
}

static acn_status read_images(const void *handle, aclmdlHW *hw) {
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    memset(hw, 0, sizeof *hw);
    if (d->kind != ACN_SET_IMAGE) return ACN_OK;
    for (int i = 0; i < d->gear_count && i < ACL_MAX_HW_NUM; i++, hw->hwCount++)
        for (int k = 0; k < 2; k++)
            hw->hw[i][k] = (uint64_t)d->gears[2 * i + k];
    return ACN_OK;
}

/* |index| is reserved: all inputs have the same. */
aclError aclmdlGetDynamicHW(const aclmdlDesc *modelDesc, size_t index, aclmdlHW *hw) {
    ACN_REQUIRE(hw);
    return ACN_ACL(read_images(modelDesc, hw));
}

static acn_status count_gears(const void *handle, size_t index, size_t *out) {
    desc *d = NULL;
    ACN_TRY(resolve(handle, &d));
    if (index != (size_t)-1)
        return acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; expected -1: gears are of all inputs",
                        index);
    *out = d->kind == ACN_SET_DIMS ? (size_t)d->gear_count : 0;
    return ACN_OK;
}

aclError aclmdlGetInputDynamicGearCount(const aclmdlDesc *modelDesc, size_t index,
                                        size_t *gearCount) {
    ACN_REQUIRE(gearCount);
    return ACN_ACL(count_gears(modelDesc, index, gearCount));
}

/* The sizes of all inputs, one behind the other, in each gear. */
static acn_status read_gears(const void *handle, size_t index, aclmdlIODims *dims, size_t room) {
    desc *d = NULL;
    size_t count = 0;
    ACN_TRY(count_gears(handle, index, &count));
    ACN_TRY(resolve(handle, &d));
    if (room < count)
        return acn_fail(ACN_INVALID_ARGUMENT, "gearCount is %zu; the model has %zu gears", room,
                        count);
    for (size_t g = 0; g < count; g++) {
        const int64_t *open = d->gears + g * (size_t)d->gear_length;
        memset(&dims[g], 0, sizeof dims[g]);
        for (int i = 0; i + 1 < d->input.count; i++)
            for (int k = 0; k < d->input.ports[i].rank && dims[g].dimCount < ACL_MAX_DIM_CNT; k++) {
                int64_t n = d->input.ports[i].dims[k];
                dims[g].dims[dims[g].dimCount++] = n < 0 ? *open++ : n;
            }
    }
    return ACN_OK;
}

aclError aclmdlGetInputDynamicDims(const aclmdlDesc *modelDesc, size_t index, aclmdlIODims *dims,
                                   size_t gearCount) {
    ACN_REQUIRE(dims);
    return ACN_ACL(read_gears(modelDesc, index, dims, gearCount));
}

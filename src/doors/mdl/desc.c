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

static acn_status fill(desc *d, const acn_model *model) {
    desc fresh = {0};
    acn_status status = copy_side(&fresh.arena, &fresh.input, model->inputs, model->input_count);
    if (status == ACN_OK)
        status = copy_side(&fresh.arena, &fresh.output, model->outputs, model->output_count);
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
    acn_model *model = NULL;
    acn_status status = resolve(handle, &d);
    if (status == ACN_OK) status = acn_om_model(om, &model);
    if (status == ACN_OK) status = fill(d, model);
    acn_model_destroy(model);
    acn_om_close(om);
    return status;
}

static acn_status fill_from_loaded(const void *handle, uint32_t id) {
    desc *d = NULL;
    acn_loaded *loaded;
    ACN_TRY(resolve(handle, &d));
    ACN_TRY(acn_loaded_find(id, &loaded));
    acn_status status = fill(d, acn_loaded_model(loaded));
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

static acn_status read_dims(const void *handle, bool is_input, size_t index, aclmdlIODims *dims) {
    const acn_model_port *port = NULL;
    ACN_TRY(port_of(handle, is_input, index, &port));
    memset(dims, 0, sizeof *dims);
    snprintf(dims->name, sizeof dims->name, "%s", port->name);
    dims->dimCount = (size_t)port->rank;
    memcpy(dims->dims, port->dims, (size_t)port->rank * sizeof *port->dims);
    return ACN_OK;
}

#define DIMS(function, is_input)                                                                   \
    aclError function(const aclmdlDesc *modelDesc, size_t index, aclmdlIODims *dims) {             \
        ACN_REQUIRE(dims);                                                                         \
        return ACN_ACL(read_dims(modelDesc, is_input, index, dims));                               \
    }
DIMS(aclmdlGetInputDims, true)
DIMS(aclmdlGetInputDimsV2, true)
DIMS(aclmdlGetOutputDims, false)
DIMS(aclmdlGetCurOutputDims, false)

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

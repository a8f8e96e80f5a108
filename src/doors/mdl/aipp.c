/* aipp.c - aclmdlAIPP: the parameters of image pre-processing for a run, written in CANN's layout
 * into the model's input for them. */
#include "ops/image/aipp.h"
#include "acl/acl.h"
#include "base/half.h"
#include "base/slab.h"
#include "doors/ascendcl/args.h"
#include "doors/mdl/mdl.h"
#include "runtime/memory.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_SETS = 1 << 12, MAX_BATCH = 127 }; /* the batch is an int8 in the layout */

typedef struct aipp {
    acn_aipp_head head;
    acn_aipp_image *images; /* head.batch of them */
} aipp;

static acn_slab slab = ACN_SLAB("aclmdlAIPP", sizeof(aipp), MAX_SETS);

static acn_status resolve(const void *handle, aipp **out) {
    if (handle == NULL)
        return acn_fail(ACN_NULL_POINTER, "aippParmsSet is NULL; expected an aclmdlAIPP");
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "aippParmsSet is %p, which is no live aclmdlAIPP; it was destroyed or is "
                        "foreign",
                        handle);
    *out = (aipp *)handle;
    return ACN_OK;
}

static acn_status resolve_image(const void *handle, uint64_t index, acn_aipp_image **out) {
    aipp *a = NULL;
    ACN_TRY(resolve(handle, &a));
    if (index >= (uint64_t)a->head.batch)
        return acn_fail(ACN_INVALID_ARGUMENT, "batchIndex is %llu; the set is for %d images",
                        (unsigned long long)index, a->head.batch);
    *out = &a->images[index];
    return ACN_OK;
}

static acn_status check_batch(uint64_t batch) {
    if (batch >= 1 && batch <= MAX_BATCH) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "batchSize is %llu; expected 1 to %d",
                    (unsigned long long)batch, MAX_BATCH);
}

static acn_status create(uint64_t batch, aipp **out) {
    static const int16_t matrix[9] = {256, 0, 0, 0, 256, 0, 0, 0, 256};
    ACN_TRY(check_batch(batch));
    acn_aipp_image *images = calloc(batch, sizeof *images);
    aipp *a = images ? acn_slab_alloc(&slab) : NULL;
    if (a == NULL) {
        free(images);
        return acn_fail(ACN_BAD_ALLOC, "too many aclmdlAIPP are alive; destroy some");
    }
    *a = (aipp){.head = {.batch = (int8_t)batch}, .images = images};
    memcpy(a->head.matrix, matrix, sizeof matrix);
    for (uint64_t i = 0; i < batch; i++)
        for (int k = 0; k < 4; k++)
            images[i].var_reci[k] = acn_f32_to_f16(1);
    *out = a;
    return ACN_OK;
}

aclmdlAIPP *aclmdlCreateAIPP(uint64_t batchSize) {
    aipp *a = NULL;
    acn_status status = create(batchSize, &a);
    if (status == ACN_OK) return (aclmdlAIPP *)a;
    ACN_ACL(status);
    return NULL;
}

aclError aclmdlDestroyAIPP(const aclmdlAIPP *aippParmsSet) {
    aipp *a = NULL;
    acn_status status = resolve(aippParmsSet, &a);
    if (status != ACN_OK) return ACN_ACL(status);
    free(a->images);
    acn_slab_free(&slab, a);
    return 0;
}

aclError aclmdlGetAippDataSize(uint64_t batchSize, size_t *size) {
    ACN_REQUIRE(size);
    acn_status status = check_batch(batchSize);
    if (status == ACN_OK) *size = sizeof(acn_aipp_head) + batchSize * sizeof(acn_aipp_image);
    return ACN_ACL(status);
}

/* ---- setting ----------------------------------------------------------------------------------
 */

static acn_status check_switch(const char *name, int value) {
    if (value == 0 || value == 1) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "%s is %d; expected 0 or 1", name, value);
}

static acn_status set_format(const void *handle, int format) {
    aipp *a = NULL;
    ACN_TRY(resolve(handle, &a));
    if (acn_aipp_frame_bytes(format, 2, 2) == 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "inputFormat is %d; ACL_YUV420SP_U8, ACL_XRGB8888_U8, ACL_RGB888_U8 and "
                        "ACL_YUV400_U8 are supported",
                        format);
    a->head.input_format = (uint8_t)format;
    return ACN_OK;
}

aclError aclmdlSetAIPPInputFormat(aclmdlAIPP *aippParmsSet, aclAippInputFormat inputFormat) {
    return ACN_ACL(set_format(aippParmsSet, (int)inputFormat));
}

aclError aclmdlSetAIPPCscParams(aclmdlAIPP *aippParmsSet, int8_t cscSwitch, int16_t cscMatrixR0C0,
                                int16_t cscMatrixR0C1, int16_t cscMatrixR0C2, int16_t cscMatrixR1C0,
                                int16_t cscMatrixR1C1, int16_t cscMatrixR1C2, int16_t cscMatrixR2C0,
                                int16_t cscMatrixR2C1, int16_t cscMatrixR2C2,
                                uint8_t cscOutputBiasR0, uint8_t cscOutputBiasR1,
                                uint8_t cscOutputBiasR2, uint8_t cscInputBiasR0,
                                uint8_t cscInputBiasR1, uint8_t cscInputBiasR2) {
    const int16_t matrix[9] = {cscMatrixR0C0, cscMatrixR0C1, cscMatrixR0C2,
                               cscMatrixR1C0, cscMatrixR1C1, cscMatrixR1C2,
                               cscMatrixR2C0, cscMatrixR2C1, cscMatrixR2C2};
    aipp *a = NULL;
    acn_status status = resolve(aippParmsSet, &a);
    if (status == ACN_OK) status = check_switch("cscSwitch", cscSwitch);
    if (status != ACN_OK) return ACN_ACL(status);
    a->head.csc_switch = cscSwitch;
    memcpy(a->head.matrix, matrix, sizeof matrix);
    memcpy(a->head.output_bias,
           (const uint8_t[]){cscOutputBiasR0, cscOutputBiasR1, cscOutputBiasR2}, 3);
    memcpy(a->head.input_bias, (const uint8_t[]){cscInputBiasR0, cscInputBiasR1, cscInputBiasR2},
           3);
    return 0;
}

/* Sets one switch of the head. */
#define SWITCH(function, argument, field)                                                          \
    aclError function(aclmdlAIPP *aippParmsSet, int8_t argument) {                                 \
        aipp *a = NULL;                                                                            \
        acn_status status = resolve(aippParmsSet, &a);                                             \
        if (status == ACN_OK) status = check_switch(#argument, argument);                          \
        if (status == ACN_OK) a->head.field = argument;                                            \
        return ACN_ACL(status);                                                                    \
    }
SWITCH(aclmdlSetAIPPRbuvSwapSwitch, rbuvSwapSwitch, rbuv_swap_switch)
SWITCH(aclmdlSetAIPPAxSwapSwitch, axSwapSwitch, ax_swap_switch)

aclError aclmdlSetAIPPSrcImageSize(aclmdlAIPP *aippParmsSet, int32_t srcImageSizeW,
                                   int32_t srcImageSizeH) {
    aipp *a = NULL;
    acn_status status = resolve(aippParmsSet, &a);
    if (status == ACN_OK &&
        (srcImageSizeW < 2 || srcImageSizeW > 4096 || srcImageSizeH < 1 || srcImageSizeH > 4096))
        status = acn_fail(ACN_INVALID_ARGUMENT,
                          "srcImageSizeW and H are %d and %d; expected 2 to 4096 and 1 to 4096",
                          srcImageSizeW, srcImageSizeH);
    if (status != ACN_OK) return ACN_ACL(status);
    a->head.src_w = srcImageSizeW;
    a->head.src_h = srcImageSizeH;
    return 0;
}

aclError aclmdlSetAIPPScfParams(aclmdlAIPP *aippParmsSet, int8_t scfSwitch, int32_t scfInputSizeW,
                                int32_t scfInputSizeH, int32_t scfOutputSizeW,
                                int32_t scfOutputSizeH, uint64_t batchIndex) {
    acn_aipp_image *image = NULL;
    acn_status status = resolve_image(aippParmsSet, batchIndex, &image);
    if (status == ACN_OK) status = check_switch("scfSwitch", scfSwitch);
    if (status != ACN_OK) return ACN_ACL(status);
    image->scf_switch = scfSwitch;
    image->scf_in_w = scfInputSizeW;
    image->scf_in_h = scfInputSizeH;
    image->scf_out_w = scfOutputSizeW;
    image->scf_out_h = scfOutputSizeH;
    return 0;
}

aclError aclmdlSetAIPPCropParams(aclmdlAIPP *aippParmsSet, int8_t cropSwitch, int32_t cropStartPosW,
                                 int32_t cropStartPosH, int32_t cropSizeW, int32_t cropSizeH,
                                 uint64_t batchIndex) {
    acn_aipp_image *image = NULL;
    acn_status status = resolve_image(aippParmsSet, batchIndex, &image);
    if (status == ACN_OK) status = check_switch("cropSwitch", cropSwitch);
    if (status != ACN_OK) return ACN_ACL(status);
    image->crop_switch = cropSwitch;
    image->crop_x = cropStartPosW;
    image->crop_y = cropStartPosH;
    image->crop_w = cropSizeW;
    image->crop_h = cropSizeH;
    return 0;
}

aclError aclmdlSetAIPPPaddingParams(aclmdlAIPP *aippParmsSet, int8_t paddingSwitch,
                                    int32_t paddingSizeTop, int32_t paddingSizeBottom,
                                    int32_t paddingSizeLeft, int32_t paddingSizeRight,
                                    uint64_t batchIndex) {
    acn_aipp_image *image = NULL;
    acn_status status = resolve_image(aippParmsSet, batchIndex, &image);
    if (status == ACN_OK) status = check_switch("paddingSwitch", paddingSwitch);
    if (status != ACN_OK) return ACN_ACL(status);
    image->padding_switch = paddingSwitch;
    image->pad_top = paddingSizeTop;
    image->pad_bottom = paddingSizeBottom;
    image->pad_left = paddingSizeLeft;
    image->pad_right = paddingSizeRight;
    return 0;
}

aclError aclmdlSetAIPPDtcPixelMean(aclmdlAIPP *aippParmsSet, int16_t dtcPixelMeanChn0,
                                   int16_t dtcPixelMeanChn1, int16_t dtcPixelMeanChn2,
                                   int16_t dtcPixelMeanChn3, uint64_t batchIndex) {
    const int16_t mean[4] = {dtcPixelMeanChn0, dtcPixelMeanChn1, dtcPixelMeanChn2,
                             dtcPixelMeanChn3};
    acn_aipp_image *image = NULL;
    acn_status status = resolve_image(aippParmsSet, batchIndex, &image);
    if (status == ACN_OK) memcpy(image->mean, mean, sizeof mean);
    return ACN_ACL(status);
}

static acn_status set_halves(const void *handle, uint64_t index, bool is_min, const float *values) {
    acn_aipp_image *image = NULL;
    ACN_TRY(resolve_image(handle, index, &image));
    for (int i = 0; i < 4; i++)
        *(is_min ? &image->min[i] : &image->var_reci[i]) = acn_f32_to_f16(values[i]);
    return ACN_OK;
}

aclError aclmdlSetAIPPDtcPixelMin(aclmdlAIPP *aippParmsSet, float dtcPixelMinChn0,
                                  float dtcPixelMinChn1, float dtcPixelMinChn2,
                                  float dtcPixelMinChn3, uint64_t batchIndex) {
    const float min[4] = {dtcPixelMinChn0, dtcPixelMinChn1, dtcPixelMinChn2, dtcPixelMinChn3};
    return ACN_ACL(set_halves(aippParmsSet, batchIndex, true, min));
}

aclError aclmdlSetAIPPPixelVarReci(aclmdlAIPP *aippParmsSet, float dtcPixelVarReciChn0,
                                   float dtcPixelVarReciChn1, float dtcPixelVarReciChn2,
                                   float dtcPixelVarReciChn3, uint64_t batchIndex) {
    const float var[4] = {dtcPixelVarReciChn0, dtcPixelVarReciChn1, dtcPixelVarReciChn2,
                          dtcPixelVarReciChn3};
    return ACN_ACL(set_halves(aippParmsSet, batchIndex, false, var));
}

/* ---- using ------------------------------------------------------------------------------------
 */

static acn_status write_parameters(const aipp *a, const acn_model_port *port,
                                   const acn_model_buffer *buffer) {
    size_t bytes = sizeof a->head + (size_t)a->head.batch * sizeof *a->images;
    if (port->bytes != bytes)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "aippParmsSet is for %d images, which take %zu bytes; input %s has %llu",
                        a->head.batch, bytes, port->name, (unsigned long long)port->bytes);
    if (buffer->data == NULL || buffer->bytes < bytes)
        return acn_fail(ACN_INVALID_ARGUMENT, "the buffer of input %s has %zu bytes; expected %zu",
                        port->name, buffer->bytes, bytes);
    char *to = acn_memory_view(buffer->data);
    memcpy(to, &a->head, sizeof a->head);
    memcpy(to + sizeof a->head, a->images, bytes - sizeof a->head);
    return ACN_OK;
}

/* |index| is the input of the parameters, or |of_images| that of the images. */
static acn_status set_input(uint32_t id, const aclmdlDataset *dataset, size_t index,
                            const void *handle, bool of_images) {
    aipp *a = NULL;
    acn_loaded *loaded;
    acn_model_buffer buffer;
    ACN_TRY(resolve(handle, &a));
    ACN_TRY(acn_loaded_find(id, &loaded));
    const acn_model_set *set = acn_loaded_set(loaded);
    bool is_known = false;
    for (int i = 0; i < set->input_count && !is_known; i++) {
        const acn_model_port *port = &set->inputs[i];
        if (port->images != ACN_IMAGES_GIVEN) continue;
        is_known = index == (size_t)(of_images ? i : port->images_params);
        if (is_known) index = (size_t)port->images_params;
    }
    acn_status status = ACN_OK;
    if (!is_known)
        status = acn_fail(ACN_INVALID_ARGUMENT,
                          "index is %zu, which is no input %s; see aclmdlGetAippType", index,
                          of_images ? "with dynamic AIPP" : "for AIPP's parameters");
    if (status == ACN_OK) status = acn_dataset_buffer(dataset, index, &buffer);
    if (status == ACN_OK) status = write_parameters(a, &set->inputs[index], &buffer);
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlSetInputAIPP(uint32_t modelId, aclmdlDataset *dataset, size_t index,
                            const aclmdlAIPP *aippParmsSet) {
    return ACN_ACL(set_input(modelId, dataset, index, aippParmsSet, false));
}

aclError aclmdlSetAIPPByInputIndex(uint32_t modelId, aclmdlDataset *dataset, size_t index,
                                   const aclmdlAIPP *aippParmsSet) {
    return ACN_ACL(set_input(modelId, dataset, index, aippParmsSet, true));
}

static acn_status read_kind(uint32_t id, size_t index, aclmdlInputAippType *type,
                            size_t *attached) {
    acn_loaded *loaded;
    ACN_TRY(acn_loaded_find(id, &loaded));
    const acn_model_set *set = acn_loaded_set(loaded);
    acn_status status = ACN_OK;
    if (index >= (size_t)set->input_count) {
        status = acn_fail(ACN_INVALID_ARGUMENT, "index is %zu; the model has %d inputs", index,
                          set->input_count);
    } else {
        const acn_model_port *port = &set->inputs[index];
        *type = port->images == ACN_IMAGES_FIXED   ? ACL_DATA_WITH_STATIC_AIPP
                : port->images == ACN_IMAGES_GIVEN ? ACL_DATA_WITH_DYNAMIC_AIPP
                                                   : ACL_DATA_WITHOUT_AIPP;
        for (int i = 0; i < set->input_count; i++)
            if (set->inputs[i].images == ACN_IMAGES_GIVEN &&
                (size_t)set->inputs[i].images_params == index)
                *type = ACL_DYNAMIC_AIPP_NODE;
        *attached =
            port->images == ACN_IMAGES_GIVEN ? (size_t)port->images_params : ACL_INVALID_NODE_INDEX;
    }
    acn_loaded_release(loaded);
    return status;
}

aclError aclmdlGetAippType(uint32_t modelId, size_t index, aclmdlInputAippType *type,
                           size_t *dynamicAttachedDataIndex) {
    ACN_REQUIRE(type);
    ACN_REQUIRE(dynamicAttachedDataIndex);
    return ACN_ACL(read_kind(modelId, index, type, dynamicAttachedDataIndex));
}

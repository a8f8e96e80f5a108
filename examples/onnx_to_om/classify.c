/* classify.c - what a network sees in a picture: a model that atc made, through aclmdl.
 *
 *   classify MODEL.om PICTURE.ppm
 *
 * The model takes pictures as they are, bytes of red, green and blue: pictures.cfg lets atc build
 * the scaling that the network wants into it (AIPP). Any size of picture is brought to the model's.
 * Plain CANN: the same file builds and runs on an Ascend machine.
 *
 *   atc --framework=5 --model=direction.onnx --output=direction --soc_version=Ascend910B1 \
 *       --input_shape="x:1,3,48,192" --insert_op_conf=pictures.cfg
 *   gcc classify.c -I$ASCEND_HOME_PATH/include -L$ASCEND_HOME_PATH/lib64 -lascendcl -o classify
 */
#include "acl/acl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int check_code = (call);                                                                   \
        if (check_code != ACL_SUCCESS) {                                                           \
            const char *check_text = aclGetRecentErrMsg();                                         \
            fprintf(stderr, "%s: error %d\n%s\n", #call, check_code,                               \
                    check_text ? check_text : "");                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { SHOWN = 5 };

static void stop(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

typedef struct picture {
    int width, height;
    unsigned char *rgb; /* (height, width, 3) */
} picture;

/* Binary PPM: "P6", width, height, 255, then the bytes. */
static picture read_picture(const char *path) {
    picture p;
    int most;
    FILE *file = fopen(path, "rb");
    if (!file || fscanf(file, "P6 %d %d %d", &p.width, &p.height, &most) != 3 || most != 255 ||
        p.width < 1 || p.height < 1 || p.width > 1 << 14 || p.height > 1 << 14)
        stop("the picture is no binary PPM");
    size_t bytes = (size_t)p.width * (size_t)p.height * 3;
    p.rgb = malloc(bytes);
    fgetc(file); /* the one blank behind the head */
    if (!p.rgb || fread(p.rgb, 1, bytes, file) != bytes) stop("the picture is not whole");
    fclose(file);
    return p;
}

/* The nearest pixel for each of the model's. */
static picture resize(const picture *p, int width, int height) {
    picture r = {width, height, malloc((size_t)width * (size_t)height * 3)};
    if (!r.rgb) stop("no memory");
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int from = (y * p->height / height * p->width + x * p->width / width) * 3;
            memcpy(r.rgb + (y * width + x) * 3, p->rgb + from, 3);
        }
    return r;
}

/* A dataset of one buffer on the device. */
static aclmdlDataset *dataset_of(size_t bytes, void **device) {
    aclmdlDataset *dataset = aclmdlCreateDataset();
    CHECK(aclrtMalloc(device, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    CHECK(aclmdlAddDatasetBuffer(dataset, aclCreateDataBuffer(*device, bytes)));
    return dataset;
}

static void free_dataset(aclmdlDataset *dataset, void *device) {
    CHECK(aclDestroyDataBuffer(aclmdlGetDatasetBuffer(dataset, 0)));
    CHECK(aclmdlDestroyDataset(dataset));
    CHECK(aclrtFree(device));
}

static void print_best(const float *likely, size_t count) {
    for (int shown = 0; shown < SHOWN && shown < (int)count; shown++) {
        /* The best that is not better than those before. */
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            int rank = 0;
            for (size_t k = 0; k < count; k++)
                rank += likely[k] > likely[i] || (likely[k] == likely[i] && k < i);
            if (rank == shown) best = i;
        }
        if (best < count) printf("class %zu: %.4f\n", best, (double)likely[best]);
    }
}

static void classify(uint32_t model, aclmdlDesc *desc, const picture *p) {
    aclmdlIODims dims;
    void *image, *result;
    CHECK(aclmdlGetInputDims(desc, 0, &dims));
    size_t image_bytes = aclmdlGetInputSizeByIndex(desc, 0);
    if (aclmdlGetNumInputs(desc) != 1 || dims.dimCount != 4 || dims.dims[3] != 3 ||
        aclmdlGetInputDataType(desc, 0) != ACL_UINT8)
        stop("the model takes no pictures of red, green and blue; convert it with pictures.cfg");
    picture fitting = resize(p, (int)dims.dims[2], (int)dims.dims[1]);
    size_t result_bytes = aclmdlGetOutputSizeByIndex(desc, 0);
    aclmdlDataset *input = dataset_of(image_bytes, &image);
    aclmdlDataset *output = dataset_of(result_bytes, &result);
    CHECK(aclrtMemcpy(image, image_bytes, fitting.rgb, image_bytes, ACL_MEMCPY_HOST_TO_DEVICE));
    CHECK(aclmdlExecute(model, input, output));
    float *likely = malloc(result_bytes);
    if (!likely) stop("no memory");
    CHECK(aclrtMemcpy(likely, result_bytes, result, result_bytes, ACL_MEMCPY_DEVICE_TO_HOST));
    print_best(likely, result_bytes / sizeof *likely);
    free(likely);
    free(fitting.rgb);
    free_dataset(output, result);
    free_dataset(input, image);
}

int main(int argc, char **argv) {
    uint32_t model;
    if (argc != 3) stop("usage: classify MODEL.om PICTURE.ppm");
    picture p = read_picture(argv[2]);
    CHECK(aclInit(NULL));
    CHECK(aclrtSetDevice(0));
    CHECK(aclmdlLoadFromFile(argv[1], &model));
    aclmdlDesc *desc = aclmdlCreateDesc();
    CHECK(aclmdlGetDesc(desc, model));
    classify(model, desc, &p);
    CHECK(aclmdlDestroyDesc(desc));
    CHECK(aclmdlUnload(model));
    CHECK(aclrtResetDevice(0));
    CHECK(aclFinalize());
    free(p.rgb);
    return 0;
}

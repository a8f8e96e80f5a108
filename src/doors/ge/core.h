/* core.h - what the C++ of this folder asks of libanycann.so, in plain C.
 *
 * Functions answer 0 or a code of ge::graphStatus; the cause is kept for aclGetRecentErrMsg under
 * the name |api|, the public function's.
 */
#ifndef ACN_DOORS_GE_CORE_H
#define ACN_DOORS_GE_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACN_GE __attribute__((visibility("default")))

/* An option as programs give them: "ge.socVersion", "input_shape" ... */
typedef struct acn_ge_option {
    const char *key, *value;
} acn_ge_option;

/* A compiled model as it would lie in a file; acn_ge_release frees it. */
typedef struct acn_ge_image {
    void *bytes;
    size_t size;
} acn_ge_image;

/* Counts a call of a function that is not done. */
ACN_GE void acn_ge_unsupported(const char *declaration);
/* Records |text| as the cause of a failure; answers the code for wrong arguments. */
ACN_GE uint32_t acn_ge_refuse(const char *api, const char *text);
/* The recorded text of this thread, which is then forgotten; never NULL. */
ACN_GE const char *acn_ge_error(void);

/* Looks whether values are possible. Options that only steer an NPU's compiler are counted, and
 * otherwise left alone. */
ACN_GE uint32_t acn_ge_check_options(const char *api, const acn_ge_option *options, size_t count);
/* The same for building offline models, where all options must be known ones: sessions are also
 * given those of their programs. */
ACN_GE uint32_t acn_ge_check_build_options(const char *api, const acn_ge_option *options,
                                           size_t count);

/* Whether |bytes| are a graph of the graph engine's form, ge.proto.ModelDef. */
ACN_GE int acn_ge_is_graph(const void *bytes, size_t size);
/* Whether |bytes| are such a graph, or an ONNX model, whose operators are all there. */
ACN_GE uint32_t acn_ge_check_model(const char *api, const void *bytes, size_t size);
/* |folder| has an ONNX model's external data; NULL: the working directory. */
ACN_GE uint32_t acn_ge_build_model(const char *api, const void *bytes, size_t size,
                                   const char *folder, const acn_ge_option *options, size_t count,
                                   acn_ge_image *out);
/* A tensor's shape and type, by ge::DataType's numbers. */
enum { ACN_GE_MAX_RANK = 8 };
typedef struct acn_ge_shape {
    int dtype, rank;
    int64_t dims[ACN_GE_MAX_RANK];
} acn_ge_shape;
/* Shapes of the outputs of a graph whose inputs are known; at most |room|, all counted. */
ACN_GE uint32_t acn_ge_infer(const char *api, const void *bytes, size_t size, acn_ge_shape *outputs,
                             size_t room, size_t *out_count);
ACN_GE void acn_ge_release(acn_ge_image *image);
/* |path| + ".om", unless it ends so. Whole or not at all. */
ACN_GE uint32_t acn_ge_save(const char *api, const char *path, const void *bytes, size_t size);
/* |path| as it is. Whole or not at all. */
ACN_GE uint32_t acn_ge_write_file(const char *api, const char *path, const void *bytes,
                                  size_t size);
ACN_GE uint32_t acn_ge_read_file(const char *api, const char *path, acn_ge_image *out);

/* ---- running a compiled model in this process ------------------------------------------------ */

typedef struct acn_ge_program acn_ge_program;

typedef struct acn_ge_facts {
    int is_static; /* all shapes are known */
    size_t input_count, output_count;
    size_t work_bytes, weight_bytes;
} acn_ge_facts;

/* |bytes| need not stay. |device| is taken by a thread that has none yet. */
ACN_GE uint32_t acn_ge_load(const char *api, int device, const void *bytes, size_t size,
                            acn_ge_program **out, acn_ge_facts *out_facts);
ACN_GE void acn_ge_unload(acn_ge_program *program);
/* The shape of output |index|; -1 for what is not known. */
ACN_GE void acn_ge_output_shape(const acn_ge_program *program, size_t index, acn_ge_shape *out);
/* Of its elements; 0 when something of the shape is not known. */
ACN_GE size_t acn_ge_shape_bytes(const acn_ge_shape *shape);
/* Either memory may be NULL: it stays what it is. */
ACN_GE uint32_t acn_ge_use_memory(const char *api, acn_ge_program *program, void *work,
                                  size_t work_bytes, void *weights, size_t weight_bytes);

typedef struct acn_ge_buffer {
    void *data; /* of an output: NULL, and some is made */
    size_t bytes;
    acn_ge_shape shape; /* of an output: as it came out */
} acn_ge_buffer;

/* On |stream| when |is_async|, otherwise here and now, with outputs in host memory. What is made
 * for outputs is freed by acn_ge_free_device or, here, by free(). */
ACN_GE uint32_t acn_ge_run(const char *api, acn_ge_program *program, acn_ge_buffer *inputs,
                           size_t input_count, acn_ge_buffer *outputs, size_t output_count,
                           int is_async, void *stream);
ACN_GE uint32_t acn_ge_alloc_device(const char *api, size_t bytes, void **out);
ACN_GE void acn_ge_free_device(void *data);

#ifdef __cplusplus
}
#endif

#endif

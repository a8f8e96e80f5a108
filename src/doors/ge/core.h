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

/* Looks whether the options are known and their values possible. Those that only steer an NPU's
 * compiler are counted, and otherwise left alone. */
ACN_GE uint32_t acn_ge_check_options(const char *api, const acn_ge_option *options, size_t count);

/* Whether |bytes| are an ONNX model whose operators are all there. */
ACN_GE uint32_t acn_ge_check_onnx(const char *api, const void *bytes, size_t size);
/* |folder| has the model's external data; NULL: the working directory. */
ACN_GE uint32_t acn_ge_build_onnx(const char *api, const void *bytes, size_t size,
                                  const char *folder, const acn_ge_option *options, size_t count,
                                  acn_ge_image *out);
ACN_GE void acn_ge_release(acn_ge_image *image);
/* |path| + ".om", unless it ends so. Whole or not at all. */
ACN_GE uint32_t acn_ge_save(const char *api, const char *path, const void *bytes, size_t size);
ACN_GE uint32_t acn_ge_read_file(const char *api, const char *path, acn_ge_image *out);

#ifdef __cplusplus
}
#endif

#endif

/* small_om.h - the network of small_onnx.h as a file that atc made. */
#ifndef ACN_TESTS_UNIT_SMALL_OM_H
#define ACN_TESTS_UNIT_SMALL_OM_H

#include "doors/anycann/convert.h"
#include "small_onnx.h"
#include <stdlib.h>
#include <unistd.h>

/* The caller removes the file |path|. */
static inline void make_small_om(char *path, size_t room) {
    char onnx[] = "/tmp/acn_models_XXXXXX", stem[64];
    uint8_t bytes[1 << 14];
    size_t size = make_small_onnx(bytes, sizeof bytes);
    int file = mkstemp(onnx);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), size);
    close(file);
    snprintf(stem, sizeof stem, "%s_out", onnx);
    snprintf(path, room, "%s.om", stem);
    const acn_tool_option options[] = {
        {"model", onnx}, {"framework", "5"}, {"output", stem}, {"soc_version", "Ascend910B1"}};
    const acn_tool_conversion conversion = {
        .options = options, .option_count = COUNT_OF(options), .command = "atc"};
    if (acn_tool_convert(&conversion) != 0) fail_msg("%s", acn_tool_error());
    unlink(onnx);
}

#endif

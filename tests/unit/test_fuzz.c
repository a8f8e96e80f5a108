/* test_fuzz.c - damaged and hostile models: bytes of good ones are changed, and whatever comes out
 * is read (dumps of graphs, too), imported, planned and, where it still is a model, run. Nothing
 * may crash, hang or take memory without bound; that there are errors is fine. The same on every
 * run: the numbers come from a fixed seed. Under sanitizers it also finds what does not crash. */
#include "unit.h"

#include "graph/compile.h"
#include "graph/import/onnx.h"
#include "graph/import/source.h"
#include "graph/json/proto_json.h"
#include "graph/late/late.h"
#include "graph/om/om.h"
#include "small_graph.h"
#include "small_onnx.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    ROUNDS = 6000 / UNIT_EVERY(20),
    MOST_BYTES = 1 << 16,
    MOST_ELEMENTS = 1 << 16, /* of a model that is run */
    MOST_RESIDENT_KIB = 1 << 21,
};

typedef struct bytes {
    uint8_t data[MOST_BYTES];
    size_t size;
} bytes;

static uint64_t state = 88172645463325252u;

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? state % below : 0;
}

/* ---- using what there is ------------------------------------------------------------------------
 */

/* Loops over what a damaged shape says must end. */
static bool is_small(const acn_model *model) {
    int64_t elements = 0;
    for (int s = 0; s < model->step_count; s++)
        for (int t = 0; t < model->steps[s].call.tensor_count; t++) {
            int64_t count = acn_tensor_count(&model->steps[s].call.tensors[t]);
            if (count < 0 || (elements += count) > MOST_ELEMENTS) return false;
        }
    return model->work_bytes + model->scratch_bytes < 1 << 24;
}

static void run(acn_model *model) {
    void *inputs[16], *outputs[16];
    if (!is_small(model) || model->input_count > 16 || model->output_count > 16) return;
    char *work = calloc(1, model->work_bytes + model->scratch_bytes + 64);
    for (int i = 0; i < model->input_count; i++)
        inputs[i] = calloc(1, model->inputs[i].bytes + 1);
    for (int i = 0; i < model->output_count; i++)
        outputs[i] = calloc(1, model->outputs[i].bytes + 1);
    (void)acn_model_run(model, work, inputs, outputs);
    for (int i = 0; i < model->input_count; i++)
        free(inputs[i]);
    for (int i = 0; i < model->output_count; i++)
        free(outputs[i]);
    free(work);
}

static acn_status place(void *context, int index, const acn_model_port *port, void **out) {
    void **outputs = context;
    free(outputs[index % 64]);
    *out = outputs[index % 64] = calloc(1, port->bytes + 1);
    return *out ? ACN_OK : ACN_BAD_ALLOC;
}

/* In stages, since something follows from data. */
static bool run_late(const acn_onnx_model *source, const acn_onnx_options *options,
                     const acn_net *net) {
    const acn_pass_switches switches = {{false}};
    void *inputs[64] = {NULL}, *outputs[64] = {NULL};
    acn_late *late;
    if (net->input_count > 64 || acn_late_create(source, options, &switches, &late) != ACN_OK)
        return false;
    for (int i = 0; i < net->input_count; i++)
        inputs[i] = calloc(1, acn_port_of("x", &net->inputs[i]->tensor).bytes + 1);
    bool is_good = acn_late_run(late, inputs, place, outputs) == ACN_OK;
    for (int i = 0; i < 64; i++) {
        free(inputs[i]);
        free(outputs[i]);
    }
    acn_late_destroy(late);
    return is_good;
}

/* From ONNX bytes to results; true when it came that far. */
static bool use_onnx(const void *data, size_t size) {
    acn_onnx_model *source = NULL;
    acn_net *net = NULL;
    acn_model *model = NULL;
    acn_compiled compiled;
    const acn_onnx_options options = {.source = {.out_nodes = ""}, .can_wait = true};
    bool is_good = acn_onnx_read("fuzzed", data, size, &source) == ACN_OK &&
                   acn_onnx_load_external(source, "/nowhere") == ACN_OK &&
                   acn_onnx_import(source, &options, &net) == ACN_OK;
    if (is_good && net->awaited) {
        is_good = run_late(source, &options, net);
        goto end;
    }
    is_good = is_good && acn_compile(net, NULL, &compiled) == ACN_OK &&
              acn_compiled_model(&compiled, &model) == ACN_OK && acn_model_prepare(model) == ACN_OK;
    if (is_good) run(model);
end:
    acn_model_destroy(model);
    acn_net_destroy(net);
    acn_onnx_close(source);
    acn_error_clear();
    return is_good;
}

/* The same from the graph engine's form. */
static bool use_graph(const void *data, size_t size) {
    static const acn_onnx_options options = {0};
    acn_source source;
    acn_net *net = NULL;
    acn_model *model = NULL;
    acn_compiled compiled;
    bool is_good =
        acn_source_is_ge(data, size) && acn_source_read("fuzzed", data, size, &source) == ACN_OK;
    if (!is_good) {
        acn_error_clear();
        return false;
    }
    (void)acn_source_check(&source);
    is_good = acn_source_import(&source, &options, &net) == ACN_OK &&
              acn_compile(net, NULL, &compiled) == ACN_OK &&
              acn_compiled_model(&compiled, &model) == ACN_OK && acn_model_prepare(model) == ACN_OK;
    if (is_good) run(model);
    acn_model_destroy(model);
    acn_net_destroy(net);
    acn_source_close(&source);
    acn_error_clear();
    return is_good;
}

static bool use_om(const void *data, size_t size) {
    acn_om om;
    acn_model_set *set = NULL;
    if (acn_om_read("fuzzed", data, size, &om) != ACN_OK) return false;
    bool is_good = acn_om_set(&om, &set) == ACN_OK && acn_set_prepare(set) == ACN_OK;
    for (int i = 0; is_good && i < set->model_count; i++)
        run(set->models[i]);
    acn_set_destroy(set);
    acn_error_clear();
    return is_good;
}

/* ---- changing bytes -----------------------------------------------------------------------------
 */

static const uint8_t tokens[][10] = {
    {0},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, /* -1 as a varint */
    {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40},       /* 2^62 */
    {0x80, 0x80, 0x80, 0x80, 0x08},                               /* 2^31 */
    {0x7f, 0x7f, 0x7f},
};

static void change(bytes *b, size_t from, size_t to) {
    size_t at = from + draw(to - from), n = 1 + draw(8), other = from + draw(to - from);
    if (n > to - at) n = to - at;
    if (n > to - other) n = to - other;
    switch (draw(6)) {
    case 0:
        b->data[at] ^= (uint8_t)(1u << draw(8));
        break;
    case 1:
        b->data[at] = (uint8_t)draw(256);
        break;
    case 2: /* a piece from elsewhere */
        memmove(b->data + at, b->data + other, n);
        break;
    case 3:
        b->data[at] = (uint8_t)(b->data[at] + (draw(2) ? 1 : -1));
        break;
    case 4:
        memcpy(b->data + at, tokens[draw(5)], n);
        break;
    default:
        memset(b->data + at, draw(2) ? 0xff : 0, n);
    }
}

/* Cuts off, leaves out or repeats; only where nothing counts on offsets. */
static void move(bytes *b) {
    size_t at = draw(b->size), n = 1 + draw(40);
    if (n > b->size - at) n = b->size - at;
    if (draw(3) == 0) {
        b->size = at;
    } else if (draw(2) || b->size + n > MOST_BYTES) {
        memmove(b->data + at, b->data + at + n, b->size - at - n);
        b->size -= n;
    } else {
        memmove(b->data + at + n, b->data + at, b->size - at);
        b->size += n;
    }
}

static void check_memory(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    assert_true(usage.ru_maxrss < MOST_RESIDENT_KIB);
}

static void test_graph(void **unused) {
    static bytes good, bad;
    int worked = 0;
    good.size = make_small_graph(good.data, MOST_BYTES / 2);
    assert_true(use_graph(good.data, good.size));
    for (int round = 0; round < ROUNDS; round++) {
        bad = good;
        for (uint64_t i = draw(4); i < 4; i++)
            change(&bad, 0, bad.size);
        if (draw(4) == 0) move(&bad);
        worked += use_graph(bad.data, bad.size);
    }
    assert_in_range(worked, 1, ROUNDS - 1);
    check_memory();
}

static void test_onnx(void **unused) {
    static bytes good, bad;
    int worked = 0;
    good.size = make_small_onnx(good.data, MOST_BYTES / 2);
    assert_true(use_onnx(good.data, good.size));
    for (int round = 0; round < ROUNDS; round++) {
        bad = good;
        for (uint64_t i = draw(4); i < 4; i++)
            change(&bad, 0, bad.size);
        if (draw(4) == 0) move(&bad);
        worked += use_onnx(bad.data, bad.size);
    }
    assert_true(worked > 0 && worked < ROUNDS);
    check_memory();
}

/* A message as text, or as JSON. */
static void print(const void *message, size_t size, bool is_json, bytes *out) {
    FILE *file = fmemopen(out->data, MOST_BYTES, "w");
    acn_wire wire = acn_wire_open(message, size);
    acn_status status = is_json ? acn_proto_print_json(file, acn_proto_onnx, wire)
                                : acn_proto_print_text(file, acn_proto_onnx, wire);
    assert_true(is_json || status == ACN_OK);
    out->size = (size_t)ftell(file);
    fclose(file);
}

static bool use_text(const bytes *text, bytes *again) {
    acn_wire_out message = {0};
    acn_status status = acn_proto_parse_text("text", (const char *)text->data, text->size,
                                             acn_proto_onnx, &message);
    if (status == ACN_OK) {
        print(message.bytes, message.size, true, again);
        print(message.bytes, message.size, false, again);
    }
    acn_wire_release(&message);
    return status == ACN_OK;
}

static void test_text(void **unused) {
    static bytes onnx, good, bad, again;
    int worked = 0;
    onnx.size = make_small_onnx(onnx.data, MOST_BYTES / 2);
    print(onnx.data, onnx.size, false, &good);
    assert_true(use_text(&good, &again));
    assert_int_equal(again.size, good.size);
    assert_memory_equal(again.data, good.data, good.size);
    for (int round = 0; round < ROUNDS; round++) {
        bad = good;
        for (uint64_t i = draw(4); i < 4; i++)
            change(&bad, 0, bad.size);
        if (draw(4) == 0) move(&bad);
        worked += use_text(&bad, &again);
    }
    assert_true(worked > 0 && worked < ROUNDS);
    check_memory();
}

static void make_om(const bytes *onnx, bytes *out) {
    acn_onnx_model *source;
    acn_net *net;
    acn_compiled compiled;
    acn_weights weights;
    acn_model_set *set;
    acn_om om;
    char path[] = "/tmp/acn_fuzz_XXXXXX";
    const acn_onnx_options options = {0};
    assert_int_equal(acn_onnx_read("small", onnx->data, onnx->size, &source), ACN_OK);
    assert_int_equal(acn_onnx_import(source, &options, &net), ACN_OK);
    acn_weights_init(&weights, NULL, 0);
    assert_int_equal(acn_compile(net, &weights, &compiled), ACN_OK);
    assert_int_equal(acn_set_create(&set), ACN_OK);
    acn_model_port in = acn_port_of(net->inputs[0]->name, &net->inputs[0]->tensor);
    acn_model_port result = acn_port_of(net->output_names[0], &net->outputs[0]->tensor);
    set->name = net->name;
    set->inputs = &in;
    set->outputs = &result;
    set->input_count = set->output_count = 1;
    const acn_om_contents contents = {.compiled = &compiled,
                                      .count = 1,
                                      .weights = &weights,
                                      .set = set,
                                      .facts = {.command = "", .soc = "", .cann_version = ""}};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(acn_om_write(path, &contents), ACN_OK);
    assert_int_equal(acn_om_open(path, &om), ACN_OK);
    assert_true(om.size < MOST_BYTES);
    memcpy(out->data, om.bytes, om.size);
    out->size = om.size;
    acn_om_close(&om);
    unlink(path);
    acn_set_destroy(set);
    acn_weights_release(&weights);
    acn_net_destroy(net);
    acn_onnx_close(source);
}

/* As an attacker would: damage with a checksum that fits. */
static void seal(bytes *b, const acn_om *om) {
    enum { HEAD = 24, SUMS = 8 };
    size_t plan = (size_t)(om->partition[ACN_OM_PLAN].bytes - om->bytes);
    const uint64_t sums[2] = {
        acn_checksum(b->data + plan + HEAD, om->partition[ACN_OM_PLAN].size - HEAD),
        acn_checksum(b->data + (om->partition[ACN_OM_WEIGHTS].bytes - om->bytes),
                     om->partition[ACN_OM_WEIGHTS].size)};
    memcpy(b->data + plan + SUMS, sums, sizeof sums);
}

static void test_om(void **unused) {
    static bytes onnx, good, bad;
    acn_om om;
    int worked = 0;
    onnx.size = make_small_onnx(onnx.data, MOST_BYTES / 2);
    make_om(&onnx, &good);
    assert_true(use_om(good.data, good.size));
    assert_int_equal(acn_om_read("good", good.data, good.size, &om), ACN_OK);
    size_t plan = (size_t)(om.partition[ACN_OM_PLAN].bytes - om.bytes) + 24;
    for (int round = 0; round < ROUNDS; round++) {
        bad = good;
        bool is_sealed = draw(4) != 0;
        for (uint64_t i = draw(3); i < 3; i++)
            change(&bad, is_sealed ? plan : 0, bad.size);
        if (is_sealed) seal(&bad, &om);
        if (draw(8) == 0) move(&bad);
        worked += use_om(bad.data, bad.size);
    }
    assert_true(worked > 0 && worked < ROUNDS);
    check_memory();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_graph), cmocka_unit_test(test_onnx),
                                       cmocka_unit_test(test_om), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

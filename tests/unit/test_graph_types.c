/* The rows of api/ge_types.tsv: each is executed by an operator, or by a function of the importer,
 * which has its inputs, its outputs and its attributes. */
#include "unit.h"

#include "graph/import/ge.h"
#include "ops/signature.h"
#include <string.h>

/* Inputs, outputs and constants of a graph. */
static bool is_graphs_own(const char *type) {
    static const char *const own[] = {"Data", "RefData", "Const", "Constant", "NetOutput", "NoOp"};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (strcmp(own[i], type) == 0) return true;
    return false;
}

static bool has_function(const char *type) {
    ACN_FOR_EACH(ge_op, op) {
        if (strcmp(op->type, type) == 0) return true;
    }
    return false;
}

static void check_inputs(const acn_ge_type *type, const acn_signature *signature) {
    acn_ge_port port;
    int i = 0;
    for (const char *at = type->inputs; acn_ge_next_port(&at, &port); i++) {
        if (i == signature->input_count || strcmp(port.name, signature->input[i].name) != 0)
            fail_msg("%s: input %d is %s, the operator has another", type->type, i, port.name);
        const acn_signature_slot *slot = &signature->input[i];
        bool is_list =
            slot->target == ACN_TO_INPUT && signature->op->in[slot->slot].flags & ACN_LIST;
        if (slot->target == ACN_TO_INPUT && is_list != port.is_list)
            fail_msg("%s: input %s is a list for one of the two", type->type, port.name);
    }
}

static void types_have_what_their_operators_have(void **state) {
    int count = 0;
    for (const acn_ge_type *type; (type = acn_ge_type_at(count)) != NULL; count++) {
        acn_signature signature;
        assert_ptr_equal(acn_ge_type_find(type->type), type);
        if (is_graphs_own(type->type) || has_function(type->type)) continue;
        if (acn_signature_find(type->type, &signature) != ACN_OK)
            fail_msg("%s: %s", type->type, acn_error_take());
        check_inputs(type, &signature);
    }
    assert_true(count > 300);
    assert_null(acn_ge_type_find("NoSuchType"));
}

static void words_are_read(void **state) {
    const char *ports = "x ?bias *list y:12",
               *attrs = "a:Int!; text:String=\"b c\"; l:ListInt={1,2}";
    acn_ge_port port;
    acn_ge_attr_type attr;
    assert_true(acn_ge_next_port(&ports, &port) && strcmp(port.name, "x") == 0);
    assert_true(!port.is_optional && !port.is_list && port.dtype == -1);
    assert_true(acn_ge_next_port(&ports, &port) && port.is_optional);
    assert_true(acn_ge_next_port(&ports, &port) && port.is_list);
    assert_true(acn_ge_next_port(&ports, &port) && port.dtype == 12);
    assert_false(acn_ge_next_port(&ports, &port));
    assert_true(acn_ge_next_attr(&attrs, &attr) && attr.is_required);
    assert_string_equal(attr.kind, "Int");
    assert_true(acn_ge_next_attr(&attrs, &attr) && !attr.is_required);
    assert_string_equal(attr.fallback, "\"b c\"");
    assert_true(acn_ge_next_attr(&attrs, &attr));
    assert_string_equal(attr.name, "l");
    assert_string_equal(attr.fallback, "{1,2}");
    assert_false(acn_ge_next_attr(&attrs, &attr));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_what_their_operators_have),
        cmocka_unit_test(words_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* activation.c - a function of a product's result: applied while the result is written. */
#include "graph/pass/rewrite.h"

#include <string.h>

typedef struct row {
    const char *op, *activation;
} row;

static const row rows[] = {
    {"Gelu", "gelu"}, {"Swish", "silu"},           {"Sigmoid", "sigmoid"},
    {"Tanh", "tanh"}, {"HardSwish", "hard_swish"},
};

static const char *activation_of(const acn_net_node *n) {
    if (acn_node_is(n, "GeluV2")) {
        const acn_attr_value *how = &n->call.attr[acn_node_attr_slot(n, "approximate")];
        if (!acn_node_has_plain(n, "approximate_mode", 0)) return NULL;
        return how->is_present && strcmp(how->text, "tanh") == 0 ? "gelu_tanh" : "gelu";
    }
    if (acn_node_is(n, "Swish") && !acn_node_has_plain(n, "scale", 1)) return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (acn_node_is(n, rows[i].op)) return rows[i].activation;
    return NULL;
}

/* A bound of the result: low is applied before high, which differs when they cross. */
static bool take_bound(acn_net_node *n, const acn_net_node *next, const acn_net_value *y) {
    const acn_attr_value *low = &n->call.attr[acn_node_attr_slot(n, "low")];
    const acn_attr_value *high = &n->call.attr[acn_node_attr_slot(n, "high")];
    double number = 0;
    bool is_relu = acn_node_is(next, "Relu"), is_low = is_relu || acn_node_is(next, "Maximum");
    if (!is_low && !acn_node_is(next, "Minimum")) return false;
    if (!is_relu && !acn_value_number(acn_other_input(next, y), &number)) return false;
    if (is_low ? low->is_present || (high->is_present && number > high->f)
               : high->is_present || (low->is_present && number < low->f))
        return false;
    acn_set_float(n, is_low ? "low" : "high", number);
    return true;
}

static bool take(acn_net_node *n, const acn_net_node *next, const acn_net_value *y) {
    if (n->call.attr[acn_node_attr_slot(n, "activation")].is_present) return false;
    if (take_bound(n, next, y)) return true;
    const char *activation = activation_of(next);
    if (activation == NULL) return false;
    acn_set_text(n, "activation", activation);
    return true;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!acn_node_is_product(n)) continue;
        for (;;) {
            const acn_net_value *y = acn_node_out(n, 0);
            acn_net_node *next = acn_only_reader(net, y);
            if (next == NULL || acn_node_out(next, 0)->tensor.dtype != ACN_F32 ||
                !acn_tensor_same_shape(&acn_node_out(next, 0)->tensor, &y->tensor) ||
                !take(n, next, y))
                break;
            count->matched++;
            acn_take_output(net, n, 0, acn_node_out(next, 0));
            count->effective++;
        }
    }
    return ACN_OK;
}

ACN_PASS(activation) = {
    .name = "ActivationFusionPass",
    .doc = "Bounds and activations of a product's result are applied while it is written",
    .stage = ACN_PASS_ACTIVATE,
    .run = run,
};

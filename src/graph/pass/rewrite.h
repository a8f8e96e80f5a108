/* rewrite.h - what passes share: looking at nodes, and changing them. */
#ifndef ACN_GRAPH_PASS_REWRITE_H
#define ACN_GRAPH_PASS_REWRITE_H

#include "graph/pass/pass.h"

bool acn_node_is(const acn_net_node *node, const char *op);
/* The value of an input or output; NULL when absent. Slots that are lists give their first. */
acn_net_value *acn_node_in(const acn_net_node *node, int slot);
acn_net_value *acn_node_out(const acn_net_node *node, int slot);
/* Slots by name; -1 when the operator has none. */
int acn_node_input_slot(const acn_net_node *node, const char *name);
int acn_node_attr_slot(const acn_net_node *node, const char *name);
/* An attribute that is absent, or has this value. */
bool acn_node_has_plain(const acn_net_node *node, const char *attr, double value);

/* The node that makes all of |v|, if it is an |op|; else NULL. */
acn_net_node *acn_maker(const acn_net_value *v, const char *op);
/* Whether |n| is an |op| of a variable and a constant number, which stands second where the order
 * matters, and does nothing else. */
bool acn_number_operand(const acn_net_node *n, const char *op, acn_net_value **out_x,
                        double *out_number);
/* As near as a number is that went through f32, or was written with a few digits. */
bool acn_is_near(double x, double y);

/* The only node that reads |v|, which is no output of the net and has no views that are read; NULL
 * if there is none. A node that reads it twice counts. */
acn_net_node *acn_only_reader(const acn_net *net, const acn_net_value *v);
/* Of two inputs, the one that is not |v|; NULL when both are. */
acn_net_value *acn_other_input(const acn_net_node *node, const acn_net_value *v);
/* True for a constant of one number. */
bool acn_value_number(const acn_net_value *v, double *out);
/* True for a contiguous f32 constant with one number for each of |count| indices of dimension
 * |dim|, counted from the end, or one for all; |*step| is then 1 or 0. */
bool acn_value_by_dim(const acn_net_value *v, int dim, int64_t count, const float **out,
                      int64_t *step);

/* |node|'s output |slot| becomes |value|, which another node made before. */
void acn_take_output(acn_net *net, acn_net_node *node, int slot, acn_net_value *value);
/* Whoever reads |old| or a part of it reads |value| instead, which has its shape and stands before.
 * False: parts of it cannot be found there, and nothing has changed. */
bool acn_replace_value(acn_net *net, acn_net_value *old, acn_net_value *value);
/* An input becomes another value. */
void acn_change_input(acn_net_node *node, int slot, acn_net_value *value);
/* Gives an optional input that was absent. */
acn_status acn_set_input(acn_net *net, acn_net_node *node, int slot, acn_net_value *value);
/* Attributes of a node that exists. */
void acn_set_float(acn_net_node *node, const char *attr, double value);
void acn_set_text(acn_net_node *node, const char *attr, const char *literal);

/* Rewrites every node that fits; |count| counts them. */
acn_status acn_rewrite_each(acn_net *net, acn_pass_count *count,
                            bool (*fits)(const acn_net_node *node),
                            acn_status (*rewrite)(acn_net *net, acn_net_node *node));

/* A product whose epilogue takes a bias, an addend, a clamp and an activation. */
bool acn_node_is_product(const acn_net_node *node);

#endif

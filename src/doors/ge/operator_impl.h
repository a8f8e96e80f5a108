/* operator_impl.h - what stands behind ge::Operator, and so behind the nodes of a ge::Graph. */
#ifndef ACN_DOORS_GE_OPERATOR_IMPL_H
#define ACN_DOORS_GE_OPERATOR_IMPL_H

#include "doors/ge/attr.h"
#include "graph/operator.h"

namespace ge {

/* Where an input comes from. A node owns the nodes it depends on, so that programs may forget them;
 * an edge that would close a cycle owns nothing, or the nodes would stay for ever. */
struct Edge {
    OperatorImplPtr owned;
    std::weak_ptr<OperatorImpl> cyclic;
    int index = 0;

    OperatorImplPtr Source() const { return owned ? owned : cyclic.lock(); }
    void Clear() { *this = Edge(); }
};

struct Port {
    std::string name;
    TensorDesc desc;
    Edge edge;                 /* of an input */
    bool is_described = false; /* by the program */
};

/* An input or output of the type: one port, or, of a dynamic one, NAME0, NAME1 ... */
struct IrPort {
    enum Kind { kOne, kOptional, kDynamic };
    std::string name;
    Kind kind;
    uint32_t count; /* of the dynamic one's ports */
};

class OperatorImpl {
  public:
    OperatorImpl(const char *own_name, const char *own_type)
        : name(own_name ? own_name : ""), type(own_type ? own_type : "") {}

    std::string name, type;
    std::vector<Port> inputs, outputs;
    std::vector<Edge> controls;
    std::vector<IrPort> ir_inputs, ir_outputs;
    AttrMap attrs;
    std::vector<std::pair<std::string, std::string>> ir_attrs; /* name and kind */
    std::string failure; /* the first thing that went wrong while it was wired */
    bool is_source = false;

    /* An index, or -1. Names of dynamic ports are those of their items. */
    int FindInput(const char *port) const { return Find(inputs, port); }
    int FindOutput(const char *port) const { return Find(outputs, port); }
    /* The inputs in the order of the type. */
    std::vector<const Port *> OrderedInputs() const;
    /* Gives the operator what the toolkit says of its type, as far as it has it not yet. */
    void TakeType();

  private:
    static int Find(const std::vector<Port> &ports, const char *port);
};

class OperatorUtils {
  public:
    static OperatorImplPtr ImplOf(const Operator &op) { return op.operator_impl_; }
    static Operator Of(OperatorImplPtr impl) { return Operator(std::move(impl)); }
};

/* Wires output |index| of |source| to |edge| of |node|. */
void Connect(const OperatorImplPtr &node, Edge &edge, const OperatorImplPtr &source, int index);

} // namespace ge

#endif

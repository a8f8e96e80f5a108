/* operator.cpp - see graph/operator.h: names, edges, descriptions and what a type has. Attributes
 * are in operator_attr.cpp. */
#include "doors/ge/core.h"
#include "doors/ge/operator_impl.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace ge {

/* ---- what an operator has -------------------------------------------------------------------- */

int OperatorImpl::Find(const std::vector<Port> &ports, const char *port) {
    for (size_t i = 0; port != nullptr && i < ports.size(); i++)
        if (ports[i].name == port) return static_cast<int>(i);
    return -1;
}

std::vector<const Port *> OperatorImpl::OrderedInputs() const {
    std::vector<const Port *> ordered;
    std::set<const Port *> used;
    for (const IrPort &ir : ir_inputs) {
        const uint32_t count = ir.kind == IrPort::kDynamic ? ir.count : 1;
        for (uint32_t i = 0; i < count; i++) {
            const bool is_item = ir.kind == IrPort::kDynamic;
            const std::string wanted = is_item ? ir.name + std::to_string(i) : ir.name;
            const int at = FindInput(wanted.c_str());
            if (at >= 0 && used.insert(&inputs[at]).second) ordered.push_back(&inputs[at]);
        }
    }
    for (const Port &port : inputs) /* of a type that nobody described */
        if (used.count(&port) == 0) ordered.push_back(&port);
    return ordered;
}

/* Whether |from| depends on |wanted|. */
static bool depends_on(const OperatorImplPtr &from, const OperatorImpl *wanted) {
    std::vector<const OperatorImpl *> left = {from.get()};
    std::set<const OperatorImpl *> seen;
    while (!left.empty()) {
        const OperatorImpl *node = left.back();
        left.pop_back();
        if (node == wanted) return true;
        if (!seen.insert(node).second) continue;
        for (const Port &input : node->inputs)
            if (input.edge.owned) left.push_back(input.edge.owned.get());
        for (const Edge &edge : node->controls)
            if (edge.owned) left.push_back(edge.owned.get());
    }
    return false;
}

void Connect(const OperatorImplPtr &node, Edge &edge, const OperatorImplPtr &source, int index) {
    edge.Clear();
    edge.index = index;
    /* A node that nothing depends on yet cannot close a cycle, unless with itself. */
    if (source == node || (node->is_source && depends_on(source, node.get())))
        edge.cyclic = source;
    else
        edge.owned = source;
    source->is_source = true;
}

/* Kept for the build, which fails with it; told at once as well. */
static void fail(const OperatorImplPtr &impl, const std::string &what) {
    const std::string text = "node \"" + impl->name + "\" (" + impl->type + "): " + what;
    if (impl->failure.empty()) impl->failure = text;
    acn_ge_refuse("ge::Operator", text.c_str());
}

static std::string quoted(const char *name) {
    return std::string("\"") + (name ? name : "") + "\"";
}

/* ---- making ---------------------------------------------------------------------------------- */

Operator::Operator(const char_t *type)
    : operator_impl_(std::make_shared<OperatorImpl>(type, type)) {}
Operator::Operator(const char_t *name, const char_t *type)
    : operator_impl_(std::make_shared<OperatorImpl>(name, type)) {}
Operator::Operator(const AscendString &name, const AscendString &type)
    : Operator(name.GetString(), type.GetString()) {}
Operator::Operator(OperatorImplPtr &&op_impl) : operator_impl_(std::move(op_impl)) {}

bool Operator::IsEmpty() const { return operator_impl_ == nullptr; }

graphStatus Operator::GetName(AscendString &name) const {
    if (!operator_impl_) return GRAPH_FAILED;
    name = AscendString(operator_impl_->name.c_str());
    return GRAPH_SUCCESS;
}

graphStatus Operator::GetOpType(AscendString &type) const {
    if (!operator_impl_) return GRAPH_FAILED;
    type = AscendString(operator_impl_->type.c_str());
    return GRAPH_SUCCESS;
}

/* ---- what the type has ----------------------------------------------------------------------- */

static void add_port(std::vector<IrPort> &ir, std::vector<Port> &ports, const char *name,
                     IrPort::Kind kind) {
    if (name == nullptr) return;
    ir.push_back({name, kind, 0});
    Port port;
    port.name = name;
    if (kind != IrPort::kDynamic) ports.push_back(port);
}

/* |count| items more, at |index| of the ports. */
static void add_items(std::vector<IrPort> &ir, std::vector<Port> &ports, const char *name,
                      uint32_t count, size_t index) {
    if (name == nullptr) return;
    IrPort *list = nullptr;
    for (IrPort &port : ir)
        if (port.name == name) list = &port;
    if (list == nullptr) {
        ir.push_back({name, IrPort::kDynamic, 0});
        list = &ir.back();
    }
    index = std::min(index, ports.size());
    for (uint32_t i = 0; i < count; i++) {
        Port port;
        port.name = name + std::to_string(list->count++);
        ports.insert(ports.begin() + static_cast<long>(index++), port);
    }
}

enum : uint32_t { kMostItems = 1 << 16 };

void Operator::InputRegister(const char_t *name) {
    if (operator_impl_)
        add_port(operator_impl_->ir_inputs, operator_impl_->inputs, name, IrPort::kOne);
}

void Operator::OptionalInputRegister(const char_t *name) {
    if (operator_impl_)
        add_port(operator_impl_->ir_inputs, operator_impl_->inputs, name, IrPort::kOptional);
}

void Operator::OutputRegister(const char_t *name) {
    if (operator_impl_)
        add_port(operator_impl_->ir_outputs, operator_impl_->outputs, name, IrPort::kOne);
}

void Operator::InputRegister(const char_t *name, const char_t *) { InputRegister(name); }
void Operator::OptionalInputRegister(const char_t *name, const char_t *) {
    OptionalInputRegister(name);
}
void Operator::OutputRegister(const char_t *name, const char_t *) { OutputRegister(name); }

void Operator::DynamicInputRegister(const char_t *name, const uint32_t num, bool is_push_back) {
    DynamicInputRegisterByIndex(name, num, is_push_back ? SIZE_MAX : 0);
}

void Operator::DynamicInputRegisterByIndex(const char_t *name, const uint32_t num, size_t index) {
    if (!operator_impl_) return;
    if (num > kMostItems)
        fail(operator_impl_, "dynamic input " + quoted(name) + " has too many items");
    else
        add_items(operator_impl_->ir_inputs, operator_impl_->inputs, name, num, index);
}

void Operator::DynamicOutputRegister(const char_t *name, const uint32_t num, bool is_push_back) {
    if (!operator_impl_) return;
    if (num > kMostItems)
        fail(operator_impl_, "dynamic output " + quoted(name) + " has too many items");
    else
        add_items(operator_impl_->ir_outputs, operator_impl_->outputs, name, num,
                  is_push_back ? SIZE_MAX : 0);
}

static void refuse_graphs(const OperatorImplPtr &impl) {
    if (impl) fail(impl, "graphs inside of nodes are not supported; use an ONNX model");
}

void Operator::SubgraphRegister(const char_t *, bool) { refuse_graphs(operator_impl_); }
void Operator::SubgraphCountRegister(const char_t *, uint32_t) { refuse_graphs(operator_impl_); }
void Operator::SetSubgraphBuilder(const char_t *, uint32_t, const SubgraphBuilder &) {
    refuse_graphs(operator_impl_);
}

/* ---- edges ----------------------------------------------------------------------------------- */

/* Output |index| of |source| becomes input |input| (an index, or -1) of |node|. */
static void connect_input(const OperatorImplPtr &node, int input, const std::string &input_name,
                          const OperatorImplPtr &source, int index,
                          const std::string &output_name) {
    if (!node) return;
    if (!source)
        fail(node, "input " + input_name + " is connected to an empty operator");
    else if (input < 0 || static_cast<size_t>(input) >= node->inputs.size())
        fail(node, "it has no input " + input_name);
    else if (index < 0 || static_cast<size_t>(index) >= source->outputs.size())
        fail(node, "its input " + input_name + " comes from output " + output_name + " of node \"" +
                       source->name + "\" (" + source->type + "), which does not have one");
    else
        Connect(node, node->inputs[static_cast<size_t>(input)].edge, source, index);
}

static int find_input(const OperatorImplPtr &impl, const char *name) {
    return impl ? impl->FindInput(name) : -1;
}

static int find_output(const Operator &op, const char *name) {
    const OperatorImplPtr impl = OperatorUtils::ImplOf(op);
    return impl ? impl->FindOutput(name) : -1;
}

Operator &Operator::SetInput(const char_t *dst_name, const Operator &src_oprt) {
    return SetInput(dst_name, src_oprt, 0u);
}

Operator &Operator::SetInput(const char_t *dst_name, const Operator &src_oprt, uint32_t index) {
    connect_input(operator_impl_, find_input(operator_impl_, dst_name), quoted(dst_name),
                  src_oprt.operator_impl_, static_cast<int>(index), std::to_string(index));
    return *this;
}

Operator &Operator::SetInput(const char_t *dst_name, const Operator &src_oprt, const char_t *name) {
    connect_input(operator_impl_, find_input(operator_impl_, dst_name), quoted(dst_name),
                  src_oprt.operator_impl_, find_output(src_oprt, name), quoted(name));
    return *this;
}

Operator &Operator::SetInput(uint32_t dst_index, const Operator &src_oprt, uint32_t src_index) {
    connect_input(operator_impl_, static_cast<int>(dst_index), std::to_string(dst_index),
                  src_oprt.operator_impl_, static_cast<int>(src_index), std::to_string(src_index));
    return *this;
}

static std::string item(const char *name, uint32_t index) {
    return (name ? name : "") + std::to_string(index);
}

Operator &Operator::SetInput(const char_t *dst_name, uint32_t dst_index, const Operator &src_oprt,
                             const char_t *name) {
    return SetInput(item(dst_name, dst_index).c_str(), src_oprt, name);
}

Operator &Operator::SetInput(const char_t *dst_name, uint32_t dst_index, const Operator &src_oprt) {
    return SetInput(item(dst_name, dst_index).c_str(), src_oprt, 0u);
}

Operator &Operator::AddControlInput(const Operator &src_oprt) {
    if (!operator_impl_) return *this;
    if (!src_oprt.operator_impl_) {
        fail(operator_impl_, "its control input is an empty operator");
        return *this;
    }
    operator_impl_->controls.emplace_back();
    Connect(operator_impl_, operator_impl_->controls.back(), src_oprt.operator_impl_, -1);
    return *this;
}

void Operator::BreakConnect() const {
    if (!operator_impl_) return;
    for (Port &input : operator_impl_->inputs)
        input.edge.Clear();
    operator_impl_->controls.clear();
}

graphStatus Operator::GetInputConstData(const char_t *dst_name, Tensor &data) const {
    const int at = find_input(operator_impl_, dst_name);
    if (at < 0) return GRAPH_FAILED;
    const OperatorImplPtr source = operator_impl_->inputs[static_cast<size_t>(at)].edge.Source();
    if (!source || (source->type != "Const" && source->type != "Constant")) return GRAPH_FAILED;
    const auto value = source->attrs.find("value");
    if (value == source->attrs.end()) return GRAPH_FAILED;
    return Give(value->second, data) ? GRAPH_SUCCESS : GRAPH_FAILED;
}

/* ---- descriptions ---------------------------------------------------------------------------- */

static TensorDesc desc_of(const std::vector<Port> &ports, int at) {
    return at >= 0 && static_cast<size_t>(at) < ports.size() ? ports[static_cast<size_t>(at)].desc
                                                             : TensorDesc();
}

static graphStatus update(std::vector<Port> &ports, int at, const TensorDesc &desc) {
    if (at < 0 || static_cast<size_t>(at) >= ports.size()) return GRAPH_FAILED;
    ports[static_cast<size_t>(at)].desc = desc;
    ports[static_cast<size_t>(at)].is_described = true;
    return GRAPH_SUCCESS;
}

TensorDesc Operator::GetInputDescByName(const char_t *name) const {
    if (!operator_impl_) return TensorDesc();
    return desc_of(operator_impl_->inputs, operator_impl_->FindInput(name));
}

TensorDesc Operator::GetInputDesc(uint32_t index) const {
    if (!operator_impl_) return TensorDesc();
    return desc_of(operator_impl_->inputs, static_cast<int>(index));
}

graphStatus Operator::TryGetInputDesc(const char_t *name, TensorDesc &tensor_desc) const {
    const int at = find_input(operator_impl_, name);
    if (at < 0) return GRAPH_FAILED;
    tensor_desc = desc_of(operator_impl_->inputs, at);
    return GRAPH_SUCCESS;
}

graphStatus Operator::UpdateInputDesc(const char_t *name, const TensorDesc &tensor_desc) {
    if (!operator_impl_) return GRAPH_FAILED;
    return update(operator_impl_->inputs, operator_impl_->FindInput(name), tensor_desc);
}

graphStatus Operator::UpdateInputDesc(const uint32_t index, const TensorDesc &tensor_desc) {
    if (!operator_impl_) return GRAPH_FAILED;
    return update(operator_impl_->inputs, static_cast<int>(index), tensor_desc);
}

TensorDesc Operator::GetOutputDescByName(const char_t *name) const {
    if (!operator_impl_) return TensorDesc();
    return desc_of(operator_impl_->outputs, operator_impl_->FindOutput(name));
}

TensorDesc Operator::GetOutputDesc(uint32_t index) const {
    if (!operator_impl_) return TensorDesc();
    return desc_of(operator_impl_->outputs, static_cast<int>(index));
}

graphStatus Operator::UpdateOutputDesc(const char_t *name, const TensorDesc &tensor_desc) {
    if (!operator_impl_) return GRAPH_FAILED;
    return update(operator_impl_->outputs, operator_impl_->FindOutput(name), tensor_desc);
}

graphStatus Operator::UpdateOutputDesc(const uint32_t index, const TensorDesc &tensor_desc) {
    if (!operator_impl_) return GRAPH_FAILED;
    return update(operator_impl_->outputs, static_cast<int>(index), tensor_desc);
}

static int32_t items_of(const std::vector<IrPort> &ir, const char *name) {
    for (const IrPort &port : ir)
        if (name != nullptr && port.name == name && port.kind == IrPort::kDynamic)
            return static_cast<int32_t>(port.count);
    return 0;
}

int32_t Operator::GetDynamicOutputNum(const char_t *name) const {
    return operator_impl_ ? items_of(operator_impl_->ir_outputs, name) : 0;
}

int32_t Operator::GetDynamicInputNum(const char_t *name) const {
    return operator_impl_ ? items_of(operator_impl_->ir_inputs, name) : 0;
}

TensorDesc Operator::GetDynamicInputDesc(const char_t *name, uint32_t index) const {
    return GetInputDescByName(item(name, index).c_str());
}

graphStatus Operator::UpdateDynamicInputDesc(const char_t *name, uint32_t index,
                                             const TensorDesc &tensor_desc) {
    return UpdateInputDesc(item(name, index).c_str(), tensor_desc);
}

TensorDesc Operator::GetDynamicOutputDesc(const char_t *name, uint32_t index) const {
    return GetOutputDescByName(item(name, index).c_str());
}

graphStatus Operator::UpdateDynamicOutputDesc(const char_t *name, uint32_t index,
                                              const TensorDesc &tensor_desc) {
    return UpdateOutputDesc(item(name, index).c_str(), tensor_desc);
}

size_t Operator::GetInputsSize() const {
    return operator_impl_ ? operator_impl_->inputs.size() : 0;
}

size_t Operator::GetOutputsSize() const {
    return operator_impl_ ? operator_impl_->outputs.size() : 0;
}

} // namespace ge

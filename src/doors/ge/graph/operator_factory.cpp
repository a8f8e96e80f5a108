/* operator_factory.cpp - see graph/operator_factory.h: what programs register goes before what the
 * toolkit knows. */
#include "graph/operator_factory.h"

#include "doors/ge/core.h"
#include "doors/ge/operator_impl.h"
#include "ops/ge_type.h"

#include <cstdlib>
#include <cstring>
#include <mutex>

namespace ge {

namespace {

struct Creators {
    std::mutex mutex;
    std::map<std::string, OpCreatorV2> of;
};

Creators &creators() {
    static Creators &all = *new Creators; /* programs register before main, and end any time */
    return all;
}

OpCreatorV2 find_creator(const char *type) {
    std::lock_guard<std::mutex> lock(creators().mutex);
    const auto at = creators().of.find(type);
    return at == creators().of.end() ? OpCreatorV2() : at->second;
}

/* "{1, 2}" item by item. */
template <typename T> std::vector<T> items(const char *text, T (*read)(const char *)) {
    std::vector<T> list;
    for (text += std::strspn(text, "{ "); *text && *text != '}'; text += std::strspn(text, ", ")) {
        list.push_back(read(text));
        text += std::strcspn(text, ",}");
    }
    return list;
}

int64_t integer(const char *text) { return std::strtoll(text, nullptr, 0); }
float number(const char *text) { return std::strtof(text, nullptr); }
bool truth(const char *text) { return *text == 't'; }

/* What the type says of an attribute that nobody sets. */
Attr fallback(const acn_ge_attr_type &type) {
    const std::string kind = type.kind;
    const char *text = type.fallback;
    if (kind == "Int") return integer(text);
    if (kind == "Float") return number(text);
    if (kind == "Bool") return truth(text);
    if (kind == "Type") return static_cast<DataType>(integer(text));
    if (kind == "ListInt") return items(text, integer);
    if (kind == "ListFloat") return items(text, number);
    if (kind == "ListBool") return items(text, truth);
    if (kind == "String") return std::string(text).substr(1, std::strlen(text) - 2);
    if (kind == "Tensor") return Tensor();
    return Attr();
}

template <typename Add> void each_port(const char *list, Add add) {
    acn_ge_port port;
    for (const char *at = list; acn_ge_next_port(&at, &port);)
        add(port);
}

} // namespace

void OperatorImpl::TakeType() {
    const acn_ge_type *known = acn_ge_type_find(type.c_str());
    if (known == nullptr) return;
    const auto kind = [](const acn_ge_port &port) {
        return port.is_list       ? IrPort::kDynamic
               : port.is_optional ? IrPort::kOptional
                                  : IrPort::kOne;
    };
    if (ir_inputs.empty())
        each_port(known->inputs, [&](const acn_ge_port &port) {
            ir_inputs.push_back({port.name, kind(port), 0});
        });
    if (ir_outputs.empty())
        each_port(known->outputs, [&](const acn_ge_port &port) {
            ir_outputs.push_back({port.name, kind(port), 0});
        });
    if (!ir_attrs.empty()) return;
    acn_ge_attr_type attr;
    for (const char *at = known->attrs; acn_ge_next_attr(&at, &attr);)
        ir_attrs.emplace_back(attr.name, attr.kind);
}

static Operator create(const char *name, const acn_ge_type *type) {
    auto impl = std::make_shared<OperatorImpl>(name, type->type);
    impl->TakeType();
    for (const IrPort &port : impl->ir_inputs) {
        Port made;
        made.name = port.name;
        if (port.kind != IrPort::kDynamic) impl->inputs.push_back(made);
    }
    for (const IrPort &port : impl->ir_outputs) {
        Port made;
        made.name = port.name;
        if (port.kind != IrPort::kDynamic) impl->outputs.push_back(made);
    }
    acn_ge_attr_type attr;
    for (const char *at = type->attrs; acn_ge_next_attr(&at, &attr);)
        if (!attr.is_required) impl->attrs[attr.name] = fallback(attr);
    return OperatorUtils::Of(impl);
}

Operator OperatorFactory::CreateOperator(const char_t *const operator_name,
                                         const char_t *const operator_type) {
    if (operator_name == nullptr || operator_type == nullptr) return Operator();
    const OpCreatorV2 creator = find_creator(operator_type);
    if (creator) return creator(AscendString(operator_name));
    const acn_ge_type *type = acn_ge_type_find(operator_type);
    return type ? create(operator_name, type) : Operator();
}

graphStatus OperatorFactory::GetOpsTypeList(std::vector<AscendString> &all_ops) {
    all_ops.clear();
    for (int i = 0; const acn_ge_type *type = acn_ge_type_at(i); i++)
        all_ops.push_back(AscendString(type->type));
    std::lock_guard<std::mutex> lock(creators().mutex);
    for (const auto &creator : creators().of)
        if (acn_ge_type_find(creator.first.c_str()) == nullptr)
            all_ops.push_back(AscendString(creator.first.c_str()));
    return GRAPH_SUCCESS;
}

bool OperatorFactory::IsExistOp(const char_t *const operator_type) {
    if (operator_type == nullptr) return false;
    return acn_ge_type_find(operator_type) != nullptr || find_creator(operator_type) != nullptr;
}

OperatorCreatorRegister::OperatorCreatorRegister(const char_t *const operator_type,
                                                 OpCreatorV2 const &op_creator) {
    if (operator_type == nullptr || !op_creator) return;
    std::lock_guard<std::mutex> lock(creators().mutex);
    creators().of[operator_type] = op_creator;
}

} // namespace ge

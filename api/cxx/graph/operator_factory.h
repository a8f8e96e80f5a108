/* operator_factory.h - operators by the name of their type: those of this toolkit, and those that
 * programs register with REG_OP. */
#ifndef GRAPH_OPERATOR_FACTORY_H
#define GRAPH_OPERATOR_FACTORY_H

#include <functional>
#include <string>
#include <vector>

#include "graph/ascend_string.h"
#include "graph/ge_error_codes.h"
#include "graph/operator.h"

namespace ge {

using OpCreator = std::function<Operator(const std::string &)>;
using OpCreatorV2 = std::function<Operator(const AscendString &)>;
using InferShapeFunc = std::function<graphStatus(Operator &)>;
using InferFormatFunc = std::function<graphStatus(Operator &)>;
using VerifyFunc = std::function<graphStatus(Operator &)>;

class OperatorFactory {
  public:
    /* Empty (Operator::IsEmpty) when there is no such type. */
    static Operator CreateOperator(const std::string &operator_name,
                                   const std::string &operator_type);
    static Operator CreateOperator(const char_t *const operator_name,
                                   const char_t *const operator_type);
    static graphStatus GetOpsTypeList(std::vector<std::string> &all_ops);
    static graphStatus GetOpsTypeList(std::vector<AscendString> &all_ops);
    static bool IsExistOp(const std::string &operator_type);
    static bool IsExistOp(const char_t *const operator_type);
};

class OperatorCreatorRegister {
  public:
    OperatorCreatorRegister(const std::string &operator_type, OpCreator const &op_creator);
    OperatorCreatorRegister(const char_t *const operator_type, OpCreatorV2 const &op_creator);
    ~OperatorCreatorRegister() = default;
};

} /* namespace ge */

#endif

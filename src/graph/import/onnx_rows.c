/* onnx_rows.c - ONNX operators that are one of ours under another name: same inputs, one output. */
#include "graph/import/importer.h"

#define ROW(id, onnx, ours, in, out, gives)                                                        \
    static const acn_onnx_row id##_row = {onnx, ours, in, out, gives};                             \
    ACN_ONNX(id) = {.type = onnx, .row = &id##_row}

#define UNARY(id, onnx, ours)  ROW(id, onnx, ours, "x", "y", ACN_UNDEFINED)
#define BINARY(id, onnx, ours) ROW(id, onnx, ours, "x1 x2", "y", ACN_UNDEFINED)
#define TRUTH(id, onnx, ours)  ROW(id, onnx, ours, "x1 x2", "y", ACN_BOOL)

UNARY(abs, "Abs", "Abs");
UNARY(acos, "Acos", "Acos");
UNARY(acosh, "Acosh", "Acosh");
UNARY(asin, "Asin", "Asin");
UNARY(asinh, "Asinh", "Asinh");
UNARY(atan, "Atan", "Atan");
UNARY(atanh, "Atanh", "Atanh");
UNARY(ceil, "Ceil", "Ceil");
UNARY(cos, "Cos", "Cos");
UNARY(cosh, "Cosh", "Cosh");
UNARY(erf, "Erf", "Erf");
UNARY(exp, "Exp", "Exp");
UNARY(floor, "Floor", "Floor");
UNARY(hard_swish, "HardSwish", "HardSwish");
UNARY(log, "Log", "Log");
UNARY(mish, "Mish", "Mish");
UNARY(neg, "Neg", "Neg");
UNARY(reciprocal, "Reciprocal", "Reciprocal");
UNARY(relu, "Relu", "Relu");
UNARY(sigmoid, "Sigmoid", "Sigmoid");
UNARY(sign, "Sign", "Sign");
UNARY(sin, "Sin", "Sin");
UNARY(round, "Round", "Round");
UNARY(sinh, "Sinh", "Sinh");
UNARY(softplus, "Softplus", "SoftplusV2");
UNARY(sqrt, "Sqrt", "Sqrt");
UNARY(tan, "Tan", "Tan");
UNARY(tanh, "Tanh", "Tanh");
UNARY(bitwise_not, "BitwiseNot", "Invert");
ROW(logical_not, "Not", "LogicalNot", "x", "y", ACN_BOOL);

BINARY(add, "Add", "Add");
BINARY(sub, "Sub", "Sub");
BINARY(mul, "Mul", "Mul");
BINARY(bitwise_and, "BitwiseAnd", "BitwiseAnd");
BINARY(bitwise_or, "BitwiseOr", "BitwiseOr");
BINARY(bitwise_xor, "BitwiseXor", "BitwiseXor");
BINARY(mat_mul, "MatMul", "MatMul");

TRUTH(equal, "Equal", "Equal");
TRUTH(greater, "Greater", "Greater");
TRUTH(greater_equal, "GreaterOrEqual", "GreaterEqual");
TRUTH(less, "Less", "Less");
TRUTH(less_equal, "LessOrEqual", "LessEqual");
TRUTH(logical_and, "And", "LogicalAnd");
TRUTH(logical_xor, "Xor", "LogicalXor");
TRUTH(logical_or, "Or", "LogicalOr");

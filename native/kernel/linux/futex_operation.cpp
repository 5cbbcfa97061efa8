#include "linux/futex_operation.h"

namespace runtime {

namespace {

constexpr uint32_t kShiftFlag = 8;  // in the change: the operand is an exponent of two
constexpr uint32_t kLastChange = 4;
constexpr uint32_t kLastComparison = 5;

/// Sign-extends the 12-bit field that starts at bit `position`.
int32_t field12(uint32_t encoded, unsigned position) {
  return static_cast<int32_t>(encoded << (20 - position)) >> 20;
}

}  // namespace

bool decode_futex_operation(uint32_t encoded, FutexOperation* operation) {
  const uint32_t change = (encoded >> 28) & 0xf;
  const uint32_t comparison = (encoded >> 24) & 0xf;
  if ((change & ~kShiftFlag) > kLastChange || comparison > kLastComparison) return false;
  operation->change = static_cast<FutexOperation::Change>(change & ~kShiftFlag);
  operation->comparison = static_cast<FutexOperation::Comparison>(comparison);
  operation->operand = field12(encoded, 12);
  operation->compared = field12(encoded, 0);
  if (change & kShiftFlag) {
    operation->operand = static_cast<int32_t>(1u << (operation->operand & 31));
  }
  return true;
}

uint32_t apply_futex_operation(const FutexOperation& operation, uint32_t old) {
  const uint32_t operand = static_cast<uint32_t>(operation.operand);
  switch (operation.change) {
    case FutexOperation::Change::Set:
      return operand;
    case FutexOperation::Change::Add:
      return old + operand;
    case FutexOperation::Change::Or:
      return old | operand;
    case FutexOperation::Change::AndNot:
      return old & ~operand;
    case FutexOperation::Change::Xor:
      return old ^ operand;
  }
  return old;
}

bool futex_comparison_holds(const FutexOperation& operation, uint32_t old) {
  const int32_t value = static_cast<int32_t>(old);
  switch (operation.comparison) {
    case FutexOperation::Comparison::Equal:
      return value == operation.compared;
    case FutexOperation::Comparison::NotEqual:
      return value != operation.compared;
    case FutexOperation::Comparison::Less:
      return value < operation.compared;
    case FutexOperation::Comparison::LessOrEqual:
      return value <= operation.compared;
    case FutexOperation::Comparison::Greater:
      return value > operation.compared;
    case FutexOperation::Comparison::GreaterOrEqual:
      return value >= operation.compared;
  }
  return false;
}

}  // namespace runtime

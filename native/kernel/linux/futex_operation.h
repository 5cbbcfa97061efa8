// The operation of FUTEX_WAKE_OP, futex(2): decoding and arithmetic. Pure.
#pragma once

#include <stdint.h>

namespace runtime {

/// What the fourth argument packs: a change of the second word and a test of its old value.
struct FutexOperation {
  enum class Change : uint8_t { Set, Add, Or, AndNot, Xor };
  enum class Comparison : uint8_t { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual };

  Change change;
  Comparison comparison;
  int32_t operand;
  int32_t compared;
};

/// Unpacks `encoded`. Returns false for an unknown change or comparison.
bool decode_futex_operation(uint32_t encoded, FutexOperation* operation);
/// The new value of a word that held `old`.
uint32_t apply_futex_operation(const FutexOperation& operation, uint32_t old);
/// Whether the test holds for the old value, which counts as signed.
bool futex_comparison_holds(const FutexOperation& operation, uint32_t old);

}  // namespace runtime

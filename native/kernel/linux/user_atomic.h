// Atomic change of a word of application memory.
#pragma once

#include <stdint.h>

#include "lib/result.h"
#include "memory/user.h"

/// In arch/x86_64/entry.S, with an entry in the exception table: returns 0 when the access worked.
extern "C" uint64_t compare_exchange_guarded(uint32_t* address, uint32_t expected, uint32_t desired,
                                             uint32_t* seen);

namespace runtime {

/// Stores `desired` in the 4-byte word at `address` (aligned to 4) if it holds `expected`, in one
/// atomic step. Returns what it held. Errors: Fault when the word is not writable.
inline Result<uint32_t> compare_exchange_user(uint64_t address, uint32_t expected,
                                              uint32_t desired) {
  if (address > kUserEnd - sizeof(uint32_t)) return Errno::Fault;
  uint32_t seen = 0;
  if (compare_exchange_guarded(reinterpret_cast<uint32_t*>(address), expected, desired, &seen)) {
    return Errno::Fault;
  }
  return seen;
}

/// Replaces the word at `address` by `change(old)` atomically and returns the old one. Errors: Fault.
template <typename Change>
Result<uint32_t> update_user_word(uint64_t address, Change change) {
  Result<uint32_t> current = UserPtr<uint32_t>(address).read();
  for (;;) {
    if (current.is_error()) return current;
    const uint32_t expected = current.value();
    current = compare_exchange_user(address, expected, change(expected));
    if (current.is_error() || current.value() == expected) return current;
  }
}

}  // namespace runtime

// Names for addresses: the kernel's own symbol file and the dynamic symbols of ELF images. All of
// it reads data that came out of an archive, so every offset is checked. Nothing allocates.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"

namespace runtime {

/// A function that covers an address.
struct SymbolMatch {
  StringView name;      // as stored: demangled in the kernel's file, mangled in ELF images
  uint64_t offset = 0;  // bytes from the function's start
};

/// The kernel's symbols, /system/kernel.symbols: "RTSYMS01", u32 count, u32 offset of the strings,
/// then count pairs {u32 offset from the kernel's start, u32 offset into the strings}, sorted.
class KernelSymbols {
 public:
  /// Takes a view of the file. Returns false, and then finds nothing, when it is not well formed.
  bool open(const uint8_t* data, size_t size);
  /// Finds the last function that starts at or before `offset` bytes from the kernel's start.
  bool lookup(uint64_t offset, SymbolMatch* match) const;

 private:
  uint32_t word(size_t offset) const;

  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  uint32_t count_ = 0;
  uint32_t strings_ = 0;
};

/// Finds the function, exported or (in a file that is not stripped) not, that covers `link_address` (an address as the linker assigned it:
/// the run-time address minus the load bias) in the ELF64 file at `image`, through its symbol
/// tables. Returns false when there is none or the file is damaged.
bool elf_symbol_for(const uint8_t* image, size_t size, uint64_t link_address, SymbolMatch* match);

}  // namespace runtime

// The parts of a report about a crash: registers, backtraces, memory figures. Pure: memory and names
// are reached through callbacks, so that the same code serves panics, native crashes and tests.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/trap_frame.h"
#include "lib/text.h"

namespace runtime {

constexpr size_t kMaximumFrames = 64;

/// How a report reaches the memory and the names of what it describes.
struct ReportAccess {
  /// Reads 8 bytes at `address`; returns false instead of faulting.
  bool (*read_word)(void* context, uint64_t address, uint64_t* value);
  /// Writes what is at a code address, e.g. "v8::Isolate::Dispose+0x12 (node)", and returns the
  /// length; 0 when the address is not in known code.
  size_t (*resolve)(void* context, uint64_t address, char* buffer, size_t capacity);
  void* context;
};

/// Appends the general registers, four to a line.
void report_registers(TextBuilder& text, const TrapFrame& frame);

/// Follows frame pointers: `frames[0]` is `instruction`, the others are return addresses. Stops at
/// an unreadable or misaligned frame, at one that is not above its predecessor (so loops end), and
/// at `capacity`. Returns the count.
size_t walk_frames(uint64_t instruction, uint64_t frame_pointer, const ReportAccess& access,
                   uint64_t* frames, size_t capacity);

/// Appends a numbered backtrace with names. Code without frame pointers ends it early; then words
/// above `stack_pointer` that point into known code follow, marked as guesses with a question mark.
void report_backtrace(TextBuilder& text, uint64_t instruction, uint64_t frame_pointer,
                      uint64_t stack_pointer, const ReportAccess& access);

/// Figures for `report_memory`, in bytes.
struct ReportMemory {
  uint64_t total;
  uint64_t free;
  uint64_t image;  // kernel, base and initrd
  uint64_t application;
  uint64_t kernel_heap;
  uint64_t temporary_files;
};
/// Appends one line of figures in MiB.
void report_memory(TextBuilder& text, const ReportMemory& memory);

}  // namespace runtime

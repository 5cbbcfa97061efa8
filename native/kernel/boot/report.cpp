#include "boot/report.h"

#include "lib/types.h"

namespace runtime {

namespace {

constexpr size_t kWordSize = 8;
/// A frame-pointer walk with fewer frames than this is completed by guesses from the stack.
constexpr size_t kConvincingFrames = 4;
constexpr size_t kScannedWords = 512;
constexpr size_t kMaximumGuesses = 16;
constexpr size_t kNameCapacity = 256;

void report_frame(TextBuilder& text, size_t number, const char* mark, uint64_t address,
                  bool is_return_address, const ReportAccess& access) {
  char name[kNameCapacity];
  // A return address may lie behind its function, when the call was the last instruction.
  const uint64_t looked_up = is_return_address ? address - 1 : address;
  const size_t length = access.resolve(access.context, looked_up, name, sizeof(name));
  text.append("  #%-2zu %s0x%016llx  %s\n", number, mark, static_cast<unsigned long long>(address),
              length ? name : "(unknown code)");
}

unsigned long long mebibytes_tenths(uint64_t bytes) { return (bytes * 10 + (1 << 19)) >> 20; }

void report_figure(TextBuilder& text, const char* separator, const char* name, uint64_t bytes) {
  const unsigned long long tenths = mebibytes_tenths(bytes);
  text.append("%s%s %llu.%llu MiB", separator, name, tenths / 10, tenths % 10);
}

}  // namespace

void report_registers(TextBuilder& text, const TrapFrame& frame) {
  const struct {
    const char* name;
    uint64_t value;
  } registers[] = {
      {"rip", frame.rip}, {"rsp", frame.rsp}, {"rbp", frame.rbp}, {"rfl", frame.rflags},
      {"rax", frame.rax}, {"rbx", frame.rbx}, {"rcx", frame.rcx}, {"rdx", frame.rdx},
      {"rsi", frame.rsi}, {"rdi", frame.rdi}, {"r8", frame.r8},   {"r9", frame.r9},
      {"r10", frame.r10}, {"r11", frame.r11}, {"r12", frame.r12}, {"r13", frame.r13},
      {"r14", frame.r14}, {"r15", frame.r15}, {"cs", frame.cs},   {"err", frame.error},
  };
  constexpr size_t kPerLine = 4;
  for (size_t i = 0; i < array_size(registers); ++i) {
    text.append("%s%-3s %016llx%s", "  ", registers[i].name,
                static_cast<unsigned long long>(registers[i].value),
                i % kPerLine == kPerLine - 1 ? "\n" : "");
  }
}

size_t walk_frames(uint64_t instruction, uint64_t frame_pointer, const ReportAccess& access,
                   uint64_t* frames, size_t capacity) {
  if (!capacity) return 0;
  size_t count = 0;
  frames[count++] = instruction;
  while (count < capacity) {
    if (frame_pointer == 0 || frame_pointer % kWordSize != 0) break;
    uint64_t next, return_address;
    if (!access.read_word(access.context, frame_pointer, &next) ||
        !access.read_word(access.context, frame_pointer + kWordSize, &return_address)) {
      break;
    }
    if (return_address == 0) break;  // the outermost frame of a thread
    frames[count++] = return_address;
    if (next <= frame_pointer) break;  // stacks grow down, so callers' frames lie above
    frame_pointer = next;
  }
  return count;
}

void report_backtrace(TextBuilder& text, uint64_t instruction, uint64_t frame_pointer,
                      uint64_t stack_pointer, const ReportAccess& access) {
  uint64_t frames[kMaximumFrames];
  size_t count = walk_frames(instruction, frame_pointer, access, frames, kMaximumFrames);
  // Code that uses RBP for something else sends the walk astray: cut it at the first unknown code.
  char name[kNameCapacity];
  size_t known = 1;
  while (known < count &&
         access.resolve(access.context, frames[known] - 1, name, sizeof(name)) != 0) {
    ++known;
  }
  if (known < kConvincingFrames) count = known;
  for (size_t i = 0; i < count; ++i) report_frame(text, i, " ", frames[i], i != 0, access);
  if (count >= kConvincingFrames) return;

  size_t guesses = 0;
  for (size_t i = 0; i < kScannedWords && guesses < kMaximumGuesses; ++i) {
    uint64_t value;
    if (!access.read_word(access.context, stack_pointer + i * kWordSize, &value)) break;
    if (value == 0 || access.resolve(access.context, value - 1, name, sizeof(name)) == 0) continue;
    report_frame(text, count + guesses, "?", value, true, access);
    ++guesses;
  }
}

void report_memory(TextBuilder& text, const ReportMemory& memory) {
  report_figure(text, "  memory: ", "total", memory.total);
  report_figure(text, ", ", "free", memory.free);
  report_figure(text, ", ", "image", memory.image);
  report_figure(text, ", ", "app", memory.application);
  report_figure(text, ", ", "kernel heap", memory.kernel_heap);
  report_figure(text, ", ", "/tmp", memory.temporary_files);
  text.append("\n");
}

}  // namespace runtime

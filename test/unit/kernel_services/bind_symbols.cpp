// Symbols, demangling, backtraces.
#include <map>

#include "arguments.h"
#include "boot/report.h"
#include "lib/demangle.h"
#include "lib/symbols.h"

namespace kernel_services {

namespace {

Napi::Value to_match(Napi::Env env, const runtime::SymbolMatch& match) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", to_text(env, match.name.data, match.name.size));
  result.Set("offset", to_long(env, match.offset));
  return result;
}

/// A copy that ends where its memory ends, so that reading past it is noticed by sanitizers.
std::vector<uint8_t> exact_copy(const Napi::Value& value) {
  const Bytes bytes = bytes_of(value);
  return std::vector<uint8_t>(bytes.data, bytes.data + bytes.size);
}

/// kernelSymbol(file, offset: bigint): the match, undefined, or false when the file is refused.
Napi::Value kernel_symbol(const Napi::CallbackInfo& info) {
  const std::vector<uint8_t> file = exact_copy(info[0]);
  runtime::KernelSymbols symbols;
  if (!symbols.open(file.data(), file.size())) return Napi::Boolean::New(info.Env(), false);
  runtime::SymbolMatch match;
  if (!symbols.lookup(long_of(info[1]), &match)) return info.Env().Undefined();
  return to_match(info.Env(), match);
}

/// elfSymbol(image, address: bigint): the match or undefined.
Napi::Value elf_symbol(const Napi::CallbackInfo& info) {
  const std::vector<uint8_t> image = exact_copy(info[0]);
  runtime::SymbolMatch match;
  if (!runtime::elf_symbol_for(image.data(), image.size(), long_of(info[1]), &match)) {
    return info.Env().Undefined();
  }
  return to_match(info.Env(), match);
}

/// demangle(name, capacity?).
Napi::Value demangle(const Napi::CallbackInfo& info) {
  const std::string name = text_of(info[0]);
  std::vector<char> buffer(info.Length() > 1 ? word_of(info[1]) : 1024);
  const size_t length = runtime::demangle(runtime::StringView(name.data(), name.size()),
                                          buffer.data(), buffer.size());
  return to_text(info.Env(), buffer.data(), length);
}

/// Memory and code of a pretended process.
struct Pretence {
  std::map<uint64_t, uint64_t> memory;
  uint64_t code_start = 0;
  uint64_t code_end = 0;
};

bool read_word(void* context, uint64_t address, uint64_t* value) {
  const auto* pretence = static_cast<Pretence*>(context);
  const auto found = pretence->memory.find(address);
  if (found == pretence->memory.end()) return false;
  *value = found->second;
  return true;
}

size_t resolve(void* context, uint64_t address, char* buffer, size_t capacity) {
  const auto* pretence = static_cast<Pretence*>(context);
  if (address < pretence->code_start || address >= pretence->code_end) return 0;
  return runtime::format(buffer, capacity, "code+0x%llx",
                         static_cast<unsigned long long>(address - pretence->code_start));
}

/// The memory of the first argument, [address, value] pairs, with code in [0x1000, 0x2000).
Pretence pretence_of(const Napi::Value& value) {
  Pretence pretence;
  pretence.code_start = 0x1000;
  pretence.code_end = 0x2000;
  auto words = value.As<Napi::Array>();
  for (uint32_t i = 0; i < words.Length(); ++i) {
    auto pair = words.Get(i).As<Napi::Array>();
    pretence.memory[long_of(pair.Get(0u))] = long_of(pair.Get(1u));
  }
  return pretence;
}

/// walkFrames(memory, instruction, framePointer): the addresses.
Napi::Value walk_frames(const Napi::CallbackInfo& info) {
  Pretence pretence = pretence_of(info[0]);
  uint64_t frames[runtime::kMaximumFrames];
  const size_t count =
      runtime::walk_frames(long_of(info[1]), long_of(info[2]), {read_word, resolve, &pretence},
                           frames, runtime::kMaximumFrames);
  Napi::Array result = Napi::Array::New(info.Env(), count);
  for (uint32_t i = 0; i < count; ++i) result.Set(i, to_long(info.Env(), frames[i]));
  return result;
}

/// reportBacktrace(memory, instruction, framePointer, stackPointer): the text.
Napi::Value report_backtrace(const Napi::CallbackInfo& info) {
  Pretence pretence = pretence_of(info[0]);
  std::vector<char> buffer(16384);
  runtime::TextBuilder text(buffer.data(), buffer.size());
  runtime::report_backtrace(text, long_of(info[1]), long_of(info[2]), long_of(info[3]),
                            {read_word, resolve, &pretence});
  return to_text(info.Env(), text.view().data, text.view().size);
}

/// reportRegisters(): of a frame whose registers are numbered.
Napi::Value report_registers(const Napi::CallbackInfo& info) {
  runtime::TrapFrame frame = {};
  frame.rax = 0xa;
  frame.r15 = 0xf;
  frame.rip = 0xffff800000001234;
  char buffer[2048];
  runtime::TextBuilder text(buffer, sizeof(buffer));
  runtime::report_registers(text, frame);
  return to_text(info.Env(), text.view().data, text.view().size);
}

/// reportMemory(): of given figures.
Napi::Value report_memory(const Napi::CallbackInfo& info) {
  char buffer[512];
  runtime::TextBuilder text(buffer, sizeof(buffer));
  runtime::report_memory(text, {512ull << 20, 3ull << 19, 1ull << 40, 0, 1, 52429});
  return to_text(info.Env(), text.view().data, text.view().size);
}

}  // namespace

void register_symbols(Napi::Env env, Napi::Object exports) {
  exports.Set("kernelSymbol", Napi::Function::New(env, kernel_symbol));
  exports.Set("elfSymbol", Napi::Function::New(env, elf_symbol));
  exports.Set("demangle", Napi::Function::New(env, demangle));
  exports.Set("walkFrames", Napi::Function::New(env, walk_frames));
  exports.Set("reportBacktrace", Napi::Function::New(env, report_backtrace));
  exports.Set("reportRegisters", Napi::Function::New(env, report_registers));
  exports.Set("reportMemory", Napi::Function::New(env, report_memory));
}

}  // namespace kernel_services

// What a boot loader left in memory, read as the kernel reads it. The host's addresses stand for
// physical ones.
#include <memory>

#include "arguments.h"
#include "boot/boot_information.h"

namespace kernel_memory {

namespace {

Napi::Object to_range(Napi::Env env, const runtime::PhysicalRange& range) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("start", to_long(env, range.start));
  result.Set("end", to_long(env, range.end));
  return result;
}

/// readBootInformation(kind, address): what it found, with `problem` when it says what is wrong.
Napi::Value read_boot_information(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto information = std::make_unique<runtime::BootInformation>();
  const char* const problem =
      runtime::read_boot_information(long_of(info[0]), long_of(info[1]), information.get());
  const std::vector<runtime::PhysicalRange> usable(information->usable,
                                                   information->usable + information->usable_count);
  Napi::Object result = Napi::Object::New(env);
  if (problem) result.Set("problem", problem);
  result.Set("usable", to_array(env, usable, [env](const runtime::PhysicalRange& range) {
               return to_range(env, range);
             }));
  result.Set("initrd", to_range(env, information->initrd));
  result.Set("rsdp", to_long(env, information->rsdp.value));
  if (information->has_rsdp_copy)
    result.Set("rsdpCopy", Napi::Buffer<uint8_t>::Copy(env, information->rsdp_copy,
                                                       sizeof(information->rsdp_copy)));
  result.Set("commandLine", information->command_line);
  result.Set("commandLineWasCut", information->command_line_was_cut);
  result.Set("loader", information->loader);
  return result;
}

/// addressOf(bytes): where a Uint8Array is. It must not lie in V8's heap, where things move: give it
/// an ArrayBuffer of its own, and keep it.
Napi::Value address_of_bytes(const Napi::CallbackInfo& info) {
  return to_long(info.Env(), reinterpret_cast<uint64_t>(info[0].As<Napi::Uint8Array>().Data()));
}

}  // namespace

void register_boot(Napi::Env env, Napi::Object exports) {
  exports.Set("readBootInformation", Napi::Function::New(env, read_boot_information));
  exports.Set("addressOf", Napi::Function::New(env, address_of_bytes));
}

}  // namespace kernel_memory

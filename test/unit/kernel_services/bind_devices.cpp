// Where devices are said to be: the kernel's command line and ACPI's byte code.
#include <memory>

#include "acpi/device_search.h"
#include "arguments.h"
#include "boot/command_line.h"

namespace kernel_services {

namespace {

Napi::Array to_array(Napi::Env env, std::initializer_list<uint64_t> values) {
  Napi::Array result = Napi::Array::New(env);
  for (uint64_t value : values) result.Set(result.Length(), to_long(env, value));
  return result;
}

/// parseVirtioMmio(line): [size, address, line] of each device, or the error.
Napi::Value parse_virtio_mmio(const Napi::CallbackInfo& info) {
  const std::string line = text_of(info[0]);
  auto options = std::make_unique<runtime::CommandLine>();
  char message[512] = {};
  if (!runtime::parse_command_line(runtime::StringView(line.data(), line.size()), options.get(),
                                   message, sizeof(message)))
    return Napi::String::New(info.Env(), message);
  Napi::Array result = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < options->virtio_mmio_count; ++i) {
    const runtime::VirtioMmioOption& option = options->virtio_mmio[i];
    result.Set(i, to_array(info.Env(), {option.size, option.address, option.line}));
  }
  return result;
}

/// findVirtioMmioDevices(aml, capacity): [size, address, line, isActiveLow] of each device.
Napi::Value find_virtio_mmio_devices(const Napi::CallbackInfo& info) {
  const Bytes aml = bytes_of(info[0]);
  std::vector<runtime::VirtioMmioDescription> devices(word_of(info[1]));
  const size_t count =
      runtime::find_virtio_mmio_devices(aml.data, aml.size, devices.data(), devices.size());
  Napi::Array result = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < count; ++i) {
    result.Set(i, to_array(info.Env(), {devices[i].size, devices[i].address, devices[i].line,
                                        devices[i].is_active_low}));
  }
  return result;
}

/// findConfigurationBase(aml): the address, or undefined.
Napi::Value find_configuration_base(const Napi::CallbackInfo& info) {
  const Bytes aml = bytes_of(info[0]);
  uint64_t address = 0;
  if (!runtime::find_configuration_base(aml.data, aml.size, &address))
    return info.Env().Undefined();
  return to_long(info.Env(), address);
}

}  // namespace

void register_devices(Napi::Env env, Napi::Object exports) {
  exports.Set("parseVirtioMmio", Napi::Function::New(env, parse_virtio_mmio));
  exports.Set("findVirtioMmioDevices", Napi::Function::New(env, find_virtio_mmio_devices));
  exports.Set("findConfigurationBase", Napi::Function::New(env, find_configuration_base));
}

}  // namespace kernel_services

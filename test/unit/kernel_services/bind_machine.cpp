// The real-time clock, ACPI's structures, load averages.
#include "acpi/checksum.h"
#include "acpi/fixed_description.h"
#include "acpi/sleep_package.h"
#include "arch/x86_64/rtc.h"
#include "arguments.h"
#include "linux/load_average.h"

namespace kernel_services {

namespace {

/// decodeRtc(registers: 8 bytes in the order of RtcRegisters): seconds since 1970, 0 if invalid.
Napi::Value decode_rtc(const Napi::CallbackInfo& info) {
  const Bytes b = bytes_of(info[0]);
  const runtime::RtcRegisters registers = {b.data[0], b.data[1], b.data[2], b.data[3],
                                           b.data[4], b.data[5], b.data[6], b.data[7]};
  return to_long(info.Env(), runtime::decode_rtc(registers));
}

/// parseAcpiRoot(bytes): { table, entrySize } or undefined.
Napi::Value parse_acpi_root(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[0]);
  runtime::AcpiRoot root;
  if (!runtime::parse_acpi_root(bytes.data, bytes.size, &root)) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("table", to_long(info.Env(), root.table));
  result.Set("entrySize", root.entry_size);
  return result;
}

Napi::Value to_register(Napi::Env env, const runtime::AcpiRegister& reg) {
  if (!reg.is_present()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("space", static_cast<int>(reg.space));
  result.Set("address", to_long(env, reg.address));
  return result;
}

/// parseFixedDescription(bytes): the fields, or undefined.
Napi::Value parse_fixed_description(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[0]);
  runtime::FixedDescription fixed;
  if (!runtime::parse_fixed_description(bytes.data, bytes.size, &fixed)) {
    return info.Env().Undefined();
  }
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("dsdt", to_long(env, fixed.dsdt));
  result.Set("smiCommandPort", static_cast<uint32_t>(fixed.smi_command_port));
  result.Set("acpiEnable", static_cast<uint32_t>(fixed.acpi_enable));
  result.Set("controlA", to_register(env, fixed.control_a));
  result.Set("controlB", to_register(env, fixed.control_b));
  result.Set("reset", to_register(env, fixed.reset));
  result.Set("resetValue", static_cast<uint32_t>(fixed.reset_value));
  result.Set("sleepControl", to_register(env, fixed.sleep_control));
  result.Set("isHardwareReduced", fixed.is_hardware_reduced);
  return result;
}

/// findSoftOffType(aml): [a, b] or undefined.
Napi::Value find_soft_off_type(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[0]);
  runtime::SleepType type;
  if (!runtime::find_soft_off_type(bytes.data, bytes.size, &type)) return info.Env().Undefined();
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, static_cast<uint32_t>(type.a));
  result.Set(1u, static_cast<uint32_t>(type.b));
  return result;
}

/// advanceLoad(load, steps): averages from zero, as numbers.
Napi::Value advance_load(const Napi::CallbackInfo& info) {
  constexpr double kOne = 1 << runtime::kLoadFractionBits;
  runtime::LoadAverages averages = {{0, 0, 0}};
  const double load = info[0].As<Napi::Number>().DoubleValue();
  runtime::advance_load(&averages, static_cast<uint32_t>(load * kOne), word_of(info[1]));
  Napi::Array result = Napi::Array::New(info.Env(), 3);
  for (uint32_t i = 0; i < 3; ++i) result.Set(i, averages.values[i] / kOne);
  return result;
}

}  // namespace

void register_machine(Napi::Env env, Napi::Object exports) {
  exports.Set("decodeRtc", Napi::Function::New(env, decode_rtc));
  exports.Set("parseAcpiRoot", Napi::Function::New(env, parse_acpi_root));
  exports.Set("parseFixedDescription", Napi::Function::New(env, parse_fixed_description));
  exports.Set("findSoftOffType", Napi::Function::New(env, find_soft_off_type));
  exports.Set("advanceLoad", Napi::Function::New(env, advance_load));
}

}  // namespace kernel_services

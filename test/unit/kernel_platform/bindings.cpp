// What firmware says about the machine.
#include <napi.h>

#include <memory>

#include "platform/smbios.h"

Napi::Object register_kernel_platform(Napi::Env env);

namespace {

using runtime::StringView;

Napi::String to_string(Napi::Env env, StringView text) {
  return Napi::String::New(env, text.data ? text.data : "", text.size);
}

/// systemSerial(tables). The tables are copied into memory of exactly their size.
Napi::Value system_serial(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const std::unique_ptr<char[]> tables(new char[bytes.ByteLength()]);
  std::copy_n(bytes.Data(), bytes.ByteLength(), tables.get());
  return to_string(info.Env(),
                   runtime::smbios_system_serial(StringView(tables.get(), bytes.ByteLength())));
}

/// noCloudHostName(serial).
Napi::Value no_cloud_host_name(const Napi::CallbackInfo& info) {
  const std::string serial = info[0].As<Napi::String>();
  return to_string(info.Env(),
                   runtime::nocloud_host_name(StringView(serial.data(), serial.size())));
}

}  // namespace

Napi::Object register_kernel_platform(Napi::Env env) {
  auto result = Napi::Object::New(env);
  result["systemSerial"] = Napi::Function::New(env, system_serial);
  result["noCloudHostName"] = Napi::Function::New(env, no_cloud_host_name);
  return result;
}

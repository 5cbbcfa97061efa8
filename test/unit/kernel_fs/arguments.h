// Arguments from JavaScript for the bindings of this folder.
#pragma once

#include <napi.h>

#include <cstdint>

namespace kernel_fs {

/// A number, a BigInt, or the address of a typed array's bytes; null and undefined are 0.
inline uint64_t word_of(const Napi::Value& value) {
  if (value.IsNumber()) return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
  if (value.IsBigInt()) {
    bool lossless = false;
    return static_cast<uint64_t>(value.As<Napi::BigInt>().Int64Value(&lossless));
  }
  if (value.IsTypedArray()) {
    auto array = value.As<Napi::TypedArray>();
    return reinterpret_cast<uint64_t>(array.ArrayBuffer().Data()) + array.ByteOffset();
  }
  return 0;
}

void register_calls(Napi::Env env, Napi::Object exports);
void register_units(Napi::Env env, Napi::Object exports);
void register_terminal(Napi::Env env, Napi::Object exports);

}  // namespace kernel_fs

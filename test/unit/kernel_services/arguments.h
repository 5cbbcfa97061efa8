// Taking arguments from JavaScript and giving results back, for the bindings of this folder.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace kernel_services {

inline std::string text_of(const Napi::Value& value) { return value.As<Napi::String>(); }

inline uint32_t word_of(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

inline uint64_t long_of(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

/// The bytes of a Uint8Array.
struct Bytes {
  uint8_t* data;
  size_t size;
};
inline Bytes bytes_of(const Napi::Value& value) {
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

inline Napi::Value to_long(Napi::Env env, uint64_t value) { return Napi::BigInt::New(env, value); }

inline Napi::Value to_text(Napi::Env env, const char* text, size_t size) {
  return Napi::String::New(env, text, size);
}

/// A copy of bytes as a Uint8Array.
inline Napi::Value to_bytes(Napi::Env env, const void* data, size_t size) {
  auto array = Napi::Uint8Array::New(env, size);
  const auto* from = static_cast<const uint8_t*>(data);
  std::copy(from, from + size, array.Data());
  return array;
}

void register_text(Napi::Env env, Napi::Object exports);
void register_clock(Napi::Env env, Napi::Object exports);
void register_random(Napi::Env env, Napi::Object exports);
void register_machine(Napi::Env env, Napi::Object exports);
void register_devices(Napi::Env env, Napi::Object exports);
void register_symbols(Napi::Env env, Napi::Object exports);
void register_futex(Napi::Env env, Napi::Object exports);
void register_memory_functions(Napi::Env env, Napi::Object exports);
void register_timer_heap(Napi::Env env, Napi::Object exports);

}  // namespace kernel_services

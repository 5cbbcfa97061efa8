// Taking arguments from JavaScript and giving results back, for the bindings of this folder.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "lib/result.h"

namespace kernel_memory {

inline std::string text_of(const Napi::Value& value) { return value.As<Napi::String>(); }

inline uint32_t word_of(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

/// A 64-bit number, given as a BigInt.
inline uint64_t long_of(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

/// An address or a size below 2^53, given as a number.
inline uint64_t address_of(const Napi::Value& value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

inline Napi::Value to_long(Napi::Env env, uint64_t value) { return Napi::BigInt::New(env, value); }

inline Napi::Value to_number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

/// The error number of a result, 0 for success.
template <typename T>
Napi::Value to_error(Napi::Env env, const runtime::Result<T>& result) {
  return Napi::Number::New(env, static_cast<int>(result.error()));
}

/// An array of what `convert` makes of each item.
template <typename Items, typename Convert>
Napi::Array to_array(Napi::Env env, const Items& items, Convert convert) {
  Napi::Array array = Napi::Array::New(env);
  uint32_t index = 0;
  for (const auto& item : items) array.Set(index++, convert(item));
  return array;
}

void register_areas(Napi::Env env, Napi::Object exports);
void register_boot(Napi::Env env, Napi::Object exports);
void register_buddy(Napi::Env env, Napi::Object exports);
void register_containers(Napi::Env env, Napi::Object exports);
void register_heap(Napi::Env env, Napi::Object exports);
void register_host_memory(Napi::Env env, Napi::Object exports);
void register_page_table(Napi::Env env, Napi::Object exports);

}  // namespace kernel_memory

// Helpers of the generated bindings for Node isolates: checked arguments in, results out. Every
// refusal is a TypeError or RangeError that names function and argument. Same surface as
// ../src/binding_arguments.h.
#ifndef RUNTIME_ADDON_ARGUMENTS_H
#define RUNTIME_ADDON_ARGUMENTS_H

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "kernel_interface.h"

namespace runtime {

/**
 * Defines the binding groups that native/abi/bindings.abi.ts gives to Node isolates as properties
 * of `exports`. Generated; `kernel` is nullptr on plain Linux, where every function then throws.
 */
void InstallAddonBindings(Napi::Env env, Napi::Object exports,
                          const RuntimeKernelInterface* kernel);

/** The arguments and the result of one call. Each getter returns false after it has thrown. */
class Arguments {
 public:
  Arguments(const Napi::CallbackInfo& info, const char* function)
      : info_(info), function_(function), result_(info.Env().Undefined()) {}

  /** Whether there is a kernel to call; throws when there is none. */
  bool HasKernel() const {
    if (info_.Data() != nullptr) return true;
    return Throw<Napi::Error>(
        std::string(function_) +
        ": not running on Runtime.JS: there is no kernel to ask. Boot the app "
        "with `npm start`, or ask isRuntime first.");
  }
  const RuntimeKernelInterface& kernel() const {
    return *static_cast<const RuntimeKernelInterface*>(info_.Data());
  }

  /** An integer between two bounds. */
  template <typename Integer>
  bool GetInteger(size_t index, const char* name, double least, double most, Integer* into) const {
    const Napi::Value value = info_[index];
    if (!value.IsNumber()) return ThrowType(name, "a number");
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= least && number <= most) || std::trunc(number) != number) {
      return Throw<Napi::RangeError>(Subject(name) + "must be an integer from " + Text(least) +
                                     " to " + Text(most));
    }
    *into = static_cast<Integer>(number);
    return true;
  }

  /** A string, as UTF-8. */
  bool GetText(size_t index, const char* name, std::string* into) const {
    const Napi::Value value = info_[index];
    if (!value.IsString()) return ThrowType(name, "a string");
    *into = value.As<Napi::String>().Utf8Value();
    return true;
  }

  /** An object that the function fills in. */
  bool GetObject(size_t index, const char* name, Napi::Object* into) const {
    const Napi::Value value = info_[index];
    if (!value.IsObject()) return ThrowType(name, "an object");
    *into = value.As<Napi::Object>();
    return true;
  }

  /** A Uint8Array whose memory the function writes. */
  bool GetBytes(size_t index, const char* name, char** data, size_t* length) const {
    const Napi::Value value = info_[index];
    if (!IsArray(value, napi_uint8_array)) return ThrowType(name, "a Uint8Array");
    auto array = value.As<Napi::Uint8Array>();
    *data = reinterpret_cast<char*>(array.Data());
    *length = array.ByteLength();
    return true;
  }

  /** A BigUint64Array whose first element the function reads and updates. */
  bool GetCursor(size_t index, const char* name, uint64_t** into) const {
    const Napi::Value value = info_[index];
    if (!IsArray(value, napi_biguint64_array) || value.As<Napi::TypedArray>().ElementLength() < 1) {
      return ThrowType(name, "a BigUint64Array of at least one element");
    }
    *into = value.As<Napi::BigUint64Array>().Data();
    return true;
  }

  /** Whether a result is no negated error number; throws an Error with the error's name in `code` when it is. */
  bool Succeeded(int32_t result) const {
    if (result >= 0) return true;
    const char* const name = strerrorname_np(-result);
    const std::string code = name ? name : "error " + std::to_string(-result);
    Napi::Error error = Napi::Error::New(info_.Env(), std::string(function_) + ": " + code);
    if (error.Set("code", code).UnwrapOr(false)) error.ThrowAsJavaScriptException();
    return false;
  }

  /** Sets a property of an object to a number; false when an exception is pending. */
  bool Set(Napi::Object object, const char* key, double value) const {
    return object.Set(key, value).UnwrapOr(false);
  }
  /** Sets a property of an object to a BigInt; false when an exception is pending. */
  bool SetBigInt(Napi::Object object, const char* key, uint64_t value) const {
    return object.Set(key, Napi::BigInt::New(info_.Env(), value)).UnwrapOr(false);
  }

  void Return(double value) { result_ = Napi::Number::New(info_.Env(), value); }
  void ReturnBigInt(uint64_t value) { result_ = Napi::BigInt::New(info_.Env(), value); }
  void Return(Napi::Value value) { result_ = value; }
  Napi::Value result() const { return result_; }

 private:
  static bool IsArray(const Napi::Value& value, napi_typedarray_type type) {
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
  }
  std::string Subject(const char* name) const {
    return std::string(function_) + ": argument '" + name + "' ";
  }
  static std::string Text(double bound) { return std::to_string(static_cast<int64_t>(bound)); }
  bool ThrowType(const char* name, const char* expected) const {
    return Throw<Napi::TypeError>(Subject(name) + "must be " + expected);
  }
  template <typename Error>
  bool Throw(const std::string& message) const {
    Error::New(info_.Env(), message).ThrowAsJavaScriptException();
    return false;
  }

  const Napi::CallbackInfo& info_;
  const char* const function_;
  Napi::Value result_;
};

}  // namespace runtime

#endif  // RUNTIME_ADDON_ARGUMENTS_H

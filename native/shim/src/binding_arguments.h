// Helpers of the generated bindings for bare isolates: checked arguments in, results out. Every
// refusal is a TypeError or RangeError that names function and argument.
#ifndef RUNTIME_SHIM_BINDING_ARGUMENTS_H
#define RUNTIME_SHIM_BINDING_ARGUMENTS_H

#include <v8.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "binding_errors.h"
#include "system_host.h"

namespace runtime {

/**
 * The arguments of a fast binding, which are numbers or memory already. Optimised code calls in here
 * without going through V8's API.
 */
class FastArguments {
 public:
  explicit FastArguments(const char* function) : errors_(function) {}

  SystemHost& host() const { return SystemHost::Current(); }

  /** An integer between two bounds. */
  template <typename Integer>
  bool GetInteger(double number, const char* name, double least, double most, Integer* into) const {
    if (!(number >= least && number <= most)) return errors_.ThrowRange(name, least, most);
    *into = static_cast<Integer>(number);
    return static_cast<double>(*into) == number || errors_.ThrowRange(name, least, most);
  }
  /** A whole number between two bounds that are exact in a double. */
  bool GetNumber(double number, const char* name, double least, double most, double* into) const {
    *into = number;
    return (number >= least && number <= most && std::trunc(number) == number) ||
           errors_.ThrowRange(name, least, most);
  }

  /** A Uint8Array whose memory the function writes. */
  bool GetBytes(v8::Local<v8::Value> value, const char* name, char** data, size_t* length) const {
    if (!value->IsUint8Array()) return errors_.ThrowType(name, "a Uint8Array");
    const auto array = value.As<v8::Uint8Array>();
    if (!array->HasBuffer()) {
      // A small one lies in V8's heap, until somebody asks for its buffer.
      const v8::HandleScope handle_scope(v8::Isolate::GetCurrent());
      (void)array->Buffer();
    }
    const v8::MemorySpan<uint8_t> memory = array->GetContents({});
    *data = reinterpret_cast<char*>(memory.data());
    *length = memory.size();
    return true;
  }

  /** A Uint8Array whose memory the function reads. */
  bool GetSource(v8::Local<v8::Value> value, const char* name, const char** data,
                 size_t* length) const {
    char* bytes = nullptr;
    if (!GetBytes(value, name, &bytes, length)) return false;
    *data = bytes;
    return true;
  }

  /** Whether a result is no negated error number; throws when it is. */
  bool Succeeded(int32_t result) const { return result >= 0 || errors_.ThrowErrno(result); }

 private:
  const BindingErrors errors_;
};

/** The arguments of one call. A getter that has thrown returns false, and the binding returns. */
class BindingArguments {
 public:
  BindingArguments(const v8::FunctionCallbackInfo<v8::Value>& info, const char* function)
      : info_(info), isolate_(info.GetIsolate()), function_(function), errors_(function) {}

  SystemHost& host() const {
    return *static_cast<SystemHost*>(
        info_.Data().As<v8::External>()->Value(v8::kExternalPointerTypeTagDefault));
  }
  /** For the half of a fast binding that works on numbers. */
  FastArguments fast() const { return FastArguments(function_); }

  /** Converts as optimised code does for a fast binding. The conversion may throw. */
  bool ToNumber(int index, double* into) const {
    return info_[index]->NumberValue(isolate_->GetCurrentContext()).To(into);
  }

  /** An integer between two bounds. */
  template <typename Integer>
  bool GetInteger(int index, const char* name, double least, double most, Integer* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsNumber()) return errors_.ThrowType(name, "a number");
    return fast().GetInteger(value.As<v8::Number>()->Value(), name, least, most, into);
  }

  /** A whole number between two bounds that are exact in a double. */
  bool GetNumber(int index, const char* name, double least, double most, double* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsNumber()) return errors_.ThrowType(name, "a number");
    return fast().GetNumber(value.As<v8::Number>()->Value(), name, least, most, into);
  }

  /** A string, as UTF-8. */
  bool GetText(int index, const char* name, std::string* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsString()) return errors_.ThrowType(name, "a string");
    const v8::String::Utf8Value text(isolate_, value);
    into->assign(*text, static_cast<size_t>(text.length()));
    return true;
  }

  /** An object that the function fills in. */
  bool GetObject(int index, const char* name, v8::Local<v8::Object>* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsObject()) return errors_.ThrowType(name, "an object");
    *into = value.As<v8::Object>();
    return true;
  }

  /** A function. */
  bool GetFunction(int index, const char* name, v8::Local<v8::Function>* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsFunction()) return errors_.ThrowType(name, "a function");
    *into = value.As<v8::Function>();
    return true;
  }

  /** Whatever it is. */
  bool GetAny(int index, const char*, v8::Local<v8::Value>* into) const {
    *into = info_[index];
    return true;
  }

  /** A Uint8Array whose memory the function writes. */
  bool GetBytes(int index, const char* name, char** data, size_t* length) const {
    return fast().GetBytes(info_[index], name, data, length);
  }

  /** A Uint8Array whose memory the function reads. */
  bool GetSource(int index, const char* name, const char** data, size_t* length) const {
    char* bytes = nullptr;
    if (!GetBytes(index, name, &bytes, length)) return false;
    *data = bytes;
    return true;
  }

  /** A BigUint64Array whose first element the function reads and updates. */
  bool GetCursor(int index, const char* name, uint64_t** into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsBigUint64Array() || value.As<v8::BigUint64Array>()->Length() < 1) {
      return errors_.ThrowType(name, "a BigUint64Array of at least one element");
    }
    const auto array = value.As<v8::BigUint64Array>();
    *into = reinterpret_cast<uint64_t*>(static_cast<char*>(array->Buffer()->Data()) +
                                        array->ByteOffset());
    return true;
  }

  /** Whether a result is no negated error number; throws when it is. */
  bool Succeeded(int32_t result) const { return result >= 0 || errors_.ThrowErrno(result); }

  /** Sets a property of an object to a number. */
  bool Set(v8::Local<v8::Object> object, const char* key, double value) const {
    return SetValue(object, key, v8::Number::New(isolate_, value));
  }
  /** Sets a property of an object to a BigInt. */
  bool SetBigInt(v8::Local<v8::Object> object, const char* key, uint64_t value) const {
    return SetValue(object, key, v8::BigInt::NewFromUnsigned(isolate_, value));
  }

  void Return(double value) const { info_.GetReturnValue().Set(value); }
  void ReturnBigInt(uint64_t value) const {
    info_.GetReturnValue().Set(v8::BigInt::NewFromUnsigned(isolate_, value));
  }
  void Return(v8::Local<v8::Value> value) const { info_.GetReturnValue().Set(value); }
  /** An ArrayBuffer over memory of the kernel's. */
  void ReturnMemory(const RuntimeMemoryRange& memory) const {
    info_.GetReturnValue().Set(host().Buffer(memory));
  }

 private:
  bool SetValue(v8::Local<v8::Object> object, const char* key, v8::Local<v8::Value> value) const {
    v8::Local<v8::String> name;
    return v8::String::NewFromUtf8(isolate_, key, v8::NewStringType::kInternalized)
               .ToLocal(&name) &&
           object->Set(isolate_->GetCurrentContext(), name, value).FromMaybe(false);
  }

  const v8::FunctionCallbackInfo<v8::Value>& info_;
  v8::Isolate* const isolate_;
  const char* const function_;
  const BindingErrors errors_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_BINDING_ARGUMENTS_H

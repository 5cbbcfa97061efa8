// Helpers of the generated bindings for bare isolates: checked arguments in, results out. Every
// refusal is a TypeError or RangeError that names function and argument.
#ifndef RUNTIME_SHIM_BINDING_ARGUMENTS_H
#define RUNTIME_SHIM_BINDING_ARGUMENTS_H

#include <v8.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "system_host.h"

namespace runtime {

/** The arguments of one call. A getter that has thrown returns false, and the binding returns. */
class BindingArguments {
 public:
  BindingArguments(const v8::FunctionCallbackInfo<v8::Value>& info, const char* function)
      : info_(info), isolate_(info.GetIsolate()), function_(function) {}

  SystemHost& host() const {
    return *static_cast<SystemHost*>(
        info_.Data().As<v8::External>()->Value(v8::kExternalPointerTypeTagDefault));
  }

  /** An integer between two bounds. */
  template <typename Integer>
  bool GetInteger(int index, const char* name, double least, double most, Integer* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsNumber()) return ThrowType(name, "a number");
    const double number = value.As<v8::Number>()->Value();
    if (!(number >= least && number <= most) || std::trunc(number) != number) {
      return Throw(v8::Exception::RangeError,
                   Subject(name) + "must be an integer from " + Text(least) + " to " + Text(most));
    }
    *into = static_cast<Integer>(number);
    return true;
  }

  /** A string, as UTF-8. */
  bool GetText(int index, const char* name, std::string* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsString()) return ThrowType(name, "a string");
    const v8::String::Utf8Value text(isolate_, value);
    into->assign(*text, static_cast<size_t>(text.length()));
    return true;
  }

  /** An object that the function fills in. */
  bool GetObject(int index, const char* name, v8::Local<v8::Object>* into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsObject()) return ThrowType(name, "an object");
    *into = value.As<v8::Object>();
    return true;
  }

  /** A Uint8Array whose memory the function writes. */
  bool GetBytes(int index, const char* name, char** data, size_t* length) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsUint8Array()) return ThrowType(name, "a Uint8Array");
    const auto array = value.As<v8::Uint8Array>();
    *data = static_cast<char*>(array->Buffer()->Data()) + array->ByteOffset();
    *length = array->ByteLength();
    return true;
  }

  /** A BigUint64Array whose first element the function reads and updates. */
  bool GetCursor(int index, const char* name, uint64_t** into) const {
    const v8::Local<v8::Value> value = info_[index];
    if (!value->IsBigUint64Array() || value.As<v8::BigUint64Array>()->Length() < 1) {
      return ThrowType(name, "a BigUint64Array of at least one element");
    }
    const auto array = value.As<v8::BigUint64Array>();
    *into = reinterpret_cast<uint64_t*>(static_cast<char*>(array->Buffer()->Data()) +
                                        array->ByteOffset());
    return true;
  }

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

 private:
  using NewError = v8::Local<v8::Value> (*)(v8::Local<v8::String>, v8::Local<v8::Value>);

  bool SetValue(v8::Local<v8::Object> object, const char* key, v8::Local<v8::Value> value) const {
    v8::Local<v8::String> name;
    return v8::String::NewFromUtf8(isolate_, key, v8::NewStringType::kInternalized)
               .ToLocal(&name) &&
           object->Set(isolate_->GetCurrentContext(), name, value).FromMaybe(false);
  }

  std::string Subject(const char* name) const {
    return std::string(function_) + ": argument '" + name + "' ";
  }
  static std::string Text(double bound) { return std::to_string(static_cast<int64_t>(bound)); }

  bool ThrowType(const char* name, const char* expected) const {
    return Throw(v8::Exception::TypeError, Subject(name) + "must be " + expected);
  }

  bool Throw(NewError error, const std::string& text) const {
    v8::Local<v8::String> message;
    if (v8::String::NewFromUtf8(isolate_, text.c_str()).ToLocal(&message)) {
      isolate_->ThrowException(error(message, {}));
    }
    return false;
  }

  const v8::FunctionCallbackInfo<v8::Value>& info_;
  v8::Isolate* const isolate_;
  const char* const function_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_BINDING_ARGUMENTS_H

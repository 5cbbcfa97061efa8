#include "binding_errors.h"

#include <v8.h>

#include <cstring>

namespace runtime {
namespace {

using v8::Local;
using v8::String;

using NewError = Local<v8::Value> (*)(Local<String>, Local<v8::Value>);

// `code` becomes the error's property of that name, unless it is null.
bool Throw(NewError make, const std::string& text, const char* code = nullptr) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope handle_scope(isolate);  // optimised code that called directly has none
  Local<String> message;
  if (!String::NewFromUtf8(isolate, text.c_str()).ToLocal(&message)) return false;
  const Local<v8::Value> error = make(message, {});
  Local<String> name;
  if (code != nullptr && String::NewFromUtf8(isolate, code).ToLocal(&name)) {
    error.As<v8::Object>()
        ->Set(isolate->GetCurrentContext(), String::NewFromUtf8Literal(isolate, "code"), name)
        .FromMaybe(false);
  }
  isolate->ThrowException(error);
  return false;
}

std::string Text(double bound) { return std::to_string(static_cast<int64_t>(bound)); }

}  // namespace

std::string BindingErrors::Subject(const char* argument) const {
  return std::string(function_) + ": argument '" + argument + "' ";
}

bool BindingErrors::ThrowType(const char* argument, const char* expected) const {
  return Throw(v8::Exception::TypeError, Subject(argument) + "must be " + expected);
}

bool BindingErrors::ThrowRange(const char* argument, double least, double most) const {
  return Throw(v8::Exception::RangeError,
               Subject(argument) + "must be an integer from " + Text(least) + " to " + Text(most));
}

bool BindingErrors::ThrowRange(const std::string& text) const {
  return Throw(v8::Exception::RangeError, std::string(function_) + ": " + text);
}

bool BindingErrors::ThrowReturned(const char* expected) const {
  return Throw(v8::Exception::TypeError,
               std::string(function_) + ": the function must return " + expected);
}

bool BindingErrors::ThrowErrno(int32_t negated) const {
  const char* const name = strerrorname_np(-negated);
  const char* const text = strerrordesc_np(-negated);
  if (name == nullptr || text == nullptr) {
    return Throw(v8::Exception::Error,
                 std::string(function_) + ": error " + std::to_string(-negated));
  }
  return Throw(v8::Exception::Error, std::string(function_) + ": " + text + " (" + name + ")",
               name);
}

}  // namespace runtime

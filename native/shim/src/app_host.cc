// What the generated bindings for a bare app call (native/abi/app-bindings.abi.ts).

#include <unistd.h>
#include <v8.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "binding_errors.h"
#include "system_host.h"

namespace runtime {
namespace {

using v8::Local;
using v8::String;
using v8::Value;

constexpr size_t kMostBytes = String::kMaxLength;

bool FitsString(size_t length, const char* function) {
  return length <= kMostBytes ||
         BindingErrors(function).ThrowRange(std::to_string(length) +
                                            " bytes are more than a string can hold");
}

// V8 asks it to say what cannot be copied.
class CloneDelegate final : public v8::ValueSerializer::Delegate {
 public:
  void ThrowDataCloneError(Local<String> message) override {
    v8::Isolate::GetCurrent()->ThrowException(v8::Exception::Error(message));
  }
};

}  // namespace

Local<Value> SystemHost::Environment() const {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const Local<v8::Context> context = isolate->GetCurrentContext();
  const Local<v8::Object> variables = v8::Object::New(isolate);
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const char* const equals = std::strchr(*each, '=');
    if (equals == nullptr || equals == *each) continue;
    Local<String> name;
    Local<String> value;
    if (!String::NewFromUtf8(isolate, *each, v8::NewStringType::kNormal,
                             static_cast<int>(equals - *each))
             .ToLocal(&name) ||
        !String::NewFromUtf8(isolate, equals + 1).ToLocal(&value) ||
        !variables->CreateDataProperty(context, name, value).FromMaybe(false)) {
      return {};
    }
  }
  return variables;
}

void SystemHost::WriteOutput(uint32_t descriptor, const char* text, size_t length) const {
  while (length > 0) {
    const ssize_t written = write(static_cast<int>(descriptor), text, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads it
    text += written;
    length -= static_cast<size_t>(written);
  }
}

Local<Value> SystemHost::DecodeUtf8(const char* bytes, size_t length) const {
  Local<String> text;
  if (!FitsString(length, "text.decodeUtf8") ||
      !String::NewFromUtf8(v8::Isolate::GetCurrent(), bytes, v8::NewStringType::kNormal,
                           static_cast<int>(length))
           .ToLocal(&text)) {
    return {};
  }
  return text;
}

Local<Value> SystemHost::DecodeLatin1(const char* bytes, size_t length, uint32_t start,
                                      uint32_t end) const {
  if (start > end || end > length) {
    BindingErrors("text.decodeLatin1").ThrowRange("there are " + std::to_string(length) + " bytes");
    return {};
  }
  Local<String> text;
  if (!FitsString(end - start, "text.decodeLatin1") ||
      !String::NewFromOneByte(v8::Isolate::GetCurrent(),
                              reinterpret_cast<const uint8_t*>(bytes) + start,
                              v8::NewStringType::kNormal, static_cast<int>(end - start))
           .ToLocal(&text)) {
    return {};
  }
  return text;
}

Local<Value> SystemHost::EncodeUtf8(const char* text, size_t length) const {
  const Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(v8::Isolate::GetCurrent(), length);
  if (length > 0) std::memcpy(buffer->Data(), text, length);
  return v8::Uint8Array::New(buffer, 0, length);
}

Local<Value> SystemHost::Clone(Local<Value> value) const {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const Local<v8::Context> context = isolate->GetCurrentContext();
  CloneDelegate delegate;
  v8::ValueSerializer serializer(isolate, &delegate);
  serializer.WriteHeader();
  if (!serializer.WriteValue(context, value).FromMaybe(false)) return {};
  const auto [bytes, length] = serializer.Release();
  v8::ValueDeserializer deserializer(isolate, bytes, length);
  Local<Value> copy;
  const bool has_copy = deserializer.ReadHeader(context).FromMaybe(false) &&
                        deserializer.ReadValue(context).ToLocal(&copy);
  std::free(bytes);
  return has_copy ? copy : Local<Value>();
}

}  // namespace runtime

// Programs that share a bare app's isolate with what they run on, each with globals of its own: an app under
// development, which is replaced while drivers, network stack and server go on.

#include <v8.h>

#include <optional>

#include "binding_errors.h"
#include "file.h"
#include "kernel.h"
#include "system_host.h"

namespace runtime {

using v8::Local;
using v8::String;
using v8::Value;

Local<Value> SystemHost::AppScript() const {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const std::optional<MappedFile> file = MappedFile::Open(kWorkerAppPath);
  if (!file.has_value()) return v8::Undefined(isolate);
  return DecodeUtf8(file->bytes().data(), file->bytes().size());
}

Local<Value> SystemHost::RunInRealm(const char* path, size_t path_length, const char* source,
                                    size_t source_length, Local<Value> globals) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  if (!globals->IsObject()) {
    BindingErrors("app.run").ThrowType("globals", "an object");
    return {};
  }
  v8::EscapableHandleScope handles(isolate);
  const Local<v8::Context> caller = isolate->GetCurrentContext();
  const Local<v8::Context> realm = v8::Context::New(isolate);
  // Each side may use the other's objects.
  realm->SetSecurityToken(caller->GetSecurityToken());
  const v8::Context::Scope scope(realm);
  const Local<v8::Object> bindings = v8::Object::New(isolate);
  const auto given = globals.As<v8::Object>();
  const auto define = [&](Local<Value> name, Local<Value> value) {
    return realm->Global()
        ->DefineOwnProperty(realm, name.As<v8::Name>(), value, v8::DontEnum)
        .FromMaybe(false);
  };
  Local<v8::Array> names;
  if (!InstallSystemBindings(realm, bindings, this) ||
      !define(String::NewFromUtf8Literal(isolate, "runtime"), bindings) ||
      !given->GetOwnPropertyNames(realm).ToLocal(&names)) {
    return {};
  }
  for (uint32_t index = 0; index < names->Length(); ++index) {
    Local<Value> key;
    Local<Value> value;
    if (!names->Get(realm, index).ToLocal(&key) || !given->Get(realm, key).ToLocal(&value) ||
        !define(key, value)) {
      return {};
    }
  }
  const Local<Value> name = DecodeUtf8(path, path_length);
  const Local<Value> text = DecodeUtf8(source, source_length);
  if (name.IsEmpty() || text.IsEmpty()) return {};
  v8::ScriptOrigin origin(name);
  Local<v8::Script> script;
  Local<Value> result;
  if (!v8::Script::Compile(realm, text.As<String>(), &origin).ToLocal(&script) ||
      !script->Run(realm).ToLocal(&result)) {
    return {};
  }
  return handles.Escape(result);
}

}  // namespace runtime

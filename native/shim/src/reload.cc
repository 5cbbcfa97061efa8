// Live reload: other scripts in the place of those of the image.

#include <v8.h>

#include <optional>
#include <string>

#include "isolates/script_file.h"
#include "system_host.h"

namespace runtime {

using v8::Local;
using v8::Value;

void SystemHost::ReplaceScript(const char* path, size_t path_length, const char* script,
                               size_t length) {
  ScriptFile::Replace(std::string(path, path_length), std::string(script, length));
}

void SystemHost::KeepScripts() { ScriptFile::Keep(); }

void SystemHost::RevertScripts() { ScriptFile::Revert(); }

Local<Value> SystemHost::HandedOver() const {
  const std::optional<std::string>& state = inheritance_.state;
  if (!state.has_value()) return v8::Undefined(v8::Isolate::GetCurrent());
  return DecodeUtf8(state->data(), state->size());
}

Local<Value> SystemHost::LastFailure() const {
  const std::optional<std::string>& failure = inheritance_.failure;
  if (!failure.has_value()) return v8::Undefined(v8::Isolate::GetCurrent());
  return DecodeUtf8(failure->data(), failure->size());
}

}  // namespace runtime

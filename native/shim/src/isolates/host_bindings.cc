// What the generated bindings for isolates call (native/abi/isolate.abi.ts).

#include <v8.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "../binding_errors.h"
#include "../system_host.h"
#include "children.h"
#include "device_grant.h"

namespace runtime {
namespace {

using v8::Local;
using v8::Value;

SpawnedIsolate* FindIsolate(Children* children, uint32_t id, const char* function) {
  SpawnedIsolate* const found = children == nullptr ? nullptr : children->Find(id);
  if (found == nullptr) {
    BindingErrors(function).ThrowRange("this isolate has started no isolate " + std::to_string(id));
  }
  return found;
}

Local<Value> Text(std::string_view text) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  Local<v8::String> made;
  if (!v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal,
                               static_cast<int>(text.size()))
           .ToLocal(&made)) {
    return v8::String::Empty(isolate);
  }
  return made;
}

}  // namespace

int32_t SystemHost::CallSystem() {
  if (callers_ == nullptr) return -ENOENT;
  std::array<Endpoint, 2> pair;
  if (!Endpoint::CreatePair(&pair)) return -ENOMEM;
  const int32_t error = callers_->Call(std::move(pair[1]));
  return error < 0 ? error : static_cast<int32_t>(channels_->Add(std::move(pair[0])));
}

void SystemHost::ListenToCallers() {
  if (callers_ != nullptr) callers_->Listen(mailbox_);
}

uint32_t SystemHost::AcceptCaller() {
  std::optional<Endpoint> taken = callers_ == nullptr ? std::nullopt : callers_->Take();
  return taken.has_value() ? channels_->Add(*std::move(taken)) : 0;
}

int32_t SystemHost::SpawnIsolate(const char* name, size_t name_length, const char* script,
                                 size_t script_length, double heap_limit, uint32_t message_limit,
                                 int32_t nice, uint32_t grant, RuntimeSpawnedIsolate* into) {
  if (children_ == nullptr) return -EPERM;
  std::array<Endpoint, 2> pair;
  if (!Endpoint::CreatePair(&pair)) return -ENOMEM;
  std::shared_ptr<DeviceGrant> device;
  const int32_t error = TakeGrant(grant, &device);
  if (error < 0) return error;
  const int32_t id =
      children_->Spawn({std::string(name, name_length), std::string(script, script_length),
                        static_cast<size_t>(heap_limit), message_limit, nice, device},
                       std::move(pair[1]));
  if (id < 0 && device != nullptr) device->Revoke();
  if (id < 0) return id;
  into->id = static_cast<uint32_t>(id);
  into->channel = channels_->Add(std::move(pair[0]));
  return 0;
}

void SystemHost::KillIsolate(uint32_t isolate, const char* reason, size_t length) {
  SpawnedIsolate* const found = FindIsolate(children_.get(), isolate, "isolates.kill");
  if (found != nullptr) found->Kill(std::string(reason, length));
}

void SystemHost::SetIsolateNice(uint32_t isolate, int32_t nice) {
  SpawnedIsolate* const found = FindIsolate(children_.get(), isolate, "isolates.setNice");
  if (found != nullptr) found->SetNice(nice);
}

int32_t SystemHost::FillIsolateFigures(uint32_t isolate, RuntimeIsolateFigures* into) const {
  SpawnedIsolate* const found = children_ == nullptr ? nullptr : children_->Find(isolate);
  if (found == nullptr) return -ESRCH;
  found->FillFigures(into);
  return 0;
}

Local<Value> SystemHost::IsolateEnding(uint32_t isolate) const {
  v8::Isolate* const current = v8::Isolate::GetCurrent();
  const SpawnedIsolate* const found = FindIsolate(children_.get(), isolate, "isolates.ending");
  const std::optional<Ending> ending = found == nullptr ? std::nullopt : found->ending();
  if (!ending.has_value()) return v8::Undefined(current);
  Local<Value> parts[] = {v8::Integer::NewFromUnsigned(current, ending->how), Text(ending->report)};
  return v8::Array::New(current, parts, std::size(parts));
}

Local<Value> SystemHost::IsolateSourceMap(uint32_t isolate) const {
  const SpawnedIsolate* const found = FindIsolate(children_.get(), isolate, "isolates.sourceMap");
  if (found == nullptr || found->script().source_map().empty()) {
    return v8::Undefined(v8::Isolate::GetCurrent());
  }
  return Text(found->script().source_map());
}

void SystemHost::ReleaseIsolate(uint32_t isolate) {
  if (children_ != nullptr) children_->Release(isolate);
}

}  // namespace runtime

#include "channel_table.h"

#include <v8.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "binding_errors.h"

namespace runtime {
namespace {

using v8::Local;
using v8::Value;

constexpr uint32_t kMostAttachments = 64;

bool ThrowAttachment(const char* what) {
  return BindingErrors("channel.send").ThrowType("attachments", what);
}

Local<v8::Private> PinnedKey() {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  return v8::Private::ForApi(isolate, v8::String::NewFromUtf8Literal(isolate, "runtime:pinned"));
}

bool IsPinned(Local<v8::Context> context, Local<v8::ArrayBuffer> buffer) {
  return buffer->HasPrivate(context, PinnedKey()).FromMaybe(true);
}

// Memory that the other isolate may have, and this one not any more.
bool IsMovable(Local<v8::Context> context, Local<Value> value) {
  if (!value->IsArrayBuffer()) return false;
  const auto buffer = value.As<v8::ArrayBuffer>();
  return buffer->IsDetachable() && !buffer->WasDetached() &&
         !buffer->IsResizableByUserJavaScript() && !IsPinned(context, buffer);
}

}  // namespace

void PinBuffer(Local<v8::Context> context, Local<v8::ArrayBuffer> buffer) {
  buffer->SetPrivate(context, PinnedKey(), v8::True(v8::Isolate::GetCurrent())).FromMaybe(false);
}

uint32_t ChannelTable::Add(Endpoint endpoint) {
  const uint32_t id = ++last_id_;
  endpoint.Deliver(mailbox_, id);
  endpoints_.emplace(id, std::move(endpoint));
  return id;
}

int32_t ChannelTable::Create(RuntimeChannelPair* into) {
  if (endpoints_.size() + 2 > most_) return -EMFILE;
  std::array<Endpoint, 2> pair;
  if (!Endpoint::CreatePair(&pair)) return -ENOMEM;
  into->first = Add(std::move(pair[0]));
  into->second = Add(std::move(pair[1]));
  return 0;
}

Endpoint* ChannelTable::Find(uint32_t id, const char* function) {
  if (found_ != nullptr && found_id_ == id) return found_;
  const auto found = endpoints_.find(id);
  if (found != endpoints_.end()) {
    found_id_ = id;
    found_ = &found->second;
    return found_;
  }
  BindingErrors(function).ThrowRange("this isolate has no channel " + std::to_string(id));
  return nullptr;
}

bool ChannelTable::CollectOne(const Endpoint& carrier, Local<Value> value, Attachments* into) {
  if (IsMovable(v8::Isolate::GetCurrent()->GetCurrentContext(), value)) {
    into->items.emplace_back(value.As<v8::ArrayBuffer>()->GetBackingStore());
    into->buffer_bytes += value.As<v8::ArrayBuffer>()->ByteLength();
    return true;
  }
  if (value->IsSharedArrayBuffer()) {
    into->items.emplace_back(value.As<v8::SharedArrayBuffer>()->GetBackingStore());
    return true;
  }
  if (!value->IsUint32()) {
    return ThrowAttachment(
        "an array of ArrayBuffers that can be moved, SharedArrayBuffers and channels");
  }
  Endpoint* const endpoint = Find(value.As<v8::Uint32>()->Value(), "channel.send");
  if (endpoint == nullptr) return false;
  return !endpoint->IsOfSameChannel(carrier) ||
         ThrowAttachment("an array without the channel itself");
}

// Looks at all before anything moves. No JavaScript runs meanwhile, such as an accessor in the array, that
// could move things itself.
bool ChannelTable::Collect(const Endpoint& carrier, Local<Value> list, Attachments* into,
                           std::vector<Local<Value>>* values) {
  if (!list->IsArray()) return ThrowAttachment("an array");
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::Isolate::DisallowJavascriptExecutionScope no_javascript(
      isolate, v8::Isolate::DisallowJavascriptExecutionScope::THROW_ON_FAILURE);
  const Local<v8::Context> context = isolate->GetCurrentContext();
  const auto array = list.As<v8::Array>();
  if (array->Length() > kMostAttachments) return ThrowAttachment("an array of 64 things at most");
  for (uint32_t index = 0; index < array->Length(); ++index) {
    Local<Value> value;
    if (!array->Get(context, index).ToLocal(&value)) return false;
    if (std::any_of(values->begin(), values->end(),
                    [&](Local<Value> other) { return value->StrictEquals(other); })) {
      return ThrowAttachment("an array in which nothing is twice");
    }
    if (!CollectOne(carrier, value, into)) return false;
    values->push_back(value);
  }
  return true;
}

bool ChannelTable::BeginTransit(const Endpoint& carrier,
                                const std::vector<Local<Value>>& values) const {
  std::vector<const Endpoint*> ends;
  for (const Local<Value> value : values) {
    if (value->IsUint32()) ends.push_back(&endpoints_.at(value.As<v8::Uint32>()->Value()));
  }
  return ends.empty() || carrier.BeginTransit(ends) ||
         ThrowAttachment(
             "an array without the channel by which alone its message could be received");
}

void ChannelTable::Release(uint32_t id) {
  ForgetFound();
  endpoints_.erase(id);
}

Endpoint* ChannelTable::FindToSend(uint32_t id, size_t length, const char* function) {
  if (length > MessageRing::kLongestMessage) {
    BindingErrors(function).ThrowRange("a message has " +
                                       std::to_string(MessageRing::kLongestMessage) +
                                       " bytes at most, and this one " + std::to_string(length) +
                                       ": move large content in an ArrayBuffer");
    return nullptr;
  }
  return Find(id, function);
}

uint32_t ChannelTable::SendBytes(uint32_t id, const char* bytes, size_t length,
                                 const char* function) {
  Endpoint* const endpoint = FindToSend(id, length, function);
  if (endpoint == nullptr) return RUNTIME_CHANNEL_CLOSED;
  std::unique_ptr<Attachments> nothing;
  switch (endpoint->Send(bytes, length, &nothing)) {
    case Endpoint::Sent::kSent:
      ++sent_;
      return RUNTIME_CHANNEL_SENT;
    case Endpoint::Sent::kFull:
      return RUNTIME_CHANNEL_FULL;
    case Endpoint::Sent::kClosed:
      break;
  }
  return RUNTIME_CHANNEL_CLOSED;
}

uint32_t ChannelTable::Send(uint32_t id, const char* bytes, size_t length,
                            Local<Value> attachments) {
  if (attachments->IsUndefined()) return SendBytes(id, bytes, length, "channel.send");
  Endpoint* const endpoint = FindToSend(id, length, "channel.send");
  if (endpoint == nullptr) return RUNTIME_CHANNEL_CLOSED;
  auto moved = std::make_unique<Attachments>();
  std::vector<Local<Value>> values;
  if (!Collect(*endpoint, attachments, moved.get(), &values)) return RUNTIME_CHANNEL_CLOSED;
  const Endpoint::Sent room = endpoint->TrySpace(length, moved->buffer_bytes);
  if (room == Endpoint::Sent::kClosed) return RUNTIME_CHANNEL_CLOSED;
  if (room == Endpoint::Sent::kFull) return RUNTIME_CHANNEL_FULL;
  if (!BeginTransit(*endpoint, values)) return RUNTIME_CHANNEL_CLOSED;
  // There is room, and only this thread takes it: from here on the message is sent, or its peer is gone.
  ForgetFound();
  size_t index = 0;
  for (const Local<Value> value : values) {
    if (value->IsArrayBuffer()) {
      value.As<v8::ArrayBuffer>()->Detach(Local<Value>()).Check();
    } else if (value->IsUint32()) {
      auto node = endpoints_.extract(value.As<v8::Uint32>()->Value());
      node.mapped().Withhold();
      moved->items.emplace(moved->items.begin() + static_cast<ptrdiff_t>(index),
                           std::move(node.mapped()));
    }
    ++index;
  }
  if (endpoint->Send(bytes, length, &moved) == Endpoint::Sent::kClosed)
    return RUNTIME_CHANNEL_CLOSED;
  ++sent_;
  return RUNTIME_CHANNEL_SENT;
}

int32_t ChannelTable::Receive(uint32_t id, char* into, size_t length) {
  Endpoint* const endpoint = Find(id, "channel.receive");
  if (endpoint == nullptr) return -1;
  constexpr auto kMark = static_cast<int32_t>(RUNTIME_RECEIVED_ATTACHMENTS);
  // Asked before the ring: then what the ring has is all that ever comes.
  const bool has_ended = endpoint->HasEnded();
  const std::optional<size_t> next = endpoint->NextLength();
  if (!next.has_value()) return has_ended ? -kMark : -1;
  if (*next > length) return -1 - static_cast<int32_t>(*next);
  received_attachments_ = endpoint->Receive(into);
  ++received_;
  const bool is_last = !has_ended && !endpoint->NextLength().has_value();
  return static_cast<int32_t>(*next) + (received_attachments_ == nullptr ? 0 : kMark) +
         (is_last ? static_cast<int32_t>(RUNTIME_RECEIVED_LAST) : 0);
}

Local<Value> ChannelTable::TakeAttachments() {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const std::unique_ptr<Attachments> taken = std::move(received_attachments_);
  if (taken == nullptr) return v8::Undefined(isolate);
  std::vector<Local<Value>> values;
  for (Attachments::Item& item : taken->items) {
    if (auto* const endpoint = std::get_if<Endpoint>(&item)) {
      values.push_back(v8::Integer::NewFromUnsigned(isolate, Add(std::move(*endpoint))));
      continue;
    }
    auto& store = std::get<std::shared_ptr<v8::BackingStore>>(item);
    if (store->IsShared()) {
      values.push_back(v8::SharedArrayBuffer::New(isolate, std::move(store)));
    } else {
      values.push_back(v8::ArrayBuffer::New(isolate, std::move(store)));
    }
  }
  return v8::Array::New(isolate, values.data(), values.size());
}

void ChannelTable::Close(uint32_t id, const char* reason, size_t length) {
  Endpoint* const endpoint = Find(id, "channel.close");
  if (endpoint != nullptr) endpoint->Close(std::string(reason, length));
}

Local<Value> ChannelTable::ClosureOf(uint32_t id) const {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const auto found = endpoints_.find(id);
  const std::optional<Closure> closure =
      found == endpoints_.end() ? std::nullopt : found->second.closure();
  Local<v8::String> reason;
  if (!closure.has_value() ||
      !v8::String::NewFromUtf8(isolate, closure->reason.c_str()).ToLocal(&reason)) {
    return v8::Undefined(isolate);
  }
  Local<Value> parts[] = {
      v8::Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(closure->cause)),
      v8::Boolean::New(isolate, closure->is_own), reason};
  return v8::Array::New(isolate, parts, std::size(parts));
}

bool ChannelTable::NewsTaken(uint32_t id) {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return false;
  found->second.NewsTaken();
  return true;
}

void ChannelTable::Clear(const std::string& reason) {
  ForgetFound();
  for (auto& [id, endpoint] : endpoints_) endpoint.Abandon(reason);
  endpoints_.clear();
  received_attachments_ = nullptr;
}

}  // namespace runtime

// The channels that one isolate has.
#ifndef RUNTIME_SHIM_ISOLATES_CHANNEL_TABLE_H
#define RUNTIME_SHIM_ISOLATES_CHANNEL_TABLE_H

#include <v8-array-buffer.h>
#include <v8-context.h>
#include <v8-local-handle.h>
#include <v8-value.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "channel.h"
#include "kernel_interface.h"

namespace runtime {

/**
 * Ends of channels under the numbers by which the isolate's JavaScript knows them. A number says nothing
 * in another isolate, and none is used twice: one that was made up finds what the isolate has anyway, or
 * nothing. What JavaScript gets wrong is thrown there.
 */
class ChannelTable {
 public:
  /** @param most how many channels the isolate may have, those that it was given left out */
  ChannelTable(std::shared_ptr<Mailbox> mailbox, size_t most)
      : mailbox_(std::move(mailbox)), most_(most) {}

  /** Takes an end in. @returns its number */
  uint32_t Add(Endpoint endpoint);

  /** Makes a channel, both ends of which the isolate has. @returns 0, or -errno: EMFILE, ENOMEM */
  int32_t Create(RuntimeChannelPair* into);
  /** Sends a message that nothing comes with. @returns one of RUNTIME_CHANNEL_* */
  uint32_t Post(uint32_t id, const char* bytes, size_t length) {
    return SendBytes(id, bytes, length, "channel.post");
  }
  /**
   * Sends a message.
   * @param attachments undefined, or an array of ArrayBuffers, SharedArrayBuffers and numbers of channels
   * @returns one of RUNTIME_CHANNEL_*
   */
  uint32_t Send(uint32_t id, const char* bytes, size_t length, v8::Local<v8::Value> attachments);
  /** Takes the next message. @returns see channel.receive in native/abi/isolate.abi.ts */
  int32_t Receive(uint32_t id, char* into, size_t length);
  /** What came with the message that was received last, as an array; undefined for nothing. */
  v8::Local<v8::Value> TakeAttachments();
  void Close(uint32_t id, const char* reason, size_t length);
  /** `[cause, whether this side did it, reason]`, undefined while the channel lives. */
  v8::Local<v8::Value> ClosureOf(uint32_t id) const;
  /** Forgets a channel; its other side learns that this one has died, unless the channel was closed. */
  void Release(uint32_t id);

  /** Notes that news of a channel were taken. @returns whether the isolate still has it */
  bool NewsTaken(uint32_t id);
  /** Makes news of all. */
  void AnnounceAll() {
    for (auto& [id, endpoint] : endpoints_) endpoint.Announce();
  }
  /** How many the isolate has. */
  size_t size() const { return endpoints_.size(); }
  /** Forgets all, for a reason that the other sides learn. */
  void Clear(const std::string& reason);

  /** Messages that were sent and received so far. */
  uint64_t sent() const { return sent_; }
  uint64_t received() const { return received_; }

 private:
  Endpoint* Find(uint32_t id, const char* function);
  /** The end to send a message of some length on; nullptr when that has thrown. */
  Endpoint* FindToSend(uint32_t id, size_t length, const char* function);
  uint32_t SendBytes(uint32_t id, const char* bytes, size_t length, const char* function);
  void ForgetFound() { found_ = nullptr; }
  bool Collect(const Endpoint& carrier, v8::Local<v8::Value> list, Attachments* into,
               std::vector<v8::Local<v8::Value>>* values);
  bool BeginTransit(const Endpoint& carrier, const std::vector<v8::Local<v8::Value>>& values) const;
  bool CollectOne(const Endpoint& carrier, v8::Local<v8::Value> value, Attachments* into);

  const std::shared_ptr<Mailbox> mailbox_;
  const size_t most_;
  std::unordered_map<uint32_t, Endpoint> endpoints_;
  uint32_t last_id_ = 0;
  // What Find() has found last: messages come in rows.
  uint32_t found_id_ = 0;
  Endpoint* found_ = nullptr;
  std::unique_ptr<Attachments> received_attachments_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
};

/** Marks memory that is not the isolate's to give away: it cannot be an attachment. */
void PinBuffer(v8::Local<v8::Context> context, v8::Local<v8::ArrayBuffer> buffer);

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_CHANNEL_TABLE_H

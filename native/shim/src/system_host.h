// What the generated bindings of a bare isolate call.
#ifndef RUNTIME_SHIM_SYSTEM_HOST_H
#define RUNTIME_SHIM_SYSTEM_HOST_H

#include <v8-array-buffer.h>
#include <v8-function.h>
#include <v8-local-handle.h>
#include <v8-object.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "isolates/callers.h"
#include "isolates/channel_table.h"
#include "kernel_interface.h"

namespace runtime {

class Children;
class DeviceGrant;

/** What a life of the system isolate leaves to the next one. */
struct Inheritance {
  /** What it has handed over. */
  std::optional<std::string> state;
  /** Why it has failed. */
  std::optional<std::string> failure;
};

/** A bare isolate's host, as its bindings see it: the kernel, and what the host itself answers. */
class SystemHost {
 public:
  /**
   * @param doorbell wakes the isolate's thread
   * @param most_channels how many it may have
   */
  SystemHost(const RuntimeKernelInterface& kernel, Doorbell& doorbell, size_t most_channels);
  const RuntimeKernelInterface& kernel() const { return kernel_; }

  /** The host whose isolate runs on this thread. */
  static SystemHost& Current() { return *current_; }
  /** Whether this is the host whose isolate runs on this thread. */
  bool IsCurrent() const { return current_ == this; }

  /** Monotonic nanoseconds at which this isolate began to be made. */
  virtual uint64_t StartedAt() const = 0;
  /** The bundle's inline source map as a `data:` URL, undefined when it has none. */
  virtual v8::Local<v8::Value> SourceMap() const = 0;
  /** Names the function that runs in each turn of the loop. */
  virtual void OnTurn(v8::Local<v8::Function> turn) = 0;
  /** Makes the loop turn once more before it waits. */
  void TurnAgain() { is_turn_wanted_ = true; }
  /** As the kernel's broker_attach, once in a life of the isolate: later calls give the same. */
  virtual int32_t AttachBroker(RuntimeMemoryRange* into) = 0;
  /** The ArrayBuffer over memory of the kernel's. For the same memory it is the same object. */
  virtual v8::Local<v8::ArrayBuffer> Buffer(const RuntimeMemoryRange& memory) = 0;

  /** Names the function that runs when the app is asked to end. */
  virtual void OnShutDown(v8::Local<v8::Function> shut_down) = 0;
  /** Ends the isolate; `code` is the exit code of a bare app. */
  virtual void Exit(int32_t code) = 0;
  /** Ends an isolate that another one has started. */
  virtual void Finish() = 0;
  /** Writes to the kernel log, see log.write in native/abi. */
  virtual void WriteLog(uint32_t level, const char* text, size_t length) = 0;

  // Channels and isolates, see native/abi/isolate.abi.ts.
  int32_t CreateChannel(RuntimeChannelPair* into) { return channels_->Create(into); }
  uint32_t PostMessage(uint32_t channel, const char* bytes, size_t length) {
    return MaySend() ? channels_->Post(channel, bytes, length) : RUNTIME_CHANNEL_CLOSED;
  }
  uint32_t SendMessage(uint32_t channel, const char* bytes, size_t length,
                       v8::Local<v8::Value> attachments) {
    return MaySend() ? channels_->Send(channel, bytes, length, attachments)
                     : RUNTIME_CHANNEL_CLOSED;
  }
  int32_t ReceiveMessage(uint32_t channel, char* into, size_t length) {
    return channels_->Receive(channel, into, length);
  }
  v8::Local<v8::Value> TakeAttachments() { return channels_->TakeAttachments(); }
  void CloseChannel(uint32_t channel, const char* reason, size_t length) {
    channels_->Close(channel, reason, length);
  }
  v8::Local<v8::Value> ChannelClosure(uint32_t channel) const {
    return channels_->ClosureOf(channel);
  }
  void ReleaseChannel(uint32_t channel) { channels_->Release(channel); }
  virtual void OnNews(v8::Local<v8::Function> listener) = 0;
  int32_t CallSystem();
  void ListenToCallers();
  uint32_t AcceptCaller();
  int32_t SpawnIsolate(const char* name, size_t name_length, const char* script,
                       size_t script_length, double heap_limit, uint32_t message_limit,
                       int32_t nice, uint32_t grant, RuntimeSpawnedIsolate* into);
  int32_t GrantDevice(uint32_t bus, uint32_t index, uint32_t bytes, RuntimeDeviceGrant* into);
  void RevokeDevice(uint32_t grant);
  void KillIsolate(uint32_t isolate, const char* reason, size_t length);
  void SetIsolateNice(uint32_t isolate, int32_t nice);
  int32_t FillIsolateFigures(uint32_t isolate, RuntimeIsolateFigures* into) const;
  v8::Local<v8::Value> IsolateEnding(uint32_t isolate) const;
  v8::Local<v8::Value> IsolateSourceMap(uint32_t isolate) const;
  void ReleaseIsolate(uint32_t isolate);
  /** Says whether the event loop goes on because of what was started here; a bare isolate's does anyway. */
  virtual void KeepAlive(uint32_t) {}

  // Live reload, see native/abi/reload.abi.ts.
  void ReplaceScript(const char* path, size_t path_length, const char* script, size_t length);
  virtual void KeepScripts();
  virtual void BecomeFrozen() {}
  void RevertScripts();
  virtual int32_t Restart(const char* state, size_t length) = 0;
  v8::Local<v8::Value> HandedOver() const;
  v8::Local<v8::Value> LastFailure() const;

  // The device that this isolate was given: see native/abi/service-bindings.abi.ts.
  uint32_t GrantedCount() const;
  int32_t GrantedAt(uint32_t index, RuntimePciFunction* into) const;
  uint32_t ReadGranted(uint32_t index, uint32_t offset, uint32_t width) const;
  int32_t WriteGranted(uint32_t index, uint32_t offset, uint32_t width, uint32_t value);
  int32_t GrantedBar(uint32_t index, uint32_t bar, RuntimePciBar* into) const;
  int32_t MapGranted(uint32_t index, uint32_t bar, RuntimeMemoryRange* into) const;
  uint32_t ReadGrantedPort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width) const;
  int32_t WriteGrantedPort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width,
                           uint32_t value);
  int32_t OpenGrantedMessage(uint32_t index, RuntimeMessageInterrupt* into);
  int32_t OpenGrantedLine(uint32_t index);
  uint32_t GrantedPlatformCount() const;
  int32_t GrantedPlatformAt(uint32_t index, RuntimePlatformDevice* into) const;
  int32_t MapGrantedPlatform(uint32_t index, RuntimeMemoryRange* into) const;
  int32_t OpenGrantedPlatformLine(uint32_t index);
  uint32_t GrantedPlatformPorts(uint32_t index) const;
  uint32_t ReadGrantedPlatformPort(uint32_t index, uint32_t port);
  int32_t WriteGrantedPlatformPort(uint32_t index, uint32_t port, uint32_t value);
  int32_t GrantedFramebuffer(uint32_t index, RuntimeFramebuffer* into) const;
  int32_t GrantedFont(RuntimeMemoryRange* into) const;
  uint32_t GrantedSerialCount() const;
  uint32_t GrantedSerialState(uint32_t port) const;
  int32_t OpenGrantedSerial(uint32_t port);
  uint32_t ReadGrantedSerial(uint32_t port, uint32_t number) const;
  void WriteGrantedSerial(uint32_t port, uint32_t number, uint32_t value);
  uint32_t TransmitGranted(uint32_t port, const char* bytes, size_t length);
  uint32_t ReceiveGranted(uint32_t port, char* into, size_t length);
  void AcknowledgeGranted(uint32_t interrupt) const;
  void ReleaseGranted(uint32_t interrupt);
  uint32_t CountGranted(uint32_t interrupt) const;
  int32_t GrantedMemory(RuntimeMemoryRange* into) const;
  int32_t GrantedPlace(RuntimeArenaBlock* into) const;

  /** The environment variables as an object. */
  v8::Local<v8::Value> Environment() const;
  /** Writes all of a text to a file descriptor. */
  void WriteOutput(uint32_t descriptor, const char* text, size_t length) const;
  /** The text of kWorkerAppPath, undefined when the image has none. */
  v8::Local<v8::Value> AppScript() const;
  /**
   * Runs a script in a context of its own, with its own bindings.
   * @param globals an object whose properties become globals there
   * @returns what it comes to; empty, with an exception, when it has thrown
   */
  v8::Local<v8::Value> RunInRealm(const char* path, size_t path_length, const char* source,
                                  size_t source_length, v8::Local<v8::Value> globals);
  /** Text of UTF-8, U+FFFD where it is none; empty, with an exception, when it is too long. */
  v8::Local<v8::Value> DecodeUtf8(const char* bytes, size_t length) const;
  /** Text of the bytes from `start` to `end`. Throws a RangeError when they are not there. */
  v8::Local<v8::Value> DecodeLatin1(const char* bytes, size_t length, uint32_t start,
                                    uint32_t end) const;
  /** A Uint8Array of text that is UTF-8 already. */
  v8::Local<v8::Value> EncodeUtf8(const char* text, size_t length) const;
  /** A deep copy by V8's serializer; empty, with an exception, when there can be none. */
  v8::Local<v8::Value> Clone(v8::Local<v8::Value> value) const;

  /** The monotonic clock in whole microseconds. */
  uint64_t NowMicroseconds() const { return kernel_.monotonic_nanoseconds() / 1000; }
  /** What this life begins with; before it runs. */
  void set_inheritance(Inheritance inheritance) { inheritance_ = std::move(inheritance); }
  /** Where app and system isolate meet; before it runs. */
  void set_callers(std::shared_ptr<Callers> callers) { callers_ = std::move(callers); }

  /** Bytes of the JavaScript heap that are in use, garbage included. */
  size_t HeapBytes() const;
  /** Moves bytes within the arena. Throws a RangeError when they are not all in it. */
  void CopyInArena(uint32_t to, uint32_t from, uint32_t length) const;
  /** Sums bytes of the arena, see checksum.h. Throws a RangeError when they are not all in it. */
  uint32_t ChecksumInArena(uint32_t offset, uint32_t length, double sum) const;

 protected:
  ~SystemHost();

  /** Counts a message that is about to be sent. @returns false when the isolate is stopped for it */
  virtual bool MaySend() { return true; }

  Mailbox& mailbox() { return *mailbox_; }
  const std::shared_ptr<Mailbox>& shared_mailbox() { return mailbox_; }
  ChannelTable& channels() { return *channels_; }
  /** nullptr where app and system isolate do not meet. */
  Callers* callers() { return callers_.get(); }
  /** The isolates that this one has started; nullptr when it may not start any. */
  Children* children() { return children_.get(); }
  void set_children(std::unique_ptr<Children> children);
  /** Makes a device's memory the arena of this isolate, which is to drive it. */
  void set_device(std::shared_ptr<DeviceGrant> device);

  /** Makes this the host of the calling thread, or none. */
  static void SetCurrent(SystemHost* host) { current_ = host; }
  /** The arena, empty before AttachBroker(). */
  const RuntimeMemoryRange& arena() const { return arena_; }
  void set_arena(const RuntimeMemoryRange& arena) { arena_ = arena; }
  /** Whether TurnAgain() was called since this was last asked. */
  bool TakeTurnWanted() { return std::exchange(is_turn_wanted_, false); }

 private:
  /** 0, or -errno: ENODEV, EBUSY. For number 0 there is nothing to take. */
  int32_t TakeGrant(uint32_t id, std::shared_ptr<DeviceGrant>* into);
  bool IsInArena(uint32_t offset, uint32_t length, const char* function) const;

  const RuntimeKernelInterface& kernel_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::unique_ptr<ChannelTable> channels_;
  std::shared_ptr<Callers> callers_;
  // Those that this isolate gives away, and the one that it was given.
  std::map<uint32_t, std::shared_ptr<DeviceGrant>> grants_;
  uint32_t last_grant_ = 0;
  std::shared_ptr<DeviceGrant> device_;
  std::unique_ptr<Children> children_;  // goes before what they were given
  bool is_turn_wanted_ = false;
  Inheritance inheritance_;
  RuntimeMemoryRange arena_ = {0, 0};
  // The shim is loaded with the executable, so this has a fixed place: no call is needed to find it.
  static thread_local SystemHost* current_ __attribute__((tls_model("initial-exec")));
};

/**
 * Defines the binding groups that native/abi/bindings.abi.ts gives to bare isolates as properties
 * of `target`. Generated; `host` must outlive the isolate.
 * @returns false when V8 could not define one (out of memory)
 */
bool InstallSystemBindings(v8::Local<v8::Context> context, v8::Local<v8::Object> target,
                           SystemHost* host);

/** As InstallSystemBindings(), for an isolate that another one has started: no device, no sockets. */
bool InstallBareBindings(v8::Local<v8::Context> context, v8::Local<v8::Object> target,
                         SystemHost* host);

/** As InstallSystemBindings(), for an isolate of Node's: channels, and isolates that it starts. */
bool InstallNodeBindings(v8::Local<v8::Context> context, v8::Local<v8::Object> target,
                         SystemHost* host);

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_HOST_H

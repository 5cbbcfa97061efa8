// An isolate that another one has started, as that one sees it.
#ifndef RUNTIME_SHIM_ISOLATES_SPAWNED_ISOLATE_H
#define RUNTIME_SHIM_ISOLATES_SPAWNED_ISOLATE_H

#include <node.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "channel.h"
#include "isolate_threads.h"
#include "kernel_interface.h"
#include "script_file.h"

namespace runtime {

class DeviceGrant;
class SystemIsolate;

/** What an isolate is started with. */
struct SpawnSettings {
  std::string name;
  /** Path of its script. */
  std::string script;
  /** Most bytes of its heap and of its ArrayBuffers. */
  size_t heap_limit;
  /** Most messages that it may send in a second, 0 for any number. */
  uint32_t message_limit;
  /** Of its threads, as nice(2) has it. */
  int nice;
  /** The device that it has, if any. */
  std::shared_ptr<DeviceGrant> device;
};

/** What others may read of an isolate while it runs. Written by its thread. */
struct LiveFigures {
  std::atomic<uint64_t> heap_bytes = 0;
  std::atomic<uint64_t> external_bytes = 0;
  std::atomic<uint64_t> messages_sent = 0;
  std::atomic<uint64_t> messages_received = 0;
  /** When the turn of its loop began that it is in; 0 while it sleeps. */
  std::atomic<uint64_t> turn_started = 0;
  /** When its script had run. */
  std::atomic<uint64_t> ready_at = 0;
};

/** How an isolate has ended. */
struct Ending {
  /** One of RUNTIME_END_*. */
  uint32_t how = RUNTIME_END_FINISHED;
  /** What happened, and where: places are in the script. */
  std::string report;
};

/** Its thread, and what is known of it. For the thread that has started it. */
class SpawnedIsolate {
 public:
  /** @param id its number for who gets news of its end in the mailbox */
  SpawnedIsolate(const RuntimeKernelInterface& kernel, node::MultiIsolatePlatform* platform,
                 const node::EmbedderSnapshotData* snapshot, SpawnSettings settings,
                 std::shared_ptr<Mailbox> mailbox, uint32_t id)
      : kernel_(kernel),
        platform_(platform),
        snapshot_(snapshot),
        settings_(std::move(settings)),
        mailbox_(std::move(mailbox)),
        id_(id),
        spawned_at_(kernel.monotonic_nanoseconds()),
        threads_(std::make_shared<IsolateThreads>(settings_.nice)) {}
  /** Kills it and waits for its thread. */
  ~SpawnedIsolate();
  SpawnedIsolate(const SpawnedIsolate&) = delete;
  SpawnedIsolate& operator=(const SpawnedIsolate&) = delete;

  /** @returns 0, or -errno: ENOENT without its script, EAGAIN or ENOMEM without a thread */
  int32_t Start(Endpoint channel);
  /** Stops it, whatever it does. The first reason counts. */
  void Kill(const std::string& reason);
  /** Kills it, waits until it has ended, and lets go of its device. For who has started it. */
  void End(const std::string& reason);
  /** Gives its threads another share of the CPU, as nice(2) has it. Nothing happens when it has ended. */
  void SetNice(int nice) { threads_->SetNice(nice); }
  void FillFigures(RuntimeIsolateFigures* into) const;
  /** Nothing before its end. */
  std::optional<Ending> ending() const;
  const ScriptFile& script() const { return *script_; }
  /** nullptr when it has none. */
  const DeviceGrant* device() const { return settings_.device.get(); }

 private:
  void Main();
  Ending Run();

  const RuntimeKernelInterface& kernel_;
  node::MultiIsolatePlatform* const platform_;
  const node::EmbedderSnapshotData* const snapshot_;
  SpawnSettings settings_;
  const std::shared_ptr<Mailbox> mailbox_;
  const uint32_t id_;
  const uint64_t spawned_at_;
  std::shared_ptr<const ScriptFile> script_;
  Endpoint channel_;  // until the isolate is made
  pthread_t thread_ = {};
  bool has_thread_ = false;
  LiveFigures figures_;
  const std::shared_ptr<IsolateThreads> threads_;
  mutable std::mutex mutex_;          // guards what is below
  SystemIsolate* running_ = nullptr;  // must not go while it is killed
  std::optional<std::string> kill_reason_;
  std::optional<Ending> ending_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_SPAWNED_ISOLATE_H

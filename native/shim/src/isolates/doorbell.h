// How a bare isolate's thread sleeps, and how others wake it.
#ifndef RUNTIME_SHIM_ISOLATES_DOORBELL_H
#define RUNTIME_SHIM_ISOLATES_DOORBELL_H

#include <atomic>
#include <cstdint>

#include "kernel_interface.h"

namespace runtime {

/** One thread waits, any may ring. A ring that comes while nobody waits ends the next wait. */
class Doorbell {
 public:
  virtual ~Doorbell() = default;

  /** Ends the wait of this moment, or else the next one. From any thread. */
  virtual void Ring() = 0;
  /**
   * Waits for a ring.
   * @param deadline on the kernel's monotonic clock, RUNTIME_NO_DEADLINE for none
   */
  virtual void Wait(uint64_t deadline) = 0;
  /** Gives back what the kernel has for it, in place of the destructor. Nobody waits or rings from now on. */
  virtual void Close() {}
};

/** The kernel's event word, which interrupts and sockets ring, too. There is one, for one thread. */
class EventWordDoorbell final : public Doorbell {
 public:
  explicit EventWordDoorbell(const RuntimeKernelInterface& kernel) : kernel_(kernel) {}
  void Ring() override { kernel_.notify_events(RUNTIME_EVENT_WAKE); }
  void Wait(uint64_t deadline) override;

 private:
  const RuntimeKernelInterface& kernel_;
};

/** The kernel's bell of the thread that makes this: for isolates that no device speaks to. */
class ThreadDoorbell final : public Doorbell {
 public:
  explicit ThreadDoorbell(const RuntimeKernelInterface& kernel)
      : kernel_(kernel), bell_(kernel.bell_open()) {}
  ~ThreadDoorbell() override { ThreadDoorbell::Close(); }
  void Ring() override;
  void Wait(uint64_t deadline) override;
  void Close() override {
    if (is_open_) kernel_.bell_close(bell_);
    is_open_ = false;
  }

 private:
  const RuntimeKernelInterface& kernel_;
  const uint64_t bell_;
  bool is_open_ = true;
  std::atomic<bool> is_rung_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_DOORBELL_H

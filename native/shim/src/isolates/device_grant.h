// A device that an isolate of its own drives: what that isolate may reach of it, and how it is taken away.
#ifndef RUNTIME_SHIM_ISOLATES_DEVICE_GRANT_H
#define RUNTIME_SHIM_ISOLATES_DEVICE_GRANT_H

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "doorbell.h"
#include "kernel_interface.h"

namespace runtime {

/** A device as the kernel knows it. */
struct DevicePlace {
  enum class Bus : uint32_t {
    kPci = RUNTIME_GRANT_FUNCTION,
    kPlatform = RUNTIME_GRANT_PLATFORM,
    kSerial = RUNTIME_GRANT_SERIAL,
  };
  Bus bus;
  /** In the kernel's list of functions, of the platform's devices, or of serial ports. */
  uint32_t index;

  bool operator==(const DevicePlace& other) const = default;
};

/**
 * One PCI function, device of the platform or serial port, its interrupts, and a block of memory that it may access.
 *
 * The isolate that has it names its device by 0 and its interrupts by their places in a table here, so there
 * is no number by which it could reach another's. When its thread ends, in whichever way, Revoke() stops the
 * device; the memory stays until this object goes, after that.
 *
 * Made and destroyed by the isolate that gives it away; Take() is for that one, too. All others are for the
 * thread of the isolate that has it.
 */
class DeviceGrant {
 public:
  /**
   * @param bytes of memory
   * @param arena the whole arena, which is attached
   * @param error gets -errno: ENODEV, EINVAL (a bridge; too much memory), ENOMEM, ENOSPC
   * @returns nullptr when it cannot be had
   */
  static std::shared_ptr<DeviceGrant> Create(const RuntimeKernelInterface& kernel,
                                             const DevicePlace& place, uint32_t bytes,
                                             const RuntimeMemoryRange& arena, int32_t* error);
  ~DeviceGrant();
  DeviceGrant(const DeviceGrant&) = delete;
  DeviceGrant& operator=(const DeviceGrant&) = delete;

  const DevicePlace& place() const { return place_; }
  bool is_function() const { return place_.bus == DevicePlace::Bus::kPci; }
  bool is_platform() const { return place_.bus == DevicePlace::Bus::kPlatform; }
  bool is_serial() const { return place_.bus == DevicePlace::Bus::kSerial; }
  const RuntimeArenaBlock& block() const { return block_; }
  RuntimeMemoryRange memory() const { return {arena_.address + block_.offset, block_.size}; }

  /** Gives it to an isolate; the memory is zeroed. False while another one has it. */
  bool Take();
  /** The isolate has ended: nothing reaches the device or its memory from now on, nor the device memory. */
  void Revoke();
  bool is_taken() const { return is_taken_.load(); }

  /** Wakes the isolate, for its own interrupts and for messages. */
  std::unique_ptr<Doorbell> MakeDoorbell() const;

  // Of a PCI function.
  int32_t FunctionAt(uint32_t index, RuntimePciFunction* into) const;
  uint32_t Read(uint32_t index, uint32_t offset, uint32_t width) const;
  /** Errors: -ENODEV, -EINVAL, -EPERM for what is neither the command register nor one of a driver's business. */
  int32_t Write(uint32_t index, uint32_t offset, uint32_t width, uint32_t value);
  int32_t Bar(uint32_t index, uint32_t bar, RuntimePciBar* into) const;
  int32_t Map(uint32_t index, uint32_t bar, RuntimeMemoryRange* into) const;
  uint32_t ReadPort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width) const;
  int32_t WritePort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width,
                    uint32_t value) const;
  int32_t OpenMessage(uint32_t index, RuntimeMessageInterrupt* into);
  int32_t OpenLine(uint32_t index);
  // Of a device of the platform.
  int32_t PlatformAt(uint32_t index, RuntimePlatformDevice* into) const;
  int32_t MapPlatform(uint32_t index, RuntimeMemoryRange* into) const;
  int32_t OpenPlatformLine(uint32_t index);
  uint32_t PortCount(uint32_t index) const;
  /** What comes from a keyboard controller is noted in the memory, whatever becomes of the isolate meanwhile. */
  uint32_t ReadPlatformPort(uint32_t index, uint32_t port);
  int32_t WritePlatformPort(uint32_t index, uint32_t port, uint32_t value) const;
  int32_t Framebuffer(uint32_t index, RuntimeFramebuffer* into) const;
  int32_t Font(RuntimeMemoryRange* into) const;
  // Of a serial port. What was transmitted and received is counted in the first words of the memory, whatever becomes
  // of the isolate meanwhile.
  uint32_t SerialState(uint32_t port) const;
  int32_t OpenSerial(uint32_t port);
  uint32_t ReadSerial(uint32_t port, uint32_t number) const;
  void WriteSerial(uint32_t port, uint32_t number, uint32_t value) const;
  uint32_t Transmit(uint32_t port, const char* bytes, size_t length) const;
  uint32_t Receive(uint32_t port, char* into, size_t length) const;

  void Acknowledge(uint32_t interrupt) const;
  void Release(uint32_t interrupt);
  /** False when it is not open. */
  bool Count(uint32_t interrupt, uint32_t* into) const;

 private:
  struct Interrupt {
    bool is_open = false;
    uint32_t id = 0;  // the kernel's
    // Of a message.
    uint32_t data = 0;
    uint64_t address = 0;
  };

  DeviceGrant(const RuntimeKernelInterface& kernel, const DevicePlace& place,
              const RuntimeMemoryRange& arena, const RuntimeArenaBlock& block, uint32_t word);

  bool IsOwnFunction(uint32_t index) const {
    return index == 0 && is_function() && is_taken_.load();
  }
  bool IsOwnPlatformDevice(uint32_t index) const {
    return index == 0 && is_platform() && is_taken_.load();
  }
  bool IsOwnSerial(uint32_t port) const { return port == 0 && is_serial() && is_taken_.load(); }
  bool StopDevice() const;
  const Interrupt* Find(uint32_t interrupt) const;
  /** A place in the table; -1 when it is full. */
  int FindFree() const;
  int32_t Open(int place, const Interrupt& opened);
  int32_t OpenLineOf(int32_t (*open)(uint32_t index));
  void AddToCount(size_t word, uint32_t count) const;
  void NoteKeyboardByte(uint32_t byte) const;
  bool MayWrite(uint32_t offset, uint32_t width, uint32_t value) const;
  bool IsOwnMessage(uint32_t capability, uint32_t offset, uint32_t width, uint32_t value) const;

  const RuntimeKernelInterface& kernel_;
  const DevicePlace place_;
  const RuntimeMemoryRange arena_;
  const RuntimeArenaBlock block_;
  const uint32_t word_;  // the event word that its interrupts set
  const bool is_keyboard_controller_;
  uint32_t keyboard_status_ = 0;  // as it was read last
  std::atomic<bool> is_taken_ = false;
  std::array<Interrupt, 16> interrupts_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_DEVICE_GRANT_H

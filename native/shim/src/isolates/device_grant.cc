// Sources: PCI Local Bus 3.0, chapter 6; IBM PC AT technical reference, section 1.4 (keyboard controller).
#include "device_grant.h"

#include <cerrno>
#include <cstring>

#include "shared_memory.h"

namespace runtime {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;
constexpr uint32_t kVendor = 0x00;
constexpr uint32_t kNoVendor = 0xffff;
constexpr uint32_t kCommand = 0x04;
constexpr uint32_t kStatus = 0x06;
constexpr uint32_t kHasCapabilities = 1 << 4;
constexpr uint32_t kHeaderType = 0x0e;
constexpr uint32_t kCapabilities = 0x34;
constexpr uint32_t kFirstCapability = 0x40;
constexpr int kMostCapabilities = 48;  // as many as fit, so that a loop ends
constexpr uint32_t kMessages = 0x05;
constexpr uint32_t kVendorSpecific = 0x09;
constexpr uint32_t kMessageTable = 0x11;
// In a capability for messages.
constexpr uint32_t kControl = 2;
constexpr uint32_t kAddressLow = 4;
constexpr uint32_t kAddressHigh = 8;
constexpr uint32_t kData32 = 8;
constexpr uint32_t kData64 = 12;
constexpr uint32_t kIs64Bit = 1 << 7;
// Ports of a keyboard controller, as the kernel numbers them.
constexpr uint32_t kKeyboardData = 0;
constexpr uint32_t kKeyboardStatus = 1;
// What ends a wait.
constexpr uint32_t kEvents = RUNTIME_EVENT_WAKE | RUNTIME_EVENT_INTERRUPT;

class EventDoorbell final : public Doorbell {
 public:
  EventDoorbell(const RuntimeKernelInterface& kernel, uint32_t word)
      : kernel_(kernel), word_(word) {}
  void Ring() override { kernel_.event_word_notify(word_, RUNTIME_EVENT_WAKE); }
  void Wait(uint64_t deadline) override { kernel_.event_word_wait(word_, kEvents, deadline); }

 private:
  const RuntimeKernelInterface& kernel_;
  const uint32_t word_;
};

// 0, or -errno.
int32_t CheckFunction(const RuntimeKernelInterface& kernel, uint32_t function) {
  if (function >= kernel.pci_function_count()) return -ENODEV;
  if (kernel.pci_read(function, kVendor, 2) == kNoVendor) return -ENODEV;
  // Behind a bridge there are others' devices.
  return (kernel.pci_read(function, kHeaderType, 1) & 0x7f) == 0 ? 0 : -EINVAL;
}

// 0, or -errno.
int32_t CheckDevice(const RuntimeKernelInterface& kernel, const DevicePlace& place) {
  RuntimePlatformDevice described = {};
  switch (place.bus) {
    case DevicePlace::Bus::kPci:
      return CheckFunction(kernel, place.index);
    case DevicePlace::Bus::kPlatform:
      return kernel.platform_device_at(place.index, &described);
    case DevicePlace::Bus::kSerial:
      return kernel.serial_port_state(place.index) == 0 ? -ENODEV : 0;
  }
  return -EINVAL;
}

bool IsKeyboardController(const RuntimeKernelInterface& kernel, const DevicePlace& place) {
  RuntimePlatformDevice described = {};
  return place.bus == DevicePlace::Bus::kPlatform &&
         kernel.platform_device_at(place.index, &described) >= 0 &&
         described.kind == RUNTIME_PLATFORM_DEVICE_KEYBOARD_CONTROLLER;
}

}  // namespace

std::shared_ptr<DeviceGrant> DeviceGrant::Create(const RuntimeKernelInterface& kernel,
                                                 const DevicePlace& place, uint32_t bytes,
                                                 const RuntimeMemoryRange& arena, int32_t* error) {
  *error = CheckDevice(kernel, place);
  if (*error < 0) return nullptr;
  *error = -EINVAL;
  if (arena.address == 0) return nullptr;
  RuntimeArenaBlock block = {};
  *error = kernel.arena_allocate(bytes, 1, &block);
  if (*error < 0) return nullptr;
  *error = kernel.event_word_open();
  if (*error < 0) {
    kernel.arena_free(static_cast<uint32_t>(block.offset));
    return nullptr;
  }
  return std::shared_ptr<DeviceGrant>(
      new DeviceGrant(kernel, place, arena, block, static_cast<uint32_t>(*error)));
}

DeviceGrant::DeviceGrant(const RuntimeKernelInterface& kernel, const DevicePlace& place,
                         const RuntimeMemoryRange& arena, const RuntimeArenaBlock& block,
                         uint32_t word)
    : kernel_(kernel),
      place_(place),
      arena_(arena),
      block_(block),
      word_(word),
      is_keyboard_controller_(IsKeyboardController(kernel, place)) {}

DeviceGrant::~DeviceGrant() {
  Revoke();
  kernel_.event_word_close(word_);
  kernel_.arena_free(static_cast<uint32_t>(block_.offset));
}

bool DeviceGrant::Take() {
  if (is_taken_.load()) return false;
  std::memset(reinterpret_cast<void*>(memory().address), 0, memory().size);
  is_taken_.store(true);
  return true;
}

void DeviceGrant::Revoke() {
  if (!is_taken_.load()) return;
  // First the device, then what it writes to.
  if (!StopDevice()) {
    static constexpr char kText[] =
        "a device does not finish what it has under way after its driver ended";
    kernel_.log(RUNTIME_LOG_WARN, kText, sizeof(kText) - 1);
  }
  for (uint32_t each = 0; each < interrupts_.size(); ++each) Release(each);
  // The boot console's line is the kernel's again then.
  if (is_serial()) kernel_.serial_close(place_.index);
  is_taken_.store(false);
}

bool DeviceGrant::StopDevice() const {
  switch (place_.bus) {
    case DevicePlace::Bus::kPci:
      return kernel_.pci_stop(place_.index) != 0;
    case DevicePlace::Bus::kPlatform:
      return kernel_.platform_device_stop(place_.index) != 0;
    case DevicePlace::Bus::kSerial:
      break;  // masters no bus
  }
  return true;
}

std::unique_ptr<Doorbell> DeviceGrant::MakeDoorbell() const {
  return std::make_unique<EventDoorbell>(kernel_, word_);
}

int32_t DeviceGrant::FunctionAt(uint32_t index, RuntimePciFunction* into) const {
  return index == 0 && is_function() ? kernel_.pci_function_at(place_.index, into) : -ENODEV;
}

uint32_t DeviceGrant::Read(uint32_t index, uint32_t offset, uint32_t width) const {
  return IsOwnFunction(index) ? kernel_.pci_read(place_.index, offset, width) : kNothing;
}

int32_t DeviceGrant::Write(uint32_t index, uint32_t offset, uint32_t width, uint32_t value) {
  if (!IsOwnFunction(index)) return -ENODEV;
  if (!MayWrite(offset, width, value)) return -EPERM;
  return kernel_.pci_write(place_.index, offset, width, value);
}

// The command register, and capabilities that a driver has to set up. With others, such as power states and
// resets of the whole function, it would move away from where the kernel has placed it.
bool DeviceGrant::MayWrite(uint32_t offset, uint32_t width, uint32_t value) const {
  if (offset == kCommand && width == 2) return true;
  if (offset < kFirstCapability ||
      (kernel_.pci_read(place_.index, kStatus, 2) & kHasCapabilities) == 0) {
    return false;
  }
  // The capability that begins last before the register is the one that it is in.
  uint32_t found = 0;
  uint32_t at = kernel_.pci_read(place_.index, kCapabilities, 1) & 0xfc;
  for (int each = 0; each < kMostCapabilities && at >= kFirstCapability; ++each) {
    if (at <= offset && at > found) found = at;
    at = kernel_.pci_read(place_.index, at + 1, 1) & 0xfc;
  }
  if (found == 0) return false;
  switch (kernel_.pci_read(place_.index, found, 1)) {
    case kMessages:
      return IsOwnMessage(found, offset - found, width, value);
    case kMessageTable:
      return offset - found == kControl && width == 2;
    case kVendorSpecific:
      return offset - found + width <= kernel_.pci_read(place_.index, found + 2, 1);
    default:
      return false;
  }
}

// A message is a write to memory: it may be none but that of an interrupt that is this isolate's.
bool DeviceGrant::IsOwnMessage(uint32_t capability, uint32_t offset, uint32_t width,
                               uint32_t value) const {
  if (offset == kControl) return width == 2;
  const bool is_64_bit = (kernel_.pci_read(place_.index, capability + kControl, 2) & kIs64Bit) != 0;
  for (const Interrupt& each : interrupts_) {
    if (!each.is_open || each.address == 0) continue;
    if (offset == kAddressLow && width == 4 && value == static_cast<uint32_t>(each.address)) {
      return true;
    }
    if (is_64_bit && offset == kAddressHigh && width == 4 &&
        value == static_cast<uint32_t>(each.address >> 32)) {
      return true;
    }
    if (offset == (is_64_bit ? kData64 : kData32) && width == 2 && value == each.data) return true;
  }
  return false;
}

int32_t DeviceGrant::Bar(uint32_t index, uint32_t bar, RuntimePciBar* into) const {
  return IsOwnFunction(index) ? kernel_.pci_bar(place_.index, bar, into) : -ENODEV;
}

int32_t DeviceGrant::Map(uint32_t index, uint32_t bar, RuntimeMemoryRange* into) const {
  return IsOwnFunction(index) ? kernel_.pci_map(place_.index, bar, into) : -ENODEV;
}

uint32_t DeviceGrant::ReadPort(uint32_t index, uint32_t bar, uint32_t offset,
                               uint32_t width) const {
  return IsOwnFunction(index) ? kernel_.pci_port_read(place_.index, bar, offset, width) : kNothing;
}

int32_t DeviceGrant::WritePort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width,
                               uint32_t value) const {
  return IsOwnFunction(index) ? kernel_.pci_port_write(place_.index, bar, offset, width, value)
                              : -ENODEV;
}

int DeviceGrant::FindFree() const {
  for (size_t place = 0; place < interrupts_.size(); ++place) {
    if (!interrupts_[place].is_open) return static_cast<int>(place);
  }
  return -1;
}

int32_t DeviceGrant::Open(int place, const Interrupt& opened) {
  interrupts_[static_cast<size_t>(place)] = opened;
  kernel_.interrupt_direct(opened.id, word_);
  return place;
}

int32_t DeviceGrant::OpenMessage(uint32_t index, RuntimeMessageInterrupt* into) {
  if (!IsOwnFunction(index)) return -ENODEV;
  const int place = FindFree();
  if (place < 0) return -ENOSPC;
  const int32_t result = kernel_.interrupt_open_message(place_.index, into);
  if (result < 0) return result;
  into->id = static_cast<uint32_t>(Open(place, {true, into->id, into->data, into->address}));
  return 0;
}

int32_t DeviceGrant::OpenLineOf(int32_t (*open)(uint32_t index)) {
  const int place = FindFree();
  if (place < 0) return -ENOSPC;
  const int32_t id = open(place_.index);
  return id < 0 ? id : Open(place, {true, static_cast<uint32_t>(id), 0, 0});
}

int32_t DeviceGrant::OpenLine(uint32_t index) {
  return IsOwnFunction(index) ? OpenLineOf(kernel_.interrupt_open_line) : -ENODEV;
}

int32_t DeviceGrant::PlatformAt(uint32_t index, RuntimePlatformDevice* into) const {
  return IsOwnPlatformDevice(index) ? kernel_.platform_device_at(place_.index, into) : -ENODEV;
}

int32_t DeviceGrant::MapPlatform(uint32_t index, RuntimeMemoryRange* into) const {
  return IsOwnPlatformDevice(index) ? kernel_.platform_device_map(place_.index, into) : -ENODEV;
}

int32_t DeviceGrant::OpenPlatformLine(uint32_t index) {
  return IsOwnPlatformDevice(index) ? OpenLineOf(kernel_.platform_device_interrupt) : -ENODEV;
}

uint32_t DeviceGrant::PortCount(uint32_t index) const {
  return IsOwnPlatformDevice(index) ? kernel_.platform_device_ports(place_.index) : 0;
}

uint32_t DeviceGrant::ReadPlatformPort(uint32_t index, uint32_t port) {
  if (!IsOwnPlatformDevice(index)) return kNothing;
  const uint32_t value = kernel_.platform_port_read(place_.index, port);
  if (is_keyboard_controller_ && port == kKeyboardData) NoteKeyboardByte(value);
  if (is_keyboard_controller_ && port == kKeyboardStatus) keyboard_status_ = value;
  return value;
}

// Reading takes the byte from the controller: without a note it would be lost with the isolate.
void DeviceGrant::NoteKeyboardByte(uint32_t byte) const {
  const uint64_t notes = memory().address;
  auto* const entries = reinterpret_cast<uint16_t*>(notes + RUNTIME_KEYBOARD_NOTES_OFFSET);
  const uint32_t count = std::atomic_ref(*reinterpret_cast<uint32_t*>(notes)).load();
  entries[count % RUNTIME_KEYBOARD_NOTES] =
      static_cast<uint16_t>((keyboard_status_ & 0xff) << 8 | (byte & 0xff));
  AddToCount(0, 1);
}

int32_t DeviceGrant::WritePlatformPort(uint32_t index, uint32_t port, uint32_t value) const {
  return IsOwnPlatformDevice(index) ? kernel_.platform_port_write(place_.index, port, value)
                                    : -ENODEV;
}

int32_t DeviceGrant::Framebuffer(uint32_t index, RuntimeFramebuffer* into) const {
  return IsOwnPlatformDevice(index) ? kernel_.platform_framebuffer(place_.index, into) : -ENODEV;
}

int32_t DeviceGrant::Font(RuntimeMemoryRange* into) const { return kernel_.screen_font(into); }

uint32_t DeviceGrant::SerialState(uint32_t port) const {
  return IsOwnSerial(port) ? kernel_.serial_port_state(place_.index) : 0;
}

int32_t DeviceGrant::OpenSerial(uint32_t port) {
  return IsOwnSerial(port) ? OpenLineOf(kernel_.serial_open) : -ENODEV;
}

uint32_t DeviceGrant::ReadSerial(uint32_t port, uint32_t number) const {
  return IsOwnSerial(port) ? kernel_.serial_read(place_.index, number) : 0xff;
}

void DeviceGrant::WriteSerial(uint32_t port, uint32_t number, uint32_t value) const {
  if (IsOwnSerial(port)) kernel_.serial_write(place_.index, number, value);
}

uint32_t DeviceGrant::Transmit(uint32_t port, const char* bytes, size_t length) const {
  if (!IsOwnSerial(port)) return 0;
  const uint32_t sent = kernel_.serial_transmit(place_.index, bytes, length);
  AddToCount(0, sent);
  return sent;
}

uint32_t DeviceGrant::Receive(uint32_t port, char* into, size_t length) const {
  if (!IsOwnSerial(port)) return 0;
  const uint32_t received = kernel_.serial_receive(place_.index, into, length);
  AddToCount(1, received & 0xffff);
  return received;
}

void DeviceGrant::AddToCount(size_t word, uint32_t count) const {
  auto* const counts = reinterpret_cast<uint32_t*>(memory().address);
  std::atomic_ref(counts[word]).fetch_add(count);
}

const DeviceGrant::Interrupt* DeviceGrant::Find(uint32_t interrupt) const {
  if (interrupt >= interrupts_.size() || !interrupts_[interrupt].is_open) return nullptr;
  return &interrupts_[interrupt];
}

void DeviceGrant::Acknowledge(uint32_t interrupt) const {
  if (const Interrupt* const found = Find(interrupt)) kernel_.interrupt_acknowledge(found->id);
}

void DeviceGrant::Release(uint32_t interrupt) {
  const Interrupt* const found = Find(interrupt);
  if (found == nullptr) return;
  kernel_.interrupt_release(found->id);
  interrupts_[interrupt].is_open = false;
}

bool DeviceGrant::Count(uint32_t interrupt, uint32_t* into) const {
  const Interrupt* const found = Find(interrupt);
  if (found == nullptr) return false;
  auto* const page = reinterpret_cast<RuntimeSharedPage*>(arena_.address);
  auto* const counts = reinterpret_cast<uint32_t*>(page->interrupt_counts);
  *into = std::atomic_ref(counts[found->id]).load();
  return true;
}

}  // namespace runtime

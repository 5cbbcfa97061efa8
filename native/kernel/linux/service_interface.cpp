#include "linux/service_interface.h"

#include <shared_memory.h>

#include "boot/screen.h"
#include "broker/broker.h"
#include "broker/inet_address.h"
#include "broker/inet_socket.h"
#include "interrupts/device_interrupts.h"
#include "linux/abi.h"
#include "linux/ipc/socket.h"
#include "linux/process_info.h"
#include "linux/random.h"
#include "linux/system_calls.h"
#include "platform/pci.h"
#include "platform/platform_devices.h"
#include "platform/serial_ports.h"
#include "platform/service_events.h"
#include "sched/scheduler.h"
#include "terminal/terminal.h"
#include "time/clock.h"
#include "time/wall_clock.h"

namespace runtime {

static_assert(sizeof(RuntimeSharedPage::interrupt_counts) ==
                  RUNTIME_INTERRUPT_MAXIMUM * sizeof(uint32_t),
              "the shared page has a count for each interrupt");
static_assert(kMaximumInterrupts == RUNTIME_INTERRUPT_MAXIMUM, "ids of interrupts");

namespace {

int32_t failure(Errno error) { return -static_cast<int32_t>(error); }

/// 0, or -errno.
int32_t outcome(const Result<void>& result) {
  return result.is_error() ? failure(result.error()) : 0;
}

/// Hands a structure out: 0, or -errno.
template <typename T>
int32_t outcome(const Result<T>& result, T* into) {
  if (result.is_error()) return failure(result.error());
  *into = result.value();
  return 0;
}

/// An id, or -errno.
int32_t outcome(const Result<uint32_t>& result) {
  return result.is_error() ? failure(result.error()) : static_cast<int32_t>(result.value());
}

void ring_doorbell() {
  // The app writes to one socket after the other: one turn of the service for all of them.
  const PatientWakes patience;
  notify_service(RUNTIME_EVENT_BROKER);
}

/// Whatever the drivers left behind: devices may write to memory until this returns.
void stop_devices() {
  pci_stop_all();
  platform_devices_stop_all();
  release_all_interrupts();
  serial_close_all();  // the boot console has its line again, which no release masks afterwards
  set_interrupt_counts(nullptr);
}

}  // namespace

namespace interface {

void random_fill(char* into, size_t length) { random_bytes(into, length); }
void random_add_entropy(const char* bytes, size_t length) { random_add_device(bytes, length); }

uint32_t pci_function_count() { return runtime::pci_function_count(); }

int32_t pci_function_at(uint32_t function, RuntimePciFunction* into) {
  const Result<PciAddress> address = pci_function_address(function);
  if (address.is_error()) return failure(address.error());
  into->segment = address.value().segment;
  into->bus = address.value().bus;
  into->device = address.value().device;
  into->function = address.value().function;
  return 0;
}

uint32_t pci_read(uint32_t function, uint32_t offset, uint32_t width) {
  return runtime::pci_read(function, offset, width);
}
int32_t pci_write(uint32_t function, uint32_t offset, uint32_t width, uint32_t value) {
  return outcome(runtime::pci_write(function, offset, width, value));
}
int32_t pci_bar(uint32_t function, uint32_t bar, RuntimePciBar* into) {
  return outcome(runtime::pci_bar(function, bar), into);
}
int32_t pci_map(uint32_t function, uint32_t bar, RuntimeMemoryRange* into) {
  return outcome(runtime::pci_map(function, bar), into);
}
uint32_t pci_port_read(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width) {
  return runtime::pci_port_read(function, bar, offset, width);
}
int32_t pci_port_write(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width,
                       uint32_t value) {
  return outcome(runtime::pci_port_write(function, bar, offset, width, value));
}

uint32_t pci_stop(uint32_t function) { return runtime::pci_stop(function) ? 1 : 0; }

int32_t event_word_open() { return outcome(open_event_word()); }
void event_word_close(uint32_t word) { close_event_word(word); }
void event_word_notify(uint32_t word, uint32_t bits) { notify_event_word(word, bits); }
uint32_t event_word_wait(uint32_t word, uint32_t mask, uint64_t deadline) {
  return wait_for_event_word(word, mask, deadline);
}

int32_t interrupt_open_message(uint32_t function, RuntimeMessageInterrupt* into) {
  return outcome(pci_open_message_interrupt(function), into);
}
int32_t interrupt_open_line(uint32_t function) {
  return outcome(pci_open_line_interrupt(function));
}
void interrupt_direct(uint32_t id, uint32_t word) { direct_interrupt(id, word); }
void interrupt_acknowledge(uint32_t id) { acknowledge_interrupt(id); }
void interrupt_release(uint32_t id) { release_interrupt(id); }

uint32_t platform_device_count() { return runtime::platform_device_count(); }
int32_t platform_device_at(uint32_t index, RuntimePlatformDevice* into) {
  return outcome(platform_device(index), into);
}
int32_t platform_device_map(uint32_t index, RuntimeMemoryRange* into) {
  return outcome(runtime::platform_device_map(index), into);
}
int32_t platform_device_interrupt(uint32_t index) {
  return outcome(runtime::platform_device_interrupt(index));
}
uint32_t platform_device_stop(uint32_t index) {
  return runtime::platform_device_stop(index) ? 1 : 0;
}

uint32_t platform_device_ports(uint32_t index) { return runtime::platform_device_ports(index); }
uint32_t platform_port_read(uint32_t index, uint32_t port) {
  return runtime::platform_port_read(index, port);
}
int32_t platform_port_write(uint32_t index, uint32_t port, uint32_t value) {
  return outcome(runtime::platform_port_write(index, port, value));
}
int32_t platform_framebuffer(uint32_t index, RuntimeFramebuffer* into) {
  return outcome(runtime::platform_framebuffer(index), into);
}

int32_t screen_font(RuntimeMemoryRange* into) {
  const StringView font = runtime::screen_font();
  if (font.is_empty()) return failure(Errno::NoEntry);
  into->address = reinterpret_cast<uint64_t>(font.data);
  into->size = font.size;
  return 0;
}

int32_t generation_id(RuntimeMemoryRange* into) {
  const volatile void* const id = random_generation();
  if (!id) return failure(Errno::NoEntry);
  into->address = reinterpret_cast<uint64_t>(id);
  into->size = kGenerationSize;
  return 0;
}

int32_t arena_allocate(uint32_t size, uint32_t contiguous, RuntimeArenaBlock* into) {
  const Result<ArenaBlock> block = runtime::arena_allocate(size, contiguous != 0);
  if (block.is_error()) return failure(block.error());
  into->offset = block.value().offset;
  into->size = block.value().size;
  into->physical = block.value().physical;
  return 0;
}
void arena_free(uint32_t offset) { runtime::arena_free(offset); }

int32_t broker_attach(RuntimeMemoryRange* into) {
  broker_set_doorbell(ring_doorbell);
  const Result<ArenaView> view = runtime::broker_attach();
  if (view.is_error()) return failure(view.error());
  into->address = view.value().address;
  into->size = view.value().size;
  RuntimeSharedPage* const page = reinterpret_cast<RuntimeSharedPage*>(into->address);
  set_interrupt_counts(reinterpret_cast<uint32_t*>(page->interrupt_counts));
  terminals_expect_service();
  return 0;
}

void broker_detach() {
  stop_devices();
  runtime::broker_detach();
  terminals_detach();
}

void broker_no_service() {
  runtime::broker_no_service();
  terminals_wake();
}
void broker_finish_sending() {
  runtime::broker_finish_sending();
  terminals_finish();
}
uint32_t broker_notify() {
  const PatientWakes patience;  // the service ends its turn with this, and is about to wait
  return runtime::broker_notify();
}
int32_t broker_accept(uint32_t listener) { return runtime::broker_accept(listener); }
int32_t broker_resize(uint32_t socket, uint32_t direction, uint32_t capacity) {
  return runtime::broker_resize(socket, direction, capacity);
}
void broker_release(uint32_t socket) { runtime::broker_release(socket); }
void broker_publish_interfaces(const char* bytes, size_t length) {
  runtime::broker_publish_interfaces(reinterpret_cast<const uint8_t*>(bytes), length);
}
int32_t broker_publish_file(const char* name, size_t name_length, const char* text,
                            size_t text_length) {
  return runtime::broker_publish_file(name, name_length, text, text_length);
}

int32_t open_echo_socket(uint32_t version) {
  if (version != 4 && version != 6) return failure(Errno::Invalid);
  const bool is_v6 = version == 6;
  const Result<uint64_t> descriptor =
      sys_socket(is_v6 ? kFamilyInternetV6 : kFamilyInternetV4,
                 kSocketDatagram | kOpenCloseOnExec | kOpenNonBlocking,
                 is_v6 ? kProtocolIcmpV6 : kProtocolIcmp);
  return descriptor.is_error() ? failure(descriptor.error())
                               : static_cast<int32_t>(descriptor.value());
}

void clock_adjust(uint32_t is_step, int32_t seconds, int32_t nanoseconds) {
  const int64_t amount =
      static_cast<int64_t>(seconds) * static_cast<int64_t>(kNanosecondsPerSecond) + nanoseconds;
  if (is_step) {
    wall_clock_step(amount);
  } else {
    wall_clock_slew(amount);
  }
}

}  // namespace interface
}  // namespace runtime

#include "linux/terminal_interface.h"

#include <shared_memory.h>

#include "boot/settings.h"
#include "linux/fs/tree.h"
#include "platform/serial_ports.h"
#include "sched/thread.h"
#include "terminal/terminal.h"

namespace runtime {

namespace {

constexpr size_t kLongestName = 31;
constexpr size_t kMostReceived = 0xffff;
constexpr uint32_t kHighestSignal = 31;
constexpr const char* kConsole = "console";

/// Names of the terminals, for the next life of the service. Only the service's thread uses them.
char names[RUNTIME_TERMINAL_MAXIMUM][kLongestName + 1] = {};
const Thread* service_thread = nullptr;  // atomic

int32_t failure(Errno error) { return -static_cast<int32_t>(error); }

bool is_name(StringView name) {
  if (name.size == 0 || name.size > kLongestName) return false;
  for (size_t i = 0; i < name.size; ++i) {
    const char c = name[i];
    const bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!is_fine) return false;
  }
  return true;
}

/// Number of the terminal with a name, which is made if need be. Errors: as terminal_open.
Result<uint32_t> find_terminal(StringView name) {
  if (name == StringView(kConsole)) return static_cast<uint32_t>(0);
  for (uint32_t index = 1; index < RUNTIME_TERMINAL_MAXIMUM; ++index) {
    if (name == StringView(names[index])) return index;
  }
  Result<uint32_t> added = add_terminal();
  if (added.is_error()) return added;
  const Result<void> named = add_terminal_device(name, added.value());
  if (named.is_error()) {
    remove_terminal(added.value());
    return named.error() == Errno::Exists ? Errno::Invalid : named.error();
  }
  memcpy(names[added.value()], name.data, name.size);
  return added;
}

}  // namespace

bool is_terminal_service() {
  return __atomic_load_n(&service_thread, __ATOMIC_ACQUIRE) == Thread::current();
}

namespace interface {

int32_t setting(const char* name, size_t name_length, char* into, size_t capacity) {
  const Result<StringView> value = find_setting(StringView(name, name_length));
  if (value.is_error()) return failure(value.error());
  const size_t length = min_of(value.value().size, capacity);
  memcpy(into, value.value().data, length);
  return static_cast<int32_t>(length);
}

void terminal_want() { want_terminals(); }
uint32_t terminal_is_wanted() { return terminals_are_wanted() ? 1 : 0; }

int32_t terminal_open(const char* name, size_t name_length, RuntimeTerminalPlace* into) {
  const StringView wanted(name, name_length);
  if (!is_name(wanted)) return failure(Errno::Invalid);
  const Result<uint32_t> index = find_terminal(wanted);
  if (index.is_error()) return failure(index.error());
  __atomic_store_n(&service_thread, Thread::current(), __ATOMIC_RELEASE);
  const Result<void> attached = terminal_at(index.value())->attach();
  if (attached.is_error()) return failure(attached.error());
  into->index = index.value();
  into->block = terminal_blocks_offset() +
                index.value() * static_cast<uint32_t>(sizeof(RuntimeTerminalBlock));
  return 0;
}

void terminal_notify(uint32_t terminal) {
  if (Terminal* const found = terminal_at(terminal)) found->notify();
}

int32_t terminal_grow(uint32_t terminal, uint32_t capacity) {
  Terminal* const found = terminal_at(terminal);
  if (!found) return failure(Errno::Invalid);
  const Result<void> grown = found->grow(capacity);
  return grown.is_error() ? failure(grown.error()) : 0;
}

void terminal_signal(uint32_t terminal, uint32_t signal, uint32_t flush) {
  Terminal* const found = terminal_at(terminal);
  if (found && signal > 0 && signal <= kHighestSignal) {
    found->signal(static_cast<int>(signal), flush != 0);
  }
}

void terminal_resize(uint32_t terminal, uint32_t columns, uint32_t rows) {
  if (Terminal* const found = terminal_at(terminal)) found->resize(columns, rows);
}

uint32_t serial_port_count() { return runtime::serial_port_count(); }
uint32_t serial_port_state(uint32_t port) {
  return static_cast<uint32_t>(runtime::serial_port_state(port));
}
int32_t serial_open(uint32_t port) {
  const Result<uint32_t> interrupt = runtime::serial_open(port);
  return interrupt.is_error() ? failure(interrupt.error())
                              : static_cast<int32_t>(interrupt.value());
}
uint32_t serial_read(uint32_t port, uint32_t number) { return runtime::serial_read(port, number); }
void serial_write(uint32_t port, uint32_t number, uint32_t value) {
  runtime::serial_write(port, number, value);
}
uint32_t serial_transmit(uint32_t port, const char* bytes, size_t length) {
  return static_cast<uint32_t>(runtime::serial_transmit(port, bytes, length));
}
uint32_t serial_receive(uint32_t port, char* into, size_t capacity) {
  uint32_t errors = 0;
  const size_t count =
      runtime::serial_receive(port, into, min_of(capacity, kMostReceived), &errors);
  return static_cast<uint32_t>(count) | errors << 16;
}
void serial_close(uint32_t port) { runtime::serial_close(port); }

}  // namespace interface
}  // namespace runtime

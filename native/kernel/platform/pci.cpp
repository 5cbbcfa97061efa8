// Source: PCI Local Bus 3.0, chapter 6; PCI-to-PCI Bridge 1.2, chapter 3.
#include "platform/pci.h"

#include "acpi/interpreter.h"
#include "acpi/interrupt_routing.h"
#include "arch/x86_64/ports.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"
#include "memory/address_space.h"
#include "platform/pci_bars.h"
#include "sync/mutex.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint32_t kNothing = 0xffff;  // vendor where no function answers
constexpr uint8_t kMultiFunction = 0x80;
constexpr uint8_t kBridge = 1;
constexpr uint32_t kSecondaryBus = 0x19;
constexpr uint32_t kStatusHasCapabilities = 1 << 4;
constexpr uint32_t kCapabilityMessages = 0x05;      // MSI
constexpr uint32_t kCapabilityMessageTable = 0x11;  // MSI-X
constexpr uint32_t kCapabilityExpress = 0x10;       // PCI Express
constexpr uint32_t kExpressStatus = 0x0a;           // PCI Express Base 5.0, section 7.5.3.5
constexpr uint32_t kTransactionsPending = 1 << 5;
constexpr uint64_t kStopPatience = kNanosecondsPerSecond / 10;
constexpr uint32_t kMessagesEnable = 1 << 0;
constexpr uint32_t kMessageTableEnable = 1 << 15;
constexpr unsigned kMaximumCapabilities = 48;  // as many as fit, so that a loop ends
constexpr uint64_t kLargestMapping = 256 * 1024 * 1024;
constexpr uint8_t kLegacyLines = 16;
/// A driver that wants a line waits so long for the byte code that names it.
constexpr uint64_t kRoutingPatience = 3 * kNanosecondsPerSecond;

Vector<PciFunction> functions;  // in order of address; fixed once the buses were searched
bool is_searched = false;
Mutex search_mutex(MutexRank::PciSearch);
Mutex bars_mutex(
    MutexRank::PciBars);  // places and maps registers, which drivers do from several threads

/// Guards what is changed in command registers, and PciFunction::is_quiet.
SpinLock command_lock(LockRank::PciCommand);

/// The search of one root: buses that were visited, so that bridges which point back do no harm.
struct Search {
  explicit Search(uint16_t s) : segment(s) {}
  uint16_t segment;
  uint64_t visited[4] = {};
  Vector<uint8_t> waiting;

  void add(uint8_t bus) {
    if (visited[bus / 64] >> (bus % 64) & 1) return;
    visited[bus / 64] |= 1ull << (bus % 64);
    (void)waiting.push(bus).is_error();  // out of memory: the bus is not searched
  }
};

uint32_t read(const PciFunction& function, uint32_t offset, uint32_t width) {
  return pci_configuration_read(function.address, offset, width);
}
void write(const PciFunction& function, uint32_t offset, uint32_t width, uint32_t value) {
  pci_configuration_write(function.address, offset, width, value);
}

bool precedes(const PciAddress& a, const PciAddress& b) {
  const auto key = [](const PciAddress& address) {
    return static_cast<uint32_t>(address.segment) << 16 | static_cast<uint32_t>(address.bus) << 8 |
           static_cast<uint32_t>(address.device) << 3 | address.function;
  };
  return key(a) < key(b);
}

/// Takes the function in when one answers. Returns its header type, kNothing when none does.
uint32_t probe(const PciAddress& address, Search* search) {
  if (pci_configuration_read(address, kPciVendor, 2) == kNothing) return kNothing;
  const uint32_t header = pci_configuration_read(address, kPciHeaderType, 1);
  PciFunction function;
  function.address = address;
  function.header_type = header & 0x7f;
  size_t at = functions.size();
  while (at > 0 && precedes(address, functions[at - 1].address)) --at;
  if (functions.insert(at, function).is_error()) return kNothing;
  if (function.header_type == kBridge) {
    const uint32_t secondary = pci_configuration_read(address, kSecondaryBus, 1);
    if (secondary != 0) {
      search->add(static_cast<uint8_t>(secondary));
    } else {
      log(LogLevel::Warn,
          "PCI %02x:%02x.%x: the firmware has given this bridge no bus: what is behind it is not "
          "seen",
          address.bus, address.device, address.function);
    }
  }
  return header;
}

void search_bus(uint8_t bus, Search* search) {
  if (pci_open_bus(search->segment, bus).is_error()) return;
  PciAddress address;
  address.segment = search->segment;
  address.bus = bus;
  for (address.device = 0; address.device < 32; ++address.device) {
    address.function = 0;
    const uint32_t header = probe(address, search);
    if (header == kNothing || !(header & kMultiFunction)) continue;
    for (address.function = 1; address.function < 8; ++address.function) probe(address, search);
  }
}

void search_all() {
  PciRoot roots[kMaximumPciRoots];
  const unsigned count = pci_configuration_initialise(roots);
  for (unsigned i = 0; i < count; ++i) {
    Search search(roots[i].segment);
    search.add(roots[i].first_bus);
    while (!search.waiting.is_empty()) {
      const uint8_t bus = search.waiting.back();
      search.waiting.pop();
      search_bus(bus, &search);
    }
  }
}

/// The function, null when there is none.
PciFunction* find(uint32_t function) {
  return function < functions.size() ? &functions[function] : nullptr;
}

/// The register with its size, and with an address if one can be had; null when there is none.
PciBar* find_bar(PciFunction* function, uint32_t bar) {
  if (bar >= kPciBars) return nullptr;
  MutexGuard guard(bars_mutex);
  if (!function->is_placed) {
    function->is_placed = true;
    pci_size_bars(function);
    pci_assign_bars(function, &functions);
  }
  return &function->bars[bar];
}

/// Registers that say where the function answers, or what a bridge lets through.
bool is_placement(const PciFunction& function, uint32_t offset, uint32_t width) {
  struct Range {
    uint32_t start, end;
  };
  static constexpr Range kDevice[] = {{0x10, 0x28}, {0x30, 0x34}};        // BARs, expansion ROM
  static constexpr Range kBridgeRanges[] = {{0x10, 0x34}, {0x38, 0x3c}};  // also buses and windows
  const Range* const ranges = function.header_type == kBridge ? kBridgeRanges : kDevice;
  for (unsigned i = 0; i < 2; ++i)
    if (offset < ranges[i].end && offset + width > ranges[i].start) return true;
  return false;
}

/// Calls `visit(offset of the capability, its id)` for each one.
template <typename Visit>
void for_each_capability(const PciAddress& address, Visit visit) {
  if (!(pci_configuration_read(address, kPciStatus, 2) & kStatusHasCapabilities)) return;
  uint32_t at = pci_configuration_read(address, kPciCapabilities, 1) & 0xfc;
  for (unsigned i = 0; i < kMaximumCapabilities && at >= 0x40; ++i) {
    visit(at, pci_configuration_read(address, at, 1));
    at = pci_configuration_read(address, at + 1, 1) & 0xfc;
  }
}

void disable_messages(const PciAddress& address) {
  for_each_capability(address, [&address](uint32_t at, uint32_t id) {
    if (id != kCapabilityMessages && id != kCapabilityMessageTable) return;
    const uint32_t enable = id == kCapabilityMessages ? kMessagesEnable : kMessageTableEnable;
    const uint32_t control = pci_configuration_read(address, at + 2, 2);
    pci_configuration_write(address, at + 2, 2, control & ~enable);
  });
}

void stop(PciFunction* function) {
  {
    SpinGuard guard(command_lock);
    const uint32_t command = read(*function, kPciCommand, 2);
    write(*function, kPciCommand, 2, (command & ~kPciCommandBusMaster) | kPciCommandNoLine);
  }
  disable_messages(function->address);
  function->is_used = false;
}

}  // namespace

uint32_t pci_function_count() {
  // Who looks for the lines of functions holds locks that come after this one.
  if (__atomic_load_n(&is_searched, __ATOMIC_ACQUIRE))
    return static_cast<uint32_t>(functions.size());
  MutexGuard guard(search_mutex);
  if (!is_searched) search_all();
  // Before: the list, which does not change any more. Observers: this function, pci_known_functions().
  __atomic_store_n(&is_searched, true, __ATOMIC_RELEASE);
  return static_cast<uint32_t>(functions.size());
}

uint32_t pci_known_functions() {
  return __atomic_load_n(&is_searched, __ATOMIC_ACQUIRE) ? static_cast<uint32_t>(functions.size())
                                                         : 0;
}

Result<PciAddress> pci_function_address(uint32_t index) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  return function->address;
}

uint32_t pci_read(uint32_t index, uint32_t offset, uint32_t width) {
  PciFunction* const function = find(index);
  if (!function || !pci_register_exists(offset, width)) return UINT32_MAX;
  return read(*function, offset, width);
}

Result<void> pci_write(uint32_t index, uint32_t offset, uint32_t width, uint32_t value) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  if (!pci_register_exists(offset, width)) return Errno::Invalid;
  if (is_placement(*function, offset, width)) return Errno::Perm;
  function->is_used = true;
  // Widths divide offsets: what concerns the command register begins in it.
  if (offset != kPciCommand && offset != kPciCommand + 1) {
    write(*function, offset, width, value);
    return {};
  }
  SpinGuard guard(command_lock);
  const uint32_t kept = function->is_quiet ? kPciCommandNoLine >> 8 * (offset - kPciCommand) : 0;
  write(*function, offset, width, value | kept);
  return {};
}

Result<RuntimePciBar> pci_bar(uint32_t index, uint32_t bar_index) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  const PciBar* const bar = find_bar(function, bar_index);
  if (!bar) return Errno::Invalid;
  RuntimePciBar described;
  described.kind = bar->kind;
  described.size = bar->size;
  return described;
}

Result<RuntimeMemoryRange> pci_map(uint32_t index, uint32_t bar_index) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  PciBar* const bar = find_bar(function, bar_index);
  if (!bar) return Errno::Invalid;
  if (bar->kind != RUNTIME_BAR_MEMORY || !bar->address) return Errno::NoDeviceOrAddress;
  function->is_used = true;
  MutexGuard guard(bars_mutex);
  if (!bar->mapped) {
    if (bar->size > kLargestMapping) return Errno::NoMemory;
    Result<void*> mapped = map_device(PhysAddr(bar->address), bar->size);
    if (mapped.is_error()) return mapped.error();
    bar->mapped = reinterpret_cast<uint64_t>(mapped.value());
  }
  RuntimeMemoryRange range;
  range.address = bar->mapped;
  range.size = bar->size;
  return range;
}

namespace {

/// The port of a register; Errors as pci_port_write.
Result<uint16_t> find_port(uint32_t index, uint32_t bar_index, uint32_t offset, uint32_t width) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  const PciBar* const bar = find_bar(function, bar_index);
  if (!bar) return Errno::Invalid;
  if (bar->kind != RUNTIME_BAR_PORTS || !bar->address) return Errno::NoDeviceOrAddress;
  const bool is_width = width == 1 || width == 2 || width == 4;
  if (!is_width || offset >= bar->size || width > bar->size - offset) return Errno::Invalid;
  function->is_used = true;
  return static_cast<uint16_t>(bar->address + offset);
}

}  // namespace

uint32_t pci_port_read(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width) {
  const Result<uint16_t> port = find_port(function, bar, offset, width);
  if (port.is_error()) return UINT32_MAX;
  if (width == 1) return in8(port.value());
  return width == 2 ? in16(port.value()) : in32(port.value());
}

Result<void> pci_port_write(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width,
                            uint32_t value) {
  const Result<uint16_t> port = find_port(function, bar, offset, width);
  if (port.is_error()) return port.error();
  if (width == 1)
    out8(port.value(), static_cast<uint8_t>(value));
  else if (width == 2)
    out16(port.value(), static_cast<uint16_t>(value));
  else
    out32(port.value(), value);
  return {};
}

Result<RuntimeMessageInterrupt> pci_open_message_interrupt(uint32_t index) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  set_storm_handler(pci_silence);
  const Result<uint32_t> id = open_message_interrupt(index);
  if (id.is_error()) return id.error();
  function->is_used = true;
  RuntimeMessageInterrupt interrupt;
  interrupt.id = id.value();
  interrupt.address = apic_message_address();
  interrupt.data = apic_message_data(message_vector(id.value()));
  return interrupt;
}

namespace {

/// A line that was opened as the firmware's note has it, before the routes were known.
struct NotedLine {
  uint32_t function;
  uint32_t id;
  uint32_t line;
};
Vector<NotedLine> noted_lines;
Mutex noted_mutex(MutexRank::PciNotes);

void log_line(const PciFunction& function, uint32_t line, const char* source) {
  log(LogLevel::Debug, "PCI %02x:%02x.%x: its pin is connected to line %u (%s)",
      function.address.bus, function.address.device, function.address.function, line, source);
}

/// The line that the firmware has noted in a register that is there for that. Returns false when it has
/// not: 0 is the timer's, and what the register holds when nobody has set it; 255 means none.
bool find_noted_line(const PciFunction& function, InterruptLine* line) {
  const uint32_t noted = read(function, kPciInterruptLine, 1);
  if (noted == 0 || noted >= kLegacyLines) return false;
  *line = apic_line_of_legacy(noted);
  return true;
}

bool find_routed_line(const PciFunction& function, InterruptLine* line) {
  return acpi_find_interrupt_line(function.address, read(function, kPciInterruptPin, 1), line);
}

/// Where a function's pin is connected. What the byte code says counts; while it is not loaded, the
/// firmware's note has to do (`*is_noted`), and where there is no note, the caller waits.
bool find_line(const PciFunction& function, InterruptLine* line, bool* is_noted) {
  *is_noted = false;
  if (read(function, kPciInterruptPin, 1) == 0) return false;
  InterruptLine noted;
  const bool has_note = find_noted_line(function, &noted);
  if (!has_note) (void)acpi_interpreter_wait(Deadline::after(kRoutingPatience));
  if (find_routed_line(function, line)) {
    log_line(function, line->number, "_PRT");
    return true;
  }
  if (!has_note) return false;
  *is_noted = !acpi_interrupt_routing_is_read();
  *line = noted;
  log_line(function, line->number, "interrupt line register");
  return true;
}

}  // namespace

Result<uint32_t> pci_open_line_interrupt(uint32_t index) {
  PciFunction* const function = find(index);
  if (!function) return Errno::NoDevice;
  MutexGuard guard(noted_mutex);
  InterruptLine line;
  bool is_noted = false;
  if (!find_line(*function, &line, &is_noted)) return Errno::NoDeviceOrAddress;
  set_line_quieter(pci_quiet_line);
  const Result<uint32_t> id = open_line_interrupt(line, index);
  if (id.is_error()) return id.error();
  if (is_noted) (void)noted_lines.push({index, id.value(), line.number}).is_error();
  function->is_used = true;
  pci_quiet_line(index, false);
  return id.value();
}

void pci_check_line_interrupts() {
  MutexGuard guard(noted_mutex);
  for (const NotedLine& noted : noted_lines) {
    const PciFunction& function = functions[noted.function];
    InterruptLine line;
    if (!find_routed_line(function, &line) || line.number == noted.line) continue;
    log_line(function, line.number, "_PRT, unlike the interrupt line register");
    if (move_line_interrupt(noted.id, noted.line, line).is_error())
      log(LogLevel::Warn, "PCI %02x:%02x.%x: its interrupt line %u cannot be had",
          function.address.bus, function.address.device, function.address.function, line.number);
  }
  noted_lines.clear();
}

void pci_stop_all() {
  for (PciFunction& function : functions)
    if (function.is_used) stop(&function);
}

bool pci_stop(uint32_t index) {
  PciFunction* const function = find(index);
  if (!function) return false;
  stop(function);
  uint32_t express = 0;
  for_each_capability(function->address, [&express](uint32_t at, uint32_t id) {
    if (id == kCapabilityExpress) express = at;
  });
  if (!express) return true;  // on a conventional bus a write is done when the next one has the bus
  const uint64_t end = monotonic_nanoseconds() + kStopPatience;
  while (read(*function, express + kExpressStatus, 2) & kTransactionsPending)
    if (monotonic_nanoseconds() >= end) return false;
  return true;
}

void pci_quiet_line(uint32_t index, bool is_quiet) {
  PciFunction* const function = find(index);
  if (!function) return;
  SpinGuard guard(command_lock);
  function->is_quiet = is_quiet;
  const uint32_t command = read(*function, kPciCommand, 2) & ~kPciCommandNoLine;
  write(*function, kPciCommand, 2, is_quiet ? command | kPciCommandNoLine : command);
}

void pci_silence(uint32_t index) {
  if (PciFunction* const function = find(index)) disable_messages(function->address);
}

}  // namespace runtime

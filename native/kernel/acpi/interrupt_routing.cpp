// Sources: ACPI 6.5, 6.2.13 (_PRT), 6.5.5 (_BBN), 6.5.6 (_SEG), 6.4.2.1 and 6.4.3.6 (interrupt resources).
#include "acpi/interrupt_routing.h"

#include "acpi/host.h"
#include "acpi/interpreter_call.h"
#include "acpi/link_device.h"
#include "lib/format.h"
#include "lib/vector.h"
#include "platform/pci.h"
#include "platform/pci_bars.h"

namespace runtime {

namespace {

constexpr unsigned kPins = 4;
constexpr unsigned kDeepestBridge = 32;
constexpr uint32_t kSecondaryBus = 0x19;
constexpr uint32_t kBridgeHeader = 1;

/// Where one pin of one device goes.
struct Route {
  uint16_t segment;
  uint8_t bus;
  uint8_t device;
  uint8_t pin;         // 0: INTA
  acpi_handle link;    // null: a line for good
  uint32_t selection;  // the line, or which of the link's interrupts
};
Vector<Route> routes;  // fixed once they are read
bool is_read = false;

uint64_t evaluate_integer(acpi_handle device, const char* name, uint64_t otherwise) {
  char method[5] = {};
  for (unsigned i = 0; i < 4; ++i) method[i] = name[i];
  union acpi_object value;
  struct acpi_buffer buffer = {sizeof(value), &value};
  const acpi_status status =
      acpi_evaluate_object_typed(device, method, nullptr, &buffer, ACPI_TYPE_INTEGER);
  return status == AE_OK ? value.integer.value : otherwise;
}

bool is_host_bridge(acpi_handle device) {
  struct acpi_device_info* information = nullptr;
  if (acpi_get_object_info(device, &information) != AE_OK) return false;
  const bool is_root = (information->flags & ACPI_PCI_ROOT_BRIDGE) != 0;
  acpi_os_free(information);
  return is_root;
}

/// The bus that is below a node of the namespace. Returns false when the node is no bridge.
bool find_bus(acpi_handle node, unsigned depth, uint16_t* segment, uint8_t* bus) {
  if (is_host_bridge(node)) {
    *segment = static_cast<uint16_t>(evaluate_integer(node, "_SEG", 0));
    *bus = static_cast<uint8_t>(evaluate_integer(node, "_BBN", 0));
    return true;
  }
  acpi_handle parent = nullptr;
  if (depth == kDeepestBridge || acpi_get_parent(node, &parent) != AE_OK) return false;
  PciAddress address;
  if (!find_bus(parent, depth + 1, &address.segment, &address.bus)) return false;
  const uint64_t place = evaluate_integer(node, "_ADR", UINT64_MAX);
  if (place >> 16 > 31 || (place & 0xffff) > 7) return false;
  address.device = static_cast<uint8_t>(place >> 16);
  address.function = static_cast<uint8_t>(place & 7);
  if ((pci_configuration_read(address, kPciHeaderType, 1) & 0x7f) != kBridgeHeader) return false;
  *segment = address.segment;
  *bus = static_cast<uint8_t>(pci_configuration_read(address, kSecondaryBus, 1));
  return *bus != 0;
}

void add_route(acpi_handle bridge, uint16_t segment, uint8_t bus, acpi_pci_routing_table* entry) {
  const uint64_t device = entry->address >> 16;
  if (device > 31 || entry->pin >= kPins) {
    log(LogLevel::Warn, "ACPI: an interrupt route of bus %02x makes no sense and is ignored", bus);
    return;
  }
  Route route = {segment,
                 bus,
                 static_cast<uint8_t>(device),
                 static_cast<uint8_t>(entry->pin),
                 nullptr,
                 entry->source_index};
  if (entry->source[0] != '\0' && acpi_get_handle(bridge, entry->source, &route.link) != AE_OK) {
    log(LogLevel::Warn, "ACPI: an interrupt route of bus %02x names no device", bus);
    return;
  }
  (void)routes.push(route).is_error();  // no memory: as if the table lacked it
}

acpi_status read_bridge(acpi_handle node, u32, void*, void**) {
  acpi_handle table = nullptr;
  char name[] = "_PRT";
  if (acpi_get_handle(node, name, &table) != AE_OK) return AE_OK;
  uint16_t segment = 0;
  uint8_t bus = 0;
  if (!find_bus(node, 0, &segment, &bus)) return AE_OK;
  struct acpi_buffer buffer = {ACPI_ALLOCATE_BUFFER, nullptr};
  const acpi_status status = acpi_get_irq_routing_table(node, &buffer);
  if (status != AE_OK) {
    log(LogLevel::Warn, "ACPI: the interrupt routes of bus %02x cannot be read (%s)", bus,
        acpi_format_exception(status));
    return AE_OK;
  }
  uint8_t* const end = static_cast<uint8_t*>(buffer.pointer) + buffer.length;
  uint8_t* at = static_cast<uint8_t*>(buffer.pointer);
  while (at + sizeof(acpi_pci_routing_table) <= end) {
    acpi_pci_routing_table* const entry = reinterpret_cast<acpi_pci_routing_table*>(at);
    if (entry->length == 0) break;
    add_route(node, segment, bus, entry);
    at += entry->length;
  }
  acpi_os_free(buffer.pointer);
  return AE_OK;
}

/// The route of a pin; null when there is none. `has_table` is whether the bus has any.
struct Connection {
  const Route* route;
  InterruptLine* line;
  bool is_made;
};

void connect(void* argument) {
  Connection* const connection = static_cast<Connection*>(argument);
  connection->is_made =
      acpi_connect_link(connection->route->link, connection->route->selection, connection->line);
}

const Route* find_route(const PciAddress& address, unsigned pin, bool* has_table) {
  *has_table = false;
  for (const Route& route : routes) {
    if (route.segment != address.segment || route.bus != address.bus) continue;
    *has_table = true;
    if (route.device == address.device && route.pin == pin) return &route;
  }
  return nullptr;
}

/// The bridge that leads to a bus. Returns false when there is none.
bool find_bridge(uint16_t segment, uint8_t bus, PciAddress* bridge) {
  const uint32_t count = pci_function_count();
  for (uint32_t i = 0; i < count; ++i) {
    const Result<PciAddress> address = pci_function_address(i);
    if (address.is_error() || address.value().segment != segment) continue;
    if ((pci_read(i, kPciHeaderType, 1) & 0x7f) != kBridgeHeader) continue;
    if (pci_read(i, kSecondaryBus, 1) != bus) continue;
    *bridge = address.value();
    return true;
  }
  return false;
}

}  // namespace

void acpi_read_interrupt_routing() {
  acpi_get_devices(nullptr, read_bridge, nullptr, nullptr);
  __atomic_store_n(&is_read, true, __ATOMIC_RELEASE);
}

bool acpi_interrupt_routing_is_read() { return __atomic_load_n(&is_read, __ATOMIC_ACQUIRE); }

bool acpi_find_interrupt_line(const PciAddress& function, unsigned pin, InterruptLine* line) {
  if (pin < 1 || pin > kPins || !acpi_interrupt_routing_is_read()) return false;
  PciAddress address = function;
  unsigned index = pin - 1;
  for (unsigned depth = 0; depth < kDeepestBridge; ++depth) {
    bool has_table = false;
    if (const Route* route = find_route(address, index, &has_table)) {
      if (route->link) {
        Connection connection = {route, line, false};
        return acpi_call(connect, &connection) && connection.is_made;
      }
      *line = {route->selection, true, false};
      return true;
    }
    PciAddress bridge;
    if (has_table || !find_bridge(address.segment, address.bus, &bridge)) return false;
    index = (index + address.device) % kPins;
    address = bridge;
  }
  return false;
}

}  // namespace runtime

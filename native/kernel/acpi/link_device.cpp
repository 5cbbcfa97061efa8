// Source: ACPI 6.5, 6.2.13 (links), 6.2.2 (_CRS), 6.2.12 (_PRS), 6.2.16 (_SRS).
#include "acpi/link_device.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

namespace {

constexpr uint32_t kLegacyLines = 16;

/// A list of resources that ACPICA has allocated.
class Resources {
 public:
  using Getter = acpi_status (*)(acpi_handle device, struct acpi_buffer* buffer);

  Resources(Getter get, acpi_handle device) : buffer_{ACPI_ALLOCATE_BUFFER, nullptr} {
    if (get(device, &buffer_) != AE_OK) buffer_.pointer = nullptr;
  }
  ~Resources() { acpi_os_free(buffer_.pointer); }
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  /// The `index`th interrupt resource; null when there are fewer.
  acpi_resource* interrupt(uint32_t index) const {
    uint8_t* at = static_cast<uint8_t*>(buffer_.pointer);
    if (!at) return nullptr;
    for (uint8_t* const end = at + buffer_.length; at < end;) {
      acpi_resource* const resource = reinterpret_cast<acpi_resource*>(at);
      if (resource->type == ACPI_RESOURCE_TYPE_END_TAG || resource->length == 0) return nullptr;
      const bool is_interrupt = resource->type == ACPI_RESOURCE_TYPE_IRQ ||
                                resource->type == ACPI_RESOURCE_TYPE_EXTENDED_IRQ;
      if (is_interrupt && index-- == 0) return resource;
      at += resource->length;
    }
    return nullptr;
  }

 private:
  struct acpi_buffer buffer_;
};

bool is_extended(const acpi_resource& resource) {
  return resource.type == ACPI_RESOURCE_TYPE_EXTENDED_IRQ;
}

uint32_t count_of(const acpi_resource& resource) {
  return is_extended(resource) ? resource.data.extended_irq.interrupt_count
                               : resource.data.irq.interrupt_count;
}

uint32_t number_at(const acpi_resource& resource, uint32_t index) {
  return is_extended(resource) ? resource.data.extended_irq.interrupts[index]
                               : resource.data.irq.interrupts[index];
}

/// The small form names legacy interrupts, and describes them as ISA has them; PCI's pins are levels.
InterruptLine line_of(const acpi_resource& resource, uint32_t number) {
  if (is_extended(resource))
    return {number, resource.data.extended_irq.polarity == ACPI_ACTIVE_LOW, false};
  return apic_line_of_legacy(number % kLegacyLines);
}

/// Which one to take of those that are possible: a line that no legacy device knows, else the ones that
/// PCs leave to PCI.
uint32_t choose(const acpi_resource& resource) {
  static constexpr uint32_t kPreferred[] = {11, 10, 5};
  const uint32_t count = count_of(resource);
  for (uint32_t i = 0; i < count; ++i)
    if (number_at(resource, i) >= kLegacyLines) return number_at(resource, i);
  for (const uint32_t preferred : kPreferred)
    for (uint32_t i = 0; i < count; ++i)
      if (number_at(resource, i) == preferred) return preferred;
  return number_at(resource, 0);
}

acpi_status set_current(acpi_handle link, const acpi_resource& possible, uint32_t number) {
  // The resource with a single interrupt, and the end of the list.
  struct __attribute__((aligned(8))) {
    uint8_t bytes[sizeof(acpi_resource)];
    uint8_t end[sizeof(acpi_resource)];
  } list;
  memset(&list, 0, sizeof(list));
  acpi_resource* const resource = reinterpret_cast<acpi_resource*>(list.bytes);
  memcpy(list.bytes, &possible, min_of<size_t>(possible.length, sizeof(list.bytes)));
  resource->length = sizeof(acpi_resource);
  if (is_extended(possible)) {
    resource->data.extended_irq.interrupt_count = 1;
    resource->data.extended_irq.interrupts[0] = number;
    memset(&resource->data.extended_irq.resource_source, 0,
           sizeof(resource->data.extended_irq.resource_source));
  } else {
    resource->data.irq.interrupt_count = 1;
    resource->data.irq.interrupts[0] = static_cast<uint8_t>(number);
  }
  acpi_resource* const end = reinterpret_cast<acpi_resource*>(list.end);
  end->type = ACPI_RESOURCE_TYPE_END_TAG;
  end->length = sizeof(acpi_resource);
  struct acpi_buffer buffer = {sizeof(list), &list};
  return acpi_set_current_resources(link, &buffer);
}

}  // namespace

bool acpi_connect_link(acpi_handle link, uint32_t selection, InterruptLine* line) {
  const Resources current(acpi_get_current_resources, link);
  const acpi_resource* const connected = current.interrupt(selection);
  if (connected && count_of(*connected) > 0 && number_at(*connected, 0) != 0) {
    *line = line_of(*connected, number_at(*connected, 0));
    return true;
  }
  const Resources possible(acpi_get_possible_resources, link);
  const acpi_resource* const choices = possible.interrupt(selection);
  if (!choices || count_of(*choices) == 0) {
    log(LogLevel::Warn, "ACPI: an interrupt link is not connected and offers no line");
    return false;
  }
  const uint32_t number = choose(*choices);
  const acpi_status status = set_current(link, *choices, number);
  if (status != AE_OK) {
    log(LogLevel::Warn, "ACPI: an interrupt link cannot be connected to line %u (%s)", number,
        acpi_format_exception(status));
    return false;
  }
  *line = line_of(*choices, number);
  return true;
}

}  // namespace runtime

// Sources: ACPI 6.5, 4.8.2.2 (buttons), 5.6.6 (notifications), 5.6.9 (generic event device).
#include "acpi/events.h"

#include "acpi/host.h"
#include "interrupts/apic.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"
#include "lib/new.h"
#include "power/shutdown.h"

namespace runtime {

namespace {

constexpr char kPowerButtonId[] = "PNP0C0C";
constexpr char kSleepButtonId[] = "PNP0C0E";
constexpr char kEventDeviceId[] = "ACPI0013";
constexpr uint32_t kButtonPressed = 0x80;
constexpr uint32_t kLastNumberInName = 255;

// ---- buttons

u32 sleep_button_event(void*) {
  sleep_button_pressed();
  return ACPI_INTERRUPT_HANDLED;
}

void power_button_notified(acpi_handle, u32 value, void*) {
  if (value == kButtonPressed) power_button_pressed();
}

void sleep_button_notified(acpi_handle, u32 value, void*) {
  if (value == kButtonPressed) sleep_button_pressed();
}

struct NotifiedButton {
  const char* id;
  acpi_notify_handler handler;
};

acpi_status listen_to_device(acpi_handle device, u32, void* context, void**) {
  const NotifiedButton* const button = static_cast<const NotifiedButton*>(context);
  const acpi_status status =
      acpi_install_notify_handler(device, ACPI_DEVICE_NOTIFY, button->handler, nullptr);
  if (status != AE_OK)
    log(LogLevel::Warn, "ACPI: button %s cannot be listened to (%s)", button->id,
        acpi_format_exception(status));
  return AE_OK;
}

void listen_to_notified_buttons() {
  NotifiedButton buttons[] = {{kPowerButtonId, power_button_notified},
                              {kSleepButtonId, sleep_button_notified}};
  for (NotifiedButton& button : buttons)
    acpi_get_devices(button.id, listen_to_device, &button, nullptr);
}

// ---- event devices: an interrupt each, served by a method

struct EventInterrupt {
  acpi_handle device;
  InterruptLine line;
};

/// Runs the method of an event device's interrupt, in ACPI's thread.
void serve_event(void* context) {
  const EventInterrupt* const event = static_cast<const EventInterrupt*>(context);
  char name[8];
  acpi_status status = AE_NOT_FOUND;
  if (event->line.number <= kLastNumberInName) {
    format(name, sizeof(name), "_%c%c%c", event->line.is_edge_triggered ? 'E' : 'L',
           "0123456789ABCDEF"[event->line.number >> 4],
           "0123456789ABCDEF"[event->line.number & 15]);
    status = acpi_evaluate_object(event->device, name, nullptr, nullptr);
  }
  if (status == AE_NOT_FOUND) {
    union acpi_object argument;
    argument.type = ACPI_TYPE_INTEGER;
    argument.integer.value = event->line.number;
    struct acpi_object_list arguments = {1, &argument};
    char method[] = "_EVT";
    status = acpi_evaluate_object(event->device, method, &arguments, nullptr);
  }
  if (status != AE_OK)
    log(LogLevel::Warn, "ACPI: the event of interrupt %u was not handled (%s)", event->line.number,
        acpi_format_exception(status));
  if (!event->line.is_edge_triggered) apic_mask_line(event->line.number, false);
}

bool event_fired(void* context) {
  const EventInterrupt* const event = static_cast<const EventInterrupt*>(context);
  // A level stays until the method has run.
  if (!event->line.is_edge_triggered) apic_mask_line(event->line.number, true);
  if (acpi_os_execute(OSL_GPE_HANDLER, serve_event, context) == AE_OK) return true;
  return false;
}

void listen_to_event(acpi_handle device, const acpi_resource_extended_irq& interrupt, u32 number) {
  EventInterrupt* const event = new EventInterrupt();
  if (!event) return;
  event->device = device;
  event->line = {number, interrupt.polarity == ACPI_ACTIVE_LOW,
                 interrupt.triggering == ACPI_EDGE_SENSITIVE};
  const Result<void> opened = open_kernel_line(event->line, event_fired, nullptr, event);
  if (!opened.is_error()) {
    // What happened before there was anybody to hear it waits in the device.
    if (event->line.is_edge_triggered) acpi_os_execute(OSL_GPE_HANDLER, serve_event, event);
    return;
  }
  log(LogLevel::Warn, "ACPI: interrupt %u of an event device cannot be had", number);
  delete event;
}

acpi_status visit_resource(acpi_resource* resource, void* device) {
  if (resource->type != ACPI_RESOURCE_TYPE_EXTENDED_IRQ) return AE_OK;
  const acpi_resource_extended_irq& interrupt = resource->data.extended_irq;
  for (unsigned i = 0; i < interrupt.interrupt_count; ++i)
    listen_to_event(device, interrupt, interrupt.interrupts[i]);
  return AE_OK;
}

acpi_status listen_to_event_device(acpi_handle device, u32, void*, void**) {
  char resources[] = "_CRS";
  const acpi_status status = acpi_walk_resources(device, resources, visit_resource, device);
  if (status != AE_OK)
    log(LogLevel::Warn, "ACPI: an event device does not name its interrupts (%s)",
        acpi_format_exception(status));
  return AE_OK;
}

void device_notified(acpi_handle, u32 value, void*) {
  log(LogLevel::Debug, "ACPI: a device notifies of 0x%x", value);
}

}  // namespace

void acpi_listen_to_sleep_button() {
  if (acpi_gbl_reduced_hardware || (acpi_gbl_FADT.flags & ACPI_FADT_SLEEP_BUTTON)) return;
  const acpi_status status =
      acpi_install_fixed_event_handler(ACPI_EVENT_SLEEP_BUTTON, sleep_button_event, nullptr);
  if (status != AE_OK)
    log(LogLevel::Warn, "ACPI: the sleep button cannot be listened to (%s)",
        acpi_format_exception(status));
}

void acpi_listen_to_devices() {
  acpi_install_notify_handler(ACPI_ROOT_OBJECT, ACPI_ALL_NOTIFY, device_notified, nullptr);
  listen_to_notified_buttons();
  acpi_get_devices(kEventDeviceId, listen_to_event_device, nullptr, nullptr);
}

}  // namespace runtime

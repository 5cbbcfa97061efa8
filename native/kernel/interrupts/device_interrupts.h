// Interrupts of devices, as the system isolate sees them: each has an id, and a count in the page that
// it shares with the kernel. When one comes the count moves, and the isolate's thread is woken, or the
// thread of the driver's own isolate.
//
// Messages (MSI, MSI-X) have a vector for each id. Lines have one for each line: it may be shared by
// several ids. A line that fires is masked before its interrupt ends, and let go when all its ids
// have acknowledged. Who has not after a second is taken out: its device is kept from interrupting until it
// does, and the others go on. An interrupt that nobody opened is counted; one that does not stop is turned
// off at its source.
#pragma once

#include <stdint.h>

#include "interrupts/apic.h"
#include "lib/result.h"

namespace runtime {

constexpr unsigned kDeviceVectorBase = 0x50;
constexpr unsigned kDeviceVectorEnd = 0xe0;
constexpr uint32_t kMaximumInterrupts = 64;  // RUNTIME_INTERRUPT_MAXIMUM

/// Called when a message comes again and again that nobody opened: keeps its source from sending
/// more. `owner` is who opened it last. Runs in interrupt context.
using StormHandler = void (*)(uint32_t owner);

/// Keeps a device from interrupting by line, or lets it again. Runs in interrupt context, also of several CPUs
/// at once.
using LineQuieter = void (*)(uint32_t owner, bool is_quiet);
/// Owner of a line interrupt that cannot be kept from interrupting by itself.
constexpr uint32_t kNoOwner = UINT32_MAX;

/// Names where counts go, kMaximumInterrupts of them; null: nowhere.
void set_interrupt_counts(uint32_t* counts);
void set_storm_handler(StormHandler handler);
void set_line_quieter(LineQuieter quieter);

/// Opens an interrupt by message; `owner` is for the storm handler. Returns its id. Errors: NoSpace.
Result<uint32_t> open_message_interrupt(uint32_t owner);
/// Has an interrupt wake who waits for `word` (service_events.h), until it is given back. Ids that are not
/// open are ignored.
void direct_interrupt(uint32_t id, uint32_t word);
/// The vector of a message interrupt.
unsigned message_vector(uint32_t id);
/// Opens an interrupt by line; `owner` is for the line quieter. Returns its id. Errors: NoDeviceOrAddress (no
/// such line), NoSpace.
Result<uint32_t> open_line_interrupt(const InterruptLine& line, uint32_t owner = kNoOwner);
/// Moves an interrupt that was opened on line `from` to another line, when it turns out to be connected
/// there. Nothing happens when `id` is not open on `from` any more. Errors: NoDeviceOrAddress, NoSpace.
Result<void> move_line_interrupt(uint32_t id, uint32_t from, const InterruptLine& to);
/// Lets a line interrupt again, as far as `id` is concerned. Ids that are not open are ignored.
void acknowledge_interrupt(uint32_t id);
/// Gives an interrupt back. Ids that are not open are ignored.
void release_interrupt(uint32_t id);
/// Gives all back.
void release_all_interrupts();

/// The kernel's own part in a line, such as ACPI's. Runs in interrupt context; returns whether its
/// device had asked for the interrupt.
using LineHandler = bool (*)(void* context);
/// Called in interrupt context when a line that only the kernel uses does not stop: it is masked.
using LineStormHandler = void (*)(void* context);
/// Calls `handler` whenever `line` fires; ids may be open on it, too. For good. Errors:
/// NoDeviceOrAddress (no such line), Busy (the kernel uses it already), NoSpace.
Result<void> open_kernel_line(const InterruptLine& line, LineHandler handler,
                              LineStormHandler storm_handler, void* context);
/// How often the kernel's lines have fired without a reason.
uint64_t unwanted_line_interrupts();

/// Who uses one of the devices' vectors.
struct DeviceVectorUse {
  bool is_line;    // else a message
  uint32_t line;   // its number, for lines
  uint32_t owner;  // as given to open_message_interrupt, for messages
};
/// Tells who uses a vector. Returns false when nobody does.
bool device_vector_use(unsigned vector, DeviceVectorUse* use);

/// Handles the interrupt on `vector`, one of the devices'. Returns false when the vector is never used.
bool handle_device_interrupt(unsigned vector);

}  // namespace runtime

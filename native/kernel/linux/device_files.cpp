// /proc about devices: interrupts (proc(5)), and the PCI functions in a form of ours.
#include "boot/console_port.h"
#include "interrupts/apic.h"
#include "interrupts/device_interrupts.h"
#include "interrupts/statistics.h"
#include "linux/fs/process_files.h"
#include "platform/pci.h"
#include "smp/cpus.h"

namespace runtime {

namespace {

struct NamedVector {
  unsigned vector;
  const char* name;
  const char* description;
};
const NamedVector kOwnVectors[] = {
    {kTimerVector, "LOC", "Local timer interrupts"},
    {kRescheduleVector, "RES", "Rescheduling interrupts"},
    {kFlushVector, "TLB", "TLB shootdowns"},
    {kSpuriousVector, "SPU", "Spurious interrupts"},
};

void write_counts(TextWriter& text, unsigned vector) {
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu)
    text.print(" %10u", interrupt_count(cpu, vector));
}

void write_function_name(TextWriter& text, uint32_t function) {
  const Result<PciAddress> address = pci_function_address(function);
  if (address.is_error()) return;
  const PciAddress& at = address.value();
  text.print("%04x:%02x:%02x.%x", at.segment, at.bus, at.device, at.function);
}

bool has_come(unsigned vector) {
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu)
    if (interrupt_count(cpu, vector) > 0) return true;
  return false;
}

/// Nothing is written for a vector that nobody uses, unless it has come all the same.
void write_device_vector(TextWriter& text, unsigned vector) {
  DeviceVectorUse use;
  const bool is_used = device_vector_use(vector, &use);
  if (!is_used && !has_come(vector)) return;
  text.print("%3u:", vector);
  write_counts(text, vector);
  if (!is_used) {
    text.put("  nobody's\n");
  } else if (use.is_line) {
    text.print("  IO-APIC  line %u\n", use.line);
  } else {
    text.put("  PCI-MSI  ");
    write_function_name(text, use.owner);
    text.put("\n");
  }
}

Result<void> write_interrupts(TextWriter& text, uint64_t) {
  text.put("    ");
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) text.print("       CPU%-3u", cpu);
  text.put("\n");
  constexpr unsigned kConsoleVector = kLegacyVectorBase + kConsoleInterrupt;
  text.print("%3u:", kConsoleVector);
  write_counts(text, kConsoleVector);
  text.print("  IO-APIC  line %u  console\n", kConsoleInterrupt);
  for (unsigned vector = kFirstCountedVector; vector < kTimerVector; ++vector)
    if (vector != kConsoleVector) write_device_vector(text, vector);
  for (const NamedVector& own : kOwnVectors) {
    text.print("%s:", own.name);
    write_counts(text, own.vector);
    text.print("  %s\n", own.description);
  }
  return {};
}

// Offsets in configuration space (PCI Local Bus 3.0, chapter 6).
constexpr uint32_t kVendorAt = 0x00;
constexpr uint32_t kDeviceAt = 0x02;
constexpr uint32_t kClassAt = 0x08;  // revision in the lowest byte
constexpr uint32_t kHeaderTypeAt = 0x0e;
constexpr uint32_t kSubsystemVendorAt = 0x2c;
constexpr uint32_t kSubsystemAt = 0x2e;

/// One line for each function that the system's search has found: address, class, vendor:device, revision, subsystem.
Result<void> write_pci(TextWriter& text, uint64_t) {
  const uint32_t count = pci_known_functions();  // a generated file's lock is held: no search
  for (uint32_t i = 0; i < count; ++i) {
    write_function_name(text, i);
    const uint32_t class_and_revision = pci_read(i, kClassAt, 4);
    text.print(" %06x %04x:%04x %02x", class_and_revision >> 8, pci_read(i, kVendorAt, 2),
               pci_read(i, kDeviceAt, 2), class_and_revision & 0xff);
    if ((pci_read(i, kHeaderTypeAt, 1) & 0x7f) == 0)
      text.print(" %04x:%04x", pci_read(i, kSubsystemVendorAt, 2), pci_read(i, kSubsystemAt, 2));
    text.put("\n");
  }
  return {};
}

}  // namespace

const GeneratedName kDeviceFiles[] = {
    {"interrupts", write_interrupts, 0444}, {"pci", write_pci, 0444},  // of ours
};
const size_t kDeviceFileCount = array_size(kDeviceFiles);

}  // namespace runtime

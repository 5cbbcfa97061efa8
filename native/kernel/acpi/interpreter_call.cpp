#include "acpi/interpreter_call.h"

#include "interrupts/contain.h"
#include "lib/format.h"

namespace runtime {

namespace {

bool is_abandoned = false;

}  // namespace

bool acpi_is_abandoned() { return __atomic_load_n(&is_abandoned, __ATOMIC_ACQUIRE); }

bool acpi_call(void (*function)(void* argument), void* argument) {
  if (acpi_is_abandoned()) return false;
  if (!contain(function, argument)) {
    __atomic_store_n(&is_abandoned, true, __ATOMIC_RELEASE);
    log(LogLevel::Warn,
        "ACPI: that was the firmware's byte code, which makes no sense; it is not run any more");
  }
  return !acpi_is_abandoned();
}

}  // namespace runtime

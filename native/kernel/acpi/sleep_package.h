// The values that switch a machine off, out of the DSDT's byte code.
//
// A stopgap until ACPICA interprets the byte code: it looks for the definition
// `Name (_S5_, Package () {a, b, ...})` as bytes and evaluates nothing. Firmware that computes the
// package in a method is not understood; then power off is reported as unavailable.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// SLP_TYPa and SLP_TYPb of the soft-off state (ACPI 6.5, 7.4.2.6).
struct SleepType {
  uint8_t a = 0;
  uint8_t b = 0;
};

/// Searches `size` bytes of AML for the \_S5_ package. Never reads outside them. Returns false
/// when it is not there or has another form.
bool find_soft_off_type(const uint8_t* aml, size_t size, SleepType* type);

}  // namespace runtime

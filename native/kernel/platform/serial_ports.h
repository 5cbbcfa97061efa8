// The serial ports of a PC, for the driver in the system isolate or in one of its own (drivers/uart). The first one is
// also the boot console, whose transmitter kernel and driver share: each gives it whole pieces.
//
// Which ports there are is found out on the service's thread; who has opened a port uses it from one thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"

namespace runtime {

enum class SerialPortState : uint32_t { Absent = 0, Present = 1, BootConsole = 2 };
SerialPortState serial_port_state(uint32_t port);
uint32_t serial_port_count();

/// Takes a port over; returns its interrupt's id. Errors: NoDevice, Busy, NoDeviceOrAddress, NoSpace.
Result<uint32_t> serial_open(uint32_t port);
/// Registers 0 to 7 of an open port. The boot console's data and line settings cannot be written.
uint32_t serial_read(uint32_t port, uint32_t number);
void serial_write(uint32_t port, uint32_t number, uint32_t value);
/// Gives bytes to the transmitter as long as it takes them at once; returns how many.
size_t serial_transmit(uint32_t port, const char* bytes, size_t size);
/// Takes bytes that arrived. Bits of the line status register that tell of errors are added to `errors`.
size_t serial_receive(uint32_t port, char* buffer, size_t capacity, uint32_t* errors);
/// Gives a port back, when its interrupt was released: silences it, and gives the first one back to the boot console.
void serial_close(uint32_t port);
/// The drivers are gone: closes every port.
void serial_close_all();

}  // namespace runtime

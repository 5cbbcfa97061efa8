// The hardware side of the boot console, for the interrupt set-up and for panics.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// The legacy interrupt line of the first serial port.
constexpr unsigned kConsoleInterrupt = 4;

/// True when a serial port was found; output is dropped otherwise.
bool console_is_present();
/// Lets the port interrupt when bytes arrive. Call once its interrupt is routed.
void console_enable_receive();
/// The handler of the port's interrupt: takes in what arrived and wakes console_input_queue().
void console_interrupt();
/// Lends the port's input and interrupt to a driver, or takes them back. Output stays shared.
void console_lend();
void console_take_back();
bool console_is_lent();
/// Gives bytes to the transmitter as long as it takes them at once; returns how many. Not mixed with the
/// lines that console_write writes.
size_t console_transmit(const char* bytes, size_t size);
/// Waits until everything that was written has left the port; gives up after a bounded time.
void console_flush();
/// Writes without taking the lock and with a bounded wait: whoever holds the lock may be the one that is
/// reported.
void console_write_now(const char* text, size_t size);
/// From now on output takes no lock and waits only a bounded time for the port (see
/// log_enter_panic).
void console_enter_panic();

/// What went wrong on the way in, in bytes.
struct ConsoleStatistics {
  uint64_t dropped;   // the ring was full: nobody read
  uint64_t overruns;  // the port's own FIFO was full: the interrupt came too late
  uint64_t unread;    // on the way out: the host did not read for long
};
ConsoleStatistics console_statistics();

}  // namespace runtime

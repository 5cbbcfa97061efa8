// How the machine ends: the exit code for the host's tools, then power off.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// Largest status line, NUL included.
constexpr size_t kExitStatusCapacity = 512;

/// Writes the status line, e.g. {"code":134,"reason":"signal 6 (SIGABRT)"} and a line feed; returns
/// its length. `reason` is escaped as JSON wants it and cut where the line would not fit. Pure.
size_t format_exit_status(char* buffer, size_t capacity, int code, const char* reason);

/// Whether the kernel option `restart=` has a say: not when somebody wants the machine off.
enum class EndKind : uint8_t { OfApp, Wanted };

/// Ends the machine: writes the status line to the debug console port, when the machine has one,
/// lets the console finish, and powers off, or starts the machine again if `restart=` says so. Usable in
/// any context.
[[noreturn]] void end_machine(int code, const char* reason, EndKind kind = EndKind::OfApp);
/// Restarts the machine, after a status line with code 0: a host that does not let it restart sees
/// that it was meant. From a place that holds no lock.
[[noreturn]] void restart_machine();

}  // namespace runtime

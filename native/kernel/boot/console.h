// The boot console: the first serial port. Later a TypeScript driver takes it over.
#pragma once

#include <stddef.h>

#include "sched/wait_queue.h"

namespace runtime {

/// Finds and sets up the port; output before this is lost. Usable with interrupts off.
void console_initialise();
/// Writes bytes unchanged. Usable in any context.
void console_write(const char* text, size_t size);
/// Takes at most `capacity` bytes that arrived; returns 0 when there are none.
size_t console_read(char* buffer, size_t capacity);
bool console_has_input();
/// Woken with kPollIn when bytes arrive.
WaitQueue& console_input_queue();
/// Whether bytes that have no room stay in the port, so that its other side waits, until console_read or a driver takes
/// some; a key that is watched for among them is not seen. Else they are dropped and counted.
void console_keep_input(bool is_kept);
/// Calls `pressed` whenever the byte `key` arrives, which is taken out of the input; -1: never. Only as long
/// as the kernel has the port's input.
void console_watch_for(int key, void (*pressed)());

}  // namespace runtime

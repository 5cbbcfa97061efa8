// The part of the kernel interface that serves terminals and serial ports (native/abi, terminal.abi.ts, which
// documents the functions).
#pragma once

#include <kernel_interface.h>
#include <stddef.h>
#include <stdint.h>

namespace runtime {

namespace interface {

int32_t setting(const char* name, size_t name_length, char* into, size_t capacity);

void terminal_want();
uint32_t terminal_is_wanted();
int32_t terminal_open(const char* name, size_t name_length, RuntimeTerminalPlace* into);
void terminal_notify(uint32_t terminal);
int32_t terminal_grow(uint32_t terminal, uint32_t capacity);
void terminal_signal(uint32_t terminal, uint32_t signal, uint32_t flush);
void terminal_resize(uint32_t terminal, uint32_t columns, uint32_t rows);

uint32_t serial_port_count();
uint32_t serial_port_state(uint32_t port);
int32_t serial_open(uint32_t port);
uint32_t serial_read(uint32_t port, uint32_t number);
void serial_write(uint32_t port, uint32_t number, uint32_t value);
uint32_t serial_transmit(uint32_t port, const char* bytes, size_t length);
uint32_t serial_receive(uint32_t port, char* into, size_t capacity);
void serial_close(uint32_t port);

}  // namespace interface
}  // namespace runtime

// The part of the kernel interface that serves drivers and the network service (native/abi,
// service.abi.ts, which documents the functions).
#pragma once

#include <kernel_interface.h>
#include <stddef.h>
#include <stdint.h>

namespace runtime {
namespace interface {

void random_fill(char* into, size_t length);
void random_add_entropy(const char* bytes, size_t length);

uint32_t pci_function_count();
int32_t pci_function_at(uint32_t function, RuntimePciFunction* into);
uint32_t pci_read(uint32_t function, uint32_t offset, uint32_t width);
int32_t pci_write(uint32_t function, uint32_t offset, uint32_t width, uint32_t value);
int32_t pci_bar(uint32_t function, uint32_t bar, RuntimePciBar* into);
int32_t pci_map(uint32_t function, uint32_t bar, RuntimeMemoryRange* into);
uint32_t pci_port_read(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width);
int32_t pci_port_write(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width,
                       uint32_t value);

int32_t interrupt_open_message(uint32_t function, RuntimeMessageInterrupt* into);
int32_t interrupt_open_line(uint32_t function);
uint32_t pci_stop(uint32_t function);
int32_t event_word_open();
void event_word_close(uint32_t word);
void event_word_notify(uint32_t word, uint32_t bits);
uint32_t event_word_wait(uint32_t word, uint32_t mask, uint64_t deadline);
void interrupt_direct(uint32_t id, uint32_t word);
void interrupt_acknowledge(uint32_t id);
void interrupt_release(uint32_t id);

uint32_t platform_device_count();
int32_t platform_device_at(uint32_t index, RuntimePlatformDevice* into);
int32_t platform_device_map(uint32_t index, RuntimeMemoryRange* into);
int32_t platform_device_interrupt(uint32_t index);
uint32_t platform_device_stop(uint32_t index);
uint32_t platform_device_ports(uint32_t index);
uint32_t platform_port_read(uint32_t index, uint32_t port);
int32_t platform_port_write(uint32_t index, uint32_t port, uint32_t value);
int32_t platform_framebuffer(uint32_t index, RuntimeFramebuffer* into);
int32_t screen_font(RuntimeMemoryRange* into);
int32_t generation_id(RuntimeMemoryRange* into);

int32_t arena_allocate(uint32_t size, uint32_t contiguous, RuntimeArenaBlock* into);
void arena_free(uint32_t offset);

int32_t broker_attach(RuntimeMemoryRange* into);
void broker_detach();
void broker_no_service();
void broker_finish_sending();
uint32_t broker_notify();
int32_t broker_accept(uint32_t listener);
int32_t broker_resize(uint32_t socket, uint32_t direction, uint32_t capacity);
void broker_release(uint32_t socket);
void broker_publish_interfaces(const char* bytes, size_t length);
int32_t broker_publish_file(const char* name, size_t name_length, const char* text,
                            size_t text_length);

int32_t open_echo_socket(uint32_t version);

void clock_adjust(uint32_t is_step, int32_t seconds, int32_t nanoseconds);

}  // namespace interface
}  // namespace runtime

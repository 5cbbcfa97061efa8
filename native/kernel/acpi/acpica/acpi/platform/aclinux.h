// ACPICA's configuration for this kernel. ACPICA's own acenv.h includes a file of this name; ours comes
// first on the include path, so Linux's is never read. C and C++.
#pragma once

#include <stddef.h>
#include <stdint.h>

// What is compiled in: no debugger, no disassembler, no debug output. PCI configuration space is reached
// through the host layer.
#define ACPI_PCI_CONFIGURED
#define ACPI_USE_SYSTEM_CLIBRARY
#define ACPI_USE_DO_WHILE_0
#define ACPI_IGNORE_PACKAGE_RESOLUTION_ERRORS
#define ACPI_USE_LOCAL_CACHE
#define ACPI_DEBUG_DEFAULT 0
// A table with a wrong checksum is not used.
#define ACPI_CHECKSUM_ABORT TRUE

// The machine.
#define ACPI_MACHINE_WIDTH 64
#define COMPILER_DEPENDENT_INT64 long long
#define COMPILER_DEPENDENT_UINT64 unsigned long long
#define ACPI_USE_NATIVE_DIVIDE
#define ACPI_USE_NATIVE_MATH64
#define ACPI_INIT_FUNCTION
#define ACPI_EXPORT_SYMBOL(symbol)
#define ACPI_FLUSH_CPU_CACHE() __asm__ volatile("wbinvd" : : : "memory")
#define __init
#define __iomem
#define __cdecl

// The host layer's types. Mutexes are its own; the lock of hardware registers is taken inside the lock of
// events, so it is created apart, with a later rank in the kernel's lock order.
#define ACPI_MUTEX_TYPE ACPI_OSL_MUTEX
struct acpi_host_lock;
struct acpi_host_mutex;
struct acpi_host_semaphore;
#define acpi_spinlock struct acpi_host_lock*
#define acpi_raw_spinlock struct acpi_host_lock*
#define acpi_mutex struct acpi_host_mutex*
#define acpi_semaphore struct acpi_host_semaphore*
#define acpi_cpu_flags uint64_t
#define acpi_uintptr_t uintptr_t
#define ACPI_TO_INTEGER(p) ((uintptr_t)(p))
#define ACPI_OFFSET(d, f) offsetof(d, f)
#define ACPI_USE_ALTERNATE_PROTOTYPE_acpi_os_create_raw_lock

// What the first byte of a message says about it; acpi/host_print.cpp reads it.
#define ACPI_MSG_ERROR "\001ACPI error: "
#define ACPI_MSG_EXCEPTION "\001ACPI error: "
#define ACPI_MSG_BIOS_ERROR "\001ACPI firmware error: "
#define ACPI_MSG_WARNING "\002ACPI warning: "
#define ACPI_MSG_BIOS_WARNING "\002ACPI firmware warning: "
#define ACPI_MSG_INFO "\003ACPI: "

#define ACPI_STRUCT_INIT(field, value) .field = value

// The part of the C library that ACPICA uses (host_library.c, lib/string.cpp).
#ifdef __cplusplus
extern "C" {
#endif
void* memcpy(void* destination, const void* source, size_t size);
void* memmove(void* destination, const void* source, size_t size);
void* memset(void* destination, int value, size_t size);
int memcmp(const void* a, const void* b, size_t size);
size_t strlen(const char* text);
char* strcpy(char* destination, const char* source);
char* strncpy(char* destination, const char* source, size_t size);
char* strcat(char* destination, const char* source);
int strcmp(const char* a, const char* b);
int strncmp(const char* a, const char* b, size_t size);
char* strstr(const char* text, const char* wanted);
int isdigit(int c);
int isprint(int c);
int isspace(int c);
int isxdigit(int c);
int isupper(int c);
int tolower(int c);
int toupper(int c);
#ifdef __cplusplus
}
#endif

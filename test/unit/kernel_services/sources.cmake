# What the kernel-services tests compile: the bindings of this folder and the pure parts of the kernel.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)

set(KERNEL_SERVICES_SOURCES
  ${_here}/bindings.cpp
  ${_here}/bind_clock.cpp
  ${_here}/bind_devices.cpp
  ${_here}/bind_futex.cpp
  ${_here}/bind_machine.cpp
  ${_here}/bind_memory_functions.cpp
  ${_here}/bind_random.cpp
  ${_here}/bind_symbols.cpp
  ${_here}/bind_text.cpp
  ${_here}/bind_timer_heap.cpp
  ${_here}/kernel_memory_functions.cpp
  ${_kernel}/acpi/device_search.cpp
  ${_kernel}/acpi/fixed_description.cpp
  ${_kernel}/acpi/root.cpp
  ${_kernel}/acpi/sleep_package.cpp
  ${_kernel}/arch/x86_64/cpuid.cpp
  ${_kernel}/arch/x86_64/rtc_decode.cpp
  ${_kernel}/boot/command_line.cpp
  ${_kernel}/boot/exit_status_line.cpp
  ${_kernel}/boot/report.cpp
  ${_kernel}/lib/chacha20.cpp
  ${_kernel}/lib/demangle.cpp
  ${_kernel}/lib/format.cpp
  ${_kernel}/lib/random_pool.cpp
  ${_kernel}/lib/symbols.cpp
  ${_kernel}/linux/futex_operation.cpp
  ${_kernel}/linux/futex_table.cpp
  ${_kernel}/linux/load_average_math.cpp
  ${_kernel}/time/frequency.cpp
  ${_kernel}/time/timer_heap.cpp)

# What the memory tests compile: the bindings of this folder, a machine whose memory is an array, and
# the kernel's own memory and boot code.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)

set(KERNEL_MEMORY_SOURCES
  ${_here}/bindings.cpp
  ${_here}/bind_areas.cpp
  ${_here}/bind_boot.cpp
  ${_here}/bind_buddy.cpp
  ${_here}/bind_containers.cpp
  ${_here}/bind_heap.cpp
  ${_here}/bind_page_table.cpp
  ${_here}/host_memory.cpp
  ${_here}/kernel_area_set.cpp
  ${_here}/kernel_heap.cpp
  ${_kernel}/boot/boot_information.cpp
  ${_kernel}/lib/format.cpp
  ${_kernel}/lib/string.cpp
  ${_kernel}/memory/buddy.cpp
  ${_kernel}/memory/page_table.cpp)

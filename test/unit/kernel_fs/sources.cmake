# What the file-system tests compile: the bindings of this folder, a kernel made of host parts, and
# the kernel's file system as it is.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)
include_directories(${_kernel}/../abi/generated)
file(GLOB _terminal CONFIGURE_DEPENDS "${_kernel}/terminal/*.cpp")
list(REMOVE_ITEM _terminal "${_kernel}/terminal/environment.cpp")
file(GLOB _file_system CONFIGURE_DEPENDS "${_kernel}/linux/fs/*.cpp")

set(KERNEL_FS_SOURCES
  ${_here}/bindings.cpp
  ${_here}/bind_calls.cpp
  ${_here}/bind_terminal.cpp
  ${_here}/bind_units.cpp
  ${_here}/host_kernel.cpp
  ${_here}/host_threads.cpp
  ${_here}/../kernel_terminal/host_environment.cpp
  ${_terminal}
  ${_file_system}
  ${_kernel}/linux/io.cpp
  ${_kernel}/linux/fd_table.cpp
  ${_kernel}/lib/cpio.cpp
  ${_kernel}/lib/format.cpp
  ${_kernel}/lib/string.cpp
  ${_kernel}/memory/user.cpp
  ${_kernel}/sched/wait_queue.cpp
  ${_kernel}/sync/mutex.cpp)

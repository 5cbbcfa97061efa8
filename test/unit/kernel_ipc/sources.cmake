# What the tests of linux/ipc compile: this folder's stand-in for the machine, and the kernel's whole
# file and descriptor side, so that inotify and socket names meet the real tree.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)

file(GLOB KERNEL_IPC_SOURCES CONFIGURE_DEPENDS
  ${_here}/*.cpp
  ${_here}/host/*.cpp
  ${_kernel}/linux/fs/*.cpp
  ${_kernel}/linux/ipc/*.cpp)
file(GLOB _terminal CONFIGURE_DEPENDS ${_kernel}/terminal/*.cpp)
list(REMOVE_ITEM _terminal ${_kernel}/terminal/environment.cpp)
include_directories(${_kernel}/../abi/generated)
list(APPEND KERNEL_IPC_SOURCES
  ${_terminal}
  ${_here}/../kernel_terminal/host_environment.cpp
  ${_kernel}/lib/cpio.cpp
  ${_kernel}/lib/format.cpp
  ${_kernel}/lib/ring.cpp
  ${_kernel}/lib/string.cpp
  ${_kernel}/linux/fd_table.cpp
  ${_kernel}/linux/io.cpp
  ${_kernel}/memory/user.cpp
  ${_kernel}/sched/wait_queue.cpp
  ${_kernel}/sync/mutex.cpp
  ${_kernel}/time/timer.cpp
  ${_kernel}/time/timer_heap.cpp)

# What the tests of several CPUs compile: the bindings of this folder and the pure parts of the kernel.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)

set(KERNEL_SMP_SOURCES
  ${_here}/bindings.cpp
  ${_here}/bind_idle_poll.cpp
  ${_here}/bind_local_apic.cpp
  ${_here}/bind_lock_order.cpp
  ${_here}/bind_run_queue.cpp
  ${_kernel}/interrupts/local_apic.cpp
  ${_kernel}/sched/run_queue.cpp
  ${_kernel}/sync/lock_order.cpp)

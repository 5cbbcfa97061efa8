# What the tests of the broker compile: the kernel with its machine as the tests of linux/ipc have it, the
# broker, and this folder's stand-in for the page tables under the arena.
set(_here "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_kernel "${_here}/../../../native/kernel" ABSOLUTE)
include("${_here}/../kernel_ipc/sources.cmake")
set(_here "${CMAKE_CURRENT_LIST_DIR}")

file(GLOB KERNEL_BROKER_SOURCES CONFIGURE_DEPENDS
  ${_here}/*.cpp
  ${_kernel}/broker/*.cpp)
list(REMOVE_ITEM KERNEL_BROKER_SOURCES ${_kernel}/broker/arena_pages.cpp)
list(APPEND KERNEL_BROKER_SOURCES ${KERNEL_IPC_SOURCES})
include_directories(${_kernel}/../abi/generated)

// The part of the fake kernel that serves drivers and the network service: see fake_kernel.cc.
#ifndef RUNTIME_SHIM_TEST_FAKE_SERVICE_H
#define RUNTIME_SHIM_TEST_FAKE_SERVICE_H

#include "kernel_interface.h"

/**
 * Fills in the functions of native/abi/service.abi.ts:
 *   an arena of 64 MiB, of which blocks are taken one after the other;
 *   one PCI function, 0000:00:03.0, whose configuration space keeps what is written, with 4096 bytes
 *   of memory behind base address register 0 and 32 ports behind register 1. A write to port 0 raises
 *   the interrupt of that id;
 *   no platform devices, and a broker that knows no sockets.
 * With FAKE_KERNEL_EVENTS in the environment, calls that leave no other trace are written to the log.
 */
void InstallFakeService(RuntimeKernelInterface* interface);

#endif  // RUNTIME_SHIM_TEST_FAKE_SERVICE_H

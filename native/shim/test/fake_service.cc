#include "fake_service.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shared_memory.h"

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kArenaBytes = 64 << 20;
constexpr uint64_t kBarBytes = kPage;
constexpr uint32_t kPorts = 32;

const RuntimeKernelInterface* kernel = nullptr;
uint8_t* arena = nullptr;
uint64_t arena_used = kPage;
bool is_attached = false;
uint8_t configuration[256] = {0xf4, 0x1a, 0x41, 0x10};
uint8_t ports[kPorts] = {};
bool is_open[RUNTIME_INTERRUPT_MAXIMUM] = {};

uint8_t* Map(uint64_t size) {
  void* const memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<uint8_t*>(memory);
}

void Say(const char* text) {
  if (std::getenv("FAKE_KERNEL_EVENTS") == nullptr) return;
  kernel->log(RUNTIME_LOG_DEBUG, text, std::strlen(text));
}

uint32_t Load(const uint8_t* bytes, uint32_t width) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, width);
  return value;
}

void RandomFill(char* into, size_t length) {
  for (size_t done = 0; done < length;) {
    const ssize_t count = getrandom(into + done, length - done, 0);
    if (count < 0) std::abort();
    done += static_cast<size_t>(count);
  }
}
void RandomAddEntropy(const char*, size_t) { Say("entropy added"); }

uint32_t FunctionCount() { return 1; }
int32_t FunctionAt(uint32_t function, RuntimePciFunction* into) {
  if (function != 0) return -ENODEV;
  *into = {0, 0, 3, 0};
  return 0;
}
uint32_t Read(uint32_t function, uint32_t offset, uint32_t width) {
  if (function != 0 || offset + width > sizeof(configuration)) return UINT32_MAX;
  return Load(configuration + offset, width);
}
int32_t Write(uint32_t function, uint32_t offset, uint32_t width, uint32_t value) {
  if (function != 0) return -ENODEV;
  if (offset + width > sizeof(configuration)) return -EINVAL;
  if (offset >= 0x10 && offset < 0x28) return -EPERM;
  std::memcpy(configuration + offset, &value, width);
  return 0;
}
int32_t Bar(uint32_t function, uint32_t bar, RuntimePciBar* into) {
  if (function != 0) return -ENODEV;
  *into = {RUNTIME_BAR_NONE, 0};
  if (bar == 0) *into = {RUNTIME_BAR_MEMORY, kBarBytes};
  if (bar == 1) *into = {RUNTIME_BAR_PORTS, kPorts};
  return 0;
}
int32_t MapBar(uint32_t function, uint32_t bar, RuntimeMemoryRange* into) {
  if (function != 0) return -ENODEV;
  if (bar != 0) return -ENXIO;
  static uint8_t* const registers = Map(kBarBytes);
  *into = {reinterpret_cast<uint64_t>(registers), kBarBytes};
  return 0;
}
uint32_t PortRead(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width) {
  if (function != 0 || bar != 1 || offset + width > kPorts) return UINT32_MAX;
  return Load(ports + offset, width);
}
int32_t PortWrite(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width,
                  uint32_t value) {
  if (function != 0 || bar != 1) return -ENXIO;
  if (offset + width > kPorts) return -EINVAL;
  std::memcpy(ports + offset, &value, width);
  if (offset == 0 && value < RUNTIME_INTERRUPT_MAXIMUM && is_open[value] && arena != nullptr) {
    auto* const page = reinterpret_cast<RuntimeSharedPage*>(arena);
    auto* const counts = reinterpret_cast<uint32_t*>(page->interrupt_counts);
    std::atomic_ref(counts[value]).fetch_add(1);
    kernel->notify_events(RUNTIME_EVENT_INTERRUPT);
  }
  return 0;
}

int32_t OpenInterrupt() {
  for (uint32_t id = 0; id < RUNTIME_INTERRUPT_MAXIMUM; ++id) {
    if (is_open[id]) continue;
    is_open[id] = true;
    return static_cast<int32_t>(id);
  }
  return -ENOSPC;
}
int32_t OpenMessage(uint32_t function, RuntimeMessageInterrupt* into) {
  if (function != 0) return -ENODEV;
  const int32_t id = OpenInterrupt();
  if (id < 0) return id;
  *into = {static_cast<uint32_t>(id), 0x50 + static_cast<uint32_t>(id), 0xfee00000};
  return 0;
}
int32_t OpenLine(uint32_t function) { return function == 0 ? OpenInterrupt() : -ENODEV; }
void Acknowledge(uint32_t) { Say("interrupt acknowledged"); }
void Release(uint32_t id) {
  if (id < RUNTIME_INTERRUPT_MAXIMUM) is_open[id] = false;
}

uint32_t PlatformCount() { return 0; }
int32_t PlatformAt(uint32_t, RuntimePlatformDevice*) { return -ENODEV; }
int32_t PlatformMap(uint32_t, RuntimeMemoryRange*) { return -ENODEV; }
int32_t PlatformInterrupt(uint32_t) { return -ENODEV; }
uint32_t PlatformPorts(uint32_t) { return 0; }
uint32_t PlatformPortRead(uint32_t, uint32_t) { return UINT32_MAX; }
int32_t PlatformPortWrite(uint32_t, uint32_t, uint32_t) { return -ENODEV; }
int32_t PlatformFramebuffer(uint32_t, RuntimeFramebuffer*) { return -ENODEV; }
int32_t ScreenFont(RuntimeMemoryRange*) { return -ENOENT; }
// The test changes it by writing into the file.
int32_t GenerationId(RuntimeMemoryRange* into) {
  const char* const path = std::getenv("FAKE_KERNEL_GENERATION");
  const int file = path == nullptr ? -1 : open(path, O_RDWR);
  if (file < 0) return -ENOENT;
  void* const memory = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) std::abort();
  *into = {reinterpret_cast<uint64_t>(memory), 16};
  return 0;
}

int32_t OpenEchoSocket(uint32_t) { return -EPROTONOSUPPORT; }

int32_t Allocate(uint32_t size, uint32_t contiguous, RuntimeArenaBlock* into) {
  if (size == 0 || arena == nullptr) return -EINVAL;
  const uint64_t bytes = (size + kPage - 1) & ~(kPage - 1);
  if (bytes > kArenaBytes - arena_used) return -ENOMEM;
  *into = {arena_used, bytes, contiguous ? 0x100000000 + arena_used : 0};
  arena_used += bytes;
  return 0;
}
void Free(uint32_t) {}

int32_t Attach(RuntimeMemoryRange* into) {
  if (is_attached) return -EBUSY;
  if (arena == nullptr) arena = Map(kArenaBytes);
  is_attached = true;
  *into = {reinterpret_cast<uint64_t>(arena), kArenaBytes};
  return 0;
}
void Detach() {
  for (bool& open : is_open) open = false;
  is_attached = false;
  Say("broker detached");
}
void NoService() { Say("no service"); }
void FinishSending() {}
uint32_t NotifyBroker() { return 0; }
int32_t Accept(uint32_t) { return -EINVAL; }
int32_t Resize(uint32_t, uint32_t, uint32_t) { return -EINVAL; }
void ReleaseSocket(uint32_t) {}
void PublishInterfaces(const char*, size_t) {}
void ClockAdjust(uint32_t, int32_t, int32_t) {}
int32_t PublishFile(const char*, size_t, const char*, size_t) { return 0; }

// There is neither a terminal nor a serial port.
int32_t Setting(const char*, size_t, char*, size_t) { return -ENOENT; }
void WantTerminals() { Say("terminals wanted"); }
uint32_t AreTerminalsWanted() { return 0; }
int32_t OpenTerminal(const char*, size_t, RuntimeTerminalPlace*) { return -ENOMEM; }
void NotifyTerminal(uint32_t) {}
int32_t GrowTerminal(uint32_t, uint32_t) { return -EINVAL; }
void SignalTerminal(uint32_t, uint32_t, uint32_t) {}
void ResizeTerminal(uint32_t, uint32_t, uint32_t) {}
uint32_t SerialPortCount() { return 0; }
uint32_t SerialPortState(uint32_t) { return 0; }
int32_t OpenSerialPort(uint32_t) { return -ENODEV; }
uint32_t ReadSerialPort(uint32_t, uint32_t) { return 0xff; }
void WriteSerialPort(uint32_t, uint32_t, uint32_t) {}
uint32_t Transmit(uint32_t, const char*, size_t) { return 0; }
uint32_t Receive(uint32_t, char*, size_t) { return 0; }
void CloseSerialPort(uint32_t) {}

}  // namespace

void InstallFakeService(RuntimeKernelInterface* interface) {
  kernel = interface;
  interface->random_fill = RandomFill;
  interface->random_add_entropy = RandomAddEntropy;
  interface->pci_function_count = FunctionCount;
  interface->pci_function_at = FunctionAt;
  interface->pci_read = Read;
  interface->pci_write = Write;
  interface->pci_bar = Bar;
  interface->pci_map = MapBar;
  interface->pci_port_read = PortRead;
  interface->pci_port_write = PortWrite;
  interface->interrupt_open_message = OpenMessage;
  interface->interrupt_open_line = OpenLine;
  interface->interrupt_acknowledge = Acknowledge;
  interface->interrupt_release = Release;
  interface->platform_device_count = PlatformCount;
  interface->platform_device_at = PlatformAt;
  interface->platform_device_map = PlatformMap;
  interface->platform_device_interrupt = PlatformInterrupt;
  interface->platform_device_ports = PlatformPorts;
  interface->platform_port_read = PlatformPortRead;
  interface->platform_port_write = PlatformPortWrite;
  interface->platform_framebuffer = PlatformFramebuffer;
  interface->screen_font = ScreenFont;
  interface->open_echo_socket = OpenEchoSocket;
  interface->generation_id = GenerationId;
  interface->process_origin = [] { return RUNTIME_PROCESS_STARTED; };
  interface->freeze_process = [] { return -EPERM; };
  interface->arena_allocate = Allocate;
  interface->arena_free = Free;
  interface->broker_attach = Attach;
  interface->broker_detach = Detach;
  interface->broker_no_service = NoService;
  interface->broker_finish_sending = FinishSending;
  interface->broker_notify = NotifyBroker;
  interface->broker_accept = Accept;
  interface->broker_resize = Resize;
  interface->broker_release = ReleaseSocket;
  interface->broker_publish_interfaces = PublishInterfaces;
  interface->broker_publish_file = PublishFile;
  interface->clock_adjust = ClockAdjust;
  interface->setting = Setting;
  interface->terminal_want = WantTerminals;
  interface->terminal_is_wanted = AreTerminalsWanted;
  interface->terminal_open = OpenTerminal;
  interface->terminal_notify = NotifyTerminal;
  interface->terminal_grow = GrowTerminal;
  interface->terminal_signal = SignalTerminal;
  interface->terminal_resize = ResizeTerminal;
  interface->serial_port_count = SerialPortCount;
  interface->serial_port_state = SerialPortState;
  interface->serial_open = OpenSerialPort;
  interface->serial_read = ReadSerialPort;
  interface->serial_write = WriteSerialPort;
  interface->serial_transmit = Transmit;
  interface->serial_receive = Receive;
  interface->serial_close = CloseSerialPort;
}

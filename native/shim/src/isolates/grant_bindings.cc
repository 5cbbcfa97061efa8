// What the generated bindings for devices that isolates were given call (native/abi).

#include <cerrno>
#include <limits>
#include <string>

#include "../binding_errors.h"
#include "../system_host.h"
#include "children.h"
#include "device_grant.h"

namespace runtime {

int32_t SystemHost::GrantDevice(uint32_t bus, uint32_t index, uint32_t bytes,
                                RuntimeDeviceGrant* into) {
  const DevicePlace place = {static_cast<DevicePlace::Bus>(bus), index};
  for (const auto& [id, grant] : grants_) {
    if (grant->place() == place) return -EBUSY;
  }
  if (last_grant_ == static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) return -EAGAIN;
  int32_t error = 0;
  std::shared_ptr<DeviceGrant> made = DeviceGrant::Create(kernel_, place, bytes, arena_, &error);
  if (made == nullptr) return error;
  *into = {++last_grant_, made->block().offset, made->block().size};
  grants_.emplace(last_grant_, std::move(made));
  return 0;
}

void SystemHost::RevokeDevice(uint32_t grant) {
  const auto found = grants_.find(grant);
  if (found == grants_.end()) {
    BindingErrors("isolates.revokeDevice")
        .ThrowRange("this isolate has no device " + std::to_string(grant) + " to give");
    return;
  }
  if (found->second->is_taken() && children_ != nullptr) children_->EndHolder(*found->second);
  grants_.erase(found);
}

int32_t SystemHost::TakeGrant(uint32_t id, std::shared_ptr<DeviceGrant>* into) {
  if (id == 0) return 0;
  const auto found = grants_.find(id);
  if (found == grants_.end()) return -ENODEV;
  if (!found->second->Take()) return -EBUSY;
  *into = found->second;
  return 0;
}

void SystemHost::set_device(std::shared_ptr<DeviceGrant> device) {
  device_ = std::move(device);
  if (device_ != nullptr) arena_ = device_->memory();
}

uint32_t SystemHost::GrantedCount() const {
  return device_ != nullptr && device_->is_function() ? 1 : 0;
}

int32_t SystemHost::GrantedAt(uint32_t index, RuntimePciFunction* into) const {
  return device_ == nullptr ? -ENODEV : device_->FunctionAt(index, into);
}

uint32_t SystemHost::ReadGranted(uint32_t index, uint32_t offset, uint32_t width) const {
  return device_ == nullptr ? UINT32_MAX : device_->Read(index, offset, width);
}

int32_t SystemHost::WriteGranted(uint32_t index, uint32_t offset, uint32_t width, uint32_t value) {
  return device_ == nullptr ? -ENODEV : device_->Write(index, offset, width, value);
}

int32_t SystemHost::GrantedBar(uint32_t index, uint32_t bar, RuntimePciBar* into) const {
  return device_ == nullptr ? -ENODEV : device_->Bar(index, bar, into);
}

int32_t SystemHost::MapGranted(uint32_t index, uint32_t bar, RuntimeMemoryRange* into) const {
  return device_ == nullptr ? -ENODEV : device_->Map(index, bar, into);
}

uint32_t SystemHost::ReadGrantedPort(uint32_t index, uint32_t bar, uint32_t offset,
                                     uint32_t width) const {
  return device_ == nullptr ? UINT32_MAX : device_->ReadPort(index, bar, offset, width);
}

int32_t SystemHost::WriteGrantedPort(uint32_t index, uint32_t bar, uint32_t offset, uint32_t width,
                                     uint32_t value) {
  return device_ == nullptr ? -ENODEV : device_->WritePort(index, bar, offset, width, value);
}

int32_t SystemHost::OpenGrantedMessage(uint32_t index, RuntimeMessageInterrupt* into) {
  return device_ == nullptr ? -ENODEV : device_->OpenMessage(index, into);
}

int32_t SystemHost::OpenGrantedLine(uint32_t index) {
  return device_ == nullptr ? -ENODEV : device_->OpenLine(index);
}

uint32_t SystemHost::GrantedPlatformCount() const {
  return device_ != nullptr && device_->is_platform() ? 1 : 0;
}

int32_t SystemHost::GrantedPlatformAt(uint32_t index, RuntimePlatformDevice* into) const {
  return device_ == nullptr ? -ENODEV : device_->PlatformAt(index, into);
}

int32_t SystemHost::MapGrantedPlatform(uint32_t index, RuntimeMemoryRange* into) const {
  return device_ == nullptr ? -ENODEV : device_->MapPlatform(index, into);
}

int32_t SystemHost::OpenGrantedPlatformLine(uint32_t index) {
  return device_ == nullptr ? -ENODEV : device_->OpenPlatformLine(index);
}

uint32_t SystemHost::GrantedPlatformPorts(uint32_t index) const {
  return device_ == nullptr ? 0 : device_->PortCount(index);
}

uint32_t SystemHost::ReadGrantedPlatformPort(uint32_t index, uint32_t port) {
  return device_ == nullptr ? UINT32_MAX : device_->ReadPlatformPort(index, port);
}

int32_t SystemHost::WriteGrantedPlatformPort(uint32_t index, uint32_t port, uint32_t value) {
  return device_ == nullptr ? -ENODEV : device_->WritePlatformPort(index, port, value);
}

int32_t SystemHost::GrantedFramebuffer(uint32_t index, RuntimeFramebuffer* into) const {
  return device_ == nullptr ? -ENODEV : device_->Framebuffer(index, into);
}

int32_t SystemHost::GrantedFont(RuntimeMemoryRange* into) const {
  return device_ == nullptr ? -ENODEV : device_->Font(into);
}

uint32_t SystemHost::GrantedSerialCount() const {
  return device_ != nullptr && device_->is_serial() ? 1 : 0;
}

uint32_t SystemHost::GrantedSerialState(uint32_t port) const {
  return device_ == nullptr ? 0 : device_->SerialState(port);
}

int32_t SystemHost::OpenGrantedSerial(uint32_t port) {
  return device_ == nullptr ? -ENODEV : device_->OpenSerial(port);
}

uint32_t SystemHost::ReadGrantedSerial(uint32_t port, uint32_t number) const {
  return device_ == nullptr ? 0xff : device_->ReadSerial(port, number);
}

void SystemHost::WriteGrantedSerial(uint32_t port, uint32_t number, uint32_t value) {
  if (device_ != nullptr) device_->WriteSerial(port, number, value);
}

uint32_t SystemHost::TransmitGranted(uint32_t port, const char* bytes, size_t length) {
  return device_ == nullptr ? 0 : device_->Transmit(port, bytes, length);
}

uint32_t SystemHost::ReceiveGranted(uint32_t port, char* into, size_t length) {
  return device_ == nullptr ? 0 : device_->Receive(port, into, length);
}

void SystemHost::AcknowledgeGranted(uint32_t interrupt) const {
  if (device_ != nullptr) device_->Acknowledge(interrupt);
}

void SystemHost::ReleaseGranted(uint32_t interrupt) {
  if (device_ != nullptr) device_->Release(interrupt);
}

uint32_t SystemHost::CountGranted(uint32_t interrupt) const {
  uint32_t count = 0;
  if (device_ == nullptr || !device_->Count(interrupt, &count)) {
    BindingErrors("grant.interruptCount")
        .ThrowRange("this isolate has no interrupt " + std::to_string(interrupt));
  }
  return count;
}

int32_t SystemHost::GrantedMemory(RuntimeMemoryRange* into) const {
  if (device_ == nullptr) return -ENODEV;
  *into = device_->memory();
  return 0;
}

int32_t SystemHost::GrantedPlace(RuntimeArenaBlock* into) const {
  if (device_ == nullptr) return -ENODEV;
  *into = {0, device_->block().size, device_->block().physical};
  return 0;
}

}  // namespace runtime

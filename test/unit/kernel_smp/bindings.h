// The bindings of this folder, by what they are about.
#pragma once

#include <napi.h>

namespace kernel_smp {

void register_idle_poll(Napi::Env env, Napi::Object exports);
void register_local_apic(Napi::Env env, Napi::Object exports);
void register_lock_order(Napi::Env env, Napi::Object exports);
void register_run_queue(Napi::Env env, Napi::Object exports);

}  // namespace kernel_smp

// ChaCha20 and the random pool.
#include "arguments.h"
#include "lib/chacha20.h"
#include "lib/random_pool.h"

namespace kernel_services {

namespace {

/// chaCha20Block(key: 32 bytes, counter, nonce: 12 bytes): 64 bytes.
Napi::Value chacha20_block(const Napi::CallbackInfo& info) {
  uint32_t key[8];
  uint32_t nonce[3];
  std::copy_n(bytes_of(info[0]).data, sizeof(key), reinterpret_cast<uint8_t*>(key));
  std::copy_n(bytes_of(info[2]).data, sizeof(nonce), reinterpret_cast<uint8_t*>(nonce));
  uint8_t block[runtime::kChaCha20BlockBytes];
  runtime::chacha20_block(key, word_of(info[1]), nonce, block);
  return to_bytes(info.Env(), block, sizeof(block));
}

/// randomOutputs(seeds: Uint8Array[], sizes: number[]): outputs of a fresh pool, in order.
Napi::Value random_outputs(const Napi::CallbackInfo& info) {
  runtime::RandomPool pool;
  auto seeds = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < seeds.Length(); ++i) {
    const Bytes seed = bytes_of(seeds.Get(i));
    pool.add(seed.data, seed.size);
  }
  auto sizes = info[1].As<Napi::Array>();
  Napi::Array outputs = Napi::Array::New(info.Env(), sizes.Length());
  for (uint32_t i = 0; i < sizes.Length(); ++i) {
    std::vector<uint8_t> output(word_of(sizes.Get(i)));
    pool.generate(output.data(), output.size());
    outputs.Set(i, to_bytes(info.Env(), output.data(), output.size()));
  }
  return outputs;
}

}  // namespace

void register_random(Napi::Env env, Napi::Object exports) {
  exports.Set("chaCha20Block", Napi::Function::New(env, chacha20_block));
  exports.Set("randomOutputs", Napi::Function::New(env, random_outputs));
}

}  // namespace kernel_services

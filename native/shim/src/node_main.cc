// Runs Node through the embedder API, step for step what node::Start() does, with two additions:
// the app's preload script and the system isolate.
//
// Why not node::Start() itself: it offers no point at which to add them, and its exit path takes
// V8's platform away under a thread that still runs JavaScript. Nothing is lost with the embedder
// API: the built-in snapshot with its code cache is BuiltinSnapshotData(), and test/unit/
// shim-command-line.test.ts compares what the command line does. The parts are made one by one, not
// by CommonEnvironmentSetup, so that addons find the app's loop under uv_default_loop().
//
// Start-up: the system isolate starts as soon as V8's platform and Node's per-process state are there,
// beside the making of the app's isolate: an app may block in its first line, for a connection too.
// It has the lowest priority until the app's main module is loaded.
//
// What the embedder API cannot do goes to the executable's own main(), see NeedsStockMain().

#include "node_main.h"

#include <node.h>
#include <uv.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app_preload.h"
#include "compilers.h"
#include "freezing.h"
#include "generators.h"
#include "isolates/node_host.h"
#include "kernel.h"
#include "memory_watch.h"
#include "openssl_random.h"
#include "system_thread.h"

namespace runtime {
namespace {

using node::EmbedderSnapshotData;
using node::Environment;
using node::IsolateData;
using node::MultiIsolatePlatform;

// Exit codes that node::Start() uses, doc/api/process.md "Exit codes".
constexpr int kGenericUserError = 1;
constexpr int kInvalidCommandLine = 9;

// Owns the app's isolate; frees in the order in which node::Start() does.
class AppIsolate {
 public:
  AppIsolate(MultiIsolatePlatform* platform, const EmbedderSnapshotData* snapshot)
      : platform_(platform),
        allocator_(node::ArrayBufferAllocator::Create()),
        isolate_(node::NewIsolate(allocator_.get(), uv_default_loop(), platform, snapshot)) {}

  ~AppIsolate() {
    if (isolate_ != nullptr) platform_->DisposeIsolate(isolate_);
  }
  AppIsolate(const AppIsolate&) = delete;
  AppIsolate& operator=(const AppIsolate&) = delete;

  v8::Isolate* get() const { return isolate_; }
  node::ArrayBufferAllocator* allocator() const { return allocator_.get(); }

 private:
  MultiIsolatePlatform* const platform_;
  const std::shared_ptr<node::ArrayBufferAllocator> allocator_;
  v8::Isolate* const isolate_;
};

struct FreeIsolateDataDeleter {
  void operator()(IsolateData* data) const { node::FreeIsolateData(data); }
};
struct FreeEnvironmentDeleter {
  void operator()(Environment* environment) const { node::FreeEnvironment(environment); }
};

int RunApp(const node::InitializationResult& init, const RuntimeKernelInterface* kernel) {
  const EmbedderSnapshotData::Pointer snapshot = EmbedderSnapshotData::BuiltinSnapshotData();
  std::unique_ptr<SystemThread> system;  // ends before what it uses: platform and snapshot
  if (kernel != nullptr) system = SystemThread::Create(*kernel, init.platform(), snapshot.get());
  if (system != nullptr) system->Start();
  std::optional<NodeHostSettings> hosts;  // of the app and its Workers
  AppIsolate app(init.platform(), snapshot.get());
  if (app.get() == nullptr) {
    std::fputs("V8 could not make an isolate for the app: out of memory.\n", stderr);
    return kGenericUserError;
  }
  v8::Isolate* const isolate = app.get();
  const v8::Locker locker(isolate);
  const v8::Isolate::Scope isolate_scope(isolate);
  const std::unique_ptr<IsolateData, FreeIsolateDataDeleter> isolate_data(node::CreateIsolateData(
      isolate, uv_default_loop(), init.platform(), app.allocator(), snapshot.get()));
  const v8::HandleScope handle_scope(isolate);
  // An empty context: the snapshot holds the main one.
  const std::unique_ptr<Environment, FreeEnvironmentDeleter> environment(node::CreateEnvironment(
      isolate_data.get(), v8::Local<v8::Context>(), init.args(), init.exec_args()));
  if (environment == nullptr) return kGenericUserError;
  const v8::Context::Scope context_scope(node::GetMainContext(environment.get()));

  node::EmbedderPreloadCallback preload;
  if (kernel != nullptr) preload = AppPreload(*kernel);
  if (kernel != nullptr) {
    hosts.emplace(NodeHostSettings{*kernel, init.platform(), snapshot.get(),
                                   system == nullptr ? nullptr : system->callers()});
    NodeHost::Offer(environment.get(), &*hosts);
    // V8's platform goes away in process.exit(): no other thread may run JavaScript by then.
    node::SetProcessExitHandler(environment.get(), [&system](Environment* exiting, int code) {
      NodeHost::StopCurrent();
      StopWatchingMemory();
      if (system != nullptr) system->Stop();
      node::DefaultProcessExitHandler(exiting, code);
    });
  }
  // An exception in the main script gives an empty result, which says nothing about the end: one
  // that nothing handles has ended the process by now, and after one that the app handles the event
  // loop runs.
  if (kernel != nullptr) LetCompilersRunSoon(*kernel);
  (void)node::LoadEnvironment(environment.get(), node::StartExecutionCallback{}, preload);
  if (system != nullptr) system->AppHasStarted();
  const int code = node::SpinEventLoop(environment.get()).FromMaybe(kGenericUserError);
  if (system != nullptr) system->Stop();
  return code;
}

}  // namespace

bool NeedsStockMain(int argc, char* const* argv) {
  static constexpr std::string_view kStockOnly[] = {
      "--build-snapshot",   "--build-snapshot-config",   "--snapshot-blob",
      "--no-node-snapshot", "--experimental-sea-config", "--build-sea"};
  for (int index = 1; index < argc; ++index) {
    const std::string_view argument = argv[index];
    if (argument == "--") return false;
    // A word after an option may be the option's value; after anything else it is the script, and
    // what follows belongs to the app.
    if (!argument.starts_with('-')) {
      if (index == 1 || argv[index - 1][0] != '-') return false;
      continue;
    }
    std::string name(argument.substr(0, argument.find('=')));
    for (size_t at = 2; at < name.size(); ++at) {
      if (name[at] == '_') name[at] = '-';  // Node takes both spellings
    }
    for (const std::string_view option : kStockOnly) {
      if (name == option) return true;
    }
  }
  return false;
}

int RunNode(int argc, char** argv) {
  const RuntimeKernelInterface* const kernel = FindKernel();
  if (argc < 1) return kInvalidCommandLine;
  argv = uv_setup_args(argc, argv);  // makes process.title work
  const std::shared_ptr<node::InitializationResult> init =
      node::InitializeOncePerProcess(std::vector<std::string>(argv, argv + argc));
  for (const std::string& error : init->errors()) {
    std::fprintf(stderr, "%s: %s\n", init->args().at(0).c_str(), error.c_str());
  }
  if (init->early_return()) return init->exit_code();
  if (kernel != nullptr) TakeRandomNumbersFromKernel();
  if (kernel != nullptr && IsToBeFrozen(*kernel)) WatchGenerators();
  if (kernel != nullptr) LetCompilersWait();
  if (kernel != nullptr) WatchMemory(*kernel);
  uv_loop_configure(uv_default_loop(), UV_METRICS_IDLE_TIME);
  const int code = RunApp(*init, kernel);
  node::TearDownOncePerProcess();
  return code;
}

}  // namespace runtime

// The app's Node.
#ifndef RUNTIME_SHIM_NODE_MAIN_H
#define RUNTIME_SHIM_NODE_MAIN_H

namespace runtime {

/**
 * Whether the command line asks for something that only the executable's own main offers: building
 * or loading a startup snapshot, starting without one, or making a single executable application.
 * It then runs without the system isolate and the app's preload script.
 */
bool NeedsStockMain(int argc, char* const* argv);

/**
 * Does what `node` does with this command line, and runs the system isolate beside it where there
 * is a kernel underneath and the initrd holds a system bundle.
 * @returns the exit code of the process
 */
int RunNode(int argc, char** argv);

}  // namespace runtime

#endif  // RUNTIME_SHIM_NODE_MAIN_H

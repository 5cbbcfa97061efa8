// Scripts of the image, each mapped once for all isolates that run it.
#ifndef RUNTIME_SHIM_ISOLATES_SCRIPT_FILE_H
#define RUNTIME_SHIM_ISOLATES_SCRIPT_FILE_H

#include <memory>
#include <string>
#include <string_view>

#include "../file.h"

namespace runtime {

/** A script with its source map in a comment that is its last line, and V8's code cache. */
class ScriptFile {
 public:
  /**
   * Maps a script, or gives the mapping that there is.
   * @param path of the script; the cache is beside it, with the suffix `.cache`, and may be missing
   * @returns nullptr, with errno, when it cannot be read
   */
  static std::shared_ptr<const ScriptFile> Open(const std::string& path);

  ScriptFile(std::string path, MappedFile text, MappedFile cache);

  const std::string& path() const { return path_; }
  /** The script without its source map. */
  std::string_view code() const { return code_; }
  /** Empty when there is none. */
  std::string_view cache() const { return cache_.bytes(); }
  /** The source map as a `data:` URL, empty when it has none. */
  std::string_view source_map() const { return source_map_; }

 private:
  const std::string path_;
  const MappedFile text_;
  const MappedFile cache_;
  std::string_view code_;
  std::string_view source_map_;
};

/**
 * Takes the source map off a script.
 * @param text the script; is cut
 * @returns its `data:` URL, empty when it has none
 */
std::string_view TakeSourceMap(std::string_view* text);

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_SCRIPT_FILE_H

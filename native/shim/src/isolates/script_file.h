// Scripts of the image, each mapped once for all isolates that run it, and those that replace them in a running
// machine.
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

  /**
   * Has Open() give another script from now on; isolates that run the one before go on with it. On trial until
   * Keep() or Revert(). From any thread, as all functions here.
   * @param text the script, with its source map; V8 compiles it without a cache
   */
  static void Replace(const std::string& path, std::string text);
  /** Those on trial are what Revert() leads back to from now on. */
  static void Keep();
  /** Takes all that are on trial back. */
  static void Revert();

  ScriptFile(std::string path, MappedFile text, MappedFile cache);
  ScriptFile(std::string path, std::string text);
  ScriptFile(const ScriptFile&) = delete;
  ScriptFile& operator=(const ScriptFile&) = delete;

  const std::string& path() const { return path_; }
  /** The script without its source map. */
  std::string_view code() const { return code_; }
  /** Whether it is ASCII, as all are that have a cache: V8 reads it where it is then. */
  bool is_ascii() const { return is_ascii_; }
  /** Empty when there is none. */
  std::string_view cache() const { return cache_.bytes(); }
  /** The source map as a `data:` URL, empty when it has none. */
  std::string_view source_map() const { return source_map_; }

 private:
  const std::string path_;
  const MappedFile text_;
  const MappedFile cache_;
  const std::string replacement_;  // in the place of text_, for one that is of no file
  const bool is_ascii_;
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

#include "script_file.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace runtime {
namespace {

// What a bundle ends with: ECMA-426, section 11.1.
constexpr std::string_view kSourceMapComment = "//# sourceMappingURL=";

std::mutex open_mutex;  // guards what OpenFiles() gives
std::map<std::string, std::weak_ptr<const ScriptFile>>& OpenFiles() {
  static auto* const files = new std::map<std::string, std::weak_ptr<const ScriptFile>>;
  return *files;
}

}  // namespace

std::string_view TakeSourceMap(std::string_view* text) {
  size_t end = text->size();
  while (end > 0 && ((*text)[end - 1] == '\n' || (*text)[end - 1] == '\r')) --end;
  const void* const newline = memrchr(text->data(), '\n', end);
  if (newline == nullptr) return {};
  const size_t at = static_cast<size_t>(static_cast<const char*>(newline) - text->data());
  const std::string_view last_line = text->substr(at + 1, end - at - 1);
  if (!last_line.starts_with(kSourceMapComment)) return {};
  *text = text->substr(0, at);
  return last_line.substr(kSourceMapComment.size());
}

ScriptFile::ScriptFile(std::string path, MappedFile text, MappedFile cache)
    : path_(std::move(path)), text_(std::move(text)), cache_(std::move(cache)) {
  code_ = text_.bytes();
  source_map_ = TakeSourceMap(&code_);
}

std::shared_ptr<const ScriptFile> ScriptFile::Open(const std::string& path) {
  const std::lock_guard lock(open_mutex);
  std::erase_if(OpenFiles(), [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const ScriptFile>& known = OpenFiles()[path];
  std::shared_ptr<const ScriptFile> file = known.lock();
  if (file != nullptr) return file;
  std::optional<MappedFile> text = MappedFile::Open(path.c_str());
  if (!text.has_value()) return nullptr;
  std::optional<MappedFile> cache = MappedFile::Open((path + ".cache").c_str());
  file = std::make_shared<const ScriptFile>(path, *std::move(text),
                                            cache ? *std::move(cache) : MappedFile());
  known = file;
  return file;
}

}  // namespace runtime

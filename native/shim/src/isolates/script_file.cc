#include "script_file.h"

#include <algorithm>
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

/** What runs in the place of a script of the image. Null stands for that one. */
struct Replacement {
  std::shared_ptr<const ScriptFile> current;
  // While `current` is on trial: what Revert() leads back to.
  std::shared_ptr<const ScriptFile> before;
  bool is_on_trial = false;
};

std::mutex open_mutex;  // guards what OpenFiles() and Replacements() give
// Kept for good: they are mapped where the image is, and what restarts often need not touch all of them anew.
std::map<std::string, std::shared_ptr<const ScriptFile>>& OpenFiles() {
  static auto* const files = new std::map<std::string, std::shared_ptr<const ScriptFile>>;
  return *files;
}
std::map<std::string, Replacement>& Replacements() {
  static auto* const replacements = new std::map<std::string, Replacement>;
  return *replacements;
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
    : path_(std::move(path)),
      text_(std::move(text)),
      cache_(std::move(cache)),
      is_ascii_(!cache_.bytes().empty()) {
  code_ = text_.bytes();
  source_map_ = TakeSourceMap(&code_);
}

ScriptFile::ScriptFile(std::string path, std::string text)
    : path_(std::move(path)),
      replacement_(std::move(text)),
      is_ascii_(std::all_of(replacement_.begin(), replacement_.end(),
                            [](char each) { return static_cast<unsigned char>(each) < 0x80; })) {
  code_ = replacement_;
  source_map_ = TakeSourceMap(&code_);
}

std::shared_ptr<const ScriptFile> ScriptFile::Open(const std::string& path) {
  const std::lock_guard lock(open_mutex);
  const auto replaced = Replacements().find(path);
  if (replaced != Replacements().end() && replaced->second.current != nullptr) {
    return replaced->second.current;
  }
  const auto known = OpenFiles().find(path);
  if (known != OpenFiles().end()) return known->second;
  std::optional<MappedFile> text = MappedFile::Open(path.c_str());
  if (!text.has_value()) return nullptr;
  std::optional<MappedFile> cache = MappedFile::Open((path + ".cache").c_str());
  return OpenFiles()[path] = std::make_shared<const ScriptFile>(
             path, *std::move(text), cache ? *std::move(cache) : MappedFile());
}

void ScriptFile::Replace(const std::string& path, std::string text) {
  auto file = std::make_shared<const ScriptFile>(path, std::move(text));
  const std::lock_guard lock(open_mutex);
  Replacement& replacement = Replacements()[path];
  if (!replacement.is_on_trial) replacement.before = std::move(replacement.current);
  replacement.current = std::move(file);
  replacement.is_on_trial = true;
}

void ScriptFile::Keep() {
  const std::lock_guard lock(open_mutex);
  for (auto& [path, replacement] : Replacements()) {
    replacement.before = nullptr;
    replacement.is_on_trial = false;
  }
}

void ScriptFile::Revert() {
  const std::lock_guard lock(open_mutex);
  for (auto& [path, replacement] : Replacements()) {
    if (!std::exchange(replacement.is_on_trial, false)) continue;
    replacement.current = std::move(replacement.before);
    replacement.before = nullptr;
  }
}

}  // namespace runtime

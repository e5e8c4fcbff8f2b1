#include "package/temporary_name.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include <unistd.h>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::string_view kMark = ".tmp-";

// PID and number behind the last ".tmp-".
std::optional<pid_t> process_of(std::string_view name) {
  std::size_t mark = name.rfind(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view rest = name.substr(mark + kMark.size());
  pid_t pid = 0;
  unsigned long long number = 0;
  const char* last = rest.data() + rest.size();
  auto [dash, error] = std::from_chars(rest.data(), last, pid);
  if (error != std::errc() || pid <= 0 || dash == last || *dash != '-') return std::nullopt;
  auto [end, other] = std::from_chars(dash + 1, last, number);
  if (other != std::errc() || end != last) return std::nullopt;
  return pid;
}

}  // namespace

std::string temporary_name(const std::string& output) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}{}{}-{}", output, kMark, ::getpid(), counter++);
}

bool is_temporary_name(std::string_view name) { return process_of(name).has_value(); }

bool temporary_is_alive(std::string_view name, const struct stat& status) {
  std::optional<pid_t> pid = process_of(name);
  if (!pid || (::kill(*pid, 0) != 0 && errno != EPERM)) return false;
  // The folder of a process in /proc is as old as the process, or younger.
  struct stat process {};
  if (::stat(fmt::format("/proc/{}", *pid).c_str(), &process) != 0) return true;
  return process.st_mtim.tv_sec <= status.st_mtim.tv_sec;
}

std::string without_final_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

}  // namespace mlc

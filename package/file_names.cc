#include "package/file_names.h"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string_view>

#include <utf8proc.h>

#include "base/error.h"
#include "base/relative_path.h"
#include "base/utf8.h"

namespace mlc {
namespace {

// What file systems that see no case, or no difference between composed and decomposed letters,
// make of a name.
std::string folded(const std::string& name) {
  utf8proc_uint8_t* mapped = nullptr;
  constexpr int kOptions = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
  utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
                                       static_cast<utf8proc_ssize_t>(name.size()), &mapped,
                                       static_cast<utf8proc_option_t>(kOptions));
  std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  // A code point that this version of Unicode does not know stands for itself.
  if (size < 0) return name;
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
}

struct Seen {
  std::string name;
  bool is_file;
};

class NameSet {
 public:
  explicit NameSet(const std::string& where) : where_(where) {}

  void add(const std::string& name) {
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1))
      add_one(name.substr(0, slash), false);
    add_one(name, true);
  }

 private:
  void add_one(const std::string& name, bool is_file) {
    auto [at, is_new] = seen_.emplace(folded(name), Seen{name, is_file});
    if (is_new) return;
    const Seen& other = at->second;
    if (other.name != name)
      bad_input(
          "{}: '{}' and '{}' differ only by case or by Unicode normalization; some file "
          "systems can't hold both",
          where_, printable(other.name), printable(name));
    if (is_file && other.is_file) bad_input("{}: '{}' is there twice", where_, printable(name));
    if (is_file || other.is_file)
      bad_input("{}: '{}' is both a file and a folder", where_, printable(name));
  }

  const std::string& where_;
  std::map<std::string, Seen> seen_;
};

}  // namespace

void check_file_names(std::span<const std::string> names, const std::string& where) {
  NameSet set(where);
  for (const std::string& name : names) {
    if (find_invalid_utf8(name) != std::string_view::npos)
      bad_input("{}: the name '{}' is not UTF-8; rename it", where, printable(name));
    if (std::string_view problem = relative_path_problem(name); !problem.empty())
      bad_input("{}: the name '{}' can't be used: {}", where, printable(name), problem);
    set.add(name);
  }
}

}  // namespace mlc

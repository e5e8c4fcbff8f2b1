#include "package/app/model_library.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "package/app/object_file.h"
#include "package/app/object_tar.h"
#include "package/app/package_config.h"
#include "package/app/static_library.h"

namespace mlc {

namespace {

constexpr std::string_view kSuffix = "___tvm_ffi__library_bin";

// What earlier compilers defined instead, and until when.
struct OlderSuffix {
  std::string_view suffix;
  std::string_view until;
};
constexpr std::array kOlder = {
    OlderSuffix{"___tvm_ffi_library_bin", "September 2025"},
    OlderSuffix{"___tvm_dev_mblob", "June 2025"},
};

std::string prefix_of(std::string_view model_lib) {
  std::string prefix(model_lib);
  std::replace(prefix.begin(), prefix.end(), '-', '_');
  return prefix;
}

// The names of members: that of the library, so that two libraries' lib0.o differ.
std::string member_name(std::string_view library, std::string_view object) {
  std::string name = fmt::format("{}.{}", library, object);
  for (char& c : name) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '.' || c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return name;
}

struct Members {
  std::vector<std::string> texts;  // the tars
  std::vector<LibraryMember> members;
  std::set<std::string, std::less<>> symbols;
  std::string machine;
  std::string machine_of;
};

void add_tar(Members& all, const std::string& name, const std::string& path,
             const AppDevice& device) {
  std::error_code ignored;  // whatever else is wrong with the path, reading it says so
  if (!std::filesystem::exists(path, ignored))
    bad_input("{}: no such file; model_lib_path_for_prepare_libs names it for {}",
              printable(path, 1024), printable(name));
  all.texts.push_back(read_object_tar(path));
  std::vector<TarObject> objects = list_object_tar(all.texts.back(), path);
  if (objects.empty()) bad_input("{}: no objects in it", printable(path, 1024));
  bool apple = device.library == "libmodel_iphone.a";
  ObjectFormat wanted = apple ? ObjectFormat::kMachO : ObjectFormat::kElf;
  for (const TarObject& object : objects) {
    const std::string where = fmt::format("{}: {}", printable(path, 1024), printable(object.name));
    ObjectFile file = read_object(object.bytes, where);
    if (file.format != wanted)
      bad_input("{}: an {} object, expected {}; compile the model with --device {}", where,
                apple ? "ELF" : "Apple (Mach-O)", apple ? "Mach-O" : "ELF", device.name);
    if (all.machine.empty()) {
      all.machine = file.machine;
      all.machine_of = where;
    } else if (file.machine != all.machine) {
      bad_input("{}: an object for {}, but {} is for {}; one library holds one machine's", where,
                file.machine, all.machine_of, all.machine);
    }
    all.symbols.insert(file.symbols.begin(), file.symbols.end());
    all.members.push_back({.name = member_name(name, object.name),
                           .bytes = object.bytes,
                           .symbols = std::move(file.symbols)});
  }
}

bool defines(const Members& all, const std::string& symbol) {
  return all.symbols.count(symbol) != 0 || all.symbols.count("_" + symbol) != 0;
}

std::vector<std::string> available(const Members& all) {
  std::vector<std::string> names;
  for (std::string_view symbol : all.symbols)
    if (symbol.ends_with(kSuffix)) {
      symbol.remove_suffix(kSuffix.size());
      if (symbol.starts_with('_')) symbol.remove_prefix(1);
      names.emplace_back(symbol);
    }
  return names;
}

void check_symbol(const Members& all, const std::string& model_lib) {
  if (defines(all, library_symbol(model_lib))) return;
  for (const OlderSuffix& older : kOlder)
    if (std::string symbol = prefix_of(model_lib).append(older.suffix); defines(all, symbol))
      fail(ExitCode::kVerify,
           "model_lib {}: its library defines {}, as TVM did until {}, and today's runtime looks "
           "for {}; compile the model anew with `mlc_llm compile`, or build the app with the "
           "runtime of that time",
           printable(model_lib), printable(symbol), older.until,
           printable(library_symbol(model_lib)));
  std::vector<std::string> names = available(all);
  fail(ExitCode::kVerify,
       "model_lib {}: no object defines {}; libraries there are: {}; compile it with "
       "--system-lib-prefix {}_, or name in model_lib what it was compiled as",
       printable(model_lib), printable(library_symbol(model_lib)),
       names.empty() ? "none" : printable_list(names), printable(prefix_of(model_lib)));
}

}  // namespace

std::string library_symbol(std::string_view model_lib) {
  return prefix_of(model_lib).append(kSuffix);
}

std::string make_model_library(std::span<const std::pair<std::string, std::string>> libraries,
                               std::span<const std::string> needed, const AppDevice& device) {
  Members all;
  all.texts.reserve(libraries.size());  // members point into them
  for (const auto& [name, path] : libraries)
    add_tar(all, name, path, device);
  for (const std::string& model_lib : needed)
    check_symbol(all, model_lib);
  return write_static_library(all.members, device.library == "libmodel_iphone.a"
                                               ? ObjectFormat::kMachO
                                               : ObjectFormat::kElf);
}

}  // namespace mlc

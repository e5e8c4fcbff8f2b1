// What a stage offers to the command line. STAGE/command.{h,cc} define one `Command` (for example
// `extern const Command kConvertWeight;`), which turns arguments into the stage's options and does
// nothing else; cli/main.cc lists it in its table.
//
// setup() declares options and positionals on the CLI11 object it is given and returns the
// function that runs the command; the option values live in what that function captures (a
// shared_ptr to an options struct), so nothing is static and a test can set up a command twice.
//
// Declared by cli, so that they mean the same everywhere: --help, --json, --quiet. Type names that
// shell completion understands: PATH (file or folder), FOLDER; and the choices given to one_of().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/model_place.h"
#include "base/reporter.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mlc {

struct DeviceInfo;     // runtime-min/device.h
struct KernelModules;  // runtime-min/kernels/kernel_modules.h

struct CommandContext {
  // Progress, notes and warnings; already silent with --quiet and JSON events with --json.
  Reporter& reporter;
  // Appends to the result on standard output; Error(kIo) when that can't be written. With --json
  // the result is one JSON value and nothing else.
  std::function<void(std::string_view)> print;
  // The same for a result that is only there to be read: when a reader has seen enough (a closed
  // pipe, as of `| head`), the rest is dropped without an error.
  std::function<void(std::string_view)> print_list;
  bool json = false;
  // A place of this machine for one that may be an address (package/fetch.h); any other text comes
  // back as it is. Every MODEL, CONFIG and --source goes through it.
  std::function<std::string(const std::string& place, Fetch what, const std::string& source_format)>
      local_folder = [](const std::string& place, Fetch, const std::string&) { return place; };
  // The kernels of a bundle, "PKG[:TAG]", for a device: rooms that run kernels don't know packages.
  std::function<std::shared_ptr<const KernelModules>(const std::string& place,
                                                     const DeviceInfo& device)>
      bundle_kernels = {};
};

using RunCommand = std::function<ExitCode(const CommandContext&)>;

struct Command {
  std::string_view name;
  std::string_view help;  // one line, lower case, no period
  RunCommand (*setup)(CLI::App& app);
  bool common_options = true;  // --json and --quiet mean something here
};

// Accepts only these values; others are a usage error that names the option, the nearest choice and
// all of them. What the option's variable holds now is shown as its default.
CLI::Option* one_of(CLI::Option* option, std::vector<std::string> choices);

}  // namespace mlc

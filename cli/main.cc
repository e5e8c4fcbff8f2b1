// The program: one table of commands, one place where errors end.
#include <array>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "cli/command_line.h"
#include "cli/progress_reporter.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"
#include "convert/command.h"
#include "deliver/command.h"
#include "genconfig/command.h"
#include "package/command.h"
#include "package/fetch.h"
#include "package/kernels/device_kernels.h"
#include "runtime-min/command.h"
#include "verify/command.h"

namespace mlc {

std::span<const Command> all_commands() {
  static const std::array kCommands = {
      kConvertWeight,  //
      kGenConfig,      //
      kInspect,        //
      kRun,            //
      kBench,          //
      kDevices,        //
      kTokenize,       //
      kVerify,         //
      kDiff,           //
      kSign,           //
      kPackage,        //
      kUnpack,         //
      kPull,           //
      kPush,           //
      kGc,             //
      kDeliver,        //
      kHelp,           //
      kCompletion,     //
  };
  return kCommands;
}

namespace {

int run(int argc, char** argv, bool& json) {
  CommandLine line = parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
  json = line.common.json;
  std::unique_ptr<Reporter> reporter = make_reporter(json, line.common.quiet);
  return static_cast<int>(
      line.action({.reporter = *reporter,
                   .print = write_stdout,
                   .print_list = write_stdout_list,
                   .json = json,
                   .local_folder =
                       [&](const std::string& place, Fetch what, const std::string& format) {
                         return local_folder(place, what, *reporter, format);
                       },
                   .bundle_kernels = bundle_kernels}));
}

// The last line of a run that did not succeed.
int complain(bool json, int code, const std::string& text) {
  if (json)
    write_stderr(json_event("error", Json::object().set("code", code).set("text", text)));
  else
    write_stderr(fmt::format("mlc: error: {}\n", text));
  return code;
}

}  // namespace
}  // namespace mlc

int main(int argc, char** argv) {
  bool json = false;
  try {
    mlc::secure_standard_streams();
    mlc::install_signal_handlers();
    return mlc::run(argc, argv, json);
  } catch (const mlc::Error& error) {
    return mlc::complain(json, static_cast<int>(error.code()), error.what());
  } catch (const mlc::Cancelled& cancelled) {
    // What a shell reports for a process that a signal ended.
    return mlc::complain(json, 128 + cancelled.signal,
                         fmt::format("stopped by signal {}", cancelled.signal));
  } catch (const std::bad_alloc&) {
    return mlc::complain(json, static_cast<int>(mlc::ExitCode::kIo),
                         "out of memory; a smaller --max-memory or fewer --threads may help");
  } catch (const std::exception& error) {
    return mlc::complain(json, static_cast<int>(mlc::ExitCode::kBug),
                         fmt::format("bug in mlc: {}", mlc::printable(error.what(), 1000)));
  } catch (...) {
    return mlc::complain(json, static_cast<int>(mlc::ExitCode::kBug),
                         "bug in mlc: unknown exception");
  }
}

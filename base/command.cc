#include "base/command.h"

#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "base/spelling.h"

namespace mlc {

CLI::Option* one_of(CLI::Option* option, std::vector<std::string> choices) {
  // The description "{a,b}" is what help shows and what shell completion reads back.
  std::string description = fmt::format("{{{}}}", fmt::join(choices, ","));
  auto check = [choices = std::move(choices)](const std::string& value) -> std::string {
    for (const std::string& choice : choices)
      if (choice == value) return "";
    std::vector<std::string> nearest = nearest_names(value, choices);
    return fmt::format("\"{}\" is none of {}{}", printable(value), fmt::join(choices, ", "),
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest[0]));
  };
  return option->capture_default_str()->check(CLI::Validator(check, std::move(description)));
}

}  // namespace mlc

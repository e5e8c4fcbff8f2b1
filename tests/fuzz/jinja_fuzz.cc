// Any bytes as a chat template: rendered, or refused, within limits. Small limits, so that many
// templates are tried.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "genconfig/jinja/jinja.h"

namespace {

const char* const kContext = R"({"messages": [{"role": "system", "content": "S"},
  {"role": "user", "content": "Zürich 'é' "}, {"role": "assistant", "content": null, "tool_calls":
  [{"function": {"name": "f", "arguments": {"a": [1, 2.5, true, {"b": "c"}]}}}]}],
  "tools": [{"name": "f"}], "add_generation_prompt": true, "bos_token": "<s>", "n": 3, "x": "text"})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mlc::Json context = mlc::parse_json(kContext, "context");
  mlc::jinja::Limits limits;
  limits.max_steps = 20000;
  limits.max_memory = std::uint64_t{4} << 20;
  limits.max_output = std::size_t{1} << 20;
  try {
    const auto parsed = mlc::jinja::Template::parse(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz", limits);
    const std::string first = parsed.render(context, 1722000000);
    if (first.size() > limits.max_output || parsed.render(context, 1722000000) != first)
      __builtin_trap();
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}

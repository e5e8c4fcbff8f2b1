// mlc-chat-config.json as `mlc run` reads it: any text is refused or gives settings in range and a
// prompt that ends with the assistant's role.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "runtime-min/chat/chat_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    mlc::Json config = mlc::parse_json(text, "mlc-chat-config.json");
    mlc::ChatSettings settings = mlc::read_chat_settings(config, "mlc-chat-config.json");
    if (!mlc::wrong_sampling_option(settings.sampling).empty()) __builtin_trap();
    mlc::PromptTemplate words = mlc::read_prompt_template(config, "mlc-chat-config.json");
    std::string prompt = mlc::render_prompt(words, {{mlc::Speaker::kSystem, "S"},
                                                    {mlc::Speaker::kUser, "Hi"},
                                                    {mlc::Speaker::kAssistant, "</think>Ho"},
                                                    {mlc::Speaker::kUser, "?"}});
    std::string end = words.assistant.role + words.role_empty_sep;
    // "{function_string}" is taken out, even where it is put together from two texts.
    if (end.find_first_of("{}") == std::string::npos && !prompt.ends_with(end)) __builtin_trap();
  } catch (const mlc::Error&) {
  }
  return 0;
}

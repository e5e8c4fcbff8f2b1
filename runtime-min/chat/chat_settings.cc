#include "runtime-min/chat/chat_settings.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace mlc {
namespace {

const Json* present(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void read_number(const Json& config, const std::string& where, const char* key, double& value) {
  if (const Json* json = present(config, key))
    value = json->as_double(fmt::format("{}: {}", where, key));
}

// Token ids of a member that is one or a list; negative ones mean none.
std::vector<std::uint32_t> read_tokens(const Json& config, const std::string& where,
                                       const char* key) {
  std::vector<std::uint32_t> tokens;
  const Json* json = present(config, key);
  if (json == nullptr) return tokens;
  std::string name = fmt::format("{}: {}", where, key);
  auto add = [&](const Json& item) {
    std::int64_t id = item.as_int(name);
    if (id > std::numeric_limits<std::int32_t>::max()) bad_input("{}: {} is no token", name, id);
    if (id >= 0) tokens.push_back(static_cast<std::uint32_t>(id));
  };
  if (json->is_array())
    for (const Json& item : json->items(name))
      add(item);
  else
    add(*json);
  return tokens;
}

}  // namespace

ChatSettings read_chat_settings(const Json& config, const std::string& where) {
  ChatSettings settings;
  SamplingOptions& sampling = settings.sampling;
  read_number(config, where, "temperature", sampling.temperature);
  read_number(config, where, "top_p", sampling.top_p);
  read_number(config, where, "presence_penalty", sampling.presence_penalty);
  read_number(config, where, "frequency_penalty", sampling.frequency_penalty);
  read_number(config, where, "repetition_penalty", sampling.repetition_penalty);
  if (std::string wrong = wrong_sampling_option(sampling); !wrong.empty())
    bad_input("{}: {}", where, wrong);
  std::vector<std::uint32_t> bos = read_tokens(config, where, "bos_token_id");
  if (!bos.empty()) settings.bos_token = bos[0];
  settings.eos_tokens = read_tokens(config, where, "eos_token_id");
  if (const Json* size = present(config, "context_window_size"))
    settings.context = std::max<std::int64_t>(size->as_int(where + ": context_window_size"), 0);
  return settings;
}

}  // namespace mlc

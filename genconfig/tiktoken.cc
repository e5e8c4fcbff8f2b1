#include "genconfig/tiktoken.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/string_index.h"
#include "base/utf8.h"
#include "genconfig/json_text.h"

namespace mlc {
namespace {

// The longest tokens of real vocabularies are runs of 128 spaces. Finding a merge costs the square.
constexpr std::size_t kMaxToken = 512;
constexpr std::size_t kMaxTokens = std::size_t{1} << 22;

struct Ranks {
  std::vector<std::string> tokens;  // in the order of the file
  std::vector<std::uint32_t> rank;  // of each
};

// One line, "IQ== 0".
void read_line(std::string_view line, const std::string& place, Ranks& ranks) {
  std::size_t space = line.find(' ');
  if (space == std::string_view::npos)
    bad_input("{}: expected a token in base64, a space and its rank, found '{}'", place,
              printable(line, 60));
  std::optional<std::string> token = from_base64(line.substr(0, space));
  if (!token || token->empty())
    bad_input("{}: the token '{}' is not base64", place, printable(line.substr(0, space), 60));
  if (token->size() > kMaxToken)
    bad_input("{}: the token has {} bytes, the limit is {}", place, token->size(), kMaxToken);
  std::string_view digits = line.substr(space + 1);
  std::uint32_t rank = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  if (error != std::errc() || end != digits.data() + digits.size() || rank >= kMaxTokens)
    bad_input("{}: the rank '{}' is no integer from 0 to {}", place, printable(digits, 40),
              kMaxTokens - 1);
  ranks.tokens.push_back(std::move(*token));
  ranks.rank.push_back(rank);
}

Ranks read_ranks(std::string_view text, const std::string& where) {
  Ranks ranks;
  std::vector<std::size_t> lines;  // of each token, from 1
  for (std::size_t number = 1; !text.empty(); number++) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    read_line(line, fmt::format("{}: line {}", where, number), ranks);
    lines.push_back(number);
  }
  if (lines.empty()) bad_input("{}: no tokens", where);

  constexpr auto kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> by_rank(lines.size(), kNone);
  for (std::size_t i = 0; i < lines.size(); i++) {
    std::uint32_t rank = ranks.rank[i];
    if (rank >= by_rank.size()) continue;  // then another one is missing, which is said below
    if (by_rank[rank] != kNone)
      bad_input("{}: lines {} and {} both have the rank {}", where, lines[by_rank[rank]], lines[i],
                rank);
    by_rank[rank] = i;
  }
  for (std::size_t rank = 0; rank < by_rank.size(); rank++)
    if (by_rank[rank] == kNone)
      bad_input("{}: {} tokens, but none of rank {}; ranks must count from 0 without gaps", where,
                lines.size(), rank);
  StringIndex seen(lines.size());
  for (std::size_t i = 0; i < lines.size(); i++)
    if (auto [first, is_new] = seen.insert(ranks.tokens[i]); !is_new)
      bad_input("{}: lines {} and {} have the same token", where, lines[first], lines[i]);
  return ranks;
}

// GPT-2's printable stand-ins for bytes: what Latin-1 prints stands for itself, the other bytes
// take the code points from U+0100 on.
std::array<std::string, 256> make_byte_names() {
  std::array<std::string, 256> names;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; byte++) {
    bool prints = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    append_character(names[byte], prints ? byte : next++);
  }
  return names;
}

std::string visible(std::string_view bytes) {
  static const std::array<std::string, 256> kNames = make_byte_names();
  std::string text;
  for (char c : bytes)
    text += kNames[static_cast<unsigned char>(c)];
  return text;
}

class Merger {
 public:
  explicit Merger(const Ranks& ranks) : ranks_(ranks), index_(ranks.tokens.size()) {
    for (const std::string& token : ranks.tokens)
      index_.insert(token);
  }

  // Where the last merge splits the token: its bytes are merged by ranks below its own, lowest
  // first, which must leave two parts. Nothing if it does not.
  std::optional<std::size_t> split(std::string_view token, std::uint32_t own) const {
    // starts[i] begins part i; rank[i] is that of parts i and i + 1 together.
    std::vector<std::size_t> starts(token.size() + 1);
    for (std::size_t i = 0; i <= token.size(); i++)
      starts[i] = i;
    std::vector<std::uint32_t> rank(token.size() - 1);
    auto rate = [&](std::size_t i) {
      std::uint32_t found = index_.find(token.substr(starts[i], starts[i + 2] - starts[i]));
      rank[i] = found == StringIndex::kNone ? StringIndex::kNone : ranks_.rank[found];
    };
    for (std::size_t i = 0; i < rank.size(); i++)
      rate(i);
    while (!rank.empty()) {
      auto best = std::min_element(rank.begin(), rank.end());
      if (*best >= own) break;
      auto i = best - rank.begin();
      rank.erase(best);
      starts.erase(starts.begin() + i + 1);
      auto at = static_cast<std::size_t>(i);
      if (at < rank.size()) rate(at);
      if (at > 0) rate(at - 1);
    }
    if (rank.size() != 1) return std::nullopt;
    return starts[1];
  }

 private:
  const Ranks& ranks_;
  StringIndex index_;
};

std::vector<std::string> find_merges(const Ranks& ranks, const std::string& where) {
  Merger merger(ranks);
  std::vector<std::string> merges;
  for (std::size_t i = 0; i < ranks.tokens.size(); i++) {
    std::string_view token = ranks.tokens[i];
    if (token.size() == 1) continue;
    std::optional<std::size_t> at = merger.split(token, ranks.rank[i]);
    if (!at)
      bad_input(
          "{}: the token '{}' of rank {} is not the merge of two tokens of lower ranks, so no "
          "tokenizer.json can hold it",
          where, printable(token, 60), ranks.rank[i]);
    merges.push_back(visible(token.substr(0, *at)) + " " + visible(token.substr(*at)));
  }
  return merges;
}

Json byte_level(bool add_prefix_space, bool trim_offsets) {
  Json json = typed("ByteLevel");
  json.set("add_prefix_space", add_prefix_space)
      .set("trim_offsets", trim_offsets)
      .set("use_regex", true);
  return json;
}

std::string vocab_text(const Ranks& ranks, const SpecialTokens& special, std::string_view indent) {
  std::string text = "{";
  std::string_view comma = "\n";
  auto add = [&](const std::string& token, std::uint64_t id) {
    text += fmt::format("{}{}  {}: {}", comma, indent, json_string(token), id);
    comma = ",\n";
  };
  for (std::size_t i = 0; i < ranks.tokens.size(); i++)
    add(visible(ranks.tokens[i]), ranks.rank[i]);
  for (const auto& [token, id] : special)
    add(token, id);
  text += fmt::format("\n{}}}", indent);
  return text;
}

std::string tokenizer_json(const Ranks& ranks, const SpecialTokens& special,
                           const std::vector<std::string>& merges) {
  Json head = Json::object();
  Json added = Json::array();
  for (const auto& [token, id] : special)
    added.push(added_token_json(id, {.content = token}));
  head.set("version", "1.0")
      .set("truncation", Json())
      .set("padding", Json())
      .set("added_tokens", std::move(added))
      .set("normalizer", Json())
      .set("pre_tokenizer", byte_level(false, true))
      .set("post_processor", byte_level(true, false))
      .set("decoder", byte_level(true, true));
  std::string model =
      "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
      "    \"continuing_subword_prefix\": \"\",\n    \"end_of_word_suffix\": \"\",\n"
      "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"vocab\": " +
      vocab_text(ranks, special, "    ") + ",\n    \"merges\": [";
  std::string_view comma = "\n      ";
  for (const std::string& merge : merges) {
    model += comma;
    model += json_string(merge);
    comma = ",\n      ";
  }
  model += merges.empty() ? "]\n  }" : "\n    ]\n  }";
  return with_model(head, model);
}

void check_special(const Ranks& ranks, const SpecialTokens& special, const std::string& where) {
  std::vector<std::string> names;
  names.reserve(ranks.tokens.size());
  for (const std::string& token : ranks.tokens)
    names.push_back(visible(token));
  StringIndex tokens(names.size());
  for (const std::string& name : names)
    tokens.insert(name);
  for (const auto& [token, id] : special) {
    if (id < ranks.tokens.size())
      bad_input("{}: the special token '{}' has the id {}, but the file has tokens up to {}", where,
                printable(token), id, ranks.tokens.size() - 1);
    if (!tokens.insert(token).second)
      bad_input("{}: the special token '{}' is in the vocabulary already", where, printable(token));
  }
}

}  // namespace

std::optional<SpecialTokens> tiktoken_special_tokens(std::string_view tokenizer_class) {
  if (tokenizer_class != "QWenTokenizer") return std::nullopt;
  std::uint64_t id = 151643;
  SpecialTokens tokens;
  for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
    tokens.emplace_back(name, id++);
  for (int i = 0; i < 205; i++)
    tokens.emplace_back(fmt::format("<|extra_{}|>", i), id++);
  return tokens;
}

TiktokenFiles convert_tiktoken(std::string_view text, const std::string& given_where,
                               const SpecialTokens& special, const std::string& tokenizer_class,
                               std::int64_t context_window_size) {
  std::string where = printable(given_where, 1024);
  Ranks ranks = read_ranks(text, where);
  check_special(ranks, special, where);
  std::vector<std::string> merges = find_merges(ranks, where);

  TiktokenFiles files;
  files.tokenizer_json = tokenizer_json(ranks, special, merges);
  files.vocab_json = vocab_text(ranks, special, "");
  files.merges_txt = "#version: 0.2\n";
  for (std::size_t i = 0; i < merges.size(); i++)
    files.merges_txt += (i == 0 ? "" : "\n") + merges[i];
  constexpr std::string_view kEnd = "<|endoftext|>";
  Json map = Json::object();
  map.set("bos_token", kEnd).set("eos_token", kEnd).set("unk_token", kEnd);
  files.special_tokens_map_json = dump_json(map, 2, false);
  Json config = Json::object();
  config.set("add_prefix_space", false)
      .set("bos_token", kEnd)
      .set("clean_up_tokenization_spaces", true)
      .set("eos_token", kEnd)
      .set("model_max_length", context_window_size)
      .set("tokenizer_class", tokenizer_class)
      .set("unk_token", kEnd);
  files.tokenizer_config_json = dump_json(config, 2, false);
  return files;
}

}  // namespace mlc

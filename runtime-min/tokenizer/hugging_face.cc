// tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor, decoder.
#include <algorithm>
#include <limits>
#include <utility>

#include <simdjson.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_ignored.h"
#include "base/string_index.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/added_tokens.h"
#include "runtime-min/tokenizer/json_node.h"
#include "runtime-min/tokenizer/normalizer.h"
#include "runtime-min/tokenizer/post_processor.h"
#include "runtime-min/tokenizer/pre_tokenizer.h"
#include "runtime-min/tokenizer/token_decoder.h"
#include "runtime-min/tokenizer/token_model.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {
namespace {

class HuggingFace : public Tokenizer {
 public:
  explicit HuggingFace(const JsonNode& root)
      : model_(make_token_model(root.at("model"))),
        normalizer_(part(root, "normalizer", make_normalizer)),
        pre_tokenizer_(part(root, "pre_tokenizer", make_pre_tokenizer)),
        decoder_(part(root, "decoder", make_token_decoder)),
        added_(root.find("added_tokens"), model_->vocabulary(), normalizer_.get()) {
    if (!decoder_) decoder_ = make_word_decoder();
    if (std::optional<JsonNode> node = root.find("post_processor"))
      around_ = read_post_processor(*node);
  }

  std::vector<std::int32_t> encode(std::string_view text,
                                   const EncodeOptions& options) const override {
    if (std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos)
      bad_input("the text is not UTF-8 at byte {} (0x{:02x})", bad,
                static_cast<unsigned char>(text[bad]));
    std::vector<std::int32_t> ids;
    if (options.add_special_tokens) ids = around_.before;
    for (const AddedTokens::Part& part : added_.cut_raw(text)) {
      if (part.id)
        ids.push_back(*part.id);
      else
        encode_text(text.substr(part.span.begin, part.span.end - part.span.begin),
                    part.span.begin == 0, ids);
    }
    if (options.add_special_tokens)
      ids.insert(ids.end(), around_.after.begin(), around_.after.end());
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids,
                     const DecodeOptions& options) const override {
    TokenTexts tokens;
    for (std::int32_t id : ids)
      if (std::optional<std::string_view> text = find(id);
          text && !(options.skip_special_tokens && added_.is_special(*text)))
        tokens.texts.emplace_back(*text);
    if (tokens.texts.empty()) return "";
    return decoded(std::move(tokens));
  }

  std::size_t vocab_size() const override {
    return std::max(model_->vocabulary().size(), added_.vocabulary().size());
  }

  std::optional<std::string> token_text(std::int32_t id) const override {
    std::optional<std::string_view> text = find(id);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }

  std::optional<std::int32_t> token_id(std::string_view text) const override {
    std::uint32_t id = added_.vocabulary().find(text);
    if (id == Vocabulary::kNone) id = model_->vocabulary().find(text);
    if (id == Vocabulary::kNone) return std::nullopt;
    return static_cast<std::int32_t>(id);
  }

  std::string token_bytes(std::int32_t id, bool first_of_text) const override {
    std::optional<std::string_view> text = find(id);
    if (!text) return "";
    TokenTexts tokens;
    tokens.texts.emplace_back(*text);
    tokens.at_start = first_of_text;
    tokens.streaming = true;
    return decoded(std::move(tokens));
  }

  bool is_special(std::int32_t id) const override {
    std::optional<std::string_view> text = find(id);
    return text && added_.is_special(*text);
  }

 private:
  template <class Part>
  static std::unique_ptr<Part> part(const JsonNode& root, std::string_view key,
                                    std::unique_ptr<Part> (*make)(const JsonNode&)) {
    std::optional<JsonNode> node = root.find(key);
    return node ? make(*node) : nullptr;
  }

  // Added tokens come before the model's; both agree where both know an id.
  std::optional<std::string_view> find(std::int32_t id) const {
    auto number = static_cast<std::uint32_t>(id);
    if (id < 0) return std::nullopt;
    if (added_.vocabulary().has(number)) return added_.vocabulary().text(number);
    if (model_->vocabulary().has(number)) return model_->vocabulary().text(number);
    return std::nullopt;
  }

  std::string decoded(TokenTexts tokens) const {
    decoder_->apply(tokens);
    std::string out;
    for (const std::string& text : tokens.texts)
      out += text;
    return out;
  }

  void encode_text(std::string_view raw, bool at_start, std::vector<std::int32_t>& ids) const {
    std::string normalized = normalizer_ ? normalizer_->apply(raw) : std::string(raw);
    for (const AddedTokens::Part& part : added_.cut_normalized(normalized)) {
      if (part.id) {
        ids.push_back(*part.id);
        continue;
      }
      SplitText text(normalized.substr(part.span.begin, part.span.end - part.span.begin),
                     at_start && part.span.begin == 0);
      if (pre_tokenizer_) pre_tokenizer_->apply(text);
      for (Span piece : text.pieces)
        model_->encode(text.view(piece), ids);
    }
  }

  std::unique_ptr<TokenModel> model_;
  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  std::unique_ptr<TokenDecoder> decoder_;
  AddedTokens added_;
  SpecialAround around_;
};

constexpr std::size_t kMaxDepth = 64;  // as JsonLimits has it

// base/json.h knows the byte and says what is wrong there.
[[noreturn]] void refuse(const std::string& text, const std::string& where,
                         std::string_view reason) {
  JsonLimits limits;
  limits.max_bytes = text.size();
  limits.max_values = text.size();
  limits.nul_in_keys = true;  // a vocabulary may hold every character
  IgnoredJson ignore;
  parse_json_events(text, where, limits, ignore);
  bad_input("{}: not json that can be read here: {}", where, printable(reason));
}

// simdjson lets keys that occur twice pass. The vocabulary is looked through as it is read.
bool has_key_twice(simdjson::dom::element value, bool is_model) {
  if (value.is_array()) {
    simdjson::dom::array items = value.get_array().value_unsafe();
    return std::any_of(items.begin(), items.end(), [](simdjson::dom::element item) {
      return (item.is_object() || item.is_array()) && has_key_twice(item, false);
    });
  }
  if (!value.is_object()) return false;
  simdjson::dom::object members = value.get_object().value_unsafe();
  StringIndex keys(members.size());
  for (auto [key, member] : members) {
    if (!keys.insert(key).second) return true;
    if (is_model && (key == "vocab" || key == "merges")) continue;
    if (has_key_twice(member, key == "model")) return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer_json(const std::string& text,
                                                const std::string& given_where) {
  std::string where = printable(given_where, 1024);
  simdjson::dom::parser parser;
  if (parser.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth) != simdjson::SUCCESS)
    bad_input("{}: {} bytes are too many for the json parser", where, text.size());
  simdjson::dom::element root;
  if (auto error = parser.parse(text).get(root); error != simdjson::SUCCESS)
    refuse(text, where, simdjson::error_message(error));
  if (has_key_twice(root, false)) refuse(text, where, "a key occurs twice");
  return std::make_unique<HuggingFace>(JsonNode(where, root));
}

}  // namespace mlc

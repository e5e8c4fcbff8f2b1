#include "verify/params_tokenizer.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/relative_path.h"
#include "genconfig/stop_tokens.h"
#include "genconfig/tokenizer_files.h"
#include "verify/params.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

bool is_there(const std::string& folder, const std::string& name) {
  std::error_code ignored;
  return relative_path_problem(name).empty() && fs::exists(fs::path(folder) / name, ignored);
}

std::int64_t int_or_zero(const Json& json, const char* name) {
  const Json* value = json.find(name);
  return value != nullptr && value->is_int() ? value->as_int(name) : 0;
}

class TokenizerCheck {
 public:
  TokenizerCheck(const std::string& folder, const ChatConfig& config, const RecordsOutcome& records,
                 VerifyReport& report)
      : folder_(folder), config_(config), records_(records), report_(report) {}

  TokenizerFacts run() {
    bool missing = check_listed();
    if (!is_there(folder_, "tokenizer.json") && !is_there(folder_, "tokenizer_model")) {
      if (!missing) add(ParamRule::kTokenizerUnchecked, "tokenizer.json", "there is none");
      return {};
    }
    TokenizerFacts facts;
    try {
      facts.tokenizer = load_tokenizer(folder_);
      check_numbers(*facts.tokenizer);
      check_named_tokens(facts);
    } catch (const Error& error) {
      // Whether its bytes are damaged is for the level files; this may be a part that only our own
      // tokenizer does not know.
      add(ParamRule::kTokenizerUnchecked, "tokenizer.json", error.what());
      facts.tokenizer.reset();
    }
    return facts;
  }

 private:
  void add(ParamRule rule, const std::string& where, std::string found, std::string expected = {}) {
    report_.findings.add(rule_of(rule), where, std::move(found), std::move(expected));
  }

  bool check_listed() {
    bool missing = false;
    const Json* names = config_.json.find("tokenizer_files");
    if (names == nullptr || !names->is_array()) return missing;
    for (const Json& name : names->items("tokenizer_files")) {
      if (!name.is_string() || is_there(folder_, name.as_string("tokenizer_files"))) continue;
      add(ParamRule::kTokenizerMissing, name.as_string("tokenizer_files"), "",
          "named by tokenizer_files of " + config_.path);
      missing = true;
    }
    return missing;
  }

  // What gen_config would say of the files that are here.
  void check_numbers(const Tokenizer& tokenizer) {
    auto ids = static_cast<std::int64_t>(tokenizer.vocab_size());
    report_.params->tokenizer_size = ids;
    std::int64_t vocab = int_or_zero(config_.json, "vocab_size");
    std::int64_t rows = records_.vocab_rows > 0 ? records_.vocab_rows : vocab;
    if (ids > rows)
      add(ParamRule::kTokenizerBeyond, "tokenizer.json", fmt::format("ids up to {}", ids - 1),
          fmt::format("ids below {}, the rows of the embedding", rows));
    SilentReporter silent;
    TokenizerFiles files = find_tokenizer_files(
        {.folder = folder_, .model_type = std::string(config_.model.model_type()), .out = ""},
        silent);
    check_active(files);
    check_info(files.info);
  }

  void check_active(const TokenizerFiles& files) {
    const Json* active = config_.json.find("active_vocab_size");
    if (active == nullptr || !active->is_int() || !files.active_vocab_size) return;
    std::int64_t said = active->as_int("active_vocab_size");
    auto counted = static_cast<std::int64_t>(*files.active_vocab_size);
    // Where tokenizer.json was made, of a SentencePiece model or a tiktoken file, vocab_size stands
    // in place of the number of tokens.
    bool was_made = is_there(folder_, "tokenizer.model") || is_listed("special_tokens_map.json");
    if (said == counted || (was_made && said == int_or_zero(config_.json, "vocab_size"))) return;
    add(ParamRule::kTokenizerSize, "tokenizer.json", fmt::format("{} tokens", counted),
        fmt::format("{}, the active_vocab_size of {}", said, config_.path));
  }

  bool is_listed(const char* name) const {
    const Json* names = config_.json.find("tokenizer_files");
    if (names == nullptr || !names->is_array()) return false;
    const std::vector<Json>& all = names->items("tokenizer_files");
    return std::find(all.begin(), all.end(), Json(name)) != all.end();
  }

  void check_info(const TokenizerInfo& info) {
    const Json* said = config_.json.find("tokenizer_info");
    // Older files lack it; runtimes then look at tokenizer.json themselves.
    if (said == nullptr || !said->is_object() || !is_there(folder_, "tokenizer.json")) return;
    const std::array<std::pair<const char*, Json>, 3> wanted = {
        {{"token_postproc_method", Json(info.token_postproc_method)},
         {"prepend_space_in_encode", Json(info.prepend_space_in_encode)},
         {"strip_space_in_decode", Json(info.strip_space_in_decode)}}};
    for (const auto& [name, value] : wanted) {
      const Json* found = said->find(name);
      if (found != nullptr && !(*found == value))
        add(ParamRule::kTokenizerInfo, fmt::format("{}: tokenizer_info.{}", config_.path, name),
            dump_json(*found), dump_json(value));
    }
  }

  void check_named_tokens(TokenizerFacts& facts) {
    SpecialTokens special = read_special_tokens(folder_);
    facts.eos_token = special.eos;
    const std::array<std::pair<const char*, std::string>, 3> named = {
        {{"bos_token", special.bos}, {"eos_token", special.eos}, {"pad_token", special.pad}}};
    for (const auto& [role, text] : named)
      if (!text.empty() && !facts.tokenizer->token_id(text))
        add(ParamRule::kSpecialToken, fmt::format("tokenizer_config.json: {}", role), text,
            "a token of tokenizer.json");
    for (const auto& [text, id] : special.ids) {
      std::optional<std::int32_t> there = facts.tokenizer->token_id(text);
      if (text.empty() || (there && *there == id)) continue;
      add(ParamRule::kSpecialToken, fmt::format("tokenizer_config.json: {}", printable(text)),
          fmt::format("id {}", id),
          there ? fmt::format("id {}, as in tokenizer.json", *there) : "a token of tokenizer.json");
    }
  }

  const std::string& folder_;
  const ChatConfig& config_;
  const RecordsOutcome& records_;
  VerifyReport& report_;
};

}  // namespace

TokenizerFacts check_tokenizer(const std::string& folder, const ChatConfig& config,
                               const RecordsOutcome& records, VerifyReport& report) {
  const Json* vocab = config.json.find("vocab_size");
  const Json* field = config.model.fields.find("vocab_size");
  report.params->vocab_size = int_or_zero(config.json, "vocab_size");
  if (vocab != nullptr && field != nullptr && vocab->is_int() && field->is_int() &&
      !(*vocab == *field))
    report.findings.add(rule_of(ParamRule::kVocabSize), config.path + ": vocab_size",
                        vocab->number_text(), field->number_text() + ", as in model_config");
  return TokenizerCheck(folder, config, records, report).run();
}

}  // namespace mlc

#include "genconfig/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include <simdjson.h>

#include "base/error.h"
#include "base/file.h"
#include "genconfig/rwkv_vocab.h"
#include "genconfig/sentencepiece.h"
#include "genconfig/sentencepiece_json.h"
#include "genconfig/tiktoken.h"
#include "genconfig/tokenizer_config.h"
#include "genconfig/tokenizer_json.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kCopied = {"tokenizer.model",   "tokenizer.json",
                                                     "vocab.json",        "merges.txt",
                                                     "added_tokens.json", "tokenizer_config.json"};

// Ten times the largest one known (Gemma 3's tokenizer.json, 33 MB).
constexpr std::uint64_t kMaxFile = std::uint64_t{320} << 20;

// transformers' tokenizer classes that a SentencePiece model is converted for.
struct ClassRow {
  std::string_view tokenizer_class;
  SentencePieceFamily family;
};
constexpr std::array<ClassRow, 3> kClasses = {{
    {"LlamaTokenizer", SentencePieceFamily::kLlama},
    {"CodeLlamaTokenizer", SentencePieceFamily::kLlama},
    {"GemmaTokenizer", SentencePieceFamily::kGemma},
}};

// The class that transformers takes for a model type when no file names one.
struct ModelRow {
  std::string_view model_type;
  std::string_view tokenizer_class;
};
constexpr std::array<ModelRow, 10> kModels = {{
    {"llama", "LlamaTokenizer"},
    {"mistral", "LlamaTokenizer"},
    {"mixtral", "LlamaTokenizer"},
    {"phi3", "LlamaTokenizer"},
    {"llava", "LlamaTokenizer"},
    {"gemma", "GemmaTokenizer"},
    {"gemma2", "GemmaTokenizer"},
    {"gemma3", "GemmaTokenizer"},
    {"gemma3_text", "GemmaTokenizer"},
    {"qwen", "QWenTokenizer"},
}};

// All of a file, with the room behind it that simdjson reads into.
std::string read_whole(const std::string& path) {
  InputFile file(path);
  if (file.size() > kMaxFile)
    bad_input("{}: {} bytes, the limit is {}", printable(path, 1024), file.size(), kMaxFile);
  std::string bytes;
  bytes.reserve(file.size() + simdjson::SIMDJSON_PADDING);
  bytes.resize(file.size());
  file.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::vector<std::string> file_names(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) io_error(folder, "cannot list the folder", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

class Finder {
 public:
  Finder(const TokenizerSource& source, Reporter& reporter)
      : source_(source), reporter_(reporter) {}

  TokenizerFiles find() {
    if (!source_.folder.empty()) names_ = file_names(source_.folder);
    for (std::string_view name : kCopied)
      if (has(name)) copy(name);
    add_rwkv();
    bool has_json = has("tokenizer.json");
    if (!has_json && has("tokenizer.model")) add_sentencepiece();
    if (!has_json) add_tiktoken();
    detect(has_json);
    return std::move(result_);
  }

 private:
  // A link that leads nowhere counts, so that reading it is an error instead of a silent gap.
  bool has(std::string_view name) const {
    return std::binary_search(names_.begin(), names_.end(), name);
  }

  std::string path(std::string_view name) const {
    return (fs::path(source_.folder) / name).string();
  }

  void copy(std::string_view name) {
    std::string from = path(name);
    result_.files.push_back({std::string(name), from, read_whole(from)});
    result_.names.emplace_back(name);
  }

  // A file that is made takes the place of one that was copied.
  void make(std::string_view name, std::string bytes) {
    auto same = std::find_if(result_.files.begin(), result_.files.end(),
                             [&](const TokenizerFile& file) { return file.name == name; });
    TokenizerFile file{std::string(name), "", std::move(bytes)};
    if (same != result_.files.end())
      *same = std::move(file);
    else
      result_.files.push_back(std::move(file));
  }

  void make_listed(std::string_view name, std::string bytes) {
    make(name, std::move(bytes));
    if (std::find(result_.names.begin(), result_.names.end(), name) == result_.names.end())
      result_.names.emplace_back(name);
  }

  const std::string* bytes_of(std::string_view name) const {
    auto it = std::find_if(result_.files.begin(), result_.files.end(),
                           [&](const TokenizerFile& file) { return file.name == name; });
    return it == result_.files.end() ? nullptr : &it->bytes;
  }

  // tokenizer_config.json of the checkpoint; the one of the result may already be another.
  const TokenizerConfig& config() {
    if (config_) return *config_;
    std::optional<std::string> text;
    if (has("tokenizer_config.json")) text = read_whole(path("tokenizer_config.json"));
    config_ = read_tokenizer_config(text, path("tokenizer_config.json"));
    return *config_;
  }

  std::string tokenizer_class() {
    if (!config().tokenizer_class.empty()) return config().tokenizer_class;
    for (const ModelRow& row : kModels)
      if (row.model_type == source_.model_type) return std::string(row.tokenizer_class);
    return {};
  }

  void add_rwkv() {
    std::string last;
    for (const std::string& name : names_) {
      std::optional<RwkvFormat> format = rwkv_vocab_format(name);
      if (!format) continue;
      if (!last.empty())
        reporter_.warn(
            fmt::format("{} and {} are both vocabularies; tokenizer_model is made from {}",
                        printable(last), printable(name), printable(name)));
      make("tokenizer_model", rwkv_tokenizer_model(read_whole(path(name)), *format, path(name)));
      last = name;
    }
    if (!last.empty()) reporter_.note(fmt::format("made tokenizer_model from {}", printable(last)));
  }

  void skip_sentencepiece(const std::string& reason) {
    reporter_.warn(
        fmt::format("{}: no tokenizer.json is made from it, because {}; runtimes that read "
                    "SentencePiece models "
                    "can use it, others need a tokenizer.json",
                    printable(path("tokenizer.model"), 1024), reason));
  }

  void add_sentencepiece() {
    if (config().has_own_code)
      return skip_sentencepiece("the tokenizer is Python code of the checkpoint");
    std::string name = tokenizer_class();
    auto row = std::find_if(kClasses.begin(), kClasses.end(),
                            [&](const ClassRow& r) { return r.tokenizer_class == name; });
    if (row == kClasses.end()) {
      std::string which =
          name.empty() ? fmt::format(
                             "no file names the tokenizer class, and the model type '{}' "
                             "has no known one",
                             printable(source_.model_type))
                       : fmt::format("its tokenizer class '{}' is not known here", printable(name));
      return skip_sentencepiece(which);
    }

    std::string where = path("tokenizer.model");
    SentencePieceModel model = read_sentencepiece_model(*bytes_of("tokenizer.model"), where);
    TokenizerConfig config = this->config();
    if (!config.has_added_tokens_decoder) {
      if (has("special_tokens_map.json"))
        add_special_tokens_map(config, read_whole(path("special_tokens_map.json")),
                               path("special_tokens_map.json"));
      if (const std::string* added = bytes_of("added_tokens.json"))
        add_added_tokens(config, *added, path("added_tokens.json"));
    }
    // Nothing says how text is to be prepared, so a Unigram model's own rules are the best guess;
    // the families' BPE models all have the same.
    bool guessed = config.tokenizer_class.empty();
    SentencePieceFamily family = guessed && model.kind == SentencePieceModel::Kind::kUnigram
                                     ? SentencePieceFamily::kGeneric
                                     : row->family;
    ConvertedTokenizer converted =
        sentencepiece_to_json(model, family, config, where, path("tokenizer_config.json"));
    for (const std::string& warning : converted.warnings)
      reporter_.warn(warning);
    reporter_.note("made tokenizer.json from tokenizer.model");
    make_listed("tokenizer.json", std::move(converted.json));
  }

  void add_tiktoken() {
    auto is_tiktoken = [](const std::string& name) { return name.ends_with(".tiktoken"); };
    auto first = std::find_if(names_.begin(), names_.end(), is_tiktoken);
    if (first == names_.end()) return;
    if (std::count_if(first, names_.end(), is_tiktoken) > 1)
      reporter_.warn(fmt::format("{} has several *.tiktoken files; {} is converted",
                                 printable(source_.folder, 1024), printable(*first)));
    std::string name = tokenizer_class();
    std::optional<SpecialTokens> special;
    if (!config().added.empty()) {
      special.emplace();
      for (const TokenizerConfig::Numbered& added : config().added)
        special->emplace_back(added.token.content, added.id);
    } else {
      special = tiktoken_special_tokens(name);
    }
    if (!special) {
      reporter_.warn(fmt::format(
          "{}: no tokenizer.json is made from it: the special tokens of the tokenizer class '{}' "
          "are not known here, and tokenizer_config.json has no added_tokens_decoder",
          printable(path(*first), 1024), printable(name)));
      return;
    }
    TiktokenFiles files = convert_tiktoken(read_whole(path(*first)), path(*first), *special, name,
                                           source_.context_window_size);
    reporter_.note(fmt::format("made tokenizer.json from {}", printable(*first)));
    make_listed("tokenizer.json", std::move(files.tokenizer_json));
    make_listed("vocab.json", std::move(files.vocab_json));
    make_listed("merges.txt", std::move(files.merges_txt));
    make_listed("special_tokens_map.json", std::move(files.special_tokens_map_json));
    make("tokenizer_config.json", std::move(files.tokenizer_config_json));
  }

  // tokenizer_info from the tokenizer.json that OUT will have; the number of tokens only from the
  // checkpoint's own.
  void detect(bool has_json) {
    std::string where = path("tokenizer.json");
    const std::string* json = bytes_of("tokenizer.json");
    std::string stale;
    if (json == nullptr && !source_.out.empty()) {
      std::string old = (fs::path(source_.out) / "tokenizer.json").string();
      std::error_code ignored;
      if (fs::exists(old, ignored)) {
        reporter_.warn(
            fmt::format("{} is not of this checkpoint, but runtimes will load it, so "
                        "tokenizer_info describes it; remove it if it is a leftover",
                        printable(old, 1024)));
        stale = read_whole(old);
        json = &stale;
        where = old;
      }
    }
    if (json == nullptr) {
      reporter_.note("no tokenizer.json, so tokenizer_info has the defaults");
      return;
    }
    std::vector<std::string> also;
    if (has_json) {
      for (const TokenizerConfig::Numbered& added : config().added)
        also.push_back(added.token.content);
      for (const TokenizerConfig::Special& special : config().special)
        if (special.token) also.push_back(special.token->content);
    }
    TokenizerJson read = read_tokenizer_json(*json, where, also);
    for (const std::string& warning : read.warnings)
      reporter_.warn(warning);
    result_.info = read.info;
    if (stale.empty()) result_.added_tokens = std::move(read.added);
    if (has_json) result_.active_vocab_size = read.tokens;
  }

  const TokenizerSource& source_;
  Reporter& reporter_;
  std::vector<std::string> names_;  // of the files of the checkpoint, sorted
  std::optional<TokenizerConfig> config_;
  TokenizerFiles result_;
};

}  // namespace

TokenizerFiles find_tokenizer_files(const TokenizerSource& source, Reporter& reporter) {
  return Finder(source, reporter).find();
}

}  // namespace mlc

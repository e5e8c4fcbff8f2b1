#include "runtime-min/tokenizer/token_decoder.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/byte_level.h"
#include "runtime-min/tokenizer/metaspace.h"
#include "runtime-min/tokenizer/pattern_node.h"

namespace mlc {
namespace {

template <class Function>
class Simple : public TokenDecoder {
 public:
  explicit Simple(Function function) : function_(std::move(function)) {}
  void apply(TokenTexts& tokens) const override { function_(tokens); }

 private:
  Function function_;
};

template <class Function>
std::unique_ptr<TokenDecoder> simple(Function function) {
  return std::make_unique<Simple<Function>>(std::move(function));
}

void join(TokenTexts& tokens) {
  std::string text;
  for (const std::string& token : tokens.texts)
    text += token;
  tokens.texts = {};
  tokens.texts.push_back(std::move(text));
  tokens.joined = true;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (!from.empty()) text = TextPattern(std::string(from)).replace(text, to);
}

// A token that has a character which stands for no byte is its own text.
std::unique_ptr<TokenDecoder> make_byte_level(const JsonNode&) {
  return simple([](TokenTexts& tokens) {
    for (std::string& token : tokens.texts)
      if (std::optional<std::string> bytes = bytes_of_characters(token)) token = *bytes;
    join(tokens);
    if (!tokens.streaming) tokens.texts[0] = repair_utf8(tokens.texts[0]);
  });
}

// "<0x0A>"
std::optional<char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (char c : token.substr(3, 2)) {
    value *= 16;
    if (c >= '0' && c <= '9')
      value += static_cast<unsigned>(c - '0');
    else if (c >= 'A' && c <= 'F')
      value += static_cast<unsigned>(c - 'A') + 10;
    else if (c >= 'a' && c <= 'f')
      value += static_cast<unsigned>(c - 'a') + 10;
    else
      return std::nullopt;
  }
  return static_cast<char>(value);
}

// Neighbouring bytes are one text if they are UTF-8, and else a U+FFFD for each.
std::unique_ptr<TokenDecoder> make_byte_fallback(const JsonNode&) {
  return simple([](TokenTexts& tokens) {
    std::vector<std::string> texts;
    std::string run;
    auto flush = [&] {
      if (run.empty()) return;
      if (tokens.streaming || find_invalid_utf8(run) == std::string::npos)
        texts.push_back(run);
      else
        for (std::size_t i = 0; i < run.size(); i++)
          texts.emplace_back(kReplacementCharacter);
      run.clear();
    };
    for (std::string& token : tokens.texts) {
      if (std::optional<char> byte = byte_of_token(token)) {
        run += *byte;
        continue;
      }
      flush();
      texts.push_back(std::move(token));
    }
    flush();
    tokens.texts = std::move(texts);
  });
}

std::unique_ptr<TokenDecoder> make_fuse(const JsonNode&) { return simple(join); }

// Takes up to `start` and `stop` times `content` from the ends.
std::unique_ptr<TokenDecoder> make_strip(const JsonNode& node) {
  std::string content;
  append_character(content, node.at("content").character());
  std::uint64_t start = node.at("start").size();
  std::uint64_t stop = node.at("stop").size();
  return simple([=](TokenTexts& tokens) {
    bool text_goes_on = tokens.joined && tokens.streaming;
    for (std::string& token : tokens.texts) {
      std::string_view rest = token;
      if (!tokens.joined || tokens.at_start)
        for (std::uint64_t i = 0; i < start && rest.starts_with(content); i++)
          rest.remove_prefix(content.size());
      if (!text_goes_on)
        for (std::uint64_t i = 0; i < stop && rest.ends_with(content); i++)
          rest.remove_suffix(content.size());
      token = std::string(rest);
    }
  });
}

class Replace : public TokenDecoder {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(pattern_of(node.at("pattern"))), content_(node.string_at("content")) {}
  void apply(TokenTexts& tokens) const override {
    for (std::string& token : tokens.texts)
      // Bytes of a stream need not be characters, which a pattern wants to see.
      if (!tokens.streaming || find_invalid_utf8(token) == std::string::npos)
        token = pattern_.replace(token, content_);
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

std::unique_ptr<TokenDecoder> make_replace(const JsonNode& node) {
  return std::make_unique<Replace>(node);
}

std::unique_ptr<TokenDecoder> make_metaspace(const JsonNode& node) {
  return simple([metaspace = read_metaspace(node)](TokenTexts& tokens) {
    bool first = tokens.at_start && metaspace.prepend != Metaspace::Prepend::kNever;
    for (std::string& token : tokens.texts) {
      replace_all(token, metaspace.replacement, first ? "" : " ");
      first = false;
    }
  });
}

// English punctuation and contractions, as BERT's tokens leave them.
void clean_up(std::string& text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (auto [from, to] : kRules)
    replace_all(text, from, to);
}

std::unique_ptr<TokenDecoder> make_word_piece(const JsonNode& node) {
  std::string prefix(node.string_at("prefix"));
  bool cleanup = node.boolean_at("cleanup", true);
  return simple([prefix, cleanup](TokenTexts& tokens) {
    bool first = tokens.at_start;
    for (std::string& token : tokens.texts) {
      if (!first) {
        if (token.starts_with(prefix))
          token.erase(0, prefix.size());
        else
          token.insert(token.begin(), ' ');
      }
      first = false;
      if (cleanup) clean_up(token);
    }
  });
}

std::unique_ptr<TokenDecoder> make_bpe_suffix(const JsonNode& node) {
  return simple([suffix = std::string(node.string_at("suffix"))](TokenTexts& tokens) {
    for (std::size_t i = 0; i < tokens.texts.size(); i++) {
      bool last = i + 1 == tokens.texts.size() && !tokens.streaming;
      replace_all(tokens.texts[i], suffix, last ? "" : " ");
    }
  });
}

class Sequence : public TokenDecoder {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& item : node.at("decoders").items())
      parts_.push_back(make_token_decoder(item));
  }
  void apply(TokenTexts& tokens) const override {
    for (const auto& part : parts_)
      part->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<TokenDecoder>> parts_;
};

std::unique_ptr<TokenDecoder> make_sequence(const JsonNode& node) {
  return std::make_unique<Sequence>(node);
}

struct Row {
  std::string_view type;
  std::unique_ptr<TokenDecoder> (*make)(const JsonNode&);
};

constexpr std::array kDecoders = {
    Row{"Sequence", make_sequence},
    Row{"ByteLevel", make_byte_level},
    Row{"ByteFallback", make_byte_fallback},
    Row{"Fuse", make_fuse},
    Row{"Strip", make_strip},
    Row{"Replace", make_replace},
    Row{"Metaspace", make_metaspace},
    Row{"WordPiece", make_word_piece},
    Row{"BPEDecoder", make_bpe_suffix},
};

}  // namespace

std::unique_ptr<TokenDecoder> make_token_decoder(const JsonNode& node) {
  std::string_view type = node.type();
  for (const Row& row : kDecoders)
    if (row.type == type) return row.make(node);
  bad_input("{} has the type '{}', which is no decoder known here", node.place(),
            printable(type, 60));
}

std::unique_ptr<TokenDecoder> make_word_decoder() {
  return simple([](TokenTexts& tokens) {
    bool first = tokens.at_start;
    for (std::string& token : tokens.texts) {
      if (!first) token.insert(token.begin(), ' ');
      first = false;
    }
  });
}

}  // namespace mlc

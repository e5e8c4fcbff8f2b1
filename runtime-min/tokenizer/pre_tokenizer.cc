#include "runtime-min/tokenizer/pre_tokenizer.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/byte_level.h"
#include "runtime-min/tokenizer/metaspace.h"
#include "runtime-min/tokenizer/pattern_node.h"
#include "runtime-min/tokenizer/split.h"
#include "runtime-min/tokenizer/unicode.h"

namespace mlc {
namespace {

template <class Function>
class Simple : public PreTokenizer {
 public:
  explicit Simple(Function function) : function_(std::move(function)) {}
  void apply(SplitText& text) const override { function_(text); }

 private:
  Function function_;
};

template <class Function>
std::unique_ptr<PreTokenizer> simple(Function function) {
  return std::make_unique<Simple<Function>>(std::move(function));
}

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const JsonNode& node)
      : add_prefix_space_(node.boolean_at("add_prefix_space", true)) {
    // GPT-2's pattern.
    if (node.boolean_at("use_regex", true))
      pattern_ = Pattern::from_ruby(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          node.place());
  }

  void apply(SplitText& text) const override {
    if (add_prefix_space_)
      rewrite_pieces(text, [](std::string_view piece, bool, std::string& out) {
        if (!piece.starts_with(' ')) out += ' ';
        out += piece;
      });
    if (pattern_)
      split_pieces(text, SplitBehavior::kIsolated,
                   [&](std::string_view piece) { return pattern_->cut(piece); });
    rewrite_pieces(text, [](std::string_view piece, bool, std::string& out) {
      for (char c : piece)
        out += byte_characters()[static_cast<unsigned char>(c)];
    });
  }

 private:
  bool add_prefix_space_;
  std::optional<Pattern> pattern_;
};

class Split : public PreTokenizer {
 public:
  explicit Split(const JsonNode& node)
      : pattern_(pattern_of(node.at("pattern"))),
        behavior_(split_behavior(node.at("behavior"))),
        invert_(node.boolean_at("invert", false)) {}

  void apply(SplitText& text) const override {
    split_pieces(text, behavior_, [&](std::string_view piece) {
      std::vector<Match> matches = pattern_.cut(piece);
      if (invert_)
        for (Match& match : matches)
          match.matched = !match.matched;
      return matches;
    });
  }

 private:
  TextPattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class MetaspacePreTokenizer : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(const JsonNode& node)
      : metaspace_(read_metaspace(node)), mark_(metaspace_.replacement) {}

  void apply(SplitText& text) const override {
    const std::string& mark = metaspace_.replacement;
    rewrite_pieces(text, [&](std::string_view piece, bool first, std::string& out) {
      bool prepend = metaspace_.prepend == Metaspace::Prepend::kAlways ||
                     (metaspace_.prepend == Metaspace::Prepend::kFirst && first);
      if (prepend && !piece.starts_with(' ') && !piece.starts_with(mark)) out += mark;
      for (char c : piece) {
        if (c == ' ')
          out += mark;
        else
          out += c;
      }
    });
    if (metaspace_.split)
      split_pieces(text, SplitBehavior::kMergedWithNext,
                   [&](std::string_view piece) { return mark_.cut(piece); });
  }

 private:
  Metaspace metaspace_;
  TextPattern mark_;
};

std::unique_ptr<PreTokenizer> make_digits(const JsonNode& node) {
  bool individual = node.boolean_at("individual_digits", false);
  return simple([individual](SplitText& text) {
    split_pieces(text, individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
                 [](std::string_view piece) { return cut_characters(piece, is_number); });
  });
}

std::unique_ptr<PreTokenizer> make_punctuation(const JsonNode& node) {
  std::optional<JsonNode> behavior = node.find("behavior");
  SplitBehavior how = behavior ? split_behavior(*behavior) : SplitBehavior::kIsolated;
  return simple([how](SplitText& text) {
    split_pieces(text, how,
                 [](std::string_view piece) { return cut_characters(piece, is_punctuation); });
  });
}

void split_white_space(SplitText& text) {
  split_pieces(text, SplitBehavior::kRemoved,
               [](std::string_view piece) { return cut_characters(piece, is_white_space); });
}

std::unique_ptr<PreTokenizer> make_white_space_split(const JsonNode&) {
  return simple(split_white_space);
}

// Words, and what is neither word nor white space. The word characters are those of Unicode's
// annex 18.
std::unique_ptr<PreTokenizer> make_white_space(const JsonNode& node) {
  constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
  auto pattern = std::make_shared<Pattern>(Pattern::from_pcre2(
      fmt::format("[{}]+|[^{}\\p{{White_Space}}]+", kWord, kWord), node.place()));
  return simple([pattern](SplitText& text) {
    split_pieces(text, SplitBehavior::kRemoved, [&](std::string_view piece) {
      std::vector<Match> matches = pattern->cut(piece);
      for (Match& match : matches)
        match.matched = !match.matched;
      return matches;
    });
  });
}

std::unique_ptr<PreTokenizer> make_bert(const JsonNode&) {
  return simple([](SplitText& text) {
    split_white_space(text);
    split_pieces(text, SplitBehavior::kIsolated,
                 [](std::string_view piece) { return cut_characters(piece, is_punctuation); });
  });
}

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& item : node.at("pretokenizers").items())
      parts_.push_back(make_pre_tokenizer(item));
  }
  void apply(SplitText& text) const override {
    for (const auto& part : parts_)
      part->apply(text);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

template <class Class>
std::unique_ptr<PreTokenizer> make(const JsonNode& node) {
  return std::make_unique<Class>(node);
}

struct Row {
  std::string_view type;
  std::unique_ptr<PreTokenizer> (*make)(const JsonNode&);
};

constexpr std::array kPreTokenizers = {
    Row{"Sequence", make<Sequence>},     Row{"ByteLevel", make<ByteLevel>},
    Row{"Split", make<Split>},           Row{"Metaspace", make<MetaspacePreTokenizer>},
    Row{"Digits", make_digits},          Row{"Punctuation", make_punctuation},
    Row{"Whitespace", make_white_space}, Row{"WhitespaceSplit", make_white_space_split},
    Row{"BertPreTokenizer", make_bert},
};

}  // namespace

Metaspace read_metaspace(const JsonNode& node) {
  Metaspace metaspace;
  append_character(metaspace.replacement, node.at("replacement").character());
  metaspace.split = node.boolean_at("split", true);
  // Files from before prepend_scheme say only yes or no.
  if (!node.boolean_at("add_prefix_space", true)) metaspace.prepend = Metaspace::Prepend::kNever;
  if (std::optional<JsonNode> scheme = node.find("prepend_scheme")) {
    std::string_view name = scheme->string();
    if (name == "always")
      metaspace.prepend = Metaspace::Prepend::kAlways;
    else if (name == "first")
      metaspace.prepend = Metaspace::Prepend::kFirst;
    else if (name == "never")
      metaspace.prepend = Metaspace::Prepend::kNever;
    else
      scheme->wrong("always, first or never");
  }
  return metaspace;
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node) {
  std::string_view type = node.type();
  for (const Row& row : kPreTokenizers)
    if (row.type == type) return row.make(node);
  bad_input("{} has the type '{}', which is no pre-tokenizer known here", node.place(),
            printable(type, 60));
}

}  // namespace mlc

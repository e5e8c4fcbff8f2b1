// How a tokenizer cuts a text into the pieces (words) that its model sees one by one: the
// "pre_tokenizer" of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/tokenizer/json_node.h"
#include "runtime-min/tokenizer/pattern.h"

namespace mlc {

// One buffer with the pieces in it, in order; what lies between them is dropped. No piece is empty.
struct SplitText {
  std::string text;
  std::vector<Span> pieces;
  // Whether the first piece begins where the whole text begins, which Metaspace may ask.
  bool at_start = false;

  SplitText(std::string whole, bool starts) : text(std::move(whole)), at_start(starts) {
    if (!text.empty()) pieces.push_back({0, text.size()});
  }
  std::string_view view(Span span) const {
    return std::string_view(text).substr(span.begin, span.end - span.begin);
  }
};

class PreTokenizer {
 public:
  PreTokenizer() = default;
  virtual ~PreTokenizer() = default;
  PreTokenizer(const PreTokenizer&) = delete;
  PreTokenizer& operator=(const PreTokenizer&) = delete;
  virtual void apply(SplitText& text) const = 0;
};

// Error(kBadInput), naming the place: a type that is not known, a parameter that is missing.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node);

}  // namespace mlc

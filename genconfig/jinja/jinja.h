// The part of Jinja that chat templates use, as transformers runs it: an immutable sandbox,
// trim_blocks and lstrip_blocks, break and continue, {% generation %}, tojson as json.dumps,
// raise_exception, strftime_now.
//
//   jinja::Template t = jinja::Template::parse(text, "tokenizer_config.json: chat_template");
//   std::string prompt = t.render(context);  // an object: messages, add_generation_prompt ...
//
// What is rendered is what jinja2 renders, to the byte, or an Error: a filter, method or character
// class beyond this subset is named, never guessed. Known differences: numbers are of 64 bits;
// "safe" changes nothing (with automatic escaping off, it shows only where jinja2 joins safe text
// by "+"); a comparison of values that Python can't compare may fail later.
//
// A template reads no file and no other template, and ends within Limits whatever it contains.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "genconfig/jinja/run.h"

namespace mlc::jinja {

struct Tree;

class Template {
 public:
  // `where` names the template in messages. Throws LimitError, and Error(kBadInput) with the line
  // for what is not this language or not UTF-8.
  static Template parse(std::string_view text, const std::string& where, const Limits& limits = {});

  // `now`: the time of strftime_now, seconds since 1970. Throws LimitError, and Error(kBadInput)
  // with the line for a template that fails, by raise_exception too.
  std::string render(const Json& context, std::int64_t now = 0) const;

 private:
  explicit Template(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

}  // namespace mlc::jinja

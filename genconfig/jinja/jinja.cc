#include "genconfig/jinja/jinja.h"

#include "genconfig/jinja/evaluator.h"
#include "genconfig/jinja/parser.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {

struct Tree {
  std::string where;
  Limits limits;
  Body body;
};

namespace {

Value from_json(Run& run, const Json& json) {
  Run::Level level(run);
  run.step();
  switch (json.kind()) {
    case Json::Kind::kNull:
      return Value::none();
    case Json::Kind::kBool:
      return Value::boolean(json.as_bool("value"));
    case Json::Kind::kInt:
      return Value::integer(json.as_int("value"));
    case Json::Kind::kFloat:
      // Python's json reads "-0" as an integer.
      if (json.number_text() == "-0") return Value::integer(0);
      return Value::real(json.as_double("value"));
    case Json::Kind::kString:
      return Value::string(run, json.as_string("value"));
    case Json::Kind::kArray: {
      std::vector<Value> items;
      for (const Json& item : json.items("value"))
        items.push_back(from_json(run, item));
      return Value::list(run, std::move(items));
    }
    case Json::Kind::kObject: {
      Members members;
      for (const auto& [key, value] : json.members("value"))
        members.emplace_back(Value::string(run, key), from_json(run, value));
      return Value::dict(run, members);
    }
  }
  return Value();
}

}  // namespace

Template Template::parse(std::string_view text, const std::string& where, const Limits& limits) {
  if (text.size() > limits.max_template)
    throw LimitError(fmt::format("{}: the template has {} bytes, at most {} are read", where,
                                 text.size(), limits.max_template));
  if (find_invalid_utf8(text) != std::string_view::npos)
    bad_input("{}: the template is not UTF-8", where);
  auto tree = std::make_shared<Tree>();
  tree->where = where;
  tree->limits = limits;
  Run run(tree->where, tree->limits, 0);
  tree->body = Parser(run, tokenize(run, text)).parse();
  return Template(std::move(tree));
}

std::string Template::render(const Json& context, std::int64_t now) const {
  Run run(tree_->where, tree_->limits, now);
  std::vector<std::pair<std::string, Value>> variables;
  for (const auto& [name, value] : context.members("the context of a template"))
    variables.emplace_back(name, from_json(run, value));
  return Evaluator(run, variables).render(tree_->body);
}

}  // namespace mlc::jinja

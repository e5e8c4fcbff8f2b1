#include <algorithm>

#include "genconfig/jinja/library.h"

namespace mlc::jinja {

Bound::Bound(Run& run, std::string_view function, const Args& args,
             std::initializer_list<std::string_view> names)
    : run_(run),
      function_(function),
      names_(names),
      values_(names.size()),
      given_(names.size(), false) {
  if (args.positional.size() > names_.size())
    run.fail("{} takes at most {} arguments, {} are given", function, names_.size(),
             args.positional.size());
  for (std::size_t i = 0; i < args.positional.size(); ++i) {
    values_[i] = args.positional[i];
    given_[i] = true;
  }
  for (const auto& [name, value] : args.named) {
    const auto at = std::find(names_.begin(), names_.end(), name);
    if (at == names_.end()) run.fail("{} has no parameter \"{}\"", function, printable(name, 60));
    const auto i = static_cast<std::size_t>(at - names_.begin());
    if (given_[i]) run.fail("{} gets its parameter \"{}\" twice", function, name);
    values_[i] = value;
    given_[i] = true;
  }
}

const Value& Bound::need(std::size_t i) const {
  if (!given_[i]) run_.fail("{} needs its parameter \"{}\"", function_, names_[i]);
  return values_[i];
}

std::int64_t Bound::integer(std::size_t i, std::int64_t otherwise) const {
  if (!given_[i]) return otherwise;
  if (!values_[i].is_integral())
    run_.fail("{}: \"{}\" has to be an integer, not {}", function_, names_[i],
              type_name(values_[i]));
  return values_[i].as_int();
}

const std::string& Bound::text(std::size_t i, const std::string& otherwise) const {
  if (!given_[i]) return otherwise;
  if (!values_[i].is(Kind::kString))
    run_.fail("{}: \"{}\" has to be a text, not {}", function_, names_[i], type_name(values_[i]));
  return values_[i].text();
}

}  // namespace mlc::jinja

// Filters of lists, dicts and iterators.
#include <algorithm>
#include <array>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/filters.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

const std::string kNothing;

// What a filter compares items by: a part of them, texts without case unless asked otherwise.
class Key {
 public:
  Key(Run& run, Value attribute, bool case_sensitive)
      : run_(run), attribute_(std::move(attribute)), case_sensitive_(case_sensitive) {}
  Value operator()(const Value& item) const {
    Value key = attribute_.is(Kind::kNone) ? item : get_path(run_, item, attribute_);
    return key.is(Kind::kString) && !case_sensitive_ ? lower(run_, key.text()) : key;
  }

 private:
  Run& run_;
  Value attribute_;
  bool case_sensitive_;
};

Value sorted(Run& run, const std::vector<Value>& items,
             const std::function<Value(const Value&)>& key, bool reverse) {
  std::vector<std::pair<Value, std::size_t>> keys;
  for (std::size_t i = 0; i < items.size(); ++i)
    keys.emplace_back(key(items[i]), i);
  // Python's reverse keeps the order of equal items too.
  std::stable_sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(run, b.first, a.first) : less(run, a.first, b.first);
  });
  std::vector<Value> out;
  out.reserve(keys.size());
  for (const auto& [unused, i] : keys)
    out.push_back(items[i]);
  return Value::list(run, std::move(out));
}

Value sort(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "sort", args, {"reverse", "case_sensitive", "attribute"});
  const Value attribute = b.or_else(2, Value::none());
  if (attribute.is(Kind::kString) && attribute.text().find(',') != std::string::npos)
    run.fail("sort by several attributes is not supported");
  return sorted(run, to_items(run, value), Key(run, attribute, b.truth_of(1)), b.truth_of(0));
}

Value dictsort(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "dictsort", args, {"case_sensitive", "by", "reverse"});
  const std::string by_key = "key";
  const std::string& by = b.text(1, by_key);
  if (by != "key" && by != "value") run.fail("dictsort sorts by \"key\" or \"value\"");
  if (!value.is(Kind::kDict)) run.fail("dictsort takes a dict, not {}", type_name(value));
  std::vector<Value> pairs;
  for (const auto& [k, v] : value.members())
    pairs.push_back(Value::tuple(run, {k, v}));
  const Key key(run, Value::integer(by == "key" ? 0 : 1), b.truth_of(0));
  return sorted(run, pairs, key, b.truth_of(2));
}

Value unique(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "unique", args, {"case_sensitive", "attribute"});
  const Key key(run, b.or_else(1, Value::none()), b.truth_of(0));
  auto source = std::make_shared<Iteration>(run, value);
  auto seen = std::make_shared<std::vector<Value>>();
  return Value::iterator(run, value, [&run, key, source, seen](Value& item) {
    while (source->next(item)) {
      const Value k = key(item);
      require_hashable(run, k);
      if (std::any_of(seen->begin(), seen->end(), [&](const Value& s) { return equal(run, s, k); }))
        continue;
      run.allocate(sizeof(Value));
      seen->push_back(k);
      return true;
    }
    return false;
  });
}

template <bool kMax>
Value extreme(Run& run, const Value& value, const Args& args) {
  const Bound b(run, kMax ? "max" : "min", args, {"case_sensitive", "attribute"});
  const Key key(run, b.or_else(1, Value::none()), b.truth_of(0));
  const auto items = to_items(run, value);
  if (items.empty()) return Value::undefined(run, "the sequence is empty");
  std::size_t best = 0;
  Value best_key = key(items[0]);
  for (std::size_t i = 1; i < items.size(); ++i) {
    Value k = key(items[i]);
    if (kMax ? !less(run, best_key, k) : !less(run, k, best_key)) continue;
    best = i;
    best_key = std::move(k);
  }
  return items[best];
}

Value sum(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "sum", args, {"attribute", "start"});
  Value total = b.or_else(1, Value::integer(0));
  if (total.is(Kind::kString)) run.fail("sum does not add texts");
  const Value path = b.or_else(0, Value::none());
  for (const Value& item : to_items(run, value))
    total = arithmetic(run, "+", total, path.is(Kind::kNone) ? item : get_path(run, item, path));
  return total;
}

Value join(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "join", args, {"d", "attribute"});
  auto items = to_items(run, value);
  if (b.has(1) && !b.need(1).is(Kind::kNone))
    for (Value& item : items)
      item = get_path(run, item, b.need(1));
  return joined(run, b.has(0) ? to_text(run, b.need(0)) : kNothing, items);
}

Value length_of(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "length", args, {});
  return Value::integer(static_cast<std::int64_t>(count_of(run, value)));
}

Value first(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "first", args, {});
  Value item;
  if (Iteration(run, value).next(item)) return item;
  return Value::undefined(run, "the sequence is empty");
}

std::vector<Value> reversed(Run& run, const Value& value) {
  std::vector<Value> items = to_items(run, value);
  std::reverse(items.begin(), items.end());
  return items;
}

Value last(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "last", args, {});
  if (value.is(Kind::kIterator) || value.is(Kind::kUndefined))
    run.fail("last does not take a value of type {}", type_name(value));
  const auto items = to_items(run, value);
  return items.empty() ? Value::undefined(run, "the sequence is empty") : items.back();
}

Value reverse(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "reverse", args, {});
  auto items = reversed(run, value);
  if (value.is(Kind::kString)) return joined(run, kNothing, items);
  if (value.is(Kind::kIterator) || value.is(Kind::kUndefined))
    return Value::list(run, std::move(items));
  const Value list = Value::list(run, std::move(items));
  auto source = std::make_shared<Iteration>(run, list);
  return Value::iterator(run, list, [source](Value& item) { return source->next(item); });
}

Value list(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "list", args, {});
  return Value::list(run, to_items(run, value));
}

Value items(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "items", args, {});
  // Fails when it is first used, as a generator does; until then undefined and dict are the same.
  auto index = std::make_shared<std::size_t>(0);
  return Value::iterator(run, value, [&run, value, index](Value& item) {
    if (value.is(Kind::kUndefined)) return false;
    if (!value.is(Kind::kDict)) run.fail("items takes a dict, not {}", type_name(value));
    if (*index == value.members().size()) return false;
    const auto& [k, v] = value.members()[(*index)++];
    item = Value::tuple(run, {k, v});
    return true;
  });
}

Value batch(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "batch", args, {"linecount", "fill_with"});
  b.need(0);
  const std::int64_t n = b.integer(0, 1);
  const Value fill = b.or_else(1, Value::none());
  if (n < 1 || n > 100000) run.fail("batch: a line of {} items is not supported", n);
  std::vector<Value> lines, line;
  for (const Value& item : to_items(run, value)) {
    if (line.size() == static_cast<std::size_t>(n))
      lines.push_back(Value::list(run, std::exchange(line, {})));
    line.push_back(item);
  }
  if (!line.empty()) {
    if (!fill.is(Kind::kNone)) {
      run.step(static_cast<std::uint64_t>(n));
      line.resize(static_cast<std::size_t>(n), fill);
    }
    lines.push_back(Value::list(run, std::move(line)));
  }
  const Value all = Value::list(run, std::move(lines));
  auto source = std::make_shared<Iteration>(run, all);
  return Value::iterator(run, all, [source](Value& item) { return source->next(item); });
}

Args without_first(const Args& args, std::size_t n) {
  Args rest = args;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(n));
  return rest;
}

Value map(Run& run, const Value& value, const Args& args) {
  std::function<Value(const Value&)> change;
  if (args.positional.empty()) {
    const Bound b(run, "map", args, {"attribute", "default"});
    const Value& path = b.need(0);
    const Value otherwise = b.or_else(1, Value::none());
    change = [&run, path, otherwise](const Value& item) {
      return get_path(run, item, path, otherwise);
    };
  } else {
    const Value name = args.positional[0];
    if (!name.is(Kind::kString)) run.fail("map takes the name of a filter");
    change = [&run, name, rest = without_first(args, 1)](const Value& item) {
      return call_filter(run, name.text(), item, rest);
    };
  }
  if (!truth(value)) return Value::iterator(run, Value(), [](Value&) { return false; });
  auto source = std::make_shared<Iteration>(run, value);
  return Value::iterator(run, value, [source, change](Value& item) {
    if (!source->next(item)) return false;
    item = change(item);
    return true;
  });
}

template <bool kWant, bool kByAttribute>
Value select(Run& run, const Value& value, const Args& args) {
  const std::size_t off = kByAttribute ? 1 : 0;
  if (!truth(value)) return Value::iterator(run, Value(), [](Value&) { return false; });
  if (args.positional.size() < off)
    run.fail("selectattr and rejectattr need the name of an attribute");
  Value path, name;
  if (kByAttribute) path = args.positional[0];
  if (args.positional.size() > off) name = args.positional[off];
  if (!name.is(Kind::kUndefined) && !name.is(Kind::kString))
    run.fail("select and reject take the name of a test");
  auto source = std::make_shared<Iteration>(run, value);
  const Args rest = without_first(args, std::min(args.positional.size(), off + 1));
  return Value::iterator(run, value, [&run, source, path, name, rest](Value& item) {
    while (source->next(item)) {
      const Value part = kByAttribute ? get_path(run, item, path) : item;
      const bool yes =
          name.is(Kind::kString) ? call_test(run, name.text(), part, rest) : truth(part);
      if (yes == kWant) return true;
    }
    return false;
  });
}

const std::array kRows = {
    Row<Filter>{"sort", sort},
    Row<Filter>{"dictsort", dictsort},
    Row<Filter>{"unique", unique},
    Row<Filter>{"min", extreme<false>},
    Row<Filter>{"max", extreme<true>},
    Row<Filter>{"sum", sum},
    Row<Filter>{"join", join},
    Row<Filter>{"length", length_of},
    Row<Filter>{"count", length_of},
    Row<Filter>{"first", first},
    Row<Filter>{"last", last},
    Row<Filter>{"reverse", reverse},
    Row<Filter>{"list", list},
    Row<Filter>{"items", items},
    Row<Filter>{"batch", batch},
    Row<Filter>{"map", map},
    Row<Filter>{"select", select<true, false>},
    Row<Filter>{"reject", select<false, false>},
    Row<Filter>{"selectattr", select<true, true>},
    Row<Filter>{"rejectattr", select<false, true>},
};

}  // namespace

std::span<const Row<Filter>> sequence_filters() { return kRows; }

}  // namespace mlc::jinja

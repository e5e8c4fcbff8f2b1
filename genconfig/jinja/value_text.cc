// str() and repr() of values, as Python prints them.
#include <cmath>

#include "base/json.h"
#include "genconfig/jinja/unicode.h"
#include "genconfig/jinja/value.h"

namespace mlc::jinja {
namespace {

class Writer {
 public:
  explicit Writer(Run& run) : run_(run) {}

  void write(const Value& value) {
    Run::Level level(run_);
    run_.step();
    switch (value.kind()) {
      case Kind::kUndefined:
        return add("Undefined");
      case Kind::kNone:
        return add("None");
      case Kind::kBool:
        return add(value.as_int() != 0 ? "True" : "False");
      case Kind::kInt:
        return add(fmt::format("{}", value.as_int()));
      case Kind::kFloat:
        return add(float_text(value.as_double()));
      case Kind::kString:
        return quoted(value.text());
      case Kind::kList:
        return sequence(value.items(), "[", "]");
      case Kind::kTuple:
        return sequence(value.items(), "(", value.items().size() == 1 ? ",)" : ")");
      case Kind::kDict:
        return dict(value.members());
      case Kind::kRange:
        return range(value.as<RangeObject>());
      case Kind::kView:
        return view(value.as<ViewObject>());
      case Kind::kNamespace:
        return attributes(value.as<NamespaceObject>());
      case Kind::kLoop: {
        const auto& loop = value.as<LoopObject>();
        return add(fmt::format("<LoopContext {}/{}>", loop.index + 1, loop.items.size()));
      }
      case Kind::kIterator:
      case Kind::kMacro:
      case Kind::kFunction:
        run_.fail("a value of type {} can't be printed", type_name(value));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view text) {
    run_.allocate(text.size());
    out_ += text;
  }

  static std::string float_text(double v) {
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    return python_repr(v);
  }

  void quoted(const std::string& text) {
    run_.look_through(text.size());
    const bool single = text.find('\'') == std::string::npos || text.find('"') != std::string::npos;
    const char quote = single ? '\'' : '"';
    std::string out(1, quote);
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t begin = i;
      const char32_t c = next_character(text, i);
      if (c == '\\' || c == static_cast<unsigned char>(quote)) {
        out += '\\';
        out += static_cast<char>(c);
      } else if (c == '\n') {
        out += "\\n";
      } else if (c == '\r') {
        out += "\\r";
      } else if (c == '\t') {
        out += "\\t";
      } else if (is_printable(c)) {
        out.append(text, begin, i - begin);
      } else if (c < 0x100) {
        out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
      } else if (c < 0x10000) {
        out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
      } else {
        out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
      }
    }
    out += quote;
    add(out);
  }

  void sequence(const std::vector<Value>& items, std::string_view open, std::string_view close) {
    add(open);
    bool first = true;
    for (const Value& item : items) {
      if (!first) add(", ");
      first = false;
      write(item);
    }
    add(close);
  }

  void dict(const Members& members) {
    add("{");
    bool first = true;
    for (const auto& [key, value] : members) {
      if (!first) add(", ");
      first = false;
      write(key);
      add(": ");
      write(value);
    }
    add("}");
  }

  void range(const RangeObject& r) {
    add(r.step == 1 ? fmt::format("range({}, {})", r.start, r.stop)
                    : fmt::format("range({}, {}, {})", r.start, r.stop, r.step));
  }

  void view(const ViewObject& view) {
    add(fmt::format("dict_{}([", view.which));
    bool first = true;
    for (const auto& [key, value] : view.dict.members()) {
      if (!first) add(", ");
      first = false;
      if (view.which == "items") {
        add("(");
        write(key);
        add(", ");
        write(value);
        add(")");
      } else {
        write(view.which == "keys" ? key : value);
      }
    }
    add("])");
  }

  void attributes(const NamespaceObject& ns) {
    add("<Namespace {");
    bool first = true;
    for (const auto& [name, value] : ns.attributes) {
      if (!first) add(", ");
      first = false;
      quoted(name);
      add(": ");
      write(value);
    }
    add("}>");
  }

  Run& run_;
  std::string out_;
};

}  // namespace

std::string repr(Run& run, const Value& value) {
  Writer writer(run);
  writer.write(value);
  return writer.take();
}

std::string to_text(Run& run, const Value& value) {
  if (value.is(Kind::kUndefined)) return "";
  if (!value.is(Kind::kString)) return repr(run, value);
  run.allocate(value.text().size());
  return value.text();
}

}  // namespace mlc::jinja

// The Jinja engine alone: what a template may cost, and what its errors say. What it renders is
// compared with jinja2 by tests/interop/jinja_check.py.
#include "genconfig/jinja/jinja.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"

using namespace mlc;
using jinja::LimitError;
using jinja::Template;

namespace {

std::string render(const std::string& text, const char* context = "{}") {
  return Template::parse(text, "t").render(parse_json(context, "context"));
}

std::string error_of(const std::string& text, const char* context = "{}") {
  try {
    render(text, context);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput);
    return e.what();
  }
  return "no error";
}

TEST(Jinja, Renders) {
  EXPECT_EQ(render("{% for m in messages %}<{{ m.role }}>{{ m['content'] | trim }}\n{% endfor %}",
                   R"({"messages": [{"role": "user", "content": " Hi "}]})"),
            "<user>Hi\n");
}

TEST(Jinja, KeepsTheNumbersOfTheContext) {
  EXPECT_EQ(render("{{ x }}", R"({"x": [1, 1.0, 1e2, -0, true, null, "a"]})"),
            "[1, 1.0, 100.0, 0, True, None, 'a']");
}

TEST(Jinja, ErrorsNameTemplateAndLine) {
  EXPECT_EQ(error_of("a\nb\n{{ x.y }}"), "t: line 3: \"x\" is undefined");
  EXPECT_EQ(error_of("\n{% if x %}"),
            "t: line 2: expected {% endif %}, found the end of the template");
  EXPECT_EQ(error_of("{{ 1 + 'a' }}"), "t: line 1: operator + does not take int and str");
  EXPECT_EQ(error_of("{% include 'x' %}"),
            "t: line 1: the tag \"include\" is not supported: a chat template stands alone");
  EXPECT_EQ(error_of("{% macro m() %}\n\n{{ 1 // 0 }}{% endmacro %}\n{{ m() }}"),
            "t: line 3: division by zero");
  EXPECT_EQ(error_of("{{ 'a'|nope }}"), "t: line 1: there is no filter named \"nope\"");
  EXPECT_EQ(error_of("{{ raise_exception('\x1b[31m') }}"),
            "t: line 1: the template refuses this conversation: \\x1b[31m");
  EXPECT_EQ(error_of("\xff"), "t: the template is not UTF-8");
}

std::string repeated(const std::string& text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i)
    out += text;
  return out;
}

TEST(Jinja, HostileTemplatesEnd) {
  const std::string templates[] = {
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{{ range(1000000) }}",
      "{{ range(100000000000000)|list }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{{ 'x' * 100000000000 }}",
      "{{ [1] * 100000000 }}",
      "{{ 9223372036854775807 * 'ab' }}",
      "{% set ns = namespace(x='x') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% "
      "endfor %}",
      "{% set ns = namespace(x='xx') %}{% for i in range(64) %}{% set ns.x = ns.x.replace('x', "
      "ns.x) "
      "%}{% endfor %}",
      "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor "
      "%}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = ns.x|map('string') "
      "%}{% "
      "endfor %}",
      "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
      "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}",
      "{% for i in range(10000) %}{% set a = range(10000)|list %}{% endfor %}",
      "{{ '%100000s' % 'a' ~ ('x' * 60000000)|indent(60000000) }}",
      "{{ 'a'|center(9223372036854775807) }}",
      "{{ [1]|batch(100000, 0)|list|length ~ ('a,' * 30000000).split(',')|length }}",
      "{{ " + repeated("(", 10000) + repeated(")", 10000) + " }}",
      repeated("{% if 1 %}", 10000),
      "{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}",
      "{{ 1" + repeated("+1", 10000) + " }}",
      "{{ x" + repeated(".x", 10000) + " }}",
      "{{ 1" + repeated("|abs", 10000) + " }}",
      "{{ " + repeated("not ", 10000) + "1 }}",
      "{{ " + repeated("-", 10000) + "1 }}",
      "{{ " + repeated("1 if 1 else ", 10000) + "1 }}",
      repeated("{% set a %}", 10000),
      std::string(1 << 20, 'x'),
  };
  for (const std::string& text : templates)
    EXPECT_THROW(render(text), LimitError) << printable(text);
}

TEST(Jinja, FormatsOfAWidthAreBounded) {
  EXPECT_NE(error_of("{{ '%1000000s' % 'a' }}").find("too large a width"), std::string::npos);
}

TEST(Jinja, ValuesThatHoldThemselvesAreFreed) {  // LeakSanitizer looks
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.x = [ns] %}{% for i in [1] %}{{ "
                   "loop.changed(loop) }}{% set "
                   "ns.l = loop %}{% endfor %}{% macro m() %}{% endmacro %}{% set ns.m = m %}x"),
            "Truex");
}

TEST(Jinja, RenderingTwiceGivesTheSame) {
  const Template t =
      Template::parse("{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}", "t");
  const Json context = Json::object();
  EXPECT_EQ(t.render(context), "1");
  EXPECT_EQ(t.render(context), "1");
}

}  // namespace

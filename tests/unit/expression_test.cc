// Expressions of the architecture tables: Python's values, and errors that name what is wrong.
#include "models/expression.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace mlc {
namespace {

const Json& config() {
  static const Json json = parse_json(
      R"({"n": 7, "m": -7, "zero": 0, "big": 4611686018427387904, "flag": true, "off": false,
          "nothing": null, "half": 0.5, "word": "noaux_tc", "empty": "", "list": [1, 3, 5],
          "none": [], "rope": {"type": "yarn"}, "text": {"n": 3, "deep": {"er": 4}}})",
      "test");
  return json;
}

// Evaluating text that did not pass Expr's constructor, as a broken table would.
Expr unchecked(std::string_view text) {
  Expr expression;
  expression.text = text;
  return expression;
}

std::string value(std::string_view text) {
  return dump_json(evaluate_json(unchecked(text), Scope(config()), "config.json: p"));
}

std::string message(std::string_view text) {
  try {
    return "accepted: " + value(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput);
    return e.what();
  }
}

TEST(Expression, ComputesAsPython) {
  EXPECT_EQ(value("1+2*3"), "7");
  EXPECT_EQ(value("(1+2)*3"), "9");
  EXPECT_EQ(value("10-3-2"), "5");
  EXPECT_EQ(value("2**3**2"), "512");
  EXPECT_EQ(value("-2**2"), "-4");
  EXPECT_EQ(value("2*-n"), "-14");
  EXPECT_EQ(value("(n//2)**2+1"), "10");
  EXPECT_EQ(value("(-1)**1000000000001"), "-1");
  EXPECT_EQ(value("0**0"), "1");
  EXPECT_EQ(value("flag+flag"), "2");
  EXPECT_EQ(value("max(n, 10)"), "10");
  EXPECT_EQ(value("min(n, m)"), "-7");
  EXPECT_EQ(value("text.deep.er*text.n"), "12");
  EXPECT_EQ(value("list[n//3]"), "5");
  EXPECT_EQ(value("()"), "[]");
  EXPECT_EQ(value("(128, 128)"), "[128, 128]");
  EXPECT_EQ(value("1e-05"), "1e-05");
  EXPECT_EQ(value("0.5"), "0.5");
  EXPECT_EQ(value("'float32'"), "\"float32\"");
  EXPECT_EQ(value("None"), "null");
  EXPECT_EQ(value("rope"), "{\"type\": \"yarn\"}");
}

// Quotients round down and rests have the divisor's sign.
TEST(Expression, DividesAsPython) {
  const int quotients[][4] = {{7, 2, 3, 1},    {-7, 2, -4, 1}, {7, -2, -4, -1},
                              {-7, -2, 3, -1}, {6, -3, -2, 0}, {5, -1, -5, 0}};
  for (const auto& [a, b, quotient, rest] : quotients) {
    EXPECT_EQ(value(fmt::format("{}//{}", a, b)), std::to_string(quotient)) << a << " " << b;
    EXPECT_EQ(value(fmt::format("{}%{}", a, b)), std::to_string(rest)) << a << " " << b;
  }
}

TEST(Expression, ComparesAsPython) {
  EXPECT_EQ(value("0 < n <= 7"), "true");
  EXPECT_EQ(value("0 < n < 7"), "false");
  EXPECT_EQ(value("1 == 1.0"), "true");
  EXPECT_EQ(value("flag == 1"), "true");
  EXPECT_EQ(value("half < 1"), "true");
  EXPECT_EQ(value("word == 'noaux_tc'"), "true");
  EXPECT_EQ(value("word != 'greedy'"), "true");
  EXPECT_EQ(value("word == 1"), "false");
  EXPECT_EQ(value("nothing is None"), "true");
  EXPECT_EQ(value("n is not None"), "true");
  EXPECT_EQ(value("rope is None"), "false");
  EXPECT_EQ(value("nothing == 0"), "false");
  EXPECT_EQ(value("3 in list"), "true");
  EXPECT_EQ(value("2 not in list"), "true");
  EXPECT_EQ(value("2 in none"), "false");
  EXPECT_EQ(value("word in ('greedy', 'noaux_tc')"), "true");
  EXPECT_EQ(value("n in ()"), "false");
  EXPECT_EQ(value("'type' in rope"), "true");
  EXPECT_EQ(value("'factor' in rope"), "false");
}

TEST(Expression, DecidesAsPython) {
  EXPECT_EQ(value("not off and n > 3"), "true");
  EXPECT_EQ(value("not (flag or off)"), "false");
  EXPECT_EQ(value("zero or n"), "7");
  EXPECT_EQ(value("zero and n"), "0");
  EXPECT_EQ(value("zero > 0 and n % zero == 0"), "false");  // stops before the division
  EXPECT_EQ(value("flag or n % zero"), "true");
  EXPECT_EQ(value("not not n"), "true");
  EXPECT_EQ(value("not empty"), "true");
  EXPECT_EQ(value("not none"), "true");
  EXPECT_EQ(value("not nothing"), "true");
}

TEST(Expression, NamesWhatIsWrong) {
  EXPECT_EQ(message("n//zero"),
            "config.json: p: division by zero in `n//zero` (n is 7, zero is 0)");
  EXPECT_EQ(message("n%zero"), "config.json: p: division by zero in `n%zero` (n is 7, zero is 0)");
  EXPECT_EQ(message("hidden+n"),
            "config.json: p: hidden is not set in `hidden+n` (hidden not set, n is 7)");
  EXPECT_EQ(message("text.none"),
            "config.json: p: text.none is not set in `text.none` (text.none not set)");
  EXPECT_NE(message("big+big").find("number beyond 64 bits"), std::string::npos);
  EXPECT_NE(message("big*2").find("number beyond 64 bits"), std::string::npos);
  EXPECT_NE(message("-big-big-1").find("number beyond 64 bits"), std::string::npos);
  EXPECT_NE(message("(-big-big)//-1").find("number beyond 64 bits"), std::string::npos);
  EXPECT_NE(message("2**64").find("number beyond 64 bits"), std::string::npos);
  EXPECT_NE(message("2**-1").find("negative exponent"), std::string::npos);
  EXPECT_NE(message("half*2").find("expected an integer"), std::string::npos);
  EXPECT_NE(message("nothing+1").find("expected an integer"), std::string::npos);
  EXPECT_NE(message("word+1").find("expected an integer"), std::string::npos);
  EXPECT_NE(message("word < 1").find("expected numbers"), std::string::npos);
  EXPECT_NE(message("rope == rope").find("can't be compared"), std::string::npos);
  EXPECT_NE(message("list[3]").find("index 3 outside a list of 3"), std::string::npos);
  EXPECT_NE(message("list[m]").find("index -7 outside"), std::string::npos);
  EXPECT_NE(message("n[0]").find("expected a list before ["), std::string::npos);
  EXPECT_NE(message("1 in n").find("expected a list"), std::string::npos);
  EXPECT_NE(message("1 in rope").find("expected text before `in`"), std::string::npos);
  EXPECT_NE(message("1+(1,2)").find("tuple"), std::string::npos);
}

TEST(Expression, BoundsLists) {
  Json object = Json::object();
  Json list = Json::array();
  for (int i = 0; i < 5000; i++)
    list.push(i);
  object.set("list", std::move(list));
  EXPECT_THROW(evaluate("4999 in list", Scope(object), "test"), Error);
}

TEST(Expression, ScopesNest) {
  Scope file(config());
  Scope layers(file, "i", 5);
  Scope experts(layers, "e", 2);
  EXPECT_EQ(evaluate_int("i*10+e+n", experts, "test"), 59);
  Scope shadow(experts, "i", 1);
  EXPECT_EQ(evaluate_int("i", shadow, "test"), 1);
  EXPECT_EQ(describe_names("i+n+i", layers), "i is 5, n is 7");
}

TEST(Syntax, RefusesWhatIsNoExpression) {
  for (const char* text : {"",
                           " ",
                           "1+",
                           "+1",
                           "(1",
                           "1)",
                           "1 2",
                           "a b",
                           "a.",
                           ".a",
                           "a..b",
                           "1a",
                           "a = 1",
                           "a =! b",
                           "'open",
                           "list[1",
                           "list]",
                           "1 not 2",
                           "not",
                           "and",
                           "a and",
                           "max(1)",
                           "max 1",
                           "f(1)",
                           "(1,",
                           "(,)",
                           "1,2",
                           "a;b",
                           "a\nb",
                           "1e",
                           "99999999999999999999",
                           "a[",
                           "$a",
                           "{a}",
                           "\"a\"",
                           "a / b",
                           "a & b",
                           "lambda: 1",
                           "in list",
                           "is None"})
    EXPECT_NE(parse_expression(text).error, nullptr) << text;
}

TEST(Syntax, AcceptsWordsThatBeginLikeOperators) {
  for (const char* text : {"order", "android", "notes", "inner", "island", "maximum", "Truest",
                           "a_1.b_2", "is_text_model", "not notes or order", "n_head"})
    EXPECT_EQ(parse_expression(text).error, nullptr) << text;
}

TEST(Syntax, BoundsItself) {
  EXPECT_NE(parse_expression(std::string(40, '(') + "1" + std::string(40, ')')).error, nullptr);
  EXPECT_NE(parse_expression(std::string(100, '-') + "1").error, nullptr);
  EXPECT_NE(parse_expression(std::string(600, ' ') + "1").error, nullptr);
  std::string deep;
  for (int i = 0; i < 60; i++)
    deep += "2**";
  EXPECT_NE(parse_expression(deep + "2").error, nullptr);
  std::string wide = "1";
  for (int i = 0; i < 60; i++)
    wide += "+1";
  EXPECT_NE(parse_expression(wide).error, nullptr);
}

// Every prefix of an expression either parses or says where it ends.
TEST(Syntax, EveryPrefixIsSafe) {
  std::string_view text =
      "not (i >= a.b and i % c[0] == 0) or x in ('p', 'q') and -1.5e-3 < max(1, 2)";
  EXPECT_EQ(parse_expression(text).error, nullptr);
  for (std::size_t n = 0; n < text.size(); n++) {
    Syntax syntax = parse_expression(text.substr(0, n));
    EXPECT_TRUE(syntax.error == nullptr || syntax.error_at <= n);
  }
}

static_assert(parse_expression("(a+2*b)*c").error == nullptr);
static_assert(parse_expression("(a+2*b*c").error != nullptr);

}  // namespace
}  // namespace mlc

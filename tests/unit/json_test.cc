#include "base/json.h"

#include <cmath>
#include <ctime>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"

namespace mlc {
namespace {

// Every event on one line with its offset, so that one comparison shows the whole stream.
class Recorder : public JsonHandler {
 public:
  std::string log;
  void begin_object(std::size_t at) override { add("{", at); }
  void key(std::string_view name, std::size_t at) override { add("key " + std::string(name), at); }
  void end_object() override { log += "} "; }
  void begin_array(std::size_t at) override { add("[", at); }
  void end_array() override { log += "] "; }
  void string(std::string_view v, std::size_t at) override { add("str " + std::string(v), at); }
  void number(std::string_view text, bool is_integer, std::size_t at) override {
    add((is_integer ? "int " : "float ") + std::string(text), at);
  }
  void boolean(bool v, std::size_t at) override { add(v ? "true" : "false", at); }
  void null(std::size_t at) override { add("null", at); }

 private:
  void add(const std::string& what, std::size_t at) { log += fmt::format("{}@{} ", what, at); }
};

std::string events(std::string_view text) {
  Recorder recorder;
  parse_json_events(text, "t", {}, recorder);
  return recorder.log;
}

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, "in\x1b.json", limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << text;
    std::string message = e.what();
    std::string prefix = "in\\x1b.json: ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(prefix.size());
  }
  return "accepted";
}

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(JsonEvents, EveryEventHasTheOffsetOfItsFirstByte) {
  EXPECT_EQ(events(R"({"a":1,"b":[2,-3.5e1 ,true,null],"c":{}})"),
            "{@0 key a@1 int 1@5 key b@7 [@11 int 2@12 float -3.5e1@14 true@22 null@27 ] "
            "key c@33 {@37 } } ");
  EXPECT_EQ(events(" [ 12,345\n, \"q\\\"\\\\\" ,\tfalse,[],[[7]] ] \r\n"),
            "[@1 int 12@3 int 345@6 str q\"\\@12 false@22 [@28 ] [@31 [@32 int 7@33 ] ] ] ");
  EXPECT_EQ(events("17"), "int 17@0 ");
  EXPECT_EQ(events("  -0 "), "float -0@2 ");
  EXPECT_EQ(events("[0,-0,-1,0.0,1E2,18446744073709551616]"),
            "[@0 int 0@1 float -0@3 int -1@6 float 0.0@9 float 1E2@13 "
            "int 18446744073709551616@17 ] ");
  EXPECT_EQ(events(R"(["\u0022,:","\ud83d\ude00",9])"),
            "[@0 str \",:@1 str \U0001F600@12 int 9@27 ] ");
}

TEST(JsonEvents, RefusesWhatRfc8259RefusesAtItsOffset) {
  EXPECT_EQ(refusal(""),
            "byte 0: not valid json while parsing value - unexpected end of input; expected '[', "
            "'{', or a literal");
  EXPECT_EQ(refusal("{"),
            "byte 1: not valid json while parsing object key - unexpected end of input"
            "; expected string literal");
  EXPECT_EQ(refusal("[1,2,]"),
            "byte 5: not valid json while parsing value - unexpected ']'; expected '[', '{', or a "
            "literal, at ']'");
  EXPECT_EQ(refusal(R"({"a":1,})").substr(0, 7), "byte 7:");
  EXPECT_EQ(refusal("[1] // c").substr(0, 7), "byte 4:");
  EXPECT_EQ(refusal("[NaN]").substr(0, 7), "byte 1:");
  EXPECT_EQ(refusal("[1,Infinity]").substr(0, 7), "byte 3:");
  EXPECT_EQ(refusal("[01]").substr(0, 7), "byte 2:");
  EXPECT_EQ(refusal("[1.]").substr(0, 7), "byte 3:");
  EXPECT_EQ(refusal("[+1]").substr(0, 7), "byte 1:");
  EXPECT_EQ(refusal("['a']").substr(0, 7), "byte 1:");
  EXPECT_EQ(refusal("{1:2}").substr(0, 7), "byte 1:");
  EXPECT_EQ(refusal("{\"ab\" \"cd\"}").substr(0, 7), "byte 6:");
  EXPECT_EQ(refusal("[1 234]").substr(0, 7), "byte 3:");
  EXPECT_EQ(refusal("[\"x\" false]").substr(0, 7), "byte 5:");
  EXPECT_EQ(refusal("{null:1}").substr(0, 7), "byte 1:");
  EXPECT_EQ(refusal("[\"a\nb\"]").substr(0, 7), "byte 3:");
  EXPECT_EQ(refusal("{\"a\":1}x").substr(0, 7), "byte 7:");
  EXPECT_EQ(refusal("{} {}").substr(0, 7), "byte 3:");
  EXPECT_EQ(refusal("[1e999]"), "byte 1: number out of the range of a double");
}

TEST(JsonEvents, RefusesWhatTheParserWouldLetPass) {
  EXPECT_EQ(refusal("\xEF\xBB\xBF{}"), "byte 0: byte order mark before the json");
  EXPECT_EQ(refusal(std::string_view("{}\0garbage", 10)), "byte 2: NUL byte in json");
  EXPECT_EQ(refusal(std::string_view("{}\0", 3)), "byte 2: NUL byte in json");
  EXPECT_EQ(refusal(R"({"a":1,"b":{"a":2},"a":3})"), "byte 19: duplicate key 'a'");
  EXPECT_EQ(refusal(R"({"a":1,"\u0061":3})"), "byte 7: duplicate key 'a'");
  EXPECT_EQ(refusal(R"([{"x":[{"x":1,"x":2}]}])"), "byte 14: duplicate key 'x'");
  EXPECT_EQ(refusal(R"({"a\u0000b":1})"), "byte 1: key 'a\\x00b' contains a NUL character");
  EXPECT_EQ(parse_json(R"(["a\u0000b"])", "t").items("t")[0].as_string("t"),
            std::string("a\0b", 3));
}

TEST(JsonEvents, RefusesBadUnicode) {
  for (std::string bad :
       {"\xFF", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3",
        "\xF0\x9F\x98", "\\ud800", "\\udc00", "\\ud800\\u0041", "\\u12g4", "\\x"})
    EXPECT_NE(refusal("[\"" + bad + "\"]"), "accepted") << bad;
  EXPECT_NE(refusal("\xFE\xFF"), "accepted");
}

TEST(JsonEvents, HoldsTheLimits) {
  std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(refusal(deep), "accepted");
  EXPECT_EQ(refusal("[" + deep + "]"), "byte 64: nested deeper than 64 levels");
  EXPECT_EQ(refusal(std::string(1000000, '[')), "byte 64: nested deeper than 64 levels");
  EXPECT_EQ(refusal(R"({"a":{"a":{"a":1}}})", {.max_depth = 2}),
            "byte 10: nested deeper than 2 levels");
  EXPECT_EQ(refusal("[1,2,3]", {.max_values = 3}), "byte 5: more than 3 values");
  EXPECT_EQ(refusal("[\"abc\"]", {.max_string = 2}), "byte 1: string of 3 bytes, the limit is 2");
  EXPECT_EQ(refusal("{\"abc\":1}", {.max_string = 2}), "byte 1: key of 3 bytes, the limit is 2");
  EXPECT_EQ(refusal("[1,2,3]", {.max_bytes = 6}), "7 bytes of json, the limit is 6");
}

TEST(JsonEvents, DepthNeedsNoStack) {
  std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  Recorder recorder;
  parse_json_events(deep, "t", {.max_depth = 1000000}, recorder);
  EXPECT_EQ(recorder.log.size(), std::string("[@ ] ").size() * 1000000 + 5888890);
}

TEST(JsonEvents, AMillionKeysAreNotQuadratic) {
  std::string text = "{";
  for (int i = 0; i < 1000000; i++)
    text += fmt::format("\"k{}\":0,", i);
  text += "\"k77\":1}";
  std::clock_t start = std::clock();  // CPU time: other programs may be busy, too
  EXPECT_EQ(refusal(text), fmt::format("byte {}: duplicate key 'k77'", text.size() - 8));
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

TEST(Json, KeepsOrderKindsAndOffsets) {
  Json v = parse_json(R"({"z": 1, "a": [true, "s", 2.50], "n": null})", "t");
  const auto& members = v.members("t");
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].first, "z");
  EXPECT_EQ(members[1].first, "a");
  EXPECT_EQ(members[0].second.as_int("t"), 1);
  EXPECT_EQ(members[0].second.offset(), 6u);
  const auto& items = v.find("a")->items("t");
  EXPECT_TRUE(items[0].as_bool("t"));
  EXPECT_EQ(items[1].as_string("t"), "s");
  EXPECT_EQ(items[2].number_text(), "2.50");
  EXPECT_EQ(items[2].as_double("t"), 2.5);
  EXPECT_TRUE(v.find("n")->is_null());
  EXPECT_EQ(v.find("absent"), nullptr);
  EXPECT_EQ(items[0].find("x"), nullptr);
}

TEST(Json, IntegersAreExactOrRefused) {
  auto one = [](const char* text) { return parse_json(text, "t"); };
  EXPECT_EQ(one("-9223372036854775808").as_int("t"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(one("9223372036854775807").as_int("t"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(one("18446744073709551615").as_size("t"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "1.0", "1e2", "-0", "3.9",
                           "18446744073709551616", "true", "\"1\"", "null", "[]", "{}"})
    EXPECT_THROW(one(text).as_int("t"), Error) << text;
  for (const char* text : {"-1", "18446744073709551616", "1.0", "1e2", "-0"})
    EXPECT_THROW(one(text).as_size("t"), Error) << text;
  EXPECT_EQ(refusal_of([&] { one("  1e2").as_int("config.json: hidden_size"); }),
            "config.json: hidden_size must be a plain integer of 64 bits, but byte 2 has a number "
            "that is not a plain integer (1e2)");
  EXPECT_EQ(refusal_of([&] { one("\"x\"").as_bool("t: a"); }),
            "t: a must be true or false, but byte 0 has a string ('x')");
}

TEST(Json, DoublesReadTheNearestValue) {
  auto one = [](const char* text) { return parse_json(text, "t").as_double("t"); };
  EXPECT_EQ(one("1e-5"), 1e-5);
  EXPECT_EQ(one("12"), 12.0);
  EXPECT_EQ(one("1e-400"), 0.0);
  EXPECT_TRUE(std::signbit(one("-1e-400")));
  EXPECT_TRUE(std::signbit(one("-0")));
  EXPECT_EQ(one("5e-324"), 5e-324);
  EXPECT_EQ(one("1000000000000000019884624838656"), 1e30);
}

TEST(JsonDump, EqualsPythonLayout) {
  Json v = Json::object();
  Json inner = Json::object();
  inner.set("b", Json::array()).set("c", Json::object());
  Json a = Json::array();
  a.push(1);
  a.push(2.5);
  a.push(true);
  a.push({});
  a.push(inner);
  v.set("a", a).set("z", "y").set("z", "x");
  EXPECT_EQ(dump_json(v), R"({"a": [1, 2.5, true, null, {"b": [], "c": {}}], "z": "x"})");
  EXPECT_EQ(
      dump_json(v, 0),
      "{\n\"a\": [\n1,\n2.5,\ntrue,\nnull,\n{\n\"b\": [],\n\"c\": {}\n}\n],\n\"z\": \"x\"\n}");
  EXPECT_EQ(dump_json(v, 2),
            "{\n  \"a\": [\n    1,\n    2.5,\n    true,\n    null,\n    {\n      \"b\": [],\n"
            "      \"c\": {}\n    }\n  ],\n  \"z\": \"x\"\n}");
  EXPECT_EQ(dump_json(Json()), "null");
  EXPECT_EQ(dump_json(Json::array(), 4), "[]");
}

TEST(JsonDump, EqualsPythonStrings) {
  std::string text = "\x7f\u0080\u2028\U0001F600\x1f\b\f\n\r\t\"\\/\x01~";
  EXPECT_EQ(dump_json(Json(text)),
            R"("\u007f\u0080\u2028\ud83d\ude00\u001f\b\f\n\r\t\"\\/\u0001~")");
  EXPECT_EQ(dump_json(Json(text), -1, false),
            "\"\x7f\u0080\u2028\U0001F600\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\\u0001~\"");
  EXPECT_EQ(dump_json(Json("\U0010FFFF\uE000\uFFFD")), R"("\udbff\udfff\ue000\ufffd")");
  // Not text at all, which Python could not hold either.
  EXPECT_EQ(dump_json(Json("a\xFF\xC0\xAF\xED\xA0\x80z\xE2\x82")),
            R"("a\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdz\ufffd\ufffd")");
}

TEST(JsonDump, EqualsPythonNumbers) {
  EXPECT_EQ(dump_json(parse_json("[1e2,-0,-0.0,1.50,18446744073709551616,1E-7,0.1]", "t")),
            "[100.0, 0, -0.0, 1.5, 18446744073709551616, 1e-07, 0.1]");
  double inf = std::numeric_limits<double>::infinity();
  Json a = Json::array();
  for (double d : {inf, -inf, std::numeric_limits<double>::quiet_NaN(), 1.0})
    a.push(d);
  EXPECT_EQ(dump_json(a), "[Infinity, -Infinity, NaN, 1.0]");
  EXPECT_EQ(dump_json(Json(std::numeric_limits<std::uint64_t>::max())), "18446744073709551615");
  EXPECT_EQ(dump_json(Json(std::numeric_limits<std::int64_t>::min())), "-9223372036854775808");
}

// Expected strings printed by CPython 3.11.
TEST(PythonRepr, EqualsPython) {
  const std::pair<double, const char*> cases[] = {
      {1e16, "1e+16"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e15, "1000000000000000.0"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1e-4, "0.0001"},
      {1e-5, "1e-05"},
      {0.00012345, "0.00012345"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {-0.0, "-0.0"},
      {0.0, "0.0"},
      {0.1, "0.1"},
      {100.0, "100.0"},
      {1.0 / 3, "0.3333333333333333"},
      {1180591620717411303424.0, "1.1805916207174113e+21"},
      {1e22, "1e+22"},
      {1e23, "1e+23"},
      {4.35, "4.35"},
      {-2.5e-7, "-2.5e-07"},
      {65504.0, "65504.0"},
      {12345.678, "12345.678"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::numeric_limits<double>::quiet_NaN(), "nan"},
  };
  for (auto [value, text] : cases)
    EXPECT_EQ(python_repr(value), text);
}

}  // namespace
}  // namespace mlc

// Our tokenizer, for tokenize.mjs: `tokenize_cli TOKENIZER` answers each line of standard input, a
// JSON string, with a line {"ids", "special" (with special tokens), "decoded" and "skipped" (of
// these, with and without them), "streamed"} or {"error"}.
#include <cstdio>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace {

using namespace mlc;

Json numbers(const std::vector<std::int32_t>& ids) {
  Json list = Json::array();
  for (std::int32_t id : ids)
    list.push(std::int64_t{id});
  return list;
}

Json answer(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> special = tokenizer.encode(text);
  DecodeOptions all{.skip_special_tokens = false};
  StreamDecoder stream(tokenizer, all);
  std::string streamed;
  for (std::int32_t id : special)
    streamed += stream.push(id);
  streamed += stream.finish();
  return Json::object()
      .set("ids", numbers(tokenizer.encode(text, {.add_special_tokens = false})))
      .set("special", numbers(special))
      .set("decoded", tokenizer.decode(special, all))
      .set("skipped", tokenizer.decode(special))
      .set("streamed", streamed);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(argv[1]);
    std::string line;
    while (std::getline(std::cin, line)) {
      Json result;
      try {
        result = answer(*tokenizer, parse_json(line, "text").as_string("text"));
      } catch (const Error& e) {
        result = Json::object().set("error", e.what());
      }
      std::cout << dump_json(result) << '\n';
    }
  } catch (const Error& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
  return std::ferror(stdin) != 0 ? 1 : 0;
}

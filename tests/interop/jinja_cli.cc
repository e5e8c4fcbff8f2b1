// Templates through our engine, for jinja_check.py: each line of standard input is a JSON object
// {"template": text, "context": object, "now": seconds}; the answer is a line {"text": ...} or
// {"error": ...}.
#include <cstdio>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "genconfig/jinja/jinja.h"

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    mlc::Json answer = mlc::Json::object();
    try {
      const mlc::Json request = mlc::parse_json(line, "request");
      const auto parsed =
          mlc::jinja::Template::parse(request.find("template")->as_string("template"), "template");
      answer.set("text",
                 parsed.render(*request.find("context"), request.find("now")->as_int("now")));
    } catch (const mlc::Error& e) {
      answer.set("error", e.what());
    }
    std::cout << mlc::dump_json(answer) << std::endl;
  }
  return std::ferror(stdin) != 0 ? 1 : 0;
}

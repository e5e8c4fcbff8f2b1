// For texts of which only the strict checks of parse_json_events() are wanted.
#pragma once

#include "base/json.h"

namespace mlc {

class IgnoredJson : public JsonHandler {
 public:
  void begin_object(std::size_t) override {}
  void key(std::string_view, std::size_t) override {}
  void end_object() override {}
  void begin_array(std::size_t) override {}
  void end_array() override {}
  void string(std::string_view, std::size_t) override {}
  void number(std::string_view, bool, std::size_t) override {}
  void boolean(bool, std::size_t) override {}
  void null(std::size_t) override {}
};

}  // namespace mlc

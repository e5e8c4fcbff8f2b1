#include "runtime-min/chat/stop_filter.h"

#include <algorithm>
#include <utility>

namespace mlc {
namespace {

// How many bytes at the end of `text` are the beginning of `stop`, but not all of it. Both are
// UTF-8, so they begin with a whole character.
std::size_t begun(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; n--)
    if (text.ends_with(stop.substr(0, n))) return n;
  return 0;
}

}  // namespace

StopFilter::StopFilter(std::vector<std::string> stop_strings) : stops_(std::move(stop_strings)) {
  std::erase(stops_, "");
}

std::string StopFilter::push(std::string_view text) {
  if (stopped_) return "";
  held_ += text;
  std::size_t end = std::string::npos, begin = 0;
  for (const std::string& stop : stops_) {
    std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    std::size_t stop_end = at + stop.size();
    if (end == std::string::npos || stop_end < end || (stop_end == end && at < begin)) {
      end = stop_end;
      begin = at;
    }
  }
  stopped_ = end != std::string::npos;
  if (!stopped_) {
    std::size_t back = 0;
    for (const std::string& stop : stops_)
      back = std::max(back, begun(held_, stop));
    begin = held_.size() - back;
  }
  std::string shown = held_.substr(0, begin);
  held_.erase(0, stopped_ ? held_.size() : begin);
  return shown;
}

std::string StopFilter::finish() { return std::exchange(held_, ""); }

}  // namespace mlc

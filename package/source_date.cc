#include "package/source_date.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace mlc {

std::int64_t source_date_epoch() {
  constexpr std::int64_t kLast = 253'402'300'799;
  const char* set = std::getenv("SOURCE_DATE_EPOCH");
  std::string_view text = set == nullptr ? "" : set;
  if (text.empty()) return 0;
  std::int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > kLast)
    fail(ExitCode::kUsage,
         "SOURCE_DATE_EPOCH is '{}', expected whole seconds since 1970, from 0 to {}",
         printable(text), kLast);
  return seconds;
}

std::string rfc3339(std::int64_t seconds) {
  using std::chrono::days;
  std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace mlc

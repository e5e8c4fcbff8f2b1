// Text as it is generated, less the stop strings: nothing of them is shown, even when they come in
// several pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlc {

class StopFilter {
 public:
  // Empty stop strings are left out: they would stop at once.
  explicit StopFilter(std::vector<std::string> stop_strings);

  // What can be shown by now; held back is what a stop string may begin with. After a stop string
  // nothing more comes.
  std::string push(std::string_view text);

  // The text ends here: what was held back, unless a stop string ended it.
  std::string finish();

  // A stop string was complete. The one that was complete first counts, of those that end together
  // the one that begins first, so it makes no difference how the text was cut into pieces.
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace mlc

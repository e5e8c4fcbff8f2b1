#include "verify/kernel_choice.h"

#include <set>
#include <string_view>

#include "base/error.h"
#include "verify/kernel_cases/dispatch_case.h"

namespace mlc {
namespace {

// The cases behind 128 MiB take a buffer of more.
constexpr std::uint64_t kLargeBytes = std::uint64_t{256} << 20;

bool has_room(const DeviceInfo& info) {
  return info.max_buffer_bytes >= kLargeBytes &&
         (info.memory_bytes == 0 || info.memory_bytes >= 4 * kLargeBytes);
}

}  // namespace

std::vector<ChosenCase> choose_cases(Device& device, const LoadedModel* model, bool all,
                                     std::uint64_t max_bytes, std::string& unknown) {
  std::vector<ChosenCase> chosen;
  const auto choose = [&](const KernelCase& c, bool timed) {
    chosen.push_back({std::make_shared<const KernelCase>(c), timed});
  };
  std::set<Kernel> run;
  std::set<std::string_view> formats;
  if (model != nullptr) {
    try {
      for (const KernelCase& c : cases_of_model(device, *model, max_bytes)) {
        choose(c, true);
        run.insert(c.kernel);
        if (!c.format.empty()) formats.insert(c.format);
      }
    } catch (const Error& error) {
      unknown = error.what();
      chosen.clear();
      run.clear();
    }
  }
  if (run.empty()) formats = {"q4f16", "q3f16", "f16", "f32"};
  for (const KernelCase& c : usual_cases(max_bytes))
    if (run.count(c.kernel) == 0) choose(c, true);
  for (const KernelCase& c : all_cases()) {
    const bool wanted = c.core && (c.format.empty() || formats.count(c.format) != 0);
    if (all ? !c.large || has_room(device.info()) : wanted) choose(c, false);
  }
  return chosen;
}

}  // namespace mlc

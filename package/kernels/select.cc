// Which variant of a bundle a device gets.
#include <algorithm>

#include "base/error.h"
#include "package/kernels/bundle.h"
#include "package/kernels/bundle_config.h"

namespace mlc {
namespace {

// At most so many reasons against one variant are listed.
constexpr std::size_t kMostReasons = 4;

struct Judged {
  const KernelVariant* variant;
  std::size_t met = 0;
  std::vector<std::string> against;
};

Judged judge(const KernelVariant& variant, const DeviceProfile& device, std::string_view api) {
  Judged judged{.variant = &variant, .met = 0, .against = {}};
  if (variant.api != api) {
    judged.against.push_back(fmt::format("it is for {}", printable(variant.api)));
    return judged;
  }
  for (const Requirement& r : variant.needs) {
    const std::string problem = why_not(r, device);
    if (problem.empty())
      judged.met++;
    else
      judged.against.push_back(fmt::format("{}: {}", r.text(), problem));
  }
  for (const Json& entry : variant.deny) {
    if (!is_denied(entry, device)) continue;
    const Json* reason = entry.find("reason");
    judged.against.push_back(reason != nullptr && reason->is_string()
                                 ? "denied: " + printable(reason->as_string("reason"))
                                 : "denied for this device or driver");
  }
  return judged;
}

std::string reasons_text(const Judged& judged) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kMostReasons, judged.against.size()); i++)
    text += (i == 0 ? "" : "; ") + judged.against[i];
  if (judged.against.size() > kMostReasons)
    text += fmt::format("; and {} more", judged.against.size() - kMostReasons);
  return text;
}

bool comes_before(const Judged& a, const Judged& b) {
  if (a.variant->priority != b.variant->priority) return a.variant->priority > b.variant->priority;
  if (a.met != b.met) return a.met > b.met;
  return a.variant->id < b.variant->id;
}

}  // namespace

VariantChoice select_variant(const KernelBundle& bundle, const DeviceProfile& device,
                             std::string_view api) {
  std::vector<Judged> all;
  for (const KernelVariant& variant : bundle.variants)
    all.push_back(judge(variant, device, api));
  // The order of the file must not matter: ids differ, so this order is total.
  std::sort(all.begin(), all.end(), comes_before);
  VariantChoice choice;
  for (const Judged& judged : all) {
    const KernelVariant& v = *judged.variant;
    const std::string rank = fmt::format("priority {}, {} requirement{} met", v.priority,
                                         judged.met, judged.met == 1 ? "" : "s");
    std::string verdict;
    if (!judged.against.empty()) {
      verdict = "refused: " + reasons_text(judged);
    } else if (choice.id.empty()) {
      choice.id = v.id;
      verdict = fmt::format("taken ({})", rank);
    } else {
      verdict = fmt::format("fits, but {} comes first ({})", choice.id, rank);
    }
    choice.explained.push_back(fmt::format("{}: {}", v.id, verdict));
  }
  return choice;
}

}  // namespace mlc

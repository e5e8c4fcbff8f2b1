#include "deliver/delivery_plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace mlc {

namespace {

constexpr std::string_view kDefaultDestination = "{username}/{model_id}-{quantization}-MLC";

DeliveryOverrides overrides_of(const DeliveryList& spec, const DeliveryTask& task,
                               const std::string& scheme) {
  for (const OverridesByScheme* all : {&task.overrides, &spec.default_overrides})
    for (const auto& [name, overrides] : *all)
      if (name == scheme) return overrides;
  return {};
}

DeliveryWork work_of(const DeliveryTask& task, const Delivery& delivery, const DeliveryList& log) {
  for (const DeliveryTask& done : log.tasks) {
    if (done.model_id != delivery.model_id || done.quantization[0] != delivery.quantization ||
        done.of(delivery.quantization) != delivery.overrides)
      continue;
    return done.conv_template == delivery.conv_template ? DeliveryWork::kNothing
                                                        : DeliveryWork::kConfig;
  }
  return task.gen_config_only ? DeliveryWork::kConfig : DeliveryWork::kAll;
}

}  // namespace

std::string fill_in(std::string_view text, const std::string& username, const Delivery& delivery,
                    const std::string& where) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at++) {
    char c = text[at];
    bool doubled = at + 1 < text.size() && text[at + 1] == c;
    if ((c != '{' && c != '}') || doubled) {
      at += c == '{' || c == '}' ? 1 : 0;
      out.push_back(c);
      continue;
    }
    std::size_t end = text.find('}', at);
    std::string_view name = c == '}' || end == text.npos ? "" : text.substr(at + 1, end - at - 1);
    if (name == "username")
      out += username;
    else if (name == "model_id")
      out += delivery.model_id;
    else if (name == "quantization")
      out += delivery.quantization;
    else
      bad_input(
          "{}: \"{}\" has {}, expected {{username}}, {{model_id}} or {{quantization}}",
          printable(where, 1024), printable(text),
          name.empty() ? std::string("a brace by itself") : fmt::format("{{{}}}", printable(name)));
    at = end;
  }
  return out;
}

std::vector<Delivery> plan_deliveries(const DeliveryList& spec, const DeliveryList& log,
                                      const std::string& username, const std::string& where) {
  std::vector<Delivery> plan;
  std::set<std::string> destinations;
  std::set<std::string> folders;
  for (const DeliveryTask& task : spec.tasks) {
    std::vector<std::string> schemes = task.quantization;
    for (const std::string& scheme : spec.default_quantization)
      if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end())
        schemes.push_back(scheme);
    if (schemes.empty())
      bad_input("{}: {} has no quantization, and there is no default_quantization",
                printable(where, 1024), printable(task.model_id));
    const std::string destination = task.destination.value_or(
        spec.default_destination.value_or(std::string(kDefaultDestination)));
    for (const std::string& scheme : schemes) {
      Delivery one{.model_id = task.model_id,
                   .model = task.model,
                   .conv_template = task.conv_template,
                   .quantization = scheme,
                   .overrides = overrides_of(spec, task, scheme),
                   .work = DeliveryWork::kAll,
                   .destination = {}};
      one.work = work_of(task, one, log);
      one.destination = fill_in(destination, username, one, where);
      if (!destinations.insert(one.destination).second)
        bad_input("{}: two deliveries have the destination {}; put {{quantization}} into it",
                  printable(where, 1024), printable(one.destination));
      if (!folders.insert(one.folder()).second)
        bad_input("{}: two deliveries have the folder {}", printable(where, 1024),
                  printable(one.folder()));
      plan.push_back(std::move(one));
    }
  }
  return plan;
}

void add_to_log(DeliveryList& log, const Delivery& delivery) {
  std::erase_if(log.tasks, [&](const DeliveryTask& task) {
    return task.model_id == delivery.model_id && task.quantization[0] == delivery.quantization;
  });
  log.tasks.push_back({.model_id = delivery.model_id,
                       .model = delivery.model,
                       .conv_template = delivery.conv_template,
                       .quantization = {delivery.quantization},
                       .overrides = {{delivery.quantization, delivery.overrides}},
                       .destination = delivery.destination,
                       .gen_config_only = delivery.work == DeliveryWork::kConfig});
}

}  // namespace mlc

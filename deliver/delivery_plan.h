// What of a delivery list the log lacks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/delivery_list.h"

namespace mlc {

enum class DeliveryWork { kNothing, kConfig, kAll };

// One model with one quantization.
struct Delivery {
  std::string model_id;
  std::string model;
  std::string conv_template;
  std::string quantization;
  DeliveryOverrides overrides;
  DeliveryWork work = DeliveryWork::kAll;
  std::string destination;  // "mlc-ai/Llama-3-8B-q4f16_1-MLC"
  std::string folder() const { return model_id + "-" + quantization + "-MLC"; }
};

// mlc_llm's rules, in a fixed order: tasks as in the spec, the quantizations of each before the
// default ones. What the log has with equal overrides and the same template is kNothing; with
// another template only the config is new. A task's overrides of a scheme take the place of the
// default ones as a whole.
//
// Error(kBadInput): a destination with an unknown placeholder, two deliveries with one destination
// or folder, a task without any quantization.
std::vector<Delivery> plan_deliveries(const DeliveryList& spec, const DeliveryList& log,
                                      const std::string& username, const std::string& where);

// The text with {username}, {model_id} and {quantization} put in, {{ and }} for braces.
std::string fill_in(std::string_view text, const std::string& username, const Delivery& delivery,
                    const std::string& where);

// The log with this delivery in it, in place of an earlier one.
void add_to_log(DeliveryList& log, const Delivery& delivery);

}  // namespace mlc

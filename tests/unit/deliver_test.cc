// Delivery lists: reading, what the log lacks, and the log that mlc_llm would write.
#include <filesystem>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "deliver/delivery_list.h"
#include "deliver/delivery_plan.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(MLC_TEST_DATA) / "golden" / "delivery";

std::string golden(const std::string& name) { return (kGolden / name).string(); }

// mlc_llm writes the snapshot's folder where we write what was asked for.
std::string with_snapshots(std::string text) {
  for (const auto& [from, to] :
       {std::pair{"HF://microsoft/Phi-3-mini-128k-instruct",
                  "/snap/microsoft--Phi-3-mini-128k-instruct"},
        std::pair{"https://huggingface.co/TinyLlama/TinyLlama-1.1B-Chat-v1.0",
                  "/snap/TinyLlama--TinyLlama-1.1B-Chat-v1.0"}})
    for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at))
      text.replace(at, std::string(from).size(), to);
  return text;
}

class Deliver : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "mlc-deliver-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string file(const std::string& name, const std::string& text) {
    std::string path = (folder_ / name).string();
    write_file_atomically(path, text);
    return path;
  }
  std::vector<Delivery> plan(const std::string& spec, const std::string& log = "") {
    DeliveryList done;
    if (!log.empty()) done = read_delivery_log(file("log.json", log));
    return plan_deliveries(read_delivery_spec(file("spec.json", spec)), done, "u", "spec.json");
  }
  fs::path folder_;
};

TEST_F(Deliver, PlansAndLogsTheGoldenCase) {
  DeliveryList spec = read_delivery_spec(golden("spec.json"));
  DeliveryList log = read_delivery_log(golden("log_before.json"));
  EXPECT_TRUE(spec.warnings.empty());
  std::vector<Delivery> plan = plan_deliveries(spec, log, "mlc-ai", "spec.json");
  std::vector<std::string> folders;
  for (const Delivery& one : plan)
    folders.push_back(one.folder());
  EXPECT_EQ(folders,
            (std::vector<std::string>{
                "Phi-3-mini-128k-instruct-q3f16_1-MLC", "Phi-3-mini-128k-instruct-q0f16-MLC",
                "Phi-3-mini-128k-instruct-q4f16_1-MLC", "TinyLlama-q0f16-MLC",
                "TinyLlama-q4f16_1-MLC", "bad-model-q0f16-MLC", "bad-model-q4f16_1-MLC"}));
  for (const Delivery& one : plan)
    EXPECT_EQ(one.work,
              one.folder() == "TinyLlama-q4f16_1-MLC" ? DeliveryWork::kConfig : DeliveryWork::kAll);
  EXPECT_EQ(plan[0].overrides[0], 512);
  EXPECT_EQ(plan[1].overrides[0], 4096);
  EXPECT_EQ(plan[2].overrides[0], std::nullopt);
  EXPECT_EQ(plan[3].destination, "mlc-ai/TinyLlama-q0f16-MLC");
  for (const Delivery& one : plan)
    if (one.model_id != "bad-model") add_to_log(log, one);
  EXPECT_EQ(with_snapshots(delivery_log_text(log)), read_file(golden("log_after.json"), 1 << 20));

  // All of it is in the log now.
  for (const Delivery& one : plan_deliveries(spec, log, "mlc-ai", "spec.json"))
    EXPECT_EQ(one.work, one.model_id == "bad-model" ? DeliveryWork::kAll : DeliveryWork::kNothing);
}

std::string task(const std::string& more) {
  return R"({"model_id": "M", "model": "HF://a/b", "conv_template": "c")" +
         (more.empty() ? "" : ", " + more) + "}";
}
std::string spec_of(const std::string& more, const std::string& defaults = "") {
  return R"({"tasks": [)" + task(more) + "]" + (defaults.empty() ? "" : ", " + defaults) + "}";
}

TEST_F(Deliver, ATextIsOneScheme) {
  std::vector<Delivery> one = plan(spec_of(R"("quantization": "q4f16_1")"));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].quantization, "q4f16_1");
}

TEST_F(Deliver, OverridesDecideWhetherItIsNew) {
  const std::string spec =
      spec_of(R"("quantization": ["q0f16"], "overrides": {"q0f16": {"context_window_size": 512}})");
  auto work = [&](const std::string& more, const std::string& conv = "c") {
    return plan(spec, R"({"tasks": [{"model_id": "M", "model": "x", "conv_template": ")" + conv +
                          R"(", "quantization": "q0f16")" + more + "}]}")[0]
        .work;
  };
  EXPECT_EQ(work(R"(, "overrides": {"q0f16": {"context_window_size": 512}})"),
            DeliveryWork::kNothing);
  EXPECT_EQ(work(R"(, "overrides": {"q0f16": {"context_window_size": 512}})", "other"),
            DeliveryWork::kConfig);
  EXPECT_EQ(work(R"(, "overrides": {"q0f16": {"context_window_size": 513}})"), DeliveryWork::kAll);
  EXPECT_EQ(work(R"(, "overrides": {"q4f16_1": {"context_window_size": 512}})"),
            DeliveryWork::kAll);
  EXPECT_EQ(work(""), DeliveryWork::kAll);
}

// The task's overrides of a scheme replace the default ones whole, as a dict's update does.
TEST_F(Deliver, OverridesOfATaskReplaceTheDefaults) {
  std::vector<Delivery> one = plan(spec_of(R"("overrides": {"q0f16": {"prefill_chunk_size": 64}})",
                                           R"("default_quantization": ["q0f16"],
                      "default_overrides": {"q0f16": {"context_window_size": 512}})"));
  EXPECT_EQ(one[0].overrides[0], std::nullopt);
  EXPECT_EQ(one[0].overrides[2], 64);
}

// mlc_llm stops with a TypeError at any task that has one.
TEST_F(Deliver, DestinationsOfTasksCount) {
  EXPECT_EQ(
      plan(spec_of(R"("quantization": "q0f16", "destination": "{{x}}/{model_id}")"))[0].destination,
      "{x}/M");
  EXPECT_EQ(plan(spec_of(R"("quantization": "q0f16")",
                         R"("default_destination": "{username}/{quantization}")"))[0]
                .destination,
            "u/q0f16");
}

TEST_F(Deliver, RefusesListsThatCantBe) {
  struct Refusal {
    std::string spec;
    std::string message;
  };
  const Refusal cases[] = {
      {"[]", "expected an object"},
      {"{}", "tasks is missing"},
      {R"({"tasks": {}})", "tasks"},
      {R"({"tasks": [1]})", "tasks[0]"},
      {R"({"tasks": [{}]})", "tasks[0].model_id is missing"},
      {R"({"tasks": [{"model_id": "M"}]})", "tasks[0].model is missing"},
      {R"({"tasks": [{"model_id": "M", "model": "m"}]})", "tasks[0].conv_template is missing"},
      {R"({"tasks": [{"model_id": "../M", "model": "m", "conv_template": "c"}]})",
       "can't be a folder's name"},
      {spec_of(""), "has no quantization"},
      {spec_of(R"("quantization": 4)"), "tasks[0].quantization"},
      {spec_of(R"("quantization": ["../q"])"), "is no quantization"},
      {spec_of(R"("overrides": {"q0f16": {"context_window_size": "512"}})"),
       "tasks[0].overrides.q0f16.context_window_size"},
      {spec_of(R"("quantization": "q0f16", "destination": "{name}")"), "has {name}, expected"},
      {spec_of(R"("quantization": "q0f16", "destination": "a}b")"), "a brace by itself"},
      {spec_of(R"("quantization": ["q0f16", "q4f16_1"], "destination": "a/b")"),
       "put {quantization} into it"},
      {R"({"tasks": [)" + task(R"("quantization": "q0f16")") + "," +
           task(R"("quantization": "q0f16")") + "]}",
       "two deliveries have the destination u/M-q0f16-MLC"},
      {R"({"tasks": [], "tasks": []})", "tasks"},
  };
  for (const Refusal& one : cases)
    try {
      plan(one.spec);
      ADD_FAILURE() << one.spec;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
      EXPECT_NE(std::string(e.what()).find(one.message), std::string::npos) << e.what();
    }
  EXPECT_THROW(read_delivery_spec("/nonexistent/spec.json"), Error);
  EXPECT_TRUE(read_delivery_log("/nonexistent/log.json").tasks.empty());
}

TEST_F(Deliver, SaysWhatMeansNothing) {
  DeliveryList spec = read_delivery_spec(file("spec.json", spec_of(R"("quantisation": "q0f16")")));
  ASSERT_EQ(spec.warnings.size(), 1u);
  EXPECT_NE(spec.warnings[0].find("did you mean quantization?"), std::string::npos);
}

}  // namespace
}  // namespace mlc

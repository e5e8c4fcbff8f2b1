#include "deliver/deliver.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/output_folder.h"
#include "base/parallel.h"
#include "base/shell_word.h"
#include "convert/convert.h"
#include "deliver/stamp.h"
#include "genconfig/genconfig.h"
#include "package/fetch.h"
#include "package/package.h"
#include "verify/verify.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHubUrl = "https://huggingface.co/";

bool exists(const std::string& path) {
  std::error_code ignored;  // what can't be looked at is not there
  return fs::exists(path, ignored);
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// With a tag.
std::string reference_of(const DeliverOptions& options, const Delivery& delivery) {
  Delivery names = delivery;
  names.model_id = lower(names.model_id);
  std::string text = fill_in(options.registry, lower(options.username), names, "--registry");
  std::size_t slash = text.rfind('/');
  bool tagged = slash != text.npos && text.find(':', slash) != text.npos;
  return tagged ? text : text + ":" + delivery.quantization;
}

class Deliverer {
 public:
  Deliverer(const DeliverOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter) {}

  void deliver(const Delivery& delivery, DeliveryResult& result) {
    const std::string source = source_of(delivery);
    const std::string& folder = result.folder;
    generate(delivery, source, folder);
    bool whole = exists(folder + "/tensor-cache.json");
    // A package can't be without weights.
    if (delivery.work == DeliveryWork::kAll || (!whole && !options_.registry.empty())) {
      convert(delivery, source, folder);
      whole = true;
    }
    if (whole) verify(source, folder);
    if (options_.registry.empty()) {
      result.upload =
          fmt::format("hf upload {} {} .", shell_word(delivery.destination), shell_word(folder));
      return;
    }
    publish(delivery, source, result);
  }

 private:
  std::string source_of(const Delivery& delivery) {
    std::string address = delivery.model;
    if (address.starts_with(kHubUrl)) address = "HF://" + address.substr(kHubUrl.size());
    if (!is_model_address(address)) return address;
    std::string name = address.substr(address.rfind('/') + 1);
    std::string local = options_.hf_local_dir + "/" + name.substr(0, name.find('@'));
    if (!options_.hf_local_dir.empty() && exists(local + "/config.json")) return local;
    return local_folder(address, Fetch::kCheckpoint, reporter_);
  }

  void generate(const Delivery& delivery, const std::string& source, const std::string& folder) {
    const DeliveryOverrides& o = delivery.overrides;
    GenConfigOptions options{.config = source,
                             .quantization = delivery.quantization,
                             .conv_template = delivery.conv_template,
                             .output = folder,
                             .overrides = {}};
    options.overrides = {.context_window_size = o[0],
                         .sliding_window_size = o[1],
                         .prefill_chunk_size = o[2],
                         .attention_sink_size = o[3],
                         .max_batch_size = std::nullopt,
                         .tensor_parallel_shards = o[4],
                         .pipeline_parallel_stages = o[5],
                         .disaggregation = std::nullopt};
    write_generated_config(generate_config(options, reporter_), folder);
  }

  void convert(const Delivery& delivery, const std::string& source, const std::string& folder) {
    const std::string stamp = conversion_stamp(source, delivery.quantization);
    if (exists(folder + "/tensor-cache.json") &&
        read_stamp(options_.output, delivery.folder()) == stamp) {
      reporter_.note(fmt::format("{}: was converted before", printable(folder, 1024)));
      return;
    }
    ConvertOptions options;
    options.config = source;
    options.quantization = delivery.quantization;
    options.output = folder;
    options.threads = options_.threads;
    options.max_memory = options_.max_memory;
    options.resume = true;
    options.overwrite = true;
    run_conversion(options, prepare_conversion(options, reporter_), reporter_);
    write_stamp(options_.output, delivery.folder(), stamp);
  }

  void verify(const std::string& source, const std::string& folder) {
    VerifyOptions options;
    options.model = folder;
    options.source = source;
    options.levels = {Level::kFile, Level::kParam, Level::kWeight};
    options.threads = options_.threads;
    options.max_memory = options_.max_memory;
    VerifyReport report;
    run_verify(options, report, reporter_);
    std::size_t errors = report.findings.count(Severity::kError);
    if (errors == 0) return;
    const Finding& first = report.findings.all().front();
    fail(ExitCode::kVerify, "{}: {} errors, the first: {} {} ({})", printable(folder, 1024), errors,
         first.rule->id, first.rule->what, printable(first.where));
  }

  void publish(const Delivery& delivery, const std::string& source, DeliveryResult& result) {
    const std::string reference = reference_of(options_, delivery);
    PackageOptions package{.model = result.folder,
                           .output = options_.output + "/packages",
                           .name = delivery.model_id + "-" + delivery.quantization,
                           .version = options_.version,
                           .tag = delivery.model_id + "-" + delivery.quantization,
                           .kernels = options_.kernels,
                           .sign_key = options_.sign_key,
                           .source = source};
    package.overwrite = true;  // the tag of what was delivered before
    package.threads = options_.threads;
    PackageSummary made = package_model(package, reporter_);
    result.manifest = made.manifest;
    push({.path = package.output, .tag = made.tag}, reference, options_.transfer, reporter_);
    result.reference = reference;
  }

  const DeliverOptions& options_;
  Reporter& reporter_;
};

void tell(Reporter& reporter, const char* event, const DeliveryResult& result) {
  const Delivery& one = result.delivery;
  Json detail = Json::object()
                    .set("model_id", one.model_id)
                    .set("quantization", one.quantization)
                    .set("folder", result.folder);
  if (!result.error.empty())
    detail.set("code", static_cast<int>(result.code)).set("text", result.error);
  if (!result.reference.empty())
    detail.set("reference", result.reference).set("manifest", result.manifest.text());
  if (!result.upload.empty()) detail.set("upload", result.upload);
  reporter.event(event, detail);
}

bool all_of_them(const std::vector<DeliveryResult>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const DeliveryResult& one) { return one.error.empty(); });
}

void check_references(const DeliverOptions& options, const std::vector<Delivery>& plan) {
  if (options.registry.empty()) return;
  std::set<std::string> seen;
  for (const Delivery& one : plan)
    if (std::string reference = reference_of(options, one); !seen.insert(reference).second)
      fail(ExitCode::kUsage, "--registry: two deliveries have the reference {}",
           printable(reference, 1024));
}

}  // namespace

std::string overrides_text(const DeliveryOverrides& overrides) {
  std::string text;
  for (std::size_t i = 0; i < overrides.size(); i++)
    if (overrides[i])
      text +=
          fmt::format("{}{}={}", text.empty() ? "" : ", ", kDeliveryOverrides[i], *overrides[i]);
  return text;
}

std::vector<Delivery> plan_delivery(const DeliverOptions& options, Reporter& reporter) {
  DeliveryList spec = read_delivery_spec(options.spec);
  DeliveryList log = read_delivery_log(options.log);
  for (const DeliveryList* list : {&spec, &log})
    for (const std::string& warning : list->warnings)
      reporter.warn(warning);
  std::vector<Delivery> plan = plan_deliveries(spec, log, options.username, options.spec);
  check_references(options, plan);
  return plan;
}

std::vector<DeliveryResult> deliver(const DeliverOptions& options,
                                    const std::vector<Delivery>& plan, Reporter& reporter) {
  std::vector<DeliveryResult> results;
  OutputFolder lock(options.output, true);  // nobody else works here
  DeliveryList log = read_delivery_log(options.log);
  Deliverer deliverer(options, reporter);
  std::size_t number = 0;
  for (const Delivery& delivery : plan) {
    number++;
    if (delivery.work == DeliveryWork::kNothing) {
      remove_stamp(options.output, delivery.folder());
      continue;
    }
    throw_if_cancelled();
    auto start = std::chrono::steady_clock::now();
    DeliveryResult result;
    result.delivery = delivery;
    result.folder = options.output + "/" + delivery.folder();
    tell(reporter, "delivery", result);
    reporter.note(fmt::format("[{}/{}] {}", number, plan.size(), printable(delivery.folder())));
    bool delivered = false;
    try {
      deliverer.deliver(delivery, result);
      delivered = true;
    } catch (const Error& error) {
      reporter.end();  // of a stage that did not come to its end
      // What is wrong is not this command line, but what the list says.
      result.code = error.code() == ExitCode::kUsage ? ExitCode::kBadInput : error.code();
      result.error = error.what();
      reporter.warn(fmt::format("{}: failed: {}", printable(delivery.folder()), result.error));
    }
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (delivered) {
      add_to_log(log, delivery);
      write_file_atomically(options.log, delivery_log_text(log));
      remove_stamp(options.output, delivery.folder());
    }
    tell(reporter, delivered ? "delivered" : "failed", result);
    results.push_back(std::move(result));
  }
  if (all_of_them(results)) remove_stamps(options.output);
  return results;
}

}  // namespace mlc

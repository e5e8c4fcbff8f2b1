// The front door of the engine: an MLC model folder on a device, and logits for tokens.
//
//   std::unique_ptr<Device> device = open_device({.device = "auto"});
//   std::unique_ptr<Engine> engine = Engine::open(*device, load_model("dist/Llama-3-8B"), {},
//   reporter); std::vector<RowInput> prompt = {{.slot = 0, .token = 1}, {.slot = 0, .token =
//   15043}}; std::span<const float> logits = engine->forward(prompt, last_row_of(prompt));
//
// A slot is a place for one sequence: the engine keeps its keys and values (or its state) and its
// position. Rows are tokens, each appended to the sequence of its slot; one call may hold rows of
// many slots at different positions, many rows of one, or both. However many rows a call has, and
// however a sequence is cut into calls, the logits are the same up to the rounding of other kernels
// for other numbers of rows.
//
// Errors are mlc::Error. After one that says "device lost" or names a time-out, the device and all
// its engines are of no use; after any other one of forward(), the slots of its rows are (reset()
// them).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/reporter.h"
#include "models/model_config.h"
#include "quantize/quantization.h"
#include "runtime-min/device.h"

namespace mlc {

// What is to be run: the config with its architecture, the scheme, and the folder of the weights.
struct LoadedModel {
  ModelConfig config;
  const Quantization* quantization = nullptr;
  std::string folder;        // empty: random weights, made in place
  std::uint64_t seed = 1;    // of random weights
  std::int64_t context = 0;  // what the model was made for; 0: not known
};

// Reads FOLDER/mlc-chat-config.json. What that lacks (fields that mlc_llm does not know, Cohere's
// logit_scale) is taken from FOLDER/config.json or from `config`, the checkpoint's own, where there
// is one. Weights are looked at by Engine::open. Error(kUnsupported): an architecture or a scheme
// that the engine does not run, with those it does.
LoadedModel load_model(const std::string& folder, const std::string& config = {});

// A model of the config's shapes with random weights, for measurements: `config` is a config.json
// (a preset's text, models/presets.h).
LoadedModel synthetic_model(std::string_view config, const std::string& name,
                            std::string_view quantization);

// The model_types that the engine runs, ordered.
std::vector<std::string> runnable_model_types();

enum class KvFormat : std::uint8_t { kF16 = 0, kF32 = 1 };

struct EngineOptions {
  // Tokens that a slot can hold. 0: the model's context, but at most kDefaultContext. Layers with a
  // window keep only that, so a model of nothing but such layers has no limit.
  std::uint32_t context = 0;
  std::uint32_t slots = 1;  // sequences at a time
  KvFormat kv_format = KvFormat::kF16;
  // Longer calls are cut into pieces of this many rows; 0: what suits the device.
  std::uint32_t prefill_rows = 0;
  // Gives every layer without a window this one: a context that never ends. 0: as the model says.
  std::uint32_t window = 0;
  std::uint32_t sinks = 0;  // the first tokens stay visible beside a window
  // After each kernel looks for NaN and infinity in what it wrote; very slow. Error(kVerify) names
  // the first layer and kernel.
  bool check_values = false;
};
inline constexpr std::uint32_t kDefaultContext = 4096;

// What the engine runs, and what it costs.
struct ModelInfo {
  std::string model_type;
  std::string quantization;
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t vocab = 0;    // width of the logits; may exceed the tokenizer's
  std::uint32_t context = 0;  // tokens per slot; UINT32_MAX: no limit
  std::uint32_t slots = 0;
  std::uint64_t params = 0;  // elements, before quantization
  // Bytes on the device.
  std::uint64_t weight_bytes = 0;
  std::uint64_t cache_bytes = 0;       // keys and values, or states
  std::uint64_t activation_bytes = 0;  // all else
  std::vector<std::string> notes;      // where what is computed is a choice; whole sentences
};

struct RowInput {
  std::uint32_t slot = 0;
  std::uint32_t token = 0;
};

// One dispatch of the last forward(), in order.
struct KernelTime {
  std::string label;  // "layer 3 mlp.down_proj"
  Kernel kernel = Kernel::kCopy;
  std::string variant;
  std::uint64_t nanoseconds = 0;
  std::uint64_t bytes = 0;  // of weights, caches and activations that it has to read and write
};

// One dispatch of a forward(), and what is now in the buffers that it writes, in the kernel's order
// (kernels.h): halves of caches widened, indices as numbers, states of the layers whole.
struct TraceStep {
  std::string label;
  Kernel kernel = Kernel::kCopy;
  std::string variant;
  // The next one has another label or kernel: this is all of the label's result, even if the device
  // could not do it in one dispatch.
  bool last = false;
  std::vector<std::vector<float>> written;
};
// True: `written` was changed, and is to be on the device for the dispatches that follow.
using Trace = std::function<bool(TraceStep& step)>;

class ParamStore;  // runtime-min/engine/param_store.h

class Engine {
 public:
  // Checks that all params are there with the right shapes, that they fit, then streams them to the
  // device; progress is reported in bytes. Error(kBadInput): a missing or damaged param or shard,
  // by name; Error(kUnsupported): not enough device memory, with needed and available bytes, before
  // anything is uploaded. `device` must outlive the engine.
  static std::unique_ptr<Engine> open(Device& device, const LoadedModel& model,
                                      const EngineOptions& options, Reporter& reporter);
  // The same with params from elsewhere; model.folder is only named.
  static std::unique_ptr<Engine> open(Device& device, const LoadedModel& model,
                                      std::unique_ptr<ParamStore> params,
                                      const EngineOptions& options, Reporter& reporter);
  virtual ~Engine() = default;

  virtual const ModelInfo& info() const = 0;

  // Appends rows[i].token to the sequence of rows[i].slot, in order; rows of one slot stand
  // together. Gives the logits of the rows in `wanted` (indices into rows, ascending):
  // wanted.size() x vocab, valid until the next call. Error(kUsage): a token outside the
  // vocabulary, a slot that does not exist, a sequence that would be longer than the context
  // (nothing was run then).
  virtual std::span<const float> forward(std::span<const RowInput> rows,
                                         std::span<const std::uint32_t> wanted) = 0;

  virtual std::uint32_t position(std::uint32_t slot) const = 0;  // tokens in it
  virtual void reset(std::uint32_t slot) = 0;                    // empties it
  // Forgets all tokens from `length` on. Error(kUnsupported) where that can't be done: a window has
  // moved on, or the model keeps a state instead of keys.
  virtual void truncate(std::uint32_t slot, std::uint32_t length) = 0;

  // Times each dispatch alone, from now on; slow.
  virtual void set_profiling(bool on) = 0;
  virtual const std::vector<KernelTime>& profile() const = 0;

  // Called after each dispatch of every forward() from now on, one dispatch at a time; very slow.
  // Empty: no more. Not together with check_values.
  virtual void set_trace(Trace trace) = 0;
};

// {rows.size() - 1}: the wanted rows when one sequence is read in.
inline std::vector<std::uint32_t> last_row_of(std::span<const RowInput> rows) {
  return {static_cast<std::uint32_t>(rows.size() - 1)};
}

}  // namespace mlc

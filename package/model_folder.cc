#include "package/model_folder.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 2> kTensorCaches = {"tensor-cache.json",
                                                           "ndarray-cache.json"};
constexpr std::string_view kChatConfig = "mlc-chat-config.json";
constexpr std::uint64_t kMaxTensorCache = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxChatConfig = std::uint64_t{16} << 20;

const ModelFile* find(const ModelFolder& model, std::string_view name) {
  auto found = std::lower_bound(
      model.files.begin(), model.files.end(), name,
      [](const ModelFile& file, std::string_view wanted) { return file.name < wanted; });
  return found != model.files.end() && found->name == name ? &*found : nullptr;
}

std::string read_document(ModelFolder& model, const ModelFile& file, std::uint64_t most) {
  if (file.size > most)
    bad_input("{}/{}: {} bytes, expected at most {}", printable(model.path, 1024),
              printable(file.name), file.size, most);
  std::string text;
  Digest digest = read_model_file(
      model.path, file,
      [&](std::span<const std::byte> block) {
        text.append(reinterpret_cast<const char*>(block.data()), block.size());
      },
      model.links);
  model.read.emplace_back(file.name, digest);
  return text;
}

void read_tensor_caches(ModelFolder& model) {
  std::string first, text;
  for (std::string_view name : kTensorCaches) {
    const ModelFile* file = find(model, name);
    if (file == nullptr) continue;
    std::string other = read_document(model, *file, kMaxTensorCache);
    if (first.empty()) {
      first = name;
      text = std::move(other);
    } else if (other != text) {
      bad_input(
          "{}: {} and {} differ; they are two names of one document, so runtimes that read "
          "one or the other would run different models",
          printable(model.path, 1024), first, name);
    }
  }
  if (first.empty())
    bad_input("{}: has no {} and no {}: no converted model; run mlc convert_weight first",
              printable(model.path, 1024), kTensorCaches[0], kTensorCaches[1]);
  std::string where = model.path + "/" + first;
  model.cache = parse_tensor_cache(text, where);
  model.tensor_cache = parse_json(text, where);
}

void check_shards(const ModelFolder& model, Reporter& reporter) {
  std::string folder = printable(model.path, 1024);
  std::size_t without_sum = 0;
  for (const Shard& shard : model.cache.shards) {
    const ModelFile* file = find(model, shard.data_path);
    if (file == nullptr)
      bad_input("{}: the tensor cache names {}, which is not there", folder,
                printable(shard.data_path));
    if (file->size != shard.nbytes)
      fail(ExitCode::kVerify, "{}/{}: {} bytes, the tensor cache says {}", folder,
           printable(shard.data_path), file->size, shard.nbytes);
    if (shard.md5sum.empty()) without_sum++;
  }
  if (without_sum > 0)
    reporter.warn(fmt::format("{}: the tensor cache has no md5sum of {} of {} shards", folder,
                              without_sum, model.cache.shards.size()));
}

}  // namespace

ModelFolder read_model_folder(const std::string& path, Links links, Reporter& reporter) {
  ModelFolder model;
  model.path = path;
  model.links = links;
  model.files = list_model_files(path, links);
  read_tensor_caches(model);
  check_shards(model, reporter);
  const ModelFile* config = find(model, kChatConfig);
  if (config == nullptr)
    bad_input("{}: has no {}; run mlc gen_config first", printable(path, 1024), kChatConfig);
  std::string where = path + "/" + std::string(kChatConfig);
  model.chat_config = parse_json(read_document(model, *config, kMaxChatConfig), where);
  if (!model.chat_config.is_object()) bad_input("{}: expected an object", printable(where, 1024));
  return model;
}

}  // namespace mlc

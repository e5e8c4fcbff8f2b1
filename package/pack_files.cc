#include "package/pack_files.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"

namespace mlc {
namespace {

// Names by their ends, as the hub's and MLC's files have them.
constexpr std::array<std::string_view, 5> kConfigs = {".json", ".model", ".jinja", "merges.txt",
                                                      "vocab.txt"};
constexpr std::array<std::string_view, 4> kWeights = {".bin", ".safetensors", ".gguf", ".npz"};
constexpr std::array<std::string_view, 4> kCode = {".py", ".sh", ".js", ".ts"};

template <std::size_t N>
bool ends_with_any(std::string_view name, const std::array<std::string_view, N>& ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

class Packer {
 public:
  Packer(const ModelFolder& model, const std::map<std::string, std::string>& md5sums,
         LayoutWriter& layout, Reporter& reporter)
      : folder_(model.path),
        links_(model.links),
        files_(model.files),
        md5sums_(md5sums),
        layout_(layout),
        reporter_(reporter),
        layers(model.files.size()) {}

  void pack_one(std::size_t index) {
    const ModelFile& file = files_[index];
    std::unique_ptr<LayoutWriter::Blob> blob = layout_.begin(file.size);
    read_model_file(
        folder_, file,
        [&](std::span<const std::byte> block) {
          blob->write(block);
          reporter_.advance(block.size());
        },
        links_);
    finish(index, *blob);
  }

  // All of these with their MD5, which they must have.
  void pack_with_md5(const std::vector<std::size_t>& group) {
    std::vector<Md5Source> sources;
    for (std::size_t index : group)
      sources.push_back({files_[index].size});
    Group state{this, &group, std::vector<Stream>(group.size())};
    std::vector<Md5Digest> sums = md5_many(sources, &Packer::read_block, &state);
    for (std::size_t i = 0; i < group.size(); i++) {
      const ModelFile& file = files_[group[i]];
      if (const std::string& expected = md5sums_.at(file.name); hex(sums[i]) != expected)
        fail(ExitCode::kVerify, "{}/{}: its md5sum is {}, the tensor cache says {}",
             printable(folder_, 1024), printable(file.name), hex(sums[i]), expected);
    }
  }

 private:
  struct Stream {
    std::unique_ptr<ModelFileReader> reader;
    std::unique_ptr<LayoutWriter::Blob> blob;
  };
  struct Group {
    Packer* packer;
    const std::vector<std::size_t>* indices;
    std::vector<Stream> streams;
  };

  // What md5_many asks for is hashed and written on the way.
  static void read_block(void* context, std::size_t stream, std::uint64_t offset,
                         std::span<std::byte> out) {
    Group& group = *static_cast<Group*>(context);
    group.packer->read_block((*group.indices)[stream], group.streams[stream], offset, out);
  }
  void read_block(std::size_t index, Stream& stream, std::uint64_t offset,
                  std::span<std::byte> out) {
    throw_if_cancelled();
    const ModelFile& file = files_[index];
    if (!stream.reader) {
      stream.reader = std::make_unique<ModelFileReader>(folder_, file, links_);
      stream.blob = layout_.begin(file.size);
    }
    stream.reader->read(offset, out);
    stream.blob->write(out);
    reporter_.advance(out.size());
    if (offset + out.size() < file.size) return;
    stream.reader->check_unchanged();
    finish(index, *stream.blob);
    stream = {};
  }

  void finish(std::size_t index, LayoutWriter::Blob& blob) {
    const std::string& name = files_[index].name;
    Descriptor layer = blob.finish(layer_type(name, md5sums_.count(name) > 0));
    layer.annotations = {{std::string(kFilePath), name}, {std::string(kTitle), name}};
    layers[index] = std::move(layer);
  }

  const std::string& folder_;
  Links links_;
  std::span<const ModelFile> files_;
  const std::map<std::string, std::string>& md5sums_;
  LayoutWriter& layout_;
  Reporter& reporter_;

 public:
  std::vector<Descriptor> layers;
};

}  // namespace

std::string layer_type(const std::string& name, bool is_shard) {
  std::string_view last = std::string_view(name).substr(name.rfind('/') + 1);
  std::string_view kind = "doc";
  if (is_shard || ends_with_any(last, kWeights))
    kind = "weight";
  else if (ends_with_any(last, kConfigs) || last.starts_with("tokenizer"))
    kind = "weight.config";
  else if (ends_with_any(last, kCode))
    kind = "code";
  return fmt::format("application/vnd.cncf.model.{}.v1.raw", kind);
}

std::vector<Descriptor> pack_files(const ModelFolder& model,
                                   const std::map<std::string, std::string>& md5sums,
                                   LayoutWriter& layout, unsigned threads, Reporter& reporter) {
  if (threads == 0) threads = default_threads();
  const std::vector<ModelFile>& files = model.files;
  // One group of files with sums a thread, about equal since shards are; then the others.
  std::vector<std::vector<std::size_t>> groups(threads);
  std::vector<std::size_t> others;
  std::uint64_t total = 0;
  std::size_t with_sum = 0;
  for (std::size_t i = 0; i < files.size(); i++) {
    total += files[i].size;
    auto sum = md5sums.find(files[i].name);
    bool has_sum = sum != md5sums.end() && !sum->second.empty() && files[i].size > 0;
    (has_sum ? groups[with_sum++ % threads] : others).push_back(i);
  }
  reporter.begin("package", total);
  Packer packer(model, md5sums, layout, reporter);
  parallel_for(threads, groups.size() + others.size(), [&](std::size_t i, unsigned) {
    if (i < groups.size())
      packer.pack_with_md5(groups[i]);
    else
      packer.pack_one(others[i - groups.size()]);
  });
  reporter.end();
  return std::move(packer.layers);
}

}  // namespace mlc

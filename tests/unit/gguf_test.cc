// Files by the real llama.cpp: every tensor as its own code decodes it, and under the names and in
// the order of rows of the checkpoint it came from. Hostile files are refused.
#include "convert/gguf.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "convert/gguf_names.h"
#include "convert/gguf_tensor.h"
#include "convert/open_gguf.h"
#include "quantize/cast.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string golden() { return std::string(MLC_TEST_DATA) + "/golden/gguf"; }
std::string shared() { return std::string(MLC_TEST_SHARED) + "/golden/formats/gguf"; }

std::string sha256(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.update(bytes);
  Sha256Digest digest = sha.finish();
  return hex(digest);
}

std::string sha256(const std::vector<float>& numbers) {
  return sha256(std::as_bytes(std::span(numbers)));
}

// Elements of a tensor as float32, in two parts if it has an even number of rows, since a reader
// may be asked for any rows.
std::vector<float> values(const Checkpoint& checkpoint, const SourceTensor& tensor) {
  auto n = static_cast<std::size_t>(tensor.elements());
  std::size_t size = size_of(tensor.dtype);
  std::vector<std::byte> raw(n * size);
  if (tensor.reader) {
    bool halves = tensor.shape.size() > 1 && tensor.shape[0] % 2 == 0;
    std::int64_t part = halves ? tensor.elements() / 2 : tensor.elements();
    for (std::int64_t at = 0; at < tensor.elements(); at += part)
      tensor.reader->read(at, part,
                          std::span(raw).subspan(static_cast<std::size_t>(at) * size,
                                                 static_cast<std::size_t>(part) * size));
  } else {
    checkpoint.files[tensor.file].file->read(tensor.offset, raw);
  }
  std::vector<float> out(n);
  CastCounts ignored;
  cast_elements(tensor.dtype, raw.data(), DType::kF32, out.data(), n, ignored);
  return out;
}

struct Tally {
  std::size_t files = 0, tensors = 0, values_equal = 0, named = 0, refused = 0;
};

std::vector<std::int64_t> shape_of(const Json& json) {
  std::vector<std::int64_t> shape;
  for (const Json& d : json.items("shape"))
    shape.push_back(d.as_int("shape"));
  return shape;
}

void check_header(const std::string& path, const GgufHeader& header, const Json& tensors,
                  Tally& tally) {
  auto file = std::make_shared<InputFile>(path);
  ASSERT_EQ(header.tensors.size(), tensors.members(path).size()) << path;
  Checkpoint one;
  one.files.push_back({.name = path, .file = file});
  for (const GgufTensor& t : header.tensors) {
    const Json* want = tensors.find(t.name);
    ASSERT_NE(want, nullptr) << path << " " << t.name;
    EXPECT_EQ(want->find("type")->as_string("type"), t.type->name);
    EXPECT_EQ(want->find("offset")->as_size("offset"), t.offset) << path << " " << t.name;
    EXPECT_EQ(want->find("nbytes")->as_size("nbytes"), t.nbytes) << path << " " << t.name;
    EXPECT_EQ(shape_of(*want->find("shape")), t.shape) << path << " " << t.name;
    std::vector<std::byte> raw(static_cast<std::size_t>(t.nbytes));
    file->read(t.offset, raw);
    EXPECT_EQ(want->find("raw_sha256")->as_string("sha"), sha256(raw)) << path << " " << t.name;
    tally.tensors++;
    if (!want->find("sha256") || (!t.type->plain && !t.type->decode)) continue;
    SourceTensor source{.name = t.name, .shape = t.shape, .offset = t.offset, .nbytes = t.nbytes};
    GgufView view{.file = file, .offset = t.offset, .type = t.type};
    source.dtype = decoded_dtype(view);
    if (!t.type->plain) source.reader = make_gguf_reader(view);
    EXPECT_EQ(want->find("sha256")->as_string("sha"), sha256(values(one, source)))
        << path << " " << t.name << " " << t.type->name;
    tally.values_equal++;
  }
}

// The name of a type of the file that is not decoded; empty if all are.
std::string_view undecoded(const GgufHeader& header) {
  for (const GgufTensor& t : header.tensors)
    if (!t.type->plain && !t.type->decode) return t.type->name;
  return {};
}

void check_names(const std::string& root, const std::string& name, const Json& tensors,
                 Tally& tally) {
  fs::path path = fs::path(root) / name;
  Checkpoint checkpoint =
      open_gguf(*local_folder(path.parent_path().string()), path.filename().string());
  for (const auto& [gguf, want] : tensors.members(name)) {
    if (!want.find("hf_name")) continue;
    const std::string& hf = want.find("hf_name")->as_string("hf_name");
    const SourceTensor* tensor = checkpoint.find(hf);
    ASSERT_NE(tensor, nullptr) << name << " " << hf;
    EXPECT_EQ(shape_of(*want.find("shape")), tensor->shape) << name << " " << hf;
    EXPECT_EQ(want.find("hf_sha256")->as_string("sha"), sha256(values(checkpoint, *tensor)))
        << name << " " << hf;
    tally.named++;
  }
}

Tally check_all(const std::string& root) {
  Tally tally;
  Json expected = read_json_file(root + "/expected.json");
  for (const auto& [name, row] : expected.members("expected.json")) {
    const std::string path = root + "/" + name;
    if (!fs::exists(path) || name == "plain-bigendian.gguf") continue;
    const Json& tensors = *row.find("tensors");
    GgufHeader header = read_gguf(InputFile(path));
    tally.files++;
    check_header(path, header, tensors, tally);
    if (!header.text("general.architecture") && header.tensors.empty()) continue;
    std::string_view refused = undecoded(header);
    if (refused.empty()) {
      check_names(root, name, tensors, tally);
      continue;
    }
    tally.refused++;
    try {
      fs::path p(path);
      open_gguf(*local_folder(p.parent_path().string()), p.filename().string());
      ADD_FAILURE() << name << " was opened";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kUnsupported) << name;
      EXPECT_THAT(e.what(), HasSubstr(" is of type ")) << name;
    }
  }
  std::cout << tally.files << " files, " << tally.tensors << " tensors, " << tally.values_equal
            << " equal to ggml's own values, " << tally.named << " equal to the checkpoint, "
            << tally.refused << " files refused by the name of a type\n";
  return tally;
}

TEST(Gguf, TensorsOfTheRealWriters) {
  Tally tally = check_all(golden());
  EXPECT_GE(tally.files, 15u);
  EXPECT_GE(tally.named, 100u);
}

TEST(Gguf, TensorsOfTheRealWritersElsewhere) {
  if (!fs::exists(shared() + "/expected.json")) GTEST_SKIP() << "skipped: no shared data";
  EXPECT_GE(check_all(shared()).named, 200u);
}

TEST(Gguf, BigEndianFilesAreRefused) {
  const std::string path = shared() + "/plain-bigendian.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << "skipped: no shared data";
  try {
    read_gguf(InputFile(path));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("a big-endian file"));
  }
}

// What opening says; empty if the file was opened.
std::string refusal(const fs::path& path) {
  try {
    if (fs::is_directory(path))
      open_checkpoint(path.string(), "gguf");
    else
      read_gguf(InputFile(path.string()));
    return {};
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << path << " " << e.what();
    return e.what();
  }
}

TEST(Gguf, HostileFilesAreRefused) {
  std::size_t refused = 0, accepted = 0;
  for (const std::string& root : {golden() + "/hostile", shared() + "/hostile"}) {
    if (!fs::exists(root + "/hostile.json")) {
      std::cout << "skipped: no shared data\n";
      continue;
    }
    Json cases = read_json_file(root + "/hostile.json");
    for (const auto& [name, row] : cases.members("hostile.json")) {
      fs::path path = fs::path(root) / name;
      if (!fs::exists(path)) continue;
      std::string message = refusal(path);
      const std::string& expect = row.find("expect")->as_string("expect");
      EXPECT_TRUE(expect != "refuse" || !message.empty())
          << name << ": " << row.find("why")->as_string("why");
      EXPECT_TRUE(expect != "accept" || message.empty()) << name << ": " << message;
      (message.empty() ? accepted : refused)++;
      if (!message.empty() && root.starts_with(golden()))
        std::cout << name << ": " << message.substr(message.find(fs::path(name).stem().string()))
                  << "\n";
    }
  }
  std::cout << refused << " files refused, " << accepted << " accepted\n";
  EXPECT_GE(refused, 40u);
}

TEST(GgufNames, OfEveryKind) {
  auto name = [](std::string_view architecture, std::string_view gguf) {
    auto found = huggingface_name(*find_gguf_architecture(architecture), gguf);
    return found ? found->hf : std::string("none");
  };
  EXPECT_EQ(name("llama", "blk.12.attn_q.weight"), "model.layers.12.self_attn.q_proj.weight");
  EXPECT_EQ(name("llama", "blk.0.ffn_gate_exps.weight"),
            "model.layers.0.block_sparse_moe.experts.#.w1.weight");
  EXPECT_EQ(name("qwen2", "blk.3.attn_k.bias"), "model.layers.3.self_attn.k_proj.bias");
  EXPECT_EQ(name("gptneox", "output.weight"), "embed_out.weight");
  EXPECT_EQ(name("llama", "blk..attn_q.weight"), "none");
  EXPECT_EQ(name("llama", "blk.0.attn_q"), "none");
  EXPECT_EQ(name("llama", "blk.0.nothing.weight"), "none");
  EXPECT_EQ(find_gguf_architecture("nothing"), nullptr);
  auto undo = [](std::string_view architecture, std::string_view gguf) {
    return huggingface_name(*find_gguf_architecture(architecture), gguf)->undo;
  };
  EXPECT_EQ(undo("llama", "blk.0.attn_k.weight"), GgufUndo::kKeyRows);
  EXPECT_EQ(undo("qwen2", "blk.0.attn_k.weight"), GgufUndo::kNothing);
  EXPECT_EQ(undo("nemotron", "output_norm.weight"), GgufUndo::kMinusOne);
  EXPECT_EQ(undo("nemotron", "output_norm.bias"), GgufUndo::kNothing);
  EXPECT_EQ(undo("gpt2", "blk.0.attn_qkv.weight"), GgufUndo::kTurned);
  EXPECT_EQ(undo("llama", "rope_freqs.weight"), GgufUndo::kDerived);
}

TEST(GgufRows, AreTheConvertersInReverse) {
  // LlamaModel.permute: [heads, 2, half] rows become [heads, half, 2].
  constexpr std::int64_t kHeads = 3, kHalf = 4, kRows = kHeads * 2 * kHalf;
  GgufRowMap unpaired = unpaired_rows(kRows, kHeads);
  for (std::int64_t head = 0; head < kHeads; head++)
    for (std::int64_t part = 0; part < 2; part++)
      for (std::int64_t i = 0; i < kHalf; i++)
        EXPECT_EQ(unpaired((head * 2 + part) * kHalf + i), (head * kHalf + i) * 2 + part);
  // GPTNeoXModel: [heads, 3, dim] rows become [3, heads, dim].
  GgufRowMap neox = neox_rows(kHeads * 3 * kHalf, kHeads);
  for (std::int64_t head = 0; head < kHeads; head++)
    for (std::int64_t part = 0; part < 3; part++)
      for (std::int64_t i = 0; i < kHalf; i++)
        EXPECT_EQ(neox((head * 3 + part) * kHalf + i), (part * kHeads + head) * kHalf + i);
}

}  // namespace
}  // namespace mlc

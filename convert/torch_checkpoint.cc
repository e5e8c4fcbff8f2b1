#include "convert/torch_checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "convert/not_weights.h"
#include "convert/torch_pickle.h"
#include "convert/torch_storage.h"

namespace mlc {
namespace {

constexpr std::string_view kAgain =
    "unsupported; load it where its origin is trusted and save it again with "
    "save_pretrained(safe_serialization=True)";
constexpr std::uint64_t kMaxSmallRecord = 64;

// Names what stands in place of an archive.
[[noreturn]] void refuse_head(const RandomAccess& file, const std::string& head) {
  std::string_view text = head;
  // The magic number 0x1950a86a20f9469cfc6c as a pickle, which torch wrote first until 1.6.
  if (text.size() > 14 && text[0] == '\x80' &&
      text.substr(2, 12) ==
          "\x8a\x0al\xfc\x9c"
          "F\xf9 j\xa8P\x19")
    bad_input("{}: torch's format before 1.6 (not a zip archive): {}", file.where, kAgain);
  if (text.size() > 262 && text.substr(257, 5) == "ustar")
    bad_input("{}: a tar archive, torch's format before 0.2: {}", file.where, kAgain);
  if (text.starts_with("7z\xbc\xaf\x27\x1c"))
    bad_input("{}: a 7z archive, expected the zip archive that torch.save writes: {}", file.where,
              kAgain);
  if (text.starts_with("\x80"))
    bad_input("{}: a bare pickle (not a zip archive), nothing of it was run: {}", file.where,
              kAgain);
  throw_if_not_weights(text, file.where);
  bad_input("{}: not the zip archive that torch.save writes", file.where);
}

void check_head(const RandomAccess& file) {
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(512, file.size)), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  if (head.empty()) bad_input("{}: empty file", file.where);
  if (!head.starts_with("PK\x03\x04")) refuse_head(file, head);
}

const ZipEntry& required(const ZipArchive& zip, std::string_view name, const RandomAccess& file) {
  const ZipEntry* entry = zip.find(name);
  if (entry == nullptr)
    bad_input("{}: no record {} in the archive, expected what torch.save writes", file.where, name);
  return *entry;
}

void check_records(const ZipArchive& zip, const RandomAccess& file) {
  bool script = zip.find("constants.pkl") != nullptr;
  for (const ZipEntry& entry : zip.entries)
    script |= entry.name.starts_with("code/");
  if (script)
    bad_input("{}: a TorchScript archive (a program), expected a state dict: {}", file.where,
              kAgain);
  std::string version = read_entry(file, required(zip, "version", file), kMaxSmallRecord);
  int number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  if (number < 1 || number > 10)
    bad_input("{}: version '{}', expected 1 to 10", file.where, printable(version));
  if (const ZipEntry* order = zip.find("byteorder")) {
    std::string value = read_entry(file, *order, kMaxSmallRecord);
    if (value != "little")
      bad_input("{}: byteorder '{}', expected little", file.where, printable(value));
  }
}

// The entry of a storage, which has exactly its elements.
std::shared_ptr<const TorchStorage> open_storage(const PickledStorage& storage,
                                                 const ZipArchive& zip, const RandomAccess& file) {
  const ZipEntry* entry = zip.find("data/" + storage.key);
  if (entry == nullptr)
    bad_input("{}: storage '{}' is not in the archive", file.where, printable(storage.key));
  std::uint64_t size = storage.dtype ? size_of(*storage.dtype) : 1;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(storage.numel), size, &bytes) ||
      bytes != entry->size)
    bad_input("{}: storage '{}' has {} bytes, expected {} elements of {}", file.where,
              printable(storage.key), entry->size, storage.numel, size);
  return std::make_shared<TorchStorage>(file, *entry);
}

}  // namespace

std::vector<SourceTensor> read_torch(const RandomAccess& file) {
  check_head(file);
  ZipArchive zip = read_zip(file);
  check_records(zip, file);
  std::string pickle = read_entry(file, required(zip, "data.pkl", file), kMaxPickle);
  StateDict dict = parse_state_dict(pickle, file.where + ": data.pkl");

  std::vector<std::shared_ptr<const TorchStorage>> storages;
  std::vector<std::uint64_t> begins;
  for (const PickledStorage& storage : dict.storages) {
    storages.push_back(open_storage(storage, zip, file));
    begins.push_back(zip.find("data/" + storage.key)->offset);
  }
  std::vector<SourceTensor> tensors;
  tensors.reserve(dict.tensors.size());
  for (PickledTensor& t : dict.tensors) {
    SourceTensor tensor;
    tensor.name = std::move(t.name);
    tensor.dtype = t.dtype == DType::kBF16 ? DType::kF32 : t.dtype;
    if (tensor.dtype != t.dtype) tensor.stored_dtype = t.dtype;
    tensor.shape = t.shape;
    auto offset = static_cast<std::uint64_t>(t.offset);
    tensor.offset = begins[t.storage] + offset * size_of(t.dtype);
    tensor.nbytes = static_cast<std::uint64_t>(tensor.elements()) * size_of(t.dtype);
    tensor.reader = std::make_shared<TorchReader>(
        storages[t.storage], TorchView{t.dtype, offset, std::move(t.shape), std::move(t.strides)});
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<SourceTensor> read_torch(std::shared_ptr<const InputFile> file) {
  RandomAccess access{.where = printable(file->path(), 1024), .size = file->size(), .read = {}};
  access.read = [file = std::move(file)](std::uint64_t offset, std::span<std::byte> out) {
    file->read(offset, out);
  };
  return read_torch(access);
}

}  // namespace mlc

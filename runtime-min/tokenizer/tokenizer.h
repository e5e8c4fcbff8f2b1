// Text to token ids and back, as the model's own tokenizer has it.
//
//   std::unique_ptr<Tokenizer> tokenizer = load_tokenizer("OUT");
//   std::vector<std::int32_t> ids = tokenizer->encode("In the beginning");
//   StreamDecoder stream(*tokenizer);
//   for (std::int32_t id : generated) print(stream.push(id));
//   print(stream.finish());
//
// A tokenizer never changes once it is loaded: any number of threads may use one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct EncodeOptions {
  // What the tokenizer itself puts around a text (Llama's <|begin_of_text|>); special tokens that
  // stand in the text are always found. Conversation templates bring their own, so a prompt made
  // from one is encoded without.
  bool add_special_tokens = true;
};

struct DecodeOptions {
  bool skip_special_tokens = true;
};

class Tokenizer {
 public:
  Tokenizer() = default;
  virtual ~Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // The text must be UTF-8 (RWKV's tokenizer takes any bytes), else Error(kBadInput) with the byte.
  virtual std::vector<std::int32_t> encode(std::string_view text,
                                           const EncodeOptions& options = {}) const = 0;

  // Always UTF-8: what tokens of single bytes do not put together is U+FFFD. Ids without a token
  // (a vocabulary that was padded has some) are left out.
  virtual std::string decode(std::span<const std::int32_t> ids,
                             const DecodeOptions& options = {}) const = 0;

  // One more than the largest id.
  virtual std::size_t vocab_size() const = 0;
  // The token as the vocabulary spells it ("Ġthe", "▁the", "<0x0A>"); nothing for an id without
  // one.
  virtual std::optional<std::string> token_text(std::int32_t id) const = 0;
  virtual std::optional<std::int32_t> token_id(std::string_view text) const = 0;
  // The bytes that the token adds to a text, which need not be whole characters; empty for an id
  // without a token. Some tokenizers write the first token of a text differently (no space).
  virtual std::string token_bytes(std::int32_t id, bool first_of_text = false) const = 0;
  virtual bool is_special(std::int32_t id) const = 0;
};

// Decodes tokens as they come and gives out whole characters only: bytes of a character that is
// not complete wait. All pieces together are what decode() makes of all ids; only where bytes are
// no UTF-8 may the number of U+FFFD differ.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = {})
      : tokenizer_(tokenizer), options_(options) {}

  std::string push(std::int32_t id);
  std::string finish();  // what still waits; the next push() begins a new text

 private:
  const Tokenizer& tokenizer_;
  DecodeOptions options_;
  std::string pending_;
  bool at_start_ = true;
};

// Reads FOLDER/tokenizer.json (Hugging Face), or FOLDER/tokenizer_model (RWKV), the files that
// gen_config leaves in a model folder; a path of one of these files is taken too. What can be read
// of tokenizer.json is in docs/formats.md. Error(kBadInput) naming the file and the place: damaged,
// or a part that is not known; Error(kIo): there is none.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

// The same for bytes that were read already; `where` names them in messages.
std::unique_ptr<Tokenizer> parse_tokenizer_json(const std::string& text, const std::string& where);
std::unique_ptr<Tokenizer> parse_rwkv_tokenizer(std::string_view bytes, const std::string& where);

}  // namespace mlc

#include "package/sign/statement.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/relative_path.h"
#include "base/utf8.h"
#include "package/canonical_json.h"
#include "package/sign/dsse.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 4> kIgnored = {".git", ".gitattributes", ".github",
                                                      ".gitignore"};
constexpr std::size_t kMaxResources = 65536;
constexpr JsonLimits kLimits = {
    .max_bytes = kMaxBundle, .max_depth = 32, .max_string = 65536, .max_values = 1 << 20};

Sha256Digest bytes_of(const Digest& digest) {
  auto value = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Sha256Digest bytes{};
  for (std::size_t i = 0; i < bytes.size(); i++)
    bytes[i] =
        static_cast<std::uint8_t>(value(digest.hex()[2 * i]) << 4 | value(digest.hex()[2 * i + 1]));
  return bytes;
}

// SHA-256 over the raw digests in the order of the resources.
class RootDigest {
 public:
  void add(const Digest& digest) {
    Sha256Digest bytes = bytes_of(digest);
    hash_.update(std::as_bytes(std::span(bytes)));
  }
  Digest finish() { return Digest(hash_.finish()); }

 private:
  Sha256 hash_;
};

class Reader {
 public:
  explicit Reader(const std::string& where) : where_(where) {}

  [[noreturn]] void wrong(const std::string& what) const {
    fail(ExitCode::kVerify, "{}: the signed statement {}", where_, what);
  }
  const Json& get(const Json& object, std::string_view key) const {
    const Json* value = object.find(key);
    if (value == nullptr) wrong(fmt::format("has no \"{}\"", key));
    return *value;
  }
  const std::string& text(const Json& object, std::string_view key) const {
    const Json& value = get(object, key);
    if (!value.is_string()) wrong(fmt::format("has a \"{}\" that is no text", key));
    return value.as_string({});
  }
  const std::vector<Json>& list(const Json& object, std::string_view key) const {
    const Json& value = get(object, key);
    if (!value.is_array()) wrong(fmt::format("has a \"{}\" that is no list", key));
    return value.items({});
  }
  void expect(const Json& object, std::string_view key, std::string_view expected) const {
    if (text(object, key) != expected)
      wrong(fmt::format("has the {} \"{}\", expected \"{}\"", key, printable(text(object, key)),
                        expected));
  }
  Digest digest(const Json& object, std::string_view key) const {
    try {
      return Digest::parse("sha256:" + text(object, key), where_);
    } catch (const Error&) {
      wrong(fmt::format("has a \"{}\" that is no SHA-256", key));
    }
  }

  void serialization(const Json& part, Statement& out) const {
    if (text(part, "method") != "files" || text(part, "hash_type") != "sha256")
      fail(ExitCode::kUnsupported,
           "{}: signed by the method \"{}\" with \"{}\"; only \"files\" with \"sha256\" is taken",
           where_, printable(text(part, "method")), printable(text(part, "hash_type")));
    const Json* links = part.find("allow_symlinks");
    if (links != nullptr && !(links->is_bool() && !links->as_bool({})))
      fail(ExitCode::kUnsupported, "{}: signed with symbolic links followed, which is not taken",
           where_);
    if (part.find("ignore_paths") == nullptr) return;
    for (const Json& path : list(part, "ignore_paths")) {
      if (!path.is_string()) wrong("has ignore_paths that are no texts");
      out.ignored.push_back(path.as_string({}));
    }
  }

  void resources(const Json& predicate, const Digest& root, Statement& out) const {
    const std::vector<Json>& resources = list(predicate, "resources");
    if (resources.empty()) wrong("names no files");
    if (resources.size() > kMaxResources)
      wrong(fmt::format("names {} files, more than {}", resources.size(), kMaxResources));
    RootDigest computed;
    for (const Json& resource : resources) {
      const std::string& name = text(resource, "name");
      expect(resource, "algorithm", "sha256");
      std::string_view problem = relative_path_problem(name);
      bool only = name == "." && resources.size() == 1;  // a model of one file, before 1.0.1
      if (!only && (!problem.empty() || find_invalid_utf8(name) != std::string_view::npos))
        wrong(fmt::format("names \"{}\": {}", printable(name),
                          problem.empty() ? "it is no UTF-8" : problem));
      Digest hash = digest(resource, "digest");
      computed.add(hash);
      if (!out.files.emplace(name, hash).second)
        wrong(fmt::format("names \"{}\" twice", printable(name)));
    }
    Digest found = computed.finish();
    if (found != root)
      wrong(fmt::format("has the root digest {}, but its files give {}", root.hex(), found.hex()));
  }

 private:
  const std::string& where_;
};

}  // namespace

bool is_ignored_by_default(std::string_view name) {
  return std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end();
}

std::string write_statement(const SignedFiles& files, const std::string& name) {
  if (files.empty()) bad_input("{}: there is no file to sign", printable(name));
  Json resources = Json::array();
  RootDigest root;
  for (const auto& [file, digest] : files) {
    resources.push(
        Json::object().set("algorithm", "sha256").set("digest", digest.hex()).set("name", file));
    root.add(digest);
  }
  Json subject = Json::array();
  subject.push(Json::object()
                   .set("name", name)
                   .set("digest", Json::object().set("sha256", root.finish().hex())));
  Json ignored = Json::array();
  for (std::string_view path : kIgnored)
    ignored.push(path);
  ignored.push(kSignatureFile);
  Json serialization = Json::object();
  serialization.set("method", "files")
      .set("hash_type", "sha256")
      .set("allow_symlinks", false)
      .set("ignore_paths", std::move(ignored));
  return canonical_json(Json::object()
                            .set("_type", kStatementType)
                            .set("subject", std::move(subject))
                            .set("predicateType", kSignaturePredicate)
                            .set("predicate", Json::object()
                                                  .set("serialization", std::move(serialization))
                                                  .set("resources", std::move(resources))));
}

std::string predicate_type_of(std::string_view payload, const std::string& where) {
  Json statement = parse_json(payload, where + ": the signed statement", kLimits);
  const Json* type = statement.find("predicateType");
  return type != nullptr && type->is_string() ? type->as_string({}) : std::string();
}

Statement parse_statement(std::string_view payload, const std::string& where) {
  Json statement = parse_json(payload, where + ": the signed statement", kLimits);
  Reader reader(where);
  if (!statement.is_object()) reader.wrong("is no object");
  reader.expect(statement, "_type", kStatementType);
  if (reader.text(statement, "predicateType") == "https://model_signing/Digests/v0.1")
    fail(ExitCode::kUnsupported,
         "{}: signed by a model_signing from before version 1.0; sign the model again", where);
  reader.expect(statement, "predicateType", kSignaturePredicate);
  const std::vector<Json>& subjects = reader.list(statement, "subject");
  if (subjects.size() != 1)
    reader.wrong(fmt::format("has {} subjects, expected one", subjects.size()));
  Digest root = reader.digest(reader.get(subjects[0], "digest"), "sha256");
  const Json& predicate = reader.get(statement, "predicate");
  Statement out;
  reader.serialization(reader.get(predicate, "serialization"), out);
  reader.resources(predicate, root, out);
  return out;
}

}  // namespace mlc

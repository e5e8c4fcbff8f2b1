// Models of the Hugging Face hub as addresses, and the environment variables that huggingface_hub
// knows.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace mlc {

// "HF://owner/name[@revision][/file]", or "hf://...".
bool is_hub_address(std::string_view text);
// is_hub_address(), or "oci://HOST/REPOSITORY...": what takes the place of a folder.
bool is_model_address(std::string_view text);

struct HubAddress {
  std::string repository;  // "owner/name"
  // A branch, a tag or a commit. A '/' in it is written %2F, but for "refs/pr/N" and
  // "refs/convert/NAME", which are told by their beginning, as in huggingface_hub.
  std::string revision = "main";
  std::string file;  // of the repository; empty: all of it

  std::string shown() const;             // "HF://owner/name@revision", without the file
  std::string revision_in_urls() const;  // with %2F
};

// Error(kUsage) for what is none: nothing in an address can change which server or folder it means.
HubAddress parse_hub_address(const std::string& address);

// 40 hex digits.
bool is_commit(std::string_view revision);

struct HubEnvironment {
  std::string endpoint;       // HF_ENDPOINT (https://huggingface.co), without '/' at the end
  std::string origin;         // of the endpoint: where the token goes, and nowhere else
  Secret token;               // HF_TOKEN, HUGGING_FACE_HUB_TOKEN, or the file that `hf auth` wrote:
                              // HF_TOKEN_PATH ($HF_HOME/token); empty with
                              // HF_HUB_DISABLE_IMPLICIT_TOKEN
  std::string token_is_from;  // the variable's name, or the file's path
  std::string cache;          // HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE ($HF_HOME/hub); HF_HOME is
                      // $XDG_CACHE_HOME/huggingface, or ~/.cache/huggingface; empty without HOME
  bool offline = false;             // HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE
  long ask_seconds = 10;            // HF_HUB_ETAG_TIMEOUT: of silence, when asking about files
  long silence_seconds = 10;        // HF_HUB_DOWNLOAD_TIMEOUT: of silence, while a file comes
  std::string access_hint() const;  // what to do about 401 and 403
};

// Error(kUsage) for a variable that can't be.
HubEnvironment hub_environment();
// Of it only silence_seconds, which counts for other servers too.
long download_timeout();

// $VARIABLE, or $XDG_CACHE_HOME/`name`, or ~/.cache/`name`; ~ and $NAME in it are replaced. Empty
// if none of them is set.
std::string cache_folder(const char* variable, std::string_view name);

}  // namespace mlc

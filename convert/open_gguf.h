// A GGUF model, in one file or several, as a checkpoint of Hugging Face.
#pragma once

#include <string>

#include "convert/gguf.h"
#include "convert/source.h"
#include "convert/source_folder.h"

namespace mlc {

// `name` is the file, or any part of a split model ("x-00002-of-00003.gguf"), in `folder`; all
// parts are read. Tensors get the names, shapes and values of the checkpoint that was converted to
// GGUF (convert/gguf_names.h); what has no row there keeps its own name, so that the plan can name
// it. Tensors that the converter derived from config.json are left out, with a warning.
//
// Errors besides the reader's (convert/gguf.h): kBadInput when parts are missing or contradict each
// other, or metadata that the names need is missing; kUnsupported for an architecture without rows
// and for tensor types that are not decoded (IQ1 to IQ3 and others), by name.
Checkpoint open_gguf(const SourceFolder& folder, const std::string& name);

// The same files without the names and values of Hugging Face: what they themselves say.
struct GgufPart {
  std::string name;
  std::shared_ptr<InputFile> file;
  GgufHeader header;
};
std::vector<GgufPart> read_gguf_parts(const SourceFolder& folder, const std::string& name);

// The part of a split model's file name that all parts share: "x" of "x-00002-of-00003.gguf"; the
// whole name for a single file.
std::string gguf_model_name(const std::string& file);

}  // namespace mlc

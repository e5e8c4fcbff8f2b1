// The files of a model folder become blobs of a layout, in one pass: read, hashed, written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/model_folder.h"
#include "package/oci/layout.h"

namespace mlc {

// The media type of a file of a model folder in ModelPack: weights, configuration (what is needed
// to use them), documents, code; raw, so a layer's digest is that of its file.
std::string layer_type(const std::string& name, bool is_shard);

// One descriptor a file, in their order, with the file's name as annotations kFilePath and kTitle.
// `md5sums` are those that files must have, 32 lower-case hexadecimal digits; MD5 is computed in
// the same pass, of up to 32 files side by side (base/hash.h). Error(kVerify): another md5sum.
// Error(kIo): a file changed meanwhile.
std::vector<Descriptor> pack_files(const ModelFolder& model,
                                   const std::map<std::string, std::string>& md5sums,
                                   LayoutWriter& layout, unsigned threads, Reporter& reporter);

}  // namespace mlc

// Which files of a checkpoint convert_weight and gen_config read: for who fetches it and wants no
// others, such as the same weights in a second format.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mlc {

// Of the files of one folder: config, tokenizer and templates, which are small.
std::vector<std::string> config_files(const std::vector<std::string>& names);

// The weights that open_checkpoint (convert/source.h) takes of a folder with these `names`, sorted;
// of `file` alone when that is not empty (a split GGUF model has more files, an index names them).
// `read` gives the text of an index. Errors as there; `folder` names it in messages.
std::vector<std::string> weight_files(const std::string& folder,
                                      const std::vector<std::string>& names,
                                      const std::string& file, const std::string& format,
                                      const std::function<std::string(const std::string&)>& read);

}  // namespace mlc

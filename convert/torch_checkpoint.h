// PyTorch weight files (pytorch_model.bin, *.pt, *.pth) as torch.save writes them since 1.6.
//
// The archive and its pickle are read by rules of their own (convert/torch_zip.h,
// convert/torch_pickle.h). Besides: the records `version` (1 to 10) and, where present, `byteorder`
// (little) are as expected; each storage is an entry data/KEY of exactly its elements' bytes; a
// TorchScript archive is refused. Files of the older formats (a bare pickle, tar) are refused with
// the advice to save again as safetensors; so is whatever else is found in place of a weight file.
//
// CRC-32: of the records above when the file is opened. Of a storage when its weights are read: a
// tensor that fills its storage is checked on the way, once its last byte was read, without reading
// anything twice; a storage that is read through views is checked as a whole before the first one.
// What is never read is not checked, nor is a storage of which a resumed conversion reads a part.
#pragma once

#include <memory>
#include <vector>

#include "convert/source.h"
#include "convert/torch_zip.h"

namespace mlc {

// In the order of the pickled dict; each with a reader. bfloat16 tensors decode to float32, as
// mlc_llm widens them; SourceTensor::nbytes counts what is stored.
std::vector<SourceTensor> read_torch(std::shared_ptr<const InputFile> file);
std::vector<SourceTensor> read_torch(const RandomAccess& file);

}  // namespace mlc

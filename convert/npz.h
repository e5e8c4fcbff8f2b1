// Archives of numpy arrays (numpy.savez, mlx.core.savez): one NAME.npy for each tensor NAME.
//
// The archive is read by the rules of convert/torch_zip.h, without a top folder, so entries are
// stored: what savez_compressed writes is refused by name. A .npy is its magic, version 1.0, 2.0 or
// 3.0, a header that is a Python literal of exactly `descr`, `fortran_order` and `shape`, and the
// elements to the end of the entry, no byte more or less. Nothing is evaluated. Refused by name:
// arrays of objects (a pickle), structured and big-endian ones, and types that numpy has no letter
// for: bfloat16 arrives as '|V2', two bytes of no stated meaning.
#pragma once

#include <memory>
#include <vector>

#include "convert/source.h"
#include "convert/torch_zip.h"

namespace mlc {

// In the order of the archive, each with a reader that checks the CRC-32. Error(kBadInput).
std::vector<SourceTensor> read_npz(std::shared_ptr<const InputFile> file);
std::vector<SourceTensor> read_npz(const RandomAccess& file);

}  // namespace mlc

// What mlc_llm's scripts for Apple's and Android's toolchains leave in the current folder, taken
// over into a bundle.
#pragma once

#include <string>
#include <string_view>

#include "base/reporter.h"
#include "package/app/package_config.h"
#include "package/app/staged_folder.h"

namespace mlc {

// iphone: build/lib, macabi: build-maccatalyst-ARCH/lib. Puts its files into lib/. Gives the
// command that has to run first, or nothing when all is there. `source_dir` may be empty.
std::string take_apple_libraries(StagedFolder& staged, const AppDevice& device,
                                 const std::string& source_dir);

// android: build/lib/libmodel_android.a is written for the script, if it is not that already; then
// build/output, as far as it is newer, and the source's Java files make lib/mlc4j, with the app's
// config in its assets. The same result.
std::string take_android_libraries(StagedFolder& staged, const std::string& library,
                                   std::string_view app_config, const std::string& source_dir,
                                   Reporter& reporter);

}  // namespace mlc

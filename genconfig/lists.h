// What gen_config knows: --list-templates, --list-models, --list-presets.
#pragma once

#include "base/text_table.h"

namespace mlc {

TextTable conv_template_table();
TextTable chat_model_table();
TextTable preset_table();

}  // namespace mlc

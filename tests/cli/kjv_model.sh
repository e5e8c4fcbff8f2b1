# shellcheck shell=bash
# kjv_model SCHEME FOLDER: the small trained model, converted and with its config.
kjv_model() {
  mlc convert_weight "$DATA/kjv-llama" --quantization "$1" -o "$2" --quiet >/dev/null
  mlc gen_config "$DATA/kjv-llama" --quantization "$1" --conv-template LM -o "$2" --quiet >/dev/null 2>&1
}

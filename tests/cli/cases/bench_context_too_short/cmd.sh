. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc bench model --device cpu --prompt-tokens 500 --tokens 1

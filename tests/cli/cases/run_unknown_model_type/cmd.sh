. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
sed -i 's/"model_type": "llama"/"model_type": "llamas"/' model/mlc-chat-config.json
mlc run model --device cpu --raw --prompt x

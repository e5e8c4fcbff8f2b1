. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
rm model/tokenizer.json
mlc run model --device cpu --raw --prompt x

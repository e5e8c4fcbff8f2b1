. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
head -c 5000 model/tokenizer.json >half.json
mv half.json model/tokenizer.json
mlc run model --device cpu --raw --prompt x

. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --raw --prompt "In the beginning God created the heaven and the earth" --context 8 --quiet

. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
truncate -s 100000 model/params_shard_0.bin
mlc run model --device cpu --raw --prompt x

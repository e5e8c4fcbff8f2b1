# Whether there is any depends on the machine; number 99 there is nowhere.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device opencl:99 --raw --prompt x

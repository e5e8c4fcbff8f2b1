# A complete conversion is only replaced when told so; files of others stay.
convert() { mlc convert_weight "$DATA/kjv-llama" --quantization "$@" -o out --quiet >/dev/null; }
mkdir out
echo mine >out/mlc-chat-config.json
convert q0f32
ls out
convert q4f16_1 --overwrite
ls out
cat out/mlc-chat-config.json
convert q4f16_1

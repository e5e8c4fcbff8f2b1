# A script's answer is cut off by a signal; what came until then was printed. (bash ignores SIGINT for what runs in the background.)
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
: >text
mlc run model --device cpu-reference --raw --prompt "In the beginning God" --temperature 0 --quiet >>text 2>messages &
run=$!
until (($(stat -c %s text) >= 5)); do sleep 0.05; done
kill -TERM $run
wait $run || echo "exit code $?"
head -c 5 text
echo
cat messages

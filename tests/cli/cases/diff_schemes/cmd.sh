# Folders of two quantizations are compared by the values that a runtime computes.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 a
kjv_model q4f16_0 b
mlc diff a b --quiet --all

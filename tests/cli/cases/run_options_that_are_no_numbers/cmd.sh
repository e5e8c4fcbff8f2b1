while read -r name value; do
  mlc run model "$name" "$value" </dev/null || echo "exit code $?"
done <<'END'
--max-tokens -1
--max-tokens many
--seed x
--temperature hot
--context 1e3
--threads -2
--timeout 0
END

for option in "--max-tokens -1" "--max-tokens many" "--seed x" "--temperature hot" "--context 1e3" "--threads -2" "--timeout 0"; do
  mlc run model $option || echo "exit code $?"
done

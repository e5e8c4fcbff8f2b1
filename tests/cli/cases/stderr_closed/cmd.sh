# The exit code still tells what nobody could read.
mlc nonsense 2>&-

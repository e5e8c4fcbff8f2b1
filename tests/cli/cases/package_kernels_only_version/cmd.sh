# Nothing stays behind.
status=0
mlc package --kernels-only -o pkg --version 1.2 || status=$?
ls
exit "$status"

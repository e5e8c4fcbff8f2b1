mlc package --kernels-only

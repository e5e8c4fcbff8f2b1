mlc help push

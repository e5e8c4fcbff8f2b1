mlc help gc

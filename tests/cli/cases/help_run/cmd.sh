mlc help run

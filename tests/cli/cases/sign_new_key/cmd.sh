umask 022
mlc sign --new-key release.pem
stat -c '%a %n' release.pem release.pem.pub
head -1 release.pem.pub
mlc sign --new-key release.pem

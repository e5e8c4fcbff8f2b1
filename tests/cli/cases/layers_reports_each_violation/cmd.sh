# The layering check must fail on a tree that breaks the table, and name each place.
mkdir -p base models convert cli extra
echo '#include "models/a.h"' >base/a.h
echo '#include "base/a.h"' >models/a.h
echo '#  include "cli/b.h"' >convert/convert.h
printf '#include <vector>\n#include "convert/convert.h"\n#include "convert/command.h"\n' >cli/b.cc
echo '#include "base/a.h"' >extra/x.cc
"$CASE/../../../check_layers.sh" . | sort

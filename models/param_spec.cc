#include "models/param_spec.h"

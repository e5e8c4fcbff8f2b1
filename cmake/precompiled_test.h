// The same for the tests.
#pragma once

#include "cmake/precompiled.h"

#ifndef __clang_analyzer__
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#endif

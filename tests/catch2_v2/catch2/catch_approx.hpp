// Catch2 version 2 has one header: this lets tests be written for version 3.
#pragma once
#include <catch2/catch.hpp>

namespace Catch {
using Detail::Approx;
}

// The main function of the tests, which Catch2 version 2 leaves to us.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

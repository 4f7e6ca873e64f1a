# find_package(sobograd): gives the target sobograd::sobograd, as static or shared as the library was built, and sobograd::static and
# sobograd::shared; the headers are <sobograd/ops.h>, <sobograd/nn/linear.h>, ..., and <sobograd/sobograd.h> for all of them.
include(CMakeFindDependencyMacro)
find_dependency(fmt)
find_dependency(Threads)
find_dependency(ZLIB)
include("${CMAKE_CURRENT_LIST_DIR}/sobograd-targets.cmake")
